//! Leases that an operator adds, ends and moves, and what their clients get then.

use std::net::Ipv4Addr;

use lessor_core::{
    AttemptByHand, BindingState, ChangeByHand, ClientKey, Line, Network, Obstacle, Reason,
    RefusalByHand, RelayInformation, ReservationOwner, StorageAnswer,
};

use crate::support::*;

fn add(client: u8, address: Ipv4Addr) -> ChangeByHand {
    let (client, hardware_address) = (key(client), hardware(client));
    ChangeByHand::Add { address, client, hardware_address, secs: 600 }
}

fn end(address: Ipv4Addr) -> ChangeByHand {
    ChangeByHand::End { address, client: None }
}

fn moving(from: Ipv4Addr, to: Ipv4Addr) -> ChangeByHand {
    ChangeByHand::Move { from, to, client: None }
}

/// Makes a change, which storage commits.
#[track_caller]
fn make(server: &mut Server, change: &ChangeByHand) {
    match server.engine.change_by_hand(server.now, change) {
        AttemptByHand::Decided(changes) => {
            server.engine.settle(server.now, &changes, &StorageAnswer::Made);
        }
        other => panic!("{change:?}: {other:?}"),
    }
}

#[track_caller]
fn refusal(server: &mut Server, change: &ChangeByHand) -> RefusalByHand {
    match server.engine.change_by_hand(server.now, change) {
        AttemptByHand::Refused(refusal) => refusal,
        other => panic!("{change:?}: {other:?}"),
    }
}

#[track_caller]
fn obstacle(server: &mut Server, change: &ChangeByHand) -> Obstacle {
    match refusal(server, change) {
        RefusalByHand::Obstacle { obstacle, .. } => obstacle,
        other => panic!("{change:?}: {other:?}"),
    }
}

#[test]
fn a_client_gets_the_address_that_was_added_for_it() {
    let mut server = Server::plain();
    make(&mut server, &add(1, ip(12)));
    assert_eq!(offer(&server.ask(&discover(1))), (ip(12), Reason::OfferedCurrent));
    assert_eq!(server.reason(&selecting(1, ip(12))), Reason::AckSelecting);
    make(&mut server, &add(2, ip(11)));
    assert_eq!(server.reason(&init_reboot(2, ip(11))), Reason::AckInitReboot);
    // No other client gets them, and the same change again changes nothing.
    assert_eq!(server.reason(&selecting(3, ip(12))), Reason::NakOfferExpired);
    let again = server.engine.change_by_hand(server.now, &add(2, ip(11)));
    assert_eq!(again, AttemptByHand::Already);
}

#[test]
fn an_address_that_the_client_cannot_have_is_refused_with_the_cause() {
    let mut network = network();
    network.subnets[0].reservations =
        vec![reservation(ReservationOwner::HardwareAddress(hardware(9)), ip(13))];
    let mut server = Server::new(network);
    let leased = server.lease(1);
    let offered_now = offered(&server.ask(&discover(2)));
    let declined = server.lease(3);
    server.ask(&decline(3, declined));
    for (address, expected) in [
        (leased, Obstacle::HeldByOther),
        (offered_now, Obstacle::HeldByOther),
        (declined, Obstacle::Quarantined),
        (ip(13), Obstacle::Reserved),
        (ip(240), Obstacle::OutsidePools),
        (ip(255), Obstacle::Unusable),
        (Ipv4Addr::new(192, 0, 2, 1), Obstacle::Unusable),
    ] {
        assert_eq!(obstacle(&mut server, &add(7, address)), expected, "{address}");
    }
    let holder = |refusal| match refusal {
        RefusalByHand::Obstacle { holder, until, .. } => (holder, until.is_some()),
        other => panic!("{other:?}"),
    };
    let of_leased = refusal(&mut server, &add(7, leased));
    assert_eq!(holder(of_leased), (Some(key(1)), true));
    assert_eq!(refusal(&mut server, &add(1, ip(100))), RefusalByHand::LeasesOther(leased));
    assert_eq!(refusal(&mut server, &end(ip(100))), RefusalByHand::NotLeased(ip(100)));
    let of_other = ChangeByHand::End { address: leased, client: Some(key(8)) };
    let holder = key(1);
    assert_eq!(refusal(&mut server, &of_other), RefusalByHand::OfOther { address: leased, holder });
}

#[test]
fn a_client_whose_lease_was_ended_gets_a_nak_and_asks_again() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let promised = server.record(1).expires_at;
    make(&mut server, &end(address));
    let record = server.record(1);
    assert_eq!((record.state, record.expires_at), (BindingState::Released, promised));
    assert!(!record.is_active(server.now));
    for request in [renewing(1, address), rebinding(1, address), init_reboot(1, address)] {
        assert_eq!(server.reason(&request), Reason::NakEndedByHand);
    }
    // As a new client it may have the address that it had.
    assert_eq!(offer(&server.ask(&discover(1))), (address, Reason::OfferedPrevious));
    assert_eq!(server.reason(&selecting(1, address)), Reason::AckSelecting);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

#[test]
fn an_address_whose_lease_was_ended_goes_to_another_client_last() {
    let mut server = Server::plain();
    let address = server.lease(1);
    make(&mut server, &end(address));
    server.lease_each(2..=4);
    assert!(server.engine.binding_at(address).unwrap().client == key(1));
    // The last free address of the pool.
    assert_eq!(server.lease(5), address);
    assert_eq!(server.reason(&renewing(1, address)), Reason::NakAddressTaken);
}

#[test]
fn after_the_promised_end_the_client_may_have_its_address_back_without_asking_again() {
    let mut server = Server::plain();
    let address = server.lease(1);
    make(&mut server, &end(address));
    server.pass_secs(3600);
    assert_eq!(server.reason(&init_reboot(1, address)), Reason::AckInitReboot);
}

#[test]
fn the_end_of_a_quarantine_frees_the_address_for_others() {
    let mut server = Server::plain();
    let address = server.lease(1);
    server.ask(&decline(1, address));
    make(&mut server, &end(address));
    assert!(server.engine.binding_at(address).is_some_and(|r| !r.is_quarantined(server.now)));
    // Not for the client that declined it.
    assert_ne!(offered(&server.ask(&discover(1))), address);
    make(&mut server, &add(2, address));
}

#[test]
fn a_client_that_is_moved_gets_a_nak_and_then_the_other_address() {
    let mut server = Server::plain();
    let address = server.lease(1);
    make(&mut server, &moving(address, ip(12)));
    // Neither address goes to another client meanwhile.
    assert_eq!(obstacle(&mut server, &add(2, ip(12))), Obstacle::HeldByOther);
    assert_eq!(server.lease(2), ip(11));
    assert_eq!(server.lease(3), ip(13));
    assert_eq!(server.reason(&discover(4)), Reason::NoFreeAddress);
    for request in [renewing(1, address), rebinding(1, address), init_reboot(1, address)] {
        assert_eq!(server.reason(&request), Reason::NakOtherAddress);
    }
    assert_eq!(offer(&server.ask(&discover(1))), (ip(12), Reason::OfferedCurrent));
    let decision = server.ask(&selecting(1, ip(12)));
    assert_eq!((decision.reason, decision.changes.len()), (Reason::AckSelecting, 2));
    let former = server.engine.binding_at(address).unwrap();
    assert_eq!(former.state, BindingState::Released);
    assert_eq!(server.reason(&renewing(1, ip(12))), Reason::AckRenewing);
    assert_eq!(server.lease(4), address);
}

#[test]
fn a_move_is_refused_if_the_other_address_is_not_free_or_the_client_moves_already() {
    let mut server = Server::plain();
    let (address, other) = (server.lease(1), server.lease(2));
    assert_eq!(obstacle(&mut server, &moving(address, other)), Obstacle::HeldByOther);
    let same = RefusalByHand::SameAddress(address);
    assert_eq!(refusal(&mut server, &moving(address, address)), same);
    make(&mut server, &moving(address, ip(12)));
    let again = server.engine.change_by_hand(server.now, &moving(address, ip(12)));
    assert_eq!(again, AttemptByHand::Already);
    let elsewhere = moving(address, ip(100));
    assert_eq!(refusal(&mut server, &elsewhere), RefusalByHand::MovesAlready(ip(12)));
    // The move is taken back.
    make(&mut server, &end(ip(12)));
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

#[test]
fn a_lease_by_hand_is_on_no_account_until_its_client_takes_it() {
    let mut server = Server::plain();
    let terms = limited("one", 1, lessor_core::BeyondLimit::Refuse);
    let address = server.lease_under(1, &terms);
    make(&mut server, &moving(address, ip(12)));
    let account = |server: &Server| {
        let bindings = server.engine.bindings().filter(|found| found.is_active(server.now));
        bindings.filter(|found| found.subscriber.is_some()).count()
    };
    assert_eq!(account(&server), 1);
    assert_eq!(server.ask_under(&discover(2), &terms).reason, Reason::SubscriberLimit);
    let decision = server.ask_under(&discover(1), &terms);
    assert_eq!(offered(&decision), ip(12));
    server.ask_under(&selecting(1, ip(12)), &terms);
    assert_eq!(account(&server), 1);
}

#[test]
fn a_change_by_hand_waits_for_storage_and_others_wait_for_it() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let AttemptByHand::Decided(changes) = server.engine.change_by_hand(server.now, &end(address))
    else {
        panic!("it is not decided");
    };
    let again = server.engine.change_by_hand(server.now, &end(address));
    assert_eq!(again, AttemptByHand::Waits(address));
    let elsewhere = server.engine.change_by_hand(server.now, &add(1, ip(12)));
    assert_eq!(elsewhere, AttemptByHand::Waits(address));
    let renewal = server.engine.decide(server.now, 0, &renewing(1, address), &Default::default());
    let lessor_core::Attempt::Waits(wait) = renewal else { panic!("{renewal:?}") };
    assert_eq!((wait.address, wait.is_repeated), (address, false));
    // Storage could not write: everything is as it was.
    server.engine.settle(server.now, &changes, &StorageAnswer::NotMade);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

#[test]
fn a_lease_added_for_a_line_is_that_of_the_device_on_it() {
    let mut network = network();
    network.client_key = lessor_core::ClientKeyKind::Line;
    let mut server = Server::new(network);
    let request = on_circuit(b"port-1", discover(1));
    let line = Line::of(request.relay_information.as_ref().unwrap()).unwrap();
    let (client, hardware_address) = (ClientKey::Line(line.clone()), hardware(0));
    let change = ChangeByHand::Add { address: ip(12), client, hardware_address, secs: 600 };
    make(&mut server, &change);
    let record = server.engine.binding_at(ip(12)).unwrap();
    assert_eq!(record.relay_information, Some(RelayInformation::from_octets(line.octets())));
    assert_eq!(offer(&server.ask(&request)), (ip(12), Reason::OfferedCurrent));
}

#[test]
fn a_reservation_takes_effect_at_the_next_renewal_while_the_old_lease_runs() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let mut network: Network = network();
    network.subnets[0].reservations =
        vec![reservation(ReservationOwner::HardwareAddress(hardware(1)), ip(201))];
    server.engine.reconfigure(network.into());
    assert_eq!(server.reason(&renewing(1, address)), Reason::NakOtherAddress);
    assert_eq!(offer(&server.ask(&discover(1))), (ip(201), Reason::OfferedReserved));
    let decision = server.ask(&selecting(1, ip(201)));
    assert_eq!((decision.reason, decision.changes.len()), (Reason::AckSelecting, 2));
    let former = server.engine.binding_at(address).unwrap();
    assert_eq!(former.state, BindingState::Released);
}
