//! RFC 2131 section 4.3.2: REQUEST, by the state of the client.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_core::{Destination, Network, Reason, RequestKind};

use crate::support::*;

const AWAY: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 9);

fn not_authoritative() -> Network {
    Network { authoritative: false, ..network() }
}

/// RFC 2131 section 4.3.2.
#[test]
fn selecting_what_was_offered_is_acknowledged() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let decision = server.ask(&selecting(1, address));
    assert_eq!((offered(&decision), decision.reason), (address, Reason::AckSelecting));
    // The client sends it again because the ACK was lost.
    assert_eq!(server.reason(&selecting(1, address)), Reason::AckSelecting);
}

/// RFC 2131 section 4.3.2.
#[test]
fn ciaddr_beside_the_option_of_an_offer_means_nothing() {
    for client_address in [ip(10), ip(13), AWAY] {
        let mut server = Server::plain();
        let address = offered(&server.ask(&discover(1)));
        let request = with(selecting(1, address), |r| r.client_address = client_address);
        let decision = server.ask(&request);
        assert_eq!((offered(&decision), decision.reason), (address, Reason::AckSelecting));
        let hardware = Destination::Hardware { address, hardware_address: hardware(1) };
        assert_eq!(reply(&decision).destination, hardware);
        assert_eq!(reply(&decision).client_address, Ipv4Addr::UNSPECIFIED);
    }
}

/// RFC 2131 section 4.3.2.
#[test]
fn selecting_an_offer_that_a_restart_forgot_is_acknowledged_while_it_can_be() {
    let mut server = Server::plain();
    assert_eq!(server.reason(&selecting(1, ip(12))), Reason::AckSelecting);
    assert_eq!(server.record(1).address, ip(12));
}

/// RFC 2131 section 4.3.2.
#[test]
fn selecting_what_cannot_be_given_is_refused() {
    let mut server = Server::plain();
    let taken = server.lease(1);
    let held = offered(&server.ask(&discover(2)));
    let declined = server.lease(3);
    server.ask(&decline(3, declined));
    let cases = [
        (AWAY, Reason::NakWrongNetwork),
        (taken, Reason::NakOfferExpired),
        (held, Reason::NakOfferExpired),
        (declined, Reason::NakAddressTaken),
        (ip(100), Reason::NakOtherAddress),
        (ip(200), Reason::NakOtherAddress),
    ];
    for (address, expected) in cases {
        assert_eq!(server.reason(&selecting(9, address)), expected, "{address}");
    }
    // Another address than the offered one.
    assert_eq!(held, ip(11));
    assert_eq!(server.reason(&selecting(2, ip(13))), Reason::NakOtherAddress);
    assert_eq!(server.reason(&selecting(2, held)), Reason::AckSelecting);
}

/// RFC 2131 section 4.3.2.
#[test]
fn selecting_another_server_is_silence_and_withdraws_the_offer() {
    let mut server = Server::plain();
    (1..=4).for_each(|client| drop(server.ask(&discover(client))));
    assert_eq!(server.reason(&discover(5)), Reason::NoFreeAddress);
    let request = with(selecting(1, ip(10)), |r| r.server_identifier = Some(OTHER_SERVER));
    let decision = server.ask(&request);
    assert_eq!((decision.reason, decision.reply), (Reason::OtherServerSelected, None));
    assert_eq!(offer(&server.ask(&discover(5))), (ip(10), Reason::OfferedFromPool));
}

/// RFC 2131 section 4.3.2.
#[test]
fn init_reboot_of_what_the_record_says_is_acknowledged() {
    let mut server = Server::plain();
    let address = server.lease(1);
    assert_eq!(server.reason(&init_reboot(1, address)), Reason::AckInitReboot);
    // The lease has expired, and no other client needed the address.
    server.pass_secs(7200);
    assert_eq!(server.reason(&init_reboot(1, address)), Reason::AckInitReboot);
    assert!(server.record(1).is_active(server.now));
}

/// RFC 2131 section 4.3.2.
#[test]
fn ciaddr_beside_the_option_of_an_init_reboot_means_nothing() {
    let mut server = Server::plain();
    let address = server.lease(1);
    for client_address in [address, ip(13), AWAY] {
        let request = with(init_reboot(1, address), |r| r.client_address = client_address);
        let decision = server.ask(&request);
        assert_eq!((offered(&decision), decision.reason), (address, Reason::AckInitReboot));
        let hardware = Destination::Hardware { address, hardware_address: hardware(1) };
        assert_eq!(reply(&decision).destination, hardware);
    }
    // Sent from that address, it extends the lease, regardless of the rest of the message.
    let request = with(renewing(1, address), |r| r.requested_address = Some(address));
    assert_eq!(server.reason(&request), Reason::AckRenewing);
    let request = with(rebinding(1, address), |r| r.requested_address = Some(address));
    assert_eq!(server.reason(&request), Reason::AckRebinding);
}

/// RFC 2131 section 4.3.2.
#[test]
fn init_reboot_in_the_wrong_network_is_refused() {
    let decision = Server::plain().ask(&init_reboot(1, AWAY));
    assert_eq!(decision.reason, Reason::NakWrongNetwork);
    let mut server = Server::new(not_authoritative());
    assert_eq!(server.reason(&init_reboot(1, AWAY)), Reason::UnknownClient);
}

/// RFC 2131 section 4.3.2.
#[test]
fn init_reboot_against_the_record_is_refused() {
    let mut server = Server::plain();
    let (first, second) = (server.lease(1), server.lease(2));
    assert_eq!(server.reason(&init_reboot(1, ip(13))), Reason::NakOtherAddress);
    assert_eq!(server.reason(&init_reboot(1, second)), Reason::NakAddressTaken);
    // The lease has expired, and the address is held for another client by now.
    server.pass_secs(3600);
    let request = with(discover(3), |r| r.requested_address = Some(first));
    assert_eq!(server.reason(&request), Reason::OfferedRequested);
    assert_eq!(server.reason(&init_reboot(1, first)), Reason::NakAddressTaken);
}

/// RFC 2131 section 4.3.2.
#[test]
fn init_reboot_of_an_unknown_client_is_silence() {
    let mut server = Server::plain();
    let taken = server.lease(1);
    for address in [ip(12), ip(100), ip(200)] {
        let decision = server.ask(&init_reboot(9, address));
        assert_eq!((decision.reason, decision.reply), (Reason::UnknownClient, None), "{address}");
    }
    // If the server is authoritative, it tells the client that the address belongs to another
    // client.
    assert_eq!(server.reason(&init_reboot(9, taken)), Reason::NakAddressTaken);
    let mut server = Server::new(not_authoritative());
    let taken = server.lease(1);
    assert_eq!(server.reason(&init_reboot(9, taken)), Reason::UnknownClient);
}

/// RFC 2131 section 4.3.2.
#[test]
fn renewing_is_acknowledged_to_ciaddr() {
    let mut server = Server::plain();
    let address = server.lease(1);
    server.pass_secs(1800);
    let decision = server.ask(&renewing(1, address));
    assert_eq!(decision.reason, Reason::AckRenewing);
    let client = Destination::Client(SocketAddrV4::new(address, 68));
    assert_eq!(reply(&decision).destination, client);
    assert_eq!(server.record(1).expires_at, server.now.after_secs(3600));
    assert!(server.record(1).began_at < server.now);
}

/// RFC 2131 section 4.3.2.
#[test]
fn renewing_an_address_that_is_not_the_clients_is_never_acknowledged() {
    let mut server = Server::plain();
    let taken = server.lease(1);
    assert_eq!(server.reason(&renewing(9, ip(12))), Reason::UnknownClient);
    assert_eq!(server.reason(&renewing(9, taken)), Reason::NakAddressTaken);
    server.lease(2);
    assert_eq!(server.reason(&renewing(2, taken)), Reason::NakAddressTaken);
    assert_eq!(server.reason(&renewing(2, ip(13))), Reason::NakOtherAddress);
    assert_eq!(server.record(1).address, taken);
}

/// RFC 2131 section 4.3.2.
#[test]
fn rebinding_by_what_is_known_of_the_client() {
    let mut server = Server::plain();
    let (first, second) = (server.lease(1), server.lease(2));
    let cases = [
        (rebinding(1, first), Reason::AckRebinding),
        (relayed(rebinding(1, first)), Reason::AckRebinding),
        (rebinding(9, ip(13)), Reason::UnknownClient),
        (rebinding(9, second), Reason::NakAddressTaken),
        (rebinding(1, second), Reason::NakAddressTaken),
        (rebinding(1, ip(13)), Reason::NakOtherAddress),
        (rebinding(1, AWAY), Reason::NakWrongNetwork),
    ];
    for (request, expected) in cases {
        assert_eq!(server.reason(&request), expected, "{}", request.client_address);
    }
}

/// RFC 2131 section 4.3.2.
#[test]
fn an_expired_lease_is_extended_while_nobody_needed_the_address() {
    let mut server = Server::plain();
    let address = server.lease(1);
    server.pass_secs(4000);
    assert_eq!(server.reason(&rebinding(1, address)), Reason::AckRebinding);
    server.pass_secs(4000);
    let request = with(discover(2), |r| r.requested_address = Some(address));
    let decision = server.ask(&request);
    assert_eq!(server.reason(&selecting(2, offered(&decision))), Reason::AckSelecting);
    assert_eq!(server.reason(&rebinding(1, address)), Reason::NakAddressTaken);
}

/// RFC 2131 section 4.3.2.
#[test]
fn every_nak_goes_where_naks_go() {
    for request in [init_reboot(1, ip(13)), selecting(1, ip(200)), rebinding(1, ip(13))] {
        let mut server = Server::plain();
        server.lease(1);
        let here = server.ask(&request);
        assert_eq!(reply(&here).destination, Destination::Broadcast);
        let through_relay = server.ask(&relayed(request));
        let relay = Destination::Relay(SocketAddrV4::new(RELAY, 67));
        assert_eq!(reply(&through_relay).destination, relay);
        assert!(reply(&through_relay).force_broadcast);
    }
}

/// RFC 2131 section 4.3.2.
#[test]
fn a_request_in_no_state_means_what_the_client_was_offered_or_has() {
    let bare = |client| {
        with(message(RequestKind::Request, client), |r| r.server_identifier = Some(SERVER))
    };
    let mut server = Server::plain();
    assert_eq!(server.reason(&bare(1)), Reason::UnknownState);
    let address = offered(&server.ask(&discover(1)));
    let decision = server.ask(&bare(1));
    assert_eq!((offered(&decision), decision.reason), (address, Reason::AckTolerant));
    let decision = server.ask(&bare(1));
    assert_eq!((offered(&decision), decision.reason), (address, Reason::AckTolerant));
    // ciaddr in addition to option 54 has no meaning.
    for client_address in [address, ip(13), AWAY] {
        let named = with(bare(1), |r| r.client_address = client_address);
        let decision = server.ask(&named);
        assert_eq!((offered(&decision), decision.reason), (address, Reason::AckTolerant));
        let hardware = Destination::Hardware { address, hardware_address: hardware(1) };
        assert_eq!(reply(&decision).destination, hardware);
        assert_eq!(reply(&decision).client_address, Ipv4Addr::UNSPECIFIED);
    }
    let nameless = with(bare(1), |r| r.server_identifier = None);
    assert_eq!(server.reason(&nameless), Reason::UnknownState);
    let elsewhere = with(bare(1), |r| r.server_identifier = Some(OTHER_SERVER));
    assert_eq!(server.reason(&elsewhere), Reason::OtherServerSelected);
    server.pass_secs(7200);
    assert_eq!(server.reason(&bare(1)), Reason::UnknownState);
}
