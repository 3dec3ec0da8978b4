//! The terms of policies, and how the engine applies them.

use std::net::Ipv4Addr;

use lessor_core::{OptionValue, Reason, Terms, Verdict};

use crate::support::*;

fn refused() -> Terms {
    Terms { verdict: Verdict::Refuse("unpaid".into()), ..Terms::default() }
}

#[test]
fn a_policy_moves_a_client_into_the_walled_garden_and_back() {
    let mut server = Server::plain();
    let home = server.lease(1);
    for (terms, from, to) in [(in_pool("garden"), home, ip(100)), (Terms::default(), ip(100), home)]
    {
        let decision = server.ask_under(&renewing(1, from), &terms);
        assert_eq!(decision.reason, Reason::NakOtherAddress);
        let decision = server.ask_under(&init_reboot(1, from), &terms);
        assert_eq!(decision.reason, Reason::NakOtherAddress);
        let decision = server.ask_under(&discover(1), &terms);
        assert_eq!(offered(&decision), to);
        let decision = server.ask_under(&selecting(1, to), &terms);
        assert_eq!((decision.reason, decision.changes.len()), (Reason::AckSelecting, 2));
        assert_eq!(server.ask_under(&renewing(1, to), &terms).reason, Reason::AckRenewing);
        server.ask(&release(8, to));
    }
}

#[test]
fn an_offer_that_the_terms_no_longer_allow_is_not_repeated() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let decision = server.ask_under(&selecting(1, address), &in_pool("garden"));
    assert_eq!(decision.reason, Reason::NakOtherAddress);
    let decision = server.ask_under(&discover(1), &in_pool("garden"));
    assert_eq!(offer(&decision), (ip(100), Reason::OfferedFromPool));
    assert_eq!(server.engine.usage()[0].offered, 0);
}

#[test]
fn a_pool_that_does_not_exist_is_a_reason_of_its_own() {
    let mut server = Server::plain();
    let address = server.lease(1);
    for request in [discover(2), discover(1), renewing(1, address), selecting(2, ip(12))] {
        let decision = server.ask_under(&request, &in_pool("gone"));
        assert_eq!((decision.reason, decision.reply), (Reason::UnknownPool, None));
    }
    assert_eq!(server.ask_under(&inform(1, address), &in_pool("gone")).reason, Reason::AckInform);
    let decision = server.ask_under(&release(1, address), &in_pool("gone"));
    assert_eq!(decision.reason, Reason::ReleasedLease);
}

#[test]
fn an_exhausted_pool_does_not_borrow_from_others() {
    let mut server = Server::plain();
    for client in 1..=2 {
        server.lease_under(client, &in_pool("garden"));
    }
    let decision = server.ask_under(&discover(3), &in_pool("garden"));
    assert_eq!(decision.reason, Reason::NoFreeAddress);
}

#[test]
fn a_policy_names_an_address_inside_or_outside_of_pools() {
    for address in [ip(12), ip(101), ip(200)] {
        let mut server = Server::plain();
        server.lease(1);
        let decision = server.ask_under(&discover(1), &at_address(address));
        assert_eq!(offer(&decision), (address, Reason::OfferedByPolicy));
        let decision = server.ask_under(&selecting(1, address), &at_address(address));
        assert_eq!(decision.reason, Reason::AckSelecting);
        let decision = server.ask_under(&renewing(1, address), &at_address(address));
        assert_eq!(decision.reason, Reason::AckRenewing);
        // The policy now wants another address, or none in particular.
        let decision = server.ask_under(&renewing(1, address), &at_address(ip(99)));
        assert_eq!(decision.reason, Reason::NakOtherAddress);
        let expected =
            if address == ip(12) { Reason::AckRenewing } else { Reason::NakOtherAddress };
        assert_eq!(server.reason(&renewing(1, address)), expected);
    }
}

#[test]
fn an_address_that_a_policy_can_never_give_away_is_silence() {
    let mut network = network();
    network.subnets[0].reservations.push(reservation(circuit(b"line"), ip(60)));
    let mut server = Server::new(network);
    let leased = server.lease(1);
    let away = Ipv4Addr::new(172, 16, 0, 9);
    for address in [away, ip(0), ip(255), ip(60)] {
        for request in [discover(9), selecting(9, address), renewing(1, leased)] {
            let decision = server.ask_under(&request, &at_address(address));
            let found = (decision.reason, decision.reply);
            assert_eq!(found, (Reason::UnusableAddress, None), "{address}");
        }
    }
    let decision = server.ask_under(&on_circuit(b"line", discover(9)), &at_address(ip(60)));
    assert_eq!(decision.reason, Reason::OfferedByPolicy);
}

#[test]
fn while_an_address_that_a_policy_names_is_taken_the_client_is_served_from_the_pools() {
    let mut server = Server::plain();
    let leased = server.lease(1);
    let held = offered(&server.ask(&discover(2)));
    let declined = server.lease(3);
    server.ask(&decline(3, declined));
    for address in [leased, held, declined] {
        let decision = server.ask_under(&discover(9), &at_address(address));
        assert_eq!(offer(&decision), (ip(13), Reason::OfferedInsteadOfReserved), "{address}");
        let decision = server.ask_under(&selecting(9, address), &at_address(address));
        assert_eq!(decision.reason, Reason::NakAddressTaken, "{address}");
        // A policy may name the pool to use in that case.
        let terms = Terms { pool: Some("garden".into()), ..at_address(address) };
        let decision = server.ask_under(&discover(8), &terms);
        assert_eq!(offer(&decision), (ip(100), Reason::OfferedInsteadOfReserved));
    }
    // The holder itself may get it.
    let decision = server.ask_under(&discover(1), &at_address(leased));
    assert_eq!(decision.reason, Reason::OfferedByPolicy);
    // The client moves as soon as the address is free.
    server.ask_under(&discover(9), &at_address(leased));
    let decision = server.ask_under(&selecting(9, ip(13)), &at_address(leased));
    assert_eq!(decision.reason, Reason::AckInsteadOfReserved);
    let renewal = renewing(9, ip(13));
    let decision = server.ask_under(&renewal, &at_address(leased));
    assert_eq!(decision.reason, Reason::AckInsteadOfReserved);
    server.ask(&release(1, leased));
    let decision = server.ask_under(&renewal, &at_address(leased));
    assert_eq!(decision.reason, Reason::NakOtherAddress);
    let decision = server.ask_under(&discover(9), &at_address(leased));
    assert_eq!(offer(&decision), (leased, Reason::OfferedByPolicy));
}

#[test]
fn an_address_by_policy_wins_over_a_reservation_and_that_over_a_pool() {
    let mut network = network();
    network.subnets[0].reservations.push(reservation(circuit(b"line"), ip(60)));
    let mut server = Server::new(network);
    let request = on_circuit(b"line", discover(1));
    let decision = server.ask_under(&request, &in_pool("garden"));
    assert_eq!(offer(&decision), (ip(60), Reason::OfferedReserved));
    let decision = server.ask_under(&request, &at_address(ip(70)));
    assert_eq!(offer(&decision), (ip(70), Reason::OfferedByPolicy));
}

#[test]
fn what_a_policy_assigns_to_a_client_is_known_of_it() {
    let mut server = Server::plain();
    let decision = server.ask_under(&init_reboot(1, ip(200)), &at_address(ip(200)));
    assert_eq!(decision.reason, Reason::AckInitReboot);
}

#[test]
fn an_address_by_policy_can_be_selected_whatever_was_offered_since() {
    let mut server = Server::plain();
    let named = at_address(ip(200));
    assert_eq!(offered(&server.ask_under(&discover(1), &named)), ip(200));
    assert_eq!(offered(&server.ask(&discover(1))), ip(10));
    assert_eq!(server.ask_under(&selecting(1, ip(200)), &named).reason, Reason::AckSelecting);
}

#[test]
fn a_client_that_was_moved_does_not_get_its_former_address_by_extending_it() {
    let mut server = Server::plain();
    let former = server.lease(1);
    let named = at_address(ip(13));
    server.ask_under(&discover(1), &named);
    assert_eq!(server.ask_under(&selecting(1, ip(13)), &named).reason, Reason::AckSelecting);
    for request in [renewing(1, former), rebinding(1, former), init_reboot(1, former)] {
        assert_eq!(server.reason(&request), Reason::NakOtherAddress);
    }
    // After it has left the other address as well, it may have its former one again.
    server.ask(&release(1, ip(13)));
    assert_eq!(server.reason(&init_reboot(1, former)), Reason::AckInitReboot);
}

#[test]
fn lease_time_by_policy_may_be_short_but_not_long() {
    for (secs, expected_secs) in [(0, 1), (5, 5), (600, 600), (u32::MAX, 86_400)] {
        let terms = Terms { lease_time_secs: Some(secs), ..Terms::default() };
        let request = with(discover(1), |r| r.lease_time_secs = Some(7200));
        let decision = Server::plain().ask_under(&request, &terms);
        assert_eq!(lease_time_secs(&decision), expected_secs);
    }
}

#[test]
fn a_lease_made_shorter_is_held_until_the_end_that_was_promised_before() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let promised = server.record(1).expires_at;
    let terms = Terms { lease_time_secs: Some(100), ..Terms::default() };
    let decision = server.ask_under(&renewing(1, address), &terms);
    assert_eq!((lease_time_secs(&decision), server.record(1).expires_at), (100, promised));
    // An infinite end would be kept forever.
    let mut network = network();
    network.subnets[0].lease_time.max_secs = lessor_core::INFINITE_SECS;
    server.engine.reconfigure(network.into());
    let forever = Terms { lease_time_secs: Some(u32::MAX), ..Terms::default() };
    server.ask_under(&renewing(1, address), &forever);
    server.ask_under(&renewing(1, address), &terms);
    assert_eq!(server.record(1).expires_at, server.now.after_secs(100));
    server.pass_secs(100);
    assert!(server.engine.next_deadline().is_some_and(|deadline| deadline <= server.now));
    assert_eq!(server.engine.reclaim(server.now, 10).len(), 1);
}

#[test]
fn options_by_policy_are_added_replaced_and_taken_away() {
    let text = |text: &str| OptionValue::Text(text.into());
    let terms = Terms {
        options: vec![
            (15, Some(text("first").into())),
            (6, None),
            (15, Some(text("last").into())),
            (1, None),
            (51, Some(OptionValue::U32(1).into())),
            (82, Some(text("forged").into())),
        ],
        ..Terms::default()
    };
    for list in [&[3, 6, 1][..], &[]] {
        let request = with(discover(1), |r| r.parameter_request_list = list.into());
        let decision = Server::plain().ask_under(&request, &terms);
        assert_eq!(codes(reply(&decision)), [54, 51, 58, 59, 3, 15]);
        assert_eq!(option(reply(&decision), 15), Some(&text("last")));
        assert_eq!(lease_time_secs(&decision), 3600);
    }
}

#[test]
fn verdicts() {
    let ignored = Terms { verdict: Verdict::Ignore("no".into()), ..Terms::default() };
    let dropped = Terms { verdict: Verdict::Drop("trap".into()), ..Terms::default() };
    let mut server = Server::plain();
    let address = server.lease(1);
    let requests = [
        (discover(1), Reason::RefusedWithoutNak),
        (renewing(1, address), Reason::NakByPolicy),
        (selecting(1, address), Reason::NakByPolicy),
        (inform(1, address), Reason::RefusedWithoutNak),
        (decline(1, address), Reason::RefusedWithoutNak),
        (release(1, address), Reason::RefusedWithoutNak),
    ];
    for (request, expected) in requests {
        let cases = [
            (&refused(), expected),
            (&ignored, Reason::IgnoredByPolicy),
            (&dropped, Reason::PolicyFailed),
        ];
        for (terms, expected) in cases {
            let decision = server.ask_under(&request, terms);
            assert_eq!(decision.reason, expected);
            assert!(decision.changes.is_empty());
        }
    }
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

#[test]
fn a_refusal_carries_the_text_of_the_policy_up_to_a_limit() {
    let long = "ü".repeat(200);
    for (text, expected) in
        [("unpaid", "unpaid"), ("", Reason::NakByPolicy.meaning()), (&long, &long[..254])]
    {
        let terms = Terms { verdict: Verdict::Refuse(text.into()), ..Terms::default() };
        let decision = Server::plain().ask_under(&renewing(1, ip(10)), &terms);
        assert_eq!(option(reply(&decision), 56), Some(&OptionValue::Text(expected.into())));
    }
}

#[test]
fn a_refusal_is_no_nak_to_a_client_that_chose_or_may_have_another_server() {
    let mut network = network();
    network.authoritative = false;
    let mut server = Server::new(network);
    let decision = server.ask_under(&init_reboot(1, ip(10)), &refused());
    assert_eq!(decision.reason, Reason::RefusedWithoutNak);
    let elsewhere = with(selecting(1, ip(10)), |r| r.server_identifier = Some(OTHER_SERVER));
    assert_eq!(server.ask_under(&elsewhere, &refused()).reason, Reason::OtherServerSelected);
    let decision = server.ask_under(&selecting(1, ip(10)), &refused());
    assert_eq!(decision.reason, Reason::NakByPolicy);
}
