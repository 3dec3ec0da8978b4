//! RFC 951 section 7.3: a server's reply.

use lessor_conformance::{
    GIADDR, Packet, Place, RESERVED_ADDRESS,
    bootp::{bootp_reply, reply_to_reserved},
    device,
    features::{BOOT, BOOTP, DYNAMIC_BOOTP},
    world,
};

#[test]
fn a_client_with_a_reservation_gets_its_address() {
    let world = world!(BOOTP);
    let (datagram, place) = reply_to_reserved(&world);
    assert_eq!(datagram.message[16..20], RESERVED_ADDRESS.octets());
    assert_eq!(place, Place::ToYourAddress);
}

#[test]
fn a_reply_has_the_boot_file_and_the_next_server() {
    let world = world!(BOOTP, BOOT);
    let (datagram, _) = reply_to_reserved(&world);
    assert!(datagram.message[108..].starts_with(b"boot.img\0"));
    assert_eq!(datagram.message[20..24], [192, 0, 2, 10]);
}

#[test]
fn a_relayed_client_is_answered_through_its_relay() {
    let world = world!(DYNAMIC_BOOTP);
    let asked = Packet::bootp(device(1)).relayed_by(GIADDR);
    let (datagram, place) = bootp_reply(&world.site.relay(&asked));
    assert_eq!(datagram.message[16..19], [100, 64, 0]);
    assert_eq!(place, Place::ToRelay);
}
