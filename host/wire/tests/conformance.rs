//! Octets: how messages are read and how replies are written.
//!
//! Each test names the RFC that requires it; `docs/conformance.md` lists them.

mod common;

use std::net::Ipv4Addr;

use common::{COOKIE, HARDWARE, Packet, RELAY, SERVER, codes, octets, option_parts, parts, reply};
use lessor_core::{
    BootFileName, OptionValue, Reason, Reply, ReplyKind, Request, RequestKind, ServerName,
};
use lessor_wire::{REPLY_OCTETS_MAX, Unwritable, Written, write};

const KINDS: [(ReplyKind, u8); 3] =
    [(ReplyKind::Offer, 2), (ReplyKind::Ack, 5), (ReplyKind::Nak, 6)];

/// The payload in octets that a client without option 57 accepts.
const DEFAULT_MAX: usize = 548;
/// The octets before the options of a reply: header, cookie and option 53.
const BEFORE_OPTIONS: usize = 243;

fn written(request: &Request, reply: &Reply) -> (Vec<u8>, Written) {
    let mut packet = Vec::new();
    let written = write(request, reply, &mut packet).unwrap();
    (packet, written)
}

fn encode(request: &Request, reply: &Reply) -> Vec<u8> {
    let (packet, written) = written(request, reply);
    assert_eq!(written, Written::default());
    packet
}

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

/// RFC 2131 section 4.3.1, table 3.
#[test]
fn table_3_a_nak_is_never_overloaded() {
    let request = Packet::of_type(3).parse();
    let options = vec![(54, OptionValue::Address(SERVER)), (56, octets(250)), (60, octets(100))];
    let (packet, written) = written(&request, &reply(ReplyKind::Nak, options));
    assert_eq!(codes(&packet), [53, 54, 56]);
    assert_eq!(written.left_out[..], [60]);
    assert!(packet[44..236].iter().all(|octet| *octet == 0));
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

/// RFC 3046 section 2.2.
#[test]
fn option_82_is_never_overloaded_and_others_make_room_for_it() {
    let information = vec![7; 200];
    let request = Packet::discover().option(82, &information).parse();
    let options = vec![(1, octets(4)), (43, octets(90)), (125, octets(90)), (120, octets(200))];
    let (packet, written) = written(&request, &reply(ReplyKind::Ack, options));
    assert_eq!(packet.len(), DEFAULT_MAX - 1, "nothing else had room");
    assert_eq!(codes(&packet), [53, 52, 1, 43, 82]);
    assert_eq!(option_parts(&packet).last().unwrap(), &(82, information));
    assert_eq!(parts(&packet[108..236])[0].0, 125);
    assert_eq!(written.left_out[..], [120]);
    assert!(!written.relay_information_left_out);
}

/// RFC 3046 section 2.2.
#[test]
fn option_82_that_does_not_fit_is_left_out_and_reported() {
    let identifier = octets(200);
    for length in [95usize, 96] {
        let request = Packet::discover().option(82, &vec![9; length]).parse();
        let options = vec![(54, OptionValue::Address(SERVER)), (61, identifier.clone())];
        // 243 octets, 6 + 202 octets of options, 2 of option 82 and an END leave room for 94.
        let (packet, written) = written(&request, &reply(ReplyKind::Nak, options));
        assert_eq!(codes(&packet), [53, 54, 61]);
        assert!(written.relay_information_left_out, "{length}");
        assert!(written.left_out.is_empty());
    }
    let request = Packet::discover().option(82, &[9; 94]).parse();
    let options = vec![(54, OptionValue::Address(SERVER)), (61, identifier)];
    let packet = encode(&request, &reply(ReplyKind::Nak, options));
    assert_eq!((packet.len(), codes(&packet)), (DEFAULT_MAX, vec![53, 54, 61, 82]));
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

/// RFC 6842 section 3.
#[test]
fn a_client_identifier_is_echoed_whatever_else_has_to_go() {
    let request = Packet::discover().option(61, &[8; 200]).parse();
    let options = vec![(43, octets(200)), (125, octets(110)), (61, octets(200))];
    let (packet, written) = written(&request, &reply(ReplyKind::Offer, options));
    assert_eq!(codes(&packet), [53, 52, 61]);
    assert_eq!(parts(&packet[108..236])[0].0, 125);
    assert_eq!(written.left_out[..], [43]);
}

/// Options that take exactly `room` octets; at least 4.
fn filling(room: usize) -> Vec<(u8, OptionValue)> {
    let full = (room - 4) / 100;
    let options = (0..full).map(|number| (200 + number as u8, octets(98)));
    options.chain([(199, octets(room - 100 * full - 2))]).collect()
}

/// RFC 2132 sections 9.8 and 9.10.
#[test]
fn a_reply_is_as_long_as_the_client_allows_and_no_longer() {
    for (message_size, expected) in [
        (None, DEFAULT_MAX),
        (Some(300u16), DEFAULT_MAX),
        (Some(576), DEFAULT_MAX),
        (Some(600), 572),
        (Some(1500), 1472),
    ] {
        let mut packet = Packet::of_type(3);
        if let Some(size) = message_size {
            packet = packet.option(57, &size.to_be_bytes());
        }
        let request = packet.parse();
        let room = expected - BEFORE_OPTIONS - 1;
        let packet = encode(&request, &reply(ReplyKind::Ack, filling(room)));
        assert_eq!(packet.len(), expected);
        assert!(!codes(&packet).contains(&52));
        let packet = encode(&request, &reply(ReplyKind::Ack, filling(room + 1)));
        assert!(packet.len() < expected && codes(&packet).contains(&52));
    }
}

/// RFC 2132 sections 9.8 and 9.10.
#[test]
fn overload_takes_file_then_sname_and_each_ends_with_255() {
    let request = Packet::of_type(3).parse();
    let options = vec![
        (43, octets(200)),
        (66, OptionValue::Text("f".repeat(120))),
        (67, OptionValue::Text("s".repeat(61))),
    ];
    let packet = encode(&request, &reply(ReplyKind::Ack, options));
    assert!(packet.len() <= DEFAULT_MAX);
    assert_eq!(option_parts(&packet)[1], (52, vec![3]));
    assert_eq!(codes(&packet), [53, 52, 43]);
    assert_eq!(parts(&packet[108..236]), [(66, vec![b'f'; 120])]);
    assert_eq!(parts(&packet[44..108]), [(67, vec![b's'; 61])]);
    assert_eq!(packet[107], 255, "sname is full to its END");
}

/// RFC 2132 sections 9.8 and 9.10.
#[test]
fn what_fits_nowhere_is_left_out_last_first() {
    let request = Packet::of_type(3).parse();
    let options: Vec<_> = (0..12).map(|number| (200 + number, octets(58))).collect();
    let (packet, written) = written(&request, &reply(ReplyKind::Ack, options));
    // Five options of 60 octets in addition to option 52, two in file and one in sname.
    assert_eq!(codes(&packet), [53, 52, 200, 201, 202, 203, 204]);
    assert_eq!(parts(&packet[108..236]).len(), 2);
    assert_eq!(parts(&packet[44..108])[0].0, 207);
    assert_eq!(written.left_out[..], [208, 209, 210, 211]);
}

/// RFC 2131 section 4.1.
#[test]
fn a_field_with_a_boot_file_or_server_name_holds_no_options() {
    let names = || (ServerName::new("boot.example").unwrap(), BootFileName::new("a.0").unwrap());
    let options: Vec<_> = (200..=211).map(|code| (code, octets(58))).collect();
    for (has_server_name, has_file, overload) in [
        (false, false, Some(3)),
        (true, false, Some(1)),
        (false, true, Some(2)),
        (true, true, None),
    ] {
        let mut reply = reply(ReplyKind::Offer, options.clone());
        let (server_name, file) = names();
        reply.server_name = if has_server_name { server_name } else { ServerName::default() };
        reply.boot_file = if has_file { file } else { BootFileName::default() };
        let (packet, written) = written(&Packet::discover().parse(), &reply);
        assert!(packet.len() <= DEFAULT_MAX);
        let found = option_parts(&packet).into_iter().find(|(code, _)| *code == 52);
        assert_eq!(found, overload.map(|value| (52, vec![value])));
        if has_server_name {
            assert_eq!(packet[44..108], *padded::<64>(b"boot.example"));
        }
        if has_file {
            assert_eq!(packet[108..236], *padded::<128>(b"a.0"));
        }
        let of_file = if has_file { 0 } else { 2 };
        let of_server_name = if has_server_name { 0 } else { 1 };
        // Option 52 takes three octets of room for five options.
        let fitting = 5 + of_file + of_server_name;
        assert_eq!(written.left_out[..], (200 + fitting..=211).collect::<Vec<u8>>());
    }
}

/// A text with zeros behind it.
fn padded<const N: usize>(text: &[u8]) -> Box<[u8; N]> {
    let mut field = Box::new([0; N]);
    field[..text.len()].copy_from_slice(text);
    field
}

/// RFC 2132 sections 9.8 and 9.10.
#[test]
fn lease_time_and_server_identifier_stay_wherever_they_stand() {
    let request = Packet::of_type(3).parse();
    let options = vec![
        (43, octets(290)),
        (125, octets(126)),
        (124, octets(62)),
        (51, OptionValue::U32(3600)),
        (54, OptionValue::Address(SERVER)),
    ];
    let (packet, written) = written(&request, &reply(ReplyKind::Ack, options));
    let codes = codes(&packet);
    assert!(codes.contains(&51) && codes.contains(&54), "{codes:?}");
    assert_eq!(written.left_out[..], [43]);
}

/// RFC 2132 sections 9.8 and 9.10.
#[test]
fn a_reply_whose_mandatory_options_do_not_fit_is_not_written() {
    let identifier: Vec<u8> = vec![1; 300];
    let request =
        Packet::discover().option(61, &identifier[..255]).option(61, &identifier[255..]).parse();
    let options = vec![
        (54, OptionValue::Address(SERVER)),
        (61, OptionValue::Octets(identifier)),
        (3, octets(4)),
    ];
    let mut packet = vec![1, 2, 3];
    let error: Unwritable =
        write(&request, &reply(ReplyKind::Nak, options), &mut packet).unwrap_err();
    assert_eq!(error.reason, Reason::ReplyUnwritable);
    assert!(error.to_string().starts_with(
        "found 554 octets in a reply that has only the required options; wanted at most 548"
    ));
    assert!(packet.is_empty());
}

/// RFC 2132 sections 9.8 and 9.10.
#[test]
fn no_reply_is_longer_than_a_frame_carries() {
    let request = Packet::discover().option(57, &u16::MAX.to_be_bytes()).parse();
    let options = (0..20).map(|number| (200 + number, octets(200))).collect();
    let (packet, written) = written(&request, &reply(ReplyKind::Offer, options));
    assert!(packet.len() <= REPLY_OCTETS_MAX && packet.len() + 202 > REPLY_OCTETS_MAX);
    assert!(!written.left_out.is_empty());
}

/// RFC 2132 sections 9.8 and 9.10.
#[test]
fn no_reply_is_longer_than_the_link_carries() {
    let options = |count| (0..count).map(|number| (200 + number, octets(40))).collect::<Vec<_>>();
    for (mtu_octets, message_size, limit) in [
        (576u16, 1500u16, 576 - 28),
        (1000, 1500, 1000 - 28),
        (1400, u16::MAX, 1400 - 28),
        (1400, 600, 600 - 28),
        (9000, u16::MAX, REPLY_OCTETS_MAX),
        // Less than what every host accepts, and less than what old relays expect.
        (310, 1500, 310 - 28),
    ] {
        let mut request = Packet::discover().option(57, &message_size.to_be_bytes()).parse();
        request.arrival.mtu_octets = Some(mtu_octets);
        for count in [0, 40] {
            let (packet, _) = written(&request, &reply(ReplyKind::Offer, options(count)));
            assert!(packet.len() <= limit, "{} octets of {limit}", packet.len());
            assert!(count == 0 || packet.len() + 42 > limit, "{} of {limit}", packet.len());
        }
    }
    let mut request = Packet::discover().parse();
    request.arrival.mtu_octets = Some(200);
    let error = write(&request, &reply(ReplyKind::Offer, vec![]), &mut Vec::new());
    assert_eq!(error.unwrap_err().reason, Reason::ReplyUnwritable);
}

/// RFC 2132 section 3.3.
#[test]
fn a_mask_stays_wherever_it_stands() {
    let request = Packet::discover().parse();
    let options = vec![(43, octets(296)), (125, octets(126)), (124, octets(62)), (1, octets(4))];
    let (packet, written) = written(&request, &reply(ReplyKind::Offer, options));
    assert!(codes(&packet).contains(&1));
    assert_eq!(written.left_out[..], [43]);
}

/// RFC 2132 sections 9.8 and 9.10.
#[test]
fn options_keep_the_order_they_are_given_in() {
    let order = [121, 54, 3, 1, 6, 51, 15, 2, 250];
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

/// RFC 3396.
#[test]
fn a_split_option_is_written_whole_or_not_at_all() {
    let request = Packet::discover().parse();
    let options = vec![(54, OptionValue::Address(SERVER)), (43, octets(300)), (1, octets(4))];
    let (packet, written) = written(&request, &reply(ReplyKind::Ack, options));
    assert_eq!(codes(&packet), [53, 54, 1]);
    assert_eq!(written.left_out[..], [43]);
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
