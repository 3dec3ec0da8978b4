//! Counting what the system dropped before the server could read it.

use std::time::{Duration, Instant};

/// What an endpoint lost since it was opened, and what its operator was told of it.
#[derive(Debug, Default)]
pub(super) struct Losses {
    total: u64,
    /// The system's count when it last told; it wraps.
    counted: u32,
    warned: Option<Warned>,
}

#[derive(Debug)]
struct Warned {
    at: Instant,
    total: u64,
}

/// Operators are warned no more often than this.
const WARN_AGAIN_AFTER_MS: u64 = 10_000;

impl Losses {
    /// How many datagrams were lost.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Takes over the system's count. Returns how many were lost since the last warning if another
    /// one is due at `now`.
    pub(super) fn note(&mut self, counted: u32, now: Instant) -> Option<u64> {
        self.total += u64::from(counted.wrapping_sub(self.counted));
        self.counted = counted;
        let unsaid = match &self.warned {
            Some(warned) if now - warned.at < Duration::from_millis(WARN_AGAIN_AFTER_MS) => 0,
            Some(warned) => self.total - warned.total,
            None => self.total,
        };
        if unsaid == 0 {
            return None;
        }
        self.warned = Some(Warned { at: now, total: self.total });
        Some(unsaid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_due_at_the_first_loss_and_then_now_and_then() {
        let start = Instant::now();
        let later = |ms| start + Duration::from_millis(ms);
        let mut losses = Losses::default();
        assert_eq!(losses.note(0, start), None);
        assert_eq!(losses.note(3, start), Some(3));
        assert_eq!(losses.note(5, later(1)), None);
        assert_eq!(losses.note(6, later(WARN_AGAIN_AFTER_MS - 1)), None);
        assert_eq!(losses.note(7, later(WARN_AGAIN_AFTER_MS)), Some(4));
        assert_eq!(losses.note(7, later(3 * WARN_AGAIN_AFTER_MS)), None);
        assert_eq!(losses.total(), 7);
    }

    #[test]
    fn the_systems_count_may_wrap() {
        let now = Instant::now();
        let mut losses = Losses::default();
        losses.note(u32::MAX, now);
        losses.note(4, now);
        assert_eq!(losses.total(), u64::from(u32::MAX) + 5);
    }
}
