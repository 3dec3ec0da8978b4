//! Stopwatches: how long a call has computed. A deadline is processor time of the calling thread,
//! so that a healthy call that has to wait for a processor is not a fault; the wall clock only
//! ensures that every call ends.
//!
//! Reading the processor time costs as much as a short call, so it is not read when a call begins.
//! The first look is at the first tick of the [`crate::clock`] that the guest notices: until then
//! it has computed for about one tick, however long ago it began. Most calls have ended by then.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use wasmtime::UpdateDeadline;

use crate::{
    clock::ticks,
    limits::{DEADLINE_WALL_FACTOR_MAX, FAULT_UNMEASURED_MS_MAX},
};

/// Measures how long a call has computed.
pub(crate) struct Stopwatch {
    deadline: Duration,
    /// `None` before the first look.
    first_look: Option<Look>,
}

/// A reading of the clocks.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// The processor time of the thread since it began.
    computed: Duration,
    at: Instant,
}

impl Stopwatch {
    /// The number of ticks before the first look.
    pub(crate) const FIRST_TICKS: u64 = 1;

    pub(crate) fn new() -> Self {
        Self { deadline: Duration::ZERO, first_look: None }
    }

    /// Begins a call. The first look is due after [`Stopwatch::FIRST_TICKS`].
    pub(crate) fn begin(&mut self, deadline_ms: u64) {
        self.deadline = Duration::from_millis(deadline_ms);
        self.first_look = None;
    }

    /// Decides whether the call may continue, and when to look again.
    pub(crate) fn look(&mut self) -> UpdateDeadline {
        let at = Instant::now();
        // Linux has this clock; without it, wall-clock time is used.
        self.look_at(Look { computed: processor_time().unwrap_or(Duration::MAX), at })
    }

    /// The processor time of the call until now, to within a tick; `None` before the first look.
    pub(crate) fn computed(&self) -> Option<Duration> {
        let first = self.first_look?;
        let since = match processor_time() {
            Some(now) => now.saturating_sub(first.computed),
            None => first.at.elapsed(),
        };
        Some(since + Duration::from_millis(FAULT_UNMEASURED_MS_MAX))
    }

    fn look_at(&mut self, now: Look) -> UpdateDeadline {
        let first = *self.first_look.get_or_insert(now);
        let passed = now.at.saturating_duration_since(first.at);
        let computed = match now.computed {
            Duration::MAX => passed,
            computed => computed.saturating_sub(first.computed),
        };
        if computed >= self.deadline || passed >= self.deadline * DEADLINE_WALL_FACTOR_MAX {
            return UpdateDeadline::Interrupt;
        }
        let rest = self.deadline.saturating_sub(computed);
        UpdateDeadline::Continue(ticks(rest))
    }
}

/// The processor time of the calling thread since it began; `None` without such a clock.
pub(crate) fn processor_time() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stopwatch for 10 ms, and a function that looks at it after this much time has passed and
    /// was computed, both in milliseconds, and returns the number of ticks until the next look.
    fn begun() -> impl FnMut(u64, u64) -> Option<u64> {
        let mut stopwatch = Stopwatch::new();
        stopwatch.begin(10);
        let began = Instant::now();
        move |passed, computed| {
            let at = began + Duration::from_millis(passed);
            let computed = Duration::from_millis(5_000 + computed);
            match stopwatch.look_at(Look { computed, at }) {
                UpdateDeadline::Continue(ticks) => Some(ticks),
                _ => None,
            }
        }
    }

    #[test]
    fn a_call_that_computes_is_stopped_at_its_deadline() {
        let mut look = begun();
        assert_eq!(look(0, 0), Some(10));
        assert_eq!(look(10, 9), Some(1));
        assert_eq!(look(11, 10), None);
    }

    #[test]
    fn a_call_that_waits_for_a_processor_goes_on() {
        let mut look = begun();
        assert_eq!([look(50, 0), look(90, 3), look(140, 9)], [Some(10), Some(7), Some(1)]);
    }

    #[test]
    fn a_call_that_does_not_get_on_is_stopped_in_the_end() {
        let mut look = begun();
        assert_eq!([look(0, 0), look(99, 1), look(100, 1)], [Some(10), Some(9), None]);
    }

    #[test]
    fn without_a_clock_of_the_processor_time_that_passes_counts() {
        let mut stopwatch = Stopwatch::new();
        stopwatch.begin(10);
        let began = Instant::now();
        let mut look = |ms| {
            let at = began + Duration::from_millis(ms);
            let going = stopwatch.look_at(Look { computed: Duration::MAX, at });
            matches!(going, UpdateDeadline::Continue(_))
        };
        assert_eq!([look(0), look(9), look(10)], [true, true, false]);
    }

    #[test]
    fn time_of_this_thread_is_what_counts() {
        let mut stopwatch = Stopwatch::new();
        stopwatch.begin(50);
        let is_going =
            |stopwatch: &mut Stopwatch| matches!(stopwatch.look(), UpdateDeadline::Continue(_));
        assert!(is_going(&mut stopwatch));
        std::thread::sleep(Duration::from_millis(60));
        assert!(is_going(&mut stopwatch), "it slept");
        let began = Instant::now();
        while is_going(&mut stopwatch) {
            assert!(began.elapsed() < Duration::from_secs(60));
        }
    }
}
