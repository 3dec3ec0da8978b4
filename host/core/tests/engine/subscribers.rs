//! Subscriber limits: which clients exceed them, and what counts.

mod in_flight;
mod replaced;

use std::net::Ipv4Addr;

use lessor_core::{BeyondLimit, Reason, Request, Terms};

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
