//! The server is killed under load. Afterwards it still has every lease that it acknowledged, and
//! gives no such address to another client.

use std::{
    collections::HashMap,
    io::Write,
    net::{Ipv4Addr, SocketAddrV4},
    process::Command,
    thread::{self, JoinHandle},
    time::Duration,
};

use fastrand::Rng;
use lessor_e2e::{LeaseRow, LeaseState, Process, Server, Setup, heavy, relay, require, wait};
use lessor_load::{Answer, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.250.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

/// The number of times that the server is killed; each round continues with the store of the last
/// one.
const ROUNDS: u8 = 4;
/// The number of concurrent relays, each with its own subscribers.
const RELAYS: u8 = 8;

/// The subscribers by address, from the ACKs that arrived.
type Acknowledged = HashMap<Ipv4Addr, Subscribed>;

/// A subscriber, identified by round, relay and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Subscribed {
    round: u8,
    relay: u8,
    number: u16,
}

#[test]
fn every_acknowledged_lease_outlives_the_death_of_the_server() {
    let _alone = heavy();
    let seed = std::env::var("LESSOR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..));
    let _ = writeln!(std::io::stderr(), "crashes: LESSOR_SEED={seed}");
    let mut random = Rng::with_seed(seed);

    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut acknowledged = Acknowledged::new();
    for round in 0..ROUNDS {
        let under_load = load_until_silence(server.address(), round);
        thread::sleep(Duration::from_millis(random.u64(100..700)));
        server.kill();
        let held_before = acknowledged.len();
        for (address, subscribed) in under_load.into_iter().flat_map(|relay| relay.join().unwrap())
        {
            let holder = acknowledged.insert(address, subscribed);
            assert_eq!(holder, None, "{subscribed:?} was given {address} as well");
        }
        assert!(acknowledged.len() > held_before, "round {round} was killed before its first ACK");
        server.start_again();
        all_are_there(&server, &acknowledged);
    }
    all_can_renew(&server, &acknowledged);
    others_get_other_addresses(&server, &acknowledged);
}

/// After a kill, the kernel still has what was written; after a power cut, it has only what was
/// flushed. So this test checks the order of system calls.
#[test]
fn an_ack_waits_until_its_lease_is_flushed_and_an_offer_waits_for_nothing() {
    require!(root, strace);
    let mut server = Setup::on_loopback(SUBNETS).start();
    let calls = server.folder().join("calls");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=fdatasync,fsync,recvmmsg,sendmmsg", "-o"]).arg(&calls);
    command.args(["-p", &server.process().id().to_string()]);
    let output = server.folder().join("strace.log");
    let mut tracer = Process::start("strace", &mut command, &output);
    tracer.says("attached", wait::SOON);

    let mut relay = relay(server.address(), LINK);
    relay.acquire(&Subscriber::new([2, 0, 0, 0, 0, 1], "line"), Duration::from_secs(5)).unwrap();
    let order = wait::soon("OFFER and ACK among the system calls", || {
        let order = calls_in(&std::fs::read_to_string(&calls).ok()?);
        (order.iter().filter(|call| **call == Call::Send).count() == 2).then_some(order)
    });
    // The flushes between a message and its answer; other flushes do not matter.
    let exchanges: Vec<&[Call]> = order.split(|call| *call == Call::Received).skip(1).collect();
    let [offer, ack] = exchanges[..] else { panic!("{order:?}") };
    assert_eq!(offer.first(), Some(&Call::Send), "{order:?}");
    assert_eq!(ack.first(), Some(&Call::Flushed), "{order:?}");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Messages were received.
    Received,
    /// A flush has succeeded.
    Flushed,
    /// Replies were passed to the system.
    Send,
}

/// Parses the output of strace. A call that is interrupted by a call of another thread has two
/// lines, with its result on the second.
fn calls_in(lines: &str) -> Vec<Call> {
    let call = |line: &str| {
        let result: Option<i32> =
            line.rsplit_once(" = ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        match result {
            _ if line.contains("sendmmsg(") => Some(Call::Send),
            Some(count) if line.contains("recvmmsg") && count > 0 => Some(Call::Received),
            Some(0) if line.contains("sync") => Some(Call::Flushed),
            _ => None,
        }
    };
    lines.lines().filter_map(call).collect()
}

/// Runs relays that get one lease after the other, as fast as they are answered, until no answer
/// arrives.
fn load_until_silence(
    server: SocketAddrV4,
    round: u8,
) -> Vec<JoinHandle<Vec<(Ipv4Addr, Subscribed)>>> {
    let start = |number: u8| {
        let mut relay = relay(server, LINK);
        let serve = move || {
            let mut acknowledged = Vec::new();
            for client in 0..u16::MAX {
                let subscribed = Subscribed { round, relay: number, number: client };
                match relay.acquire(&subscribed.subscriber(), Duration::from_secs(2)) {
                    Ok(acquired) => acknowledged.push((acquired.address, subscribed)),
                    // The server was killed; on loopback, this can also appear as a refused
                    // connection.
                    Err(_) => break,
                }
            }
            acknowledged
        };
        thread::spawn(serve)
    };
    (0..RELAYS).map(start).collect()
}

#[track_caller]
fn all_are_there(server: &Server, acknowledged: &Acknowledged) {
    let leases: HashMap<Ipv4Addr, LeaseRow> =
        server.leases().into_iter().map(|lease| (lease.address, lease)).collect();
    for (address, subscribed) in acknowledged {
        let Some(lease) = leases.get(address) else {
            panic!("the lease of {subscribed:?} is lost: {address}");
        };
        assert_eq!(lease.client, format!("hw:{}", subscribed.written_hardware_address()));
        assert_eq!(lease.state, LeaseState::Leased);
        assert_eq!(lease.circuit_id, Some(subscribed.circuit_id()));
    }
}

#[track_caller]
fn all_can_renew(server: &Server, acknowledged: &Acknowledged) {
    let mut relay = relay(server.address(), LINK);
    for (address, subscribed) in acknowledged.iter().take(200) {
        let answer = relay.renew(&subscribed.subscriber(), *address, Duration::from_secs(5));
        let Answer::Ack(renewed) = answer.unwrap() else {
            panic!("{subscribed:?} cannot renew {address}");
        };
        assert_eq!(renewed.address, *address);
    }
}

#[track_caller]
fn others_get_other_addresses(server: &Server, acknowledged: &Acknowledged) {
    let mut relay = relay(server.address(), LINK);
    for number in 0..200 {
        let other = Subscribed { round: ROUNDS, relay: 0, number };
        let address = relay.acquire(&other.subscriber(), Duration::from_secs(5)).unwrap().address;
        assert_eq!(acknowledged.get(&address), None, "{other:?} was given {address} as well");
    }
}

impl Subscribed {
    fn subscriber(self) -> Subscriber {
        Subscriber::new(self.hardware_address(), self.circuit_id())
    }

    fn hardware_address(self) -> [u8; 6] {
        let [high, low] = self.number.to_be_bytes();
        [2, 0xee, self.round, self.relay, high, low]
    }

    fn written_hardware_address(self) -> String {
        self.hardware_address().map(|octet| format!("{octet:02x}")).join(":")
    }

    fn circuit_id(self) -> String {
        format!("olt{}/{}/onu{}", self.round, self.relay, self.number)
    }
}
