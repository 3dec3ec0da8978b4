//! RFC 1542 section 2.1: the length of BOOTP messages.

use lessor_conformance::{
    Expected, bootp::reply_to_reserved, features::BOOTP, messages::discover, world,
};

#[test]
fn a_reply_has_at_least_300_octets_and_the_magic_cookie() {
    let world = world!(BOOTP);
    let (datagram, _) = reply_to_reserved(&world);
    assert!(datagram.message.len() >= 300, "{} octets", datagram.message.len());
    assert_eq!(datagram.message[236..240], [99, 130, 83, 99]);
}

#[test]
fn a_reply_of_dhcp_has_at_least_300_octets_too() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    assert!(offer.datagram.message.len() >= 300, "{} octets", offer.datagram.message.len());
}
