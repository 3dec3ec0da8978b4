//! RFC 2131 section 4.1: messages, and where replies are sent.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_core::{Destination, OptionValue, Reason, Request};

use crate::support::*;

/// An address of another interface of the server.
const OWN: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

/// RFC 2131 section 4.1.
#[test]
fn any_own_address_in_option_54_is_ours() {
    let on_own_override = |request| {
        with(relayed(request), |r| {
            r.relay_information =
                Some(lessor_core::RelayInformation::from_octets(*b"\x0b\x04\x0a\x00\x00\x03"));
        })
    };
    let mut server = Server::plain();
    let decision = server.ask(&on_own_override(discover(1)));
    assert_eq!(option(reply(&decision), 54), Some(&OptionValue::Address(RELAY)));
    for (named, expected) in [
        (RELAY, Reason::AckSelecting),
        (SERVER, Reason::AckSelecting),
        (OWN, Reason::AckSelecting),
        (OTHER_SERVER, Reason::OtherServerSelected),
    ] {
        let request = with(on_own_override(selecting(1, ip(10))), |r| {
            r.server_identifier = Some(named);
            r.arrival.own_addresses = [OWN].into_iter().collect();
        });
        assert_eq!(server.reason(&request), expected, "{named}");
    }
}

/// RFC 2131 section 4.1.
#[test]
fn the_identifier_sent_is_the_address_of_arrival() {
    let mut server = Server::plain();
    let request = with(relayed(discover(1)), |r| r.arrival.server_address = ip(77));
    assert_eq!(option(reply(&server.ask(&request)), 54), Some(&OptionValue::Address(ip(77))));
}

/// RFC 2131 section 4.1.
#[test]
fn destination_of_offer_and_ack() {
    let relay = Destination::Relay(SocketAddrV4::new(RELAY, 67));
    let client = Destination::Client(SocketAddrV4::new(ip(10), 68));
    let hardware = Destination::Hardware { address: ip(10), hardware_address: hardware(1) };
    let broadcast = |r: &mut Request| r.flags = Request::BROADCAST;
    let former_address = |r: &mut Request| r.client_address = ip(77);
    let named = |request| with(request, |r: &mut Request| r.server_identifier = Some(SERVER));
    // RFC 8357: the sub-option is empty; one with octets is something else.
    let from_port = |port, sub_options: &[u8]| {
        with(relayed(discover(1)), |r| {
            r.arrival.source = SocketAddrV4::new(RELAY, port);
            let information = lessor_core::RelayInformation::from_octets(sub_options.to_vec());
            r.relay_information = Some(information);
        })
    };
    let cases = [
        (
            "relay source port",
            from_port(1067, b"\x13\x00"),
            Destination::Relay(SocketAddrV4::new(RELAY, 1067)),
        ),
        ("no relay source port", from_port(1067, b"\x13\x01\x00"), relay),
        ("relayed", relayed(discover(1)), relay),
        ("relayed, broadcast bit", with(relayed(discover(1)), broadcast), relay),
        ("relayed, ciaddr", relayed(rebinding(1, ip(10))), relay),
        ("ciaddr", renewing(1, ip(10)), client),
        ("ciaddr, broadcast bit", with(rebinding(1, ip(10)), broadcast), client),
        ("broadcast bit", with(discover(1), broadcast), Destination::Broadcast),
        ("by hardware address", discover(1), hardware),
        ("by hardware address, ACK", selecting(1, ip(10)), hardware),
        ("ciaddr in a DISCOVER", with(discover(1), former_address), hardware),
        (
            "ciaddr in a DISCOVER, broadcast bit",
            with(with(discover(1), former_address), broadcast),
            Destination::Broadcast,
        ),
        ("ciaddr beside an offer", with(selecting(1, ip(10)), former_address), hardware),
        // It uses the address, although it sends option 54, and it is on none of our links.
        ("ciaddr beside option 54, from there", named(renewing(1, ip(10))), client),
    ];
    for (name, request, expected) in cases {
        let mut server = Server::plain();
        assert_eq!(server.lease(1), ip(10));
        assert_eq!(reply(&server.ask(&request)).destination, expected, "{name}");
    }
}

/// RFC 2131 section 4.1.
#[test]
fn a_client_without_hardware_address_is_answered_by_broadcast() {
    let mut server = Server::plain();
    let request = with(discover(1), |r| {
        r.hardware_address = lessor_core::HardwareAddress::new(32, &[]).unwrap();
        r.client_identifier = Some(Box::new([1, 2, 3]));
    });
    assert_eq!(reply(&server.ask(&request)).destination, Destination::Broadcast);
}

/// RFC 2131 section 4.1.
#[test]
fn destination_of_nak() {
    let away = Ipv4Addr::new(172, 16, 0, 9);
    let relay = Destination::Relay(SocketAddrV4::new(RELAY, 67));
    let client = Destination::Client(SocketAddrV4::new(away, 68));
    let nowhere = with(directly(selecting(1, away)), |r| r.client_address = [224, 0, 0, 1].into());
    let nowhere = on_link(nowhere);
    let cases = [
        ("no ciaddr", init_reboot(1, away), Destination::Broadcast, false),
        ("ciaddr", rebinding(1, away), Destination::Broadcast, false),
        ("ciaddr, directly, from another link", renewing(1, away), client, false),
        ("ciaddr, directly, by way of a link", on_link(renewing(1, away)), client, false),
        ("ciaddr beside an offer, directly", nowhere, Destination::Broadcast, false),
        ("relayed", relayed(init_reboot(1, away)), relay, true),
        ("relayed, ciaddr", relayed(rebinding(1, away)), relay, true),
    ];
    for (name, request, destination, force_broadcast) in cases {
        let decision = Server::plain().ask(&request);
        assert_eq!(decision.reason, Reason::NakWrongNetwork, "{name}");
        assert_eq!(reply(&decision).destination, destination, "{name}");
        assert_eq!(reply(&decision).force_broadcast, force_broadcast, "{name}");
    }
}

/// RFC 2131 section 4.1.
#[test]
fn a_nak_of_a_direct_renewal_on_the_link_is_broadcast() {
    let mut server = Server::plain();
    server.lease(1);
    let decision = server.ask(&on_link(renewing(1, ip(13))));
    assert_eq!(decision.reason, Reason::NakOtherAddress);
    assert_eq!(reply(&decision).destination, Destination::Broadcast);
}

/// RFC 2131 section 4.1.
#[test]
fn nothing_is_sent_to_an_address_that_no_host_can_have() {
    let nobody = [[0, 1, 2, 3], [224, 0, 0, 1], [239, 255, 255, 255], [240, 0, 0, 1], [255; 4]];
    for address in nobody.map(Ipv4Addr::from) {
        let through = |request| with(relayed(request), |r: &mut Request| r.relay_address = address);
        let requests = [discover(1), selecting(1, ip(10)), rebinding(1, ip(10)), inform(1, ip(10))];
        for request in requests.map(through) {
            let decision = Server::plain().ask(&request);
            assert_eq!(decision.reason, Reason::UnusableRelayAddress, "{address}");
            assert!(decision.changes.is_empty());
        }
        let from = [inform(1, address), rebinding(1, address), renewing(1, address)];
        for request in from {
            let decision = Server::plain().ask(&request);
            assert_eq!(decision.reason, Reason::UnusableClientAddress, "{address}");
        }
    }
}

/// RFC 2131 section 4.1.
#[test]
fn a_client_that_no_reply_can_reach_gets_no_address() {
    // The message came directly to a socket for relays, and was not relayed.
    let named = with(selecting(1, ip(10)), |r| r.client_address = ip(77));
    for request in [discover(1), selecting(1, ip(10)), init_reboot(1, ip(10)), named] {
        let mut server = Server::plain();
        let decision = server.ask(&directly(request));
        assert_eq!(decision.reason, Reason::UnreachableClient);
        assert!(server.engine.offers().next().is_none() && decision.changes.is_empty());
    }
}

/// RFC 2131 section 4.1.
#[test]
fn a_configured_broadcast_reaches_clients_without_an_address_only() {
    let mut network = network();
    network.subnets[0].settings = settings(|scope| scope.sending.always_broadcast = Some(true));
    let mut server = Server::new(network);
    let relay = Destination::Relay(SocketAddrV4::new(RELAY, 67));
    let client = Destination::Client(SocketAddrV4::new(ip(10), 68));
    for (request, expected) in [
        (discover(1), (Destination::Broadcast, true)),
        (selecting(1, ip(10)), (Destination::Broadcast, true)),
        // The relay sends it to all hosts of the link because of the flag.
        (relayed(discover(1)), (relay, true)),
        (renewing(1, ip(10)), (client, false)),
    ] {
        let decision = server.ask(&request);
        let found = (reply(&decision).destination, reply(&decision).force_broadcast);
        assert_eq!(found, expected, "{request:?}");
    }
}
