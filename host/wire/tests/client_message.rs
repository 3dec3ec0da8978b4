//! Messages of clients that are written are read back as they were meant.

mod common;

use std::net::Ipv4Addr;

use common::{HARDWARE, Packet, RELAY, arrival, option_parts};
use lessor_core::{
    HardwareAddress, OptionValue, RelayInformation, RequestKind, option::code, relay,
};
use lessor_wire::{ClientMessage, encode_value, parse};
use proptest::{collection::vec, option, prelude::*};

const KINDS: [RequestKind; 6] = [
    RequestKind::Discover,
    RequestKind::Request,
    RequestKind::Decline,
    RequestKind::Release,
    RequestKind::Inform,
    RequestKind::Bootp,
];

#[test]
fn a_message_without_options_is_a_header_and_its_type() {
    for (kind, message_type) in KINDS.into_iter().zip([1, 3, 4, 7, 8]) {
        let message = ClientMessage {
            transaction_id: 0xdead_beef,
            ..ClientMessage::new(kind, HardwareAddress::ethernet(HARDWARE))
        };
        assert_eq!(message.to_octets(), Packet::of_type(message_type).bytes());
    }
}

#[test]
fn a_relayed_message_has_one_hop_and_the_relays_option_last() {
    let sub_options = [(relay::CIRCUIT_ID, &b"olt1/1"[..])];
    let message = ClientMessage {
        transaction_id: 0xdead_beef,
        elapsed_secs: 3,
        wants_broadcast: true,
        client_address: Ipv4Addr::new(192, 0, 2, 7),
        relay_address: RELAY,
        options: vec![(code::HOST_NAME, OptionValue::Text("tv".to_owned()))],
        relay_information: Some(RelayInformation::from_sub_options(sub_options)),
        ..ClientMessage::new(RequestKind::Discover, HardwareAddress::ethernet(HARDWARE))
    };
    let expected = Packet::discover()
        .header(3, &[1])
        .header(8, &[0, 3, 0x80, 0])
        .header(12, &[192, 0, 2, 7])
        .header(24, &RELAY.octets())
        .option(12, b"tv")
        .option(82, b"\x01\x06olt1/1");
    assert_eq!(message.to_octets(), expected.bytes());
}

#[test]
fn a_long_option_is_written_in_parts() {
    let long = vec![7; 600];
    let message = ClientMessage {
        options: vec![
            (224, OptionValue::Octets(long.clone())),
            (225, OptionValue::Octets(Vec::new())),
        ],
        ..ClientMessage::new(RequestKind::Inform, HardwareAddress::ethernet(HARDWARE))
    };
    let octets = message.to_octets();
    let parts = option_parts(&octets);
    let lengths: Vec<(u8, usize)> = parts.iter().map(|(code, part)| (*code, part.len())).collect();
    assert_eq!(lengths, [(53, 1), (224, 255), (224, 255), (224, 90), (225, 0)]);
    let request = parse(&octets, arrival()).unwrap();
    assert_eq!(request.options.get(224), Some(&long[..]));
    assert_eq!(request.options.get(225), Some(&[][..]));
}

fn hardware_addresses() -> impl Strategy<Value = HardwareAddress> {
    let octets = vec(any::<u8>(), 0..=HardwareAddress::OCTETS_MAX);
    (any::<u8>(), octets).prop_filter_map("no hardware address", |(kind, octets)| {
        HardwareAddress::new(kind, &octets)
    })
}

/// Options without a meaning for the server, whose values are free.
fn options() -> impl Strategy<Value = Vec<(u8, OptionValue)>> {
    let value = prop_oneof![
        any::<u32>().prop_map(|address| OptionValue::Address(address.into())),
        any::<u32>().prop_map(OptionValue::U32),
        "[a-z]{0,300}".prop_map(OptionValue::Text),
        vec(any::<u8>(), 0..700).prop_map(OptionValue::Octets),
    ];
    vec(value, 0..8).prop_map(|values| (224..).zip(values).collect())
}

fn messages() -> impl Strategy<Value = ClientMessage> {
    let numbers = (any::<u32>(), any::<u16>(), any::<bool>());
    let addresses = (any::<u32>(), any::<u32>());
    let sub_options = option::of(vec((any::<u8>(), vec(any::<u8>(), 0..40)), 1..6));
    let kind = prop::sample::select(&KINDS[..]);
    (kind, hardware_addresses(), numbers, addresses, options(), sub_options).prop_map(
        |(kind, hardware_address, numbers, addresses, options, sub_options)| ClientMessage {
            kind,
            hardware_address,
            transaction_id: numbers.0,
            elapsed_secs: numbers.1,
            wants_broadcast: numbers.2,
            client_address: addresses.0.into(),
            relay_address: addresses.1.into(),
            options,
            relay_information: sub_options.map(|list| {
                RelayInformation::from_sub_options(
                    list.iter().map(|(code, value)| (*code, &value[..])),
                )
            }),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_written_is_read_back(message in messages()) {
        let request = parse(&message.to_octets(), arrival()).unwrap();
        prop_assert_eq!(request.kind, message.kind);
        prop_assert_eq!(request.hardware_address, message.hardware_address);
        prop_assert_eq!(request.transaction_id, message.transaction_id);
        prop_assert_eq!(request.elapsed_secs, message.elapsed_secs);
        prop_assert_eq!(request.wants_broadcast(), message.wants_broadcast);
        prop_assert_eq!(request.client_address, message.client_address);
        prop_assert_eq!(request.relay_address, message.relay_address);
        prop_assert_eq!(&request.relay_information, &message.relay_information);
        for (code, value) in &message.options {
            let mut octets = Vec::new();
            encode_value(value, &mut octets);
            prop_assert_eq!(request.options.get(*code), Some(&octets[..]));
        }
    }
}
