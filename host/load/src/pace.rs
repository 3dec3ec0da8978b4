//! Limits the rate at which exchanges are started.

use std::time::{Duration, Instant};

/// Spaces starts evenly. Starts that were missed while the window was full are made up for only up
/// to [`Pace::ARREARS_MAX`]; more would be a burst, not a rate.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next_at: Instant,
}

impl Pace {
    const ARREARS_MAX: Duration = Duration::from_millis(10);

    pub(crate) fn new(per_sec: Option<u32>, now: Instant) -> Self {
        let mut pace = Self { interval: Duration::ZERO, next_at: now };
        if let Some(per_sec) = per_sec {
            pace.set(per_sec);
        }
        pace
    }

    /// Changes the rate, beginning with the next start.
    pub(crate) fn set(&mut self, per_sec: u32) {
        self.interval = Duration::from_secs(1) / per_sec.max(1);
    }

    /// Returns whether the next start is due, and counts it if so.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if now < self.next_at {
            return false;
        }
        let earliest = now.checked_sub(Self::ARREARS_MAX).unwrap_or(now);
        self.next_at = self.next_at.max(earliest) + self.interval;
        true
    }

    /// Returns when the next start is due.
    pub(crate) fn next_at(&self) -> Instant {
        self.next_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_keeps_its_rate_and_makes_up_for_little() {
        let began_at = Instant::now();
        let mut pace = Pace::new(Some(1000), began_at);
        let at = |millis| began_at + Duration::from_millis(millis);
        assert!(pace.take(at(0)));
        assert!(!pace.take(at(0)));
        assert!(pace.take(at(1)));
        let after_a_pause = (0..100).filter(|_| pace.take(at(500))).count();
        assert_eq!(after_a_pause, 11);
        pace.set(10);
        assert!(pace.take(at(2000)));
        assert!(!pace.take(at(2080)));
        assert!(pace.take(at(2100)));
        let mut unbound = Pace::new(None, began_at);
        assert!((0..100).all(|_| unbound.take(at(0))));
    }
}
