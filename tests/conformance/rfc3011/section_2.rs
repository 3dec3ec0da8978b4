//! RFC 3011: the subnet selection option.

use lessor_conformance::{
    Expected, GIADDR, Place, device,
    messages::{discover, selecting},
    world,
};

const SECOND_SUBNET: [u8; 4] = [100, 64, 1, 0];

#[test]
fn option_118_selects_the_subnet() {
    let world = world!();
    let asked = discover(1).relayed_by(GIADDR).option(118, &SECOND_SUBNET);
    let offer = world.site.relay(&asked).offer();
    assert_eq!(offer.said.your_address.octets()[..3], SECOND_SUBNET[..3]);
    assert_eq!(offer.place, Place::ToRelay);
}

#[test]
fn option_118_is_returned_if_it_was_used() {
    let world = world!();
    let asked = discover(1).relayed_by(GIADDR).option(118, &SECOND_SUBNET);
    let offer = world.site.relay(&asked).offer();
    assert_eq!(offer.option(118), SECOND_SUBNET);
    let request = selecting(device(1), &offer).relayed_by(GIADDR).option(118, &SECOND_SUBNET);
    let ack = world.site.relay(&request).ack();
    assert_eq!(ack.option(118), SECOND_SUBNET);
    assert_eq!(ack.said.your_address, offer.said.your_address);
}

#[test]
fn option_118_is_not_sent_to_a_client_without_it() {
    let world = world!();
    assert!(!world.site.relay(&discover(1).relayed_by(GIADDR)).offer().has(118));
}

#[test]
fn a_subnet_that_the_server_does_not_have_gets_no_address() {
    let world = world!();
    let asked = discover(1).relayed_by(GIADDR).option(118, &[192, 0, 2, 0]);
    let answer = world.site.relay(&asked);
    assert!(answer.your_address().is_none_or(|address| address.octets()[..2] != [100, 64]));
}
