//! Status: how the plugins of a chain behave, for metrics and `lessor status`.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use serde::{Serialize, Serializer};

use crate::{FaultKind, LastFault, Metric, StateStatus};

/// How one plugin behaves, in all of its instances together, since its chain was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginStatus {
    /// The plugin.
    pub name: Arc<str>,
    /// Its file.
    pub path: PathBuf,
    /// The interpreter that runs the file, if that is a script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<PathBuf>,
    /// How many calls of hooks were made, faults included.
    pub calls: u64,
    /// How long all of them took together.
    #[serde(rename = "call-time-total-us", serialize_with = "microseconds")]
    pub call_time_total: Duration,
    /// How long the longest took.
    #[serde(rename = "call-time-max-us", serialize_with = "microseconds")]
    pub call_time_max: Duration,
    /// How often each kind of fault was seen; also how often the plugin was not asked because it was
    /// suspended or not ready.
    pub faults: BTreeMap<FaultKind, u64>,
    /// For how much longer it is suspended, if it is.
    #[serde(rename = "suspended-for-ms", serialize_with = "milliseconds")]
    pub suspended_for: Option<Duration>,
    /// How often it was suspended.
    pub suspensions: u64,
    /// Its last fault.
    pub last_fault: Option<LastFault>,
    /// What it counts and measures itself, since a plugin of this name was first loaded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<Arc<str>, Metric>,
    /// How many lines it logged beyond its limit, which were left out; since then.
    pub log_lines_left_out: u64,
    /// How much it remembers; none if it is not granted that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateStatus>,
}

fn microseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

fn milliseconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(rest) => {
            serializer.serialize_some(&u64::try_from(rest.as_millis()).unwrap_or(u64::MAX))
        }
        None => serializer.serialize_none(),
    }
}
