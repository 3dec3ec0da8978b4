//! RFC 2131 section 4.3.1: DISCOVER and OFFER.

use std::{collections::BTreeSet, net::Ipv4Addr, thread, time::Duration};

use lessor_conformance::{
    Expected, GIADDR, Kind, NAME_SERVER, ON_LINK, POOL_SIZE, SECOND_GIADDR, Service, TIME_SERVER,
    device,
    messages::{discover, discover_asking, release, selecting},
    world,
};

/// An address of the pool on the link that no server chooses first.
const LATE_IN_POOL: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 14);

#[test]
fn the_current_binding_comes_first() {
    let world = world!();
    let address = world.acquire(1).said.your_address;
    world.acquire(2);
    // Although the client asks for another one that is free.
    let offer = world.site.broadcast(&discover(1)).offer();
    assert_eq!(offer.said.your_address, address);
}

#[test]
fn then_the_previous_binding_while_it_is_free() {
    let world = world!();
    world.acquire(2);
    let ack = world.acquire(1);
    let server = ack.said.server_identifier().unwrap_or(ON_LINK);
    world.site.tell(&release(1, ack.said.your_address, server));
    let offer = world.site.broadcast(&discover(1)).offer();
    assert_eq!(offer.said.your_address, ack.said.your_address);
}

#[test]
fn an_expired_binding_is_offered_to_its_client_again() {
    let world = world!(Service { lease_secs: 3, ..Service::default() };);
    if !world.is_none_of(&[Kind::Dnsmasq], "its leases have at least two minutes") {
        return;
    }
    world.acquire(2);
    let address = world.acquire(1).said.your_address;
    thread::sleep(Duration::from_secs(5));
    let offer = world.site.broadcast(&discover(1)).offer();
    assert_eq!(offer.said.your_address, address);
}

#[test]
fn then_the_requested_address_if_it_is_valid_and_free() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1).address_option(50, LATE_IN_POOL)).offer();
    assert_eq!(offer.said.your_address, LATE_IN_POOL);
}

#[test]
fn a_requested_address_of_another_client_is_not_offered() {
    let world = world!();
    let taken = world.acquire(1).said.your_address;
    let offer = world.site.broadcast(&discover(2).address_option(50, taken)).offer();
    assert_ne!(offer.said.your_address, taken);
}

#[test]
fn a_requested_address_of_another_network_is_not_offered() {
    let world = world!();
    let elsewhere = Ipv4Addr::new(100, 64, 0, 12);
    let offer = world.site.broadcast(&discover(2).address_option(50, elsewhere)).offer();
    assert_eq!(offer.said.your_address.octets()[..3], [10, 77, 0]);
}

#[test]
fn then_an_address_of_the_subnet_of_giaddr_or_of_the_interface() {
    let world = world!();
    let of = |giaddr| world.site.relay(&discover(1).relayed_by(giaddr)).offer().said.your_address;
    assert_eq!(of(GIADDR).octets()[..3], [100, 64, 0]);
    assert_eq!(of(SECOND_GIADDR).octets()[..3], [100, 64, 1]);
    let on_link = world.site.broadcast(&discover(2)).offer().said.your_address;
    assert_eq!(on_link.octets()[..3], [10, 77, 0]);
}

#[test]
fn the_lease_time_is_the_configured_one_if_the_client_asks_for_none() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    assert_eq!(offer.said.lease_time_secs(), Some(3_600));
}

#[test]
fn a_client_that_asks_for_a_lease_time_gets_it_or_another_one() {
    let world = world!();
    for secs in [0_u32, 600, 1_000_000, u32::MAX] {
        let asked = discover(1).option(51, &secs.to_be_bytes());
        let granted = world.site.broadcast(&asked).offer().said.lease_time_secs();
        assert!(granted.is_some_and(|granted| granted > 0), "asked for {secs}: {granted:?}");
    }
}

#[test]
fn no_free_address_is_silence() {
    let world = world!();
    assert_eq!(world.exhaust(1).len(), POOL_SIZE);
    world.site.broadcast(&discover(100)).silence();
}

#[test]
fn an_address_in_an_open_offer_is_not_offered_to_another_client() {
    let world = world!();
    let clients = 1..=u8::try_from(POOL_SIZE).expect("a pool is small");
    let offered: BTreeSet<Ipv4Addr> = clients
        .map(|number| world.site.broadcast(&discover(number)).offer().said.your_address)
        .collect();
    assert_eq!(offered.len(), POOL_SIZE, "{offered:?}");
}

#[test]
fn the_ack_says_what_the_offer_said() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    let ack = world.site.broadcast(&selecting(device(1), &offer)).ack();
    assert_eq!(ack.said.your_address, offer.said.your_address);
    for code in offer.parameters() {
        assert_eq!(ack.option(code), offer.option(code), "option {code}");
    }
    assert_eq!(ack.said.next_server, offer.said.next_server);
}

#[test]
fn what_is_asked_for_and_configured_is_sent() {
    let world = world!();
    let offer = world.site.broadcast(&discover_asking(1, &[1, 3, 6, 15, 42])).offer();
    assert_eq!(offer.said.options.addresses(3), [ON_LINK]);
    assert_eq!(offer.said.options.addresses(6), [NAME_SERVER]);
    assert_eq!(offer.said.options.addresses(42), [TIME_SERVER]);
    let domain = offer.said.options.text(15).unwrap_or_default();
    assert_eq!(domain.trim_end_matches('\0'), "example.org");
}

#[test]
fn what_is_asked_for_and_not_configured_is_left_out() {
    let world = world!();
    // Cookie, log and LPR servers.
    let offer = world.site.broadcast(&discover_asking(1, &[1, 7, 8, 9])).offer();
    assert!([7, 8, 9].iter().all(|code| !offer.has(*code)), "{:?}", offer.parameters());
}

#[test]
fn what_has_a_default_of_the_host_requirements_is_sent_with_it() {
    let world = world!();
    // The default time to live, 64 (RFC 1122 section 3.2.1.7, RFC 1700).
    let offer = world.site.broadcast(&discover_asking(1, &[1, 23])).offer();
    assert_eq!(offer.option(23), [64]);
}

#[test]
fn values_of_a_subnet_are_those_of_its_clients() {
    let world = world!();
    let of = |giaddr: Ipv4Addr| {
        let offer = world.site.relay(&discover(1).relayed_by(giaddr)).offer();
        offer.said.options.addresses(3)
    };
    assert_eq!(of(GIADDR), [GIADDR]);
    assert_eq!(of(SECOND_GIADDR), [SECOND_GIADDR]);
}

#[test]
fn a_reservation_comes_before_the_pool() {
    let world = world!();
    let ack = world.acquire_reserved();
    assert_eq!(ack.said.your_address, lessor_conformance::RESERVED_ADDRESS);
}
