//! Pauses a failing source. The key may cause a failure, so different keys are counted instead of
//! failures, and before a source is paused, it is probed with the key that it answered last. After
//! a pause, a single query is the trial for all, with a key other than the failed ones if there is
//! one.
//!
//! Does not handle the failed keys; see [`super::failed_keys`]. Invariant: a single key never
//! causes a source to be paused for others, and a source that works again is detected within twice
//! its pause, with any key.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::limits::{FAILED_KEYS_IN_A_ROW_MAX, RETRY_AFTER_MAX, RETRY_AFTER_MIN};

/// Decides whether a source may be queried.
#[derive(Debug, Default)]
pub(super) struct BackOff(Mutex<Failures>);

/// The reaction to a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Nothing changes.
    GoOn,
    /// The source is probed with this key, to find out whether the source itself fails.
    Probe(Arc<str>),
    /// The source is paused for this long.
    Pause(Duration),
}

#[derive(Debug, Default)]
struct Failures {
    state: State,
    /// The different keys that failed since the source last answered, up to the number that pauses
    /// it.
    failed: Vec<Arc<str>>,
    /// The key that the source answered last.
    answered: Option<Arc<str>>,
    /// The start of the current series of pauses, with trials in between.
    down_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Up,
    /// A probe has just shown that the source works: failures do not count until then.
    Trusted { until: Instant },
    /// Enough keys have failed, and a probe is running.
    Doubted,
    /// The source is paused until then, for this long.
    Down { until: Instant, pause: Duration },
    /// One query is running as a trial. `pause` is the length of the last pause.
    Tried { pause: Duration, is_probed: bool },
}

impl BackOff {
    /// Whether this key must not be queried now.
    pub(super) fn is_down_for(&self, key: &str) -> bool {
        self.failures().is_down_for(key, Instant::now())
    }

    /// Whether the source is paused.
    pub(super) fn is_down(&self) -> bool {
        match self.failures().state {
            State::Up | State::Trusted { .. } | State::Doubted => false,
            State::Down { until, .. } => Instant::now() < until,
            State::Tried { .. } => true,
        }
    }

    /// Does the same as [`BackOff::is_down_for`] for a caller that queries if the answer is no: the
    /// first query after a pause becomes the trial. Returns whether the key may be queried.
    pub(super) fn admits(&self, key: &str) -> bool {
        let mut failures = self.failures();
        if failures.is_down_for(key, Instant::now()) {
            return false;
        }
        if let State::Down { pause, .. } = failures.state {
            failures.state = State::Tried { pause, is_probed: false };
        }
        true
    }

    /// Records an answer of the source. Returns how long the source was paused, if it was.
    pub(super) fn worked(&self, key: Option<&Arc<str>>) -> Option<Duration> {
        let mut failures = self.failures();
        failures.state = match failures.state {
            // The probe or another query was answered, so the keys caused the failures.
            State::Doubted => State::Trusted { until: Instant::now() + RETRY_AFTER_MIN },
            State::Trusted { until } => State::Trusted { until },
            State::Up | State::Down { .. } | State::Tried { .. } => State::Up,
        };
        failures.failed.clear();
        if let Some(key) = key {
            failures.answered = Some(Arc::clone(key));
        }
        failures.down_since.take().map(|since| since.elapsed())
    }

    /// Records a failure for a key.
    pub(super) fn failed(&self, key: &Arc<str>) -> Reaction {
        self.failures().failed(key, Instant::now())
    }

    /// Records that a query was abandoned, so that no task is left for a probe.
    pub(super) fn given_up(&self, key: &Arc<str>) {
        let mut failures = self.failures();
        if let Reaction::Probe(_) = failures.failed(key, Instant::now()) {
            failures.leave_alone(Instant::now());
        }
    }

    /// Records that the probe failed, too. Returns the length of the pause.
    pub(super) fn probe_failed(&self) -> Option<Duration> {
        let mut failures = self.failures();
        match failures.state {
            State::Doubted | State::Tried { .. } => Some(failures.leave_alone(Instant::now())),
            State::Up | State::Trusted { .. } | State::Down { .. } => None,
        }
    }

    /// Records that a query never reached the source, which says nothing about it. If it was the
    /// trial, another one follows after the same pause.
    pub(super) fn not_asked(&self) {
        self.not_asked_if(|is_probed| !is_probed);
    }

    /// Does the same for a probe.
    pub(super) fn not_probed(&self) {
        self.not_asked_if(|_| true);
        let mut failures = self.failures();
        if let State::Doubted = failures.state {
            failures.state = State::Up;
            failures.failed.clear();
        }
    }

    fn not_asked_if(&self, concerns: impl Fn(bool) -> bool) {
        let mut failures = self.failures();
        if let State::Tried { pause, is_probed } = failures.state
            && concerns(is_probed)
        {
            failures.state = State::Down { until: Instant::now() + pause, pause };
        }
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn is_down_for(&self, key: &str, now: Instant) -> bool {
        match self.state {
            State::Up | State::Trusted { .. } | State::Doubted => false,
            // Other keys go first; if there are none for the length of a pause, the failed ones are
            // tried again.
            State::Down { until, pause } => {
                now < until || (self.has_failed(key) && now < until + pause)
            }
            State::Tried { .. } => true,
        }
    }

    fn failed(&mut self, key: &Arc<str>, now: Instant) -> Reaction {
        match self.state {
            State::Trusted { until } if now < until => return Reaction::GoOn,
            // These failures belong to queries that began earlier.
            State::Down { .. } | State::Doubted | State::Tried { is_probed: true, .. } => {
                return Reaction::GoOn;
            }
            State::Up | State::Trusted { .. } | State::Tried { .. } => {}
        }
        let is_trial = matches!(self.state, State::Tried { .. });
        if !self.has_failed(key) {
            if self.failed.len() >= FAILED_KEYS_IN_A_ROW_MAX {
                self.failed.remove(0);
            }
            self.failed.push(Arc::clone(key));
        }
        if !is_trial && self.failed.len() < FAILED_KEYS_IN_A_ROW_MAX {
            return Reaction::GoOn;
        }
        let Some(answered) = self.answered.clone().filter(|answered| !self.has_failed(answered))
        else {
            return Reaction::Pause(self.leave_alone(now));
        };
        self.state = match self.state {
            State::Tried { pause, .. } => State::Tried { pause, is_probed: true },
            _ => State::Doubted,
        };
        Reaction::Probe(answered)
    }

    /// Pauses the source for twice as long as before.
    fn leave_alone(&mut self, now: Instant) -> Duration {
        let pause = match self.state {
            State::Tried { pause, .. } | State::Down { pause, .. } => {
                (pause * 2).min(RETRY_AFTER_MAX)
            }
            State::Up | State::Trusted { .. } | State::Doubted => RETRY_AFTER_MIN,
        };
        self.state = State::Down { until: now + pause, pause };
        self.down_since.get_or_insert(now);
        pause
    }

    fn has_failed(&self, key: &str) -> bool {
        self.failed.iter().any(|failed| **failed == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Arc<str> {
        number.to_string().into()
    }

    /// Fails this many different keys.
    fn fail(back_off: &BackOff, count: usize) -> Reaction {
        (0..count).map(|number| back_off.failed(&key(number))).last().unwrap()
    }

    /// Moves the end of the pause to `more` ago.
    fn over(back_off: &BackOff, more: Duration) {
        match &mut back_off.failures().state {
            State::Down { until, .. } => *until = Instant::now().checked_sub(more).unwrap(),
            other => panic!("it is not left alone: {other:?}"),
        }
    }

    #[test]
    fn one_key_never_takes_a_source_away() {
        let back_off = BackOff::default();
        for _ in 0..1000 {
            assert_eq!(back_off.failed(&key(1)), Reaction::GoOn);
        }
        assert!(!back_off.is_down() && back_off.admits("2"));
    }

    #[test]
    fn a_source_that_fails_is_left_alone_longer_and_longer() {
        let back_off = BackOff::default();
        assert_eq!(fail(&back_off, FAILED_KEYS_IN_A_ROW_MAX - 1), Reaction::GoOn);
        let mut expected = RETRY_AFTER_MIN;
        for number in FAILED_KEYS_IN_A_ROW_MAX..FAILED_KEYS_IN_A_ROW_MAX + 8 {
            let asked = key(number);
            assert_eq!(back_off.failed(&asked), Reaction::Pause(expected));
            assert!(back_off.is_down() && !back_off.admits("other"));
            assert_eq!(back_off.failed(&key(99)), Reaction::GoOn, "a straggler changes nothing");
            over(&back_off, Duration::ZERO);
            assert!(!back_off.is_down());
            assert!(!back_off.admits(&asked), "another key goes first");
            assert!(back_off.admits("other"), "the trial");
            assert!(back_off.is_down() && !back_off.admits("other"), "only one");
            assert!(back_off.failures().failed.len() <= FAILED_KEYS_IN_A_ROW_MAX);
            expected = (expected * 2).min(RETRY_AFTER_MAX);
        }
        assert_eq!(expected, RETRY_AFTER_MAX);
        assert!(back_off.worked(Some(&key(1))).is_some(), "it is back");
        assert_eq!(back_off.worked(Some(&key(1))), None, "it was there");
        assert!(back_off.admits("1") && back_off.admits("1"));
    }

    #[test]
    fn a_key_that_failed_is_tried_if_there_is_no_other() {
        let back_off = BackOff::default();
        fail(&back_off, FAILED_KEYS_IN_A_ROW_MAX);
        over(&back_off, RETRY_AFTER_MIN);
        assert!(back_off.admits("0"));
    }

    #[test]
    fn a_source_is_probed_before_it_is_left_alone() {
        let back_off = BackOff::default();
        let good: Arc<str> = "good".into();
        back_off.worked(Some(&good));
        assert_eq!(fail(&back_off, FAILED_KEYS_IN_A_ROW_MAX), Reaction::Probe(Arc::clone(&good)));
        assert!(!back_off.is_down(), "it is in doubt only");
        assert_eq!(back_off.failed(&key(7)), Reaction::GoOn, "one probe at a time");
        assert_eq!(back_off.worked(Some(&good)), None);
        assert_eq!(fail(&back_off, 100), Reaction::GoOn, "it was seen to work a moment ago");
        back_off.failures().state = State::Trusted { until: Instant::now() };
        assert_eq!(fail(&back_off, FAILED_KEYS_IN_A_ROW_MAX), Reaction::Probe(Arc::clone(&good)));
        assert_eq!(back_off.probe_failed(), Some(RETRY_AFTER_MIN));
        over(&back_off, Duration::ZERO);
        assert!(back_off.admits("other"));
        assert_eq!(back_off.failed(&"other".into()), Reaction::Probe(good), "the trial failed");
        assert_eq!(back_off.failed(&key(7)), Reaction::GoOn, "a straggler");
        assert_eq!(back_off.probe_failed(), Some(RETRY_AFTER_MIN * 2));
        assert_eq!(back_off.probe_failed(), None);
    }

    #[test]
    fn a_key_that_was_answered_and_fails_now_is_no_probe() {
        let back_off = BackOff::default();
        back_off.worked(Some(&key(0)));
        assert_eq!(fail(&back_off, FAILED_KEYS_IN_A_ROW_MAX), Reaction::Pause(RETRY_AFTER_MIN));
    }

    #[test]
    fn a_trial_that_never_reached_the_source_is_followed_by_another() {
        let back_off = BackOff::default();
        back_off.not_asked();
        assert!(!back_off.is_down(), "it says nothing about the source");
        fail(&back_off, FAILED_KEYS_IN_A_ROW_MAX);
        over(&back_off, Duration::ZERO);
        assert!(back_off.admits("other"), "the trial");
        back_off.not_asked();
        assert!(back_off.is_down() && !back_off.admits("other"), "left alone once more");
        over(&back_off, Duration::ZERO);
        assert!(back_off.admits("other"), "another trial");
        let pause = back_off.failed(&"other".into());
        assert_eq!(pause, Reaction::Pause(RETRY_AFTER_MIN * 2), "the pause did not grow before");
    }

    #[test]
    fn a_probe_that_never_reached_the_source_says_nothing() {
        let back_off = BackOff::default();
        back_off.worked(Some(&"good".into()));
        fail(&back_off, FAILED_KEYS_IN_A_ROW_MAX);
        back_off.not_asked();
        assert!(
            matches!(back_off.failures().state, State::Doubted),
            "the probe is under way still"
        );
        back_off.not_probed();
        assert!(!back_off.is_down());
        fail(&back_off, FAILED_KEYS_IN_A_ROW_MAX);
        back_off.probe_failed();
        over(&back_off, Duration::ZERO);
        assert!(back_off.admits("other"));
        back_off.failed(&"other".into());
        back_off.not_probed();
        assert!(back_off.is_down(), "left alone once more");
    }

    #[test]
    fn a_trial_that_is_given_up_is_a_failure() {
        let back_off = BackOff::default();
        back_off.worked(Some(&"good".into()));
        fail(&back_off, FAILED_KEYS_IN_A_ROW_MAX);
        back_off.probe_failed();
        over(&back_off, Duration::ZERO);
        assert!(back_off.admits("other"));
        back_off.given_up(&"other".into());
        assert!(back_off.is_down(), "nobody is left to probe");
    }
}
