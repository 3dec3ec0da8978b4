//! RFC 3993: the subscriber id.

use lessor_conformance::{
    Expected, GIADDR, device,
    messages::{discover, selecting},
    world,
};

#[test]
fn the_subscriber_id_is_echoed() {
    let world = world!();
    let information = b"\x06\x0bsubscriber7\x01\x04line";
    let asked = discover(1).relayed_by(GIADDR).option(82, information);
    let offer = world.site.relay(&asked).offer();
    assert_eq!(offer.said.relay_information(), Some(&information[..]));
    let request = selecting(device(1), &offer).relayed_by(GIADDR).option(82, information);
    assert_eq!(world.site.relay(&request).ack().said.relay_information(), Some(&information[..]));
}
