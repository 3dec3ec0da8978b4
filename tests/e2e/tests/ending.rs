//! SIGTERM ends the process within seconds, whatever it is doing.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::symlink,
    path::Path,
    process::ExitStatus,
    thread,
    time::{Duration, Instant},
};

use lessor_e2e::{
    Server, Setup, built,
    compiling::{compiles, is_gone},
    relay,
};
use lessor_guests::hostile::slow_to_compile;
use lessor_load::{Relay, Subscriber};
use nix::{
    pty::{OpenptyResult, openpty},
    sys::signal::Signal,
    unistd::ttyname,
};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    range = "100.64.1.0-100.64.250.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(3);
/// The maximum of "within seconds" on a machine that is busy with other tests.
const WITHIN: Duration = Duration::from_secs(10);
/// The maximum of "at once" on such a machine.
const AT_ONCE: Duration = Duration::from_secs(2);
/// The exit code of a server that could not stop gracefully.
const UNFINISHED: i32 = 75;

#[test]
fn a_reload_that_compiles_a_huge_policy_does_not_hold_up_the_end() {
    let mut server = Setup::on_loopback(SUBNETS).without_shared_code().start();
    let acquired = acquire(&mut relay(server.address(), LINK), 1);
    put_huge_policy(server.folder());
    server.process().signal(Signal::SIGHUP);
    let child = compiles(server.process().id());
    server.process().signal(Signal::SIGTERM);
    is_gone(child, AT_ONCE);
    let status = server.process().ended(WITHIN);
    assert!(status.success(), "{status}");
    assert!(!server.process().output().contains("reloaded"), "the reload was over before");
    remove_huge_policy(server.folder());
    server.start_again();
    assert_eq!(server.leases()[0].address, acquired);
}

#[test]
fn a_start_that_compiles_a_huge_policy_is_ended_at_once() {
    let setup = Setup::on_loopback(SUBNETS).without_shared_code();
    put_huge_policy(setup.folder());
    let mut process = setup.launch();
    let child = compiles(process.id());
    process.signal(Signal::SIGTERM);
    is_gone(child, AT_ONCE);
    let status = process.ended(WITHIN);
    assert!(status.success(), "{status}: {}", process.output());
    assert!(!process.output().contains("serving"), "the start was over before");
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_service_nor_the_end() {
    let setup = Setup::on_loopback(SUBNETS)
        .without_shared_code()
        .with_environment("LESSOR_LOG", "trace")
        .unheard();
    let mut server = setup.start();
    assert_eq!(server.status().generation, 1);
    // Enough lines to fill a pipe.
    let mut relay = relay(server.address(), LINK);
    for number in 0..250 {
        acquire(&mut relay, number);
    }
    assert_eq!(server.leases().len(), 250);
    let status = ends_within(&mut server, WITHIN);
    assert!(status.success(), "{status}");
}

#[test]
fn a_disk_that_takes_nothing_is_given_up_on_and_no_acknowledged_lease_is_lost() {
    let setup = Setup::on_loopback(SUBNETS).without_shared_code();
    let _terminal = journal_that_gets_stuck(&setup);
    let mut server = setup.start();
    let mut relay = relay(server.address(), LINK);
    let mut acquired = Vec::new();
    for number in 0..200 {
        acquired.push(acquire(&mut relay, number));
    }
    let status = ends_within(&mut server, WITHIN);
    assert_eq!(status.code(), Some(UNFINISHED), "{}", server.process().output());
    server.process().says("could not stop in time", PATIENCE);
    fs::remove_file(server.folder().join("journal.jsonl")).unwrap();
    server.start_again();
    let kept: Vec<Ipv4Addr> = server.leases().into_iter().map(|lease| lease.address).collect();
    assert!(acquired.iter().all(|address| kept.contains(address)), "{acquired:?} {kept:?}");
}

#[test]
fn a_second_signal_ends_a_stop_that_takes_long() {
    let setup = Setup::on_loopback(SUBNETS).without_shared_code();
    let _terminal = journal_that_gets_stuck(&setup);
    let mut server = setup.start();
    let mut relay = relay(server.address(), LINK);
    for number in 0..200 {
        acquire(&mut relay, number);
    }
    server.process().signal(Signal::SIGTERM);
    thread::sleep(Duration::from_millis(500));
    assert!(server.process().is_running());
    let began = Instant::now();
    server.process().signal(Signal::SIGINT);
    let status = server.process().ended(WITHIN);
    assert_eq!(status.code(), Some(UNFINISHED));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

/// Makes the journal a terminal that is not read: it accepts some lines and then blocks the writer,
/// like a disk that does not respond. It exists as long as the returned value.
fn journal_that_gets_stuck(setup: &Setup) -> OpenptyResult {
    let terminal = openpty(None, None).unwrap();
    symlink(ttyname(&terminal.slave).unwrap(), setup.folder().join("journal.jsonl")).unwrap();
    terminal
}

#[track_caller]
fn acquire(relay: &mut Relay, number: u8) -> Ipv4Addr {
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], format!("line{number}"));
    relay.acquire(&subscriber, PATIENCE).unwrap().address
}

#[track_caller]
fn ends_within(server: &mut Server, patience: Duration) -> ExitStatus {
    server.process().signal(Signal::SIGTERM);
    server.process().ended(patience)
}

const HUGE: &str = "plugins/90-huge.wasm";

fn remove_huge_policy(folder: &Path) {
    fs::remove_file(folder.join(HUGE)).unwrap();
}

/// Puts a policy that takes minutes to compile into the plugin directory.
fn put_huge_policy(folder: &Path) {
    let small = fs::read(built::policy("minimal")).expect("it was built");
    fs::write(folder.join(HUGE), slow_to_compile(&small)).unwrap();
}
