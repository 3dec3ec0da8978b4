//! What a source did so far.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::failure_log::FailureLog;

/// What a source did since it was opened, for status and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SourceStatus {
    /// What policies call it.
    pub name: String,
    /// What kind of source it is.
    pub kind: String,
    /// Where it is: a path, a URL or a server.
    pub location: String,
    /// Rows in memory, for a file; answers in the cache, for others.
    pub rows: u64,
    /// Questions that got an answer, of whichever kind.
    pub asked: u64,
    /// Answered with a row from memory.
    pub hits: u64,
    /// Answered from memory that there is no row.
    pub negative_hits: u64,
    /// Answered with a row that is older than it should be.
    pub stale: u64,
    /// Not answered: the source failed, was left alone after failing, or too many waited.
    pub unavailable: u64,
    /// Questions that the source itself answered. Many who ask for one key at once make one.
    pub fetched: u64,
    /// Questions that it did not answer as it should, without those that it did not answer in time.
    pub failures: u64,
    /// Questions that it did not answer in time.
    pub timeouts: u64,
    /// Questions that were refused because too many waited, or that waited too long for their turn.
    pub refused: u64,
    /// Questions that wait for the source now.
    pub in_flight: u64,
    /// How long the source took to answer, in microseconds, without waiting for a turn: the mean.
    pub mean_us: u64,
    /// And the longest.
    pub max_us: u64,
    /// Whether the source is left alone for a while because it failed.
    pub is_down: bool,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When that was, as RFC 3339 writes it.
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

/// What went wrong last.
#[derive(Clone, Debug)]
struct Trouble {
    error: String,
    at: Instant,
    clock: jiff::Timestamp,
}

impl Counters {
    /// Counts one more.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The source answered.
    pub(crate) fn fetched(&self, took: Duration) {
        let took_us = took.as_micros() as u64;
        Self::count(&self.fetched);
        self.fetching_us.fetch_add(took_us, Ordering::Relaxed);
        self.max_us.fetch_max(took_us, Ordering::Relaxed);
    }

    /// Remembers what went wrong, and logs it unless that is no news.
    pub(crate) fn went_wrong(&self, source: &str, key: &str, error: &str) {
        let trouble =
            Trouble { error: error.to_owned(), at: Instant::now(), clock: jiff::Timestamp::now() };
        *self.trouble() = Some(trouble);
        self.log.failed(source, key, error);
    }

    /// The source is left alone for a while.
    pub(crate) fn left_alone(&self, source: &str, pause: Duration) {
        self.log.left_alone(source, pause);
    }

    /// The source answers again.
    pub(crate) fn is_back(&self, source: &str, after: Duration) {
        self.log.is_back(source, after);
    }

    /// What went wrong last, and how long ago.
    pub(crate) fn last_error(&self) -> Option<(String, Duration)> {
        self.trouble().as_ref().map(|trouble| (trouble.error.clone(), trouble.at.elapsed()))
    }

    /// The numbers, under names.
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
