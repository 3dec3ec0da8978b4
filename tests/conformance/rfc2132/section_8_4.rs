//! RFC 2132 section 8.4: vendor specific information.

use lessor_conformance::{Expected, features::VENDOR_OPTION, messages::discover_asking, world};

#[test]
fn vendor_specific_information_is_sent_as_it_is_configured() {
    let world = world!(VENDOR_OPTION);
    let asked = discover_asking(1, &[1, 43]).option(60, b"vendor");
    let offer = world.site.broadcast(&asked).offer();
    assert_eq!(offer.option(43), [1, 4, 192, 0, 2, 1]);
}

#[test]
fn vendor_specific_information_is_sent_only_to_those_who_ask() {
    let world = world!(VENDOR_OPTION);
    assert!(!world.site.broadcast(&discover_asking(1, &[1, 3])).offer().has(43));
}
