//! When the hosts file is due.
//!
//! Reads no clock. Invariant: one round begins at least a second, and twenty times the duration of
//! the round before, after that one began.

use std::time::{Duration, Instant};

/// The shortest time between the beginnings of two rounds.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// How many times its duration is between the beginnings of two rounds: a server with a million
/// leases spends a twentieth of one processor.
const SHARE: u32 = 20;
/// The longest time between two rounds. Another server may have changed a record, or another
/// program removed the file.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The time until a file that could not be written is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Decides when the next round begins.
#[derive(Debug)]
pub(super) struct Pace {
    is_changed: bool,
    began_at: Instant,
    /// No round begins earlier.
    not_before: Instant,
    /// A round begins then also without a change.
    at_latest: Instant,
}

impl Pace {
    /// The first round is due immediately.
    pub(super) fn new(now: Instant) -> Self {
        Self { is_changed: true, began_at: now, not_before: now, at_latest: now }
    }

    /// Notes that names changed.
    pub(super) fn note_change(&mut self) {
        self.is_changed = true;
    }

    /// Returns whether names changed since the last round began.
    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// How long it is until the next round, as far as is known now.
    pub(super) fn due_in(&self, now: Instant) -> Duration {
        let due_at = if self.is_changed { self.not_before } else { self.at_latest };
        due_at.max(self.not_before).saturating_duration_since(now)
    }

    /// Begins a round.
    pub(super) fn begin(&mut self, now: Instant) {
        self.is_changed = false;
        self.began_at = now;
    }

    /// Ends a round. `next_end` is the time until the next lease ends; `None` if the round failed.
    pub(super) fn end(&mut self, now: Instant, next_end: Option<Duration>) {
        let took = now.saturating_duration_since(self.began_at);
        self.not_before = self.began_at + ROUND_EVERY.max(took.saturating_mul(SHARE));
        match next_end {
            Some(next_end) => self.at_latest = now + next_end.min(LOOK_EVERY),
            None => {
                self.not_before = self.not_before.max(now + RETRY_AFTER);
                self.at_latest = self.not_before;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn changes_are_written_at_once_but_at_most_once_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!(pace.due_in(start).is_zero());
        pace.begin(start);
        pace.end(start, Some(SECOND * 1000));
        assert_eq!(pace.due_in(start), LOOK_EVERY);
        pace.note_change();
        assert_eq!(pace.due_in(start), SECOND);
        assert!(pace.due_in(start + SECOND).is_zero());
        pace.begin(start + SECOND * 5);
        assert!(!pace.is_changed());
    }

    #[test]
    fn the_end_of_a_lease_is_a_reason_and_long_lists_are_made_seldom() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.begin(start);
        pace.end(start + SECOND, Some(SECOND * 2));
        let now = start + SECOND;
        assert_eq!(pace.due_in(now), SECOND * 19);
        pace.begin(start);
        pace.end(start, Some(SECOND * 3));
        assert_eq!(pace.due_in(start), SECOND * 3);
    }

    #[test]
    fn a_round_that_failed_is_tried_again_later() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.begin(start);
        pace.end(start, None);
        assert_eq!(pace.due_in(start), RETRY_AFTER);
        pace.note_change();
        assert_eq!(pace.due_in(start), RETRY_AFTER);
    }
}
