//! Budgets: how much processor time faults may cost, and how long the pause is if they cost more.
//!
//! Does not decide who is charged. Invariant: charges decay at the rate of the budget, so faults
//! that stay within it never have consequences, however many there are.

use std::time::{Duration, Instant};

use crate::limits::{FAULT_COST_WINDOW_SECS, FORGIVEN_AFTER_MS};

/// How much faults may cost, and the pause if they cost more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Processor time per second, in milliseconds.
    pub(super) ms_per_sec: u64,
    /// The maximum charge for one fault, in milliseconds.
    pub(super) fault_ms_max: u64,
    /// The length of the first pause, in milliseconds; each following one is twice as long.
    pub(super) pause_ms_min: u64,
    /// The maximum length of a pause, in milliseconds.
    pub(super) pause_ms_max: u64,
}

impl Budget {
    /// The burst that the budget allows, in milliseconds.
    pub(super) fn burst_ms(&self) -> f64 {
        (self.ms_per_sec * FAULT_COST_WINDOW_SECS) as f64
    }
}

/// The amount spent of a budget, and the pauses that followed.
#[derive(Debug)]
pub(super) struct Spent {
    ms: f64,
    at: Instant,
    pauses_in_a_row: u32,
    last_pause: Option<(Instant, Duration)>,
}

impl Spent {
    pub(super) fn new(now: Instant) -> Self {
        Self { ms: 0.0, at: now, pauses_in_a_row: 0, last_pause: None }
    }

    /// Charges a fault. Returns whether the budget is exhausted.
    pub(super) fn charge(&mut self, now: Instant, cost: Duration, budget: &Budget) -> bool {
        let cost = cost.min(Duration::from_millis(budget.fault_ms_max));
        self.ms = self.left_ms(now, budget) + cost.as_secs_f64() * 1_000.0;
        self.at = now;
        self.ms >= budget.burst_ms()
    }

    /// The charges that have not decayed yet, in milliseconds.
    pub(super) fn left_ms(&self, now: Instant, budget: &Budget) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.ms - passed * budget.ms_per_sec as f64).max(0.0)
    }

    /// The weight of the faults so far, in milliseconds: the remaining charges, and the pauses that
    /// still count.
    pub(super) fn weight_ms(&self, now: Instant, budget: &Budget) -> f64 {
        let pauses = if self.is_forgiven(now) { 0 } else { self.pauses_in_a_row };
        self.left_ms(now, budget) + f64::from(pauses) * budget.burst_ms()
    }

    /// Begins a pause, which resets the charges, and returns its length. A pause soon after another
    /// is twice as long.
    pub(super) fn pause(&mut self, now: Instant, budget: &Budget) -> Duration {
        if self.is_forgiven(now) {
            self.pauses_in_a_row = 0;
        }
        let doubled = budget.pause_ms_min.saturating_mul(1 << self.pauses_in_a_row.min(16));
        self.pauses_in_a_row += 1;
        let pause = Duration::from_millis(doubled.min(budget.pause_ms_max));
        self.last_pause = Some((now + pause, pause));
        (self.ms, self.at) = (0.0, now);
        pause
    }

    /// Whether the last pause ended so long ago that the next one starts at the minimum.
    fn is_forgiven(&self, now: Instant) -> bool {
        self.last_pause.is_none_or(|(ended, length)| {
            let forgiven_after = length.max(Duration::from_millis(FORGIVEN_AFTER_MS));
            now.saturating_duration_since(ended) > forgiven_after
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget =
        Budget { ms_per_sec: 10, fault_ms_max: 60, pause_ms_min: 1_000, pause_ms_max: 5_000 };

    #[test]
    fn what_is_within_the_budget_leads_to_nothing() {
        let began = Instant::now();
        let mut spent = Spent::new(began);
        for secs in 0..10_000 {
            let now = began + Duration::from_secs(secs);
            assert!(!spent.charge(now, Duration::from_millis(10), &BUDGET));
        }
    }

    #[test]
    fn what_is_beyond_it_leads_to_pauses_that_grow() {
        let began = Instant::now();
        let mut spent = Spent::new(began);
        let mut now = began;
        let mut pauses = Vec::new();
        for _ in 0..5 {
            // One fault is charged at most 60 ms, and the burst is 100 ms.
            assert!(!spent.charge(now, Duration::from_secs(9), &BUDGET));
            assert!(spent.charge(now, Duration::from_secs(9), &BUDGET));
            let pause = spent.pause(now, &BUDGET);
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
        now += Duration::from_millis(FORGIVEN_AFTER_MS + 1);
        assert_eq!(spent.pause(now, &BUDGET).as_secs(), 1);
    }
}
