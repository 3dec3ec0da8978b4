//! RFC 2131 section 2: the fields of messages.

use lessor_conformance::{Expected, GIADDR, Place, messages::discover, world};

#[test]
fn flags_are_copied_to_the_reply() {
    let world = world!();
    for flags in [0, 0x8000] {
        let offer = world.site.relay(&discover(1).relayed_by(GIADDR).flags(flags)).offer();
        assert_eq!(offer.said.flags, flags);
    }
}

#[test]
fn reserved_flags_of_a_request_are_ignored() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1).flags(0x7fff)).offer();
    assert_eq!(offer.place, Place::ToYourAddress);
}
