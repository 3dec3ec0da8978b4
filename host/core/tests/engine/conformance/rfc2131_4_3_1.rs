//! RFC 2131 section 4.3.1: DISCOVER and OFFER.

use lessor_core::{OptionValue, Reason};

use crate::support::*;

/// RFC 2131 section 4.3.1.
#[test]
fn the_current_binding_comes_first() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let request = with(discover(1), |r| r.requested_address = Some(ip(13)));
    assert_eq!(offer(&server.ask(&request)), (address, Reason::OfferedCurrent));
}

/// RFC 2131 section 4.3.1.
#[test]
fn then_the_previous_binding_while_it_is_free() {
    let mut server = Server::plain();
    let (first, second) = (server.lease(1), server.lease(2));
    server.ask(&release(1, first));
    server.pass_secs(3600);
    for (client, address) in [(1, first), (2, second)] {
        let request = with(discover(client), |r| r.requested_address = Some(ip(13)));
        assert_eq!(offer(&server.ask(&request)), (address, Reason::OfferedPrevious));
    }
}

/// RFC 2131 section 4.3.1.
#[test]
fn a_previous_binding_that_another_client_has_is_not_offered() {
    let mut server = Server::plain();
    let first = server.lease(1);
    server.ask(&release(1, first));
    let request = with(discover(2), |r| r.requested_address = Some(first));
    assert_eq!(offer(&server.ask(&request)), (first, Reason::OfferedRequested));
    assert_eq!(offer(&server.ask(&discover(1))), (ip(11), Reason::OfferedFromPool));
    // The offer did not remove the former owner's record, and is not accepted.
    assert_eq!(server.record(1).address, first);
    server.pass_secs(60);
    assert_eq!(offer(&server.ask(&discover(1))), (first, Reason::OfferedPrevious));
}

/// RFC 2131 section 4.3.1.
#[test]
fn then_the_requested_address_if_it_is_valid_and_free() {
    let mut server = Server::plain();
    let taken = server.lease(1);
    let cases = [
        (ip(13), (ip(13), Reason::OfferedRequested)),
        (taken, (ip(11), Reason::OfferedFromPool)),
        (ip(100), (ip(11), Reason::OfferedFromPool)),
        (ip(200), (ip(11), Reason::OfferedFromPool)),
    ];
    for (client, (requested, expected)) in (10..).zip(cases) {
        let request = with(discover(client), |r| r.requested_address = Some(requested));
        assert_eq!(offer(&server.ask(&request)), expected, "{requested}");
        server.pass_secs(60);
        server.engine.reclaim(server.now, 10);
    }
}

/// RFC 2131 section 4.3.1.
#[test]
fn then_a_new_one_of_the_subnet_that_the_client_asked_from() {
    let mut network = network();
    let mut second = subnet("10.0.1.0/24", vec![]);
    let address = "10.0.1.10".parse().unwrap();
    second.pools =
        vec![lessor_core::Pool { first: address, last: address, ..pool("second", 0, 0) }];
    network.subnets.push(second);
    let mut server = Server::new(network);
    let terms = lessor_core::Terms::default();
    let decision = server.ask_from(1, &discover(1), &terms);
    assert_eq!(offer(&decision), (address, Reason::OfferedFromPool));
    // The subnet is exhausted, so another one of the same network is used.
    let decision = server.ask_from(1, &discover(2), &terms);
    assert_eq!(offer(&decision), (ip(10), Reason::OfferedFromPool));
}

/// A client that asks for no lease time gets the default, even if it holds a lease: the time of
/// that lease was the default or requested, and each ACK extends a lease anyway.
/// RFC 2131 section 4.3.1.
#[test]
fn lease_time() {
    let cases = [(None, 3600), (Some(7200), 7200), (Some(1), 60), (Some(u32::MAX), 86_400)];
    for (asked_secs, expected_secs) in cases {
        let request = with(discover(1), |r| r.lease_time_secs = asked_secs);
        assert_eq!(lease_time_secs(&Server::plain().ask(&request)), expected_secs);
    }
}

/// RFC 2131 section 4.3.1.
#[test]
fn no_free_address_is_silence() {
    let mut server = Server::plain();
    server.lease_each(1..=4);
    let decision = server.ask(&discover(5));
    assert_eq!((decision.reason, decision.reply), (Reason::NoFreeAddress, None));
}

/// RFC 2131 section 4.3.1.
#[test]
fn an_offered_address_is_offered_to_nobody_else_until_the_offer_lapses() {
    let mut server = Server::plain();
    for client in 1..=4 {
        assert_eq!(server.reason(&discover(client)), Reason::OfferedFromPool);
    }
    assert_eq!(server.reason(&discover(5)), Reason::NoFreeAddress);
    let request = with(discover(5), |r| r.requested_address = Some(ip(10)));
    assert_eq!(server.reason(&request), Reason::NoFreeAddress);
    assert_eq!(offer(&server.ask(&discover(2))), (ip(11), Reason::OfferedAgain));
    server.pass_secs(60);
    assert_eq!(server.reason(&discover(5)), Reason::OfferedFromPool);
}

/// RFC 2131 section 4.3.1.
#[test]
fn the_ack_says_what_the_offer_said() {
    let mut server = Server::plain();
    let full = |request| {
        with(request, |r: &mut lessor_core::Request| {
            r.lease_time_secs = Some(7200);
            r.parameter_request_list = [28, 6, 3, 1, 51, 108].into_iter().collect();
            r.client_identifier = Some(Box::new([0, 1]));
        })
    };
    let offer = server.ask(&full(discover(1)));
    let ack = server.ask(&full(selecting(1, offered(&offer))));
    assert_eq!(reply(&offer).options, reply(&ack).options);
    assert_eq!(reply(&offer).next_server_address, reply(&ack).next_server_address);
}

/// RFC 2131 section 4.3.1.
#[test]
fn what_is_asked_for_and_configured_is_sent_and_besides_that_the_mask() {
    let mut server = Server::plain();
    let request = with(discover(1), |r| r.parameter_request_list = [6, 15].into_iter().collect());
    assert_eq!(codes(reply(&server.ask(&request))), [54, 51, 58, 59, 1, 6]);
}

/// RFC 2131 section 4.3.1.
#[test]
fn defaults_of_the_host_requirements() {
    let mut server = Server::plain();
    let request = with(discover(1), |r| {
        r.parameter_request_list = [1, 28, 23, 26].into_iter().collect();
    });
    let decision = server.ask(&request);
    assert_eq!(codes(reply(&decision)), [54, 51, 58, 59, 1, 28, 23]);
    assert_eq!(option(reply(&decision), 1), Some(&OptionValue::Address([255, 255, 255, 0].into())));
    assert_eq!(option(reply(&decision), 28), Some(&OptionValue::Address(ip(255))));
    assert_eq!(option(reply(&decision), 23), Some(&OptionValue::U8(64)));
}

/// RFC 2131 section 4.3.1.
#[test]
fn a_client_that_asks_for_nothing_in_particular_gets_all_that_is_configured() {
    let mut server = Server::plain();
    let request = with(discover(1), |r| r.parameter_request_list.clear());
    assert_eq!(codes(reply(&server.ask(&request))), [54, 51, 58, 59, 1, 3, 6]);
}

/// RFC 2131 section 4.3.1.
#[test]
fn specific_values_win_over_general_ones() {
    let mut network = network();
    let text = |text: &str| OptionValue::Text(text.into());
    let subnet = &mut network.subnets[0];
    subnet.options = options([(15, text("subnet")), (12, text("subnet")), (17, text("subnet"))]);
    subnet.pools[0].options = options([(12, text("pool")), (17, text("pool"))]);
    let mut reserved =
        reservation(lessor_core::ReservationOwner::HardwareAddress(hardware(1)), ip(11));
    reserved.options = options([(17, text("reservation"))]);
    subnet.reservations.push(reserved);
    let mut server = Server::new(network);
    for (client, root_path) in [(1, "reservation"), (2, "pool")] {
        let request = with(discover(client), |r| {
            r.parameter_request_list = [15, 12, 17].into_iter().collect();
        });
        let decision = server.ask(&request);
        let found = [15, 12, 17].map(|code| option(reply(&decision), code).cloned().unwrap());
        assert_eq!(found, [text("subnet"), text("pool"), text(root_path)]);
    }
}
