use lessor_core::{Committed, LeaseState, Reason};
use lessor_load::dhcproto::v4::{DhcpOption, MessageType};
use lessor_store::CommitterLimits;

use super::{settling::CONFLICTS_MAX, *};
use crate::generation::Generation;
use crate::testing::{NOW, Parts, SERVER, packet, parts, received, topology};

const RELAY: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 200);
const ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 1);
const LIMITS: CommitterLimits = CommitterLimits { waiting_changes: 100, batch_changes: 100 };

/// A REQUEST of client 1 for [`ADDRESS`], decided.
fn requested(parts: &mut Parts) -> Exchange {
    let request = packet(
        MessageType::Request,
        1,
        RELAY,
        vec![DhcpOption::RequestedIpAddress(ADDRESS), DhcpOption::ServerIdentifier(SERVER)],
    );
    parts.shared.pipeline().decide(&mut parts.runner, NOW, 0, received(&request, RELAY))
}

#[test]
fn what_cannot_be_parsed_or_located_ends_with_its_reason() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let elsewhere = std::net::Ipv4Addr::new(10, 9, 9, 9);
    let discover = packet(MessageType::Discover, 1, elsewhere, vec![]);
    let offer = packet(MessageType::Offer, 1, RELAY, vec![]);
    let mut not_relayed = received(&discover, RELAY);
    not_relayed.not_relayed = true;
    for (received, reason) in [
        (received(&discover, elsewhere), Reason::UnknownSubnet),
        (received(&offer, RELAY), Reason::UnexpectedMessageType),
        (received(b"rubbish", RELAY), Reason::TooShort),
        (not_relayed, Reason::NotRelayed),
    ] {
        let exchange = parts.shared.pipeline().decide(&mut parts.runner, NOW, 0, received);
        assert_eq!(exchange.reason, reason);
        assert!(exchange.outgoing.is_none() && exchange.changes.is_empty());
        parts.shared.finish(exchange);
        assert!(parts.shared.counters.reasons().contains(&(reason, 1)));
    }
}

#[test]
fn a_reply_waits_for_every_change() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let mut exchange = requested(&mut parts);
    assert_eq!(exchange.reason, Reason::AckSelecting);
    assert_eq!(exchange.changes.len(), 1);
    assert!(parts.shared.pipeline().committed(
        &mut parts.runner,
        NOW,
        &mut exchange,
        &[Committed::Durable]
    ));
    assert!(exchange.outgoing.is_some());
}

#[test]
fn what_storage_cannot_write_is_not_acknowledged_and_is_taken_back() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let mut exchange = requested(&mut parts);
    assert!(parts.shared.pipeline().committed(
        &mut parts.runner,
        NOW,
        &mut exchange,
        &[Committed::Failed]
    ));
    assert_eq!(exchange.reason, Reason::StoreFailed);
    assert!(exchange.outgoing.is_none());
    let known = parts
        .shared
        .generation
        .load()
        .shards
        .with_owner_of(ADDRESS, |engine| engine.lease_at(ADDRESS).cloned());
    assert_eq!(known, Ok(Some(None)));
}

#[test]
fn a_request_that_another_server_was_faster_with_is_decided_anew() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let mut exchange = requested(&mut parts);
    let mut other = lessor_core::Lease::clone(&exchange.changes[0].lease);
    other.client = lessor_core::ClientKey::Identifier(Box::from(*b"another"));
    assert_eq!(other.state, LeaseState::Leased);
    let conflict = Committed::Conflict(Some(Arc::new(other)));
    assert!(parts.shared.pipeline().committed(&mut parts.runner, NOW, &mut exchange, &[conflict]));
    assert_eq!(exchange.reason.outcome(), lessor_core::Outcome::Nak);
    assert!(exchange.outgoing.is_some());
}

#[test]
fn a_request_that_storage_contradicts_too_often_is_given_up() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let mut exchange = requested(&mut parts);
    let mut tries = 0;
    while !parts.shared.pipeline().committed(
        &mut parts.runner,
        NOW,
        &mut exchange,
        &[Committed::Conflict(None)],
    ) {
        tries += 1;
        assert!(tries <= CONFLICTS_MAX, "decided anew without end");
    }
    assert_eq!(tries, CONFLICTS_MAX);
    assert_eq!(exchange.reason, Reason::StoreConflict);
    assert!(exchange.outgoing.is_none());
}

#[test]
fn a_request_that_meets_a_retired_shard_is_decided_by_its_successor() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let old = parts.shared.generation.load_full();
    let changed = topology(&["10.0.0.0/23"]);
    old.shards.reconfigure(NOW, changed, 7, |shards| {
        let chain = Arc::clone(&old.chain);
        let lookups = old.lookups.clone();
        let next =
            Generation { number: 2, since: NOW, shards, lookups, chain, rolled_back_from: None };
        parts.shared.generation.store(Arc::new(next));
    });
    let mut exchange = requested(&mut parts);
    assert_eq!(exchange.reason, Reason::AckSelecting);
    assert!(parts.shared.pipeline().committed(
        &mut parts.runner,
        NOW,
        &mut exchange,
        &[Committed::Failed]
    ));
}
