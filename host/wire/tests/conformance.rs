//! Octets: how messages are read and how replies are written.
//!
//! Each test names the RFC that requires it; `docs/conformance.md` lists them.

mod common;

use std::net::Ipv4Addr;

use common::{
    BEFORE_OPTIONS, COOKIE, HARDWARE, Packet, RELAY, SERVER, codes, encode, octets, option_parts,
    padded, reply, written,
};
use lessor_core::{BootFileName, OptionValue, Reason, ReplyKind, RequestKind, ServerName};
use lessor_wire::write;

const KINDS: [(ReplyKind, u8); 3] =
    [(ReplyKind::Offer, 2), (ReplyKind::Ack, 5), (ReplyKind::Nak, 6)];

/// RFC 2131 section 2.
#[test]
fn flags_are_copied_and_broadcast_can_be_forced() {
    for (received, force_broadcast, sent) in [
        (0x0000u16, false, 0x0000u16),
        (0x8000, false, 0x8000),
        (0x1234, false, 0x1234),
        (0x0000, true, 0x8000),
        (0x1234, true, 0x9234),
        (0x8000, true, 0x8000),
    ] {
        let request = Packet::discover().header(10, &received.to_be_bytes()).parse();
        let mut reply = reply(ReplyKind::Nak, vec![]);
        reply.force_broadcast = force_broadcast;
        assert_eq!(encode(&request, &reply)[10..12], sent.to_be_bytes());
    }
}

/// RFC 2131 section 3.
#[test]
fn cookie_and_message_type_come_first() {
    for (kind, message_type) in KINDS {
        let options = vec![(54, OptionValue::Address(SERVER))];
        let packet = encode(&Packet::discover().parse(), &reply(kind, options));
        assert_eq!(packet[236..240], COOKIE);
        assert_eq!(packet[240..243], [53, 1, message_type]);
    }
}

/// RFC 2131 section 4.1.
#[test]
fn options_end_with_255_and_the_packet_has_300_octets() {
    let request = Packet::discover().parse();
    let packet = encode(&request, &reply(ReplyKind::Offer, vec![]));
    assert_eq!(packet.len(), 300);
    assert_eq!(packet[BEFORE_OPTIONS], 255);
    assert!(packet[BEFORE_OPTIONS + 1..].iter().all(|octet| *octet == 0));
    let packet = encode(&request, &reply(ReplyKind::Offer, vec![(43, octets(100))]));
    assert_eq!(packet.len(), BEFORE_OPTIONS + 102 + 1);
    assert_eq!(packet.last(), Some(&255));
}

/// RFC 2131 section 4.1.
#[test]
fn overloaded_fields_of_requests_are_read_file_first() {
    for (overload, expected) in
        [(None, &b"o"[..]), (Some(1), b"of"), (Some(2), b"os"), (Some(3), b"ofs")]
    {
        let mut packet = Packet::discover()
            .option(12, b"o")
            // An option 52 in these fields has no meaning and is not joined to the real one.
            .header(108, &[12, 1, b'f', 52, 1, 2, 255, 12, 1, b'x'])
            .header(44, &[0, 12, 1, b's', 0, 255, 9]);
        if let Some(value) = overload {
            packet = packet.option(52, &[value]);
        }
        let request = packet.parse();
        assert_eq!(request.options.get(12), Some(expected), "{overload:?}");
        assert_eq!(request.options.get(52).map(<[u8]>::to_vec), overload.map(|value| vec![value]));
    }
}

/// RFC 2131 section 4.1.
#[test]
fn a_full_overloaded_field_may_lack_its_end() {
    let full = [&[12, 126][..], &[b'h'; 126]].concat();
    let request = Packet::discover().option(52, &[1]).header(108, &full).parse();
    assert_eq!(request.options.get(12), Some(&[b'h'; 126][..]));
}

/// RFC 2131 section 4.3.1, table 3.
#[test]
fn header_of_replies() {
    let request = Packet::of_type(3)
        .header(1, &[6, 8, 3])
        .header(8, &[0, 9, 0x80, 1])
        .header(12, &[192, 0, 2, 50])
        .header(16, &[1, 1, 1, 1, 2, 2, 2, 2])
        .header(24, &RELAY.octets())
        .header(28, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 9])
        .header(44, b"sname")
        .header(108, b"file")
        .parse();
    for (kind, _) in KINDS {
        let mut reply = reply(kind, vec![]);
        reply.client_address = Ipv4Addr::new(192, 0, 2, 51);
        reply.your_address = Ipv4Addr::new(192, 0, 2, 52);
        reply.next_server_address = Ipv4Addr::new(192, 0, 2, 53);
        let packet = encode(&request, &reply);
        assert_eq!(packet[..4], [2, 6, 8, 0], "op, htype and hlen as received, hops");
        assert_eq!(packet[4..8], [0xde, 0xad, 0xbe, 0xef], "xid");
        assert_eq!(packet[8..10], [0, 0], "secs");
        assert_eq!(packet[10..12], [0x80, 1], "flags");
        assert_eq!(packet[12..16], [192, 0, 2, 51], "ciaddr");
        assert_eq!(packet[16..20], [192, 0, 2, 52], "yiaddr");
        assert_eq!(packet[20..24], [192, 0, 2, 53], "siaddr");
        assert_eq!(packet[24..28], RELAY.octets(), "giaddr");
        assert_eq!(packet[28..36], [1, 2, 3, 4, 5, 6, 7, 8], "chaddr");
        assert!(packet[36..236].iter().all(|octet| *octet == 0), "sname and file are not copied");
    }
}

/// RFC 2131 section 2.
#[test]
fn sname_and_file_end_in_a_zero() {
    for (server_name, file) in [("", ""), ("a", "b"), (&*"s".repeat(63), &*"f".repeat(127))] {
        let mut reply = reply(ReplyKind::Ack, vec![(54, OptionValue::Address(SERVER))]);
        reply.server_name = ServerName::new(server_name).unwrap();
        reply.boot_file = BootFileName::new(file).unwrap();
        let packet = encode(&Packet::of_type(3).header(44, b"sname").parse(), &reply);
        assert_eq!(packet[44..108], *padded::<64>(server_name.as_bytes()));
        assert_eq!(packet[108..236], *padded::<128>(file.as_bytes()));
        assert_eq!(codes(&packet), [53, 54]);
    }
}

/// RFC 2131 section 3.
#[test]
fn unknown_options_are_kept_and_bootp_is_recognised() {
    let request = Packet::discover().option(254, &[1]).option(83, &[]).parse();
    assert_eq!(request.options.get(254), Some(&[1][..]));
    assert_eq!(request.options.get(83), Some(&[][..]));
    let bootp = Packet::new().option(1, &[0; 4]).bytes();
    let request = lessor_wire::parse(&bootp, common::arrival()).unwrap();
    assert_eq!(request.kind, RequestKind::Bootp);
}

/// Option 82 with sub-options out of order, one of them unknown, zero octets and a damaged tail.
const RELAY_INFORMATION: &[u8] = b"\x02\x03\x00\x00b\x97\x01\x00\x01\x02a\x00\x09\x63x";

/// RFC 3046 section 2.2.
#[test]
fn option_82_is_echoed_byte_for_byte_as_the_last_option_of_every_reply() {
    let request = Packet::discover().option(82, RELAY_INFORMATION).option(12, b"cpe").parse();
    for (kind, _) in KINDS {
        let options = vec![(54, OptionValue::Address(SERVER)), (1, octets(4))];
        let packet = encode(&request, &reply(kind, options));
        assert_eq!(codes(&packet), [53, 54, 1, 82]);
        assert_eq!(option_parts(&packet).last().unwrap().1, RELAY_INFORMATION);
    }
}

/// RFC 3046 section 2.2.
#[test]
fn option_82_may_be_empty_or_longer_than_one_part() {
    let empty = Packet::discover().option(82, &[]).parse();
    let packet = encode(&empty, &reply(ReplyKind::Offer, vec![]));
    assert_eq!(option_parts(&packet)[1], (82, vec![]));

    let long = [&[1, 253][..], &[b'c'; 253], &[2, 1, b'r']].concat();
    let request = Packet::discover().option(82, &long[..100]).option(82, &long[100..]).parse();
    let packet = encode(&request, &reply(ReplyKind::Offer, vec![]));
    let parts = option_parts(&packet);
    assert_eq!(codes(&packet), [53, 82, 82]);
    assert_eq!([&parts[1].1[..], &parts[2].1].concat(), long);
}

/// RFC 6842 section 3.
#[test]
fn client_identifiers_are_opaque_and_may_be_empty() {
    for identifier in [&[][..], &[0], &[1, 2, 0, 0x5e], &[255; 255], b"\x00text\x00"] {
        let request = Packet::discover().option(61, identifier).parse();
        assert_eq!(request.client_identifier.as_deref(), Some(identifier));
        let echo = vec![(61, OptionValue::Octets(identifier.to_vec()))];
        let packet = encode(&request, &reply(ReplyKind::Offer, echo));
        assert_eq!(option_parts(&packet)[1], (61, identifier.to_vec()));
    }
    assert_eq!(Packet::discover().parse().client_identifier, None);
}

/// RFC 2132 sections 9.8 and 9.10.
#[test]
fn options_keep_the_order_they_are_given_in() {
    let order = [121, 54, 1, 3, 6, 51, 15, 2, 250];
    let options = order.iter().map(|code| (*code, octets(4))).collect();
    let packet = encode(&Packet::discover().parse(), &reply(ReplyKind::Offer, options));
    assert_eq!(codes(&packet)[1..], order);
}

/// RFC 3396.
#[test]
fn parts_are_joined_across_options_file_and_sname() {
    let request = Packet::discover()
        .option(52, &[3])
        .option(60, b"ab")
        .option(82, b"\x01\x03x")
        .option(60, b"c")
        .option(82, b"yz\x02\x03")
        .option(82, b"abc")
        .header(44, &[60, 1, b'e', 255])
        .header(108, &[60, 0, 60, 1, b'd', 255])
        .parse();
    assert_eq!(request.options.get(60), Some(&b"abcde"[..]));
    assert_eq!(request.relay_information.unwrap().octets(), b"\x01\x03xyz\x02\x03abc");
    let codes: Vec<u8> = request.options.iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [53, 52, 60, 82], "in the order of the first parts");
}

/// RFC 3396.
#[test]
fn options_that_decide_the_answer_may_be_split_too() {
    let request = Packet::of_type(3)
        .option(50, &[192, 0])
        .option(54, &[192])
        .option(50, &[2, 10])
        .option(54, &[0, 2, 1])
        .option(55, &[1])
        .option(55, &[3])
        .parse();
    assert_eq!(request.requested_address, Some(Ipv4Addr::new(192, 0, 2, 10)));
    assert_eq!(request.server_identifier, Some(SERVER));
    assert_eq!(request.parameter_request_list[..], [1, 3]);
}

/// RFC 3396.
#[test]
fn long_options_are_split_into_parts_that_stand_together() {
    let request = Packet::discover().option(57, &1500u16.to_be_bytes()).parse();
    for (length, expected) in
        [(255, vec![255]), (256, vec![255, 1]), (510, vec![255, 255]), (511, vec![255, 255, 1])]
    {
        let options = vec![(43, octets(length)), (1, octets(4))];
        let packet = encode(&request, &reply(ReplyKind::Ack, options));
        let parts = option_parts(&packet);
        let long: Vec<&(u8, Vec<u8>)> = parts.iter().filter(|(code, _)| *code == 43).collect();
        assert_eq!(long.iter().map(|(_, part)| part.len()).collect::<Vec<_>>(), expected);
        let joined: Vec<u8> = long.iter().flat_map(|(_, part)| part.clone()).collect();
        assert_eq!(OptionValue::Octets(joined), octets(length));
        assert_eq!(parts.last().unwrap().0, 1);
    }
}

/// RFC 3442.
#[test]
fn many_routes_need_several_parts() {
    let routes: Vec<_> =
        (0..40u8).map(|number| (format!("10.{number}.0.0/16").parse().unwrap(), SERVER)).collect();
    let request = Packet::discover().option(57, &1500u16.to_be_bytes()).parse();
    let options = vec![(121, OptionValue::Routes(routes))];
    let packet = encode(&request, &reply(ReplyKind::Ack, options));
    let lengths: Vec<usize> =
        option_parts(&packet)[1..].iter().map(|(_, part)| part.len()).collect();
    assert_eq!(lengths, [255, 40 * 7 - 255]);
}

/// RFC 4388.
#[test]
fn a_lease_query_is_not_served() {
    let packet = Packet::of_type(10).bytes();
    let malformed = lessor_wire::parse(&packet, common::arrival()).unwrap_err();
    assert_eq!(malformed.reason, Reason::UnexpectedMessageType);
}

/// RFC 3011 and RFC 3527.
#[test]
fn a_subnet_selection_is_read_and_its_echo_never_left_out() {
    let request = Packet::discover().option(118, &[198, 51, 100, 0]).parse();
    assert_eq!(request.subnet_selection, Some(Ipv4Addr::new(198, 51, 100, 0)));
    let options = vec![(43, octets(300)), (118, octets(4))];
    let (packet, _) = written(&request, &reply(ReplyKind::Nak, options));
    assert_eq!(codes(&packet), [53, 118]);
}

/// RFC 2131.
#[test]
fn values_that_would_damage_a_reply_are_skipped() {
    let options = vec![
        (0, octets(1)),
        (52, octets(1)),
        (53, OptionValue::U8(1)),
        (82, octets(1)),
        (255, octets(1)),
        (3, OptionValue::Addresses(vec![])),
        (25, OptionValue::U16s(vec![])),
        (119, OptionValue::DomainNames(vec!["no name".into()])),
        (121, OptionValue::Routes(vec![])),
        (1, octets(4)),
        (1, octets(5)),
        (80, octets(0)),
    ];
    let packet = encode(&Packet::discover().parse(), &reply(ReplyKind::Offer, options));
    assert_eq!(option_parts(&packet)[1..], [(1, vec![0, 1, 2, 3]), (80, vec![])]);
    assert_eq!(packet[28..34], HARDWARE);
}

/// RFC 2131.
#[test]
fn a_used_buffer_leaves_no_trace() {
    let request = Packet::discover().parse();
    let reply = reply(ReplyKind::Offer, vec![(1, octets(4))]);
    let mut packet = vec![0xaa; 2000];
    write(&request, &reply, &mut packet).unwrap();
    assert_eq!(packet, encode(&request, &reply));
}
