//! The counters of the committer, for metrics and for the log.
//!
//! Does not handle failures. Invariant: counters never decrease while the process runs.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The state of group commit. Counters begin at zero when the committer starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitterStatus {
    /// The number of changes that currently wait for a batch.
    pub waiting_changes: u64,
    /// Batches passed to the store, including those that failed.
    pub flushes: u64,
    /// Batches that the store could not write.
    pub failed_flushes: u64,
    /// Changes in all batches; divided by `flushes`, the mean size of a batch.
    pub changes: u64,
    /// The largest batch, in changes.
    pub largest_batch_changes: u64,
    /// Time spent in all flushes, in microseconds; divided by `flushes`, the mean.
    pub flush_us: u64,
    /// The longest flush, in microseconds.
    pub longest_flush_us: u64,
    /// Whether the current flush takes longer than [`crate::Committer::STALLED_AFTER_MS`].
    pub is_stalled: bool,
    /// Why the latest flush failed, or does not end, as a sentence for the log; `None` as soon as a
    /// flush succeeds.
    pub last_error: Option<String>,
    /// A problem of the store that exists although flushes succeed, as a sentence for the log.
    pub complaint: Option<String>,
}

/// The counters behind a [`CommitterStatus`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    flushes: AtomicU64,
    failed_flushes: AtomicU64,
    changes: AtomicU64,
    largest_batch_changes: AtomicU64,
    flush_us: AtomicU64,
    longest_flush_us: AtomicU64,
    last_error: Mutex<Option<String>>,
    complaint: Mutex<Option<String>>,
}

impl Counters {
    /// Counts one flush. `error` is the cause if it failed.
    pub(crate) fn count(&self, changes: usize, took: Duration, error: Option<String>) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.flushes.fetch_add(1, Relaxed);
        self.failed_flushes.fetch_add(error.is_some().into(), Relaxed);
        self.changes.fetch_add(changes as u64, Relaxed);
        self.largest_batch_changes.fetch_max(changes as u64, Relaxed);
        self.flush_us.fetch_add(took_us, Relaxed);
        self.longest_flush_us.fetch_max(took_us, Relaxed);
        self.set_error(error);
    }

    pub(crate) fn set_error(&self, error: Option<String>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    pub(crate) fn set_complaint(&self, complaint: Option<String>) {
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = complaint;
    }

    pub(crate) fn snapshot(&self, waiting_changes: usize) -> CommitterStatus {
        CommitterStatus {
            waiting_changes: waiting_changes as u64,
            flushes: self.flushes.load(Relaxed),
            failed_flushes: self.failed_flushes.load(Relaxed),
            changes: self.changes.load(Relaxed),
            largest_batch_changes: self.largest_batch_changes.load(Relaxed),
            flush_us: self.flush_us.load(Relaxed),
            longest_flush_us: self.longest_flush_us.load(Relaxed),
            is_stalled: false,
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            complaint: self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
