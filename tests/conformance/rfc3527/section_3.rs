//! RFC 3527: the link selection sub-option.

use lessor_conformance::{
    Expected, GIADDR, Place, device,
    messages::{discover, selecting},
    world,
};

/// Sub-option 5: the second subnet.
const SELECTION: &[u8] = &[5, 4, 100, 64, 1, 0];

#[test]
fn the_selected_link_has_precedence_over_giaddr() {
    let world = world!();
    let asked = discover(1).relayed_by(GIADDR).option(82, SELECTION);
    let offer = world.site.relay(&asked).offer();
    assert_eq!(offer.said.your_address.octets()[..3], [100, 64, 1]);
    assert_eq!(offer.said.relay_information(), Some(SELECTION));
    assert_eq!(offer.place, Place::ToRelay, "the reply goes to giaddr");
    let request = selecting(device(1), &offer).relayed_by(GIADDR).option(82, SELECTION);
    let ack = world.site.relay(&request).ack();
    assert_eq!(ack.said.your_address, offer.said.your_address);
}

#[test]
fn the_selected_link_has_precedence_over_option_118() {
    let world = world!();
    let asked = discover(1).relayed_by(GIADDR).option(118, &[100, 64, 0, 0]);
    let offer = world.site.relay(&asked.option(82, SELECTION)).offer();
    assert_eq!(offer.said.your_address.octets()[..3], [100, 64, 1]);
}

#[test]
fn a_link_that_the_server_does_not_have_gets_no_address() {
    let world = world!();
    let asked = discover(1).relayed_by(GIADDR).option(82, &[5, 4, 192, 0, 2, 0]);
    let answer = world.site.relay(&asked);
    assert!(answer.your_address().is_none_or(|address| address.octets()[..2] != [100, 64]));
}
