//! RFC 8357: the source port of a relay.

use std::net::SocketAddrV4;

use lessor_conformance::{
    Expected, GIADDR, Place, features::RELAY_SOURCE_PORT, messages::discover, world,
};

/// Sub-option 19, which has no octets.
const SOURCE_PORT: &[u8] = &[19, 0];

#[test]
fn a_relay_that_asks_for_it_is_answered_at_its_source_port() {
    let world = world!(RELAY_SOURCE_PORT);
    let asked = discover(1).relayed_by(GIADDR).option(82, SOURCE_PORT);
    let offer = world.site.relay_from(SocketAddrV4::new(GIADDR, 1067), &asked).offer();
    assert_eq!((offer.place, offer.datagram.destination.port()), (Place::ToRelay, 1067));
    assert_eq!(offer.said.relay_information(), Some(SOURCE_PORT));
}

#[test]
fn a_relay_that_does_not_ask_for_it_is_answered_at_port_67() {
    let world = world!();
    let from = SocketAddrV4::new(GIADDR, 1067);
    let offer = world.site.relay_from(from, &discover(1).relayed_by(GIADDR)).offer();
    assert_eq!((offer.place, offer.datagram.destination.port()), (Place::ToRelay, 67));
}
