//! Results: the findings about a shadow so far.

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
    results: Mutex<Results>,
}

#[derive(Default)]
struct Results {
    agreed: u64,
    differed: u64,
    not_comparable: u64,
    differences: BTreeMap<DifferenceKind, u64>,
    examples: VecDeque<ShadowDifference>,
}

/// The findings about a chain's shadows since it began to serve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShadowsStatus {
    /// The number of exchanges and lease events that wait to be compared.
    pub waiting: usize,
    /// The number of those that were dropped because too many waited.
    pub lost: u64,
    /// Each shadow, in the order of the chain.
    pub shadows: Vec<ShadowStatus>,
}

/// The findings about one shadow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShadowStatus {
    /// The shadow as a plugin: its calls and faults.
    pub plugin: PluginStatus,
    /// The number of requests that it would have been called for: the sum of the next three.
    pub requests: u64,
    /// The number of requests with the same decision.
    pub agreed: u64,
    /// The number of requests with another decision, or for which the shadow failed.
    pub differed: u64,
    /// The number of requests for which it needed a lookup that was not made.
    pub not_comparable: u64,
    /// The number of requests by aspect of the difference. A request may count for several.
    pub differences: BTreeMap<DifferenceKind, u64>,
    /// The newest requests with a difference, oldest first.
    pub examples: Vec<ShadowDifference>,
}

/// One request with a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShadowDifference {
    /// The shadow.
    pub plugin: Arc<str>,
    /// The server's time when the request arrived, in milliseconds since the Unix epoch.
    #[serde(rename = "time-ms")]
    pub time: Timestamp,
    /// The message.
    pub message: String,
    /// The transaction ID (xid).
    pub transaction_id: u32,
    /// The client key.
    pub client: String,
    /// The hardware address.
    pub hardware_address: String,
    /// The relay that the message came through (giaddr); `None` if it came from the client's link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_address: Option<Ipv4Addr>,
    /// The interface that the message arrived on, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Arc<str>>,
    /// The network that the client is in.
    pub network: Arc<str>,
    /// The client's line, from the message or from the server's records.
    pub circuit_id: Option<String>,
    /// The differences; at most [`DIFFERENCES_MAX`].
    pub differences: Vec<Difference>,
}

/// The result of a comparison.
pub(super) enum Finding {
    /// There was nothing to compare: the shadow would not have been called.
    NotAsked,
    /// A lookup that it needed was not made.
    NotComparable,
    /// It was called, with these differences.
    Compared(Vec<Difference>),
}

impl Shadow {
    pub(super) fn new(plugin: &Arc<Plugin>) -> Self {
        Self { plugin: Arc::clone(plugin), results: Mutex::default() }
    }

    /// Counts a finding, and returns the details if there is a difference.
    pub(super) fn note(&self, view: &View, finding: Finding) -> Option<ShadowDifference> {
        let mut results = self.results();
        let differences = match finding {
            Finding::NotAsked => return None,
            Finding::NotComparable => {
                results.not_comparable += 1;
                return None;
            }
            Finding::Compared(differences) if differences.is_empty() => {
                results.agreed += 1;
                return None;
            }
            Finding::Compared(differences) => differences,
        };
        results.differed += 1;
        for difference in &differences {
            *results.differences.entry(difference.kind).or_default() += 1;
        }
        let example = ShadowDifference::new(&self.plugin.name, view, differences);
        if results.examples.len() == DIFFERENCE_EXAMPLES_MAX {
            results.examples.pop_front();
        }
        results.examples.push_back(example.clone());
        Some(example)
    }

    pub(super) fn status(&self) -> ShadowStatus {
        let plugin = self.plugin.status(Instant::now());
        let results = self.results();
        ShadowStatus {
            plugin,
            requests: results.agreed + results.differed + results.not_comparable,
            agreed: results.agreed,
            differed: results.differed,
            not_comparable: results.not_comparable,
            differences: results.differences.clone(),
            examples: results.examples.iter().cloned().collect(),
        }
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
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
