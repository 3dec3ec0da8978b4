//! Which address a client gets, and when one becomes free again.

use lessor_core::{Attempt, Engine, Network, Preference, Reason, Request, Terms};

use crate::support::*;

fn large(last: u8) -> Network {
    let mut network = network();
    network.subnets[0].pools = vec![pool("open", 10, last)];
    network
}

#[test]
fn fresh_addresses_are_given_before_returned_ones_so_that_these_stay_with_their_owners() {
    let mut server = Server::new(large(12));
    let first = server.lease(1);
    server.ask(&release(1, first));
    assert_eq!([server.lease(2), server.lease(3)], [ip(11), ip(12)]);
    assert_eq!(server.lease(1), first);
}

#[test]
fn of_returned_addresses_the_one_that_was_free_longest_comes_first() {
    let mut server = Server::new(large(12));
    server.lease_each(1..=3);
    for (client, address) in [(2, ip(11)), (1, ip(10)), (3, ip(12))] {
        server.pass_secs(1);
        assert_eq!(server.reason(&release(client, address)), Reason::ReleasedLease);
    }
    assert_eq!([4, 5, 6].map(|client| server.lease(client)), [ip(11), ip(10), ip(12)]);
}

#[test]
fn a_preferred_address_is_chosen_if_it_is_free_and_of_the_pools_that_the_client_may_have() {
    let mut server = Server::new(large(14));
    let is_spoken_for = |address| address == ip(10);
    let preferring = |server: &mut Server, client: u8, last: u8| {
        let (now, terms) = (server.now, Terms::default());
        let preference = Preference { address: Some(ip(last)), spoken_for: Some(&is_spoken_for) };
        let attempt =
            server.engine.decide_preferring(now, 0, &discover(client), &terms, preference);
        let Attempt::Decided(decision) = attempt else { panic!("{attempt:?}") };
        offered(&decision)
    };
    assert_eq!(preferring(&mut server, 1, 13), ip(13));
    // Held by now, and in no pool: the client gets an address that is not spoken for.
    assert_eq!(preferring(&mut server, 2, 13), ip(11));
    assert_eq!(preferring(&mut server, 3, 200), ip(12));
    // The client's current address takes precedence.
    assert_eq!(preferring(&mut server, 1, 14), ip(13));
    assert_eq!(preferring(&mut server, 4, 14), ip(14));
    // An address that is spoken for is better than none.
    assert_eq!(preferring(&mut server, 5, 14), ip(10));
}

#[test]
fn an_offer_that_lapses_returns_its_address_to_where_it_was() {
    let mut server = Server::new(large(12));
    assert_eq!(offered(&server.ask(&discover(1))), ip(10));
    server.pass_secs(60);
    assert!(server.engine.reclaim(server.now, 10).is_empty());
    assert_eq!(server.lease(2), ip(10));
    assert_eq!(server.engine.usage()[0].leased, 1);
}

#[test]
fn an_expired_lease_counts_as_free_without_any_reclaiming() {
    let mut server = Server::plain();
    server.lease_each(1..=4);
    server.pass_secs(3600);
    let address = server.lease(5);
    assert_eq!(address, ip(10));
    let expired = server.engine.reclaim(server.now, 10);
    let mut addresses: Vec<_> = expired.iter().map(|lease| lease.address).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, [ip(10), ip(11), ip(12), ip(13)]);
}

#[test]
fn reclaiming_is_bounded_and_reports_every_expired_lease_once() {
    let mut server = Server::plain();
    server.lease_each(1..=4);
    server.ask(&release(4, ip(13)));
    server.pass_secs(1800);
    server.ask(&renewing(1, ip(10)));
    server.pass_secs(1800);
    let mut reported = Vec::new();
    while server.engine.next_deadline().is_some_and(|at| at <= server.now) {
        let expired = server.engine.reclaim(server.now, 1);
        assert!(expired.len() <= 1);
        reported.extend(expired.iter().map(|lease| lease.address));
    }
    assert_eq!(reported, [ip(11), ip(12)]);
    assert_eq!(server.engine.usage()[0].leased, 1);
    assert_eq!(server.engine.next_deadline(), Some(server.now.after_secs(1800)));
}

#[test]
fn a_decision_looks_at_a_bounded_number_of_deadlines_and_goes_on_next_time() {
    // 90 offers expire in the garden before the one lease of the open pool does.
    let mut network = large(10);
    network.subnets[0].pools.push(garden("garden", 100, 199));
    let mut server = Server::new(network);
    (100..190).for_each(|client| drop(server.ask_under(&discover(client), &in_pool("garden"))));
    server.ask(&selecting(1, ip(10)));
    server.pass_secs(3600);
    assert_eq!(server.reason(&discover(2)), Reason::NoFreeAddress);
    assert_eq!(server.reason(&discover(2)), Reason::OfferedFromPool);
}

#[test]
fn a_flood_of_discovers_leaves_no_trace_once_it_is_over() {
    let mut server = Server::new(large(250));
    let address = server.lease(1);
    for client in 0..20_000_u32 {
        let request = with(discover(2), |r| {
            r.client_identifier = Some(client.to_be_bytes().into());
        });
        let decision = server.ask(&request);
        assert!(decision.changes.is_empty());
        assert_eq!(decision.reply.is_none(), client >= 240);
    }
    assert_eq!(server.engine.usage()[0].offered, 240);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
    server.pass_secs(60);
    server.engine.reclaim(server.now, 1000);
    assert_eq!(server.engine.usage()[0].offered, 0);
    assert_eq!(server.engine.bindings().count(), 1);
}

#[test]
fn a_client_has_one_address_and_gives_up_the_former_one() {
    let mut server = Server::plain();
    let first = server.lease(1);
    let second = offered(&server.ask_under(&discover(1), &in_pool("garden")));
    let decision = server.ask_under(&selecting(1, second), &in_pool("garden"));
    let changes: Vec<_> = decision
        .changes
        .iter()
        .map(|change| (change.binding.address, change.binding.is_active(server.now)))
        .collect();
    assert_eq!(changes, [(second, true), (first, false)]);
    assert_eq!(server.record(1).address, second);
    assert_eq!(server.engine.usage()[0].leased, 0);
}

#[test]
fn usage_counts_each_address_once() {
    let mut network = large(19);
    network.subnets[0].reservations.push(reservation(circuit(b"a"), ip(10)));
    let mut server = Server::new(network);
    let (leased, declined) = (server.lease(1), server.lease(2));
    server.ask(&discover(1));
    server.ask(&decline(2, declined));
    server.ask(&discover(3));
    server.ask(&on_circuit(b"a", discover(4)));
    let usage = &server.engine.usage()[0];
    assert_eq!((usage.size, usage.leased, usage.offered, usage.quarantined), (9, 1, 1, 1));
    assert_ne!(leased, declined);
}

#[test]
fn a_pool_never_gives_out_network_and_broadcast_address() {
    let mut network = network();
    network.subnets[0].pools = vec![pool("open", 0, 255)];
    let engine = Engine::new(network.into(), 0);
    assert_eq!(engine.usage()[0].size, 254);
}

#[test]
fn restored_leases_are_held_and_ended_ones_remembered() {
    let mut server = Server::plain();
    server.lease_each(1..=3);
    server.ask(&release(2, ip(11)));
    server.ask(&decline(3, ip(12)));
    let mut leases: Vec<_> = server.engine.bindings().collect();
    leases.sort_by_key(|lease| lease.address);
    for reversed in [false, true] {
        let mut restored = Server { now: server.now, ..Server::plain() };
        restored.pass_secs(60);
        if reversed {
            leases.reverse();
        }
        for lease in leases.clone() {
            restored.engine.restore(restored.now, lease);
        }
        assert_eq!(restored.reason(&renewing(1, ip(10))), Reason::AckRenewing);
        assert_eq!(offer(&restored.ask(&discover(2))), (ip(11), Reason::OfferedPrevious));
        assert_eq!(offer(&restored.ask(&discover(3))), (ip(13), Reason::OfferedFromPool));
        assert_eq!(offer(&restored.ask(&discover(4))), (ip(12), Reason::OfferedQuarantined));
        restored.pass_secs(600);
        assert_eq!(offer(&restored.ask(&discover(4))), (ip(12), Reason::OfferedFromPool));
    }
}

#[test]
fn restored_leases_that_ended_while_nobody_looked_are_not_reported_as_expired() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let lease = (*server.record(1)).clone();
    let mut restored = Server::plain();
    restored.now = server.now.after_secs(7200);
    restored.engine.restore(restored.now, lease);
    assert!(restored.engine.reclaim(restored.now, 10).is_empty());
    assert_eq!(restored.engine.next_deadline(), None);
    assert_eq!(offer(&restored.ask(&discover(1))), (address, Reason::OfferedPrevious));
}

#[test]
fn the_newest_record_of_a_client_is_its_current_one() {
    let mut server = Server::plain();
    let first = server.lease(1);
    let old = (*server.record(1)).clone();
    server.pass_secs(10);
    server.ask_under(&discover(1), &in_pool("garden"));
    let moved = server.ask_under(&selecting(1, ip(100)), &in_pool("garden"));
    let new = (*moved.changes[0].binding).clone();
    for order in [[old.clone(), new.clone()], [new, old]] {
        let mut restored = Server::plain();
        order.into_iter().for_each(|lease| restored.engine.restore(restored.now, lease));
        assert_eq!(restored.record(1).address, ip(100));
        assert_eq!(restored.engine.binding_at(first).unwrap().client, key(1));
    }
}

#[test]
fn a_clock_that_steps_back_frees_nothing_and_gives_nothing_twice() {
    let mut server = Server::plain();
    server.lease_each(1..=4);
    let then = server.now;
    server.pass_secs(3600);
    server.engine.reclaim(server.now, 10);
    server.now = then;
    let address = server.lease(5);
    let owners = [1, 2, 3, 4].map(|client| server.reason(&renewing(client, ip(9 + client))));
    let acknowledged = owners.iter().filter(|reason| **reason == Reason::AckRenewing).count();
    assert_eq!((address, acknowledged), (ip(10), 3));
}

#[test]
fn the_same_arguments_give_the_same_decisions() {
    let ask = |request: &Request| {
        let mut server = Server::plain();
        server.lease(3);
        serde_json::to_string(&server.ask_under(request, &Terms::default())).unwrap()
    };
    let request = discover(1);
    let written = serde_json::to_string(&request).unwrap();
    assert_eq!(ask(&request), ask(&serde_json::from_str(&written).unwrap()));
}

#[test]
fn the_servers_own_addresses_are_given_to_nobody() {
    let mut network = network();
    network.subnets[0].unknown_clients = lessor_core::UnknownClients::Adopt;
    network.subnets[0].reservations = vec![reservation(circuit(b"line"), ip(60))];
    let mut server = Server::new(network.clone());
    let before = server.lease(1);
    assert_eq!(before, ip(10));
    let own = [ip(10), ip(11), ip(60), SERVER, OTHER_SERVER].into_iter().collect();
    server.engine.set_own_addresses(&own);
    let usage = &server.engine.usage()[0];
    assert_eq!((usage.size, usage.leased), (2, 0));
    // No client gets them from a pool, or because it requested or remembers them, or by reservation
    // or name.
    for client in [2, 3] {
        assert!(![ip(10), ip(11)].contains(&server.lease(client)));
    }
    let wish = with(discover(4), |r| r.requested_address = Some(ip(11)));
    assert_eq!(server.reason(&wish), Reason::NoFreeAddress);
    for ask in [init_reboot, renewing, rebinding, selecting] {
        assert_eq!(server.reason(&ask(1, ip(10))), Reason::NakAddressTaken);
        assert_eq!(server.reason(&ask(9, ip(11))), Reason::NakAddressTaken);
    }
    let decision = server.ask(&on_circuit(b"line", discover(5)));
    assert_eq!(decision.reason, Reason::NoFreeAddress);
    let decision = server.ask_under(&discover(5), &at_address(ip(11)));
    assert_eq!(decision.reason, Reason::UnusableAddress);
    // The addresses in a message apply from then on, and also with another configuration.
    network.quarantine_secs += 1;
    server.engine.reconfigure(network.into());
    assert_eq!(server.reason(&discover(6)), Reason::NoFreeAddress);
    let request = with(discover(6), |r| r.arrival.own_addresses = [SERVER].into_iter().collect());
    assert_eq!(offered(&server.ask(&request)), ip(11));
    assert_eq!(offer(&server.ask(&discover(1))), (ip(10), Reason::OfferedCurrent));
}
