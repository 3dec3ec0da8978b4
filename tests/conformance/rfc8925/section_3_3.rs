//! RFC 8925 section 3.3: clients that can do without IPv4.

use lessor_conformance::{
    Expected, device,
    features::IPV6_ONLY,
    messages::{discover_asking, selecting},
    world,
};

#[test]
fn option_108_is_sent_to_those_who_ask_for_it() {
    let world = world!(IPV6_ONLY);
    let offer = world.site.broadcast(&discover_asking(1, &[1, 3, 108])).offer();
    assert_eq!(offer.option(108), 1_800_u32.to_be_bytes());
}

#[test]
fn option_108_is_sent_to_nobody_else() {
    let world = world!(IPV6_ONLY);
    assert!(!world.site.broadcast(&discover_asking(1, &[1, 3])).offer().has(108));
}

#[test]
fn a_client_that_wants_an_address_nevertheless_gets_one() {
    let world = world!(IPV6_ONLY);
    let offer = world.site.broadcast(&discover_asking(1, &[1, 3, 108])).offer();
    // The offer may have no address; then the client asks for one without option 108.
    let offer = match offer.said.your_address.is_unspecified() {
        true => world.site.broadcast(&discover_asking(1, &[1, 3])).offer(),
        false => offer,
    };
    let ack = world.site.broadcast(&selecting(device(1), &offer)).ack();
    assert!(!ack.said.your_address.is_unspecified());
}
