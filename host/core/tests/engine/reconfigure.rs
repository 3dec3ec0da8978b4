//! A new configuration: no lease, offer or pending change is lost.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{
    Attempt, Engine, Network, OptionValue, Pool, Reason, Request, StorageAnswer, Terms, Timestamp,
    Topology,
};

use crate::support::*;

const SECOND: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);

fn second() -> Network {
    let mut network = network();
    network.name = "10.0.1.0/24".into();
    network.subnets = vec![subnet("10.0.1.0/24", vec![])];
    network.subnets[0].pools =
        vec![Pool { first: SECOND, last: Ipv4Addr::new(10, 0, 1, 13), ..pool("second", 0, 0) }];
    network
}

fn topology(networks: impl IntoIterator<Item = Network>) -> Topology {
    Topology::new(networks.into_iter().map(Arc::new).collect()).unwrap()
}

fn ask(engine: &mut Engine, now: Timestamp, request: &Request) -> Reason {
    let Attempt::Decided(decision) = engine.decide(now, 0, request, &Terms::default()) else {
        panic!("{request:?} has to wait");
    };
    engine.settle(now, &decision.changes, &StorageAnswer::Made);
    decision.reason
}

#[test]
fn other_options_and_times_count_at_once_and_cost_nothing() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let offered = offered(&server.ask(&discover(2)));
    let mut changed = network();
    changed.subnets[0].lease_time.default_secs = 120;
    changed.subnets[0].options = options([(15, OptionValue::Text("example.net".into()))]);
    assert!(server.engine.reconfigure(changed.into()).is_empty());
    let request = with(renewing(1, address), |r| r.parameter_request_list.clear());
    let decision = server.ask(&request);
    assert_eq!(lease_time_secs(&decision), 120);
    assert_eq!(codes(reply(&decision)), [54, 51, 58, 59, 1, 15]);
    assert_eq!(server.reason(&selecting(2, offered)), Reason::AckSelecting);
}

#[test]
fn other_pools_keep_what_is_held_and_give_out_what_is_new() {
    let mut server = Server::plain();
    server.lease_each(1..=4);
    server.ask(&release(4, ip(13)));
    let mut changed = network();
    changed.subnets[0].pools = vec![pool("moved", 12, 14)];
    assert!(server.engine.reconfigure(changed.into()).is_empty());
    let usage = server.engine.usage();
    assert_eq!((usage.len(), usage[0].size, usage[0].leased), (1, 3, 1));
    assert_eq!([server.lease(5), server.lease(6)], [ip(14), ip(13)]);
    assert_eq!(server.reason(&discover(7)), Reason::NoFreeAddress);
    // A lease of an address that is no longer in any pool is not extended.
    assert_eq!(server.reason(&renewing(1, ip(10))), Reason::NakOtherAddress);
    assert_eq!(server.reason(&renewing(3, ip(12))), Reason::AckRenewing);
}

#[test]
fn networks_that_are_joined_and_parted_keep_their_leases_and_offers() {
    let mut server = Server::plain();
    let mut other = Server::new(second());
    let (address, now) = (server.lease(1), server.now);
    assert_eq!(offered(&other.ask(&discover(2))), SECOND);

    let mut joined = network();
    joined.subnets.extend(second().subnets);
    let topology_joined = topology([joined]);
    let old = vec![other.engine, server.engine];
    let (mut engines, outside) = Engine::rebuild(old, &topology_joined, 1);
    assert_eq!((engines.len(), outside.len()), (1, 0));
    assert_eq!(ask(&mut engines[0], now, &renewing(1, address)), Reason::AckRenewing);
    assert_eq!(ask(&mut engines[0], now, &selecting(2, SECOND)), Reason::AckSelecting);

    let parted = topology([second(), network()]);
    let (mut engines, outside) = Engine::rebuild(engines, &parted, 1);
    assert!(outside.is_empty());
    assert_eq!(ask(&mut engines[0], now, &renewing(2, SECOND)), Reason::AckRenewing);
    assert_eq!(ask(&mut engines[1], now, &renewing(1, address)), Reason::AckRenewing);
    assert_eq!(engines.iter().map(|engine| engine.bindings().count()).sum::<usize>(), 2);
    let leased = engines.iter().map(|engine| engine.usage()[0].leased);
    assert_eq!(leased.sum::<u64>(), 2);
}

#[test]
fn a_subnet_that_is_gone_is_forgotten_and_a_new_one_starts_empty() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let record = server.engine.binding_at(address);
    let (engines, outside) = Engine::rebuild(vec![server.engine], &topology([second()]), 1);
    assert_eq!(engines[0].bindings().count(), 0);
    assert_eq!(engines[0].next_deadline(), None);
    let outside: Vec<_> = outside.iter().map(|left| (left.address(), left.binding())).collect();
    assert_eq!(outside, [(address, record)]);
}

#[test]
fn a_change_in_flight_is_settled_with_the_engine_that_has_its_address_now() {
    for answer in [StorageAnswer::Made, StorageAnswer::NotMade] {
        let mut server = Server::plain();
        let address = server.lease(1);
        let released = server.decide_only(0, &release(1, address), &Terms::default());
        let mut engine = Engine::new(network().into(), 99);
        for remembered in server.engine.into_remembered() {
            engine.adopt(remembered);
        }
        let mut server = Server { engine, now: server.now };
        assert_eq!(server.waits(&renewing(1, address), &Terms::default()).address, address);
        server.settle(&released, &answer);
        let is_free = server.engine.usage()[0].leased == 0;
        assert_eq!(is_free, answer == StorageAnswer::Made);
    }
}

/// The addresses of a move are in two networks after the reload: each engine settles its part.
#[test]
fn a_move_in_flight_is_settled_with_both_engines_that_have_its_addresses() {
    for answer in [StorageAnswer::Made, StorageAnswer::NotMade] {
        let mut joined = network();
        joined.subnets.extend(second().subnets);
        let mut server = Server::new(joined);
        let first = server.lease(1);
        let moved = server.decide_only(0, &selecting(1, SECOND), &in_pool("second"));
        assert_eq!(moved.changes.len(), 2);
        let parted = topology([network(), second()]);
        let (engines, _) = Engine::rebuild(vec![server.engine], &parted, 1);
        let mut servers = engines.into_iter().map(|engine| Server { engine, now: server.now });
        let (mut near, mut far) = (servers.next().unwrap(), servers.next().unwrap());
        near.waits(&renewing(1, first), &Terms::default());
        far.waits(&renewing(1, SECOND), &Terms::default());
        near.settle(&moved, &answer);
        far.settle(&moved, &answer);
        let is_made = answer == StorageAnswer::Made;
        assert_eq!(near.engine.usage()[0].leased, u64::from(!is_made));
        assert_eq!(far.engine.usage()[0].leased, u64::from(is_made));
    }
}

#[test]
fn a_lease_that_expired_meanwhile_is_still_reported() {
    let mut server = Server::plain();
    server.lease(1);
    let lease = server.record(1);
    let mut engine = Engine::new(network().into(), 99);
    server.pass_secs(7200);
    for remembered in server.engine.into_remembered() {
        engine.adopt(remembered);
    }
    assert_eq!(engine.reclaim(server.now, 10), [(*lease).clone()]);
}

#[test]
fn networks_can_be_written_down_and_read_back() {
    let network = network();
    let text = serde_json::to_string(&network).unwrap();
    assert_eq!(serde_json::from_str::<Network>(&text).unwrap(), network);
}
