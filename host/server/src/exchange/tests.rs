use std::{cell::Cell, sync::mpsc};

use lessor_core::{Answer, LeaseState, Reason};
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
        &Answer::Made
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
        &Answer::NotMade
    ));
    assert_eq!(exchange.reason, Reason::StoreFailed);
    assert!(exchange.outgoing.is_none());
    let known = parts
        .shared
        .generation
        .load()
        .shards
        .with_owner_of(ADDRESS, |engine| engine.lease_at(ADDRESS));
    assert_eq!(known, Ok(Some(None)));
}

#[test]
fn a_request_that_another_server_was_faster_with_is_decided_again() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let mut exchange = requested(&mut parts);
    let mut other = lessor_core::Lease::clone(&exchange.changes[0].lease);
    other.client = lessor_core::ClientKey::Identifier(Box::from(*b"another"));
    assert_eq!(other.state, LeaseState::Leased);
    let conflict = Answer::Conflict([Some(Arc::new(other))].into_iter().collect());
    assert!(!parts.shared.pipeline().committed(&mut parts.runner, NOW, &mut exchange, &conflict));
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
        &Answer::Conflict([None].into_iter().collect()),
    ) {
        tries += 1;
        assert!(tries <= CONFLICTS_MAX, "decided again without end");
    }
    assert_eq!(tries, CONFLICTS_MAX);
    assert_eq!(exchange.reason, Reason::StoreConflict);
    assert!(exchange.outgoing.is_none());
}

#[test]
fn a_request_is_not_decided_again_once_its_client_has_gone_on() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let mut exchange = requested(&mut parts);
    let conflict = Answer::Conflict([None].into_iter().collect());
    let pipeline = parts.shared.pipeline();
    let soon = NOW.moved_by_ms(3_000);
    assert!(!pipeline.committed(&mut parts.runner, soon, &mut exchange, &conflict));
    let late = NOW.moved_by_ms(5_000);
    assert!(pipeline.committed(&mut parts.runner, late, &mut exchange, &conflict));
    assert_eq!(exchange.reason, Reason::TooOld);
    assert!(exchange.outgoing.is_none());
}

#[test]
fn a_lease_that_was_changed_meanwhile_is_not_given_back_again() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let mut granted = requested(&mut parts);
    let pipeline = parts.shared.pipeline();
    assert!(pipeline.committed(&mut parts.runner, NOW, &mut granted, &Answer::Made));
    let options = vec![DhcpOption::RequestedIpAddress(ADDRESS)];
    let decline = packet(MessageType::Decline, 1, RELAY, options);
    let mut exchange = pipeline.decide(&mut parts.runner, NOW, 0, received(&decline, RELAY));
    assert_eq!(exchange.reason, Reason::QuarantinedDeclined);
    let mut renewed = lessor_core::Lease::clone(&granted.changes[0].lease);
    renewed.revision += 1;
    let conflict = Answer::Conflict([Some(Arc::new(renewed))].into_iter().collect());
    assert!(pipeline.committed(&mut parts.runner, NOW, &mut exchange, &conflict));
    assert_eq!(exchange.reason, Reason::StoreConflict);
    assert!(exchange.changes.is_empty());
}

/// Counts the exchanges that wait, and passes on the numbers of those that can continue.
struct Noted {
    next: Cell<u64>,
    woken: mpsc::Sender<u64>,
}

impl Wakes for Noted {
    fn wake(&self) -> (u64, Wake) {
        let number = self.next.replace(self.next.get() + 1);
        let woken = self.woken.clone();
        (number, Box::new(move || woken.send(number).unwrap()))
    }
}

fn noted() -> (Noted, mpsc::Receiver<u64>) {
    let (woken, all) = mpsc::channel();
    (Noted { next: Cell::new(7), woken }, all)
}

/// Another client requests [`ADDRESS`] while it is being given to client 1.
#[test]
fn a_request_waits_for_storage_and_goes_on_when_it_has_answered() {
    for answer in [Answer::Made, Answer::NotMade] {
        let mut parts = parts(&["10.0.0.0/24"], LIMITS);
        let (wakes, woken) = noted();
        let mut first = requested(&mut parts);
        let other = packet(
            MessageType::Request,
            2,
            RELAY,
            vec![DhcpOption::RequestedIpAddress(ADDRESS), DhcpOption::ServerIdentifier(SERVER)],
        );
        let pipeline = parts.shared.pipeline_with(&wakes);
        let mut second = pipeline.decide(&mut parts.runner, NOW, 0, received(&other, RELAY));
        assert_eq!(second.waits_as, Some(7));
        assert!(second.outgoing.is_none() && second.changes.is_empty());
        assert_eq!(woken.try_iter().count(), 0);
        pipeline.committed(&mut parts.runner, NOW, &mut first, &answer);
        assert_eq!(woken.try_iter().collect::<Vec<_>>(), [7]);
        pipeline.go_on(&mut parts.runner, NOW, &mut second);
        let expected = match answer {
            Answer::Made => Reason::NakOfferExpired,
            _ => Reason::AckSelecting,
        };
        assert_eq!((second.reason, second.waits_as), (expected, None));
    }
}

#[test]
fn the_same_request_again_ends_while_storage_has_not_answered() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let (wakes, _woken) = noted();
    let request = packet(
        MessageType::Request,
        1,
        RELAY,
        vec![DhcpOption::RequestedIpAddress(ADDRESS), DhcpOption::ServerIdentifier(SERVER)],
    );
    let mut ask = || {
        let pipeline = parts.shared.pipeline_with(&wakes);
        pipeline.decide(&mut parts.runner, NOW, 0, received(&request, RELAY))
    };
    assert_eq!(ask().reason, Reason::AckSelecting);
    let again = ask();
    assert_eq!((again.reason, again.waits_as), (Reason::ChangePending, None));
}

#[test]
fn a_request_that_waits_when_its_network_changes_goes_on_with_the_new_engine() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let (wakes, woken) = noted();
    let mut first = requested(&mut parts);
    let release = packet(MessageType::Discover, 1, RELAY, vec![]);
    let pipeline = parts.shared.pipeline_with(&wakes);
    let mut waiting = pipeline.decide(&mut parts.runner, NOW, 0, received(&release, RELAY));
    assert_eq!(waiting.waits_as, Some(7));
    let old = parts.shared.generation.load_full();
    old.shards.reconfigure(NOW, topology(&["10.0.0.0/23"]), 7, |shards| {
        let (chain, lookups) = (Arc::clone(&old.chain), old.lookups.clone());
        let next =
            Generation { number: 2, since: NOW, shards, lookups, chain, rolled_back_from: None };
        parts.shared.generation.store(Arc::new(next));
    });
    assert_eq!(woken.try_iter().collect::<Vec<_>>(), [7]);
    // The change that it waits for is still on its way.
    pipeline.go_on(&mut parts.runner, NOW, &mut waiting);
    assert_eq!(waiting.waits_as, Some(8));
    pipeline.committed(&mut parts.runner, NOW, &mut first, &Answer::Made);
    assert_eq!(woken.try_iter().collect::<Vec<_>>(), [8]);
    pipeline.go_on(&mut parts.runner, NOW, &mut waiting);
    assert_eq!(waiting.reason, Reason::OfferedCurrent);
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
        &Answer::NotMade
    ));
}
