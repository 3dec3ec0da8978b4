//! RFC 3021 section 2.1: prefixes of 31 bits, both of whose addresses are those of hosts.

use std::net::Ipv4Addr;

use lessor_conformance::{
    Expected, RELAY, device,
    features::PREFIX_OF_31_BITS,
    messages::{discover, selecting},
    world,
};

#[test]
fn the_second_address_of_a_pair_is_a_host() {
    let world = world!(PREFIX_OF_31_BITS);
    world.site.server.add_route("198.51.100.0/31", &RELAY.to_string());
    let relay = Ipv4Addr::new(198, 51, 100, 0);
    world.site.relay_has(relay);
    let offer = world.site.relay(&discover(1).relayed_by(relay)).offer();
    assert_eq!(offer.said.your_address, Ipv4Addr::new(198, 51, 100, 1));
    assert_eq!(offer.option(1), [255, 255, 255, 254]);
    world.site.relay(&selecting(device(1), &offer).relayed_by(relay)).ack();
}
