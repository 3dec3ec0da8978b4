//! Subscriber limits on the real server with several workers: many devices of one subscriber
//! compete for its leases over real sockets, routers are replaced, and the server is killed in
//! between.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use lessor_e2e::{LeaseRow, LeaseState, Server, Setup, relay};
use lessor_load::{Acquired, Answer, Relay, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.2.255"

    [[subnet.pool]]
    name = "tiny"
    range = "100.64.9.1-100.64.9.2"
    by-policy-only = true
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const FIXED: Ipv4Addr = Ipv4Addr::new(100, 64, 201, 17);

const TABLE: &str = r#"
    [settings.subscribers.refusing]
    leases-max = 3

    [settings.subscribers.replacing]
    leases-max = 2
    beyond = "replace-oldest"

    [settings.subscribers.home]
    leases-max = 1
    beyond = "replace-oldest"

    [settings.subscribers.fixed]
    address = "100.64.201.17"
    leases-max = 1
    beyond = "replace-oldest"

    [settings.subscribers.tiny-1]
    pool = "tiny"
    leases-max = 2
    subscriber = "tiny"
    beyond = "replace-oldest"

    [settings.subscribers.tiny-2]
    pool = "tiny"
    leases-max = 2
    subscriber = "tiny"
    beyond = "replace-oldest"
"#;

const WORKERS: &str = "workers = 4";
const DEVICES: u8 = 12;
/// The timeout of an answer that must arrive, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time after which no answer is expected.
const SILENCE: Duration = Duration::from_millis(500);

fn server() -> Server {
    let setup = Setup::on_loopback(SUBNETS).with_server_setting(WORKERS);
    setup.with_policy("10-table", "subscriber-table", TABLE).start()
}

fn device(number: u8, line: &str) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 0, number], line)
}

fn hardware_address(number: u8) -> String {
    format!("02:00:00:00:00:{number:02x}")
}

/// Sends DISCOVER and REQUEST, and returns `None` if either was refused.
fn try_to_acquire(relay: &mut Relay, device: &Subscriber, timeout: Duration) -> Option<Acquired> {
    let Answer::Offer(offer) = relay.discover(device, timeout).unwrap() else { return None };
    let (address, server) = (offer.address, offer.server_identifier);
    match relay.request_selecting(device, address, server, PATIENCE).unwrap() {
        Answer::Ack(acquired) => Some(acquired),
        _ => None,
    }
}

fn leases_of(server: &Server, subscriber: &str) -> Vec<LeaseRow> {
    let mut leases = server.leases();
    leases.retain(|lease| lease.subscriber.as_deref() == Some(subscriber));
    leases
}

#[test]
fn devices_that_race_never_hold_more_leases_than_their_subscriber_may_have() {
    let server = server();
    // The leases from the view of the devices: from the ACK to the sending of the RELEASE.
    let held = AtomicUsize::new(0);
    let most = AtomicUsize::new(0);
    let acquired = AtomicUsize::new(0);
    let start = Barrier::new(usize::from(DEVICES));
    thread::scope(|scope| {
        for number in 0..DEVICES {
            let (server, held, most, acquired, start) = (&server, &held, &most, &acquired, &start);
            scope.spawn(move || {
                let mut relay = relay(server.address(), LINK);
                let device = device(number, "refusing");
                start.wait();
                for _ in 0..15 {
                    let Some(lease) = try_to_acquire(&mut relay, &device, SILENCE) else {
                        continue;
                    };
                    let now = held.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    acquired.fetch_add(1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(u64::from(number)));
                    held.fetch_sub(1, Ordering::SeqCst);
                    let (address, server) = (lease.address, lease.server_identifier);
                    relay.release(&device, address, server, Duration::ZERO).unwrap();
                }
            });
        }
    });
    let (most, acquired) = (most.into_inner(), acquired.into_inner());
    println!("{acquired} leases, {most} at a time");
    assert!(most <= 3, "{most} leases at a time");
    assert!(acquired >= 3, "only {acquired} leases");
    let refused = |line: &lessor_e2e::JournalLine| line.reason == "subscriber-limit";
    let line = server.journal_says("a device that was refused", refused);
    assert_eq!(line.subscriber.as_deref(), Some("refusing"));
}

#[test]
fn devices_that_all_want_a_lease_and_keep_it_get_as_many_as_their_subscriber_may_have() {
    let server = server();
    let start = Barrier::new(usize::from(DEVICES));
    let granted = thread::scope(|scope| {
        let racing: Vec<_> = (0..DEVICES)
            .map(|number| {
                let (server, start) = (&server, &start);
                scope.spawn(move || {
                    let mut relay = relay(server.address(), LINK);
                    start.wait();
                    try_to_acquire(&mut relay, &device(number, "refusing"), SILENCE * 4).is_some()
                })
            })
            .collect();
        racing.into_iter().map(|racing| racing.join().unwrap()).filter(|granted| *granted).count()
    });
    assert_eq!(granted, 3);
    assert_eq!(leases_of(&server, "refusing").len(), 3);
}

#[test]
fn devices_that_replace_each_other_leave_as_many_leases_as_their_subscriber_may_have() {
    let mut server = server();
    for round in 0..8 {
        let start = Barrier::new(usize::from(DEVICES));
        let granted: BTreeSet<String> = thread::scope(|scope| {
            let racing: Vec<_> = (0..DEVICES)
                .map(|number| {
                    let (server, start) = (&server, &start);
                    scope.spawn(move || {
                        let mut relay = relay(server.address(), LINK);
                        start.wait();
                        // Newer offers withdraw older ones, so not every device gets a lease.
                        let device = device(number, "replacing");
                        let lease = try_to_acquire(&mut relay, &device, SILENCE * 4);
                        lease.map(|_| hardware_address(number))
                    })
                })
                .collect();
            racing.into_iter().filter_map(|racing| racing.join().unwrap()).collect()
        });
        let leases = leases_of(&server, "replacing");
        println!("round {round}: {} of {DEVICES} were served, {leases:?}", granted.len());
        assert!(!granted.is_empty());
        assert!((1..=2).contains(&leases.len()), "{leases:?}");
        if round % 4 == 3 {
            server.kill();
            server.start_again();
            assert_eq!(leases_of(&server, "replacing"), leases);
        }
    }
    // The journal shows that every lease has ended except the remaining ones.
    let leases = leases_of(&server, "replacing");
    let line = server.journal_says("a lease that was replaced", |line| {
        line.reason == "replaced-lease" && line.subscriber.as_deref() == Some("replacing")
    });
    assert!(line.client.is_some() && line.address.is_some());
    assert!(leases.iter().all(|lease| lease.state == LeaseState::Leased));
}

#[test]
fn a_swapped_router_is_served_at_once_and_the_old_lease_ends() {
    let server = server();
    let mut relay = relay(server.address(), LINK);
    let [old, new] = [1, 2].map(|number| device(number, "home"));
    let first = relay.acquire(&old, PATIENCE).unwrap();
    let second = relay.acquire(&new, PATIENCE).unwrap();
    assert_ne!(first.address, second.address);

    let leases = leases_of(&server, "home");
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert_eq!(
        (leases[0].address, &*leases[0].hardware_address),
        (second.address, &*hardware_address(2))
    );
    let line = server.journal_has("replaced-lease");
    assert_eq!((line.address, line.subscriber.as_deref()), (Some(first.address), Some("home")));
    assert_eq!(line.hardware_address, Some(hardware_address(1)));
    assert_eq!(line.circuit_id.as_deref(), Some("home"));
    assert_eq!(server.ask(&["leases", "--find", "home", "--state", "all"]).status.code(), Some(0));

    // The old router gets a NAK if it is still connected.
    let answer = relay.renew(&old, first.address, PATIENCE).unwrap();
    assert!(matches!(answer, Answer::Nak { .. }), "{answer:?}");
    server.journal_has("nak-subscriber-limit");
    let answer = relay.renew(&new, second.address, PATIENCE).unwrap();
    assert!(matches!(answer, Answer::Ack(_)), "{answer:?}");
}

#[test]
fn a_swapped_router_gets_the_fixed_address_of_its_line_or_the_last_of_a_full_pool() {
    let server = server();
    let mut relay = relay(server.address(), LINK);
    for number in 1..=3 {
        let acquired = relay.acquire(&device(number, "fixed"), PATIENCE).unwrap();
        assert_eq!(acquired.address, FIXED);
    }
    let leases = leases_of(&server, "fixed");
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert_eq!(leases[0].hardware_address, hardware_address(3));

    // Two lines share the two leases of one subscriber, and the pool has no further address.
    let [first, second] =
        [11, 12].map(|number| relay.acquire(&device(number, "tiny-1"), PATIENCE).unwrap().address);
    let third = relay.acquire(&device(13, "tiny-2"), PATIENCE).unwrap().address;
    assert_eq!(third, first);
    server.journal_has("offered-oldest");
    let held: BTreeSet<_> = leases_of(&server, "tiny").iter().map(|lease| lease.address).collect();
    assert_eq!(held, BTreeSet::from([second, third]));
}

#[test]
fn leases_count_after_the_server_was_killed() {
    let mut server = server();
    let mut relay = relay(server.address(), LINK);
    for number in 0..3 {
        relay.acquire(&device(number, "refusing"), PATIENCE).unwrap();
    }
    server.kill();
    server.start_again();
    let answer = relay.discover(&device(3, "refusing"), SILENCE).unwrap();
    assert_eq!(answer, Answer::Silence);
    server.journal_has("subscriber-limit");
    let leases = leases_of(&server, "refusing");
    let renewed = relay.renew(&device(0, "refusing"), leases[0].address, PATIENCE).unwrap();
    assert!(matches!(renewed, Answer::Ack(_)), "{renewed:?}");
}
