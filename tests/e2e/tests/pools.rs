//! How pools allocate: what they skip, in which order, and for how long; and extensions that write
//! nothing.

use std::{collections::BTreeSet, net::Ipv4Addr, time::Duration};

use lessor_e2e::{LeaseState, Server, Setup, relay, wait};
use lessor_load::{Acquired, Answer, Relay, Subscriber};

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);

fn start(subnet: &str) -> (Server, Relay) {
    let subnets = format!("[[subnet]]\nprefix = \"100.64.0.0/22\"\n{subnet}");
    let server = Setup::on_loopback(&subnets).start();
    let relay = relay(server.address(), LINK);
    (server, relay)
}

fn subscriber(number: u8) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 0, number], format!("line{number}"))
}

const fn address(third: u8, last: u8) -> Ipv4Addr {
    Ipv4Addr::new(100, 64, third, last)
}

#[track_caller]
fn acquires(relay: &mut Relay, number: u8) -> Acquired {
    relay.acquire(&subscriber(number), PATIENCE).unwrap()
}

#[track_caller]
fn renews(relay: &mut Relay, number: u8, address: Ipv4Addr) -> Acquired {
    match relay.renew(&subscriber(number), address, PATIENCE).unwrap() {
        Answer::Ack(lease) => lease,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pool_of_a_whole_prefix_skips_what_no_client_can_have() {
    let (server, mut relay) = start(
        r#"
        options = { routers = ["100.64.0.1"] }
        exclude-first-last-24 = true
        [[subnet.pool]]
        name = "all"
        range = "100.64.0.0-100.64.1.2"
        exclude = ["100.64.0.2-100.64.0.252"]
        "#,
    );
    assert_eq!(server.status().pool("all").size, 4);
    let found: Vec<Ipv4Addr> = (1..=4).map(|number| acquires(&mut relay, number).address).collect();
    assert_eq!(found, [address(0, 253), address(0, 254), address(1, 1), address(1, 2)]);
    assert_eq!(relay.discover(&subscriber(5), SILENCE).unwrap(), Answer::Silence);
    let check = server.ask(&["check"]);
    let said = String::from_utf8_lossy(&check.stdout);
    let skips = "pool all skips: 100.64.0.0 is the network address, 100.64.0.1 is a router";
    assert!(said.contains(skips), "{said}");
    assert!(said.contains("4 addresses in pools"), "{said}");
}

#[test]
fn explain_says_why_an_address_is_skipped_and_which_pools_are_full() {
    let (server, mut relay) = start(
        r#"
        [[subnet.pool]]
        name = "second"
        range = "100.64.0.20-100.64.0.21"
        preference = 2
        [[subnet.pool]]
        name = "first"
        range = "100.64.0.10-100.64.0.12"
        exclude = "100.64.0.11"
        "#,
    );
    let found: Vec<Ipv4Addr> = (1..=3).map(|number| acquires(&mut relay, number).address).collect();
    assert_eq!(found, [address(0, 10), address(0, 12), address(0, 20)]);
    let explained = server.ask(&[
        "explain",
        "--relay-address",
        "100.64.0.1",
        "--hardware-address",
        "02:00:00:00:00:09",
        "--address",
        "100.64.0.11",
    ]);
    let said = String::from_utf8_lossy(&explained.stdout).into_owned();
    let words: Vec<&str> = said.split_whitespace().collect();
    let said = words.join(" ");
    assert!(said.contains("its pool excludes it"), "{said}");
    assert!(said.contains("no address of the pool is free"), "{said}");
    assert!(said.contains("100.64.0.21"), "{said}");
}

#[test]
fn random_order_spreads_clients_and_they_find_their_place_again_without_records() {
    let subnet = r#"
        allocation = "random"
        [[subnet.pool]]
        range = "100.64.1.0-100.64.2.255"
    "#;
    let all = |relay: &mut Relay| -> Vec<Ipv4Addr> {
        (1..=20).map(|number| acquires(relay, number).address).collect()
    };
    let (_first_server, mut relay) = start(subnet);
    let first = all(&mut relay);
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 20);
    assert!(first.iter().any(|found| *found >= address(2, 0)), "{first:?}");
    assert!(first.iter().any(|found| *found < address(2, 0)), "{first:?}");
    let (_second_server, mut relay) = start(subnet);
    assert_eq!(all(&mut relay), first);
}

#[test]
fn an_early_extension_gets_the_rest_of_the_lease_and_writes_nothing() {
    let (mut server, mut relay) = start(
        r#"
        lease-time = "10m"
        cache-threshold = 0.5
        [[subnet.pool]]
        range = "100.64.0.10-100.64.0.19"
        "#,
    );
    let lease = acquires(&mut relay, 1);
    let expires_at = server.leases()[0].expires_at.clone();
    std::thread::sleep(Duration::from_millis(1_100));
    let renewed = renews(&mut relay, 1, lease.address);
    assert!((590..600).contains(&renewed.lease_time_secs), "{renewed:?}");
    let line = server.journal_has("ack-renewing");
    assert_eq!(line.lease_time_rule.as_deref(), Some("kept"));
    assert_eq!(line.lease_time_secs, Some(renewed.lease_time_secs));
    assert_eq!(server.leases()[0].expires_at, expires_at);
    // The record is on storage as it was.
    server.kill();
    server.start_again();
    assert_eq!(server.leases()[0].expires_at, expires_at);
    let again = renews(&mut relay, 1, lease.address);
    assert!(again.lease_time_secs < 600, "{again:?}");
}

#[test]
fn leases_are_shorter_in_a_full_pool() {
    let (server, mut relay) = start(
        r#"
        lease-time = "1h"
        [[subnet.pool]]
        range = "100.64.0.10-100.64.0.13"
        shorten = [{ above = 0.5, lease-time = "10m" }, { above = 0.9, lease-time = "2m" }]
        "#,
    );
    let times: Vec<u32> =
        (1..=4).map(|number| acquires(&mut relay, number).lease_time_secs).collect();
    assert_eq!(times, [3600, 3600, 600, 120]);
    let line = server.journal_says("a shortened lease", |line| {
        line.reason == "ack-selecting" && line.lease_time_secs == Some(120)
    });
    assert_eq!(line.lease_time_rule.as_deref(), Some("shortened"));
}

#[test]
fn a_client_gets_its_address_back_after_a_restart() {
    let (mut server, mut relay) = start(
        r#"
        [[subnet.pool]]
        range = "100.64.0.10-100.64.0.12"
        "#,
    );
    let leases = [1, 2].map(|number| acquires(&mut relay, number));
    for (number, lease) in [(2, &leases[1]), (1, &leases[0])] {
        let server_identifier = lease.server_identifier;
        relay
            .release(&subscriber(number), lease.address, server_identifier, Duration::ZERO)
            .unwrap();
        let state = || server.all_leases().into_iter().find(|row| row.address == lease.address);
        wait::soon("the release", || state().filter(|row| row.state == LeaseState::Released));
    }
    server.kill();
    server.start_again();
    // A stranger gets what was never used, the next one what has been free longest.
    assert_eq!(acquires(&mut relay, 7).address, address(0, 12));
    assert_eq!(acquires(&mut relay, 8).address, leases[1].address);
    assert_eq!(acquires(&mut relay, 1).address, leases[0].address);
}
