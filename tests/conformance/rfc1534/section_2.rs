//! RFC 1534 section 2: BOOTP clients and DHCP servers.

use lessor_conformance::{
    Kind, Packet,
    bootp::{bootp_reply, reply_to_reserved},
    device,
    features::{BOOTP, DYNAMIC_BOOTP},
    world,
};

#[test]
fn a_reply_has_no_options_of_dhcp() {
    let world = world!(BOOTP);
    let (datagram, _) = reply_to_reserved(&world);
    let codes: Vec<u8> = datagram.options().into_iter().map(|(code, _)| code).collect();
    assert!(codes.iter().all(|code| !(50..=61).contains(code)), "{codes:?}");
}

#[test]
fn a_client_without_a_reservation_gets_nothing_unless_addresses_are_given_to_such() {
    let world = world!(BOOTP);
    if !world.is_none_of(&[Kind::Kea], "its hook gives addresses to all") {
        return;
    }
    assert!(world.site.broadcast(&Packet::bootp(device(1))).reply().is_none());
}

#[test]
fn a_client_without_a_reservation_can_get_an_address_of_its_own() {
    let world = world!(DYNAMIC_BOOTP);
    let (datagram, _) = bootp_reply(&world.site.broadcast(&Packet::bootp(device(1))));
    assert_eq!(datagram.message[16..19], [10, 77, 0]);
    let (again, _) = bootp_reply(&world.site.broadcast(&Packet::bootp(device(1))));
    assert_eq!(again.message[16..20], datagram.message[16..20]);
    let address: [u8; 4] = datagram.message[16..20].try_into().expect("4 octets");
    let others = world.exhaust(2);
    assert!(!others.contains(&address.into()), "the address is the client's");
}
