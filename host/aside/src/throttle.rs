//! Throttles: limit the log lines that packets cause, so that no sender of packets can fill the
//! log.
//!
//! Does not write lines. Invariant: at most one line passes in an interval; every line that was
//! left out is counted in the next one.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lets one line pass in an interval.
#[derive(Debug)]
pub struct Throttle {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    passed_at: Option<Instant>,
    left_out: u64,
}

impl Throttle {
    /// Creates a throttle that lets one line pass in each `interval`.
    pub const fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::new(State { passed_at: None, left_out: 0 }) }
    }

    /// If this line may pass, returns how many were left out since the last one that passed.
    /// Returns `None` if this line is left out.
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    /// Like [`Throttle::pass`], at a given time.
    pub fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.passed_at.is_some_and(|at| now.saturating_duration_since(at) < self.interval) {
            state.left_out += 1;
            return None;
        }
        state.passed_at = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_an_interval_and_says_how_many_were_left_out() {
        let throttle = Throttle::new(Duration::from_secs(1));
        let start = Instant::now();
        let passed: Vec<_> = (0..25)
            .map(|tenths| throttle.pass_at(start + Duration::from_millis(100 * tenths)))
            .collect();
        let lines: Vec<_> = passed
            .iter()
            .enumerate()
            .filter_map(|(at, left_out)| Some((at, (*left_out)?)))
            .collect();
        assert_eq!(lines, [(0, 0), (10, 9), (20, 9)]);
    }
}
