//! What all threads of a server share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use lessor_generation::Generation;
use lessor_net::OwnSockets;
use lessor_store::Committer;

use crate::{
    alarms, clock,
    counters::Counters,
    exchange::{Finished, Pipeline, Wakes},
    heard::Heard,
    hosts::Hosts,
    observer::Observer,
    probes::Probes,
    recorder::Recorder,
    shards::Shards,
};

/// What all threads share.
pub(crate) struct Shared {
    /// The newest generation. A worker holds the one whose policies it has.
    pub(crate) generation: ArcSwap<Generation>,
    /// The newest engines.
    pub(crate) engines: Arc<ArcSwap<Shards>>,
    pub(crate) committer: Committer,
    pub(crate) counters: Arc<Counters>,
    pub(crate) observer: Observer,
    pub(crate) recorder: Recorder,
    pub(crate) own_sockets: OwnSockets,
    pub(crate) heard: Heard,
    pub(crate) hosts: Hosts,
    pub(crate) probes: Probes,
}

impl Shared {
    /// Returns a pipeline in which nothing waits for storage.
    pub(crate) fn pipeline(&self) -> Pipeline<'_> {
        let Self { counters, recorder, own_sockets, observer, probes, .. } = self;
        Pipeline {
            counters,
            sequence: recorder.sequence(),
            reach: own_sockets,
            observer: Some(observer),
            clock_offset_ms: clock::offset_ms(),
            preference: None,
            recorded_pools: &[],
            probes: Some(probes),
            wakes: None,
        }
    }

    /// Returns a pipeline that notifies exchanges which wait for storage through `wakes`.
    pub(crate) fn pipeline_with<'s>(&'s self, wakes: &'s dyn Wakes) -> Pipeline<'s> {
        Pipeline { wakes: Some(wakes), ..self.pipeline() }
    }

    /// Counts an exchange and passes it to shadows and observers.
    pub(crate) fn finish(&self, mut exchange: Finished) {
        self.counters.count(exchange.reason);
        if let Some(request) = exchange.request() {
            self.counters.classes.count(request, exchange.reason);
            self.heard.note(request);
        }
        alarms::declined(exchange.reason, &exchange.changes);
        self.hosts.note(&exchange.changes);
        if let Some(input) = exchange.take_for_recording() {
            self.recorder.input(input);
        }
        exchange.offer_to_shadows();
        if self.observer.wants(exchange.reason, &exchange.changes) {
            let (event, place) = exchange.into_event();
            self.observer.input(event, place);
        }
    }
}
