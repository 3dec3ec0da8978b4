//! RFC 951 section 7.3 and RFC 1542 section 2.1: BOOTP clients.

use lessor_conformance::{
    GIADDR, Packet, Place, RESERVED_ADDRESS, RESERVED_FOR, World, device,
    features::{BOOT, BOOTP, DYNAMIC_BOOTP},
    world,
};
use lessor_e2e::{Datagram, subject::Answer};

/// Returns the reply, which has no message type.
#[track_caller]
fn bootp_reply(answer: &Answer) -> (Datagram, Place) {
    let Some(reply) = answer.reply() else { panic!("wanted a BOOTREPLY; got {answer}") };
    assert_eq!(reply.datagram.option(53), None, "a BOOTP client knows no types");
    (reply.datagram.clone(), reply.place)
}

fn reserved(world: &World) -> (Datagram, Place) {
    bootp_reply(&world.site.broadcast(&Packet::bootp(RESERVED_FOR)))
}

#[test]
fn a_client_with_a_reservation_gets_its_address() {
    let world = world!(BOOTP);
    let (datagram, place) = reserved(&world);
    assert_eq!(datagram.message[16..20], RESERVED_ADDRESS.octets());
    assert_eq!(place, Place::ToYourAddress);
}

#[test]
fn a_reply_has_at_least_300_octets_and_the_magic_cookie() {
    let world = world!(BOOTP);
    let (datagram, _) = reserved(&world);
    assert!(datagram.message.len() >= 300, "{} octets", datagram.message.len());
    assert_eq!(datagram.message[236..240], [99, 130, 83, 99]);
}

#[test]
fn a_reply_has_the_boot_file_and_the_next_server() {
    let world = world!(BOOTP, BOOT);
    let (datagram, _) = reserved(&world);
    assert!(datagram.message[108..].starts_with(b"boot.img\0"));
    assert_eq!(datagram.message[20..24], [192, 0, 2, 10]);
}

#[test]
fn a_reply_has_no_options_of_dhcp() {
    let world = world!(BOOTP);
    let (datagram, _) = reserved(&world);
    let codes: Vec<u8> = datagram.options().into_iter().map(|(code, _)| code).collect();
    assert!(codes.iter().all(|code| !(50..=61).contains(code)), "{codes:?}");
}

#[test]
fn a_client_without_a_reservation_gets_nothing_unless_addresses_are_given_to_such() {
    let world = world!(BOOTP);
    if !world.is_none_of(&[lessor_conformance::Kind::Kea], "its hook gives addresses to all") {
        return;
    }
    assert!(world.site.broadcast(&Packet::bootp(device(1))).reply().is_none());
}

#[test]
fn a_client_without_a_reservation_gets_an_address_for_ever() {
    let world = world!(DYNAMIC_BOOTP);
    let (datagram, _) = bootp_reply(&world.site.broadcast(&Packet::bootp(device(1))));
    assert_eq!(datagram.message[16..19], [10, 77, 0]);
    let (again, _) = bootp_reply(&world.site.broadcast(&Packet::bootp(device(1))));
    assert_eq!(again.message[16..20], datagram.message[16..20]);
    let address: [u8; 4] = datagram.message[16..20].try_into().expect("4 octets");
    let others = world.exhaust(2);
    assert!(!others.contains(&address.into()), "the address is the client's");
}

#[test]
fn a_relayed_client_is_answered_through_its_relay() {
    let world = world!(DYNAMIC_BOOTP);
    let asked = Packet::bootp(device(1)).relayed_by(GIADDR);
    let (datagram, place) = bootp_reply(&world.site.relay(&asked));
    assert_eq!(datagram.message[16..19], [100, 64, 0]);
    assert_eq!(place, Place::ToRelay);
}
