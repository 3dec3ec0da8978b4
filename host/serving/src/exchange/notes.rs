//! What the server notes about an exchange beside its stage: for events, recordings and shadows.
//!
//! Decides nothing. Invariant: what is noted when the engine decides is noted under its lock, so
//! that events and recordings have the order of the decisions.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use lessor_core::{Arrival, Decision, Engine, Reply, ReplyKind, Request, Timestamp};
use lessor_generation::{Generation, StandIn};
use lessor_policy_host::{EditOutcome, PolicyOutcome, Shadows, View};
use lessor_stages::Witness;

use super::Pipeline;
use crate::{
    counters::increment,
    observer::{Message, Observer},
    order::Turn,
};

/// What the server notes about an exchange.
#[derive(Debug)]
pub(crate) struct Notes {
    /// The position of the worker's endpoint that received it.
    pub(crate) endpoint: usize,
    /// When its client last sent it.
    pub(crate) since: Instant,
    /// The sender of the datagram.
    pub(super) source: SocketAddrV4,
    /// The interface that it arrived on, if it is known.
    pub(super) interface: Option<Arc<str>>,
    /// The address that the reply comes from.
    pub(super) server_address: Ipv4Addr,
    /// When it was decided; if storage reported a conflict since, when it was first decided.
    pub(super) decided_at: Timestamp,
    /// When it first waited for lookups, and how long it may wait for all of them.
    pub(crate) lookups: Option<LookupTime>,
    /// How often storage reported a conflict.
    pub(super) conflicts: u8,
    /// Its place in the order of events, once it is decided.
    pub(super) place: Option<Turn<Message>>,
    /// What the generation is that was asked, if it is not the configured one.
    pub(super) stand_in: Option<StandIn>,
    /// What only a recording needs; `None` if nothing is recorded.
    pub(super) kept: Option<Box<Kept>>,
    /// The shadow plugins that are asked the same after the exchange has ended.
    pub(super) shadows: Option<Arc<Shadows>>,
    /// The reply before it was edited, if the shadows need it.
    pub(super) unedited: Option<Reply>,
}

/// The time of an exchange for its lookups. Both rounds share it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LookupTime {
    since: Instant,
    longest: Duration,
}

impl LookupTime {
    /// Adds lookups whose answers take at most `deadline` to those that an exchange has waited for.
    /// Returns when it stops waiting; its first round ends by the deadlines of the sources.
    pub(crate) fn extend(of: &mut Option<Self>, now: Instant, deadline: Duration) -> Instant {
        let time = of.get_or_insert(Self { since: now, longest: deadline });
        time.longest = time.longest.max(deadline);
        time.since + time.longest
    }
}

/// The part of an exchange that only a recording needs.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The place of the decision in the order of decisions.
    pub(crate) sequence: u64,
    /// When it was decided.
    pub(crate) at: Timestamp,
    /// How far the clock that policies saw was ahead of that time.
    pub(crate) clock_offset_ms: i64,
    /// The number of the generation that decided it.
    pub(crate) generation: u64,
    /// How the datagram arrived, with the address that the reply comes from.
    pub(crate) arrival: Arrival,
    /// The datagram, if it could not be parsed.
    pub(crate) payload: Box<[u8]>,
    /// As [`lessor_net::Received::not_relayed`].
    pub(crate) not_relayed: bool,
    /// The reply as it was written.
    pub(crate) reply: Option<Reply>,
}

/// Notes what happens to an exchange, and counts what operators watch.
pub(super) struct Watching<'w, 's> {
    pub(super) notes: &'w mut Notes,
    pub(super) pipeline: &'w Pipeline<'s>,
    pub(super) generation: &'w Generation,
    pub(super) now: Timestamp,
}

impl Notes {
    pub(super) fn new(endpoint: usize, since: Instant, arrival: &Arrival) -> Self {
        Self {
            endpoint,
            since,
            source: arrival.source,
            interface: arrival.interface.clone(),
            server_address: arrival.server_address,
            decided_at: Timestamp::default(),
            lookups: None,
            conflicts: 0,
            place: None,
            stand_in: None,
            kept: None,
            shadows: None,
            unedited: None,
        }
    }

    /// Notes what a recording needs of an input that is decided now, if there is a recording.
    pub(super) fn record(
        &mut self,
        pipeline: &Pipeline<'_>,
        at: Timestamp,
        generation: u64,
        arrival: &Arrival,
        payload: &[u8],
        not_relayed: bool,
    ) {
        let kept = |sequence| Kept {
            sequence,
            at,
            clock_offset_ms: pipeline.clock_offset_ms,
            generation,
            arrival: arrival.clone(),
            payload: payload.into(),
            not_relayed,
            reply: None,
        };
        self.kept = pipeline.sequence.take().map(|sequence| Box::new(kept(sequence)));
    }

    /// Keeps the exchange out of a recording, because a replay, in which storage answers at once,
    /// would decide it.
    pub(super) fn forget_recording(&mut self) {
        self.kept = None;
    }
}

impl Witness for Watching<'_, '_> {
    fn wants_binding(&self) -> bool {
        self.notes.kept.is_some()
    }

    fn parsed(&mut self, request: &Arc<Request>, reply_source: Ipv4Addr) {
        self.notes.server_address = reply_source;
        if let Some(kept) = &mut self.notes.kept {
            kept.arrival.server_address = reply_source;
        }
        if request.options.is_cut_short() {
            increment(&self.pipeline.counters.messages_cut_short);
        }
    }

    fn asked(&mut self, view: &View, _: &PolicyOutcome) {
        self.notes.stand_in = self.generation.stand_in;
        self.notes.shadows = self.generation.chain.shadows_of(view.request.kind).cloned();
    }

    fn ruled(&mut self, engine: &mut Engine, request: &Request, decision: &Decision) {
        let (number, begun) = (self.generation.number, self.notes.kept.take());
        let arrival = begun.as_ref().map_or(&request.arrival, |kept| &kept.arrival);
        self.notes.record(self.pipeline, self.now, number, arrival, &[], false);
        let observer = self.pipeline.observer;
        let place = |observer: &Observer| observer.decided(engine, request, decision);
        self.notes.place = observer.and_then(place);
    }

    fn undecided(&mut self) {
        self.notes.forget_recording();
    }

    fn decided(&mut self, view: &View, decision: &Decision, detail: Option<&str>) {
        if self.notes.conflicts == 0 {
            self.notes.decided_at = self.now;
        }
        if let (Some(_), Some(seen)) = (&decision.seen_elsewhere, detail)
            && let Some(count) = self.pipeline.counters.keys_seen_elsewhere.note()
        {
            let network = &*view.network.name;
            tracing::warn!(network, count, "{seen}; this line stands for {count} such messages");
        }
        let are_wanted = self.notes.shadows.as_ref().is_some_and(|shadows| shadows.want_replies());
        let shown = decision.reply.as_ref().filter(|reply| reply.kind != ReplyKind::Nak);
        self.notes.unedited = shown.filter(|_| are_wanted).cloned();
    }

    fn edited(&mut self, _: &View, reply: &Reply, outcome: &EditOutcome) {
        if outcome.dropped.is_some() {
            self.notes.unedited = None;
        }
        if let Some(kept) = &mut self.notes.kept {
            kept.reply = Some(reply.clone());
        }
    }

    fn written(&mut self, _: &Reply, _: &[u8], written: &lessor_wire::LeftOut) {
        let counters = self.pipeline.counters;
        counters.options_left_out.fetch_add(written.left_out.len() as u64, Ordering::Relaxed);
        if written.relay_information_left_out {
            increment(&counters.relay_information_left_out);
        }
    }
}
