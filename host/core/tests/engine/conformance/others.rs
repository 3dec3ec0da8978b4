//! Section 4: DECLINE, RELEASE and INFORM; and of section 6 what concerns fields and options that
//! the core decides.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_core::{Destination, LeaseState, OptionValue, Reason, RelayInformation, Terms};

use crate::support::*;

#[test]
fn row_33_a_declined_address_is_given_to_nobody_for_a_while() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let decision = server.ask(&decline(1, address));
    assert_eq!((decision.reason, decision.reply), (Reason::QuarantinedDeclined, None));
    let lease = &decision.changes[0].lease;
    assert_eq!((lease.state, lease.revision), (LeaseState::Quarantined, 2));
    assert_eq!(lease.expires_at, server.now.after_secs(600));
    for client in [1, 2] {
        let request = with(discover(client), |r| r.requested_address = Some(address));
        assert_eq!(server.reason(&request), Reason::OfferedFromPool);
    }
    server.pass_secs(600);
    let request = with(discover(3), |r| r.requested_address = Some(address));
    assert_eq!(server.reason(&request), Reason::OfferedRequested);
}

#[test]
fn row_33_an_offered_address_can_be_declined_and_option_54_may_be_missing() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let request = with(decline(1, address), |r| r.server_identifier = None);
    assert_eq!(server.reason(&request), Reason::QuarantinedDeclined);
    assert_eq!(server.engine.usage(server.now)[0].quarantined, 1);
}

#[test]
fn row_33_a_decline_of_what_the_client_does_not_have_changes_nothing() {
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

#[test]
fn row_34_a_released_address_is_free_and_its_record_kept() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let decision = server.ask(&release(1, address));
    assert_eq!((decision.reason, decision.reply), (Reason::ReleasedLease, None));
    let record = server.record(1);
    assert_eq!((record.state, record.changed_at), (LeaseState::Released, server.now));
    let request = with(discover(2), |r| r.requested_address = Some(address));
    assert_eq!(server.reason(&request), Reason::OfferedRequested);
}

#[test]
fn row_34_key_and_ciaddr_must_match() {
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

#[test]
fn row_35_inform_gets_parameters_and_no_lease() {
    let mut server = Server::plain();
    let decision = server.ask(&inform(1, ip(200)));
    assert_eq!(decision.reason, Reason::AckInform);
    let reply = reply(&decision);
    assert_eq!(codes(reply), [54, 1, 3, 6]);
    assert_eq!((reply.client_address, reply.your_address), (ip(200), Ipv4Addr::UNSPECIFIED));
    assert!(decision.changes.is_empty() && server.engine.leases().next().is_none());
}

#[test]
fn row_35_destination_of_the_ack_of_an_inform() {
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

#[test]
fn row_19_the_mask_is_sent_whether_or_not_the_client_asks_for_it() {
    let asking = |request, list: &[u8]| {
        with(request, |r: &mut lessor_core::Request| r.parameter_request_list = list.into())
    };
    let mask = OptionValue::Address(Ipv4Addr::new(255, 255, 255, 0));
    for list in [&[3, 6][..], &[6], &[3, 1], &[28, 1, 3], &[]] {
        let mut server = Server::plain();
        let requests = [discover(1), selecting(1, ip(10)), inform(1, ip(200))];
        for request in requests {
            let decision = server.ask(&asking(request, list));
            assert_eq!(option(reply(&decision), 1), Some(&mask), "{list:?}");
            let codes = codes(reply(&decision));
            let position = |wanted| codes.iter().position(|code| *code == wanted);
            assert!(position(3).is_none_or(|routers| position(1).unwrap() < routers), "{codes:?}");
        }
        let nak = server.ask(&asking(selecting(1, ip(200)), list));
        assert_eq!(option(reply(&nak), 1), None);
    }
    // A policy may take it away.
    let terms = Terms { options: vec![(1, None)], ..Terms::default() };
    let decision = Server::plain().ask_under(&asking(discover(1), &[3]), &terms);
    assert_eq!(option(reply(&decision), 1), None);
}

#[test]
fn row_38_option_61_is_returned_unaltered_and_never_invented() {
    for octets in [&b""[..], b"\x00", b"\x01\x02\x00\x5e\x00\x53\x01", b"\xff\x00\x00"] {
        let identified = |request| {
            with(request, |r: &mut lessor_core::Request| r.client_identifier = Some(octets.into()))
        };
        let expected = OptionValue::Octets(octets.into());
        let mut server = Server::plain();
        let decision = server.ask(&identified(discover(1)));
        assert_eq!(option(reply(&decision), 61), Some(&expected));
        let nak = server.ask(&identified(selecting(1, ip(200))));
        assert_eq!(option(reply(&nak), 61), Some(&expected));
        assert_eq!(option(reply(&server.ask(&discover(2))), 61), None);
    }
}

#[test]
fn row_40_parameters_come_in_the_order_that_the_client_asked_in() {
    let mut server = Server::plain();
    let request = with(discover(1), |r| {
        r.parameter_request_list = [28, 6, 54, 6, 1, 51, 3, 58].into_iter().collect();
    });
    assert_eq!(codes(reply(&server.ask(&request))), [54, 51, 58, 59, 28, 6, 1, 3]);
}

#[test]
fn row_46_option_118_is_returned_if_it_was_used() {
    let selected =
        |request| with(request, |r: &mut lessor_core::Request| r.subnet_selection = Some(ip(0)));
    let mut server = Server::plain();
    let decision = server.ask(&selected(relayed(discover(1))));
    assert_eq!(option(reply(&decision), 118), Some(&OptionValue::Address(ip(0))));
    let overruled = with(selected(relayed(discover(2))), |r| {
        r.relay_information = Some(RelayInformation::from_octets(*b"\x05\x04\x0a\x00\x00\x00"));
    });
    assert_eq!(option(reply(&server.ask(&overruled)), 118), None);
}

#[test]
fn row_48_option_108_is_sent_only_to_who_asks_for_it() {
    let terms =
        Terms { options: vec![(108, Some(OptionValue::U32(1800).into()))], ..Terms::default() };
    let mut network = network();
    network.subnets[0].options = options([(108, OptionValue::U32(900))]);
    let mut server = Server::new(network);
    for (list, configured, by_policy) in
        [(&[1][..], None, None), (&[], None, None), (&[108], Some(900), Some(1800))]
    {
        let request = with(discover(1), |r| r.parameter_request_list = list.into());
        let decision = server.ask(&request);
        assert_eq!(option(reply(&decision), 108), configured.map(OptionValue::U32).as_ref());
        let decision = server.ask_under(&request, &terms);
        assert_eq!(option(reply(&decision), 108), by_policy.map(OptionValue::U32).as_ref());
    }
}

#[test]
fn row_49_a_relay_with_a_port_of_its_own_is_answered_there() {
    let from_port = |request| {
        with(relayed(request), |r: &mut lessor_core::Request| {
            r.relay_information = Some(RelayInformation::from_octets(*b"\x13\x00"));
            r.arrival.source = SocketAddrV4::new(ip(99), 50_067);
        })
    };
    let relay = Destination::Relay(SocketAddrV4::new(RELAY, 50_067));
    let mut server = Server::plain();
    assert_eq!(reply(&server.ask(&from_port(discover(1)))).destination, relay);
    assert_eq!(reply(&server.ask(&from_port(selecting(1, ip(200))))).destination, relay);
}
