//! RFC 8910 section 2.1: the captive portal.

use lessor_conformance::{Expected, features::CAPTIVE_PORTAL, messages::discover_asking, world};

#[test]
fn option_114_has_the_uri_without_a_zero_at_its_end() {
    let world = world!(CAPTIVE_PORTAL);
    let offer = world.site.broadcast(&discover_asking(1, &[1, 3, 114])).offer();
    assert_eq!(offer.option(114), b"https://portal.example.org/api");
}
