//! Subscriber limits: which clients exceed them, which leases give way, and what happens when
//! storage fails.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{
    Answer, BeyondLimit, BindingState, Engine, Network, Reason, Request, ReservationOwner, Terms,
    Topology,
};

use crate::support::*;

fn refuse(leases_max: u32) -> Terms {
    limited("s", leases_max, BeyondLimit::Refuse)
}

fn replace(leases_max: u32) -> Terms {
    limited("s", leases_max, BeyondLimit::ReplaceOldest)
}

fn with_terms(terms: Terms, change: impl FnOnce(&mut Terms)) -> Terms {
    let mut terms = terms;
    change(&mut terms);
    terms
}

impl Server {
    /// The clients of the active leases of subscriber `s`, in order of address.
    fn counted(&self) -> Vec<u8> {
        let leases = self
            .engine
            .bindings()
            .filter(|lease| lease.is_active(self.now) && lease.subscriber.as_deref() == Some("s"));
        leases.map(|lease| lease.hardware_address.octets()[5]).collect()
    }

    fn reason_under(&mut self, request: &Request, terms: &Terms) -> Reason {
        self.ask_under(request, terms).reason
    }

    fn try_lease(&mut self, client: u8, terms: &Terms) -> Option<Ipv4Addr> {
        let address = self.ask_under(&discover(client), terms).reply?.your_address;
        let decision = self.ask_under(&selecting(client, address), terms);
        (decision.reason == Reason::AckSelecting).then_some(address)
    }
}

/// Client 1 has the one lease of the subscriber at .10; client 2 had .11 before.
fn full(terms: &Terms) -> Server {
    let mut server = Server::plain();
    server.lease_under(1, terms);
    let before = server.lease(2);
    server.ask(&release(2, before));
    server
}

#[test]
fn each_message_of_a_client_beyond_the_limit() {
    let strange = |client, address| {
        with(selecting(client, address), |r| {
            r.requested_address = None;
            r.client_address = address;
        })
    };
    let cases: [(&str, Request, Reason, Reason); 9] = [
        ("DISCOVER", discover(2), Reason::SubscriberLimit, Reason::OfferedPrevious),
        ("SELECTING", selecting(2, ip(11)), Reason::NakSubscriberLimit, Reason::AckSelecting),
        ("INIT-REBOOT", init_reboot(2, ip(11)), Reason::NakSubscriberLimit, Reason::AckInitReboot),
        ("RENEWING", renewing(2, ip(11)), Reason::NakSubscriberLimit, Reason::NakSubscriberLimit),
        ("REBINDING", rebinding(2, ip(11)), Reason::NakSubscriberLimit, Reason::NakSubscriberLimit),
        ("no state", strange(2, ip(11)), Reason::UnknownState, Reason::UnknownState),
        ("INFORM", inform(2, ip(11)), Reason::AckInform, Reason::AckInform),
        ("RELEASE", release(2, ip(11)), Reason::NotOwnerRelease, Reason::NotOwnerRelease),
        ("DECLINE", decline(2, ip(11)), Reason::NotOwnerDecline, Reason::NotOwnerDecline),
    ];
    for (name, request, refused, replaced) in cases {
        let reason = full(&refuse(1)).reason_under(&request, &refuse(1));
        assert_eq!(reason, refused, "{name}");
        let mut server = full(&replace(1));
        assert_eq!(server.reason_under(&request, &replace(1)), replaced, "{name}");
        let is_ack = matches!(replaced, Reason::AckSelecting | Reason::AckInitReboot);
        assert_eq!(server.counted(), [if is_ack { 2 } else { 1 }], "{name}");
    }
}

#[test]
fn each_message_of_a_client_that_has_the_lease() {
    let cases: [(&str, Request, Reason); 6] = [
        ("DISCOVER", discover(1), Reason::OfferedCurrent),
        ("SELECTING", selecting(1, ip(10)), Reason::AckSelecting),
        ("INIT-REBOOT", init_reboot(1, ip(10)), Reason::AckInitReboot),
        ("RENEWING", renewing(1, ip(10)), Reason::AckRenewing),
        ("REBINDING", rebinding(1, ip(10)), Reason::AckRebinding),
        ("RELEASE", release(1, ip(10)), Reason::ReleasedLease),
    ];
    for (name, request, expected) in cases {
        for terms in [refuse(1), replace(1)] {
            let mut server = full(&terms);
            let decision = server.ask_under(&request, &terms);
            assert_eq!(decision.reason, expected, "{name}");
            assert!(decision.changes.len() <= 1, "{name}");
            let room = server.try_lease(3, &refuse(1)).is_some();
            assert_eq!(room, expected == Reason::ReleasedLease, "{name}");
        }
    }
}

#[test]
fn a_server_that_must_not_send_a_nak_stays_silent() {
    let mut network = network();
    network.authoritative = false;
    let mut server = Server::new(network);
    server.lease_under(1, &refuse(1));
    // Nothing is known of the client except that the policy has an address for it.
    let named = with_terms(refuse(1), |terms| terms.address = Some(ip(60)));
    let reason = server.reason_under(&init_reboot(2, ip(60)), &named);
    assert_eq!(reason, Reason::SubscriberLimit);
    let reason = server.reason_under(&selecting(2, ip(60)), &named);
    assert_eq!(reason, Reason::NakSubscriberLimit);
}

#[test]
fn open_offers_hold_a_place() {
    let mut server = Server::plain();
    let offers: Vec<_> =
        (1..=3).map(|client| server.reason_under(&discover(client), &refuse(2))).collect();
    assert_eq!(offers, [Reason::OfferedFromPool, Reason::OfferedFromPool, Reason::SubscriberLimit]);
    // A repeated offer takes no additional place.
    assert_eq!(server.reason_under(&discover(1), &refuse(2)), Reason::OfferedAgain);
    // A client without an offer does not overtake one that has an offer.
    assert_eq!(server.reason_under(&selecting(3, ip(13)), &refuse(2)), Reason::NakSubscriberLimit);
    for client in 1..=2 {
        let reason = server.reason_under(&selecting(client, ip(9 + client)), &refuse(2));
        assert_eq!(reason, Reason::AckSelecting);
    }
    assert_eq!(server.reason_under(&discover(3), &refuse(2)), Reason::SubscriberLimit);
    assert_eq!(server.counted(), [1, 2]);
}

#[test]
fn an_offer_that_nobody_took_makes_room_when_it_lapses() {
    let mut server = Server::plain();
    server.ask_under(&discover(1), &refuse(1));
    assert_eq!(server.reason_under(&discover(2), &refuse(1)), Reason::SubscriberLimit);
    server.pass_secs(60);
    assert_eq!(server.reason_under(&discover(2), &refuse(1)), Reason::OfferedFromPool);
    // An offer that the client gave up for that of another server does not count.
    let elsewhere = with(selecting(2, ip(10)), |r| r.server_identifier = Some(OTHER_SERVER));
    server.ask_under(&elsewhere, &refuse(1));
    assert_eq!(server.reason_under(&discover(3), &refuse(1)), Reason::OfferedFromPool);
}

#[test]
fn a_lease_that_ended_makes_room_whether_or_not_it_was_reclaimed() {
    for ends in [3600, 3599] {
        let mut server = Server::plain();
        server.lease_each_under(1..=3, &refuse(3));
        server.pass_secs(ends);
        let expected = if ends == 3600 { Reason::OfferedFromPool } else { Reason::SubscriberLimit };
        assert_eq!(server.reason_under(&discover(4), &refuse(3)), expected);
    }
}

#[test]
fn a_client_that_moves_to_another_address_stays_within_the_limit() {
    for terms in [refuse(1), replace(1)] {
        let mut server = Server::plain();
        server.lease_under(1, &terms);
        let garden = with_terms(terms, |terms| terms.pool = Some("garden".into()));
        let address = offered(&server.ask_under(&discover(1), &garden));
        let decision = server.ask_under(&selecting(1, address), &garden);
        assert_eq!((decision.reason, decision.changes.len()), (Reason::AckSelecting, 2));
        assert_eq!(server.counted(), [1]);
    }
}

#[test]
fn a_limit_that_was_lowered_holds_for_new_leases() {
    let mut server = Server::plain();
    server.lease_each_under(1..=3, &refuse(3));
    for client in 1..=3 {
        let reason = server.reason_under(&renewing(client, ip(9 + client)), &refuse(1));
        assert_eq!(reason, Reason::AckRenewing);
    }
    assert_eq!(server.reason_under(&discover(4), &refuse(1)), Reason::SubscriberLimit);
    server.ask(&release(1, ip(10)));
    server.ask(&release(2, ip(11)));
    assert_eq!(server.reason_under(&renewing(1, ip(10)), &refuse(1)), Reason::NakSubscriberLimit);
    server.ask(&release(3, ip(12)));
    assert!(server.try_lease(4, &refuse(1)).is_some());
}

#[test]
fn a_limit_that_was_lowered_is_kept_with_the_next_ack_where_the_oldest_is_replaced() {
    let mut server = Server::plain();
    for client in 1..=3 {
        server.lease_under(client, &replace(3));
        server.pass_secs(1);
    }
    let decision = server.ask_under(&renewing(1, ip(10)), &replace(2));
    assert_eq!((decision.reason, decision.changes.len()), (Reason::AckRenewing, 2));
    assert_eq!(server.counted(), [1, 3]);
    server.lease_under(4, &replace(1));
    assert_eq!(server.counted(), [4]);
}

#[test]
fn a_subscriber_far_beyond_a_lowered_limit_is_refused_until_enough_has_ended() {
    let mut network = network();
    network.subnets[0].pools = vec![pool("open", 10, 250)];
    let mut server = Server::new(network);
    for client in 1..=67 {
        server.lease_under(client, &replace(67));
        server.pass_secs(1);
    }
    // 68 leases with a limit of 3: 65 too many.
    assert_eq!(server.reason_under(&discover(100), &replace(3)), Reason::SubscriberLimit);
    let reason = server.reason_under(&selecting(100, ip(200)), &replace(3));
    assert_eq!(reason, Reason::NakSubscriberLimit);
    assert_eq!(server.counted().len(), 67);
    server.ask(&release(1, ip(10)));
    server.lease_under(100, &replace(3));
    assert_eq!(server.counted(), [66, 67, 100]);
}

#[test]
fn a_device_that_comes_back_is_the_youngest() {
    let mut server = Server::plain();
    for client in [1, 2, 3, 1, 2, 3] {
        server.lease_under(client, &replace(2));
        server.pass_secs(1);
    }
    // If the first had immediately become the oldest again, the second would have ended it.
    assert_eq!(server.counted(), [2, 3]);
    server.lease_under(1, &replace(2));
    assert_eq!(server.counted(), [1, 3]);
}

#[test]
fn a_lease_counts_against_whom_its_last_ack_named() {
    let mut server = full(&refuse(1));
    let other = limited("other", 1, BeyondLimit::Refuse);
    // It moves to another account, if there is room.
    assert_eq!(server.reason_under(&renewing(1, ip(10)), &other), Reason::AckRenewing);
    assert_eq!(server.record(1).subscriber.as_deref(), Some("other"));
    server.lease_under(2, &refuse(1));
    assert_eq!(server.reason_under(&renewing(1, ip(10)), &refuse(1)), Reason::NakSubscriberLimit);
    // It moves to no account.
    assert_eq!(server.reason(&renewing(2, ip(11))), Reason::AckRenewing);
    assert_eq!(server.record(2).subscriber, None);
    assert_eq!(server.reason_under(&renewing(1, ip(10)), &refuse(1)), Reason::AckRenewing);
    // And back: now it is one more.
    assert_eq!(server.reason_under(&renewing(2, ip(11)), &refuse(1)), Reason::NakSubscriberLimit);
    assert_eq!(server.counted(), [1]);
}

#[test]
fn subscribers_do_not_count_against_each_other() {
    let mut server = full(&refuse(1));
    let address = server.try_lease(2, &limited("S", 1, BeyondLimit::Refuse));
    assert_eq!(address, Some(ip(11)));
    assert!(server.try_lease(3, &Terms::default()).is_some());
}

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

#[test]
fn a_declined_lease_makes_room_and_the_record_says_whose_it_was() {
    let mut server = full(&refuse(1));
    server.ask(&decline(1, ip(10)));
    assert_eq!(server.record(1).subscriber.as_deref(), Some("s"));
    assert!(server.try_lease(2, &refuse(1)).is_some());
    // The same applies to a declined offer.
    let mut server = Server::plain();
    let address = offered(&server.ask_under(&discover(1), &refuse(1)));
    server.ask(&decline(1, address));
    assert_eq!(server.record(1).subscriber.as_deref(), Some("s"));
    assert!(server.try_lease(2, &refuse(1)).is_some());
}

#[test]
fn a_lease_counts_until_its_end_is_durable() {
    for end in [release(1, ip(10)), decline(1, ip(10))] {
        let mut server = full(&refuse(1));
        let ended = server.decide_only(0, &end, &refuse(1));
        assert_eq!(server.waits(&discover(2), &refuse(1)).address, ip(10));
        assert_eq!(server.waits(&selecting(2, ip(11)), &refuse(1)).address, ip(10));
        server.settle(&ended, &Answer::NotMade);
        assert_eq!(server.counted(), [1]);
        assert_eq!(server.reason_under(&discover(2), &refuse(1)), Reason::SubscriberLimit);
        let ended = server.decide_only(0, &end, &refuse(1));
        server.settle(&ended, &Answer::Made);
        assert!(server.try_lease(2, &refuse(1)).is_some());
    }
}

#[test]
fn a_lease_counts_from_when_it_is_on_its_way() {
    for answer in [Answer::Made, Answer::NotMade] {
        let mut server = Server::plain();
        let granted = server.decide_only(0, &selecting(1, ip(10)), &refuse(2));
        // There is room for this client in any case.
        server.ask_under(&selecting(2, ip(11)), &refuse(2));
        assert_eq!(server.waits(&discover(3), &refuse(2)).address, ip(10));
        server.settle(&granted, &answer);
        let is_full = answer == Answer::Made;
        let reason = server.reason_under(&discover(3), &refuse(2));
        assert_eq!(reason == Reason::SubscriberLimit, is_full);
    }
}

#[test]
fn who_goes_on_with_its_lease_does_not_wait_for_others_of_its_account() {
    let mut server = Server::plain();
    let own = server.lease_under(1, &refuse(2));
    let other = offered(&server.ask_under(&discover(2), &refuse(2)));
    server.decide_only(0, &selecting(2, other), &refuse(2));
    assert_eq!(server.reason_under(&renewing(1, own), &refuse(1)), Reason::AckRenewing);
}

#[test]
fn what_is_on_its_way_is_replaced_by_nobody() {
    let mut server = Server::plain();
    let old = server.lease_under(1, &replace(1));
    let renewed = server.decide_only(0, &renewing(1, old), &replace(1));
    assert_eq!(server.waits(&selecting(2, ip(11)), &replace(1)).address, old);
    server.settle(&renewed, &Answer::Made);
    let second = server.decide_only(0, &selecting(2, ip(11)), &replace(1));
    let addresses: Vec<_> = second.changes.iter().map(|change| change.binding.address).collect();
    assert_eq!(addresses, [ip(11), old]);
    server.waits(&selecting(3, ip(12)), &replace(1));
    server.settle(&second, &Answer::Made);
    assert_eq!(server.counted(), [2]);
    assert_eq!(server.reason_under(&selecting(3, ip(12)), &replace(1)), Reason::AckSelecting);
    assert_eq!(server.counted(), [3]);
}

#[test]
fn a_replacement_that_failed_never_was() {
    let mut server = Server::plain();
    let old = server.lease_under(1, &replace(1));
    let before = server.record(1);
    let new = offered(&server.ask_under(&discover(2), &replace(1)));
    let decision = server.decide_only(0, &selecting(2, new), &replace(1));
    assert_eq!(server.counted(), [1]);
    server.settle(&decision, &Answer::NotMade);
    assert_eq!((server.counted(), server.record(1)), (vec![1], before));
    assert_eq!(server.reason_under(&renewing(1, old), &replace(1)), Reason::AckRenewing);
}

#[test]
fn a_replacement_that_met_another_server_is_decided_again() {
    let mut server = Server::plain();
    server.lease_under(1, &replace(1));
    let second = server.decide_only(0, &selecting(2, ip(11)), &replace(1));
    // Another server extended the lease that was to be replaced.
    let mut extended = lessor_core::Binding::clone(&server.record(1));
    extended.revision += 7;
    let extended = Arc::new(extended);
    let found = [None, Some(Arc::clone(&extended))].into_iter().collect();
    server.settle(&second, &Answer::Conflict(found));
    assert_eq!((server.counted(), server.record(1)), (vec![1], extended));
    let decision = server.ask_under(&selecting(2, ip(11)), &replace(1));
    assert_eq!((decision.reason, decision.changes.len()), (Reason::AckSelecting, 2));
    assert_eq!(server.counted(), [2]);
}

#[test]
fn leases_count_after_a_restart_and_after_a_reload() {
    let mut server = Server::plain();
    server.lease_each_under(1..=2, &refuse(2));
    let leases: Vec<_> = server.engine.bindings().collect();
    let mut restarted = Server::plain();
    for lease in leases {
        restarted.engine.restore(restarted.now, lease);
    }
    let mut other_pools = network();
    other_pools.subnets[0].pools = vec![pool("open", 10, 60)];
    assert!(server.engine.reconfigure(Arc::new(other_pools)).is_empty());
    for mut server in [server, restarted] {
        assert_eq!(server.counted(), [1, 2]);
        assert_eq!(server.reason_under(&discover(3), &refuse(2)), Reason::SubscriberLimit);
        assert_eq!(server.reason_under(&discover(1), &refuse(2)), Reason::OfferedCurrent);
        let decision = server.ask_under(&discover(3), &replace(2));
        server.ask_under(&selecting(3, offered(&decision)), &replace(2));
        assert_eq!(server.counted().len(), 2);
    }
}

#[test]
fn what_counts_moves_with_its_subnet_to_another_network() {
    let second = |last| Ipv4Addr::new(10, 0, 1, last);
    let mut far = subnet("10.0.1.0/24", vec![]);
    far.pools =
        vec![lessor_core::Pool { first: second(10), last: second(20), ..pool("far", 0, 0) }];
    let mut shared = network();
    shared.subnets.push(far.clone());
    let mut server = Server::new(shared);
    let terms = |beyond| with_terms(limited("s", 1, beyond), |t| t.pool = Some("far".into()));
    let address = server.lease_under(1, &terms(BeyondLimit::Refuse));
    assert_eq!(address, second(10));
    let ended = server.decide_only(0, &release(1, address), &Terms::default());
    let apart = Network { name: "far".into(), subnets: vec![far], ..network() };
    let topology = Topology::new(vec![Arc::new(network()), Arc::new(apart)]).unwrap();
    let (mut engines, _) = Engine::rebuild(vec![server.engine], &topology, 7);
    let engine = engines.remove(1);
    let mut server = Server { engine, now: server.now };
    // Storage has not reported yet that the end is durable.
    server.waits(&discover(2), &terms(BeyondLimit::Refuse));
    server.settle(&ended, &Answer::NotMade);
    assert_eq!(server.counted(), [1]);
    let reason = server.reason_under(&discover(2), &terms(BeyondLimit::Refuse));
    assert_eq!(reason, Reason::SubscriberLimit);
    server.ask(&release(1, address));
    assert!(server.try_lease(2, &terms(BeyondLimit::Refuse)).is_some());
}
