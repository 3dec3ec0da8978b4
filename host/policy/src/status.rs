//! Status: how the plugins of a chain behave, for metrics and `lessor status`.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{FaultKind, LastFault, Metric, Mode, StateStatus};

/// How one plugin behaves, in all of its instances together, since its chain was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginStatus {
    /// The plugin.
    pub name: Arc<str>,
    /// Its file.
    pub path: PathBuf,
    /// The interpreter that runs the file, if that is a script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<PathBuf>,
    /// Whether it decides.
    pub mode: Mode,
    /// How many calls of hooks were made, faults included.
    pub calls: u64,
    /// How long all of them took together.
    #[serde(rename = "call-time-total-us", with = "microseconds")]
    pub call_time_total: Duration,
    /// How long half of them took at most; to within a quarter.
    #[serde(rename = "call-time-p50-us", with = "microseconds")]
    pub call_time_p50: Duration,
    /// How long 99 of a hundred took at most; to within a quarter.
    #[serde(rename = "call-time-p99-us", with = "microseconds")]
    pub call_time_p99: Duration,
    /// How long the longest took.
    #[serde(rename = "call-time-max-us", with = "microseconds")]
    pub call_time_max: Duration,
    /// How often each kind of fault was seen; also how often the plugin was not asked because it was
    /// suspended or not ready.
    pub faults: BTreeMap<FaultKind, u64>,
    /// For how much longer it is suspended, if it is.
    #[serde(rename = "suspended-for-ms", with = "milliseconds")]
    pub suspended_for: Option<Duration>,
    /// How often it was suspended.
    pub suspensions: u64,
    /// Its last fault.
    pub last_fault: Option<LastFault>,
    /// What it counts and measures itself, since a plugin of this name was first loaded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<Arc<str>, Metric>,
    /// How many lines it logged beyond its limit, which were left out; since then.
    pub log_lines_left_out: u64,
    /// How much it remembers; none if it is not granted that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateStatus>,
}

impl PluginStatus {
    /// How long a call took on average; zero without any.
    pub fn call_time_mean(&self) -> Duration {
        let calls = u32::try_from(self.calls).unwrap_or(u32::MAX);
        self.call_time_total.checked_div(calls).unwrap_or_default()
    }

    /// How often it failed or was not asked, whatever the reason.
    pub fn faults_total(&self) -> u64 {
        self.faults.values().sum()
    }
}

/// A duration as microseconds, with a fraction: calls are often shorter than one.
mod microseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_nanos() as f64 / 1_000.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        Ok(Duration::from_nanos((f64::deserialize(deserializer)? * 1_000.0).round() as u64))
    }
}

/// A duration as whole milliseconds, if there is one.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration
            .map(|rest| u64::try_from(rest.as_millis()).unwrap_or(u64::MAX))
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_back_as_it_was_written() {
        let status = PluginStatus {
            name: "10-garden".into(),
            path: "/etc/lessor/plugins/10-garden.wasm".into(),
            interpreter: None,
            mode: Mode::Shadow,
            calls: 4,
            call_time_total: Duration::from_nanos(5_001),
            call_time_p50: Duration::from_nanos(900),
            call_time_p99: Duration::from_micros(3),
            call_time_max: Duration::from_millis(3),
            faults: [(FaultKind::Trap, 2), (FaultKind::Suspended, 1)].into(),
            suspended_for: Some(Duration::from_millis(1_500)),
            suspensions: 1,
            last_fault: Some(LastFault {
                kind: FaultKind::Trap,
                message: "unreachable".to_owned(),
                ago: Duration::from_millis(20),
            }),
            metrics: [("seen".into(), Metric::Counter(3)), ("rate".into(), Metric::Gauge(0.5))]
                .into(),
            log_lines_left_out: 2,
            state: Some(StateStatus { keys: 1, octets: 9, is_durable: true }),
        };
        let written = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<PluginStatus>(&written).unwrap(), status, "{written}");
        assert_eq!(status.call_time_mean(), Duration::from_nanos(1_250));
        assert_eq!(status.faults_total(), 3);
    }
}
