//! RFC 6607 section 7: what a server does with a virtual subnet that the relay selects.

use std::net::Ipv4Addr;

use lessor_conformance::{
    Expected, Packet, RELAY, features::VIRTUAL_SUBNET, messages::discover, world,
};

/// The relay of the VPN `blue`.
const RELAY_OF_BLUE: Ipv4Addr = Ipv4Addr::new(10, 90, 0, 1);
/// Sub-option 151, of the type 0 (a name), and the control sub-option 152.
const BLUE: &[u8] = b"\x97\x05\x00blue\x98\x00";

fn of_blue(packet: Packet) -> Packet {
    packet.relayed_by(RELAY_OF_BLUE).option(82, BLUE)
}

#[test]
fn the_sub_option_selects_the_vpn() {
    let world = world!(VIRTUAL_SUBNET);
    world.site.server.add_route("10.90.0.0/24", &RELAY.to_string());
    world.site.relay_has(RELAY_OF_BLUE);
    let offer = world.site.relay(&of_blue(discover(1))).offer();
    assert_eq!(offer.said.your_address.octets()[..3], [10, 90, 0]);
}

#[test]
fn the_control_sub_option_is_not_returned_by_a_server_that_used_the_other() {
    let world = world!(VIRTUAL_SUBNET);
    world.site.server.add_route("10.90.0.0/24", &RELAY.to_string());
    world.site.relay_has(RELAY_OF_BLUE);
    let offer = world.site.relay(&of_blue(discover(1))).offer();
    assert_eq!(offer.said.relay_information(), Some(&BLUE[..7]));
}

#[test]
fn an_unknown_vpn_gets_no_address() {
    let world = world!(VIRTUAL_SUBNET);
    world.site.server.add_route("10.90.0.0/24", &RELAY.to_string());
    world.site.relay_has(RELAY_OF_BLUE);
    let asked = discover(1).relayed_by(RELAY_OF_BLUE).option(82, b"\x97\x04\x00red\x98\x00");
    world.site.relay(&asked).silence();
}
