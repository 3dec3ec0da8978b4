//! Status: how the plugins of a chain behave, for metrics and `lessor status`.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use lessor_settings::{FailurePolicy, PluginMode};
use serde::{Deserialize, Serialize};

use crate::{FaultKind, LastFault, Metric, OffenderStatus, StateStatus, Suspension};

/// How all instances of one plugin behave, since its chain was created.
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
    pub mode: PluginMode,
    /// The number of calls of hooks, including faults.
    pub calls: u64,
    /// The total time of all calls.
    #[serde(rename = "call-time-total-us", with = "microseconds")]
    pub call_time_total: Duration,
    /// The median time of a call; to within a quarter.
    #[serde(rename = "call-time-p50-us", with = "microseconds")]
    pub call_time_p50: Duration,
    /// The 99th percentile of the time of a call; to within a quarter.
    #[serde(rename = "call-time-p99-us", with = "microseconds")]
    pub call_time_p99: Duration,
    /// The time of the longest call.
    #[serde(rename = "call-time-max-us", with = "microseconds")]
    pub call_time_max: Duration,
    /// What happens to packets that the plugin fails on or is not called for.
    pub on_failure: FailurePolicy,
    /// The number of faults of each kind. This includes calls that were not made because the plugin
    /// was suspended or not ready, or a party was shut out.
    pub faults: BTreeMap<FaultKind, u64>,
    /// The suspension for all packets, if one is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspension>,
    /// The number of suspensions.
    pub suspensions: u64,
    /// The number of clients, lines and links that the plugin is not called for now, because of the
    /// cost of their faults.
    pub shut_out: usize,
    /// The parties that cause faults on packets: those that are shut out, then those whose faults
    /// cost most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offenders: Vec<OffenderStatus>,
    /// The suspension of its hook for lease events, if one is in force; packets are not affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_events_suspended: Option<Suspension>,
    /// The parties whose lease events its hook fails on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lease_event_offenders: Vec<OffenderStatus>,
    /// Its last fault.
    pub last_fault: Option<LastFault>,
    /// The metrics that it exports, since a plugin with this name was first loaded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<Arc<str>, Metric>,
    /// The number of log lines omitted because of its limit, since then.
    pub log_lines_left_out: u64,
    /// The size of its state; `None` if it is not granted state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateStatus>,
}

impl PluginStatus {
    /// The mean time of a call; zero without calls.
    pub fn call_time_mean(&self) -> Duration {
        let calls = u32::try_from(self.calls).unwrap_or(u32::MAX);
        self.call_time_total.checked_div(calls).unwrap_or_default()
    }

    /// The number of faults of all kinds, including calls that were not made.
    pub fn faults_total(&self) -> u64 {
        self.faults.values().sum()
    }
}

/// Serializes a duration as microseconds, with a fraction, because calls are often shorter than
/// one.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Offender;

    #[test]
    fn a_status_is_read_back_as_it_was_written() {
        let who = Offender {
            client: Some("hw:02:00:00:00:00:66".to_owned()),
            circuit_id: None,
            remote_id: None,
            link: Some("interface eth0".to_owned()),
        };
        let suspension = Suspension {
            remaining: Duration::from_millis(1_500),
            until: "2026-01-01T00:00:00Z".to_owned(),
            caused_by: Some(who.clone()),
        };
        let status = PluginStatus {
            name: "10-garden".into(),
            path: "/etc/lessor/plugins/10-garden.wasm".into(),
            interpreter: None,
            mode: PluginMode::Shadow,
            calls: 4,
            call_time_total: Duration::from_nanos(5_001),
            call_time_p50: Duration::from_nanos(900),
            call_time_p99: Duration::from_micros(3),
            call_time_max: Duration::from_millis(3),
            faults: [(FaultKind::Trap, 2), (FaultKind::Suspended, 1)].into(),
            on_failure: FailurePolicy::Drop,
            suspended: Some(suspension.clone()),
            suspensions: 1,
            shut_out: 1,
            offenders: vec![OffenderStatus {
                who: who.clone(),
                faults: 3,
                cost: Duration::from_millis(70),
                last_ago: Duration::from_millis(20),
                shut_out: Some(suspension),
            }],
            lease_events_suspended: None,
            lease_event_offenders: Vec::new(),
            last_fault: Some(LastFault {
                kind: FaultKind::Trap,
                message: "unreachable".to_owned(),
                caused_by: Some(who),
                ago: Duration::from_millis(20),
            }),
            metrics: [("seen".into(), Metric::Counter(3)), ("rate".into(), Metric::Gauge(0.5))]
                .into(),
            log_lines_left_out: 2,
            state: Some(StateStatus {
                keys: 1,
                octets: 9,
                is_durable: true,
                ..StateStatus::default()
            }),
        };
        let written = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<PluginStatus>(&written).unwrap(), status, "{written}");
        assert_eq!(status.call_time_mean(), Duration::from_nanos(1_250));
        assert_eq!(status.faults_total(), 3);
    }
}
