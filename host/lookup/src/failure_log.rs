//! Logs when a source fails, is paused, and answers again.
//!
//! Does not affect the status and the answers for policies. Invariant: however a source behaves and
//! however many callers query it, there is at most one line about failures in [`LOG_LINE_EVERY`],
//! and one pair of lines about its pause and return.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lessor_aside::Throttle;

use crate::limits::{LOG_LINE_EVERY, SAME_ERROR_EVERY};

/// The log state of one source.
#[derive(Debug)]
pub(crate) struct FailureLog {
    failures: Throttle,
    pauses: Throttle,
    /// The failure that was logged last, and when.
    told: Mutex<Option<(String, Instant)>>,
    /// Whether the log says that the source is paused, and not yet that it is back.
    says_left_alone: AtomicBool,
}

impl Default for FailureLog {
    fn default() -> Self {
        Self {
            failures: Throttle::new(LOG_LINE_EVERY),
            pauses: Throttle::new(LOG_LINE_EVERY),
            told: Mutex::default(),
            says_left_alone: AtomicBool::new(false),
        }
    }
}

impl FailureLog {
    /// Logs that a query failed.
    pub(crate) fn failed(&self, source: &str, key: &str, error: &str) {
        if let Some(left_out) = self.news(error, Instant::now()) {
            tracing::warn!(source, ?key, failures_left_out = left_out, "lookup failed: {error}");
        }
    }

    /// Logs that the source is paused from now on.
    pub(crate) fn left_alone(&self, source: &str, pause: Duration) {
        if self.pauses.pass().is_some() {
            self.says_left_alone.store(true, Ordering::Relaxed);
            let pause_ms = pause.as_millis() as u64;
            tracing::warn!(source, pause_ms, "lookup source is paused");
        }
    }

    /// Logs that the source answers again.
    pub(crate) fn is_back(&self, source: &str, after: Duration) {
        if self.says_left_alone.swap(false, Ordering::Relaxed) {
            let after_ms = after.as_millis() as u64;
            tracing::info!(source, after_ms, "lookup source answers again");
        }
    }

    /// The number of failures omitted before this one, or `None` if this one is not to be logged.
    fn news(&self, error: &str, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_told = told.as_ref().is_some_and(|(text, at)| {
            text == error && now.saturating_duration_since(*at) < SAME_ERROR_EVERY
        });
        if is_told {
            return None;
        }
        let left_out = self.failures.pass_at(now)?;
        *told = Some((error.to_owned(), now));
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds at which lines were written, and the number of failures that each omitted.
    fn lines(failures: impl Iterator<Item = (u64, &'static str)>) -> Vec<(u64, u64)> {
        let (log, start) = (FailureLog::default(), Instant::now());
        failures
            .filter_map(|(secs, error)| {
                Some((secs, log.news(error, start + Duration::from_secs(secs))?))
            })
            .collect()
    }

    #[test]
    fn errors_that_alternate_do_not_flood_the_log() {
        let alternating = (0..30).map(|secs| (secs, if secs % 2 == 0 { "a" } else { "b" }));
        // Repetitions of an error that was just logged are neither logged nor counted as omitted.
        assert_eq!(lines(alternating), [(0, 0), (11, 5), (22, 5)]);
    }

    #[test]
    fn the_same_error_is_news_after_a_while() {
        let again = SAME_ERROR_EVERY.as_secs();
        assert_eq!(lines((0..=again).map(|secs| (secs, "a"))), [(0, 0), (again, 0)]);
    }

    #[test]
    fn a_source_that_comes_and_goes_is_reported_now_and_then() {
        let log = FailureLog::default();
        for _ in 0..100 {
            log.left_alone("crm", Duration::from_secs(1));
            log.is_back("crm", Duration::from_secs(1));
        }
        assert!(!log.says_left_alone.load(Ordering::Relaxed), "the last line says that it is back");
        log.left_alone("crm", Duration::from_secs(1));
        assert!(!log.says_left_alone.load(Ordering::Relaxed), "a second line would come too soon");
    }
}
