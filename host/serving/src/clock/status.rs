//! What `lessor status` shows about the clock.
//!
//! Decides nothing.

use serde::{Deserialize, Serialize};

use super::Verdict;

/// The clock of the machine, and its history since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClockStatus {
    /// The clock time: RFC 3339, UTC.
    pub time: String,
    /// Whether the kernel considers it synchronised.
    pub is_synchronised: bool,
    /// By how much it was behind the newest record in the store when the server started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_behind_ms: Option<u64>,
    /// By how much it was ahead of that record, if that was not plausible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_ahead_ms: Option<u64>,
    /// How often it was set since then.
    pub steps: u64,
    /// How far it was set forward the last time; negative if it was set back.
    pub last_step_ms: i64,
    /// How far it is ahead of server time; negative if it is behind.
    pub offset_ms: i64,
}

impl ClockStatus {
    /// Returns the current state.
    pub(crate) fn now() -> Self {
        let (steps, last_step_ms) = super::steps();
        let verdict = super::verdict();
        Self {
            time: super::written(super::shown(super::now())),
            is_synchronised: super::is_synchronised(),
            was_behind_ms: match verdict {
                Verdict::Behind { by_ms } => Some(by_ms),
                _ => None,
            },
            was_ahead_ms: match verdict {
                Verdict::TooFarAhead { by_ms, .. } => Some(by_ms),
                _ => None,
            },
            steps,
            last_step_ms,
            offset_ms: super::offset_ms(),
        }
    }
}
