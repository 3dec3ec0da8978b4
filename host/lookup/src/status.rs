//! The status of a source.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::failure_log::FailureLog;

/// The counters and state of a source since it was opened, for status and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SourceStatus {
    /// The name of the source in policies.
    pub name: String,
    /// The kind of source.
    pub kind: String,
    /// The location: a path, a URL or a server.
    pub location: String,
    /// For a file the number of rows in memory, for others the number of answers in the cache.
    pub rows: u64,
    /// The number of lookups that got an answer of any kind.
    pub asked: u64,
    /// The number of lookups answered with a row from memory.
    pub hits: u64,
    /// The number of lookups answered from memory that there is no row.
    pub negative_hits: u64,
    /// The number of lookups answered with an expired row.
    pub stale: u64,
    /// The number of lookups without an answer: the source failed or was paused, or too many
    /// waited.
    pub unavailable: u64,
    /// The number of queries that the source answered. Concurrent lookups of one key share a query.
    pub fetched: u64,
    /// The number of queries that failed, without timeouts.
    pub failures: u64,
    /// The number of queries that timed out.
    pub timeouts: u64,
    /// The number of queries refused because too many waited, or that waited too long for their
    /// turn.
    pub refused: u64,
    /// The number of queries in progress.
    pub in_flight: u64,
    /// The mean time that the source took to answer, in microseconds, without waiting for a turn.
    pub mean_us: u64,
    /// The longest time that the source took to answer, in microseconds.
    pub max_us: u64,
    /// Whether the source is paused because it failed.
    pub is_down: bool,
    /// The last error.
    pub last_error: Option<String>,
    /// The time of the last error, in the format of RFC 3339.
    #[serde(default)]
    pub last_error_at: Option<String>,
}

/// The counters of one source.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) asked: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) negative_hits: AtomicU64,
    pub(crate) stale: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) refused: AtomicU64,
    fetched: AtomicU64,
    fetching_us: AtomicU64,
    max_us: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
    log: FailureLog,
}

/// The last error and its time.
#[derive(Clone, Debug)]
struct Trouble {
    error: String,
    at: Instant,
    clock: jiff::Timestamp,
}

impl Counters {
    /// Increments a counter.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer of the source.
    pub(crate) fn fetched(&self, took: Duration) {
        let took_us = took.as_micros() as u64;
        Self::count(&self.fetched);
        self.fetching_us.fetch_add(took_us, Ordering::Relaxed);
        self.max_us.fetch_max(took_us, Ordering::Relaxed);
    }

    /// Records an error, and logs it unless it was logged recently.
    pub(crate) fn went_wrong(&self, source: &str, key: &str, error: &str) {
        let trouble =
            Trouble { error: error.to_owned(), at: Instant::now(), clock: jiff::Timestamp::now() };
        *self.trouble() = Some(trouble);
        self.log.failed(source, key, error);
    }

    /// Logs that the source is paused.
    pub(crate) fn left_alone(&self, source: &str, pause: Duration) {
        self.log.left_alone(source, pause);
    }

    /// Logs that the source answers again.
    pub(crate) fn is_back(&self, source: &str, after: Duration) {
        self.log.is_back(source, after);
    }

    /// The last error, and how long ago it happened.
    pub(crate) fn last_error(&self) -> Option<(String, Duration)> {
        self.trouble().as_ref().map(|trouble| (trouble.error.clone(), trouble.at.elapsed()))
    }

    /// The values of the counters.
    pub(crate) fn status(&self) -> SourceStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let fetched = read(&self.fetched);
        let (last_error, last_error_at) = match &*self.trouble() {
            Some(Trouble { error, clock, .. }) => {
                (Some(error.clone()), Some(format!("{clock:.0}")))
            }
            None => (None, None),
        };
        SourceStatus {
            asked: read(&self.asked),
            hits: read(&self.hits),
            negative_hits: read(&self.negative_hits),
            stale: read(&self.stale),
            unavailable: read(&self.unavailable),
            fetched,
            failures: read(&self.failures),
            timeouts: read(&self.timeouts),
            refused: read(&self.refused),
            mean_us: read(&self.fetching_us).checked_div(fetched).unwrap_or_default(),
            max_us: read(&self.max_us),
            last_error,
            last_error_at,
            ..SourceStatus::default()
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
