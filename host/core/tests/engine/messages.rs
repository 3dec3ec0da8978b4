//! Exchanges besides the usual one: what they may cost other clients, and what policies can say.

use std::net::Ipv4Addr;

use lessor_core::{
    AfterDataLoss, BeyondLimit, BootpClients, Network, OptionValue, Outcome, Reason, SendRule,
    Terms, Verdict,
};

use crate::support::*;

/// The usual network, with all of them.
fn lenient() -> Network {
    let mut network = network();
    network.subnets[0].settings = settings(|fields| {
        fields.messages.bootp = Some(BootpClients::Dynamic);
        fields.messages.rapid_commit = Some(true);
    });
    network
}

/// The messages that are granted an address at once.
fn at_once(client: u8) -> [lessor_core::Request; 2] {
    [rapid(client), bootp(client)]
}

#[test]
fn no_other_client_pays_for_an_address_that_is_granted_at_once() {
    // All addresses of the pool are offered to others, and the first offer would give way.
    for (request, expected) in
        at_once(9).into_iter().zip([Reason::OfferedContested, Reason::NoFreeAddress])
    {
        let mut server = Server::new(lenient());
        for client in 1..=4 {
            server.ask(&discover(client));
        }
        server.pass_secs(59);
        let decision = server.ask(&request);
        assert_eq!(decision.reason, expected);
        assert!(decision.changes.is_empty());
    }
    // All are quarantined. The client of a DISCOVER may not want such an address; a BOOTP client
    // has only one reply to get one with.
    for (request, expected) in
        at_once(9).into_iter().zip([Reason::OfferedQuarantined, Reason::AckBootp])
    {
        let mut server = Server::new(lenient());
        for client in 1..=4 {
            let address = server.lease(client);
            server.ask(&decline(client, address));
        }
        let decision = server.ask(&request);
        assert_eq!(decision.reason, expected);
        assert_eq!(decision.changes.len(), usize::from(expected == Reason::AckBootp));
    }
}

#[test]
fn limits_of_subscribers_hold_for_addresses_that_are_granted_at_once() {
    for beyond in [BeyondLimit::Refuse, BeyondLimit::ReplaceOldest] {
        for request in at_once(9) {
            let mut server = Server::new(lenient());
            let terms = limited("line", 1, beyond);
            server.lease_under(1, &terms);
            let decision = server.ask_under(&request, &terms);
            match beyond {
                BeyondLimit::Refuse => assert_eq!(decision.reason, Reason::SubscriberLimit),
                BeyondLimit::ReplaceOldest => assert!(decision.changes.is_empty()),
            }
            assert!(server.record(1).is_active(server.now));
        }
    }
}

#[test]
fn a_policy_decides_about_all_of_them() {
    let mut server = Server::new(lenient());
    for request in at_once(1) {
        for (verdict, reason) in [
            (Verdict::Ignore("no".into()), Reason::IgnoredByPolicy),
            (Verdict::Refuse("no".into()), Reason::RefusedWithoutNak),
            (Verdict::Drop("no".into()), Reason::PolicyFailed),
        ] {
            let terms = Terms { verdict, ..Terms::default() };
            assert_eq!(server.ask_under(&request, &terms).reason, reason);
        }
    }
    assert_eq!(offered(&server.ask_under(&rapid(1), &in_pool("garden"))), ip(100));
    assert_eq!(offered(&server.ask_under(&bootp(2), &in_pool("garden"))), ip(101));
    assert_eq!(offered(&server.ask_under(&bootp(3), &at_address(ip(50)))), ip(50));
    // A policy forbids the short exchange by removing the option.
    let terms = Terms { options: vec![(80, None)], ..Terms::default() };
    assert_eq!(server.ask_under(&rapid(4), &terms).reason, Reason::OfferedFromPool);
    // It can also set option 108.
    let terms =
        Terms { options: vec![(108, Some(OptionValue::U32(0).into()))], ..Terms::default() };
    assert_eq!(server.ask_under(&ipv6_only(5), &terms).reason, Reason::OfferedIpv6Only);
}

/// The client may have received the ACK of its first message, and use that address.
#[test]
fn a_repeated_rapid_commit_ends_no_lease_of_its_client() {
    let mut server = Server::new(lenient());
    let first = offered(&server.ask(&rapid(1)));
    let garden = server.ask_under(&rapid(1), &in_pool("garden"));
    assert!(garden.changes.is_empty() && offered(&garden) != first);
    assert_eq!(garden.reason.outcome(), Outcome::Offer);
    let ack = server.ask_under(&selecting(1, offered(&garden)), &in_pool("garden"));
    assert_eq!((ack.reason, ack.changes.len()), (Reason::AckSelecting, 2));
}

#[test]
fn the_scope_of_the_address_decides() {
    let mut network = lenient();
    network.subnets[0].options = options([(108, OptionValue::U32(1800))]);
    let garden = &mut network.subnets[0].pools[1];
    garden.settings = settings(|fields| {
        fields.messages.rapid_commit = Some(false);
        fields.sending.rules = [(108, SendRule::Never)].into_iter().collect();
    });
    let mut server = Server::new(network);
    let garden = in_pool("garden");
    assert_eq!(server.ask_under(&rapid(1), &garden).reason, Reason::OfferedFromPool);
    assert_eq!(server.ask_under(&ipv6_only(2), &garden).reason, Reason::OfferedFromPool);
    assert_eq!(server.reason(&rapid(3)), Reason::AckRapidCommit);
    assert_eq!(server.reason(&ipv6_only(4)), Reason::OfferedIpv6Only);
}

#[test]
fn a_client_that_can_do_without_ipv4_needs_no_free_address() {
    let mut network = network();
    network.subnets[0].options = options([(108, OptionValue::U32(1800))]);
    network.after_data_loss = AfterDataLoss::Hold;
    let mut server = Server::new(network);
    for client in 1..=4 {
        server.lease(client);
    }
    assert_eq!(server.reason(&discover(9)), Reason::NoFreeAddress);
    assert_eq!(server.reason(&ipv6_only(9)), Reason::OfferedIpv6Only);
    let full = limited("line", 1, BeyondLimit::Refuse);
    let mut other = Server::new(server.engine.network().as_ref().clone());
    other.lease_under(1, &full);
    assert_eq!(other.ask_under(&ipv6_only(9), &full).reason, Reason::OfferedIpv6Only);
    assert_eq!(other.ask_under(&ipv6_only(9), &in_pool("gone")).reason, Reason::UnknownPool);
}

#[test]
fn an_earlier_offer_to_a_client_that_can_do_without_ipv4_is_withdrawn() {
    let mut network = network();
    network.subnets[0].options = options([(108, OptionValue::U32(1800))]);
    let mut server = Server::new(network);
    assert_eq!(offered(&server.ask(&discover(1))), ip(10));
    assert_eq!(offered(&server.ask(&ipv6_only(1))), Ipv4Addr::UNSPECIFIED);
    assert_eq!(server.engine.offers().count(), 0);
    assert_eq!(offered(&server.ask(&discover(2))), ip(10));
}

#[test]
fn a_preview_decides_the_same() {
    let mut network = lenient();
    network.subnets[0].options = options([(108, OptionValue::U32(1800))]);
    let mut server = Server::new(network);
    server.lease(7);
    let at_its_address = with(bootp(1), |r| r.client_address = ip(77));
    for request in [rapid(1), bootp(2), ipv6_only(3), rapid(7), bootp(7), at_its_address] {
        let preview = server.engine.preview(server.now, 0, &request, &Terms::default());
        let decision = server.ask(&request);
        assert_eq!(preview.decision, decision);
        assert_eq!(preview.option_origins.len(), reply(&decision).options.len());
    }
}

#[test]
fn a_repeated_message_waits_for_the_change_of_the_first_one() {
    for request in at_once(1) {
        let mut server = Server::new(lenient());
        let first = server.decide_only(0, &request, &Terms::default());
        let wait = server.waits(&request, &Terms::default());
        assert!(wait.is_repeated && wait.address == ip(10));
        server.settle(&first, &lessor_core::StorageAnswer::NotMade);
        // Storage could not write: nothing was granted.
        assert_eq!(server.engine.bindings().count(), 0);
        assert_eq!(offered(&server.ask(&request)), ip(10));
    }
}
