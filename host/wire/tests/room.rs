//! Octets: what has room in a reply, and what is left out.
//!
//! Each test names the RFC that requires it; `docs/conformance.md` lists them.

mod common;

use common::{
    BEFORE_OPTIONS, Packet, SERVER, codes, encode, octets, option_parts, padded, parts, reply,
    written,
};
use lessor_core::{BootFileName, OptionValue, Reason, Reply, ReplyKind, ServerName};
use lessor_wire::{REPLY_OCTETS_MAX, Unwritable, write};

/// The payload in octets that a client without option 57 accepts.
const DEFAULT_MAX: usize = 548;

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
fn a_client_identifier_is_echoed_whatever_else_has_to_go() {
    let request = Packet::discover().option(61, &[8; 200]).parse();
    let options = vec![(43, octets(200)), (125, octets(110)), (61, octets(200))];
    let (packet, written) = written(&request, &reply(ReplyKind::Offer, options));
    assert_eq!(codes(&packet), [53, 52, 61]);
    assert_eq!(parts(&packet[108..236])[0].0, 125);
    assert_eq!(written.left_out[..], [43]);
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
    let (packet, written) = written(&request, &booting(reply(ReplyKind::Ack, options)));
    let codes = codes(&packet);
    assert!(codes.contains(&51) && codes.contains(&54), "{codes:?}");
    assert_eq!(written.left_out[..], [43]);
}

/// RFC 2132 section 3.3.
#[test]
fn a_mask_stays_wherever_it_stands() {
    let request = Packet::discover().parse();
    let options = vec![(43, octets(296)), (125, octets(126)), (124, octets(62)), (1, octets(4))];
    let (packet, written) = written(&request, &booting(reply(ReplyKind::Offer, options)));
    assert!(codes(&packet).contains(&1));
    assert_eq!(written.left_out[..], [43]);
}

/// RFC 2132 section 3.3.
#[test]
fn the_mask_is_read_before_the_routers_however_full_the_reply_is() {
    let addresses = |count| OptionValue::Addresses(vec![SERVER; count]);
    let identifying = vec![
        (54, OptionValue::Address(SERVER)),
        (51, OptionValue::U32(3600)),
        (58, OptionValue::U32(1800)),
        (59, OptionValue::U32(3150)),
    ];
    // Each needs both header fields, and options that were placed before have to be moved.
    for others in [
        vec![(3, addresses(3)), (224, octets(118)), (225, octets(118)), (226, octets(150))],
        vec![(224, octets(125)), (3, addresses(3)), (225, octets(147)), (226, octets(60))],
        vec![(224, octets(118)), (225, octets(118)), (226, octets(150)), (3, addresses(3))],
    ] {
        for is_last in [false, true] {
            let mut options = identifying.clone();
            options.extend(others.clone());
            options.insert(if is_last { options.len() } else { 4 }, (1, octets(4)));
            let request = Packet::discover().parse();
            let packet = encode(&request, &reply(ReplyKind::Offer, options));
            let codes = codes(&packet);
            let position = |code| codes.iter().position(|found| *found == code);
            assert!(codes.starts_with(&[53, 52]), "{codes:?}");
            assert!(position(1).is_some(), "{codes:?}");
            assert!(position(3).is_none_or(|routers| position(1) < Some(routers)), "{codes:?}");
        }
    }
}

/// RFC 2132 section 9.3.
#[test]
fn what_fits_in_another_field_is_not_left_out() {
    let request = Packet::of_type(3).parse();
    // In their order, option 119 would take the room in file that the last one needs.
    let options = vec![
        (54, OptionValue::Address(SERVER)),
        (12, octets(4)),
        (43, octets(206)),
        (119, octets(85)),
        (121, octets(124)),
    ];
    let (packet, written) = written(&request, &reply(ReplyKind::Ack, options));
    assert_eq!(written.left_out[..], [0_u8; 0]);
    let in_file = parts(&packet[108..236]);
    assert_eq!(in_file.iter().map(|(code, _)| *code).collect::<Vec<u8>>(), [121]);
}

/// The reply with a boot file and the name of its server, so that only the options field is free.
fn booting(reply: Reply) -> Reply {
    let (boot_file, server_name) = (BootFileName::new("f").unwrap(), ServerName::new("s").unwrap());
    Reply { boot_file, server_name, ..reply }
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

/// Options that take exactly `room` octets; at least 4.
fn filling(room: usize) -> Vec<(u8, OptionValue)> {
    let full = (room - 4) / 100;
    let options = (0..full).map(|number| (200 + number as u8, octets(98)));
    options.chain([(199, octets(room - 100 * full - 2))]).collect()
}
