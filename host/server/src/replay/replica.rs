//! A replica: a server's engines and policies in memory, without sockets, clock or storage.
//!
//! What is decided is decided by the same code as in the server ([`crate::exchange`]). Invariant:
//! the same inputs in the same order give the same decisions. So plugins get more time than their
//! deadlines say, none is suspended, and one that faulted is waited for.

use std::{
    collections::HashSet,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use lessor_core::{
    Answer, Lease, LookupAnswer, Network, OpenOffer, Preference, Reason, Request, Timestamp,
};
use lessor_policy_host::{Lookup, Runner};

use crate::{
    counters::Counters,
    exchange::{Pipeline, Reach},
    generation::{Generation, Parts, Refusal},
    net::Received,
    recording::{Datagram, Decided, NoRecords, Sequence},
    shards::Shards,
};

/// Hash tables have the same order in every replay.
const HASH_SEED: u64 = 7;
/// How many times its deadline a plugin may take: a busy machine must not change decisions.
const PATIENCE: u64 = 20;
/// How long a plugin that faulted is waited for.
const PREPARED_WITHIN: Duration = Duration::from_secs(10);
/// Deadlines looked at under one lock.
const RECLAIM_BATCH: usize = 256;

/// What a server has when a replay begins.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) now: Timestamp,
    pub(super) leases: Vec<Lease>,
    pub(super) offers: Vec<OpenOffer>,
    pub(super) no_records: Vec<NoRecords>,
    /// Free addresses that clients will be given: nobody else gets them if there are others.
    pub(super) spoken_for: Arc<HashSet<Ipv4Addr>>,
}

/// When something is decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// In server time.
    pub(super) at: Timestamp,
    /// How far the clock that policies see is ahead of that.
    pub(super) clock_offset_ms: i64,
}

/// A server in memory.
pub(super) struct Replica {
    generation: ArcSwap<Generation>,
    counters: Counters,
    sequence: Sequence,
    server_identifier: Option<Ipv4Addr>,
    runner: Runner,
    spoken_for: Arc<HashSet<Ipv4Addr>>,
    unanswered: u64,
}

/// What a replica made of a datagram.
pub(super) struct Outcome {
    /// What was asked; none if it could not be parsed.
    pub(super) request: Option<Arc<Request>>,
    pub(super) decided: Decided,
}

impl Replica {
    /// A server with this configuration and these policies.
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub(super) fn new(
        Parts { configuration, lookups, chain, .. }: &Parts,
        state: &State,
    ) -> Result<Self, Refusal> {
        let chain = chain.rehearsal(PATIENCE)?;
        let runner = chain.runner()?;
        let mut shards = Shards::new(configuration.topology.clone(), HASH_SEED);
        for lease in &state.leases {
            shards.restore(state.now, Arc::new(lease.clone()));
        }
        for offer in &state.offers {
            let offer = offer.clone();
            // Nobody else has these shards, so none is retired.
            let _ = shards.with_owner_of(offer.address, |engine| engine.restore_offer(offer));
        }
        let no_records = |network: &Network| {
            state.no_records.iter().find(|found| *found.network == *network.name)
        };
        shards.for_wanted(
            |network| no_records(network).is_some(),
            |engine| {
                if let Some(found) = no_records(engine.network()) {
                    engine.set_no_records_since(found.since_ms);
                }
            },
        );
        let shards = Arc::new(shards);
        // What is looked up comes from the recording.
        let lookups = lookups.muted();
        let generation = Generation {
            number: 1,
            since: state.now,
            shards,
            lookups,
            chain,
            rolled_back_from: None,
        };
        Ok(Self {
            generation: ArcSwap::from_pointee(generation),
            counters: Counters::new(),
            sequence: Sequence::running(),
            server_identifier: configuration.server.server_identifier,
            runner,
            spoken_for: Arc::clone(&state.spoken_for),
            unanswered: 0,
        })
    }

    /// Decides a datagram; `lookups` are what was looked up for it. Of the free addresses of a pool it
    /// chooses the one that `recorded` chose; and where the recorded server failed at something else
    /// than deciding, so does this one.
    pub(super) fn decide(
        &mut self,
        Moment { at, clock_offset_ms }: Moment,
        datagram: &Datagram,
        lookups: &[Lookup],
        recorded: Option<&Decided>,
    ) -> Outcome {
        let Self {
            generation,
            counters,
            sequence,
            server_identifier,
            runner,
            spoken_for,
            unanswered,
        } = self;
        let server_identifier = *server_identifier;
        // Which free address it is depends on all other leases: as recorded, if that can be.
        let address = recorded
            .filter(|recorded| is_of_many(recorded.reason))
            .and_then(|recorded| recorded.address);
        let is_spoken_for = |address: Ipv4Addr| spoken_for.contains(&address);
        let preference = Preference { address, spoken_for: Some(&is_spoken_for) };
        let pipeline = Pipeline {
            generation,
            counters,
            sequence,
            reach: &RecordedReach::of(recorded),
            observer: None,
            wakes: None,
            server_identifier,
            clock_offset_ms,
            preference,
        };
        let recorded = recorded.map(|recorded| recorded.reason);
        let received = Received {
            payload: &datagram.payload,
            is_cut: false,
            arrival: datagram.arrival.clone(),
            not_relayed: datagram.not_relayed,
            waited: Duration::ZERO,
        };
        let mut exchange = pipeline.decide(runner, at, 0, received);
        let planned = std::mem::take(&mut exchange.waits_for);
        match recorded {
            Some(reason @ (Reason::LookupPending | Reason::LookupQueueFull))
                if !planned.is_empty() =>
            {
                exchange.fail(reason, None);
            }
            _ if !planned.is_empty() => {
                let answers = generation.load().lookups.replay(planned, lookups);
                let is_missing = |answer: &&Lookup| {
                    let is_same =
                        |other: &Lookup| other.source == answer.source && other.key == answer.key;
                    matches!(answer.answer, LookupAnswer::Unavailable(_))
                        && !lookups.iter().any(is_same)
                };
                *unanswered += answers.iter().filter(is_missing).count() as u64;
                pipeline.looked_up(runner, at, &mut exchange, answers);
            }
            _ => {}
        }
        let failed = recorded.filter(|reason| {
            matches!(
                reason,
                Reason::StoreFailed
                    | Reason::StoreConflict
                    | Reason::StoreStalled
                    | Reason::QueueFull
            )
        });
        match failed {
            Some(reason) if !exchange.changes.is_empty() => {
                pipeline.abandon(at, &mut exchange, reason, None);
            }
            _ => {
                if !exchange.changes.is_empty() {
                    pipeline.committed(runner, at, &mut exchange, &Answer::Made);
                }
            }
        }
        let unsent = recorded
            .filter(|reason| matches!(reason, Reason::SendFailed | Reason::BroadcastDestination));
        if let Some(reason) = unsent.filter(|_| exchange.outgoing.is_some()) {
            exchange.fail_to_send(reason, None);
        }
        wait_until_prepared(runner);
        let decided = exchange.take_for_recording().map(|(_, decided)| decided);
        Outcome {
            decided: decided.unwrap_or_else(|| Decided::new(exchange.reason, None)),
            request: exchange.request().cloned(),
        }
    }

    /// How many lookups nobody could answer, because they were not recorded and no file has them.
    pub(super) const fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// Takes back what has ended in a network, as the recorded server did.
    pub(super) fn reclaim(&self, now: Timestamp, network: &str, limit: usize) {
        self.generation.load().shards.for_each(|engine| {
            if &*engine.network().name == network {
                engine.reclaim(now, limit);
            }
        });
    }

    /// Takes back whatever has ended.
    pub(super) fn reclaim_all(&self, now: Timestamp) {
        self.generation.load().shards.for_each(|engine| {
            while engine.next_deadline().is_some_and(|deadline| deadline <= now) {
                engine.reclaim(now, RECLAIM_BATCH);
            }
        });
    }
}

/// What the recorded server did not answer because of its own addresses, which a replay does not
/// know. It said so before it looked for a network.
struct RecordedReach(Option<Reason>);

impl RecordedReach {
    fn of(recorded: Option<&Decided>) -> Self {
        let refused = recorded.filter(|recorded| recorded.network.is_none());
        Self(
            refused.map(|recorded| recorded.reason).filter(|reason| {
                matches!(reason, Reason::OwnSocket | Reason::BroadcastDestination)
            }),
        )
    }
}

impl Reach for RecordedReach {
    fn refusal(&self, _: &Request) -> Option<(Reason, Option<String>)> {
        Some((self.0?, None))
    }
}

/// Whether the address is one of many that the client might have had as well.
const fn is_of_many(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::OfferedFromPool
            | Reason::OfferedQuarantined
            | Reason::OfferedContested
            | Reason::OfferedInsteadOfReserved
    )
}

fn wait_until_prepared(runner: &Runner) {
    let until = Instant::now() + PREPARED_WITHIN;
    while !runner.is_prepared() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}
