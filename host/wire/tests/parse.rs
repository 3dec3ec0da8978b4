//! What is read from a client's packet, what is tolerated, and what is refused with which reason.

mod common;

use std::net::Ipv4Addr;

use common::{Packet, arrival};
use lessor_core::{Outcome, Reason, RequestKind};
use lessor_wire::{header, parse};

#[test]
fn malformed_packets_are_distinguished_and_explained() {
    let discover = Packet::discover();
    for (name, packet, reason, message) in [
        ("empty", vec![], Reason::TooShort, "found 0 octets; wanted a DHCP header"),
        ("cut", discover.bytes()[..239].to_vec(), Reason::TooShort, "found 239 octets"),
        ("reply", discover.clone().header(0, &[2]).bytes(), Reason::NotBootRequest, "found op 2"),
        ("op 0", discover.clone().header(0, &[0]).bytes(), Reason::NotBootRequest, "wanted 1"),
        (
            "hlen",
            discover.clone().header(2, &[17]).bytes(),
            Reason::HardwareLength,
            "found a hardware address of 17 octets (hlen); wanted at most 16",
        ),
        (
            "hlen beyond the packet",
            discover.clone().header(2, &[255]).bytes(),
            Reason::HardwareLength,
            "255",
        ),
        (
            "cookie",
            [&discover.header[..], &[99, 130, 83, 98, 53, 1, 1, 255]].concat(),
            Reason::NoMagicCookie,
            "wanted 99.130.83.99",
        ),
        (
            "cut option",
            discover.clone().raw(&[82, 2, 1]).unended(),
            Reason::OptionTruncated,
            "option 82 extends past the end of the options field",
        ),
        ("code only", discover.clone().raw(&[61]).unended(), Reason::OptionTruncated, "option 61"),
        (
            "cut before option 53",
            Packet::new().raw(&[60, 9, 1]).unended(),
            Reason::OptionTruncated,
            "option 60",
        ),
        (
            "file overrun",
            discover.clone().option(52, &[1]).header(108, &[61, 127]).bytes(),
            Reason::OptionTruncated,
            "option 61 extends past the end of the file field",
        ),
        (
            "sname overrun",
            discover.clone().option(52, &[2]).header(44, &[50, 63]).bytes(),
            Reason::OptionTruncated,
            "sname",
        ),
    ] {
        let malformed = parse(&packet, arrival()).expect_err(name);
        assert_eq!(malformed.reason, reason, "{name}");
        assert_eq!(malformed.reason.outcome(), Outcome::Malformed);
        let text = malformed.to_string();
        assert!(text.contains(message), "{name}: {text}");
    }
}

#[test]
fn options_that_decide_the_answer_must_have_their_length() {
    for (code, octets, message) in [
        (50, &[][..], "found option 50 with 0 octets; wanted 4"),
        (50, &[1, 2, 3, 4, 5], "option 50 with 5 octets"),
        (50, &[1, 2, 3, 4, 5, 6, 7, 8], "option 50 more than once, with different values"),
        (54, &[1, 2, 3], "option 54 with 3 octets; wanted 4"),
        (52, &[1, 1], "option 52 with 2 octets"),
        (52, &[4], "found option 52 (overload) with value 4; wanted 1, 2 or 3"),
        (53, &[1], "option 53 more than once, with different values; wanted one value"),
    ] {
        let packet = Packet::of_type(3).option(code, octets).bytes();
        let malformed = parse(&packet, arrival()).unwrap_err();
        assert_eq!(malformed.reason, Reason::OptionLength, "{code} {octets:?}");
        assert!(malformed.to_string().contains(message), "{malformed}");
    }
    let empty = Packet::new().option(53, &[]).bytes();
    assert_eq!(parse(&empty, arrival()).unwrap_err().reason, Reason::OptionLength);
}

#[test]
fn options_that_a_message_does_not_go_by_may_have_any_length() {
    for octets in [&[][..], &[1, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8]] {
        let request = Packet::discover().option(50, octets).option(54, octets).parse();
        assert_eq!((request.requested_address, request.server_identifier), (None, None));
    }
}

#[test]
fn equal_repeats_of_an_option_of_one_length_are_one_option() {
    let address = [192, 0, 2, 10];
    let request = Packet::of_type(3)
        .option(53, &[3])
        .option(50, &address)
        .option(51, &[0, 0, 14, 16])
        .option(54, &[192, 0, 2, 1])
        .option(57, &[5, 220])
        .option(118, &[198, 51, 100, 0])
        .option(52, &[3])
        .header(108, &[50, 4, 192, 0, 2, 10, 57, 2, 5, 220, 255])
        .header(44, &[51, 4, 0, 0, 14, 16, 118, 4, 198, 51, 100, 0, 255])
        .option(54, &[192, 0, 2, 1])
        .option(52, &[3])
        .option(53, &[3])
        .parse();
    assert_eq!(request.requested_address, Some(Ipv4Addr::from(address)));
    assert_eq!(request.lease_time_secs, Some(3600));
    assert_eq!(request.server_identifier, Some(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(request.max_message_size, Some(1500));
    assert_eq!(request.subnet_selection, Some(Ipv4Addr::new(198, 51, 100, 0)));
    // Policies also see them once.
    assert_eq!(request.options.get(50), Some(&address[..]));
    assert_eq!(request.options.get(53), Some(&[3][..]));
}

#[test]
fn repeats_of_a_hint_that_differ_count_as_absent() {
    let packet = Packet::discover().option(51, &[0, 0, 14, 16]).option(51, &[0, 0, 14, 17]);
    let request = packet.option(57, &[5, 220]).option(57, &[5, 221]).parse();
    assert_eq!((request.lease_time_secs, request.max_message_size), (None, None));
}

#[test]
fn an_overload_of_nothing_counts_as_absent() {
    for octets in [&[][..], &[0]] {
        let fields = Packet::discover().header(108, &[12, 127]).header(44, &[12, 63]);
        let request = fields.option(52, octets).option(60, b"cpe").parse();
        assert_eq!(request.options.get(60), Some(&b"cpe"[..]));
        assert!(!request.options.is_cut_short());
    }
}

#[test]
fn options_before_one_that_is_cut_short_count() {
    let request = Packet::of_type(3).option(50, &[192, 0, 2, 10]).option(61, b"\x01cpe");
    for (name, packet) in [
        ("cut", request.clone().raw(&[60, 9, b'x']).unended()),
        ("code only", request.clone().raw(&[60]).unended()),
        ("in file", request.clone().option(52, &[1]).header(108, &[12, 127]).bytes()),
        ("in sname", request.clone().option(52, &[2]).header(44, &[12, 63]).bytes()),
    ] {
        let request = parse(&packet, arrival()).expect(name);
        assert_eq!(request.requested_address, Some(Ipv4Addr::new(192, 0, 2, 10)), "{name}");
        assert_eq!(request.client_identifier.as_deref(), Some(&b"\x01cpe"[..]), "{name}");
        assert_eq!((request.options.get(60), request.options.get(12)), (None, None), "{name}");
        assert!(request.options.is_cut_short(), "{name}");
    }
    assert!(!request.parse().options.is_cut_short());
}

#[test]
fn of_two_options_82_the_one_of_the_relay_next_to_the_server_counts() {
    let of_relay = b"\x02\x01r";
    for forged in [
        &b"\x01\x04fake"[..],
        // Sub-options that would swallow those of the relay if the two options were joined.
        b"\x01\x04fake\x63\xff",
        &[&b"\x01\x04fake\x63\xff"[..], &[0; 247]].concat(),
        b"",
    ] {
        let packet = Packet::discover().option(82, forged).option(60, b"cpe");
        let request = packet.option(82, of_relay).parse();
        assert_eq!(request.relay_information.unwrap().octets(), of_relay);
        assert_eq!(request.options.get(82), Some(&of_relay[..]));
    }
    // An option 82 in file or sname comes from the client and not from a relay.
    let packet = Packet::discover().option(52, &[2]).header(44, b"\x52\x03\x01\x01x\xff");
    assert_eq!(packet.parse().relay_information, None);
    let request = packet.option(82, of_relay).parse();
    assert_eq!(request.relay_information.unwrap().octets(), of_relay);
}

#[test]
fn the_five_messages_of_clients_are_read_and_no_others() {
    for message_type in 0..=255 {
        let expected = match message_type {
            1 => Some(RequestKind::Discover),
            3 => Some(RequestKind::Request),
            4 => Some(RequestKind::Decline),
            7 => Some(RequestKind::Release),
            8 => Some(RequestKind::Inform),
            _ => None,
        };
        let result = parse(&Packet::of_type(message_type).bytes(), arrival());
        match expected {
            Some(kind) => assert_eq!(result.unwrap().kind, kind),
            None => {
                let malformed = result.unwrap_err();
                assert_eq!(malformed.reason, Reason::UnexpectedMessageType);
                let found = format!("found message type {message_type} in option 53");
                assert!(malformed.to_string().starts_with(&found), "{malformed}");
            }
        }
    }
}

#[test]
fn every_field_of_a_request_is_read() {
    let packet = Packet::of_type(3)
        .header(1, &[32, 16])
        .header(8, &[0, 5, 0x80, 0])
        .header(12, &[192, 0, 2, 9])
        .header(24, &[192, 0, 2, 254])
        .header(28, &[7; 16])
        .option(50, &[192, 0, 2, 10])
        .option(51, &[0, 0, 14, 16])
        .option(54, &[192, 0, 2, 1])
        .option(55, &[121, 1, 3, 6, 6])
        .option(57, &[5, 220])
        .option(61, &[0, 1, 2])
        .option(82, &[1, 1, 0, 9])
        .option(118, &[198, 51, 100, 0])
        .option(224, &[]);
    let request = packet.parse();
    assert_eq!(request.kind, RequestKind::Request);
    assert_eq!(request.arrival, arrival());
    assert_eq!(request.transaction_id, 0xdead_beef);
    assert_eq!(request.elapsed_secs, 5);
    assert_eq!(request.flags, 0x8000);
    assert_eq!(request.client_address, Ipv4Addr::new(192, 0, 2, 9));
    assert_eq!(request.relay_address, Ipv4Addr::new(192, 0, 2, 254));
    assert_eq!(request.hardware_address.kind(), 32);
    assert_eq!(request.hardware_address.octets(), [7; 16]);
    assert_eq!(request.requested_address, Some(Ipv4Addr::new(192, 0, 2, 10)));
    assert_eq!(request.lease_time_secs, Some(3600));
    assert_eq!(request.server_identifier, Some(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(request.parameter_request_list[..], [121, 1, 3, 6, 6]);
    assert_eq!(request.max_message_size, Some(1500));
    assert_eq!(request.client_identifier.as_deref(), Some(&[0, 1, 2][..]));
    assert_eq!(request.subnet_selection, Some(Ipv4Addr::new(198, 51, 100, 0)));
    assert_eq!(request.relay_information.as_ref().unwrap().octets(), [1, 1, 0, 9]);
    assert_eq!(request.options.get(224), Some(&[][..]));
    let codes: Vec<u8> = request.options.iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [53, 50, 51, 54, 55, 57, 61, 82, 118, 224]);
    assert_eq!(request.packet[..], packet.bytes());
}

#[test]
fn what_a_packet_does_not_have_is_absent() {
    let request = Packet::discover().parse();
    assert_eq!(request.requested_address, None);
    assert_eq!(request.server_identifier, None);
    assert_eq!(request.lease_time_secs, None);
    assert!(request.parameter_request_list.is_empty());
    assert_eq!(request.max_message_size, None);
    assert_eq!(request.client_identifier, None);
    assert_eq!(request.subnet_selection, None);
    assert_eq!(request.relay_information, None);
}

#[test]
fn malformed_hints_count_as_absent() {
    let request = Packet::discover()
        .option(51, &[0, 0, 1])
        .option(57, &[2, 64, 0])
        .option(118, &[192, 0, 2])
        .parse();
    assert_eq!(request.lease_time_secs, None);
    assert_eq!(request.max_message_size, None);
    assert_eq!(request.subnet_selection, None);
    // Policies can still read them.
    assert_eq!(request.options.get(51), Some(&[0, 0, 1][..]));
}

#[test]
fn an_unspecified_requested_address_counts_as_absent() {
    assert_eq!(Packet::discover().option(50, &[0; 4]).parse().requested_address, None);
}

#[test]
fn a_message_size_below_576_counts_as_576() {
    for (found, expected) in [(0u16, 576), (575, 576), (576, 576), (577, 577), (65535, 65535)] {
        let request = Packet::discover().option(57, &found.to_be_bytes()).parse();
        assert_eq!(request.max_message_size, Some(expected));
    }
}

#[test]
fn padding_and_a_missing_end_are_forgiven() {
    let padded = Packet::new().raw(&[0, 0]).option(53, &[1]).raw(&[0]).option(12, b"cpe");
    for packet in [padded.unended(), padded.bytes(), [&padded.bytes()[..], b"\x01junk"].concat()] {
        let request = parse(&packet, arrival()).unwrap();
        assert_eq!(request.options.get(12), Some(&b"cpe"[..]));
        assert_eq!(request.options.iter().count(), 2);
    }
}

#[test]
fn hardware_addresses_may_be_empty() {
    let request = Packet::discover().header(2, &[0]).parse();
    assert_eq!(request.hardware_address.octets(), []);
}

#[test]
fn a_packet_of_scattered_parts_costs_no_more_memory_than_it_has_octets() {
    // The longest possible payload, in which no two parts of one option are adjacent.
    let mut packet = Packet::discover();
    for _ in 0..127 {
        packet = packet.option(60, &[1; 255]);
    }
    while packet.options.len() < 65_507 - 240 - 6 {
        packet = packet.option(77, &[2]).option(60, &[3]);
    }
    let bytes = packet.bytes();
    let request = parse(&bytes, arrival()).unwrap();
    let vendor_class = request.options.get(60).unwrap();
    assert_eq!(vendor_class[..127 * 255], [1; 127 * 255]);
    assert!(vendor_class[127 * 255..].iter().all(|octet| *octet == 3));
    // The written form shows everything that is kept. If the parts were joined again each time, it
    // would be 100 MB.
    assert!(format!("{:?}", request.options).len() < 10 * bytes.len());
}

#[test]
fn the_sender_of_a_malformed_message_is_known_from_240_octets_on() {
    let good = Packet::discover().bytes();
    let wanted = parse(&good, arrival()).unwrap();
    let damaged = |at: usize, octet: u8| {
        let mut octets = good.clone();
        octets[at] = octet;
        octets
    };
    for packet in [
        damaged(0, 2),
        damaged(236, 0),
        [&good[..240], b"\x35"].concat(),
        [&good[..240], b"\x35\x01\x02\xff"].concat(),
    ] {
        assert!(parse(&packet, arrival()).is_err(), "{packet:?}");
        let header = header(&packet).unwrap();
        assert_eq!(header.transaction_id, wanted.transaction_id);
        assert_eq!(header.hardware_address, wanted.hardware_address);
        assert_eq!(header.client_address, wanted.client_address);
        assert_eq!(header.relay_address, wanted.relay_address);
    }
    // With an impossible hlen, all of chaddr is returned.
    for hlen in [17, 255] {
        let octets = damaged(2, hlen);
        let header = header(&octets).unwrap();
        assert_eq!(header.hardware_address.octets(), &octets[28..44]);
    }
    for length in 0..240 {
        assert_eq!(header(&good[..length]), None, "{length}");
    }
}
