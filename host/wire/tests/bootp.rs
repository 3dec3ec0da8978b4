//! BOOTP: how messages are read and how replies are written.

mod common;

use common::{COOKIE, HARDWARE, Packet, arrival, codes, octets, option_parts, reply, written};
use lessor_core::{OptionValue, Reason, ReplyKind, Request, RequestKind};
use lessor_wire::{LeftOut, parse, write};
use proptest::{collection::vec, prelude::*};

/// The octets of a message of RFC 951, with a vendor area of 64 octets.
const OCTETS: usize = 300;

/// A message with a vendor area of so many octets that contains these options.
fn message(options: &Packet, vendor_octets: usize) -> Vec<u8> {
    let mut packet = options.bytes();
    assert!(packet.len() <= 236 + vendor_octets, "the vendor area is too small");
    packet.resize(236 + vendor_octets, 0);
    packet
}

fn request(vendor_octets: usize) -> Request {
    parse(&message(&Packet::new(), vendor_octets), arrival()).unwrap()
}

/// RFC 1534 section 2.
#[test]
fn a_message_without_option_53_is_of_bootp() {
    let request = parse(&message(&Packet::new().option(12, b"ap"), 64), arrival()).unwrap();
    assert_eq!(request.kind, RequestKind::Bootp);
    assert_eq!(request.hardware_address.octets(), HARDWARE);
    assert_eq!(request.options.get(12), Some(&b"ap"[..]));
}

/// RFC 951 section 3, RFC 1542 section 3.5.
#[test]
fn a_vendor_area_of_zeros_has_no_options_and_an_unknown_one_is_refused() {
    let mut packet = message(&Packet::new(), 64);
    packet[236..].fill(0);
    let request = parse(&packet, arrival()).unwrap();
    assert_eq!((request.kind, request.options.iter().count()), (RequestKind::Bootp, 0));
    packet[236..240].copy_from_slice(b"CMU\0");
    assert_eq!(parse(&packet, arrival()).unwrap_err().reason, Reason::NoMagicCookie);
}

/// RFC 1533 section 9.
#[test]
fn what_only_dhcp_has_does_not_count() {
    let packet = Packet::new()
        .option(50, &[192, 0, 2, 9])
        .option(51, &[0, 0, 0, 1])
        .option(54, &[192, 0, 2, 1])
        .option(55, &[3, 6])
        .option(57, &[5, 220])
        .option(61, b"\0id")
        .option(82, b"\x01\x01a");
    let request = parse(&packet.bytes(), arrival()).unwrap();
    assert_eq!(request.kind, RequestKind::Bootp);
    assert_eq!((request.requested_address, request.server_identifier), (None, None));
    assert_eq!((request.lease_time_secs, request.max_message_size), (None, None));
    assert_eq!(request.client_identifier, None);
    assert!(request.parameter_request_list.is_empty());
    assert_eq!(request.relay_information.unwrap().circuit_id(), Some(&b"a"[..]));
}

/// RFC 1534 section 2: the type of the message may be what is missing.
#[test]
fn a_truncated_message_is_not_taken_for_bootp() {
    for cut in [&[60, 9, 1][..], &[53], &[53, 1], &[12, 255]] {
        let packet = Packet::new().raw(cut).unended();
        assert_eq!(parse(&packet, arrival()).unwrap_err().reason, Reason::OptionTruncated);
    }
    for length in 0..240 {
        let packet = &message(&Packet::new(), 64)[..length];
        assert_eq!(parse(packet, arrival()).unwrap_err().reason, Reason::TooShort);
    }
}

/// RFC 1534 section 2, RFC 1533 section 9.
#[test]
fn a_reply_has_no_option_that_only_dhcp_has() {
    let all = (50..=61).map(|code| (code, octets(1))).chain([(1, octets(4)), (66, octets(3))]);
    let (packet, written) = written(&request(64), &reply(ReplyKind::Ack, all.collect()));
    assert_eq!(codes(&packet), [1, 66]);
    assert_eq!((packet.len(), written), (OCTETS, LeftOut::default()));
    assert_eq!(packet[0], 2);
}

/// RFC 1534 section 2, RFC 2131 section 2.
#[test]
fn a_reply_is_as_long_as_the_vendor_area_allows_and_uses_no_other_field() {
    let options = || vec![(1, octets(4)), (3, octets(40)), (6, octets(4)), (17, octets(200))];
    for (vendor_octets, expected) in
        [(5, &[1, 3, 6][..]), (64, &[1, 3, 6]), (266, &[1, 3, 6, 17]), (312, &[1, 3, 6, 17])]
    {
        let (packet, written) = written(&request(vendor_octets), &reply(ReplyKind::Ack, options()));
        assert_eq!(codes(&packet), expected, "{vendor_octets}");
        assert_eq!(written.left_out.is_empty(), expected.contains(&17));
        assert!((OCTETS..=OCTETS.max(236 + vendor_octets)).contains(&packet.len()));
        assert!(packet[44..236].iter().all(|octet| *octet == 0));
    }
}

/// RFC 3046 section 2.2.
#[test]
fn option_82_is_returned_where_it_fits() {
    let with_82 = |length: usize| {
        let information: Vec<u8> = [&[1, length as u8][..], &vec![7; length]].concat();
        let request = Packet::new().option(82, &information);
        parse(&message(&request, 64.max(9 + length)), arrival()).unwrap()
    };
    let all = || reply(ReplyKind::Ack, vec![(1, octets(4)), (3, octets(4)), (6, octets(4))]);
    let (packet, written_) = written(&with_82(40), &all());
    assert_eq!((codes(&packet), written_.relay_information_left_out), (vec![1, 3, 82], false));
    let mut large = with_82(56);
    large.packet = large.packet[..OCTETS].into();
    let (packet, written_) = written(&large, &all());
    assert_eq!((codes(&packet), written_.relay_information_left_out), (vec![1, 3, 6], true));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever options a reply has, it is not longer than its client allows, and its options can
    /// be read.
    #[test]
    fn no_reply_is_longer_than_its_client_takes(
        vendor_octets in 5usize..700,
        mtu_octets in prop::option::of(576u16..1501),
        options in vec((any::<u8>(), 0usize..300), 0..20),
        information in prop::option::of(vec(any::<u8>(), 0..200)),
    ) {
        let mut request = request(vendor_octets);
        request.arrival.mtu_octets = mtu_octets;
        request.relay_information = information.map(lessor_core::RelayInformation::from_octets);
        let options: Vec<(u8, OptionValue)> = options
            .into_iter()
            .filter(|(code, _)| !matches!(code, 1 | 108 | 118 | 221))
            .map(|(code, length)| (code, octets(length)))
            .collect();
        let (packet, _) = written(&request, &reply(ReplyKind::Ack, options));
        let carried = usize::from(mtu_octets.unwrap_or(1500)) - 28;
        prop_assert!(packet.len() <= OCTETS.max(236 + vendor_octets).min(carried));
        prop_assert!(packet.len() >= OCTETS);
        prop_assert_eq!(&packet[236..240], &COOKIE);
        let parts = option_parts(&packet);
        prop_assert!(parts.iter().all(|(code, _)| !(50..=61).contains(code)));
    }

    #[test]
    fn no_octets_make_the_parser_panic(
        vendor in vec(any::<u8>(), 0..400),
        has_cookie in any::<bool>(),
    ) {
        let cookie = if has_cookie { COOKIE } else { [0; 4] };
        let packet = [&Packet::new().header[..], &cookie, &vendor].concat();
        if let Ok(request) = parse(&packet, arrival()) {
            let mut reply_octets = Vec::new();
            let reply = reply(ReplyKind::Ack, vec![(1, octets(4))]);
            let _ = write(&request, &reply, &mut reply_octets);
        }
    }
}
