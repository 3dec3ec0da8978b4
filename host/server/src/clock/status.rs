//! What `lessor status` shows about the clock.
//!
//! Makes no decision by the clock.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::{Verdict, for_people};

/// The clock of the machine, and its history since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ClockStatus {
    /// The clock time: RFC 3339, UTC.
    pub(crate) time: String,
    /// Whether the kernel considers it synchronised.
    pub(crate) is_synchronised: bool,
    /// By how much it was behind the newest record in the store when the server started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) was_behind_ms: Option<u64>,
    /// By how much it was ahead of that record, if that was not plausible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) was_ahead_ms: Option<u64>,
    /// How often it was set since then.
    pub(crate) steps: u64,
    /// How far it was set forward the last time; negative if it was set back.
    pub(crate) last_step_ms: i64,
    /// How far it is ahead of server time; negative if it is behind.
    pub(crate) offset_ms: i64,
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

    /// Prints one line, and one more for each event that an operator should know.
    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let synchronised = match self.is_synchronised {
            true => "synchronised",
            false => "not synchronised according to the kernel",
        };
        writeln!(out, "clock: {}, {synchronised}", self.time)?;
        let kept = "leases keep the time that remained";
        if let Some(by_ms) = self.was_behind_ms {
            let by = for_people(by_ms);
            writeln!(
                out,
                "clock: {by} behind the newest record in the store at the start; {kept}"
            )?;
        }
        if let Some(by_ms) = self.was_ahead_ms {
            let by = for_people(by_ms);
            writeln!(
                out,
                "clock: {by} ahead of the newest record in the store at the start, which is not \
                 plausible; {kept}"
            )?;
        }
        if self.steps > 0 {
            let times = if self.steps == 1 { "once" } else { &format!("{} times", self.steps) };
            let by = for_people(self.last_step_ms.unsigned_abs());
            let direction = if self.last_step_ms < 0 { "back" } else { "forward" };
            writeln!(
                out,
                "clock: set {times} since the start, last {by} {direction}; leases keep their \
                 remaining time"
            )?;
        }
        Ok(())
    }
}
