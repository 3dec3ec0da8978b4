//! RFC 2132 sections 9.3 and 9.10: how long a reply may be, and what to do when it is too long.

use lessor_conformance::{
    Expected, Packet,
    features::{BOOT, MANY_OPTIONS},
    messages::discover_asking,
    world,
};

/// Five options of 60 octets, which do not fit into the options field of 576 octets beside others.
const ASKED: [u8; 9] = [1, 3, 6, 15, 225, 226, 227, 228, 229];

/// A list of parameters, a client identifier and a line, which make the reply longer.
fn asked(octets_max: Option<u16>) -> Packet {
    let packet = discover_asking(1, &ASKED);
    octets_max.map_or(packet.clone(), |octets| packet.option(57, &octets.to_be_bytes()))
}

#[test]
fn a_reply_is_no_longer_than_option_57_allows() {
    let world = world!(MANY_OPTIONS);
    let offer = world.site.broadcast(&asked(Some(576))).offer();
    assert!(offer.packet_octets() <= 576, "{} octets", offer.packet_octets());
}

#[test]
fn a_reply_to_a_client_without_option_57_has_at_most_576_octets() {
    let world = world!(MANY_OPTIONS);
    let offer = world.site.broadcast(&asked(None)).offer();
    assert!(offer.packet_octets() <= 576, "{} octets", offer.packet_octets());
}

#[test]
fn options_that_do_not_fit_go_into_the_fields_file_and_sname() {
    let world = world!(MANY_OPTIONS);
    let offer = world.site.broadcast(&asked(Some(576))).offer();
    for code in ASKED {
        assert!(offer.has(code), "option {code} is left out: {:?}", offer.said.options.codes());
    }
    assert!(offer.said.options.octet(52).is_some_and(|overload| (1..=3).contains(&overload)));
}

#[test]
fn a_client_that_takes_long_messages_gets_all_options_in_the_options_field() {
    let world = world!(MANY_OPTIONS);
    let offer = world.site.broadcast(&asked(Some(1_400))).offer();
    assert!(!offer.has(52), "there is room for all");
    for code in ASKED {
        assert!(offer.has(code), "option {code} is left out: {:?}", offer.said.options.codes());
    }
}

#[test]
fn a_limit_below_the_minimum_of_576_counts_as_576() {
    let world = world!(MANY_OPTIONS);
    let offer = world.site.broadcast(&asked(Some(64))).offer();
    assert!(offer.has(1) && offer.has(51) && offer.has(54), "{:?}", offer.said.options.codes());
    assert!(offer.packet_octets() <= 576, "{} octets", offer.packet_octets());
}

#[test]
fn a_field_with_a_boot_file_holds_no_options() {
    let world = world!(MANY_OPTIONS, BOOT);
    let offer = world.site.broadcast(&asked(Some(576))).offer();
    assert_eq!(offer.boot_file(), "boot.img");
}
