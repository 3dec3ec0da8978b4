//! RFC 4388 section 6.4: what a server answers to a leasequery.

use std::net::Ipv4Addr;

use lessor_conformance::{
    Expected, GIADDR, Packet, Type, World, device, features::LEASEQUERY, messages::discover, world,
};
use lessor_load::Reply;

const UNASSIGNED: u8 = 11;
const UNKNOWN: u8 = 12;
const ACTIVE: u8 = 13;
/// No hardware address.
const NONE: [u8; 6] = [0; 6];

/// A query, whose giaddr is where the answer goes.
fn query(hardware_address: [u8; 6]) -> Packet {
    let packet = Packet::without_parameters(Type::LeaseQuery, hardware_address);
    packet.relayed_by(GIADDR).option(55, &[51, 58, 59, 61, 82, 91, 92])
}

fn by_address(address: Ipv4Addr) -> Packet {
    query(NONE).without_hardware_address().from_address(address)
}

#[track_caller]
fn answer(world: &World, asked: &Packet) -> (u8, Reply) {
    let answer = world.site.relay(asked);
    let Some(reply) = answer.reply() else { panic!("wanted an answer; got {answer}") };
    let message = reply.message();
    (message.message_type.into(), message)
}

#[test]
fn an_address_that_is_leased_is_active() {
    let world = world!(LEASEQUERY);
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    let (kind, said) = answer(&world, &by_address(address));
    assert_eq!((kind, said.client_address), (ACTIVE, address));
    assert_eq!(said.hardware_address, device(1));
    assert!(said.lease_time_secs().is_some_and(|secs| (1..=3_600).contains(&secs)));
    assert!(said.options.number(91).is_some(), "{:?}", said.options.codes());
}

#[test]
fn an_address_that_is_not_leased_is_unassigned() {
    let world = world!(LEASEQUERY);
    let (kind, _) = answer(&world, &by_address(Ipv4Addr::new(100, 64, 0, 15)));
    assert_eq!(kind, UNASSIGNED);
}

#[test]
fn an_address_that_the_server_does_not_have_is_unknown() {
    let world = world!(LEASEQUERY);
    let (kind, _) = answer(&world, &by_address(Ipv4Addr::new(192, 0, 2, 9)));
    assert_eq!(kind, UNKNOWN);
}

#[test]
fn a_client_is_found_by_its_hardware_address() {
    let world = world!(LEASEQUERY);
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    let (kind, said) = answer(&world, &query(device(1)));
    assert_eq!((kind, said.client_address), (ACTIVE, address));
}

#[test]
fn a_client_is_found_by_its_identifier() {
    let world = world!(LEASEQUERY);
    let identifier = b"\x00client";
    let asked = discover(1).relayed_by(GIADDR).option(61, identifier);
    let offer = world.site.relay(&asked).offer();
    let request = lessor_conformance::messages::selecting(device(1), &offer);
    let ack = world.site.relay(&request.relayed_by(GIADDR).option(61, identifier)).ack();
    let asked = query(NONE).without_hardware_address().option(61, identifier);
    let (kind, said) = answer(&world, &asked);
    assert_eq!((kind, said.client_address), (ACTIVE, ack.said.your_address));
}

#[test]
fn agent_information_is_returned_as_it_was_last_received() {
    let world = world!(LEASEQUERY);
    let offer = world.site.relay(&discover(1).relayed_by(GIADDR).on_line("line-7")).offer();
    let request = lessor_conformance::messages::selecting(device(1), &offer);
    let ack = world.site.relay(&request.relayed_by(GIADDR).on_line("line-7")).ack();
    let (_, said) = answer(&world, &by_address(ack.said.your_address));
    assert_eq!(said.relay_information(), Some(&b"\x01\x06line-7"[..]));
}

#[test]
fn a_query_without_giaddr_is_not_answered() {
    let world = world!(LEASEQUERY);
    let mut asked = by_address(Ipv4Addr::new(100, 64, 0, 15));
    asked.relay_address = Ipv4Addr::UNSPECIFIED;
    world.site.relay(&asked).silence();
}

#[test]
fn a_query_changes_nothing() {
    let world = world!(LEASEQUERY);
    let free = Ipv4Addr::new(100, 64, 0, 14);
    answer(&world, &by_address(free));
    let asked = discover(2).address_option(50, free).relayed_by(GIADDR);
    assert_eq!(world.site.relay(&asked).offer().said.your_address, free);
}
