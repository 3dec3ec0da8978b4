//! Everything that can happen to an engine, as data.
//!
//! Does not choose what happens. Invariant: the same inputs give the same outputs.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{
    Attempt, AttemptByHand, Binding, Change, ChangeByHand, Changes, Engine, Network, ProbeResult,
    Request, StorageAnswer, Terms, Timestamp,
};
use serde::{Deserialize, Serialize};

/// One input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Input {
    /// The server starts with the contents of storage.
    Start {
        now: Timestamp,
        network: Arc<Network>,
        bindings: Vec<Arc<Binding>>,
        /// Whether some of the granted leases are missing.
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
        answer: StorageAnswer,
    },
    /// An operator makes a change by hand.
    ByHand {
        now: Timestamp,
        change: ChangeByHand,
    },
    /// These pools are drained from now on, and no others.
    Drain {
        pools: Vec<Arc<str>>,
    },
    /// Another server wrote a record.
    Learn {
        now: Timestamp,
        record: Arc<Binding>,
    },
    /// The probe of an address ended.
    Probed {
        now: Timestamp,
        address: Ipv4Addr,
        result: ProbeResult,
    },
    Reclaim {
        now: Timestamp,
        limit: usize,
    },
}

/// The output of one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Output {
    Nothing,
    Attempt(Box<Attempt>),
    /// The change that quarantines an address.
    Quarantine(Box<Change>),
    ByHand(Box<AttemptByHand>),
    /// Leases whose end was noticed.
    Ended(Vec<Binding>),
}

/// Passes one input to the engine.
fn feed(engine: &mut Engine, input: &Input, hash_seed: u64) -> Output {
    match input {
        Input::Start { now, network, bindings, has_lost_records } => {
            *engine = Engine::new(Arc::clone(network), hash_seed);
            for binding in bindings {
                engine.restore(*now, Arc::clone(binding));
            }
            if *has_lost_records {
                engine.set_no_records_since(*now);
            }
            Output::Nothing
        }
        Input::Reconfigure { network } => {
            assert!(engine.reconfigure(Arc::clone(network)).is_empty());
            Output::Nothing
        }
        Input::Decide { now, subnet, request, terms } => {
            Output::Attempt(Box::new(engine.decide(*now, *subnet, request, terms)))
        }
        Input::ByHand { now, change } => {
            Output::ByHand(Box::new(engine.change_by_hand(*now, change)))
        }
        Input::Drain { pools } => {
            engine.set_drained(pools.iter().cloned());
            Output::Nothing
        }
        Input::Settle { now, changes, answer } => {
            engine.settle(*now, changes, answer);
            Output::Nothing
        }
        Input::Learn { now, record } => {
            engine.learn(*now, Arc::clone(record));
            Output::Nothing
        }
        Input::Probed { now, address, result } => {
            let change = engine.probed(*now, *address, *result);
            change.map_or(Output::Nothing, |change| Output::Quarantine(Box::new(change)))
        }
        Input::Reclaim { now, limit } => Output::Ended(engine.reclaim(*now, *limit)),
    }
}

/// Passes one input to the engine, and checks that a preview agrees with the decision.
pub(super) fn preview_and_feed(engine: &mut Engine, input: &Input, hash_seed: u64) -> Output {
    let Input::Decide { now, subnet, request, terms } = input else {
        return feed(engine, input, hash_seed);
    };
    let preview = engine.preview(*now, *subnet, request, terms);
    let output = feed(engine, input, hash_seed);
    if let Output::Attempt(attempt) = &output
        && let Attempt::Probes(probe) = &**attempt
    {
        assert_eq!(preview.probe.as_ref(), Some(probe), "the preview under {terms:?}");
    }
    if let Output::Attempt(attempt) = &output
        && let Attempt::Decided(decision) = &**attempt
    {
        let Request { kind, .. } = **request;
        assert_eq!(preview.decision, *decision, "the preview of {kind:?} under {terms:?}");
        let granted = decision.reply.as_ref().map(|reply| reply.your_address);
        if let Some(granted) = granted.filter(|address| !address.is_unspecified()) {
            let last = preview.candidates.last().map(|last| (last.address, last.obstacle));
            assert_eq!(last, Some((Some(granted), None)), "the candidates of {kind:?}");
        }
    }
    output
}

/// Passes the inputs of a server to two fresh engines with tables in different orders. After each
/// input, both must contain the same, and the output must be the recorded one.
pub(super) fn replay<'j>(
    journal: impl Iterator<Item = (&'j Input, &'j Output)>,
    hash_seeds: [u64; 2],
) {
    let network = Arc::new(super::configurations::networks(false).remove(0));
    let mut engines = hash_seeds.map(|seed| (Engine::new(Arc::clone(&network), seed), seed));
    let mut now = Timestamp::default();
    for (input, expected) in journal {
        // Serialized and read back.
        let input: Input = read_back(input);
        let expected: Output = read_back(expected);
        now = input.time().unwrap_or(now);
        let known = |engine: &Engine, output: Output| {
            let offers: Vec<_> = engine.offers().collect();
            (output, engine.next_deadline(), engine.usage(), offers)
        };
        let [(first, first_seed), (second, second_seed)] = &mut engines;
        let output = preview_and_feed(first, &input, *first_seed);
        let first = known(first, output);
        let output = feed(second, &input, *second_seed);
        let second = known(second, output);
        assert_eq!(first, second, "in another order, after {input:?}");
        assert_eq!(first.0, expected, "on {input:?}");
    }
}

fn read_back<T: Serialize + for<'de> Deserialize<'de>>(value: &T) -> T {
    let line = serde_json::to_string(value).unwrap();
    serde_json::from_str(&line).unwrap()
}

impl Input {
    fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Start { now, .. }
            | Self::Decide { now, .. }
            | Self::ByHand { now, .. }
            | Self::Settle { now, .. }
            | Self::Learn { now, .. }
            | Self::Probed { now, .. }
            | Self::Reclaim { now, .. } => Some(*now),
            Self::Reconfigure { .. } | Self::Drain { .. } => None,
        }
    }
}
