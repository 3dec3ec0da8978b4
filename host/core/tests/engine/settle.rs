//! Changes on their way to storage: what is known in the meantime, which requests wait, and the
//! results.

use std::{num::NonZeroU32, sync::Arc};

use lessor_core::{
    Binding, BindingState, Change, Decision, Reason, Request, StorageAnswer, Terms, UnknownFields,
};

use crate::support::*;

fn decide(server: &mut Server, request: &Request) -> Decision {
    server.decide_only(0, request, &Terms::default())
}

/// The record of another server's client, which was written instead of a change.
fn theirs(change: &Change, client: u8, secs: u32) -> Arc<Binding> {
    let lease = &change.binding;
    Arc::new(Binding {
        client: key(client),
        hardware_address: hardware(client),
        expires_at: lease.changed_at.after_secs(secs),
        revision: lease.revision + 4,
        ..(**lease).clone()
    })
}

fn conflict(record: Option<&Arc<Binding>>) -> StorageAnswer {
    StorageAnswer::Conflict([record.map(Arc::clone)].into_iter().collect())
}

#[test]
fn nobody_sees_a_lease_before_storage_has_it() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let decision = decide(&mut server, &selecting(1, address));
    assert!(
        server.engine.binding_of(&key(1)).is_none() && server.engine.bindings().next().is_none()
    );
    assert!(server.engine.binding_at(address).is_none());
    server.settle(&decision, &StorageAnswer::Made);
    assert!(server.engine.bindings().eq([(*decision.changes[0].binding).clone()]));
    assert_eq!(server.record(1), decision.changes[0].binding);
}

#[test]
fn an_address_on_its_way_to_storage_is_given_to_nobody() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let decision = decide(&mut server, &selecting(1, address));
    let wanted = with(discover(2), |r| r.requested_address = Some(address));
    assert_ne!(offered(&server.ask(&wanted)), address);
    assert_eq!(server.engine.usage()[0].offered, 2);
    server.settle(&decision, &StorageAnswer::Made);
    let usage = &server.engine.usage()[0];
    assert_eq!((usage.leased, usage.offered), (1, 1));
}

#[test]
fn who_asks_about_a_change_in_flight_waits_for_it() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let renewed = decide(&mut server, &renewing(1, address));
    let terms = Terms::default();
    for request in [
        renewing(1, address),
        discover(1),
        release(1, address),
        decline(1, address),
        init_reboot(2, address),
        selecting(2, address),
        renewing(2, address),
    ] {
        assert_eq!(server.waits(&request, &terms).address, address, "{request:?}");
    }
    assert_eq!(server.waits(&discover(2), &at_address(address)).address, address);
    // Requests for something else, or only for options, do not wait.
    server.ask(&discover(2));
    server.ask(&inform(1, address));
    server.settle(&renewed, &StorageAnswer::Made);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

#[test]
fn the_same_message_again_is_distinguished_from_another_one() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let request = renewing(1, address);
    decide(&mut server, &request);
    let terms = Terms::default();
    assert!(server.waits(&request, &terms).is_repeated);
    let other = with(renewing(1, address), |r| r.transaction_id += 1);
    assert!(!server.waits(&other, &terms).is_repeated);
    assert!(!server.waits(&renewing(2, address), &terms).is_repeated);
    // A relay may forward a message that the client also sends past it: each is answered the way it
    // came.
    assert!(!server.waits(&relayed(request), &terms).is_repeated);
}

#[test]
fn a_first_lease_that_failed_leaves_the_offer_open() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let offers: Vec<_> = server.engine.offers().collect();
    let decision = decide(&mut server, &selecting(1, address));
    assert_eq!(server.engine.offers().count(), 0);
    server.settle(&decision, &StorageAnswer::NotMade);
    assert!(server.engine.bindings().next().is_none());
    assert_eq!(server.engine.offers().collect::<Vec<_>>(), offers);
    // The client sends its REQUEST again, and this time it succeeds.
    let again = server.ask(&selecting(1, address));
    assert_eq!((again.reason, again.changes), (Reason::AckSelecting, decision.changes));
}

#[test]
fn a_renewal_that_failed_leaves_the_lease_as_it_was() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let before = server.record(1);
    server.pass_secs(1800);
    let decision = decide(&mut server, &renewing(1, address));
    assert_eq!(server.record(1), before);
    server.settle(&decision, &StorageAnswer::NotMade);
    assert_eq!(server.record(1), before);
    server.pass_secs(1800);
    assert_eq!(server.engine.reclaim(server.now, 10), [(*before).clone()]);
}

#[test]
fn the_end_of_a_lease_is_noticed_once_its_renewal_is_settled() {
    for is_made in [false, true] {
        let mut server = Server::plain();
        let address = server.lease(1);
        let before = server.record(1);
        server.pass_secs(3599);
        let decision = decide(&mut server, &renewing(1, address));
        server.pass_secs(10);
        assert!(server.engine.reclaim(server.now, 10).is_empty());
        assert!(server.engine.next_deadline().is_some_and(|at| at > server.now));
        assert_eq!(server.engine.usage()[0].leased, 1);
        let answer = if is_made { StorageAnswer::Made } else { StorageAnswer::NotMade };
        server.settle(&decision, &answer);
        let ended = server.engine.reclaim(server.now, 10);
        assert_eq!(ended, if is_made { vec![] } else { vec![(*before).clone()] });
    }
}

#[test]
fn a_release_that_failed_gives_the_address_to_nobody() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let released = decide(&mut server, &release(1, address));
    let request = with(discover(2), |r| r.requested_address = Some(address));
    assert_ne!(offered(&server.ask(&request)), address);
    server.settle(&released, &StorageAnswer::NotMade);
    assert_ne!(offered(&server.ask(&request)), address);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

#[test]
fn each_change_adds_one_to_the_revision_of_what_storage_holds() {
    let mut server = Server::plain();
    let address = server.lease(1);
    assert_eq!(server.record(1).revision, 1);
    for answer in [StorageAnswer::NotMade, StorageAnswer::Made] {
        let before = server.record(1);
        let decision = decide(&mut server, &renewing(1, address));
        let change = &decision.changes[0];
        assert_eq!((change.previous.as_ref(), change.binding.revision), (Some(&before), 2));
        server.settle(&decision, &answer);
    }
    assert_eq!(server.record(1).revision, 2);
}

#[test]
fn a_conflict_adopts_the_other_owner_and_the_next_decision_chooses_differently() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let decision = decide(&mut server, &selecting(1, address));
    let other = theirs(&decision.changes[0], 50, 3600);
    server.settle(&decision, &conflict(Some(&other)));
    assert_eq!(server.engine.binding_at(address), Some((*other).clone()));
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
        server.settle(&decision, &conflict(other.as_ref()));
        let again = server.ask(&selecting(1, address));
        assert_eq!(again.reason, Reason::AckSelecting);
        assert_eq!(again.changes[0].expected_revision(), revision);
    }
}

/// Two servers gave the same address to different clients at the same time. Both changes have the
/// same revision; the second one must not be renewed as if it had been committed.
#[test]
fn of_two_servers_that_give_one_address_only_the_first_goes_on_with_it() {
    let (mut one, mut two) = (Server::plain(), Server::plain());
    let address = offered(&one.ask(&discover(1)));
    assert_eq!(offered(&two.ask(&discover(2))), address);
    let granted = decide(&mut one, &selecting(1, address));
    let granted_by_other = decide(&mut two, &selecting(2, address));
    // Storage commits the change of the second server.
    two.settle(&granted_by_other, &StorageAnswer::Made);
    // The first client renews before its server has learned of it: nothing is built on the change
    // in flight.
    assert_eq!(one.waits(&renewing(1, address), &Terms::default()).address, address);
    one.settle(&granted, &conflict(Some(&granted_by_other.changes[0].binding)));
    assert_eq!(one.reason(&renewing(1, address)), Reason::NakAddressTaken);
    assert_eq!(one.engine.binding_at(address), two.engine.binding_at(address));
}

#[test]
fn what_another_server_makes_is_learnt_unless_it_is_old() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let renewed = server.ask(&renewing(1, address));
    let other = theirs(&renewed.changes[0], 50, 3600);
    server.engine.learn(server.now, Arc::clone(&other));
    assert_eq!(server.engine.binding_at(address), Some((*other).clone()));
    assert_eq!(server.reason(&renewing(1, address)), Reason::NakAddressTaken);
    server.engine.learn(server.now, Arc::clone(&renewed.changes[0].binding));
    assert_eq!(server.engine.binding_at(address), Some((*other).clone()));
}

#[test]
fn what_is_learnt_of_an_address_in_flight_holds_once_storage_has_answered() {
    for answer in [StorageAnswer::Made, StorageAnswer::NotMade] {
        let mut server = Server::plain();
        let address = server.lease(1);
        let before = server.record(1);
        let renewed = decide(&mut server, &renewing(1, address));
        // Another server built on the renewal, or wrote another record instead of it.
        let other = theirs(&renewed.changes[0], 50, 3600);
        server.engine.learn(server.now, Arc::clone(&other));
        assert_eq!(server.engine.binding_at(address), Some((*before).clone()));
        server.settle(&renewed, &answer);
        assert_eq!(server.engine.binding_at(address), Some((*other).clone()));
    }
}

#[test]
fn a_move_that_failed_is_undone_whole() {
    let mut server = Server::plain();
    let first = server.lease(1);
    let before = server.record(1);
    let garden = in_pool("garden");
    let second = offered(&server.ask_under(&discover(1), &garden));
    let decision = server.decide_only(0, &selecting(1, second), &garden);
    assert_eq!(decision.changes.len(), 2);
    for request in [renewing(1, first), renewing(2, first), renewing(2, second)] {
        server.waits(&request, &Terms::default());
    }
    server.settle(&decision, &StorageAnswer::NotMade);
    assert_eq!(server.record(1), before);
    assert!(server.engine.binding_at(second).is_none());
    assert_eq!(server.reason(&renewing(1, first)), Reason::AckRenewing);
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
    server.settle(&decision, &StorageAnswer::NotMade);
    assert_eq!(server.record(1), before);
    assert!(server.engine.binding_of(&key(2)).is_none());
}

#[test]
fn a_failed_decline_keeps_the_lease() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let decision = decide(&mut server, &decline(1, address));
    assert_eq!(server.engine.usage()[0].quarantined, 0);
    server.settle(&decision, &StorageAnswer::NotMade);
    assert_eq!(server.engine.usage()[0].quarantined, 0);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
    server.ask(&decline(1, address));
    assert_eq!(server.engine.usage()[0].quarantined, 1);
}

#[test]
fn a_decline_counts_from_when_it_is_on_its_way() {
    let mut network = network();
    network.bounds.quarantine_max.link = NonZeroU32::new(1).unwrap();
    let mut server = Server::new(network);
    let [first, second] = [1, 2].map(|client| server.lease(client));
    let declined = decide(&mut server, &decline(1, first));
    assert_eq!(declined.reason, Reason::QuarantinedDeclined);
    let beyond = decide(&mut server, &decline(2, second));
    assert_eq!(beyond.reason, Reason::DeclinedBeyondLimit);
    server.settle(&beyond, &StorageAnswer::Made);
    server.settle(&declined, &StorageAnswer::NotMade);
    // The change was never committed, and another one may be.
    let third = server.lease(3);
    assert_eq!(server.reason(&decline(3, third)), Reason::QuarantinedDeclined);
}

#[test]
fn a_lease_that_is_over_before_storage_has_answered_is_reported_as_any_other() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let decision = decide(&mut server, &selecting(1, address));
    server.pass_secs(7200);
    server.settle(&decision, &StorageAnswer::Made);
    assert_eq!(server.engine.reclaim(server.now, 10), [(*decision.changes[0].binding).clone()]);
}

#[test]
fn what_was_made_while_no_subnet_spanned_the_address_is_taken_in_late() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let decision = decide(&mut server, &selecting(1, address));
    server.engine = lessor_core::Engine::new(Arc::new(network()), 7);
    server.settle(&decision, &StorageAnswer::Made);
    assert_eq!(server.record(1), decision.changes[0].binding);
}

#[test]
fn a_second_answer_moves_nothing() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let first = decide(&mut server, &renewing(1, address));
    server.settle(&first, &StorageAnswer::Made);
    server.pass_secs(1);
    let second = decide(&mut server, &renewing(1, address));
    server.settle(&first, &StorageAnswer::NotMade);
    server.settle(&first, &StorageAnswer::Made);
    server.waits(&renewing(1, address), &Terms::default());
    server.settle(&second, &StorageAnswer::Made);
    assert_eq!(server.record(1), second.changes[0].binding);
}

#[test]
fn a_client_is_found_where_it_had_its_last_addresses() {
    let mut network = network();
    network.subnets[0].pools = vec![pool("open", 10, 20)];
    let mut server = Server::new(network);
    // The client moves on and leaves a record at each address.
    for last in 10..=16 {
        let address = offered(&server.ask_under(&discover(1), &at_address(ip(last))));
        server.ask_under(&selecting(1, address), &at_address(ip(last)));
        server.pass_secs(1);
    }
    assert_eq!(server.record(1).address, ip(16));
    assert_eq!(server.engine.bindings().count(), 7);
    server.ask(&release(1, ip(16)));
    // The previous address still belongs to the client after the end of the one that it released.
    assert_eq!(offer(&server.ask(&discover(1))), (ip(16), Reason::OfferedPrevious));
    server.pass_secs(60);
    server.ask_under(&selecting(2, ip(16)), &at_address(ip(16)));
    assert_eq!(offer(&server.ask(&discover(1))), (ip(15), Reason::OfferedPrevious));
    // An address that it had long ago is like a new one, and then becomes the current one.
    server.ask_under(&discover(1), &at_address(ip(10)));
    server.ask_under(&selecting(1, ip(10)), &at_address(ip(10)));
    assert_eq!((server.record(1).address, server.record(1).state), (ip(10), BindingState::Leased));
}

/// A newer server wrote more fields into the record than this one knows.
#[test]
fn what_a_newer_server_wrote_is_kept_as_long_as_the_client_has_the_address() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let unknown_fields = UnknownFields::from_octets(*b"\x63new");
    let known = server.record(1);
    let newer = Binding {
        host_name: None,
        unknown_fields: unknown_fields.clone(),
        revision: known.revision + 1,
        ..(*known).clone()
    };
    server.engine.learn(server.now, Arc::new(newer));
    let renewed = server.ask(&renewing(1, address));
    assert_eq!(renewed.changes[0].binding.unknown_fields, unknown_fields);
    let released = server.ask(&release(1, address));
    assert_eq!(released.changes[0].binding.unknown_fields, unknown_fields);
    // Another client gets the address by name. It does not get the fields of the former client.
    let granted = server.ask(&selecting(2, address));
    assert_eq!((granted.reason, granted.changes.len()), (Reason::AckSelecting, 1));
    assert!(granted.changes[0].binding.unknown_fields.is_empty());
}
