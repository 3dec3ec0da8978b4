//! RFC 2131 section 4.3.5: INFORM.

use std::net::Ipv4Addr;

use lessor_conformance::{
    Expected, GIADDR, Packet, Place, Type, device,
    messages::{discover, inform},
    world,
};

const OUTSIDE_OF_POOLS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 150);
const BEHIND_THE_RELAY: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 150);

#[test]
fn the_answer_goes_to_ciaddr() {
    let world = world!();
    world.site.client_host_uses(OUTSIDE_OF_POOLS);
    let ack = world.site.broadcast(&inform(1, OUTSIDE_OF_POOLS)).ack();
    assert_eq!((ack.place, ack.datagram.destination.port()), (Place::ToClientAddress, 68));
}

#[test]
fn the_answer_through_a_relay_reaches_the_client() {
    let world = world!();
    let ack = world.site.relay(&inform(1, BEHIND_THE_RELAY).relayed_by(GIADDR)).ack();
    assert!(matches!(ack.place, Place::ToClientAddress | Place::ToRelay), "{:?}", ack.place);
}

#[test]
fn yiaddr_is_not_filled() {
    let world = world!();
    let ack = world.site.unicast(&inform(1, BEHIND_THE_RELAY)).ack();
    assert_eq!(ack.said.your_address, Ipv4Addr::UNSPECIFIED);
}

#[test]
fn an_inform_allocates_nothing() {
    let world = world!();
    let in_pool = Ipv4Addr::new(100, 64, 0, 14);
    world.site.unicast(&inform(1, in_pool)).ack();
    let asked = discover(2).address_option(50, in_pool).relayed_by(GIADDR);
    assert_eq!(world.site.relay(&asked).offer().said.your_address, in_pool);
}

#[test]
fn a_relayed_inform_without_ciaddr_is_answered_through_the_relay() {
    let world = world!();
    let asked = Packet::new(Type::Inform, device(1)).relayed_by(GIADDR);
    let ack = world.site.relay(&asked).ack();
    assert_eq!(ack.place, Place::ToRelay);
    assert!(ack.said.is_broadcast(), "the client has no address that the relay knows");
}

#[test]
fn an_inform_without_ciaddr_on_the_link_is_not_answered() {
    let world = world!();
    world.site.broadcast(&Packet::new(Type::Inform, device(1))).silence();
}
