//! RFC 3925 section 4: vendor-identifying vendor-specific information.

use lessor_conformance::{Expected, features::ENTERPRISE_OPTION, messages::discover_asking, world};

/// The class of the enterprise 32473: "device".
const CLASS: &[u8] = b"\x00\x00\x7e\xd9\x07\x06device";

#[test]
fn options_of_an_enterprise_stand_behind_its_number_and_their_length() {
    let world = world!(ENTERPRISE_OPTION);
    let asked = discover_asking(1, &[1, 3, 125]).option(124, CLASS);
    let offer = world.site.broadcast(&asked).offer();
    assert_eq!(offer.option(125), b"\x00\x00\x7e\xd9\x05\x01\x03abc");
}
