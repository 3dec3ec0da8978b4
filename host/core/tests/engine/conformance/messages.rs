//! BOOTP, rapid commit, and clients that can do without IPv4.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_core::{
    BootpClients, Destination, INFINITE_SECS, Network, OptionValue, Reason, ReservationOwner,
    Terms, Timestamp,
};

use crate::support::*;

/// The usual network, with BOOTP clients.
fn with_bootp(clients: BootpClients) -> Network {
    let mut network = network();
    let subnet = &mut network.subnets[0];
    subnet.settings = settings(|fields| fields.messages.bootp = Some(clients));
    subnet.reservations.push(reservation(ReservationOwner::HardwareAddress(hardware(9)), ip(99)));
    network
}

/// The usual network, with option 108.
fn with_option_108() -> Network {
    let mut network = network();
    network.subnets[0].options = options([(108, OptionValue::U32(1800))]);
    network
}

fn with_rapid_commit() -> Network {
    let mut network = network();
    network.subnets[0].settings = settings(|fields| fields.messages.rapid_commit = Some(true));
    network
}

/// RFC 1534 section 2.
#[test]
fn a_bootp_client_is_bound_with_one_reply() {
    let mut server = Server::new(with_bootp(BootpClients::Dynamic));
    let decision = server.ask(&bootp(1));
    assert_eq!((offered(&decision), decision.reason), (ip(10), Reason::AckBootp));
    let lease = &decision.changes[0].binding;
    assert_eq!((lease.address, lease.expires_at), (ip(10), Timestamp::NEVER));
    assert_eq!(server.engine.offers().count(), 0);
    server.pass_secs(10_000_000);
    assert_eq!(offer(&server.ask(&bootp(1))), (ip(10), Reason::AckBootp));
}

/// RFC 1534 section 2.
#[test]
fn a_bootp_client_that_is_not_served_is_not_answered() {
    let mut server = Server::plain();
    assert_eq!(server.reason(&bootp(1)), Reason::BootpNotServed);
    let mut server = Server::new(with_bootp(BootpClients::Off));
    assert_eq!(server.reason(&bootp(9)), Reason::BootpNotServed);
    let mut server = Server::new(with_bootp(BootpClients::Reserved));
    assert_eq!(server.reason(&bootp(1)), Reason::BootpNotReserved);
    assert_eq!(offer(&server.ask(&bootp(9))), (ip(99), Reason::AckBootp));
}

/// RFC 1533 section 9.
#[test]
fn a_bootp_client_gets_no_option_of_dhcp() {
    let mut network = with_bootp(BootpClients::Dynamic);
    network.subnets[0].options = options([
        (3, OptionValue::Addresses(vec![ip(1)])),
        (60, OptionValue::Text("class".into())),
        (108, OptionValue::U32(1800)),
    ]);
    let mut server = Server::new(network);
    let terms = Terms {
        options: vec![(60, Some(OptionValue::Text("of policy".into()).into()))],
        ..Terms::default()
    };
    let request = with(bootp(1), |r| {
        r.parameter_request_list = (0..=255).collect();
        r.options.append(80, &[]);
    });
    let decision = server.ask_under(&request, &terms);
    let found = codes(reply(&decision));
    assert!(found.contains(&1) && found.contains(&3), "{found:?}");
    assert!(found.iter().all(|code| !(50..=61).contains(code) && *code != 80), "{found:?}");
}

/// RFC 951 section 3.
#[test]
fn a_bootp_client_boots_from_the_server_that_answers_unless_another_is_named() {
    let mut server = Server::new(with_bootp(BootpClients::Dynamic));
    assert_eq!(reply(&server.ask(&bootp(1))).next_server_address, SERVER);
    let terms = Terms { next_server: Some(Ipv4Addr::UNSPECIFIED), ..Terms::default() };
    let decision = server.ask_under(&bootp(2), &terms);
    assert_eq!(reply(&decision).next_server_address, Ipv4Addr::UNSPECIFIED);
    assert_eq!(reply(&server.ask(&discover(3))).next_server_address, Ipv4Addr::UNSPECIFIED);
}

/// RFC 1542 section 5.4.
#[test]
fn destination_of_replies_to_bootp_clients() {
    let mut server = Server::new(with_bootp(BootpClients::Dynamic));
    let address = Ipv4Addr::new(10, 0, 0, 77);
    let at = |r: &mut lessor_core::Request| r.client_address = address;
    let client = Destination::Client(SocketAddrV4::new(address, 68));
    let relay = Destination::Relay(SocketAddrV4::new(RELAY, 67));
    let hardware_address = hardware(1);
    for (request, expected) in [
        (bootp(1), Destination::Hardware { address: ip(10), hardware_address }),
        (with(bootp(1), |r| r.flags = 0x8000), Destination::Broadcast),
        (relayed(bootp(1)), relay),
        (with(bootp(1), at), client),
        (with(relayed(bootp(1)), at), client),
    ] {
        assert_eq!(reply(&server.ask(&request)).destination, expected, "{request:?}");
    }
    for (request, expected) in [
        (directly(bootp(1)), Reason::UnreachableClient),
        (with(bootp(1), |r| r.client_address = Ipv4Addr::BROADCAST), Reason::UnusableClientAddress),
    ] {
        assert_eq!(server.reason(&request), expected, "{request:?}");
    }
}

/// RFC 951 section 3.
#[test]
fn a_bootp_client_with_an_address_gets_parameters_only() {
    let with_address = |client| with(bootp(client), |r| r.client_address = ip(99));
    let mut server = Server::new(with_bootp(BootpClients::Reserved));
    let decision = server.ask(&with_address(9));
    assert_eq!(decision.reason, Reason::AckBootpParameters);
    let found = reply(&decision);
    assert_eq!((found.client_address, found.your_address), (ip(99), Ipv4Addr::UNSPECIFIED));
    assert!(option(found, 3).is_some() && option(found, 54).is_none());
    assert_eq!(server.reason(&with_address(1)), Reason::BootpNotReserved);
    assert_eq!(server.engine.bindings().count(), 0);
}

/// RFC 4039 section 3.1.
#[test]
fn a_discover_with_option_80_is_answered_with_an_ack() {
    let mut server = Server::new(with_rapid_commit());
    let decision = server.ask(&rapid(1));
    assert_eq!((offered(&decision), decision.reason), (ip(10), Reason::AckRapidCommit));
    assert_eq!(option(reply(&decision), 80), Some(&OptionValue::Octets(Vec::new())));
    assert_eq!(lease_time_secs(&decision), 3600);
    assert_eq!(server.record(1).address, ip(10));
    assert_eq!(server.engine.offers().count(), 0);
    assert_eq!(server.reason(&renewing(1, ip(10))), Reason::AckRenewing);
}

/// RFC 4039 section 3.1.
#[test]
fn without_consent_of_client_and_server_a_discover_gets_an_offer() {
    let not_empty = with(discover(1), |r| r.options.append(80, &[1]));
    for (network, request) in [
        (network(), rapid(1)),
        (with_rapid_commit(), discover(1)),
        (with_rapid_commit(), not_empty),
    ] {
        let mut server = Server::new(network);
        let decision = server.ask(&request);
        assert_eq!(decision.reason, Reason::OfferedFromPool);
        assert_eq!(option(reply(&decision), 80), None);
        assert_eq!(server.engine.bindings().count(), 0);
    }
}

/// RFC 4039 section 4.
#[test]
fn option_80_is_in_no_other_reply() {
    let mut server = Server::new(with_rapid_commit());
    let terms = Terms {
        options: vec![(80, Some(OptionValue::Octets(Vec::new()).into()))],
        ..Terms::default()
    };
    let asking = |request| {
        with(request, |r: &mut lessor_core::Request| {
            r.parameter_request_list = [1, 80].into_iter().collect();
        })
    };
    for request in [
        asking(discover(1)),
        asking(selecting(1, ip(10))),
        with(asking(renewing(1, ip(10))), |r| r.options.append(80, &[])),
        asking(inform(1, ip(10))),
        selecting(2, ip(200)),
    ] {
        let decision = server.ask_under(&request, &terms);
        assert_eq!(option(reply(&decision), 80), None, "{request:?}");
    }
}

/// RFC 8925 section 3.3.
#[test]
fn an_offer_to_a_client_that_can_do_without_ipv4_holds_no_address() {
    let mut server = Server::new(with_option_108());
    let decision = server.ask(&ipv6_only(1));
    assert_eq!(offer(&decision), (Ipv4Addr::UNSPECIFIED, Reason::OfferedIpv6Only));
    let found = reply(&decision);
    assert_eq!(option(found, 108), Some(&OptionValue::U32(1800)));
    assert_eq!(lease_time_secs(&decision), 3600);
    assert!(option(found, 54).is_some());
    assert_eq!(found.destination, Destination::Broadcast);
    assert_eq!(server.engine.offers().count(), 0);
    // Relayed, like any other.
    let decision = server.ask(&relayed(ipv6_only(1)));
    let relay = Destination::Relay(SocketAddrV4::new(RELAY, 67));
    assert_eq!(reply(&decision).destination, relay);
}

/// RFC 8925 section 3.3.
#[test]
fn a_request_of_such_a_client_is_decided_like_any_other() {
    let mut server = Server::new(with_option_108());
    server.ask(&ipv6_only(1));
    let wanting =
        |request| with(request, |r: &mut lessor_core::Request| r.parameter_request_list.push(108));
    let decision = server.ask(&wanting(selecting(1, ip(11))));
    assert_eq!((offered(&decision), decision.reason), (ip(11), Reason::AckSelecting));
    assert_eq!(option(reply(&decision), 108), Some(&OptionValue::U32(1800)));
    let decision = server.ask(&wanting(renewing(1, ip(11))));
    assert_eq!(decision.reason, Reason::AckRenewing);
}

/// RFC 8925 section 3.3.
#[test]
fn an_ipv4_client_and_a_network_without_option_108_are_served_as_usual() {
    let mut server = Server::new(with_option_108());
    assert_eq!(server.reason(&discover(1)), Reason::OfferedFromPool);
    let mut server = Server::plain();
    let decision = server.ask(&ipv6_only(1));
    assert_eq!(offer(&decision), (ip(10), Reason::OfferedFromPool));
    assert_eq!(option(reply(&decision), 108), None);
}

/// RFC 2131 section 3.3, for BOOTP.
#[test]
fn a_configured_lease_time_of_bootp_clients_ends() {
    let mut network = with_bootp(BootpClients::Dynamic);
    network.subnets[0].settings = settings(|fields| {
        fields.messages.bootp = Some(BootpClients::Dynamic);
        fields.messages.bootp_lease_secs = Some(600);
    });
    let mut server = Server::new(network);
    let decision = server.ask_under(
        &bootp(1),
        // A client that never extends its lease is not bound by what a policy wants for others.
        &Terms { lease_time_secs: Some(60), ..Terms::default() },
    );
    assert_eq!(decision.changes[0].binding.expires_at, server.now.after_secs(600));
    assert_ne!(server.now.after_secs(INFINITE_SECS), server.now.after_secs(600));
}
