//! RFC 2131 sections 4.3.3 to 4.3.5: DECLINE, RELEASE and INFORM.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_core::{BindingState, Destination, Reason};

use crate::support::*;

/// RFC 2131 section 4.3.3.
#[test]
fn a_declined_address_is_given_to_nobody_for_a_while() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let decision = server.ask(&decline(1, address));
    assert_eq!((decision.reason, decision.reply), (Reason::QuarantinedDeclined, None));
    let lease = &decision.changes[0].binding;
    assert_eq!((lease.state, lease.revision), (BindingState::Quarantined, 2));
    assert_eq!(lease.expires_at, server.now.after_secs(600));
    for client in [1, 2] {
        let request = with(discover(client), |r| r.requested_address = Some(address));
        assert_eq!(server.reason(&request), Reason::OfferedFromPool);
    }
    server.pass_secs(600);
    let request = with(discover(3), |r| r.requested_address = Some(address));
    assert_eq!(server.reason(&request), Reason::OfferedRequested);
}

/// RFC 2131 section 4.3.3.
#[test]
fn an_offered_address_can_be_declined_and_option_54_may_be_missing() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let request = with(decline(1, address), |r| r.server_identifier = None);
    assert_eq!(server.reason(&request), Reason::QuarantinedDeclined);
    assert_eq!(server.engine.usage()[0].quarantined, 1);
}

/// RFC 2131 section 4.3.3.
#[test]
fn a_decline_of_what_the_client_does_not_have_changes_nothing() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let cases = [
        (decline(2, address), Reason::NotOwnerDecline),
        (decline(1, ip(13)), Reason::NotOwnerDecline),
        (decline(1, Ipv4Addr::new(172, 16, 0, 9)), Reason::NotOwnerDecline),
        (with(decline(1, address), |r| r.requested_address = None), Reason::NotOwnerDecline),
        (
            with(decline(1, address), |r| r.server_identifier = Some(OTHER_SERVER)),
            Reason::OtherServerAddressed,
        ),
    ];
    for (request, expected) in cases {
        let decision = server.ask(&request);
        assert_eq!(decision.reason, expected);
        assert!(decision.reply.is_none() && decision.changes.is_empty());
    }
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

/// RFC 2131 section 4.3.4.
#[test]
fn a_released_address_is_free_and_its_record_kept() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let decision = server.ask(&release(1, address));
    assert_eq!((decision.reason, decision.reply), (Reason::ReleasedLease, None));
    let record = server.record(1);
    assert_eq!((record.state, record.changed_at), (BindingState::Released, server.now));
    let request = with(discover(2), |r| r.requested_address = Some(address));
    assert_eq!(server.reason(&request), Reason::OfferedRequested);
}

/// RFC 2131 section 4.3.4.
#[test]
fn key_and_ciaddr_must_match() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let cases = [
        (release(2, address), Reason::NotOwnerRelease),
        (release(1, ip(13)), Reason::NotOwnerRelease),
        (
            with(release(1, address), |r| r.server_identifier = Some(OTHER_SERVER)),
            Reason::OtherServerAddressed,
        ),
    ];
    for (request, expected) in cases {
        let decision = server.ask(&request);
        assert_eq!(decision.reason, expected);
        assert!(decision.reply.is_none() && decision.changes.is_empty());
    }
    assert!(server.record(1).is_active(server.now));
    assert_eq!(server.reason(&release(1, address)), Reason::ReleasedLease);
    assert_eq!(server.reason(&release(1, address)), Reason::NotOwnerRelease);
}

/// RFC 2131 section 4.3.5.
#[test]
fn inform_gets_parameters_and_no_lease() {
    let mut server = Server::plain();
    let decision = server.ask(&inform(1, ip(200)));
    assert_eq!(decision.reason, Reason::AckInform);
    let reply = reply(&decision);
    assert_eq!(codes(reply), [54, 1, 3, 6]);
    assert_eq!((reply.client_address, reply.your_address), (ip(200), Ipv4Addr::UNSPECIFIED));
    assert!(decision.changes.is_empty() && server.engine.bindings().next().is_none());
}

/// RFC 2131 section 4.3.5.
#[test]
fn destination_of_the_ack_of_an_inform() {
    let unspecified = Ipv4Addr::UNSPECIFIED;
    let client = Destination::Client(SocketAddrV4::new(ip(200), 68));
    let relay = Destination::Relay(SocketAddrV4::new(RELAY, 67));
    let cases = [
        (inform(1, ip(200)), client, false),
        (relayed(inform(1, ip(200))), client, false),
        (relayed(inform(1, unspecified)), relay, true),
    ];
    for (request, destination, force_broadcast) in cases {
        let decision = Server::plain().ask(&request);
        assert_eq!(reply(&decision).destination, destination);
        assert_eq!(reply(&decision).force_broadcast, force_broadcast);
    }
    let decision = Server::plain().ask(&inform(1, unspecified));
    assert_eq!((decision.reason, decision.reply), (Reason::InformWithoutAddress, None));
}
