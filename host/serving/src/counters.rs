//! Counters: how often each reason ended an input, and other numbers that operators watch.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use lessor_core::Reason;

use crate::{
    class_counts::ClassCounts,
    limits::{Limit, Limits},
};

/// The counters, shared by all threads. Every count only grows, except the numbers of things that
/// wait.
#[derive(Debug)]
pub(crate) struct Counters {
    reasons: Box<[AtomicU64]>,
    /// Dropped packets, by the limit that dropped them.
    pub(crate) limits: Limits,
    /// Events that were lost because the observer was too slow.
    pub(crate) events_lost: AtomicU64,
    /// Messages of a client key with another hardware address, or behind another line, than its
    /// active lease has.
    pub(crate) keys_seen_elsewhere: Told,
    /// The messages of each class.
    pub(crate) classes: ClassCounts,
    /// Addresses that were offered unprobed, because too many others were probed or the probe could
    /// not be sent.
    pub(crate) offered_unprobed: Told,
    /// Why the journal cannot be written now; `None` while it can.
    pub(crate) journal_problem: Mutex<Option<String>>,
    /// Options left out of replies because they did not fit.
    pub(crate) options_left_out: AtomicU64,
    /// Replies that left without the relay agent information that they should have echoed (RFC 3046
    /// section 2.2 asks for this count).
    pub(crate) relay_information_left_out: AtomicU64,
    /// Messages that were read only up to a truncated option.
    pub(crate) messages_cut_short: AtomicU64,
    /// How often a pool became 90 % full.
    pub(crate) pools_nearly_full: AtomicU64,
    /// How often a pool became full.
    pub(crate) pools_full: AtomicU64,
    /// Messages that wait for lookups at the moment.
    pub(crate) waiting_for_lookups: AtomicU64,
    /// Reloads that started a new generation.
    pub(crate) reloads: AtomicU64,
    /// Reloads that were rejected.
    pub(crate) reloads_refused: AtomicU64,
    /// New generations that were rolled back to the one before.
    pub(crate) rollbacks: AtomicU64,
    /// Differences of shadows that are counted but not journalled, because there were too many.
    pub(crate) shadow_lines_left_out: AtomicU64,
}

/// Counts something that is also logged, at most once in ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Told {
    count: AtomicU64,
    told: Mutex<Option<(Instant, u64)>>,
}

/// The shortest time between two log lines about one thing.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(10);

impl Told {
    /// Returns how often it happened.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts one more. If it should be logged, returns how many there were since the last log
    /// line.
    pub(crate) fn note(&self) -> Option<u64> {
        self.note_at(Instant::now())
    }

    fn note_at(&self, now: Instant) -> Option<u64> {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        // If the lock is taken, another thread is about to log it.
        let mut told = self.told.try_lock().ok()?;
        let untold = match *told {
            Some((at, _)) if now.saturating_duration_since(at) < TELL_AGAIN_AFTER => return None,
            Some((_, told)) => count.saturating_sub(told),
            None => count,
        };
        *told = Some((now, count));
        Some(untold)
    }
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            reasons: Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            limits: Limits::default(),
            events_lost: AtomicU64::new(0),
            keys_seen_elsewhere: Told::default(),
            classes: ClassCounts::default(),
            offered_unprobed: Told::default(),
            journal_problem: Mutex::new(None),
            options_left_out: AtomicU64::new(0),
            relay_information_left_out: AtomicU64::new(0),
            messages_cut_short: AtomicU64::new(0),
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
            Reason::ChangeQueueFull => Limit::WaitingForStorage,
            _ => return,
        };
        self.limits.reached(limit, 1);
    }

    /// Returns every reason that has ended an input so far, with its count.
    pub(crate) fn reasons(&self) -> Vec<(Reason, u64)> {
        let counts = self.reasons.iter().map(|counter| counter.load(Ordering::Relaxed));
        Reason::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

pub(crate) fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_of_one_thing_at_once_and_then_now_and_then() {
        let told = Told::default();
        let start = Instant::now();
        assert_eq!(told.note_at(start), Some(1));
        assert_eq!(told.note_at(start), None);
        assert_eq!(told.note_at(start + TELL_AGAIN_AFTER - Duration::from_millis(1)), None);
        assert_eq!(told.note_at(start + TELL_AGAIN_AFTER), Some(3));
        assert_eq!(told.count(), 4);
    }

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
