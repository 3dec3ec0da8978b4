//! Whole packets: messages that real clients send, and the replies, octet by octet.

mod common;

use std::net::Ipv4Addr;

use common::{RELAY, SERVER, arrival};
use lessor_core::{Destination, OptionValue, Reply, ReplyKind, Request, RequestKind};
use lessor_wire::{LeftOut, parse, write};

/// Octets written in hexadecimal with spaces; `00*192` repeats one.
fn octets(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .flat_map(|word| match word.split_once('*') {
            Some((octet, times)) => hex::decode(octet).unwrap().repeat(times.parse().unwrap()),
            None => hex::decode(word).unwrap(),
        })
        .collect()
}

fn request(text: &str) -> Request {
    parse(&octets(text), arrival()).unwrap()
}

/// ISC dhclient 4.4.3, as captured.
const DHCLIENT: &str = "
    01 01 06 00 27b8113f 0000 0000 00*16 02005e005301 00*10 00*192 63825363
    35 01 01
    0c 02 766d
    37 0d 01 1c 02 03 0f 06 77 0c 2c 2f 1a 79 2a
    ff 00*37";

/// BusyBox udhcpc 1.35, as captured.
const UDHCPC: &str = "
    01 01 06 00 d9c20379 0000 0000 00*16 02005e005301 00*10 00*192 63825363
    35 01 01
    39 02 0240
    37 07 01 03 06 0c 0f 1c 2a
    0c 03 637065
    3c 0b 6c6573736f722d74657374
    3d 07 01 02005e005301
    ff 00*16";

/// dhcpcd 9.4.1, as captured: a client identifier of IAID and DUID (RFC 4361), and option 145.
const DHCPCD: &str = "
    01 01 06 00 cf07046f 0000 0000 00*16 02005e005301 00*10 00*192 63825363
    35 01 01
    37 0e 01 79 03 06 0c 0f 1a 1c 21 33 36 3a 3b 77
    39 02 05c0
    3d 13 ff 5e005301 0001 0001 3297c561 02005e005301
    50 00
    91 01 01
    ff 00*10";

/// A DISCOVER as a relay forwards it, with option 82 and option 118.
const RELAYED: &str = "
    01 01 06 01 3903f326 000a 8000 00000000 00000000 00000000 c00002fe
    02005e005301 00*10 00*192 63825363
    35 01 01
    3d 07 01 02005e005301
    39 02 0240
    37 06 79 03 01 06 33 77
    52 16 01 0c 6f6c74312f312f332f303137 02 06 005e00530102
    ff 00*11";

#[test]
fn dhclient_is_read() {
    let request = request(DHCLIENT);
    assert_eq!(request.kind, RequestKind::Discover);
    assert_eq!(request.transaction_id, 0x27b8_113f);
    assert_eq!(request.hardware_address.to_string(), "02:00:5e:00:53:01");
    assert_eq!(
        request.parameter_request_list[..],
        [1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42]
    );
    assert_eq!(request.client_identifier, None);
    assert_eq!(request.max_message_size, None);
    assert_eq!(request.options.get(12), Some(&b"vm"[..]));
    assert_eq!(request.packet.len(), 300);
}

#[test]
fn udhcpc_is_read() {
    let request = request(UDHCPC);
    assert_eq!(request.kind, RequestKind::Discover);
    assert_eq!(request.packet.len(), 300);
    assert_eq!(request.client_identifier.as_deref(), Some(&[1, 2, 0, 0x5e, 0, 0x53, 1][..]));
    assert_eq!(request.max_message_size, Some(576));
    assert_eq!(request.options.get(60), Some(&b"lessor-test"[..]));
    assert_eq!(request.parameter_request_list[..], [1, 3, 6, 12, 15, 28, 42]);
}

#[test]
fn dhcpcd_is_read() {
    let request = request(DHCPCD);
    assert_eq!(request.kind, RequestKind::Discover);
    assert_eq!(request.packet.len(), 300);
    assert_eq!(request.client_identifier.as_deref().map(<[u8]>::len), Some(19));
    assert_eq!(request.max_message_size, Some(1472));
    assert_eq!(request.options.get(80), Some(&[][..]));
    assert_eq!(request.options.get(145), Some(&[1][..]));
}

#[test]
fn a_relayed_discover_is_read() {
    let request = request(RELAYED);
    assert!(request.is_relayed() && request.wants_broadcast());
    assert_eq!(request.relay_address, RELAY);
    assert_eq!(request.elapsed_secs, 10);
    let relay = request.relay_information.as_ref().unwrap();
    assert_eq!(relay.circuit_id(), Some(&b"olt1/1/3/017"[..]));
    assert_eq!(relay.remote_id(), Some(&[0, 0x5e, 0, 0x53, 1, 2][..]));
}

/// The engine's reply to `RELAYED`, in the order of its option 55.
fn reply(kind: ReplyKind) -> Reply {
    let options = [
        (54, OptionValue::Address(SERVER)),
        (51, OptionValue::U32(3600)),
        (61, OptionValue::Octets(octets("01 02005e005301"))),
        (
            121,
            OptionValue::Routes(vec![
                ("0.0.0.0/0".parse().unwrap(), RELAY),
                ("198.51.100.0/25".parse().unwrap(), SERVER),
            ]),
        ),
        (1, OptionValue::Address(Ipv4Addr::new(255, 255, 255, 0))),
        (3, OptionValue::Addresses(vec![RELAY])),
        (6, OptionValue::Addresses(vec![SERVER, Ipv4Addr::new(192, 0, 2, 2)])),
        (119, OptionValue::DomainNames(vec!["a.example.com".into(), "example.com".into()])),
    ];
    Reply {
        kind,
        client_address: Ipv4Addr::UNSPECIFIED,
        your_address: Ipv4Addr::new(192, 0, 2, 77),
        next_server_address: Ipv4Addr::new(192, 0, 2, 3),
        server_name: Default::default(),
        boot_file: Default::default(),
        force_broadcast: false,
        confirms_vpn: false,
        options: options.into_iter().map(|(code, value)| (code, value.into())).collect(),
        destination: Destination::Relay("192.0.2.254:67".parse().unwrap()),
    }
}

#[track_caller]
fn assert_written(request: &Request, reply: &Reply, expected: &str) {
    let mut packet = Vec::new();
    assert_eq!(write(request, reply, &mut packet), Ok(LeftOut::default()));
    assert_eq!(hex::encode(packet), hex::encode(octets(expected)));
}

#[test]
fn an_offer_through_a_relay() {
    assert_written(
        &request(RELAYED),
        &reply(ReplyKind::Offer),
        "02 01 06 00 3903f326 0000 8000 00000000 c000024d c0000203 c00002fe
         02005e005301 00*10 00*192 63825363
         35 01 02
         36 04 c0000201
         33 04 00000e10
         3d 07 01 02005e005301
         79 0e 00 c00002fe 19 c6336400 c0000201
         01 04 ffffff00
         03 04 c00002fe
         06 08 c0000201 c0000202
         77 11 01 61 07 6578616d706c65 03 636f6d 00 c002
         52 16 01 0c 6f6c74312f312f332f303137 02 06 005e00530102
         ff",
    );
}

#[test]
fn an_acknowledgement_of_a_renewal() {
    let renewal = request(
        "01 01 06 00 5a5a0001 0000 0000 c000024d 00*12 02005e005301 00*10 00*192 63825363
         35 01 03
         ff 00*56",
    );
    let mut reply = reply(ReplyKind::Ack);
    reply.client_address = Ipv4Addr::new(192, 0, 2, 77);
    reply.next_server_address = Ipv4Addr::UNSPECIFIED;
    reply.options.truncate(2);
    assert_written(
        &renewal,
        &reply,
        "02 01 06 00 5a5a0001 0000 0000 c000024d c000024d 00000000 00000000
         02005e005301 00*10 00*192 63825363
         35 01 05
         36 04 c0000201
         33 04 00000e10
         ff 00*44",
    );
}

#[test]
fn a_refusal_through_a_relay() {
    let mut request = request(RELAYED);
    request.flags = 0;
    let reply = Reply {
        kind: ReplyKind::Nak,
        your_address: Ipv4Addr::UNSPECIFIED,
        next_server_address: Ipv4Addr::UNSPECIFIED,
        force_broadcast: true,
        confirms_vpn: false,
        options: vec![
            (54, OptionValue::Address(SERVER).into()),
            (56, OptionValue::Text("wrong network".into()).into()),
            (61, OptionValue::Octets(octets("01 02005e005301")).into()),
        ],
        ..reply(ReplyKind::Nak)
    };
    assert_written(
        &request,
        &reply,
        "02 01 06 00 3903f326 0000 8000 00000000 00000000 00000000 c00002fe
         02005e005301 00*10 00*192 63825363
         35 01 06
         36 04 c0000201
         38 0d 77726f6e67206e6574776f726b
         3d 07 01 02005e005301
         52 16 01 0c 6f6c74312f312f332f303137 02 06 005e00530102
         ff 00*2",
    );
}

#[test]
fn an_overloaded_acknowledgement() {
    let request = request(UDHCPC);
    let mut reply = reply(ReplyKind::Ack);
    let options = [
        (54, OptionValue::Address(SERVER)),
        (43, OptionValue::Octets(vec![0x2b; 250])),
        (67, OptionValue::Text("b".repeat(100))),
        (66, OptionValue::Text("t".repeat(40))),
        (51, OptionValue::U32(3600)),
        (61, OptionValue::Octets(octets("01 02005e005301"))),
    ];
    reply.options = options.into_iter().map(|(code, value)| (code, value.into())).collect();
    // The mandatory options are in the options field, and the others in the given order.
    assert_written(
        &request,
        &reply,
        "02 01 06 00 d9c20379 0000 0000 00000000 c000024d c0000203 00000000
         02005e005301 00*10
         42 28 74*40 ff 00*21
         43 64 62*100 ff 00*25
         63825363
         35 01 05
         34 01 03
         36 04 c0000201
         2b fa 2b*250
         33 04 00000e10
         3d 07 01 02005e005301
         ff",
    );
}
