//! A replica: a server's engines and policies in memory, without sockets, clock or storage.
//!
//! The decisions are made by the same code as in the server (`exchange`). Invariant: the
//! same inputs in the same order give the same decisions. So plugins have more time than their
//! deadlines allow, none is suspended, and a plugin that faulted is waited for.

use std::{
    collections::HashSet,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use lessor_core::{
    AttemptByHand, Binding, ChangeByHand, Engine, LookupAnswer, Network, OpenOffer, PoolUsage,
    Preference, ProbeResult, Reason, Request, StorageAnswer, Timestamp,
};
use lessor_generation::{ConfigurationRefused, Generation, GenerationParts};
use lessor_net::Received;
use lessor_policy_host::{AnsweredLookup, Runner};
use lessor_recording::{Datagram, NoRecords, RecordedDecision};
use lessor_stages::{Moment, Planned};

use crate::{
    counters::Counters,
    exchange::{Exchange, Next, Pipeline, Reach},
    held::{Engines, Held},
    recorder::Sequence,
    shards::Shards,
};

/// The seed of hash tables, so that they have the same order in every replay.
const HASH_SEED: u64 = 7;
/// The factor by which plugins may exceed their deadlines: a busy machine must not change
/// decisions.
const PATIENCE: u64 = 20;
/// How long a plugin that faulted is waited for.
const PREPARED_WITHIN: Duration = Duration::from_secs(10);
/// The number of deadlines that are considered under one lock.
const RECLAIM_BATCH: usize = 256;

/// The state of a server when a replay begins.
#[derive(Clone, Debug, Default)]
pub struct InitialState {
    /// The time, in server time.
    pub now: Timestamp,
    /// The bindings on record.
    pub bindings: Vec<Binding>,
    /// The offers that are open.
    pub offers: Vec<OpenOffer>,
    /// The networks for which there were no records when they were put into service.
    pub no_records: Vec<NoRecords>,
    /// The free addresses that clients will be given: other clients receive them only if no other
    /// is free.
    pub spoken_for: Arc<HashSet<Ipv4Addr>>,
}

/// A server in memory.
pub struct Replica {
    held: Held,
    counters: Counters,
    sequence: Sequence,
    spoken_for: Arc<HashSet<Ipv4Addr>>,
    unanswered: u64,
}

/// The outcome of a datagram in a replica.
pub struct Replayed {
    /// The request; `None` if it could not be parsed.
    pub request: Option<Arc<Request>>,
    /// What was decided.
    pub decided: RecordedDecision,
}

impl Replica {
    /// Creates a server with this configuration and these policies.
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub fn new(
        GenerationParts { configuration, lookups, chain, .. }: &GenerationParts,
        state: &InitialState,
    ) -> Result<Self, ConfigurationRefused> {
        let chain = chain.rehearsal(PATIENCE)?;
        let runner = chain.runner()?;
        let mut shards = Shards::new(configuration.topology.clone(), HASH_SEED);
        for binding in &state.bindings {
            shards.restore(state.now, Arc::new(binding.clone()));
        }
        for offer in &state.offers {
            let offer = offer.clone();
            // No other thread has these shards, so none is retired.
            let (vpn, address) = (offer.vpn.clone(), offer.address);
            let restore = |engine: &mut Engine| engine.restore_offer(offer);
            let _ = shards.with_owner_of(vpn.as_ref(), address, restore);
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
        // The results of lookups come from the recording.
        let lookups = lookups.muted();
        let generation = Generation {
            number: 1,
            since: state.now,
            lookups,
            chain,
            rolled_back_from: None,
            stand_in: None,
        };
        let engines = Engines::of(&Arc::new(ArcSwap::from_pointee(shards)));
        Ok(Self {
            held: Held { generation: Arc::new(generation), runner, engines },
            counters: Counters::new(),
            sequence: Sequence::running(),
            spoken_for: Arc::clone(&state.spoken_for),
            unanswered: 0,
        })
    }

    /// Decides a datagram; `lookups` are the recorded results of its lookups, and `pools` is how
    /// full the pools were. Of the free addresses of a pool, the replica chooses the one that
    /// `recorded` chose. Where the recorded server failed for another reason than its decision, the
    /// replica fails, too.
    pub fn decide(
        &mut self,
        Moment { at, clock_offset_ms }: Moment,
        datagram: &Datagram,
        pools: &[PoolUsage],
        lookups: &[AnsweredLookup],
        recorded: Option<&RecordedDecision>,
    ) -> Replayed {
        let Self { held, counters, sequence, spoken_for, unanswered } = self;
        // The choice among free addresses depends on all other leases, so it follows the recording
        // if possible.
        let address = recorded
            .filter(|recorded| is_of_many(recorded.reason))
            .and_then(|recorded| recorded.address);
        let is_spoken_for = |address: Ipv4Addr| spoken_for.contains(&address);
        let preference = Preference { address, spoken_for: Some(&is_spoken_for) };
        let pipeline = Pipeline {
            counters,
            sequence,
            reach: &RecordedReach::of(recorded),
            observer: None,
            probes: None,
            wakes: None,
            clock_offset_ms,
            preference: Some(preference),
            recorded_pools: pools,
        };
        let recorded = recorded.map(|recorded| recorded.reason);
        let received = Received {
            payload: &datagram.payload,
            is_cut: false,
            arrival: datagram.arrival.clone(),
            not_relayed: datagram.not_relayed,
            waited: Duration::ZERO,
        };
        let mut next = pipeline.decide(held, at, 0, Instant::now(), received);
        let mut finished = loop {
            next = match next {
                Next::LookUp(exchange) => match recorded {
                    Some(reason @ (Reason::LookupPending | Reason::LookupQueueFull)) => {
                        Next::End(exchange.end(reason))
                    }
                    _ => {
                        let (exchange, answers) = answered(exchange, held, lookups, unanswered);
                        pipeline.looked_up(held, at, exchange, answers)
                    }
                },
                Next::Commit(exchange) => match recorded.filter(|reason| is_of_storage(*reason)) {
                    Some(reason) => Next::End(pipeline.abandon(held, at, exchange, reason)),
                    None => pipeline.committed(held, at, exchange, &StorageAnswer::Made),
                },
                // Storage has answered everything before.
                Next::Wait(_, exchange) => Next::End(exchange.end_undecided(Reason::ChangePending)),
                Next::End(finished) => break finished,
            }
        };
        let unsent = recorded
            .filter(|reason| matches!(reason, Reason::SendFailed | Reason::BroadcastDestination));
        if let Some(reason) = unsent.filter(|_| finished.outgoing.is_some()) {
            finished.fail_to_send(reason, None);
        }
        wait_until_prepared(&held.runner);
        let decided = finished.take_decided().map(|(_, decided)| decided);
        Replayed {
            decided: decided.unwrap_or_else(|| RecordedDecision::new(finished.reason, None)),
            request: finished.request().cloned(),
        }
    }

    /// Returns how many lookups had no answer, because they were not recorded and are in no file.
    pub const fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// Makes a change by hand, as the recorded server did. Storage answers at once.
    pub fn change_by_hand(&self, now: Timestamp, network: &str, change: &ChangeByHand) {
        self.of_network(network, |engine| {
            if let AttemptByHand::Decided(changes) = engine.change_by_hand(now, change) {
                engine.settle(now, &changes, &StorageAnswer::Made);
            }
        });
    }

    /// Drains these pools of a network, and no others.
    pub fn drain(&self, network: &str, pools: &[String]) {
        let names = || pools.iter().map(|name| Arc::from(name.as_str()));
        self.of_network(network, |engine| engine.set_drained(names()));
    }

    /// Calls `work` with the engine of a network, which is made if necessary.
    fn of_network(&self, network: &str, work: impl FnMut(&mut Engine)) {
        self.held.engines.shards().for_wanted(|found| *found.name == *network, work);
    }

    /// Reclaims what has ended in a network, as the recorded server did.
    pub fn reclaim(&self, now: Timestamp, network: &str, limit: usize) {
        self.held.engines.shards().for_each(|engine| {
            if &*engine.network().name == network {
                engine.reclaim(now, limit);
            }
        });
    }

    /// Takes the result of a probe, as the recorded server did.
    pub fn probed(&self, now: Timestamp, network: &str, address: Ipv4Addr, result: ProbeResult) {
        self.held.engines.shards().for_each(|engine| {
            if &*engine.network().name == network
                && let Some(change) = engine.probed(now, address, result)
            {
                engine.settle(now, &[change], &StorageAnswer::Made);
            }
        });
    }

    /// Reclaims everything that has ended.
    pub fn reclaim_all(&self, now: Timestamp) {
        self.held.engines.shards().for_each(|engine| {
            while engine.next_deadline().is_some_and(|deadline| deadline <= now) {
                engine.reclaim(now, RECLAIM_BATCH);
            }
        });
    }
}

/// Returns an exchange with the recorded answers to its lookups, and counts those that were neither
/// recorded nor are in a file.
fn answered(
    mut exchange: Exchange<Planned>,
    held: &Held,
    recorded: &[AnsweredLookup],
    unanswered: &mut u64,
) -> (Exchange<Planned>, Vec<AnsweredLookup>) {
    let planned = exchange.stage.take_unanswered();
    let answers = held.generation.lookups.replay(planned, recorded);
    let is_missing = |answer: &&AnsweredLookup| {
        let is_same =
            |other: &AnsweredLookup| other.source == answer.source && other.key == answer.key;
        matches!(answer.answer, LookupAnswer::Unavailable(_)) && !recorded.iter().any(is_same)
    };
    *unanswered += answers.iter().filter(is_missing).count() as u64;
    (exchange, answers)
}

/// The requests that the recorded server did not answer because of its own addresses, which a
/// replay does not know. The server found that before it looked for a network.
struct RecordedReach(Option<Reason>);

impl RecordedReach {
    fn of(recorded: Option<&RecordedDecision>) -> Self {
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

/// Returns whether the address is one of many that the client could have been given.
const fn is_of_many(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::OfferedFromPool
            | Reason::OfferedQuarantined
            | Reason::OfferedContested
            | Reason::OfferedInsteadOfReserved
    )
}

/// Returns whether storage is why the recorded server failed.
const fn is_of_storage(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::StoreFailed | Reason::StoreConflict | Reason::StoreStalled | Reason::QueueFull
    )
}

fn wait_until_prepared(runner: &Runner) {
    let until = Instant::now() + PREPARED_WITHIN;
    while !runner.is_prepared() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}
