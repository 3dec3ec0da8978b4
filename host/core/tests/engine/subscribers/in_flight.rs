//! What counts while changes are on their way to storage, and after a restart or a reload.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{BeyondLimit, Engine, Network, Reason, StorageAnswer, Terms, Topology};

use super::{full, refuse, replace, with_terms};
use crate::support::*;

#[test]
fn a_lease_counts_until_its_end_is_durable() {
    for end in [release(1, ip(10)), decline(1, ip(10))] {
        let mut server = full(&refuse(1));
        let ended = server.decide_only(0, &end, &refuse(1));
        assert_eq!(server.waits(&discover(2), &refuse(1)).address, ip(10));
        assert_eq!(server.waits(&selecting(2, ip(11)), &refuse(1)).address, ip(10));
        server.settle(&ended, &StorageAnswer::NotMade);
        assert_eq!(server.counted(), [1]);
        assert_eq!(server.reason_under(&discover(2), &refuse(1)), Reason::SubscriberLimit);
        let ended = server.decide_only(0, &end, &refuse(1));
        server.settle(&ended, &StorageAnswer::Made);
        assert!(server.try_lease(2, &refuse(1)).is_some());
    }
}

#[test]
fn a_lease_counts_from_when_it_is_on_its_way() {
    for answer in [StorageAnswer::Made, StorageAnswer::NotMade] {
        let mut server = Server::plain();
        let granted = server.decide_only(0, &selecting(1, ip(10)), &refuse(2));
        // There is room for this client in any case.
        server.ask_under(&selecting(2, ip(11)), &refuse(2));
        assert_eq!(server.waits(&discover(3), &refuse(2)).address, ip(10));
        server.settle(&granted, &answer);
        let is_full = answer == StorageAnswer::Made;
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
    server.settle(&renewed, &StorageAnswer::Made);
    let second = server.decide_only(0, &selecting(2, ip(11)), &replace(1));
    let addresses: Vec<_> = second.changes.iter().map(|change| change.binding.address).collect();
    assert_eq!(addresses, [ip(11), old]);
    server.waits(&selecting(3, ip(12)), &replace(1));
    server.settle(&second, &StorageAnswer::Made);
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
    server.settle(&decision, &StorageAnswer::NotMade);
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
    server.settle(&second, &StorageAnswer::Conflict(found));
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
    server.settle(&ended, &StorageAnswer::NotMade);
    assert_eq!(server.counted(), [1]);
    let reason = server.reason_under(&discover(2), &terms(BeyondLimit::Refuse));
    assert_eq!(reason, Reason::SubscriberLimit);
    server.ask(&release(1, address));
    assert!(server.try_lease(2, &terms(BeyondLimit::Refuse)).is_some());
}
