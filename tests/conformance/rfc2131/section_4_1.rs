//! RFC 2131 section 4.1: constructing and sending messages.

use lessor_conformance::{
    Expected, GIADDR, Heard, ON_LINK, Packet, Place, TO_RELAY, Type, device,
    messages::{discover, extending, init_reboot, selecting},
    world,
};

/// An address of another network.
const ELSEWHERE: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 0, 2, 9);
/// An address of the link that is in no pool.
const OUTSIDE_OF_POOLS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 77, 0, 150);

#[track_caller]
fn assert_ends_with_255(reply: &Heard) {
    let mut rest = &reply.datagram.message[240..];
    loop {
        rest = match rest {
            [0, after @ ..] => after,
            [255, after @ ..] => {
                return assert!(
                    after.iter().all(|octet| *octet == 0),
                    "octets after 255: {after:?}"
                );
            }
            [_, length, after @ ..] => &after[usize::from(*length)..],
            _ => panic!("there is no option 255"),
        };
    }
}

#[test]
fn the_last_option_is_255() {
    let world = world!();
    assert_ends_with_255(&world.site.broadcast(&discover(1)).offer());
    assert_ends_with_255(&world.acquire(1));
    assert_ends_with_255(&world.site.broadcast(&init_reboot(1, ELSEWHERE)).nak());
}

#[test]
fn options_in_the_fields_file_and_sname_are_read_when_option_52_says_so() {
    let world = world!();
    let wanted = [10, 77, 0, 14];
    let in_file = [&[50, 4][..], &wanted, &[255]].concat();
    let in_sname = b"\x3d\x05\x00abcd\xff";
    let asked = discover(1).option(52, &[3]).boot_file(&in_file).server_name(in_sname);
    let offer = world.site.broadcast(&asked).offer();
    assert_eq!(offer.said.your_address.octets(), wanted);
    // The client identifier was read too: another one is another client.
    let other = world.site.broadcast(&discover(1).option(61, b"\x00efgh")).offer();
    assert_ne!(other.said.your_address, offer.said.your_address);
}

#[test]
fn the_fields_file_and_sname_are_no_options_without_option_52() {
    let world = world!();
    // A server may choose one of these addresses, but not each by chance.
    let is_followed = |client: u8, last: u8| {
        let in_file = [50, 4, 10, 77, 0, last, 255];
        let offer = world.site.broadcast(&discover(client).boot_file(&in_file)).offer();
        offer.said.your_address.octets()[3] == last
    };
    assert!(![(1, 14), (2, 16), (3, 13)].iter().all(|(client, last)| is_followed(*client, *last)));
}

#[test]
fn the_server_identifier_is_an_address_of_the_link_of_the_client() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    assert_eq!(offer.said.server_identifier(), Some(ON_LINK));
}

#[test]
fn any_address_of_the_server_in_option_54_means_the_server() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    let request = Packet::new(Type::Request, device(1));
    let request = request.address_option(50, offer.said.your_address);
    world.site.broadcast(&request.address_option(54, TO_RELAY)).ack();
}

#[test]
fn replies_to_a_relay_go_to_giaddr_and_port_67() {
    let world = world!();
    let offer = world.site.relay(&discover(1).relayed_by(GIADDR)).offer();
    let request = selecting(device(1), &offer).relayed_by(GIADDR);
    let ack = world.site.relay(&request).ack();
    for reply in [offer, ack] {
        assert_eq!((reply.place, reply.datagram.destination.port()), (Place::ToRelay, 67));
    }
}

#[test]
fn a_relayed_renewal_with_ciaddr_is_answered_to_giaddr() {
    let world = world!();
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    let ack = world.site.relay(&extending(1, address).relayed_by(GIADDR)).ack();
    assert_eq!(ack.place, Place::ToRelay);
}

#[test]
fn a_client_that_wants_a_broadcast_gets_one() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1).flags(0x8000)).offer();
    let ack = world.site.broadcast(&selecting(device(1), &offer).flags(0x8000)).ack();
    for reply in [offer, ack] {
        assert_eq!((reply.place, reply.datagram.destination.port()), (Place::Broadcast, 68));
        assert_eq!(reply.datagram.destination_hardware_address, [0xff; 6]);
    }
}

#[test]
fn a_client_without_an_address_is_answered_at_its_hardware_address() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1)).offer();
    let ack = world.site.broadcast(&selecting(device(1), &offer)).ack();
    for reply in [offer, ack] {
        assert_eq!((reply.place, reply.datagram.destination.port()), (Place::ToYourAddress, 68));
        assert_eq!(reply.datagram.destination_hardware_address, device(1));
    }
}

#[test]
fn a_renewal_is_answered_to_ciaddr() {
    let world = world!();
    let address = world.acquire(1).said.your_address;
    world.site.client_host_uses(address);
    let ack = world.site.unicast_on_link(&extending(1, address)).ack();
    assert_eq!((ack.place, ack.datagram.destination.port()), (Place::ToClientAddress, 68));
}

#[test]
fn a_rebinding_client_that_wants_a_broadcast_is_answered_to_ciaddr() {
    let world = world!();
    let address = world.acquire(1).said.your_address;
    world.site.client_host_uses(address);
    let ack = world.site.broadcast(&extending(1, address).flags(0x8000)).ack();
    assert_eq!(ack.place, Place::ToClientAddress);
}

#[test]
fn ciaddr_of_a_discover_is_not_where_the_offer_goes() {
    let world = world!();
    let offer = world.site.broadcast(&discover(1).from_address(OUTSIDE_OF_POOLS)).offer();
    assert_eq!(offer.place, Place::ToYourAddress);
}

#[test]
fn a_nak_on_the_link_is_broadcast() {
    let world = world!();
    let nak = world.site.broadcast(&init_reboot(1, ELSEWHERE)).nak();
    assert_eq!((nak.place, nak.datagram.destination.port()), (Place::Broadcast, 68));
    assert_eq!(nak.datagram.destination_hardware_address, [0xff; 6]);
}

#[test]
fn a_nak_on_the_link_is_broadcast_also_with_ciaddr() {
    let world = world!();
    world.acquire(1);
    let of_another = world.acquire(2).said.your_address;
    world.site.client_host_uses(of_another);
    let nak = world.site.unicast_on_link(&extending(1, of_another)).nak();
    assert_eq!(nak.place, Place::Broadcast);
}

#[test]
fn a_nak_to_a_client_behind_a_relay_that_renews_directly_reaches_it() {
    let world = world!();
    world.acquire_behind(GIADDR, 1);
    let of_another = world.acquire_behind(GIADDR, 2).said.your_address;
    let nak = world.site.unicast(&extending(1, of_another)).nak();
    assert_eq!(nak.place, Place::ToClientAddress);
}

#[test]
fn a_nak_to_a_relay_goes_to_giaddr() {
    let world = world!();
    let nak = world.site.relay(&init_reboot(1, ELSEWHERE).relayed_by(GIADDR)).nak();
    assert_eq!((nak.place, nak.datagram.destination.port()), (Place::ToRelay, 67));
}
