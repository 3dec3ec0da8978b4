//! RFC 6842 section 3: the client identifier in replies.

use lessor_conformance::{
    Expected, device,
    features::CLIENT_IDENTIFIER,
    messages::{discover, init_reboot, selecting},
    world,
};

const IDENTIFIERS: [&[u8]; 4] =
    [b"\x01\x02\x00\x5e\x00\x53\x01", b"\x00name", b"\xff\xfe\x00", b"\x00x"];

#[test]
fn the_identifier_is_returned_unaltered_in_offer_and_ack() {
    let world = world!(CLIENT_IDENTIFIER);
    for identifier in IDENTIFIERS {
        let offer = world.site.broadcast(&discover(1).option(61, identifier)).offer();
        assert_eq!(offer.option(61), identifier);
        let request = selecting(device(1), &offer).option(61, identifier);
        assert_eq!(world.site.broadcast(&request).ack().option(61), identifier);
    }
}

#[test]
fn the_identifier_is_returned_unaltered_in_a_nak() {
    let world = world!(CLIENT_IDENTIFIER);
    let request = init_reboot(1, [192, 0, 2, 9].into()).option(61, IDENTIFIERS[1]);
    assert_eq!(world.site.broadcast(&request).nak().option(61), IDENTIFIERS[1]);
}

#[test]
fn a_long_identifier_is_returned_whole() {
    let world = world!(CLIENT_IDENTIFIER);
    let identifier = [&[0][..], &[b'i'; 200]].concat();
    let offer = world.site.broadcast(&discover(1).option(61, &identifier)).offer();
    assert_eq!(offer.option(61), identifier);
}

#[test]
fn an_identifier_is_not_invented() {
    let world = world!(CLIENT_IDENTIFIER);
    assert!(!world.site.broadcast(&discover(1)).offer().has(61));
    assert!(!world.acquire(1).has(61));
    assert!(!world.site.broadcast(&init_reboot(1, [192, 0, 2, 9].into())).nak().has(61));
}
