//! Everything that can happen to an engine, as data.

use std::sync::Arc;

use lessor_core::{Answer, Attempt, Changes, Engine, Lease, Network, Request, Terms, Timestamp};
use serde::{Deserialize, Serialize};

/// One input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Input {
    /// The server starts with what storage holds.
    Start {
        now: Timestamp,
        network: Arc<Network>,
        leases: Vec<Arc<Lease>>,
        /// Some of the leases that were granted before are not among them.
        has_lost_records: bool,
    },
    /// The configuration changes.
    Reconfigure {
        network: Arc<Network>,
    },
    Decide {
        now: Timestamp,
        subnet: usize,
        request: Box<Request>,
        terms: Terms,
    },
    Settle {
        now: Timestamp,
        changes: Changes,
        answer: Answer,
    },
    /// Another server made a record.
    Learn {
        now: Timestamp,
        record: Arc<Lease>,
    },
    Reclaim {
        now: Timestamp,
        limit: usize,
    },
}

/// Feeds one input to the engine; what comes out, written down.
pub(super) fn feed(engine: &mut Engine, input: &Input, hash_seed: u64) -> String {
    match input {
        Input::Start { now, network, leases, has_lost_records } => {
            *engine = Engine::new(Arc::clone(network), hash_seed);
            for lease in leases {
                engine.restore(*now, (**lease).clone());
            }
            if *has_lost_records {
                engine.set_no_records_since(*now);
            }
            String::new()
        }
        Input::Reconfigure { network } => {
            assert!(engine.reconfigure(Arc::clone(network)).is_empty());
            String::new()
        }
        Input::Decide { now, subnet, request, terms } => {
            let preview = engine.preview(*now, *subnet, request, terms);
            let attempt = engine.decide(*now, *subnet, request, terms);
            if let Attempt::Decided(decision) = &attempt {
                let Request { kind, .. } = **request;
                assert_eq!(preview.decision, *decision, "the preview of {kind:?} under {terms:?}");
            }
            serde_json::to_string(&attempt).unwrap()
        }
        Input::Settle { now, changes, answer } => {
            engine.settle(*now, changes, answer);
            String::new()
        }
        Input::Learn { now, record } => {
            engine.learn(*now, Arc::clone(record));
            String::new()
        }
        Input::Reclaim { now, limit } => {
            serde_json::to_string(&engine.reclaim(*now, *limit)).unwrap()
        }
    }
}

/// Feeds inputs to two fresh engines whose tables are in another order. After each, both must know the
/// same; what comes out of it.
pub(super) fn replay(inputs: impl Iterator<Item = Input>, hash_seed: u64) -> Vec<String> {
    let network = Arc::new(super::world::networks().remove(0));
    let mut engines = [0, hash_seed].map(|seed| (Engine::new(Arc::clone(&network), seed), seed));
    let mut now = Timestamp::default();
    let feed_both = |input: Input| {
        now = input.time().unwrap_or(now);
        let [first, second] = engines.each_mut().map(|(engine, seed)| {
            let output = feed(engine, &input, *seed);
            let offers: Vec<_> = engine.offers().collect();
            (output, engine.next_deadline(), engine.usage(), offers)
        });
        assert_eq!(first, second, "in another order, after {input:?}");
        first.0
    };
    inputs.map(feed_both).collect()
}

impl Input {
    fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Start { now, .. }
            | Self::Decide { now, .. }
            | Self::Settle { now, .. }
            | Self::Learn { now, .. }
            | Self::Reclaim { now, .. } => Some(*now),
            Self::Reconfigure { .. } => None,
        }
    }
}
