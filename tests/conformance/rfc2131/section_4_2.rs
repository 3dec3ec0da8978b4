//! RFC 2131 section 4.2: administrative control, and the identity of clients.

use lessor_conformance::{
    Expected, GIADDR, RESERVED_ADDRESS, SECOND_GIADDR, features::KNOWN_CLIENTS_ONLY,
    messages::discover, world,
};

const IDENTIFIER: &[u8] = b"\x00first";
const OTHER_IDENTIFIER: &[u8] = b"\x00second";

#[test]
fn a_client_is_known_by_its_identifier_whatever_its_hardware_address_is() {
    let world = world!();
    let ack = world.acquire(1);
    let with_identifier = world.acquire_as(2, IDENTIFIER);
    let offer = world.site.broadcast(&discover(3).option(61, IDENTIFIER)).offer();
    assert_eq!(offer.said.your_address, with_identifier.said.your_address);
    assert_ne!(offer.said.your_address, ack.said.your_address);
}

#[test]
fn two_identifiers_at_one_hardware_address_are_two_clients() {
    let world = world!();
    let first = world.acquire_as(1, IDENTIFIER);
    let second = world.acquire_as(1, OTHER_IDENTIFIER);
    assert_ne!(first.said.your_address, second.said.your_address);
}

#[test]
fn a_client_without_an_identifier_is_known_by_its_hardware_address() {
    let world = world!();
    let first = world.acquire(1).said.your_address;
    let second = world.acquire(2).said.your_address;
    assert_ne!(first, second);
    assert_eq!(world.acquire(1).said.your_address, first);
}

#[test]
fn a_client_has_an_address_in_each_subnet_it_asks_from() {
    let world = world!();
    let here = world.acquire_behind(GIADDR, 1).said.your_address;
    let there = world.acquire_behind(SECOND_GIADDR, 1).said.your_address;
    assert_eq!((here.octets()[2], there.octets()[2]), (0, 1));
}

#[test]
fn a_server_can_be_set_to_answer_known_clients_only() {
    let world = world!(KNOWN_CLIENTS_ONLY);
    world.site.broadcast(&discover(1)).silence();
    assert_eq!(world.acquire_reserved().said.your_address, RESERVED_ADDRESS);
}
