//! Guests that misbehave while healthy subscribers are served: no healthy subscriber loses an
//! exchange or gets anything but the terms of the healthy policy. The test prints the cost of each
//! guest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use lessor_e2e::{
    PluginRow, Server, Setup, built,
    bystanders::{Bystanders, LINK, SUBNETS},
    heavy, relay,
};
use lessor_load::Subscriber;

/// The lease time that the healthy policy sets for every client.
const LEASE_TIME_SECS: u32 = 777;
const HEALTHY: &str = "[settings]\nlease-time-secs = 777\n";
/// The name of the guest in the chain.
const GUEST: &str = "50-guest";

/// The only subscriber for which the guests misbehave, by its hardware address and client key.
const VICTIM: [u8; 6] = [2, 0, 0, 0, 0, 0x66];
const VICTIM_KEY: &str = "hw:02:00:00:00:00:66";

/// Guests that load and then misbehave: their behaviour, and the resulting fault.
const FAULTY: [(&str, &str); 7] = [
    ("trap", "trap"),
    ("loop", "deadline-exceeded"),
    ("recurse", "stack-exhausted"),
    ("grow-memory", "memory-exceeded"),
    ("huge-pool-name", "bad-answer"),
    ("huge-reason", "bad-answer"),
    ("set-then-trap", "trap"),
];

/// Guests that are refused when they are loaded, and words of the message.
const REFUSED: [(&str, &[&str]); 4] = [
    ("slow configure", &["50-guest", "configured", "deadline-exceeded"]),
    ("wrong world", &["50-guest", "wasi:cli/run@0.2.0", "on-discover"]),
    ("missing import", &["50-guest", "acme:crm/lookup@1.0.0"]),
    ("cut short", &["50-guest"]),
];

/// A guest's package, its settings, and a check in the status that it has reached its limit.
type Greedy = (&'static str, &'static str, fn(&PluginRow) -> bool);

/// Guests that exceed the limits of their grants.
const GREEDY: [Greedy; 2] = [
    ("log flood", r#"{ log-flood = [1000, "a line of a flood"] }"#, |plugin| {
        plugin.log_lines_left_out > 10_000
    }),
    ("state abuse", r#"{ fill-state = [2000, ""] }"#, |plugin| {
        // The number of keys that messages of one line may add.
        plugin.state.as_ref().is_some_and(|state| state.keys == 1_024 && state.refused > 0)
    }),
];

#[test]
fn healthy_traffic_does_not_notice_misbehaving_guests() {
    let _alone = heavy();
    let mut server =
        Setup::on_loopback(SUBNETS).with_policy("10-healthy", "misbehaving", HEALTHY).start();
    let component = std::fs::read(built::policy("misbehaving")).unwrap();

    let bystanders = Bystanders::of(&mut server, LEASE_TIME_SECS);
    for (behaviour, fault) in FAULTY {
        server.setup().put_policy(GUEST, &component, &sidecar(behaviour));
        let (watched, ()) = bystanders.around(&mut server, |server| {
            assert!(server.hang_up().accepted);
            misbehave(server, fault);
        });
        watched.conclude(&format!("a guest that does wrong: {behaviour}"));
    }
    let greedy = std::fs::read(built::policy("capable")).unwrap();
    for (guest, action, is_at_limit) in GREEDY {
        server.setup().put_policy(GUEST, &greedy, &greedy_sidecar(action));
        let (watched, ()) = bystanders.around(&mut server, |server| {
            assert!(server.hang_up().accepted);
            keep_asking_until(server, guest, is_at_limit);
        });
        watched.conclude(&format!("a greedy guest: {guest}"));
    }
    for (guest, words) in REFUSED {
        server.setup().put_policy(GUEST, &refused_guest(guest, &component), &sidecar(guest));
        let (watched, ()) = bystanders.around(&mut server, |server| {
            let reload = server.hang_up();
            assert!(!reload.accepted, "{guest}: {}", reload.said);
            for word in words {
                assert!(reload.said.contains(word), "{guest}: no {word:?} in {}", reload.said);
            }
        });
        watched.conclude(&format!("a guest that is refused: {guest}"));
    }

    // The process has survived, and the status shows all faults.
    assert!(server.process().is_running());
    let plugin = server.status().plugin("10-healthy").clone();
    assert!(plugin.faults.values().all(|count| *count == 0), "{plugin:?}");
}

/// Sends messages of the victim until the guest has misbehaved so often that the victim is shut
/// out.
#[track_caller]
fn misbehave(server: &Server, fault: &str) {
    keep_asking_until(server, "to be asked about the victim no more", |plugin| {
        plugin.shut_out > 0 && plugin.suspensions == 0 && plugin.faults_of(fault) > 0
    });
}

/// Sends messages of the victim until the status of the guest matches.
#[track_caller]
fn keep_asking_until(server: &Server, what: &str, is_wanted: impl Fn(&PluginRow) -> bool) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let mut relay = relay(server.address(), LINK);
    let asking = thread::spawn(move || {
        let victim = Subscriber::new(VICTIM, "victim");
        while !stopped.load(Ordering::Relaxed) {
            relay.discover(&victim, Duration::from_millis(50)).unwrap();
        }
    });
    lessor_e2e::wait::soon(&format!("the guest: {what}"), || {
        is_wanted(server.status().plugin(GUEST)).then_some(())
    });
    stop.store(true, Ordering::Relaxed);
    asking.join().unwrap();
}

fn greedy_sidecar(action: &str) -> String {
    format!(
        r#"
        grants = ["log", "metrics", "state", "tables"]

        [limits]
        deadline-ms = 50

        [settings]
        client = "{VICTIM_KEY}"
        do = [{action}]
        "#
    )
}

fn sidecar(behaviour: &str) -> String {
    let behaviour = if behaviour == "slow configure" { "slow-configure" } else { behaviour };
    format!(
        r#"
        [limits]
        deadline-ms = 50
        memory-mib = 8

        [settings]
        behaviour = "{behaviour}"
        client = "{VICTIM_KEY}"
        "#
    )
}

fn refused_guest(guest: &str, component: &[u8]) -> Vec<u8> {
    match guest {
        "slow configure" => component.to_vec(),
        "cut short" => component[..component.len() / 2].to_vec(),
        "wrong world" => wat::parse_str(
            r#"(component
                (core module $code (func (export "run")))
                (core instance $code (instantiate $code))
                (func $run (canon lift (core func $code "run")))
                (instance $run (export "run" (func $run)))
                (export "wasi:cli/run@0.2.0" (instance $run)))"#,
        )
        .unwrap(),
        "missing import" => wat::parse_str(
            r#"(component (import "acme:crm/lookup@1.0.0" (instance (export "find" (func)))))"#,
        )
        .unwrap(),
        other => panic!("no guest {other}"),
    }
}
