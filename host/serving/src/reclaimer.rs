//! The thread beside the workers that reclaims what has ended, in small pieces, and watches what
//! changes slowly: pools, the store, the log and the clock.
//!
//! Does not decide what has ended; the engines do. Invariant: the lock of a network is held for one
//! batch at most.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use lessor_store::CommitterStatus;

use crate::{alarms::PoolWatch, clock, logging, shared::Shared};

/// The interval at which ended leases, offers and quarantines are reclaimed.
const RECLAIM_EVERY: Duration = Duration::from_millis(200);
/// The shortest time between two log lines about a store that cannot write.
const STORE_LOG_EVERY: Duration = Duration::from_secs(10);
/// The number of ended leases that are reclaimed under one lock.
const RECLAIM_BATCH: usize = 256;
/// Reclaims what has ended, in small pieces; reports pools that fill up and a store that cannot
/// write; watches the clock.
pub(crate) struct Reclaimer {
    shared: Arc<Shared>,
    told: Receiver<()>,
    pools: PoolWatch,
    store: StoreWatch,
    log_lines_lost: u64,
    clock: clock::Keeper,
}

/// What the log already says about the store.
#[derive(Default)]
struct StoreWatch {
    /// The number of failed flushes that was last logged.
    failed_flushes: u64,
    told_at: Option<Instant>,
    is_failing: bool,
    complaint: Option<String>,
    complained_at: Option<Instant>,
}

impl Reclaimer {
    /// Creates the reclaimer of a server whose store is in `folder`. It runs until the sender of
    /// `told` is dropped.
    pub(crate) fn new(shared: Arc<Shared>, told: Receiver<()>, folder: Option<PathBuf>) -> Self {
        Self {
            pools: PoolWatch::new(Arc::clone(&shared.counters)),
            shared,
            told,
            store: StoreWatch::default(),
            log_lines_lost: 0,
            clock: clock::Keeper::new(folder),
        }
    }

    /// Works until it is asked to stop.
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        while self.told.recv_timeout(RECLAIM_EVERY) == Err(RecvTimeoutError::Timeout) {
            while self.reclaim_some() {}
            self.look_at_pools();
            self.store.look(&self.shared.committer.status(), Instant::now());
            self.look_at_log();
            self.clock.look();
        }
        self.clock.write_note();
        Ok(())
    }

    /// Reclaims one batch of every network. Returns whether there is more.
    fn reclaim_some(&self) -> bool {
        let now = clock::now();
        let mut more = false;
        self.shared.engines.load().for_each(|engine| {
            if engine.next_deadline().is_some_and(|deadline| deadline <= now) {
                self.shared.recorder.reclaim(now, engine.network(), RECLAIM_BATCH);
                let expired = engine.reclaim(now, RECLAIM_BATCH);
                self.shared.observer.expired(engine.network(), expired);
                more |= engine.next_deadline().is_some_and(|deadline| deadline <= now);
            }
        });
        more
    }

    fn look_at_pools(&mut self) {
        let pools = &mut self.pools;
        self.shared.engines.load().for_each(|engine| {
            pools.look(&engine.network().name, &engine.usage());
        });
    }

    fn look_at_log(&mut self) {
        let lost = logging::lines_lost();
        if lost > self.log_lines_lost {
            tracing::warn!(lost, "log lines were lost: standard error is not read in time");
            self.log_lines_lost = lost;
        }
    }
}

impl StoreWatch {
    /// Logs what is new: a failure at once, its continuation at intervals, and its end.
    fn look(&mut self, status: &CommitterStatus, now: Instant) {
        let is_due = self.told_at.is_none_or(|at| now.duration_since(at) >= STORE_LOG_EVERY);
        let fails = status.failed_flushes > self.failed_flushes || status.is_stalled;
        if fails && is_due {
            self.told_at = Some(now);
            self.failed_flushes = status.failed_flushes;
            self.is_failing = true;
            tracing::error!(
                failed_flushes = status.failed_flushes,
                error = status.last_error,
                "the store cannot write: no lease is acknowledged until it can"
            );
        } else if self.is_failing && status.last_error.is_none() && is_due {
            self.told_at = Some(now);
            self.failed_flushes = status.failed_flushes;
            self.is_failing = false;
            tracing::info!(failed_flushes = status.failed_flushes, "the store can write again");
        }
        let is_due = self.complained_at.is_none_or(|at| now.duration_since(at) >= STORE_LOG_EVERY);
        if status.complaint != self.complaint && is_due {
            self.complained_at = Some(now);
            self.complaint.clone_from(&status.complaint);
            if let Some(complaint) = &self.complaint {
                tracing::error!("{complaint}");
            }
        }
    }
}
