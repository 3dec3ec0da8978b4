//! What happened to the changes of an exchange: storage made them, refused them, or never got them.
//!
//! Not here: the store. Invariant: the engine is told about each change.

use lessor_core::{Change, Committed, Reason, Timestamp};
use lessor_policy_host::Runner;

use super::{Exchange, Pipeline, SUCCESSORS_MAX};

/// How often a request is decided again after a conflict in storage; then it is dropped.
pub(super) const CONFLICTS_MAX: u8 = 3;

impl Pipeline<'_> {
    /// Hears from storage. Says whether the exchange is finished; if not, it was decided again and
    /// its new changes must be committed.
    pub(crate) fn committed(
        &self,
        runner: &mut Runner,
        now: Timestamp,
        exchange: &mut Exchange,
        results: &[Committed],
    ) -> bool {
        let changes = std::mem::take(&mut exchange.changes);
        // Storage answers every change; if it did not, nothing would be known to be durable.
        let answers = || {
            let unanswered = std::iter::repeat(&Committed::Failed);
            changes.iter().zip(results.iter().chain(unanswered))
        };
        for (change, result) in answers() {
            self.settle(now, change, result);
        }
        if answers().any(|(_, result)| *result == Committed::Failed) {
            exchange.fail(Reason::StoreFailed, None);
        } else if answers().all(|(_, result)| *result == Committed::Durable) {
            exchange.changes = changes;
        } else if exchange.conflicts < CONFLICTS_MAX {
            exchange.conflicts += 1;
            self.decide_under_terms(runner, now, exchange);
            return exchange.changes.is_empty();
        } else {
            exchange.fail(Reason::StoreConflict, None);
        }
        true
    }

    /// Takes back what the engine assumed of an exchange whose changes never reached storage.
    pub(crate) fn abandon(
        &self,
        now: Timestamp,
        exchange: &mut Exchange,
        reason: Reason,
        detail: Option<String>,
    ) {
        for change in &std::mem::take(&mut exchange.changes) {
            self.settle(now, change, &Committed::Failed);
        }
        exchange.fail(reason, detail);
    }

    /// The engine that owns the address hears what became of its change; it may have been
    /// succeeded meanwhile.
    fn settle(&self, now: Timestamp, change: &Change, result: &Committed) {
        for _ in 0..SUCCESSORS_MAX {
            let generation = self.generation.load();
            let settled = generation
                .shards
                .with_owner_of(change.lease.address, |engine| engine.settle(now, change, result));
            if settled.is_ok() {
                return;
            }
        }
        tracing::error!(address = %change.lease.address, "no engine heard what storage did");
    }
}
