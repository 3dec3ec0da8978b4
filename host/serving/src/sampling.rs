//! Sampling: limits how many events of messages that changed no lease are reported in a second.
//!
//! Any host can send such messages as fast as the link carries them, so the number of lines about
//! them must not grow with theirs. Does not limit events of messages that changed a lease, which
//! are always reported. Invariant: an event that is left out is counted.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use lessor_core::Outcome;
use serde::{Deserialize, Serialize};

/// The number of events of malformed messages in a second.
const MALFORMED_PER_SEC_MAX: u32 = 50;
/// The number of events of messages without an answer in a second.
const UNANSWERED_PER_SEC_MAX: u32 = 1_000;
/// The number of events of OFFERs, NAKs and answers to INFORM in a second.
const ANSWERED_PER_SEC_MAX: u32 = 20_000;

/// Decides which events are reported.
#[derive(Debug)]
pub(crate) struct Sampling {
    began: Instant,
    malformed: PerSecond,
    unanswered: PerSecond,
    answered: PerSecond,
}

/// The numbers of events that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LeftOut {
    /// Of malformed messages.
    pub malformed: u64,
    /// Of messages without an answer.
    pub unanswered: u64,
    /// Of OFFERs, NAKs and answers to INFORM.
    pub answered: u64,
}

impl Sampling {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            malformed: PerSecond::new(MALFORMED_PER_SEC_MAX),
            unanswered: PerSecond::new(UNANSWERED_PER_SEC_MAX),
            answered: PerSecond::new(ANSWERED_PER_SEC_MAX),
        }
    }

    /// Returns whether the event of a message that changed no lease is reported; if not, it is
    /// counted.
    pub(crate) fn admits(&self, outcome: Outcome, now: Instant) -> bool {
        let per_second = match outcome {
            Outcome::Malformed => &self.malformed,
            Outcome::Silence | Outcome::Failure => &self.unanswered,
            Outcome::Offer | Outcome::Ack | Outcome::Nak => &self.answered,
        };
        per_second.admits(now.saturating_duration_since(self.began).as_secs())
    }

    /// Counts a message without an answer whose line was left out before it became an event.
    pub(crate) fn leave_out_unanswered(&self) {
        self.unanswered.left_out.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns what was left out so far.
    pub(crate) fn left_out(&self) -> LeftOut {
        let count = |per_second: &PerSecond| per_second.left_out.load(Ordering::Relaxed);
        LeftOut {
            malformed: count(&self.malformed),
            unanswered: count(&self.unanswered),
            answered: count(&self.answered),
        }
    }
}

impl LeftOut {
    /// Returns the difference from `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            malformed: self.malformed.saturating_sub(earlier.malformed),
            unanswered: self.unanswered.saturating_sub(earlier.unanswered),
            answered: self.answered.saturating_sub(earlier.answered),
        }
    }
}

/// Limits the events of one kind in a second. Shared by all threads.
#[derive(Debug)]
struct PerSecond {
    max: u32,
    /// The second, and in the [`USED_BITS`] lowest bits how many events were admitted in it.
    state: AtomicU64,
    left_out: AtomicU64,
}

const USED_BITS: u32 = 24;

impl PerSecond {
    fn new(max: u32) -> Self {
        Self { max, state: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    fn admits(&self, second: u64) -> bool {
        let admit = |state: u64| {
            let used = match state >> USED_BITS == second {
                true => state & ((1 << USED_BITS) - 1),
                false => 0,
            };
            (used < u64::from(self.max)).then(|| second << USED_BITS | (used + 1))
        };
        let admitted = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit).is_ok();
        if !admitted {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_has_so_many_events_of_a_kind_and_the_rest_is_counted() {
        let began = Instant::now();
        let sampling = Sampling::new(began);
        let tell = |ms: u64, outcome: Outcome, tries: u32| {
            let now = began + Duration::from_millis(ms);
            (0..tries).filter(|_| sampling.admits(outcome, now)).count() as u32
        };
        assert_eq!(tell(0, Outcome::Malformed, 30), 30);
        assert_eq!(tell(999, Outcome::Malformed, 30), MALFORMED_PER_SEC_MAX - 30);
        // Other kinds have separate limits.
        assert_eq!(tell(999, Outcome::Silence, 2_000), UNANSWERED_PER_SEC_MAX);
        assert_eq!(tell(999, Outcome::Failure, 1), 0);
        assert_eq!(tell(999, Outcome::Offer, 30_000), ANSWERED_PER_SEC_MAX);
        let first = sampling.left_out();
        assert_eq!(first, LeftOut { malformed: 10, unanswered: 1_001, answered: 10_000 });
        assert_eq!(tell(1_000, Outcome::Malformed, 100_000), MALFORMED_PER_SEC_MAX);
        let news = LeftOut { malformed: 99_950, unanswered: 0, answered: 0 };
        assert_eq!(sampling.left_out().since(&first), news);
        assert_eq!(tell(90_000, Outcome::Malformed, 1), 1);
    }
}
