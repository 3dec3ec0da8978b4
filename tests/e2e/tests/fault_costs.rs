//! One line attacks a policy in every way that makes a policy fail, while other lines are served by
//! the same policy: they lose nothing, and the policy always decides about them. The failure policy
//! is `drop`, so an exchange that another client disturbs is lost.
//!
//! The line of the attacker is the same in all attacks: its circuit id is `broken`.

use std::{
    net::SocketAddrV4,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use lessor_e2e::{
    PluginRow, Server, Setup,
    attack::scaled,
    bystanders::{Bystanders, LINK, SUBNETS},
    heavy, loopback_address,
};
use lessor_load::LoadArgs;

const POLICY: &str = "50-ports";
/// The lease time that the policy sets for every line that it can parse.
const LEASE_TIME_SECS: u32 = 777;

/// The clients of the attacker.
#[derive(Clone, Copy)]
enum Sends {
    /// All messages come from one client.
    OneClient,
    /// Each message comes from a new client.
    MadeUpClients,
}

/// A script, the attack, and its consequences.
struct Attack {
    name: &'static str,
    script: &'static str,
    deadline_ms: u32,
    sends: Sends,
    per_sec: u32,
    /// Whether the attack costs so much that the line is shut out.
    is_shut_out: bool,
}

/// A script of a beginner that expects only one form of circuit id.
const SPLITS: &str = r#"
    fn decide(request, terms) {
        let port = request.circuit_id.split("onu");
        let number = parse_int(port[1]);
        terms.lease_time_secs = 777;
    }
"#;
const LOOPS: &str = r#"
    fn decide(request, terms) {
        while request.circuit_id == "broken" { }
        terms.lease_time_secs = 777;
    }
"#;
const FAILS_ON_LEASES: &str = r#"
    fn decide(request, terms) { terms.lease_time_secs = 777; }
    fn on_lease(event) { throw `what is ${event.kind}?`; }
"#;
const LOOPS_ON_LEASES: &str = r#"
    fn decide(request, terms) { terms.lease_time_secs = 777; }
    fn on_lease(event) { while true { } }
"#;

const ATTACKS: [Attack; 7] = [
    Attack {
        name: "an exception now and then",
        script: SPLITS,
        deadline_ms: 50,
        sends: Sends::OneClient,
        per_sec: 2,
        is_shut_out: false,
    },
    Attack {
        name: "exceptions of one client, 300/s",
        script: SPLITS,
        deadline_ms: 50,
        sends: Sends::OneClient,
        per_sec: 300,
        is_shut_out: true,
    },
    Attack {
        name: "exceptions of made-up clients",
        script: SPLITS,
        deadline_ms: 50,
        sends: Sends::MadeUpClients,
        per_sec: 300,
        is_shut_out: true,
    },
    Attack {
        name: "loops of one client",
        script: LOOPS,
        deadline_ms: 50,
        sends: Sends::OneClient,
        per_sec: 100,
        is_shut_out: true,
    },
    Attack {
        name: "loops of made-up clients",
        script: LOOPS,
        deadline_ms: 100,
        sends: Sends::MadeUpClients,
        per_sec: 100,
        is_shut_out: true,
    },
    Attack {
        name: "every on-lease throws",
        script: FAILS_ON_LEASES,
        deadline_ms: 50,
        sends: Sends::OneClient,
        per_sec: 10,
        is_shut_out: false,
    },
    Attack {
        name: "every on-lease loops",
        script: LOOPS_ON_LEASES,
        deadline_ms: 50,
        sends: Sends::OneClient,
        per_sec: 10,
        is_shut_out: false,
    },
];

#[test]
fn one_line_cannot_switch_a_policy_off_for_others() {
    let _alone = heavy();
    for attack in &ATTACKS {
        carry_out(attack);
    }
}

fn carry_out(attack: &Attack) {
    let setup = Setup::on_loopback(SUBNETS);
    let sidecar =
        format!("on-failure = \"drop\"\n[limits]\ndeadline-ms = {}\n", attack.deadline_ms);
    setup.put_script(&format!("{POLICY}.rhai"), attack.script, &sidecar);
    let mut server = setup.start();
    let bystanders = Bystanders::of(&mut server, LEASE_TIME_SECS).on_lines("olt1/1/2/onu{n}");
    let (watched, plugin) = bystanders.around(&mut server, |server| {
        let attacking = Attacking::start(server.address(), attack);
        thread::sleep(Duration::from_secs(scaled(2, 20)));
        assert!(attacking.stop() > 0);
        server.status().plugin(POLICY).clone()
    });
    watched.conclude(&format!("faults of one line: {}", attack.name));

    assert_eq!(plugin.suspensions, 0, "{}: {plugin:?}", attack.name);
    assert!(server.process().is_running());
    match attack.is_shut_out {
        true => shows_the_offender(&mut server, attack, &plugin),
        false => assert_eq!(plugin.shut_out, 0, "{}: {plugin:?}", attack.name),
    }
    println!("faults {:?}", nonzero(&plugin));
}

fn nonzero(plugin: &PluginRow) -> Vec<(&str, u64)> {
    let faults = plugin.faults.iter().filter(|(_, count)| **count > 0);
    faults.map(|(kind, count)| (kind.as_str(), *count)).collect()
}

/// Checks that the log, the status and its JSON show who is shut out, what happens to its packets,
/// and until when.
#[track_caller]
fn shows_the_offender(server: &mut Server, attack: &Attack, plugin: &PluginRow) {
    let worst = plugin.offenders.iter().find(|offender| offender.shut_out.is_some());
    let worst = worst.unwrap_or_else(|| panic!("{}: {plugin:?}", attack.name));
    assert_eq!(worst.who.circuit_id.as_deref(), Some("broken"), "{worst:?}");
    let is_line = worst.who.client.is_none();
    assert_eq!(is_line, matches!(attack.sends, Sends::MadeUpClients), "{worst:?}");
    assert!(worst.faults > 0, "{worst:?}");
    assert_eq!(plugin.on_failure, "drop");
    let until = &worst.shut_out.as_ref().unwrap().until;
    let shown = server.ask(&["status"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for wanted in ["circuit id broken", "SHUT OUT until", "are dropped (on-failure = drop)"] {
        assert!(shown.contains(wanted), "no {wanted:?} in {shown}");
    }
    assert!(until.ends_with('Z'), "{until}");
    let said = server.process().output();
    let said = said.lines().find(|line| line.contains("not called for one offender"));
    let said = said.unwrap_or_else(|| panic!("{}: the log does not tell", attack.name));
    for wanted in ["circuit id broken", "until=", "on-failure = drop", "cost_ms="] {
        assert!(said.contains(wanted), "no {wanted:?} in {said}");
    }
}

fn load(server: SocketAddrV4, relay: SocketAddrV4) -> LoadArgs {
    LoadArgs {
        server,
        relay: vec![relay],
        link_selection: Some(LINK),
        retries: 0,
        ..LoadArgs::default()
    }
}

/// A running attack.
struct Attacking {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<u64>,
}

impl Attacking {
    fn start(server: SocketAddrV4, attack: &Attack) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let (sends, per_sec) = (attack.sends, attack.per_sec);
        let relay = SocketAddrV4::new(loopback_address(), 0);
        let thread = thread::spawn(move || {
            let (mut sent, mut first_client) = (0, 0);
            while !stopped.load(Ordering::Relaxed) {
                // A client asks again only after its timeout.
                let (clients, timeout_ms) = match sends {
                    Sends::OneClient => (1, 3),
                    Sends::MadeUpClients => (100_000, 100),
                };
                let args = LoadArgs {
                    clients,
                    first_client,
                    window: per_sec,
                    rate: Some(per_sec),
                    duration_secs: Some(1),
                    timeout_ms,
                    mac_prefix: [2, 0x66],
                    circuit_id: "broken".parse().unwrap(),
                    ..load(server, relay)
                };
                let report = lessor_load::run(&args).unwrap();
                sent += report.acquired + report.failed;
                if matches!(sends, Sends::MadeUpClients) {
                    first_client += 2 * per_sec;
                }
            }
            sent
        });
        Self { stop, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
