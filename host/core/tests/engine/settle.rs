//! What the engine makes of storage that does not go along.

use std::sync::Arc;

use lessor_core::{Change, Committed, Decision, Lease, LeaseState, Reason, Request, Terms};

use crate::support::*;

fn decide(server: &mut Server, request: &Request) -> Decision {
    server.decide_only(0, request, &Terms::default())
}

fn settle(server: &mut Server, change: &Change, committed: &Committed) {
    server.engine.settle(server.now, change, committed);
}

/// The record of another server's client.
fn theirs(change: &Change, client: u8, secs: u32) -> Arc<Lease> {
    let lease = &change.lease;
    Arc::new(Lease {
        client: key(client),
        hardware_address: hardware(client),
        expires_at: lease.changed_at.after_secs(secs),
        revision: lease.revision + 4,
        ..(**lease).clone()
    })
}

#[test]
fn a_first_lease_that_failed_never_was() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let decision = decide(&mut server, &selecting(1, address));
    settle(&mut server, &decision.changes[0], &Committed::Failed);
    assert!(server.engine.lease_of(&key(1)).is_none() && server.engine.leases().next().is_none());
    assert_eq!(server.engine.next_deadline(), None);
    assert_eq!(server.engine.usage(server.now)[0].leased, 0);
    // The client sends its REQUEST again, and this time it works.
    let again = server.ask(&selecting(1, address));
    assert_eq!((again.reason, again.changes[0].expected_revision()), (Reason::AckSelecting, 0));
    assert!(again.changes[0].lease.revision > decision.changes[0].lease.revision);
}

#[test]
fn a_renewal_that_failed_leaves_the_lease_as_it_was() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let before = server.record(1);
    server.pass_secs(1800);
    let decision = decide(&mut server, &renewing(1, address));
    settle(&mut server, &decision.changes[0], &Committed::Failed);
    assert_eq!(server.record(1), before);
    server.pass_secs(1800);
    assert_eq!(server.engine.reclaim(server.now, 10), [before]);
}

#[test]
fn a_release_that_failed_gives_the_address_to_nobody() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let released = decide(&mut server, &release(1, address));
    let request = with(discover(2), |r| r.requested_address = Some(address));
    assert_eq!(server.reason(&request), Reason::OfferedRequested);
    settle(&mut server, &released.changes[0], &Committed::Failed);
    // The offer is gone with the reason for it.
    assert_eq!(server.reason(&selecting(2, address)), Reason::NakOfferExpired);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

#[test]
fn what_was_built_on_a_failed_release_falls_with_it() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let stored = server.record(1);
    let released = decide(&mut server, &release(1, address));
    let taken = decide(&mut server, &selecting(2, address));
    let extended = decide(&mut server, &renewing(2, address));
    assert_eq!(extended.reason, Reason::AckRenewing);
    settle(&mut server, &released.changes[0], &Committed::Failed);
    assert_eq!(server.record(1), stored);
    assert!(server.engine.lease_of(&key(2)).is_none());
    // Storage cannot make the later ones: they compare with a revision that is not there.
    let conflict = Committed::Conflict(Some(Arc::clone(&stored)));
    settle(&mut server, &taken.changes[0], &conflict);
    settle(&mut server, &extended.changes[0], &Committed::Failed);
    assert_eq!(server.record(1), stored);
    let renewal = server.ask(&renewing(1, address));
    assert_eq!(renewal.reason, Reason::AckRenewing);
    // What was built on the failed release may still be on its way: it must not find its revision.
    let renewed = renewal.changes[0].lease.revision;
    assert!(taken.changes[0].expected_revision() != renewed);
    assert!(extended.changes[0].expected_revision() != renewed);
}

#[test]
fn a_change_made_after_the_failure_stands_whatever_becomes_of_the_orphans() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let stored = server.record(1);
    let first = decide(&mut server, &renewing(1, address));
    let second = decide(&mut server, &renewing(1, address));
    settle(&mut server, &first.changes[0], &Committed::Failed);
    server.pass_secs(1);
    let third = decide(&mut server, &renewing(1, address));
    assert_eq!(third.changes[0].previous, Some(Arc::clone(&stored)));
    settle(&mut server, &second.changes[0], &Committed::Conflict(Some(stored)));
    assert_eq!(server.record(1), third.changes[0].lease);
    settle(&mut server, &third.changes[0], &Committed::Durable);
    assert_eq!(server.record(1), third.changes[0].lease);
}

#[test]
fn an_orphan_that_met_the_record_of_another_server_brings_it_in() {
    let mut server = Server::plain();
    let address = server.lease(1);
    server.pass_secs(3600);
    let first = decide(&mut server, &renewing(1, address));
    let second = decide(&mut server, &renewing(1, address));
    settle(&mut server, &first.changes[0], &Committed::Failed);
    server.pass_secs(1);
    let third = decide(&mut server, &renewing(1, address));
    let other = theirs(&second.changes[0], 50, 3600);
    let conflict = Committed::Conflict(Some(Arc::clone(&other)));
    settle(&mut server, &second.changes[0], &conflict);
    assert_eq!(server.engine.lease_at(address), Some(&other));
    settle(&mut server, &third.changes[0], &conflict);
    assert_eq!(server.engine.lease_at(address), Some(&other));
    assert_eq!(server.reason(&renewing(1, address)), Reason::NakAddressTaken);
}

#[test]
fn an_orphan_does_not_undo_a_later_change() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let first = decide(&mut server, &renewing(1, address));
    let orphan = decide(&mut server, &renewing(1, address));
    settle(&mut server, &first.changes[0], &Committed::Failed);
    let again = decide(&mut server, &renewing(1, address));
    let later = decide(&mut server, &renewing(1, address));
    settle(&mut server, &orphan.changes[0], &Committed::Failed);
    settle(&mut server, &again.changes[0], &Committed::Durable);
    settle(&mut server, &later.changes[0], &Committed::Durable);
    assert_eq!(server.record(1), later.changes[0].lease);
    settle(&mut server, &orphan.changes[0], &Committed::Failed);
    assert_eq!(server.record(1), later.changes[0].lease);
}

#[test]
fn a_durable_change_followed_by_a_failed_one_goes_back_to_the_durable_one() {
    let mut server = Server::plain();
    let address = server.lease(1);
    server.pass_secs(10);
    let first = decide(&mut server, &renewing(1, address));
    server.pass_secs(10);
    let second = decide(&mut server, &renewing(1, address));
    settle(&mut server, &first.changes[0], &Committed::Durable);
    assert_eq!(server.record(1), second.changes[0].lease);
    settle(&mut server, &second.changes[0], &Committed::Failed);
    assert_eq!(server.record(1), first.changes[0].lease);
}

#[test]
fn a_conflict_adopts_the_other_owner_and_the_next_decision_chooses_differently() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let decision = decide(&mut server, &selecting(1, address));
    let other = theirs(&decision.changes[0], 50, 3600);
    let conflict = Committed::Conflict(Some(Arc::clone(&other)));
    settle(&mut server, &decision.changes[0], &conflict);
    assert_eq!(server.engine.lease_at(address), Some(&other));
    assert_eq!(server.reason(&selecting(1, address)), Reason::NakOfferExpired);
    assert_ne!(offered(&server.ask(&discover(1))), address);
    assert_eq!(server.reason(&renewing(50, address)), Reason::AckRenewing);
}

#[test]
fn a_conflict_with_an_ended_or_missing_record_leaves_the_address_free() {
    for other_secs in [Some(0), None] {
        let mut server = Server::plain();
        let address = offered(&server.ask(&discover(1)));
        let decision = decide(&mut server, &selecting(1, address));
        let other = other_secs.map(|secs| theirs(&decision.changes[0], 50, secs));
        let revision = other.as_ref().map_or(0, |other| other.revision);
        settle(&mut server, &decision.changes[0], &Committed::Conflict(other));
        let again = server.ask(&selecting(1, address));
        assert_eq!(again.reason, Reason::AckSelecting);
        assert_eq!(again.changes[0].expected_revision(), revision);
    }
}

#[test]
fn a_move_that_failed_is_undone_in_either_order() {
    for reversed in [false, true] {
        let mut server = Server::plain();
        let first = server.lease(1);
        let before = server.record(1);
        let garden = in_pool("garden");
        let second = offered(&server.ask_under(&discover(1), &garden));
        let mut changes = server.decide_only(0, &selecting(1, second), &garden).changes.into_vec();
        if reversed {
            changes.reverse();
        }
        changes.iter().for_each(|change| settle(&mut server, change, &Committed::Failed));
        assert_eq!(server.record(1), before);
        assert!(server.engine.lease_at(second).is_none());
        assert_eq!(server.reason(&renewing(1, first)), Reason::AckRenewing);
    }
}

#[test]
fn half_a_move_leaves_both_addresses_to_the_client() {
    let mut server = Server::plain();
    let first = server.lease(1);
    let garden = in_pool("garden");
    let second = offered(&server.ask_under(&discover(1), &garden));
    let changes = server.decide_only(0, &selecting(1, second), &garden).changes;
    settle(&mut server, &changes[0], &Committed::Durable);
    settle(&mut server, &changes[1], &Committed::Failed);
    assert_eq!(server.record(1).address, second);
    assert_eq!(server.engine.lease_at(first).unwrap().state, LeaseState::Leased);
    let request = with(discover(2), |r| r.requested_address = Some(first));
    assert_ne!(offered(&server.ask(&request)), first);
    server.pass_secs(3600);
    assert_eq!(server.reason(&request), Reason::OfferedRequested);
}

#[test]
fn a_line_that_failed_to_pass_on_stays_with_the_old_device() {
    let mut network = network();
    network.subnets[0].reservations.push(reservation(circuit(b"line"), ip(60)));
    let mut server = Server::new(network);
    server.ask(&on_circuit(b"line", discover(1)));
    server.ask(&on_circuit(b"line", selecting(1, ip(60))));
    let before = server.record(1);
    let decision = decide(&mut server, &on_circuit(b"line", selecting(2, ip(60))));
    settle(&mut server, &decision.changes[0], &Committed::Failed);
    assert_eq!(server.record(1), before);
    assert!(server.engine.lease_of(&key(2)).is_none());
}

#[test]
fn a_failed_decline_keeps_the_lease() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let decision = decide(&mut server, &decline(1, address));
    assert_eq!(server.engine.usage(server.now)[0].quarantined, 1);
    settle(&mut server, &decision.changes[0], &Committed::Failed);
    assert_eq!(server.engine.usage(server.now)[0].quarantined, 0);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

#[test]
fn a_second_word_about_a_change_moves_nothing() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let first = decide(&mut server, &renewing(1, address));
    settle(&mut server, &first.changes[0], &Committed::Durable);
    server.pass_secs(1);
    server.ask(&renewing(1, address));
    let current = server.record(1);
    settle(&mut server, &first.changes[0], &Committed::Failed);
    settle(&mut server, &first.changes[0], &Committed::Durable);
    assert_eq!(server.record(1), current);
}

#[test]
fn what_is_heard_late_moves_nothing_back() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let before = server.record(1);
    let was_before = Committed::Conflict(Some(Arc::clone(&before)));
    let renewed = decide(&mut server, &renewing(1, address));
    let released = decide(&mut server, &release(1, address));
    // Storage got the second first and refused it, then made the first; two threads tell of it in
    // the other order.
    settle(&mut server, &renewed.changes[0], &Committed::Durable);
    settle(&mut server, &released.changes[0], &was_before);
    assert_eq!(server.record(1), renewed.changes[0].lease);

    // The same, when nothing is waited for any more.
    let failed = decide(&mut server, &renewing(1, address));
    let orphan = decide(&mut server, &release(1, address));
    settle(&mut server, &failed.changes[0], &Committed::Failed);
    server.pass_secs(1);
    server.ask(&renewing(1, address));
    let current = server.record(1);
    settle(&mut server, &orphan.changes[0], &was_before);
    settle(&mut server, &orphan.changes[0], &Committed::Conflict(None));
    assert_eq!(server.record(1), current);
}

#[test]
fn what_storage_holds_is_told_without_what_is_on_its_way() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let stored = server.record(1);
    let renewed = decide(&mut server, &renewing(1, address));
    let taken = decide(&mut server, &selecting(2, ip(12)));
    assert_eq!(server.engine.leases().count(), 2);
    assert!(server.engine.stored_leases().eq([&stored]));
    settle(&mut server, &renewed.changes[0], &Committed::Durable);
    settle(&mut server, &taken.changes[0], &Committed::Durable);
    assert!(server.engine.stored_leases().eq(server.engine.leases()));
}
