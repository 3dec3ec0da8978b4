//! RFC 5107: the server identifier override sub-option.

use lessor_conformance::{
    Expected, GIADDR, Packet, Place, Type, device, features::SERVER_IDENTIFIER_OVERRIDE,
    messages::discover, world,
};

/// Sub-option 11: the address of the relay.
const OVERRIDE: &[u8] = &[11, 4, 100, 64, 0, 1];

#[test]
fn the_override_is_sent_as_the_server_identifier() {
    let world = world!(SERVER_IDENTIFIER_OVERRIDE);
    let asked = discover(1).relayed_by(GIADDR).option(82, OVERRIDE);
    let offer = world.site.relay(&asked).offer();
    assert_eq!(offer.said.server_identifier(), Some(GIADDR));
    assert_eq!(offer.place, Place::ToRelay);
}

#[test]
fn the_override_is_accepted_as_the_server_identifier() {
    let world = world!(SERVER_IDENTIFIER_OVERRIDE);
    let asked = discover(1).relayed_by(GIADDR).option(82, OVERRIDE);
    let offer = world.site.relay(&asked).offer();
    let request = Packet::new(Type::Request, device(1)).relayed_by(GIADDR).option(82, OVERRIDE);
    let request = request.address_option(50, offer.said.your_address);
    let request = request.address_option(54, GIADDR);
    world.site.relay(&request).ack();
}

#[test]
fn the_identifier_of_another_client_means_another_server() {
    let world = world!();
    let offer = world.site.relay(&discover(1).relayed_by(GIADDR)).offer();
    let request = Packet::new(Type::Request, device(1)).relayed_by(GIADDR);
    let request = request.address_option(50, offer.said.your_address);
    // Without the sub-option, the address of the relay is none of the server's.
    world.site.relay(&request.address_option(54, GIADDR)).silence();
}
