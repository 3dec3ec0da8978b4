//! A new lease of a subscriber takes the place of its oldest one.

use std::sync::Arc;

use lessor_core::{BeyondLimit, BindingState, Engine, Reason, ReservationOwner, Terms};

use super::{refuse, replace, with_terms};
use crate::support::*;

#[test]
fn a_new_router_takes_the_place_of_the_old_one() {
    let mut server = Server::plain();
    let old = server.lease_under(1, &replace(1));
    let offer = server.ask_under(&discover(2), &replace(1));
    assert_eq!(offer.reason, Reason::OfferedFromPool);
    // Nothing ends before the new client accepts the offer.
    assert_eq!(server.reason_under(&renewing(1, old), &replace(1)), Reason::AckRenewing);
    let decision = server.ask_under(&selecting(2, offered(&offer)), &replace(1));
    assert_eq!(decision.reason, Reason::AckSelecting);
    let [granted, released] = &decision.changes[..] else { panic!("{decision:?}") };
    assert_eq!((granted.binding.address, granted.binding.state), (ip(11), BindingState::Leased));
    assert_eq!((released.binding.address, released.binding.state), (old, BindingState::Released));
    assert_eq!((&released.binding.client, released.binding.expires_at), (&key(1), server.now));
    assert_eq!(released.binding.subscriber.as_deref(), Some("s"));
    assert_eq!(server.counted(), [2]);
    // The old client gets a NAK when it extends its lease, and gets a lease if it starts again.
    assert_eq!(server.reason_under(&renewing(1, old), &replace(1)), Reason::NakSubscriberLimit);
    assert_eq!(server.counted(), [2]);
    assert_eq!(server.lease_under(1, &replace(1)), old);
    assert_eq!(server.counted(), [1]);
}

#[test]
fn the_oldest_lease_is_the_one_that_began_first_and_of_several_the_lowest() {
    let mut server = Server::plain();
    server.lease_under(3, &replace(3));
    server.lease_under(1, &replace(3));
    server.pass_secs(10);
    server.lease_under(2, &replace(3));
    server.pass_secs(10);
    // A renewal does not make a lease younger.
    server.ask_under(&renewing(3, ip(10)), &replace(3));
    for (client, left) in [(4, vec![1, 2, 4]), (5, vec![5, 2, 4]), (6, vec![5, 6, 4])] {
        server.lease_under(client, &replace(3));
        assert_eq!(server.counted(), left);
        server.pass_secs(1);
    }
}

#[test]
fn there_are_never_more_offers_than_leases_allowed() {
    let mut server = Server::plain();
    server.lease_under(1, &replace(2));
    for client in 2..=4 {
        let decision = server.ask_under(&discover(client), &replace(2));
        assert!(decision.reply.is_some() && decision.changes.is_empty());
        server.pass_secs(1);
    }
    let usage = &server.engine.usage()[0];
    assert_eq!((usage.leased, usage.offered), (1, 2));
    // A repeated DISCOVER withdraws no offer of another client.
    assert_eq!(server.reason_under(&discover(4), &replace(2)), Reason::OfferedAgain);
    assert_eq!(server.engine.usage()[0].offered, 2);
}

#[test]
fn of_several_new_devices_each_ack_ends_the_oldest_lease() {
    let mut server = Server::plain();
    server.lease_under(1, &replace(2));
    server.pass_secs(1);
    server.lease_under(2, &replace(2));
    server.pass_secs(1);
    let third = offered(&server.ask_under(&discover(3), &replace(2)));
    let fourth = offered(&server.ask_under(&discover(4), &replace(2)));
    assert_eq!(server.counted(), [1, 2]);
    assert_eq!(server.reason_under(&selecting(3, third), &replace(2)), Reason::AckSelecting);
    assert_eq!(server.counted(), [2, 3]);
    server.pass_secs(1);
    assert_eq!(server.reason_under(&selecting(4, fourth), &replace(2)), Reason::AckSelecting);
    assert_eq!(server.counted(), [3, 4]);
}

#[test]
fn in_a_full_pool_the_new_router_takes_the_address_of_the_old_one() {
    let mut server = Server::plain();
    server.lease_under(1, &replace(1));
    server.lease_each(5..=7);
    let decision = server.ask_under(&discover(2), &replace(1));
    assert_eq!(offer(&decision), (ip(10), Reason::OfferedOldest));
    assert_eq!(server.reason_under(&discover(2), &replace(1)), Reason::OfferedAgain);
    // Clients of other subscribers are served as before: not at all.
    assert_eq!(server.reason(&discover(8)), Reason::NoFreeAddress);
    let decision = server.ask_under(&selecting(2, ip(10)), &replace(1));
    assert_eq!((decision.reason, decision.changes.len()), (Reason::AckSelecting, 1));
    let replaced = decision.changes[0].passed_on().unwrap();
    assert_eq!((&replaced.client, replaced.address), (&key(1), ip(10)));
    assert_eq!(server.counted(), [2]);
    assert_eq!(server.reason_under(&renewing(1, ip(10)), &replace(1)), Reason::NakAddressTaken);
    // A client without an offer cannot take it.
    let reason = server.reason_under(&selecting(3, ip(10)), &replace(1));
    assert_eq!(reason, Reason::NakOfferExpired);
}

#[test]
fn an_old_router_that_extends_its_lease_keeps_the_address_that_the_new_one_was_offered() {
    let mut server = Server::plain();
    server.lease_under(1, &replace(1));
    server.lease_each(5..=7);
    server.ask_under(&discover(2), &replace(1));
    assert_eq!(server.reason_under(&renewing(1, ip(10)), &replace(1)), Reason::AckRenewing);
    assert_eq!(server.reason_under(&selecting(2, ip(10)), &replace(1)), Reason::NakOfferExpired);
    assert_eq!(offered(&server.ask_under(&discover(2), &replace(1))), ip(10));
}

#[test]
fn the_address_of_a_line_goes_to_its_new_router() {
    let named = |terms| with_terms(terms, |terms: &mut Terms| terms.address = Some(ip(60)));
    let mut server = Server::plain();
    server.lease_under(1, &named(replace(1)));
    assert_eq!(server.reason_under(&discover(2), &named(refuse(1))), Reason::SubscriberLimit);
    // Without a limit, or with room below it, nothing gives way.
    for terms in [named(Terms::default()), named(replace(2))] {
        assert_eq!(server.reason_under(&discover(2), &terms), Reason::OfferedInsteadOfReserved);
    }
    assert_eq!(server.lease_under(2, &named(replace(1))), ip(60));
    assert_eq!(server.counted(), [2]);
    for request in [renewing(1, ip(60)), rebinding(1, ip(60))] {
        let reason = server.reason_under(&request, &named(replace(1)));
        assert_eq!(reason, Reason::NakAddressTaken);
    }
    assert_eq!(server.counted(), [2]);
    assert_eq!(server.lease_under(1, &named(replace(1))), ip(60));
}

#[test]
fn a_reserved_address_goes_to_its_owner_at_once_if_the_lease_on_it_gives_way() {
    let mut network = network();
    let owner = ReservationOwner::HardwareAddress(hardware(2));
    network.subnets[0].reservations.push(reservation(owner, ip(60)));
    let mut server = Server::new(network.clone());
    let mut earlier = self::network();
    earlier.subnets[0].pools.push(pool("sixty", 60, 60));
    server.engine = Engine::new(Arc::new(earlier), 7);
    let named = with_terms(replace(1), |terms| terms.address = Some(ip(60)));
    server.lease_under(1, &named);
    assert!(server.engine.reconfigure(Arc::new(network)).is_empty());
    let waits = limited("other", 1, BeyondLimit::ReplaceOldest);
    assert_ne!(offered(&server.ask_under(&discover(2), &waits)), ip(60));
    assert_eq!(server.lease_under(2, &replace(1)), ip(60));
    assert_eq!(server.counted(), [2]);
}
