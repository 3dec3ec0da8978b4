//! A reload under load: no exchange is lost, messages before the reload are answered by the old
//! policies, and messages after it by the new ones. A refused reload changes nothing.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use lessor_e2e::{Reload, Server, Setup, built, heavy, loopback_address, relay, wait};
use lessor_load::{ExchangeEnd, LoadArgs, LoadReport, Relay, Subscriber};
use nix::sys::signal::Signal;

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

/// Settings with which the policy `misbehaving` sets this lease time for every client.
fn lease_time(secs: u32) -> String {
    format!("[settings]\nlease-time-secs = {secs}\n")
}

/// Settings with which the policy `subscriber-table` sets a lease time.
const TABLE: &str = "[settings.subscribers.line]\nlease-time-secs = 444\n";

#[test]
fn no_exchange_is_lost_and_every_reply_obeys_the_policies_of_its_time() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS);
    let mut server = setup.with_policy("10-terms", "misbehaving", &lease_time(777)).start();
    // The policies are built before the load begins.
    for package in ["misbehaving", "subscriber-table"] {
        built::policy(package);
    }
    let load = Load::start(server.address());
    thread::sleep(Duration::from_millis(500));

    // First another setting of the same policy, then another policy, then the first one again.
    let mut swaps = Vec::new();
    for (package, sidecar, secs) in [
        ("misbehaving", lease_time(888), 888),
        ("subscriber-table", TABLE.to_owned(), 444),
        ("misbehaving", lease_time(777), 777),
    ] {
        let component = std::fs::read(built::policy(package)).unwrap();
        server.setup().put_policy("10-terms", &component, &sidecar);
        let began = Instant::now();
        // Both ways to reload; the command returns the outcome without delay.
        let reload = if swaps.is_empty() { server.hang_up() } else { server.reload() };
        assert!(reload.accepted, "{}", reload.said);
        swaps.push(Swap { began, ended: Instant::now(), secs });
        thread::sleep(Duration::from_millis(500));
    }

    let acknowledged = load.stop();
    every_reply_obeys(&acknowledged, 777, &swaps);
    let status = server.status();
    assert_eq!((status.generation, status.reloads, status.reloads_refused), (4, 3, 0));
}

#[test]
fn a_broken_policy_changes_nothing_and_is_named() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS);
    let mut server = setup.with_policy("10-terms", "misbehaving", &lease_time(777)).start();
    let component = std::fs::read(built::policy("misbehaving")).unwrap();
    let load = Load::start(server.address());
    let mut relay = relay(server.address(), LINK);

    let mut refused_so_far = 0;
    let mut is_refused = |server: &mut Server, relay: &mut Relay, wanted: &[&str]| {
        let by_signal = server.hang_up();
        let by_command = server.reload();
        for Reload { accepted, said } in [by_signal, by_command] {
            assert!(!accepted, "{said}");
            for words in wanted {
                assert!(said.contains(words), "no {words:?} in: {said}");
            }
        }
        refused_so_far += 2;
        let status = server.status();
        assert_eq!((status.generation, status.reloads_refused), (1, refused_so_far));
        let acquired =
            relay.acquire(&Subscriber::new([2, 0, 0, 0, 0, 1], "line"), PATIENCE).unwrap();
        assert_eq!(acquired.lease_time_secs, 777);
    };

    server.setup().put_policy("10-terms", b"this is no policy", "");
    is_refused(&mut server, &mut relay, &["10-terms", "10-terms.wasm"]);
    // The beginning of a policy, like an incomplete copy.
    server.setup().put_policy("10-terms", &component[..component.len() / 2], "");
    is_refused(&mut server, &mut relay, &["10-terms"]);
    let refuses = "[settings]\nbehaviour = \"refuse-settings\"\n";
    server.setup().put_policy("10-terms", &component, refuses);
    is_refused(&mut server, &mut relay, &["10-terms", "these settings are not to my taste"]);
    server.setup().put_policy("10-terms", &component, "[settings]\nno-such-setting = 1\n");
    is_refused(&mut server, &mut relay, &["10-terms", "no-such-setting"]);
    let traps = "[settings]\nbehaviour = \"trap-in-configure\"\n";
    server.setup().put_policy("10-terms", &component, traps);
    is_refused(&mut server, &mut relay, &["10-terms"]);
    // A mistake in the sidecar file and one in a second policy are both reported at once.
    server.setup().put_policy("10-terms", &component, "on-failure = \"explode\"\n");
    server.setup().put_policy("20-other", b"\0asm", "");
    is_refused(&mut server, &mut relay, &["10-terms.toml", "explode"]);

    assert!(load.stop().iter().all(|ack| ack.secs == 777));
    server.setup().put_policy("10-terms", &component, &lease_time(888));
    server.setup().remove_policy("20-other");
    let repaired = server.reload();
    assert!(repaired.accepted, "{}", repaired.said);
    let acquired = relay.acquire(&Subscriber::new([2, 0, 0, 0, 0, 2], "line"), PATIENCE).unwrap();
    assert_eq!(acquired.lease_time_secs, 888);
}

#[test]
fn a_changed_subnet_takes_its_leases_along_and_no_exchange_is_lost() {
    let _alone = heavy();
    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
    let before = relay.acquire(&subscriber, PATIENCE).unwrap();
    assert_eq!(before.lease_time_secs, 3600);
    let load = Load::start(server.address());
    thread::sleep(Duration::from_millis(500));

    let mut swaps = Vec::new();
    for (lease_time, range, secs) in [
        ("2h", "100.64.0.200-", 7200),
        ("3h", "100.64.1.0-", 10_800),
        ("1h", "100.64.0.100-", 3600),
    ] {
        let changed = SUBNETS.replace("1h", lease_time).replace("100.64.1.0-", range);
        server.setup().put_subnets(&changed);
        let began = Instant::now();
        let reload = server.reload();
        assert!(reload.accepted, "{}", reload.said);
        swaps.push(Swap { began, ended: Instant::now(), secs });
        let after = relay.acquire(&subscriber, PATIENCE).unwrap();
        assert_eq!((after.address, after.lease_time_secs), (before.address, secs));
        thread::sleep(Duration::from_millis(500));
    }
    let acknowledged = load.stop();
    every_reply_obeys(&acknowledged, 3600, &swaps);
}

#[test]
fn what_only_a_restart_changes_is_reported() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    server.setup().put_subnets(&format!("[log]\nlevel = \"debug\"\n{SUBNETS}"));
    for reload in [server.hang_up(), server.reload()] {
        assert!(reload.accepted, "{}", reload.said);
        assert!(reload.said.contains("[log]"), "{}", reload.said);
    }
    server.setup().put_subnets(SUBNETS);
    let reload = server.reload();
    assert!(!reload.said.contains("[log]"), "{}", reload.said);
}

#[test]
fn a_journal_that_was_moved_away_is_reopened_with_a_reload_or_without_one() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    acquire_journalled(&server, 1);
    moves_the_journal_away(&server);
    assert!(server.hang_up().accepted);
    acquire_journalled(&server, 2);

    // A configuration that is half edited is not read.
    server.setup().put_subnets("[[subnet");
    let rotated = moves_the_journal_away(&server);
    assert!(rotated.contains("line2") && !rotated.contains("line1"), "{rotated}");
    server.process().signal(Signal::SIGUSR1);
    let journal = server.folder().join("journal.jsonl");
    wait::soon("the server to open a new journal", || journal.exists().then_some(()));
    acquire_journalled(&server, 3);
    let rotated = std::fs::read_to_string(server.folder().join("journal.1")).unwrap();
    assert!(!rotated.contains("line3"), "{rotated}");
    let status = server.status();
    assert_eq!((status.reloads, status.reloads_refused), (1, 0));
}

/// Acquires a lease, which the first line about one in the journal is about.
#[track_caller]
fn acquire_journalled(server: &Server, number: u8) {
    let line = format!("line{number}");
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], line.as_str());
    relay(server.address(), LINK).acquire(&subscriber, PATIENCE).unwrap();
    assert_eq!(server.journal_has("ack-selecting").circuit_id, Some(line));
}

/// Rotates the journal as another program does, and returns its lines.
#[track_caller]
fn moves_the_journal_away(server: &Server) -> String {
    let rotated = server.folder().join("journal.1");
    std::fs::rename(server.folder().join("journal.jsonl"), &rotated).unwrap();
    std::fs::read_to_string(rotated).unwrap()
}

/// The times at which a new generation was requested and began to serve, and its lease time.
struct Swap {
    began: Instant,
    ended: Instant,
    secs: u32,
}

/// The times of a REQUEST and of its ACK, and the lease time.
struct Acknowledged {
    asked: Instant,
    answered: Instant,
    secs: u32,
}

#[track_caller]
fn every_reply_obeys(acknowledged: &[Acknowledged], secs_at_first: u32, swaps: &[Swap]) {
    let mut surely_of = vec![0; swaps.len() + 1];
    for ack in acknowledged {
        // The generations that may have answered: from the one that certainly served at the time of
        // the request, to the one that may have served at the time of the answer.
        let first = swaps.iter().filter(|swap| swap.ended <= ack.asked).count();
        let last = swaps.iter().filter(|swap| swap.began <= ack.answered).count();
        let secs_of = |generation: usize| match generation {
            0 => secs_at_first,
            later => swaps[later - 1].secs,
        };
        let allowed: Vec<u32> = (first..=last).map(secs_of).collect();
        assert!(allowed.contains(&ack.secs), "{} s, allowed: {allowed:?}", ack.secs);
        if first == last {
            surely_of[first] += 1;
        }
    }
    // Each generation has answered.
    assert!(surely_of.iter().all(|count| *count > 50), "{surely_of:?}");
}

/// Subscribers that repeatedly request a lease, without retransmissions.
struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Vec<LoadReport>, Vec<Acknowledged>)>,
}

impl Load {
    fn start(server: SocketAddrV4) -> Self {
        let args = LoadArgs {
            server,
            relay: vec![SocketAddrV4::new(loopback_address(), 0)],
            link_selection: Some(LINK),
            circuit_id: "line".parse().unwrap(),
            clients: 400,
            window: 16,
            rate: Some(400),
            duration_secs: Some(1),
            timeout_ms: 5000,
            retries: 0,
            ..LoadArgs::default()
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut reports, mut acknowledged) = (Vec::new(), Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let report = lessor_load::run_with(&args, |event| {
                    if let ExchangeEnd::Acquired(acquired) = event.outcome {
                        let (asked, answered) = (event.asked_at, event.ended_at);
                        let secs = acquired.lease_time_secs;
                        acknowledged.push(Acknowledged { asked, answered, secs });
                    }
                });
                reports.push(report.unwrap());
            }
            (reports, acknowledged)
        });
        Self { stop, thread }
    }

    /// Ends the load, and checks that no exchange was lost.
    #[track_caller]
    fn stop(self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        let (reports, acknowledged) = self.thread.join().unwrap();
        reports.iter().for_each(is_lossless);
        acknowledged
    }
}

#[track_caller]
fn is_lossless(report: &LoadReport) {
    assert!(report.acquired > 0, "{report}");
    assert_eq!((report.failed, report.naks, report.retransmissions), (0, 0, 0), "{report}");
    // The policies may have changed between an OFFER and its ACK; all other differences are
    // mistakes.
    let others = report.mistakes.keys().filter(|kind| **kind != "ack-differs-from-offer");
    assert_eq!(others.count(), 0, "{report}");
}
