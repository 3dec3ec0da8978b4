//! What is shown of a plugin's health.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Offender;
use crate::FaultKind;

/// A plugin's last fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastFault {
    /// What it was.
    pub kind: FaultKind,
    /// What happened.
    pub message: String,
    /// Whom the call was made for; none if it was made for nobody, as of one that configures an
    /// instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<Offender>,
    /// How long ago.
    #[serde(rename = "ago-ms", with = "milliseconds")]
    pub ago: Duration,
}

/// A plugin that is not asked for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Suspension {
    /// For how much longer.
    #[serde(rename = "for-ms", with = "milliseconds")]
    pub remaining: Duration,
    /// Until when, by the machine's clock (RFC 3339).
    pub until: String,
    /// Whose faults cost most before it; none if they were nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<Offender>,
}

/// Somebody who causes faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OffenderStatus {
    /// Who.
    pub who: Offender,
    /// How many faults, since the generation began or the table had room.
    pub faults: u64,
    /// What they cost, in processor time.
    #[serde(rename = "cost-ms", with = "milliseconds")]
    pub cost: Duration,
    /// How long ago the last one was.
    #[serde(rename = "last-ago-ms", with = "milliseconds")]
    pub last_ago: Duration,
    /// For how much longer the plugin is not asked about it; none if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shut_out: Option<Suspension>,
}

/// A point in time by the machine's clock, that long from now (RFC 3339, in whole seconds).
pub(crate) fn clock_in(time: Duration) -> String {
    let then = jiff::Timestamp::now().checked_add(time).unwrap_or(jiff::Timestamp::MAX);
    then.round(jiff::Unit::Second).unwrap_or(then).to_string()
}

/// A duration as whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
