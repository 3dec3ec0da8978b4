//! Wrong clocks: a server that starts in 1970 or years ahead, and whose clock is corrected later,
//! neither frees leases that are in use nor keeps addresses for years. The server has a wrong
//! clock; its clients and the test have the correct one.

use std::{
    net::Ipv4Addr,
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lessor_e2e::{LeaseRow, LeaseState, Server, Setup, WrongClock, relay, require, wait};
use lessor_load::{Acquired, Answer, Relay, Subscriber};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);
const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;
/// The tolerance of a comparison of two times, in seconds.
const TOLERANCE: i64 = 60;

/// Returns a subnet with a pool of two addresses.
fn subnet(settings: &str) -> String {
    format!(
        "[[subnet]]\nprefix = \"100.64.0.0/24\"\n{settings}\n\
         [[subnet.pool]]\nname = \"residential\"\nrange = \"100.64.0.10-100.64.0.11\"\n"
    )
}

fn an_hour() -> Setup {
    Setup::on_loopback(&subnet("lease-time = \"1h\""))
}

fn subscriber(number: u8) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 0, number], format!("line-{number}"))
}

#[track_caller]
fn acquire(relay: &mut Relay, number: u8) -> Acquired {
    relay.acquire(&subscriber(number), PATIENCE).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn renew(relay: &mut Relay, number: u8, address: Ipv4Addr) {
    let answer = relay.renew(&subscriber(number), address, PATIENCE).unwrap();
    assert!(matches!(answer, Answer::Ack(_)), "{answer:?}");
}

#[track_caller]
fn gets_no_offer(relay: &mut Relay, number: u8) {
    let answer = relay.discover(&subscriber(number), SILENCE).unwrap();
    assert_eq!(answer, Answer::Silence);
}

/// Returns the correct time, in seconds.
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[track_caller]
fn lease(server: &Server, address: Ipv4Addr) -> LeaseRow {
    let found = server.leases().into_iter().find(|row| row.address == address);
    let row = found.unwrap_or_else(|| panic!("{address} is not leased"));
    assert_eq!(row.state, LeaseState::Leased);
    row
}

/// Returns the displayed end of the lease of an address.
#[track_caller]
fn end(server: &Server, address: Ipv4Addr) -> i64 {
    let row = lease(server, address);
    row.expires_at.parse::<jiff::Timestamp>().unwrap().as_second()
}

#[track_caller]
fn ends_about(server: &Server, address: Ipv4Addr, expected: i64) {
    let end = end(server, address);
    assert!((end - expected).abs() <= TOLERANCE, "ends {} s later than expected", end - expected);
}

/// Waits until the server has noticed that its clock was set.
#[track_caller]
fn notices(server: &mut Server, steps: u64) {
    server.process().says_again("the clock was set", steps as usize, wait::SOON);
    assert_eq!(server.status().clock.steps, steps);
}

#[test]
fn a_lease_of_1970_keeps_its_time_when_the_clock_is_set_and_a_renewal_ends_when_it_should() {
    require!(faketime);
    let clock = WrongClock::new();
    clock.is_in_1970();
    let mut server = an_hour().with_clock(&clock).start();
    let mut relay = relay(server.address(), LINK);
    let first = acquire(&mut relay, 1).address;
    assert!(end(&server, first) < 2 * HOUR, "its end is shown by the clock as it is");

    clock.is_right();
    notices(&mut server, 1);
    ends_about(&server, first, now() + HOUR);
    renew(&mut relay, 1, first);
    ends_about(&server, first, now() + HOUR);
    // The address is still held for its client.
    assert_ne!(acquire(&mut relay, 2).address, first);
    gets_no_offer(&mut relay, 3);

    // The same applies after a restart.
    server.kill();
    server.start_again();
    ends_about(&server, first, now() + HOUR);
    assert_eq!(acquire(&mut relay, 1).address, first);
    gets_no_offer(&mut relay, 3);
    assert_eq!(server.status().clock.steps, 0);
}

#[test]
fn a_lease_of_1970_outlives_a_power_cut_before_the_clock_is_right() {
    require!(faketime);
    let clock = WrongClock::new();
    // The store has an earlier lease with correct times.
    let mut server = an_hour().with_clock(&clock).start();
    let mut relay = relay(server.address(), LINK);
    let before = acquire(&mut relay, 1).address;
    server.kill();

    clock.is_in_1970();
    server.start_again();
    server.process().says("the clock is behind the newest record in the store", wait::SOON);
    let behind_ms = server.status().clock.was_behind_ms.unwrap();
    assert!(behind_ms > 1000 * 50 * YEAR as u64, "{behind_ms} ms");
    ends_about(&server, before, 20 + HOUR);
    let of_1970 = acquire(&mut relay, 2).address;
    server.kill();

    clock.is_right();
    server.start_again();
    for address in [before, of_1970] {
        ends_about(&server, address, now() + HOUR);
    }
    gets_no_offer(&mut relay, 3);
    assert_eq!(acquire(&mut relay, 1).address, before);
    assert_eq!(acquire(&mut relay, 2).address, of_1970);
}

#[test]
fn a_start_a_year_ahead_gives_no_leased_address_to_another_client() {
    require!(faketime);
    let clock = WrongClock::new();
    let mut server = an_hour().with_clock(&clock).start();
    let mut relay = relay(server.address(), LINK);
    let first = acquire(&mut relay, 1).address;
    let second = acquire(&mut relay, 2).address;
    assert!(server.stop().success());

    clock.is_ahead_by(YEAR);
    server.start_again();
    let ahead = "further ahead of the newest record in the store than is plausible";
    server.process().says(ahead, wait::SOON);
    assert!(server.status().clock.was_ahead_ms.unwrap() > 1000 * (YEAR - HOUR) as u64);
    ends_about(&server, first, now() + YEAR + HOUR);
    gets_no_offer(&mut relay, 3);
    assert_eq!(acquire(&mut relay, 1).address, first);

    // The clock is corrected while the server runs: no lease is kept for a year.
    clock.is_right();
    notices(&mut server, 1);
    ends_about(&server, first, now() + HOUR);
    ends_about(&server, second, now() + HOUR);
    renew(&mut relay, 1, first);
    ends_about(&server, first, now() + HOUR);
    assert!(server.stop().success());
    // The store shows the same while no server runs.
    ends_about(&server, first, now() + HOUR);
}

#[test]
fn a_renewal_under_the_right_clock_ends_no_lease_ten_years_ahead() {
    require!(faketime);
    let clock = WrongClock::new();
    clock.is_ahead_by(10 * YEAR);
    let mut server = an_hour().with_clock(&clock).start();
    let mut relay = relay(server.address(), LINK);
    let first = acquire(&mut relay, 1).address;
    ends_about(&server, first, now() + 10 * YEAR + HOUR);
    server.kill();

    clock.is_right();
    server.start_again();
    server.process().says("the clock is behind the newest record in the store", wait::SOON);
    ends_about(&server, first, now() + HOUR);
    renew(&mut relay, 1, first);
    ends_about(&server, first, now() + HOUR);
    assert!(server.stop().success());
    server.start_again();
    ends_about(&server, first, now() + HOUR);
    assert_eq!(server.status().clock.was_behind_ms, None, "its times are known by now");
}

#[test]
fn longer_and_infinite_leases_are_left_as_they_were_promised_when_the_clock_is_set() {
    require!(faketime);
    let clock = WrongClock::new();
    clock.is_in_1970();
    let infinite = "lease-time = \"1d\"\nmax-lease-time = \"infinite\"";
    let mut server = Setup::on_loopback(&subnet(infinite)).with_clock(&clock).start();
    let mut relay = relay(server.address(), LINK);
    let day = acquire(&mut relay, 1);
    let forever = Subscriber { more_options: vec![(51, vec![0xff; 4])], ..subscriber(2) };
    let forever = relay.acquire(&forever, PATIENCE).unwrap();
    assert_eq!((day.lease_time_secs, forever.lease_time_secs), (86_400, u32::MAX));

    server.setup().put_subnets(&subnet("lease-time = \"1h\"\nmax-lease-time = \"1h\""));
    assert!(server.hang_up().accepted);
    clock.is_right();
    notices(&mut server, 1);
    for _ in 0..2 {
        ends_about(&server, day.address, now() + 24 * HOUR);
        assert_eq!(lease(&server, forever.address).expires_at, "never");
        // The same applies after a restart.
        server.kill();
        server.start_again();
    }
}

#[test]
fn a_recording_during_which_the_clock_is_set_replays_without_differences() {
    require!(faketime);
    let clock = WrongClock::new();
    clock.is_ahead_by(-3 * YEAR);
    let mut server = an_hour().with_clock(&clock).start();
    let mut relay = relay(server.address(), LINK);
    let first = acquire(&mut relay, 1).address;
    let file = server.folder().join("recording.jsonl");
    let file = file.to_str().unwrap();
    let mut command = server.command(&["record", "--with-leases", "--output", file]);
    let recorder = command.stdout(Stdio::null()).spawn().unwrap();
    let text = || std::fs::read_to_string(file).unwrap_or_default();
    wait::soon("the recording to begin", || text().contains("{\"lease\"").then_some(()));
    renew(&mut relay, 1, first);
    clock.is_right();
    notices(&mut server, 1);
    renew(&mut relay, 1, first);
    let second = acquire(&mut relay, 2).address;
    renew(&mut relay, 2, second);
    gets_no_offer(&mut relay, 3);
    wait::soon("the recorder to follow", || {
        (text().lines().filter(|line| line.starts_with("{\"input\"")).count() >= 6).then_some(())
    });
    kill(Pid::from_raw(recorder.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert!(recorder.wait_with_output().unwrap().status.success());
    let output = server.ask(&["replay", file]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("no differences between replayed and recorded"), "{said}");
    // Each input is shown with the time of the clock at that moment.
    let year = |ahead: i64| jiff::Timestamp::from_second(now() + ahead).unwrap().to_string();
    for ahead in [-3 * YEAR, 0] {
        let day = &year(ahead)[..10];
        assert!(said.contains(day), "{day} is not in {said}");
    }
}
