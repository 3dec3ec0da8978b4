//! Counters: how often each reason ended an input, and what else operators watch.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use lessor_core::Reason;

use crate::limits::{Limit, Limits};

/// Shared by all threads. Every count only grows, but for what says that something waits.
#[derive(Debug)]
pub(crate) struct Counters {
    reasons: Box<[AtomicU64]>,
    /// Packets that were dropped, by the limit that they were dropped at.
    pub(crate) limits: Limits,
    /// Events that the observers were too slow to take.
    pub(crate) events_lost: AtomicU64,
    /// Why the journal cannot be written now; none while it can.
    pub(crate) journal_problem: Mutex<Option<String>>,
    /// Options left out of replies because they did not fit.
    pub(crate) options_left_out: AtomicU64,
    /// Replies that went out without the relay agent information they should have echoed
    /// (RFC 3046 section 2.2 asks for this count).
    pub(crate) relay_information_left_out: AtomicU64,
    /// How often a pool filled up to 90 %.
    pub(crate) pools_nearly_full: AtomicU64,
    /// How often a pool filled up wholly.
    pub(crate) pools_full: AtomicU64,
    /// Messages that wait for lookups now.
    pub(crate) waiting_for_lookups: AtomicU64,
    /// Reloads that brought a new generation.
    pub(crate) reloads: AtomicU64,
    /// Reloads that were refused.
    pub(crate) reloads_refused: AtomicU64,
    /// New generations that were replaced by the one before them.
    pub(crate) rollbacks: AtomicU64,
    /// Differences of shadows that are counted but not journalled, because there were too many.
    pub(crate) shadow_lines_left_out: AtomicU64,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            reasons: Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            limits: Limits::default(),
            events_lost: AtomicU64::new(0),
            journal_problem: Mutex::new(None),
            options_left_out: AtomicU64::new(0),
            relay_information_left_out: AtomicU64::new(0),
            pools_nearly_full: AtomicU64::new(0),
            pools_full: AtomicU64::new(0),
            waiting_for_lookups: AtomicU64::new(0),
            reloads: AtomicU64::new(0),
            reloads_refused: AtomicU64::new(0),
            rollbacks: AtomicU64::new(0),
            shadow_lines_left_out: AtomicU64::new(0),
        }
    }

    /// Counts one input that ended in `reason`.
    pub(crate) fn count(&self, reason: Reason) {
        if let Some(counter) = self.reasons.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let limit = match reason {
            Reason::CrowdedOut => Limit::WaitingMessages,
            Reason::TooOld => Limit::WaitingTime,
            Reason::QueueFull => Limit::WaitingChanges,
            Reason::LookupQueueFull => Limit::WaitingForLookups,
            _ => return,
        };
        self.limits.reached(limit, 1);
    }

    /// Every reason that ended an input so far, with its count.
    pub(crate) fn reasons(&self) -> Vec<(Reason, u64)> {
        let counts = self.reasons.iter().map(|counter| counter.load(Ordering::Relaxed));
        Reason::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

/// Adds one.
pub(crate) fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_counted_at_its_own_place() {
        let counters = Counters::new();
        for reason in Reason::ALL {
            counters.count(*reason);
        }
        counters.count(Reason::NakByPolicy);
        let counts = counters.reasons();
        assert_eq!(counts.len(), Reason::ALL.len());
        for (reason, count) in counts {
            assert_eq!(count, if reason == Reason::NakByPolicy { 2 } else { 1 }, "{reason}");
        }
    }
}
