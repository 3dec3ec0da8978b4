//! Leaving a source alone that fails: after some failures in a row nobody asks it for a while, then
//! one question is a trial for all.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::limits::{FAILURES_IN_A_ROW_MAX, RETRY_AFTER_MAX, RETRY_AFTER_MIN};

/// Whether a source may be asked.
#[derive(Debug, Default)]
pub(super) struct BackOff(Mutex<State>);

#[derive(Clone, Copy, Debug)]
enum State {
    /// It answers, or has failed so many times in a row.
    Up { failures: u32 },
    /// It is left alone until then, this long.
    Down { until: Instant, pause: Duration },
    /// One question is under way to see whether it is back; the pause if it is not.
    Tried { pause: Duration },
}

impl Default for State {
    fn default() -> Self {
        Self::Up { failures: 0 }
    }
}

impl BackOff {
    /// Whether nobody is to ask now.
    pub(super) fn is_down(&self) -> bool {
        match *self.state() {
            State::Up { .. } => false,
            State::Down { until, .. } => Instant::now() < until,
            State::Tried { .. } => true,
        }
    }

    /// The same, for somebody who asks if not: of many after a pause, the first is the trial.
    pub(super) fn admits(&self) -> bool {
        let mut state = self.state();
        match *state {
            State::Up { .. } => true,
            State::Down { until, pause } if Instant::now() >= until => {
                *state = State::Tried { pause };
                true
            }
            State::Down { .. } | State::Tried { .. } => false,
        }
    }

    /// The source answered.
    pub(super) fn worked(&self) {
        *self.state() = State::default();
    }

    /// The source failed. Says for how long it is left alone, if it is from now on.
    pub(super) fn failed(&self) -> Option<Duration> {
        let mut state = self.state();
        let pause = match *state {
            State::Up { failures } if failures + 1 < FAILURES_IN_A_ROW_MAX => {
                *state = State::Up { failures: failures + 1 };
                return None;
            }
            State::Up { .. } => RETRY_AFTER_MIN,
            // From a question that was under way before.
            State::Down { .. } => return None,
            State::Tried { pause } => (pause * 2).min(RETRY_AFTER_MAX),
        };
        *state = State::Down { until: Instant::now() + pause, pause };
        Some(pause)
    }

    /// A question never reached the source, which says nothing about it. If it was the trial, there
    /// is another after the same pause.
    pub(super) fn not_asked(&self) {
        let mut state = self.state();
        if let State::Tried { pause } = *state {
            *state = State::Down { until: Instant::now() + pause, pause };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_fails_is_left_alone_longer_and_longer() {
        let back_off = BackOff::default();
        for _ in 1..FAILURES_IN_A_ROW_MAX {
            assert_eq!(back_off.failed(), None);
            assert!(back_off.admits());
        }
        let mut expected = RETRY_AFTER_MIN;
        for _ in 0..8 {
            assert_eq!(back_off.failed(), Some(expected));
            assert!(back_off.is_down() && !back_off.admits());
            assert_eq!(back_off.failed(), None, "a straggler changes nothing");
            // The pause is over.
            *back_off.state() = State::Down { until: Instant::now(), pause: expected };
            assert!(!back_off.is_down());
            assert!(back_off.admits(), "the trial");
            assert!(back_off.is_down() && !back_off.admits(), "only one");
            expected = (expected * 2).min(RETRY_AFTER_MAX);
        }
        assert_eq!(expected, RETRY_AFTER_MAX);
        back_off.worked();
        assert!(back_off.admits() && back_off.admits());
    }

    #[test]
    fn a_trial_that_never_reached_the_source_is_followed_by_another() {
        let back_off = BackOff::default();
        back_off.not_asked();
        assert!(!back_off.is_down(), "it says nothing about the source");
        for _ in 0..FAILURES_IN_A_ROW_MAX {
            back_off.failed();
        }
        let over = |back_off: &BackOff| match &mut *back_off.state() {
            State::Down { until, .. } => *until = Instant::now(),
            other => panic!("it is not left alone: {other:?}"),
        };
        over(&back_off);
        assert!(back_off.admits(), "the trial");
        back_off.not_asked();
        assert!(back_off.is_down() && !back_off.admits(), "left alone once more");
        over(&back_off);
        assert!(back_off.admits(), "another trial");
        assert_eq!(back_off.failed(), Some(RETRY_AFTER_MIN * 2), "the pause did not grow before");
    }
}
