//! Policies that fail at run time: the failure policy decides about the packet, all other clients
//! are served, and the operator can see the fault.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use lessor_e2e::{Server, Setup, heavy, loopback_address, relay};
use lessor_load::{Answer, LoadArgs, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);

/// The subscriber for which the policy fails, and its client key.
const VICTIM: [u8; 6] = [2, 0, 0, 0, 0, 0x66];
const VICTIM_KEY: &str = "hw:02:00:00:00:00:66";

fn sidecar(behaviour: &str, on_failure: &str) -> String {
    format!(
        r#"
        on-failure = "{on_failure}"

        [limits]
        deadline-ms = 100
        memory-mib = 8

        [settings]
        behaviour = "{behaviour}"
        client = "{VICTIM_KEY}"
        lease-time-secs = 777
        "#
    )
}

#[test]
fn a_trap_hurts_nobody() {
    faults_hurt_nobody("trap", "trap");
}

#[test]
fn an_endless_loop_hurts_nobody() {
    faults_hurt_nobody("loop", "deadline-exceeded");
}

#[test]
fn growing_memory_hurts_nobody() {
    faults_hurt_nobody("grow-memory", "memory-exceeded");
}

#[test]
fn endless_recursion_hurts_nobody() {
    faults_hurt_nobody("recurse", "stack-exhausted");
}

#[test]
fn an_answer_that_cannot_be_taken_hurts_nobody() {
    faults_hurt_nobody("huge-pool-name", "bad-answer");
}

/// Runs the test once with each failure policy.
fn faults_hurt_nobody(behaviour: &str, fault: &str) {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS);
    let mut server =
        setup.with_policy("50-faulty", "misbehaving", &sidecar(behaviour, "skip")).start();
    let mut relay = relay(server.address(), LINK);
    let victim = Subscriber::new(VICTIM, "victim");

    // `skip`: as if the plugin were absent.
    let lease = relay.acquire(&victim, PATIENCE).unwrap();
    assert_eq!(lease.lease_time_secs, 3600);
    let plugin = server.status().plugin("50-faulty").clone();
    assert!(plugin.faults_of(fault) > 0, "{plugin:?}");
    everybody_else_is_served(&server, 0);
    obeys_again(&server, 1);

    // `drop`: no answer for this client.
    let component = std::fs::read(lessor_e2e::built::policy("misbehaving")).unwrap();
    server.setup().put_policy("50-faulty", &component, &sidecar(behaviour, "drop"));
    assert!(server.hang_up().accepted);
    let answer = relay.discover(&victim, Duration::from_millis(300)).unwrap();
    assert_eq!(answer, Answer::Silence);
    let dropped = server.journal_has("policy-failed");
    assert_eq!(dropped.client.as_deref(), Some(VICTIM_KEY));
    let [asked] = &dropped.plugins[..] else { panic!("{dropped:?}") };
    assert_eq!((asked.plugin.as_str(), asked.fault.as_deref()), ("50-faulty", Some(fault)));
    everybody_else_is_served(&server, 1000);
    obeys_again(&server, 2);

    let status = server.status();
    assert!(status.count("policy-failed") >= 1, "{:?}", status.reasons);
    assert!(status.plugin("50-faulty").faults_of(fault) > 0, "{:?}", status.plugins);
    assert!(server.process().is_running());
}

/// Runs one exchange of each of a hundred healthy subscribers while instances are replaced. A
/// client that is dropped in that moment retransmits, as clients do.
#[track_caller]
fn everybody_else_is_served(server: &Server, first_client: u32) {
    let report = lessor_load::run(&LoadArgs {
        server: server.address(),
        relay: vec![SocketAddrV4::new(loopback_address(), 0)],
        link_selection: Some(LINK),
        clients: 100,
        first_client,
        window: 4,
        timeout_ms: 300,
        ..LoadArgs::default()
    });
    let report = report.unwrap();
    assert_eq!((report.acquired, report.failed, report.naks), (100, 0, 0), "{report}");
}

/// Checks that the policy serves healthy clients again soon, without a reload.
#[track_caller]
fn obeys_again(server: &Server, number: u8) {
    let mut relay = relay(server.address(), LINK);
    let healthy = Subscriber::new([2, 0, 0, 0, 1, number], "healthy");
    lessor_e2e::wait::soon("the policy to decide again", || {
        let lease = relay.acquire(&healthy, Duration::from_millis(500)).ok()?;
        (lease.lease_time_secs == 777).then_some(())
    });
}

#[test]
fn a_policy_that_always_fails_is_not_asked_for_long_and_the_server_goes_on() {
    let _alone = heavy();
    let always = sidecar("loop", "skip").replace(&format!("client = \"{VICTIM_KEY}\""), "");
    let setup = Setup::on_loopback(SUBNETS);
    let server = setup.with_policy("50-faulty", "misbehaving", &always).start();
    everybody_else_is_served(&server, 0);
    let status = server.status();
    let plugin = status.plugin("50-faulty");
    // All messages come from one relay, which exceeds its permitted cost after a few faults of 100
    // ms.
    assert!(plugin.shut_out > 0, "{plugin:?}");
    assert!(plugin.faults_of("deadline-exceeded") < 30, "{plugin:?}");
    assert!(plugin.faults_of("shut-out") > 0, "{plugin:?}");
    // A client that waits for a long time sends its REQUEST again, and gets the same answer.
    assert!(status.count("ack-selecting") >= 100);
}
