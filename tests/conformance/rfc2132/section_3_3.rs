//! RFC 2132 section 3.3: the subnet mask.

use lessor_conformance::{Expected, messages::discover_asking, world};

#[test]
fn the_mask_comes_before_the_routers() {
    let world = world!();
    let parameters = world.site.broadcast(&discover_asking(1, &[3, 1])).offer().parameters();
    let place = |code| parameters.iter().position(|found| *found == code);
    assert!(place(1).is_some() && place(1) < place(3), "{parameters:?}");
}

#[test]
fn the_mask_is_sent_also_to_a_client_that_does_not_ask_for_it() {
    let world = world!();
    let offer = world.site.broadcast(&discover_asking(1, &[6])).offer();
    assert_eq!(offer.option(1), [255, 255, 255, 0]);
}
