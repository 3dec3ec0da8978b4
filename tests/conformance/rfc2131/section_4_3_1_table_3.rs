//! RFC 2131 section 4.3.1, table 3: fields and options of replies.

use std::net::Ipv4Addr;

use lessor_conformance::{
    Expected, GIADDR, Heard, ON_LINK, Packet, World, device,
    features::BOOT,
    messages::{discover, extending, init_reboot, selecting},
    world,
};

const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// A message with all that clients put into one, and the answers to it.
fn relayed(packet: Packet) -> Packet {
    packet.relayed_by(GIADDR).elapsed_secs(7).on_line("line")
}

fn offer_and_ack(world: &World) -> [Heard; 2] {
    let full = |packet: Packet| {
        let packet = packet.option(57, &1_500_u16.to_be_bytes()).option(60, b"vendor");
        relayed(packet.option(61, b"\x00client"))
    };
    let offer = world.site.relay(&full(discover(1))).offer();
    let ack = world.site.relay(&full(selecting(device(1), &offer))).ack();
    [offer, ack]
}

fn nak(world: &World) -> Heard {
    world.site.relay(&relayed(init_reboot(1, ELSEWHERE).option(57, &[5, 220]))).nak()
}

#[test]
fn hops_and_secs_are_zero() {
    let world = world!();
    let [offer, ack] = offer_and_ack(&world);
    for (name, reply) in [("OFFER", offer), ("ACK", ack), ("NAK", nak(&world))] {
        assert_eq!(reply.datagram.message[3], 0, "hops of the {name}");
        assert_eq!(reply.datagram.message[8..10], [0, 0], "secs of the {name}");
    }
}

#[test]
fn ciaddr_is_zero_or_that_of_the_request() {
    let world = world!();
    let [offer, ack] = offer_and_ack(&world);
    assert_eq!([offer.said.client_address, ack.said.client_address], [NONE, NONE]);
    let address = world.acquire_behind(GIADDR, 2).said.your_address;
    let renewed = world.site.unicast(&extending(2, address)).ack();
    assert!([address, NONE].contains(&renewed.said.client_address), "{:?}", renewed.said);
    assert_eq!(nak(&world).said.client_address, NONE);
}

#[test]
fn yiaddr_is_the_address_and_zero_in_a_nak() {
    let world = world!();
    let [offer, ack] = offer_and_ack(&world);
    assert_eq!(offer.said.your_address, ack.said.your_address);
    assert_eq!(offer.said.your_address.octets()[..3], [100, 64, 0]);
    assert_eq!(nak(&world).said.your_address, NONE);
}

#[test]
fn siaddr_is_the_next_server_and_zero_in_a_nak() {
    let world = world!(BOOT);
    let [offer, ack] = offer_and_ack(&world);
    let next_server = Ipv4Addr::new(192, 0, 2, 10);
    assert_eq!([offer.said.next_server, ack.said.next_server], [next_server; 2]);
    assert_eq!(nak(&world).said.next_server, NONE);
}

#[test]
fn sname_and_file_are_those_of_the_client_and_unused_in_a_nak() {
    let world = world!(BOOT);
    for reply in offer_and_ack(&world) {
        assert_eq!(reply.said.server_name, b"boot.example.org");
        assert_eq!(reply.boot_file(), "boot.img");
    }
    let nak = nak(&world);
    assert!(nak.datagram.message[44..236].iter().all(|octet| *octet == 0), "sname or file");
}

#[test]
fn giaddr_and_chaddr_are_copied() {
    let world = world!();
    let [offer, ack] = offer_and_ack(&world);
    for reply in [offer, ack, nak(&world)] {
        assert_eq!(reply.said.relay_address, GIADDR);
        assert_eq!(reply.said.hardware_address, device(1));
        assert!(reply.datagram.message[34..44].iter().all(|octet| *octet == 0), "chaddr");
    }
}

#[test]
fn a_lease_time_is_in_offer_and_ack_and_not_in_a_nak() {
    let world = world!();
    let [offer, ack] = offer_and_ack(&world);
    assert!(offer.said.lease_time_secs().is_some() && ack.said.lease_time_secs().is_some());
    assert!(!nak(&world).has(51));
}

#[test]
fn a_server_identifier_is_in_every_reply() {
    let world = world!();
    let [offer, ack] = offer_and_ack(&world);
    for reply in [offer, ack, nak(&world)] {
        assert!(reply.said.server_identifier().is_some(), "{:?}", reply.said.options.codes());
    }
    let on_link = world.site.broadcast(&init_reboot(3, ELSEWHERE)).nak();
    assert_eq!(on_link.said.server_identifier(), Some(ON_LINK));
}

#[test]
fn what_only_clients_send_is_in_no_reply() {
    let world = world!();
    let [offer, ack] = offer_and_ack(&world);
    for (name, reply) in [("OFFER", offer), ("ACK", ack), ("NAK", nak(&world))] {
        for code in [50, 55, 57] {
            assert!(!reply.has(code), "option {code} in the {name}");
        }
    }
}

#[test]
fn a_nak_has_no_other_options_than_those_of_the_table() {
    let world = world!();
    let codes = nak(&world).said.options.codes();
    // Message, client identifier, vendor class, server identifier and relay agent information.
    let strangers: Vec<&u8> =
        codes.iter().filter(|code| ![53, 54, 56, 60, 61, 82].contains(*code)).collect();
    assert!(strangers.is_empty(), "{codes:?}");
}

#[test]
fn a_nak_says_why() {
    let world = world!();
    assert!(nak(&world).said.message().is_some_and(|message| !message.is_empty()));
}

#[test]
fn no_option_is_there_twice() {
    let world = world!();
    for reply in offer_and_ack(&world) {
        let mut codes: Vec<u8> =
            reply.datagram.options().into_iter().map(|(code, _)| code).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all, "{:?}", reply.datagram.options());
    }
}
