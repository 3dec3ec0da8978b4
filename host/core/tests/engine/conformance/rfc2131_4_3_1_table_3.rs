//! RFC 2131 section 4.3.1, table 3: the fields and options of replies that the core fills in.

use std::net::Ipv4Addr;

use lessor_core::{BootFileName, BootFiles, OptionValue, Reply, ReplyKind, Request, ServerName};

use crate::support::*;

const BOOT_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 69);

/// One reply of each kind to requests that ask for everything, and the ACK of an INFORM.
fn replies() -> Vec<(&'static str, Request, Reply)> {
    let mut network = network();
    network.subnets[0].settings = settings(|scope| {
        scope.boot.next_server = Some(BOOT_SERVER);
        scope.boot.server_name = Some(ServerName::new("boot.example").unwrap());
        scope.boot.files = BootFiles::for_all(BootFileName::new("pxelinux.0").unwrap());
    });
    let mut server = Server::new(network);
    let everything = |request| {
        with(request, |r: &mut Request| {
            r.parameter_request_list = (0..=255).collect();
            r.client_identifier = Some(Box::new([7, 7]));
            r.lease_time_secs = Some(600);
            r.max_message_size = Some(1500);
        })
    };
    let requests = [
        ("OFFER", everything(discover(1))),
        ("ACK", everything(selecting(1, ip(10)))),
        ("ACK of a renewal", everything(renewing(1, ip(10)))),
        ("ACK of an INFORM", everything(inform(1, ip(200)))),
        ("NAK", everything(init_reboot(1, ip(13)))),
        ("NAK to ciaddr", everything(renewing(1, ip(13)))),
    ];
    let answer = |(name, request): (&'static str, Request)| {
        let reply = reply(&server.ask(&request)).clone();
        (name, request, reply)
    };
    requests.map(answer).into()
}

/// RFC 2131 section 4.3.1, table 3.
#[test]
fn fields_of_replies() {
    let zero = Ipv4Addr::UNSPECIFIED;
    let expected = [
        (ReplyKind::Offer, zero, ip(10), BOOT_SERVER),
        (ReplyKind::Ack, zero, ip(10), BOOT_SERVER),
        (ReplyKind::Ack, ip(10), ip(10), BOOT_SERVER),
        (ReplyKind::Ack, ip(200), zero, BOOT_SERVER),
        (ReplyKind::Nak, zero, zero, zero),
        (ReplyKind::Nak, zero, zero, zero),
    ];
    for ((name, _, reply), expected) in replies().into_iter().zip(expected) {
        let found =
            (reply.kind, reply.client_address, reply.your_address, reply.next_server_address);
        assert_eq!(found, expected, "{name}");
    }
}

/// RFC 2131 section 4.3.1, table 3.
#[test]
fn a_nak_names_neither_a_boot_server_nor_a_boot_file() {
    for (name, _, reply) in replies() {
        let found = (&*reply.server_name, &*reply.boot_file);
        let is_nak = reply.kind == ReplyKind::Nak;
        let expected = if is_nak { ("", "") } else { ("boot.example", "pxelinux.0") };
        assert_eq!(found, expected, "{name}");
    }
}

/// RFC 2131 section 4.3.1, table 3.
#[test]
fn options_of_replies() {
    for (name, request, reply) in replies() {
        let has = |code| option(&reply, code).is_some();
        let is_nak = reply.kind == ReplyKind::Nak;
        let grants = !is_nak && name != "ACK of an INFORM";
        assert_eq!([51, 58, 59].map(has), [grants; 3], "{name}");
        assert_eq!(option(&reply, 54), Some(&OptionValue::Address(SERVER)), "{name}");
        assert_eq!([50, 52, 53, 55, 57, 82].map(has), [false; 6], "{name}");
        assert_eq!(has(56), is_nak, "{name}");
        let identifier = request.client_identifier.unwrap().into();
        assert_eq!(option(&reply, 61), Some(&OptionValue::Octets(identifier)), "{name}");
        if is_nak {
            assert_eq!(codes(&reply), [54, 61, 56], "{name}");
        }
    }
}

/// RFC 2131 section 4.3.1, table 3.
#[test]
fn no_option_is_there_twice() {
    for (name, _, reply) in replies() {
        let mut codes = codes(&reply);
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count, "{name}");
    }
}
