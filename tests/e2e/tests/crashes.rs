//! The server is killed in the middle of its work. Whatever it acknowledged before, it still knows
//! afterwards, and gives to nobody else.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::{
    collections::HashMap,
    io::Write,
    net::{Ipv4Addr, SocketAddrV4},
    thread,
    time::Duration,
};

use fastrand::Rng;
use lessor_e2e::{LeaseState, Server, Setup, heavy, relay};
use lessor_load::{Acquired, Answer, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.250.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

/// How often the server is killed; each round on top of what the last one left.
const ROUNDS: u8 = 4;
/// Relays that ask at the same time, each for its own subscribers.
const RELAYS: u8 = 8;

/// Who was given what, by an ACK that arrived.
type Acknowledged = HashMap<Subscribed, Acquired>;

/// A subscriber by round, relay and number.
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
        let new: Vec<(Subscribed, Acquired)> =
            under_load.into_iter().flat_map(|relay| relay.join().unwrap()).collect();
        assert!(!new.is_empty(), "round {round} was killed before its first ACK");
        for (subscribed, acquired) in new {
            let holder = acknowledged.iter().find(|(_, held)| held.address == acquired.address);
            assert!(holder.is_none(), "{subscribed:?} was given {acquired:?}, held by {holder:?}");
            acknowledged.insert(subscribed, acquired);
        }
        server.start_again();
        all_are_there(&server, &acknowledged);
    }
    all_can_renew(&server, &acknowledged);
    others_get_other_addresses(&server, &acknowledged);
}

/// Relays that get lease after lease, as fast as they are answered, until no answer comes.
fn load_until_silence(
    server: SocketAddrV4,
    round: u8,
) -> Vec<thread::JoinHandle<Vec<(Subscribed, Acquired)>>> {
    let start = |number: u8| {
        let mut relay = relay(server, LINK);
        let serve = move || {
            let mut acknowledged = Vec::new();
            for client in 0..u16::MAX {
                let subscribed = Subscribed { round, relay: number, number: client };
                match relay.acquire(&subscribed.subscriber(), Duration::from_secs(2)) {
                    Ok(acquired) => acknowledged.push((subscribed, acquired)),
                    // Killed: on loopback that may be seen as a refusal, too.
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
    let leases: HashMap<Ipv4Addr, _> =
        server.leases().into_iter().map(|lease| (lease.address, lease)).collect();
    for (subscribed, acquired) in acknowledged {
        let Some(lease) = leases.get(&acquired.address) else {
            panic!("the lease of {subscribed:?} is lost: {acquired:?}");
        };
        assert_eq!(lease.client, format!("hw:{}", subscribed.written_hardware_address()));
        assert_eq!(lease.state, LeaseState::Leased);
        assert_eq!(lease.circuit_id, Some(subscribed.circuit_id()));
    }
}

#[track_caller]
fn all_can_renew(server: &Server, acknowledged: &Acknowledged) {
    let mut relay = relay(server.address(), LINK);
    for (subscribed, acquired) in acknowledged.iter().take(200) {
        let answer =
            relay.renew(&subscribed.subscriber(), acquired.address, Duration::from_secs(5));
        let Answer::Ack(renewed) = answer.unwrap() else {
            panic!("{subscribed:?} cannot renew {acquired:?}");
        };
        assert_eq!(renewed.address, acquired.address);
    }
}

#[track_caller]
fn others_get_other_addresses(server: &Server, acknowledged: &Acknowledged) {
    let mut relay = relay(server.address(), LINK);
    let held: HashMap<Ipv4Addr, &Subscribed> =
        acknowledged.iter().map(|(subscribed, held)| (held.address, subscribed)).collect();
    for number in 0..200 {
        let other = Subscribed { round: ROUNDS, relay: 0, number };
        let acquired = relay.acquire(&other.subscriber(), Duration::from_secs(5)).unwrap();
        let holder = held.get(&acquired.address);
        assert!(holder.is_none(), "{other:?} was given {acquired:?}, held by {holder:?}");
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
