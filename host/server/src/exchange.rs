//! Exchanges: one input on its way from the datagram to its one reason.
//!
//! Here the layers meet, in the order of docs/architecture.md, "Life of a DISCOVER": parse, locate,
//! ask the policies, decide, edit, write. What waits (sockets, storage) is the worker's business.

use std::sync::{Arc, atomic::Ordering};

use arc_swap::ArcSwap;
use lessor_core::{
    Arrival, Change, Committed, Decision, Lease, Location, Network, OptionValue, Reason, Reply,
    Request, RequestKind, Terms, Timestamp, option::code,
};
use lessor_policy_host::{Runner, TraceEntry, View};
use lessor_store::Committer;
use smallvec::SmallVec;

use crate::{
    counters::{Counters, increment},
    generation::Generation,
    net::{Outgoing, Received},
    observer::{Event, Observer},
    shards::{Retired, Shards},
};

/// How often a request is decided anew because storage knew better; then it is dropped.
const CONFLICTS_MAX: u8 = 3;

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) generation: ArcSwap<Generation>,
    pub(crate) committer: Committer,
    pub(crate) counters: Arc<Counters>,
    pub(crate) observer: Observer,
    /// Option 54 of every reply, if configured; otherwise the address of arrival.
    pub(crate) server_identifier: Option<std::net::Ipv4Addr>,
}

/// An input that was decided.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Which of the worker's endpoints it came in on.
    pub(crate) endpoint: usize,
    pub(crate) reason: Reason,
    /// What must be durable before the reply leaves.
    pub(crate) changes: SmallVec<[Change; 1]>,
    /// The reply, ready to be sent.
    pub(crate) outgoing: Option<Outgoing>,
    detail: Option<String>,
    arrival: Arrival,
    asked: Option<Asked>,
    conflicts: u8,
}

/// What was asked, and on which terms it is decided.
#[derive(Debug)]
struct Asked {
    request: Arc<Request>,
    network: Arc<Network>,
    terms: Terms,
    trace: Vec<TraceEntry>,
    address: Option<std::net::Ipv4Addr>,
    lease_time_secs: Option<u32>,
}

impl Exchange {
    fn ended(endpoint: usize, arrival: Arrival, reason: Reason, detail: Option<String>) -> Self {
        Self {
            endpoint,
            reason,
            changes: SmallVec::new(),
            outgoing: None,
            detail,
            arrival,
            asked: None,
            conflicts: 0,
        }
    }

    /// Gives the reply up, for `reason`.
    pub(crate) fn fail(&mut self, reason: Reason, detail: Option<String>) {
        self.outgoing = None;
        self.reason = reason;
        self.detail = detail;
    }
}

impl Shared {
    /// Decides one datagram.
    pub(crate) fn decide(
        &self,
        generation: &Generation,
        runner: &mut Runner,
        now: Timestamp,
        endpoint: usize,
        received: Received<'_>,
    ) -> Exchange {
        let Received { payload, arrival, not_relayed } = received;
        if not_relayed {
            return Exchange::ended(endpoint, arrival, Reason::NotRelayed, None);
        }
        let mut seen_arrival = arrival.clone();
        if let Some(identifier) = self.server_identifier {
            seen_arrival.server_address = identifier;
        }
        let request = match lessor_wire::parse(payload, seen_arrival) {
            Ok(request) => Arc::new(request),
            Err(malformed) => {
                let detail = Some(malformed.to_string());
                return Exchange::ended(endpoint, arrival, malformed.reason, detail);
            }
        };
        let shards = &generation.shards;
        let located = shards.locate(&request);
        let Some((location, network)) = located
            .and_then(|location| Some((location, Arc::clone(shards.network(location.network)?))))
        else {
            return Exchange {
                asked: None,
                ..Exchange::ended(
                    endpoint,
                    arrival,
                    Reason::UnknownSubnet,
                    unknown_subnet(&request),
                )
            };
        };
        let view = View {
            now,
            lease: self.lease_for_policy(generation, location, &request),
            request: Arc::clone(&request),
            network: Arc::clone(&network),
            subnet: location.subnet,
        };
        let (terms, trace) = if generation.chain.has_hook_for(request.kind) {
            let outcome = runner.terms(&view);
            (outcome.terms, outcome.trace)
        } else {
            (Terms::default(), Vec::new())
        };
        let mut exchange = Exchange {
            asked: Some(Asked {
                request,
                network,
                terms,
                trace,
                address: None,
                lease_time_secs: None,
            }),
            ..Exchange::ended(endpoint, arrival, Reason::UnknownSubnet, None)
        };
        self.decide_under_terms(shards, Some((runner, &view)), now, &mut exchange);
        exchange
    }

    /// Hears from storage. Says whether the exchange is finished; if not, it was decided anew and
    /// its new changes must be committed.
    pub(crate) fn committed(
        &self,
        now: Timestamp,
        exchange: &mut Exchange,
        results: &[Committed],
    ) -> bool {
        let changes = std::mem::take(&mut exchange.changes);
        let mut conflict = false;
        for (change, result) in changes.iter().zip(results) {
            match result {
                Committed::Durable => {}
                Committed::Conflict(_) => conflict = true,
                Committed::Failed => exchange.fail(Reason::StoreFailed, None),
            }
            self.settle(now, change, result);
        }
        if exchange.reason == Reason::StoreFailed || !conflict {
            exchange.changes = changes;
            return true;
        }
        exchange.conflicts += 1;
        if exchange.conflicts > CONFLICTS_MAX {
            exchange.fail(Reason::StoreConflict, None);
            return true;
        }
        let generation = self.generation.load_full();
        self.decide_under_terms(&generation.shards, None, now, exchange);
        exchange.changes.is_empty()
    }

    /// Takes back what the engine assumed of an exchange whose changes never reached storage.
    pub(crate) fn abandon(
        &self,
        now: Timestamp,
        exchange: &mut Exchange,
        reason: Reason,
        detail: Option<String>,
    ) {
        for change in &std::mem::take(&mut exchange.changes) {
            self.settle(now, change, &Committed::Failed);
        }
        exchange.fail(reason, detail);
    }

    /// Counts the exchange and tells the observers of it.
    pub(crate) fn finish(&self, exchange: Exchange) {
        self.counters.count(exchange.reason);
        if !self.observer.is_wanted() {
            return;
        }
        let mut event = Event {
            reason: exchange.reason,
            detail: exchange.detail,
            source: exchange.arrival.source,
            request: None,
            network: None,
            address: None,
            lease_time_secs: None,
            trace: Vec::new(),
            changes: exchange.changes,
        };
        if let Some(asked) = exchange.asked {
            event.request = Some(asked.request);
            event.network = Some(Arc::clone(&asked.network.name));
            event.address = asked.address;
            event.lease_time_secs = asked.lease_time_secs;
            event.trace = asked.trace;
        }
        self.observer.input(event);
    }

    /// The client's lease record, for policies to see; not looked up if none will look.
    fn lease_for_policy(
        &self,
        generation: &Generation,
        location: Location,
        request: &Request,
    ) -> Option<Arc<Lease>> {
        let chain = &generation.chain;
        if !chain.has_hook_for(request.kind) && !chain.wants_options() {
            return None;
        }
        let key = request.client_key();
        let found = generation
            .shards
            .with_engine(location.network, |engine| engine.lease_of(&key).cloned());
        found.unwrap_or_default()
    }

    /// The engine's part. A shard that was retired meanwhile has a successor in the newest
    /// generation; the terms, which the older generation's policies set, still hold for this one
    /// request.
    fn decide_under_terms(
        &self,
        shards: &Shards,
        policies: Option<(&mut Runner, &View)>,
        now: Timestamp,
        exchange: &mut Exchange,
    ) {
        let Some(asked) = &mut exchange.asked else { return };
        let mut decided = decide_in(shards, now, asked);
        if decided == Some(Err(Retired)) {
            decided = decide_in(&self.generation.load().shards, now, asked);
        }
        let Some(Ok(decision)) = decided else {
            let detail = unknown_subnet(&asked.request);
            exchange.fail(Reason::UnknownSubnet, detail);
            return;
        };
        exchange.reason = decision.reason;
        exchange.changes = decision.changes;
        exchange.outgoing = None;
        let Some(mut reply) = decision.reply else {
            asked.address = exchange.changes.first().map(|change| change.lease.address);
            return;
        };
        if let Some((runner, view)) = policies {
            let edited = runner.edit_reply(view, &mut reply, lessor_wire::encode_value);
            asked.trace.extend(edited.trace);
            if edited.dropped.is_some() {
                self.abandon(now, exchange, Reason::PolicyFailed, edited.dropped);
                return;
            }
        }
        asked.note(&reply);
        self.write(exchange, &reply, now);
    }

    fn write(&self, exchange: &mut Exchange, reply: &Reply, now: Timestamp) {
        let Some(asked) = &exchange.asked else { return };
        let mut packet = Vec::with_capacity(600);
        match lessor_wire::write(&asked.request, reply, &mut packet) {
            Ok(written) => {
                let left_out = written.left_out.len() as u64;
                self.counters.options_left_out.fetch_add(left_out, Ordering::Relaxed);
                if written.relay_information_left_out {
                    increment(&self.counters.relay_information_left_out);
                }
                exchange.outgoing = Some(Outgoing {
                    packet,
                    destination: reply.destination,
                    server_address: exchange.arrival.server_address,
                });
            }
            Err(unwritable) => {
                let detail = Some(unwritable.to_string());
                self.abandon(now, exchange, Reason::ReplyUnwritable, detail);
            }
        }
    }

    /// The engine that owns the address hears what became of its change; it may have been
    /// succeeded meanwhile, once for each reload.
    fn settle(&self, now: Timestamp, change: &Change, result: &Committed) {
        loop {
            let generation = self.generation.load();
            let settled = generation
                .shards
                .with_owner_of(change.lease.address, |engine| engine.settle(now, change, result));
            if settled.is_ok() {
                return;
            }
        }
    }
}

impl Asked {
    /// Keeps what the journal says of the reply.
    fn note(&mut self, reply: &Reply) {
        self.address = [reply.your_address, reply.client_address]
            .into_iter()
            .find(|address| !address.is_unspecified())
            .or(match self.request.kind {
                RequestKind::Request => self.request.requested_address,
                _ => None,
            });
        self.lease_time_secs = reply.options.iter().find_map(|(option, value)| match &**value {
            OptionValue::U32(secs) if *option == code::LEASE_TIME => Some(*secs),
            _ => None,
        });
    }
}

/// Has the request's engine decide; nothing if no network spans it.
fn decide_in(shards: &Shards, now: Timestamp, asked: &Asked) -> Option<Result<Decision, Retired>> {
    let location = shards.locate(&asked.request)?;
    Some(shards.with_engine(location.network, |engine| {
        engine.decide(now, location.subnet, &asked.request, &asked.terms)
    }))
}

fn unknown_subnet(request: &Request) -> Option<String> {
    let asked_from = match (request.is_relayed(), request.arrival.link_address) {
        (true, _) => format!("relay address {}", request.relay_address),
        (false, Some(address)) => format!("interface address {address}"),
        (false, None) => format!("client address {}", request.client_address),
    };
    Some(format!("no subnet for {asked_from}; add a [[subnet]] that spans it"))
}

#[cfg(test)]
mod tests;
