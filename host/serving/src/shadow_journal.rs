//! Brings the differences of shadow plugins to the journal.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use lessor_policy_host::{ShadowDifference, ShadowRunner, ShadowThread};

use crate::{
    counters::{Counters, increment},
    observer::Observer,
};

/// The number of differences that are journalled in a second; further ones are only counted.
const LINES_PER_SEC_MAX: u32 = 100;

/// Starts the thread of a chain's shadow plugins; returns `None` if there are none.
///
/// # Errors
/// If the system provides no thread.
pub(crate) fn start(
    runner: Option<ShadowRunner>,
    observer: &Observer,
    counters: &Arc<Counters>,
) -> anyhow::Result<Option<ShadowThread>> {
    let Some(runner) = runner else { return Ok(None) };
    let (observer, counters) = (observer.clone(), Arc::clone(counters));
    let mut allowance = Allowance::new(Instant::now());
    let report = move |difference: ShadowDifference| {
        if allowance.take(Instant::now()) {
            observer.shadow_difference(difference);
        } else {
            increment(&counters.shadow_lines_left_out);
        }
    };
    let thread = runner.start(lessor_stages::rehearse, report);
    thread.map(Some).context("cannot start the thread of the shadow plugins")
}

/// Limits lines to a number per second.
struct Allowance {
    began: Instant,
    left: u32,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { began: now, left: LINES_PER_SEC_MAX }
    }

    fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.began) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_no_more() {
        let began = Instant::now();
        let mut allowance = Allowance::new(began);
        let mut taken = |ms: u64, tries: u32| {
            let now = began + Duration::from_millis(ms);
            (0..tries).filter(|_| allowance.take(now)).count()
        };
        assert_eq!(taken(0, 60), 60);
        assert_eq!(taken(999, 60), 40);
        assert_eq!(taken(1_000, 200), LINES_PER_SEC_MAX as usize);
        assert_eq!(taken(1_500, 1), 0);
        assert_eq!(taken(9_000, 1), 1);
    }
}
