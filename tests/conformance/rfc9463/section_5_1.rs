//! RFC 9463 section 5.1: encrypted resolvers.

use lessor_conformance::{
    Expected, features::ENCRYPTED_RESOLVERS, messages::discover_asking, world,
};

#[test]
fn a_resolver_has_its_length_its_priority_and_its_name() {
    let world = world!(ENCRYPTED_RESOLVERS);
    let offer = world.site.broadcast(&discover_asking(1, &[1, 3, 162])).offer();
    // The instance data length, the service priority, and the name after its length.
    let wanted = b"\x00\x14\x00\x01\x11\x03dns\x07example\x03org\x00";
    assert_eq!(offer.option(162), wanted);
}
