//! The parts of a plugin's health that are shown to the operator.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Offender;
use crate::FaultKind;

/// A plugin's last fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastFault {
    /// The kind of fault.
    pub kind: FaultKind,
    /// A description of what happened.
    pub message: String,
    /// The party that the call was made for; `None` if there was none, as when an instance is
    /// configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<Offender>,
    /// How long ago the fault happened.
    #[serde(rename = "ago-ms", with = "milliseconds")]
    pub ago: Duration,
}

/// A pause in which a plugin is not called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Suspension {
    /// The remaining time.
    #[serde(rename = "for-ms", with = "milliseconds")]
    pub remaining: Duration,
    /// The end, by the machine's clock (RFC 3339).
    pub until: String,
    /// The party whose faults cost most before the suspension; `None` if no party caused them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<Offender>,
}

/// A party that causes faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OffenderStatus {
    /// The party.
    pub who: Offender,
    /// The number of faults, since the generation began or since the party was added to the table.
    pub faults: u64,
    /// The processor time that the faults cost.
    #[serde(rename = "cost-ms", with = "milliseconds")]
    pub cost: Duration,
    /// How long ago the last fault happened.
    #[serde(rename = "last-ago-ms", with = "milliseconds")]
    pub last_ago: Duration,
    /// The remaining time in which the plugin is not called for this party; `None` if it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shut_out: Option<Suspension>,
}

/// The machine's clock after this duration (RFC 3339, in whole seconds).
pub(crate) fn clock_in(time: Duration) -> String {
    let then = jiff::Timestamp::now().checked_add(time).unwrap_or(jiff::Timestamp::MAX);
    then.round(jiff::Unit::Second).unwrap_or(then).to_string()
}

/// Serializes a duration as whole milliseconds.
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
