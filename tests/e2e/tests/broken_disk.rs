//! The disk fails under load, as ext4 does when its device is lost: every lease that was
//! acknowledged before exists when the file system is mounted again.
//!
//! `LESSOR_SHUTDOWN_ROUNDS` sets the number of failures; 50 take about three minutes.

use std::{
    collections::HashMap,
    io::Write,
    net::{Ipv4Addr, SocketAddrV4},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use fastrand::Rng;
use lessor_e2e::{LoopDisk, Setup, attack::Finding, heavy, loopback_address, relay, require, wait};
use lessor_load::{Answer, LoadArgs, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.250.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const ROUNDS: u16 = 3;
const RELAYS: u8 = 4;
const DISK_MIB: u64 = 64;
/// How long the disk stands still.
const STALL_SECS: u64 = 10;
/// The longest that all but one in a hundred DISCOVERs wait meanwhile.
const P99_MAX_MS: u64 = 20;

/// The hardware address and line of a subscriber.
type Line = ([u8; 6], String);

/// An acknowledged lease, and the time at which the relay received the ACK.
type Received = (Ipv4Addr, Line, Instant);

/// Returns a server whose store, and nothing else, is on a separate disk.
fn setup_on_a_disk() -> (Setup, LoopDisk) {
    let setup = Setup::on_loopback(SUBNETS);
    let folder = setup.folder().to_owned();
    let disk = LoopDisk::new(&folder.join("disk.img"), &folder.join("store"), DISK_MIB);
    let socket = folder.join("control.sock");
    (setup.with_tables(&format!("[control]\nsocket = {socket:?}")), disk)
}

#[test]
fn a_disk_that_dies_under_load_loses_no_acknowledged_lease() {
    require!(root, loop_disk);
    let _alone = heavy();
    let rounds = std::env::var("LESSOR_SHUTDOWN_ROUNDS").ok().and_then(|text| text.parse().ok());
    let rounds: u16 = rounds.unwrap_or(ROUNDS);
    let seed = std::env::var("LESSOR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..));
    let _ = writeln!(std::io::stderr(), "broken_disk: LESSOR_SEED={seed}");
    let mut random = Rng::with_seed(seed);

    let (setup, mut disk) = setup_on_a_disk();
    let mut server = setup.start();
    let mut acknowledged: HashMap<Ipv4Addr, Line> = HashMap::new();
    let mut given: HashMap<Ipv4Addr, Line> = HashMap::new();
    let mut lost = 0;
    for round in 0..rounds {
        let under_load = load_until_silence(server.address(), round);
        thread::sleep(Duration::from_millis(random.u64(100..600)));
        let died_at = Instant::now();
        disk.shut_down();
        let before = acknowledged.len();
        let received = under_load.into_iter().flat_map(|relay| relay.join().unwrap());
        for (address, line, received_at) in received {
            let holder = given.insert(address, line.clone());
            assert_eq!(holder, None, "{line:?} was given {address} as well");
            // A flush that succeeds while the kernel shuts the file system down is not reliable.
            if received_at < died_at {
                acknowledged.insert(address, line);
            }
        }
        assert!(acknowledged.len() > before, "round {round} was over before its first ACK");
        server.kill();
        disk.unmount();
        disk.mount();
        server.start_again();
        let leases: HashMap<Ipv4Addr, String> = server
            .leases()
            .into_iter()
            .map(|lease| (lease.address, lease.circuit_id.unwrap_or_default()))
            .collect();
        let lost_now: Vec<&Ipv4Addr> = acknowledged
            .iter()
            .filter(|(a, line)| leases.get(a) != Some(&line.1))
            .map(|(a, _)| a)
            .collect();
        if !lost_now.is_empty() {
            let count = lost_now.len();
            let _ = writeln!(std::io::stderr(), "round {round}: {count} are lost: {lost_now:?}");
            lost = lost_now.len() as u64;
            break;
        }
        // The address of a lost lease may be given to another client.
        given.retain(|address, _| leases.contains_key(address));
    }
    server.kill();
    disk.unmount();
    let acknowledged = acknowledged.len() as u64;
    Finding {
        attack: "file system shut down under load".to_owned(),
        subject: format!("leases acknowledged before it, {rounds} rounds"),
        sent: acknowledged,
        served: acknowledged - lost,
        refused: 0,
        lost,
        wanted: "none is lost".to_owned(),
        note: String::new(),
        held: lost == 0,
    }
    .conclude();
}

/// The disk does not respond for a while. Messages that do not need it are answered as before, and
/// afterwards all messages are.
#[test]
fn a_disk_that_stands_still_keeps_nobody_waiting_who_needs_none() {
    require!(root, loop_disk);
    let _alone = heavy();
    let (setup, mut disk) = setup_on_a_disk();
    let mut server = setup.start();
    let mut asking = relay(server.address(), LINK);
    asking.acquire(&subscriber(&line(0, 0, 0)), Duration::from_secs(5)).unwrap();
    let under_load = LoadArgs {
        server: server.address(),
        relay: vec![SocketAddrV4::new(loopback_address(), 0)],
        link_selection: Some(LINK),
        clients: 20_000,
        window: 1_000,
        rate: Some(400),
        duration_secs: Some(STALL_SECS + 1),
        timeout_ms: 300,
        retries: 0,
        ..LoadArgs::default()
    };
    let under_load = thread::spawn(move || lessor_load::run(&under_load).unwrap());
    thread::sleep(Duration::from_millis(500));
    disk.freeze();
    let until = Instant::now() + Duration::from_secs(STALL_SECS);
    let (mut took, mut lost) = (Vec::new(), 0);
    for number in 0.. {
        let begin = Instant::now();
        if begin > until {
            break;
        }
        let subscriber = subscriber(&line(1, 1, number));
        match asking.discover(&subscriber, Duration::from_secs(1)).unwrap() {
            Answer::Offer(_) => took.push(begin.elapsed()),
            _ => lost += 1,
        }
        thread::sleep(Duration::from_millis(5));
    }
    disk.thaw();
    let load = under_load.join().unwrap();
    assert!(load.failed > 100, "the disk did not stand still: {load:?}");
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    let sent = took.len() as u64 + lost;
    // Messages that need the disk are served again at once.
    let last = subscriber(&line(2, 2, 0));
    asking.acquire(&last, Duration::from_secs(5)).expect("leases are given again");
    let said = server.process().output();
    assert!(said.contains("the disk does not answer"), "{said}");
    server.kill();
    disk.unmount();
    Finding {
        attack: "a disk that stands still".to_owned(),
        subject: "DISCOVERs meanwhile".to_owned(),
        sent,
        served: sent - lost,
        refused: 0,
        lost,
        wanted: format!("none lost, p99 below {P99_MAX_MS} ms"),
        note: format!("p99 {:.1} ms", p99.as_secs_f64() * 1e3),
        held: lost == 0 && p99 < Duration::from_millis(P99_MAX_MS),
    }
    .conclude();
}

#[test]
fn a_broken_disk_writes_no_more_than_a_line_a_second() {
    require!(root, loop_disk);
    let _alone = heavy();
    let (setup, disk) = setup_on_a_disk();
    let mut server = setup.start();
    let mut relay = relay(server.address(), LINK);
    relay.acquire(&subscriber(&line(0, 0, 0)), Duration::from_secs(5)).unwrap();
    disk.shut_down();
    let begin = Instant::now();
    let lines_before = server.process().output().lines().count();
    for number in 1.. {
        assert!(
            relay.acquire(&subscriber(&line(0, 0, number)), Duration::from_millis(50)).is_err()
        );
        if begin.elapsed() > Duration::from_secs(4) {
            break;
        }
    }
    server.process().says("no lease is acknowledged until it can", wait::SOON);
    let lines = server.process().output().lines().count() - lines_before;
    let secs = begin.elapsed().as_secs() as usize;
    assert!(lines <= secs, "{lines} lines in {secs} s:\n{}", server.process().output());
    assert!(server.process().is_running());
    server.kill();
}

/// Runs relays that get one lease after the other, as fast as they are answered, until no answer
/// arrives.
fn load_until_silence(server: SocketAddrV4, round: u16) -> Vec<JoinHandle<Vec<Received>>> {
    let start = |number: u8| {
        let mut relay = relay(server, LINK);
        thread::spawn(move || {
            let mut acknowledged = Vec::new();
            for client in 0..u16::MAX {
                let line = line(round, number, client);
                match relay.acquire(&subscriber(&line), Duration::from_secs(1)) {
                    Ok(acquired) => acknowledged.push((acquired.address, line, Instant::now())),
                    Err(_) => break,
                }
            }
            acknowledged
        })
    };
    (0..RELAYS).map(start).collect()
}

fn line(round: u16, relay: u8, number: u16) -> Line {
    let [high, low] = number.to_be_bytes();
    ([2, round as u8, relay, 0, high, low], format!("olt{round}/{relay}/onu{number}"))
}

fn subscriber(line: &Line) -> Subscriber {
    Subscriber::new(line.0, line.1.clone())
}
