//! Without leases, no client can exhaust a pool, neither with DECLINEs nor with DISCOVERs.
//!
//! `LESSOR_FLOOD` sets the number of messages of each flood, for long runs.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use lessor_e2e::{
    Server, Setup, attack::Finding, decline_flood, flood_size, made_up, offer_flood, relay, wait,
};
use lessor_load::{Answer, Relay, Subscriber};

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// The timeout of an answer that must arrive, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a server with one pool of `size` addresses from 100.64.1.0 on.
fn server(size: u32) -> Server {
    let first = Ipv4Addr::new(100, 64, 1, 0);
    let last = Ipv4Addr::from(u32::from(first) + size - 1);
    let subnets = format!(
        "[[subnet]]\nprefix = \"100.64.0.0/10\"\nlease-time = \"1h\"\n\
         [[subnet.pool]]\nname = \"pool\"\nrange = \"{first}-{last}\"\n"
    );
    Setup::on_loopback(&subnets).start()
}

fn healthy(number: u8) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 0, number], format!("healthy-{number}"))
}

/// Waits until the server has decided every DECLINE of a flood.
#[track_caller]
fn declines_are_decided(server: &Server, at_least: u64) {
    wait::within(Duration::from_secs(60), "the DECLINEs to be decided", || {
        let status = server.status();
        let decided = status.count("quarantined-declined") + status.count("declined-beyond-limit");
        // A datagram may be lost on a busy machine.
        (decided >= at_least * 99 / 100).then_some(())
    });
}

/// Checks that a new client behind another line gets an address of the pool.
#[track_caller]
fn a_healthy_client_is_served(relay: &mut Relay, number: u8) {
    relay.acquire(&healthy(number), PATIENCE).unwrap();
}

/// Checks that all new clients behind other lines are served, and reports how many are not.
#[track_caller]
fn healthy_clients_are_served(flood: &str, relay: &mut Relay, count: u8) {
    let served = (0..count).filter(|number| relay.acquire(&healthy(*number), PATIENCE).is_ok());
    let served = served.count() as u64;
    Finding {
        attack: "floods".to_owned(),
        subject: format!("new clients of other lines, after {flood}"),
        sent: count.into(),
        served,
        refused: 0,
        lost: u64::from(count) - served,
        wanted: "all are served".to_owned(),
        note: String::new(),
        held: served == u64::from(count),
    }
    .conclude();
}

#[test]
fn one_client_that_declines_everything_leaves_the_pool_to_others() {
    let count = flood_size(4_096);
    let server = server(count + 100);
    let mut relay = relay(server.address(), LINK);
    let attacker = Subscriber::new(made_up(1), "attacker");
    let declined = decline_flood(&mut relay, count, |_| attacker.clone());
    assert!(declined > count / 2, "{declined} of {count} addresses were offered");
    declines_are_decided(&server, declined.into());
    assert_eq!(server.status().pool("pool").quarantined, 2);
    healthy_clients_are_served(&format!("{declined} DECLINEs of a client"), &mut relay, 40);
    let line = server.journal_has("declined-beyond-limit");
    assert_eq!(line.circuit_id.as_deref(), Some("attacker"));
}

#[test]
fn a_line_that_declines_everything_with_made_up_addresses_leaves_the_pool_to_others() {
    let count = flood_size(4_096);
    // The pool has far fewer addresses than there are DECLINEs.
    let mut server = server(64);
    let mut relay = relay(server.address(), LINK);
    let began = Instant::now();
    let declined =
        decline_flood(&mut relay, count, |number| Subscriber::new(made_up(number), "attacker"));
    assert!(declined > count / 2, "{declined} of {count} addresses were offered");
    declines_are_decided(&server, declined.into());
    assert_eq!(server.status().pool("pool").quarantined, 4);
    healthy_clients_are_served(&format!("{declined} DECLINEs of a line"), &mut relay, 40);
    // The log has at most one line per second.
    let log = server.process().output();
    let lines = log.lines().filter(|line| line.contains("a client declined")).count();
    let secs = began.elapsed().as_secs() as usize;
    assert!((1..=secs + 2).contains(&lines), "{lines} lines in {secs} s");
}

#[test]
fn a_full_pool_gives_out_the_address_that_was_set_aside_first_and_says_that_it_is_full() {
    let mut server = server(10);
    let mut relay = relay(server.address(), LINK);
    let first = relay.acquire(&healthy(1), PATIENCE).unwrap();
    relay.decline(&healthy(1), first.address, first.server_identifier, Duration::ZERO).unwrap();
    server.journal_has("quarantined-declined");
    for number in 2..=10 {
        a_healthy_client_is_served(&mut relay, number);
    }
    server.process().says("a pool is full", wait::SOON);
    let Answer::Offer(offer) = relay.discover(&healthy(11), PATIENCE).unwrap() else {
        panic!("no offer");
    };
    assert_eq!(offer.address, first.address);
    assert_eq!(server.journal_has("offered-quarantined").address, Some(first.address));
    a_healthy_client_is_served(&mut relay, 11);
    assert_eq!(server.status().pools_full, 1);
}

#[test]
fn a_flood_of_discovers_over_one_line_leaves_addresses_to_new_clients_of_other_lines() {
    let server = server(64);
    let mut relay = relay(server.address(), LINK);
    let count = flood_size(3_000);
    offer_flood(&mut relay, count, |number| Subscriber::new(made_up(number), "flood"));
    assert!(server.status().pool("pool").offered <= 16);
    healthy_clients_are_served(&format!("{count} DISCOVERs over a line"), &mut relay, 40);
}

#[test]
fn a_flood_of_discovers_without_lines_gives_way_to_new_clients_of_a_line() {
    let server = server(64);
    let mut relay = relay(server.address(), LINK);
    // The messages have option 82 without circuit id and remote id.
    let count = flood_size(3_000);
    offer_flood(&mut relay, count, |number| Subscriber::new(made_up(number), ""));
    assert_eq!(server.status().pool("pool").offered, 64);
    healthy_clients_are_served(&format!("{count} DISCOVERs without a line"), &mut relay, 20);
    server.journal_has("offered-contested");
}

#[test]
fn a_flood_of_forged_lines_gives_way_to_new_clients_of_another_relay() {
    let server = server(64);
    let mut flooded = relay(server.address(), LINK);
    let count = flood_size(3_000);
    offer_flood(&mut flooded, count, |number| {
        Subscriber::new(made_up(number), format!("forged-{number}"))
    });
    assert_eq!(server.status().pool("pool").offered, 64);
    let mut other = relay(server.address(), LINK);
    healthy_clients_are_served(&format!("{count} DISCOVERs of forged lines"), &mut other, 20);
}

#[test]
fn new_clients_are_served_while_a_flood_of_discovers_goes_on() {
    let server = server(64);
    let address = server.address();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut flooded = relay(address, LINK);
            let mut sent = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                offer_flood(&mut flooded, 500, |number| {
                    Subscriber::new(made_up(sent + number), "")
                });
                sent += 500;
            }
            sent
        });
        let mut other = relay(address, LINK);
        for number in 0..20 {
            a_healthy_client_is_served(&mut other, number);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(flood.join().unwrap() > 0);
    });
}
