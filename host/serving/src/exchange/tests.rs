use std::{cell::Cell, sync::mpsc};

use lessor_core::{BindingState, Reason, StorageAnswer};
use lessor_load::dhcproto::v4::{DhcpOption, MessageType};
use lessor_store::CommitterLimits;

use super::{settling::CONFLICTS_MAX, *};
use crate::testing::{NOW, SERVER, TestParts, packet, parts, received, topology};

const RELAY: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 200);
const ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 1);
const LIMITS: CommitterLimits = CommitterLimits { waiting_changes: 100, batch_changes: 100 };

/// A REQUEST of client 1 for [`ADDRESS`], decided.
fn requested(parts: &mut TestParts) -> Exchange<Written> {
    let request = packet(
        MessageType::Request,
        1,
        RELAY,
        vec![DhcpOption::RequestedIpAddress(ADDRESS), DhcpOption::ServerIdentifier(SERVER)],
    );
    let pipeline = parts.shared.pipeline();
    to_commit(decide(&pipeline, &mut parts.held, received(&request, RELAY)))
}

fn decide(pipeline: &Pipeline<'_>, held: &mut Held, received: Received<'_>) -> Next {
    pipeline.decide(held, NOW, 0, Instant::now(), received)
}

#[track_caller]
fn to_commit(next: Next) -> Exchange<Written> {
    let Next::Commit(exchange) = next else { panic!("nothing to commit: {next:?}") };
    exchange
}

#[track_caller]
fn finished(next: Next) -> Finished {
    let Next::End(finished) = next else { panic!("it goes on: {next:?}") };
    finished
}

#[track_caller]
fn waiting(next: Next) -> (u64, Exchange<Asked>) {
    let Next::Wait(number, exchange) = next else { panic!("it does not wait: {next:?}") };
    (number, exchange)
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
        let exchange = finished(decide(&parts.shared.pipeline(), &mut parts.held, received));
        assert_eq!(exchange.reason, reason);
        assert!(exchange.outgoing.is_none() && exchange.changes.is_empty());
        parts.shared.finish(exchange);
        assert!(parts.shared.counters.reasons().contains(&(reason, 1)));
    }
}

#[test]
fn a_reply_waits_for_every_change() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let exchange = requested(&mut parts);
    assert_eq!(exchange.stage.decided().reason(), Reason::AckSelecting);
    assert_eq!(exchange.stage.changes().len(), 1);
    let pipeline = parts.shared.pipeline();
    let next = pipeline.committed(&mut parts.held, NOW, exchange, &StorageAnswer::Made);
    assert!(finished(next).outgoing.is_some());
}

#[test]
fn what_storage_cannot_write_is_not_acknowledged_and_is_taken_back() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let exchange = requested(&mut parts);
    let pipeline = parts.shared.pipeline();
    let next = pipeline.committed(&mut parts.held, NOW, exchange, &StorageAnswer::NotMade);
    let exchange = finished(next);
    assert_eq!(exchange.reason, Reason::StoreFailed);
    assert!(exchange.outgoing.is_none());
    let engines = parts.shared.engines.load();
    let known = engines.with_owner_of(None, ADDRESS, |engine| engine.binding_at(ADDRESS));
    assert_eq!(known, Ok(Some(None)));
}

#[test]
fn a_request_that_another_server_was_faster_with_is_decided_again() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let exchange = requested(&mut parts);
    let mut other = lessor_core::Binding::clone(&exchange.stage.changes()[0].binding);
    other.client = lessor_core::ClientKey::Identifier(Box::from(*b"another"));
    assert_eq!(other.state, BindingState::Leased);
    let conflict = StorageAnswer::Conflict([Some(Arc::new(other))].into_iter().collect());
    let pipeline = parts.shared.pipeline();
    let exchange = finished(pipeline.committed(&mut parts.held, NOW, exchange, &conflict));
    assert_eq!(exchange.reason.outcome(), lessor_core::Outcome::Nak);
    assert!(exchange.outgoing.is_some());
}

#[test]
fn a_request_that_storage_contradicts_too_often_is_given_up() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let mut exchange = requested(&mut parts);
    let conflict = StorageAnswer::Conflict([None].into_iter().collect());
    let mut tries = 0;
    let exchange = loop {
        match parts.shared.pipeline().committed(&mut parts.held, NOW, exchange, &conflict) {
            Next::Commit(again) => exchange = again,
            next => break finished(next),
        }
        tries += 1;
        assert!(tries <= CONFLICTS_MAX, "decided again without end");
    };
    assert_eq!(tries, CONFLICTS_MAX);
    assert_eq!(exchange.reason, Reason::StoreConflict);
    assert!(exchange.outgoing.is_none());
}

#[test]
fn a_request_is_not_decided_again_once_its_client_has_gone_on() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let exchange = requested(&mut parts);
    let conflict = StorageAnswer::Conflict([None].into_iter().collect());
    let pipeline = parts.shared.pipeline();
    let soon = NOW.moved_by_ms(3_000);
    let exchange = to_commit(pipeline.committed(&mut parts.held, soon, exchange, &conflict));
    let late = NOW.moved_by_ms(5_000);
    let exchange = finished(pipeline.committed(&mut parts.held, late, exchange, &conflict));
    assert_eq!(exchange.reason, Reason::TooOld);
    assert!(exchange.outgoing.is_none());
}

#[test]
fn a_lease_that_was_changed_meanwhile_is_not_given_back_again() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let granted = requested(&mut parts);
    let pipeline = parts.shared.pipeline();
    let granted = finished(pipeline.committed(&mut parts.held, NOW, granted, &StorageAnswer::Made));
    let options = vec![DhcpOption::RequestedIpAddress(ADDRESS)];
    let decline = packet(MessageType::Decline, 1, RELAY, options);
    let exchange = to_commit(decide(&pipeline, &mut parts.held, received(&decline, RELAY)));
    assert_eq!(exchange.stage.decided().reason(), Reason::QuarantinedDeclined);
    let mut renewed = lessor_core::Binding::clone(&granted.changes[0].binding);
    renewed.revision += 1;
    let conflict = StorageAnswer::Conflict([Some(Arc::new(renewed))].into_iter().collect());
    let exchange = finished(pipeline.committed(&mut parts.held, NOW, exchange, &conflict));
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
    for answer in [StorageAnswer::Made, StorageAnswer::NotMade] {
        let mut parts = parts(&["10.0.0.0/24"], LIMITS);
        let (wakes, woken) = noted();
        let first = requested(&mut parts);
        let other = packet(
            MessageType::Request,
            2,
            RELAY,
            vec![DhcpOption::RequestedIpAddress(ADDRESS), DhcpOption::ServerIdentifier(SERVER)],
        );
        let pipeline = parts.shared.pipeline_with(&wakes);
        let next = decide(&pipeline, &mut parts.held, received(&other, RELAY));
        let (number, second) = waiting(next);
        assert_eq!(number, 7);
        assert_eq!(woken.try_iter().count(), 0);
        pipeline.committed(&mut parts.held, NOW, first, &answer);
        assert_eq!(woken.try_iter().collect::<Vec<_>>(), [7]);
        let reason = match pipeline.go_on(&mut parts.held, NOW, second) {
            Next::Commit(exchange) => exchange.stage.decided().reason(),
            next => finished(next).reason,
        };
        let expected = match answer {
            StorageAnswer::Made => Reason::NakOfferExpired,
            _ => Reason::AckSelecting,
        };
        assert_eq!(reason, expected);
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
    let pipeline = parts.shared.pipeline_with(&wakes);
    let mut ask = || decide(&pipeline, &mut parts.held, received(&request, RELAY));
    assert_eq!(to_commit(ask()).stage.decided().reason(), Reason::AckSelecting);
    assert_eq!(finished(ask()).reason, Reason::ChangePending);
}

#[test]
fn a_request_that_waits_when_its_network_changes_goes_on_with_the_new_engine() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let (wakes, woken) = noted();
    let first = requested(&mut parts);
    let release = packet(MessageType::Discover, 1, RELAY, vec![]);
    let pipeline = parts.shared.pipeline_with(&wakes);
    let next = decide(&pipeline, &mut parts.held, received(&release, RELAY));
    let (number, exchange) = waiting(next);
    assert_eq!(number, 7);
    let engines = &parts.shared.engines;
    engines.load_full().reconfigure(NOW, topology(&["10.0.0.0/23"]), 7, |shards| {
        engines.store(shards);
    });
    assert_eq!(woken.try_iter().collect::<Vec<_>>(), [7]);
    // The change that it waits for is still on its way.
    let (number, exchange) = waiting(pipeline.go_on(&mut parts.held, NOW, exchange));
    assert_eq!(number, 8);
    pipeline.committed(&mut parts.held, NOW, first, &StorageAnswer::Made);
    assert_eq!(woken.try_iter().collect::<Vec<_>>(), [8]);
    let exchange = finished(pipeline.go_on(&mut parts.held, NOW, exchange));
    assert_eq!(exchange.reason, Reason::OfferedCurrent);
}

#[test]
fn a_request_that_meets_a_retired_shard_is_decided_by_its_successor() {
    let mut parts = parts(&["10.0.0.0/24"], LIMITS);
    let engines = &parts.shared.engines;
    engines.load_full().reconfigure(NOW, topology(&["10.0.0.0/23"]), 7, |shards| {
        engines.store(shards);
    });
    let exchange = requested(&mut parts);
    assert_eq!(exchange.stage.decided().reason(), Reason::AckSelecting);
    let pipeline = parts.shared.pipeline();
    finished(pipeline.committed(&mut parts.held, NOW, exchange, &StorageAnswer::NotMade));
}
