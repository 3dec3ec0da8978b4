//! Records: what was found of a shadow so far.

use std::{
    collections::{BTreeMap, VecDeque},
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use lessor_core::{Timestamp, readable};
use serde::{Deserialize, Serialize};

use super::{Difference, DifferenceKind};
use crate::{
    PluginStatus, View,
    limits::{DIFFERENCE_EXAMPLES_MAX, DIFFERENCES_MAX},
    plugin::Plugin,
};

/// One shadow of a chain.
pub(super) struct Shadow {
    pub(super) plugin: Arc<Plugin>,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    agreed: u64,
    differed: u64,
    not_comparable: u64,
    differences: BTreeMap<DifferenceKind, u64>,
    examples: VecDeque<ShadowDifference>,
}

/// What the shadows of a chain found, since it began to serve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShadowsStatus {
    /// Exchanges and lease events that wait to be looked at.
    pub waiting: usize,
    /// Those that were never looked at because too many waited.
    pub lost: u64,
    /// Each shadow, in the order of the chain.
    pub shadows: Vec<ShadowStatus>,
}

/// What was found of one shadow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShadowStatus {
    /// The shadow as a plugin: its calls and faults.
    pub plugin: PluginStatus,
    /// How many requests it would have been asked about: the sum of the next three.
    pub requests: u64,
    /// How often it would have led to what was decided.
    pub agreed: u64,
    /// How often it would have led to something else, or failed.
    pub differed: u64,
    /// How often it wanted to know what nobody had looked up.
    pub not_comparable: u64,
    /// In how many requests it differed in what. A request may count in several.
    pub differences: BTreeMap<DifferenceKind, u64>,
    /// The newest requests that it differed in, oldest first.
    pub examples: Vec<ShadowDifference>,
}

/// One request that a shadow differed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShadowDifference {
    /// The shadow.
    pub plugin: Arc<str>,
    /// The server's time when the request came, in milliseconds since the Unix epoch.
    #[serde(rename = "time-ms")]
    pub time: Timestamp,
    /// The message.
    pub message: String,
    /// xid.
    pub transaction_id: u32,
    /// The client key.
    pub client: String,
    /// The hardware address.
    pub hardware_address: String,
    /// The relay that the message came through (giaddr); none if it came from the client's link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_address: Option<Ipv4Addr>,
    /// The interface that the message came in on, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Arc<str>>,
    /// The network that the client is in.
    pub network: Arc<str>,
    /// The client's line, as of the message or of what the server remembers.
    pub circuit_id: Option<String>,
    /// In what it differed; at most [`DIFFERENCES_MAX`].
    pub differences: Vec<Difference>,
}

/// What came of a comparison.
pub(super) enum Finding {
    /// There was nothing to compare: the shadow would not have been asked.
    NotAsked,
    /// What it wanted to know was not looked up.
    NotComparable,
    /// It was asked, and differed in this.
    Compared(Vec<Difference>),
}

impl Shadow {
    pub(super) fn new(plugin: &Arc<Plugin>) -> Self {
        Self { plugin: Arc::clone(plugin), record: Mutex::default() }
    }

    /// Counts what was found; the story, if it is one of a difference.
    pub(super) fn note(&self, view: &View, finding: Finding) -> Option<ShadowDifference> {
        let mut record = self.record();
        let differences = match finding {
            Finding::NotAsked => return None,
            Finding::NotComparable => {
                record.not_comparable += 1;
                return None;
            }
            Finding::Compared(differences) if differences.is_empty() => {
                record.agreed += 1;
                return None;
            }
            Finding::Compared(differences) => differences,
        };
        record.differed += 1;
        for difference in &differences {
            *record.differences.entry(difference.kind).or_default() += 1;
        }
        let example = ShadowDifference::new(&self.plugin.name, view, differences);
        if record.examples.len() == DIFFERENCE_EXAMPLES_MAX {
            record.examples.pop_front();
        }
        record.examples.push_back(example.clone());
        Some(example)
    }

    pub(super) fn status(&self) -> ShadowStatus {
        let plugin = self.plugin.status(Instant::now());
        let record = self.record();
        ShadowStatus {
            plugin,
            requests: record.agreed + record.differed + record.not_comparable,
            agreed: record.agreed,
            differed: record.differed,
            not_comparable: record.not_comparable,
            differences: record.differences.clone(),
            examples: record.examples.iter().cloned().collect(),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShadowDifference {
    fn new(plugin: &Arc<str>, view: &View, mut differences: Vec<Difference>) -> Self {
        differences.truncate(DIFFERENCES_MAX);
        let request = &view.request;
        Self {
            plugin: Arc::clone(plugin),
            time: view.now,
            message: request.kind.name().to_owned(),
            transaction_id: request.transaction_id,
            client: view.client.to_string(),
            hardware_address: request.hardware_address.to_string(),
            relay_address: request.is_relayed().then_some(request.relay_address),
            interface: request.arrival.interface.clone(),
            network: Arc::clone(&view.network.name),
            circuit_id: view
                .relay_information()
                .and_then(|information| information.circuit_id().map(readable)),
            differences,
        }
    }
}
