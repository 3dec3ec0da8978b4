//! What a worker commits: it submits the changes of a turn, and continues with the answers.

use std::sync::{Arc, Mutex, PoisonError};

use lessor_core::{Changes, Reason, StorageAnswer};
use lessor_stages::Written;
use lessor_store::Submission;

use crate::{clock, exchange::Exchange};

use super::{Worker, message::Message};

/// The number of changes of one worker that may wait for storage. Beyond it, messages wait in the
/// worker's backlog, which orders them by urgency and chooses which ones to drop.
const WAITING_CHANGES_MAX: usize = 4096;

impl Worker {
    /// Returns whether storage has room for the changes of another turn. If not, the worker decides
    /// only what changes nothing. A worker without changes in flight continues in any case, because
    /// no answer would wake it when there is room; changes that storage then rejects end their
    /// exchanges.
    pub(super) fn may_change_more(&self) -> bool {
        self.waiting_changes == 0
            || (self.waiting_changes < WAITING_CHANGES_MAX && self.shared.committer.has_room())
    }

    /// Submits the changes of a turn to storage, to be made durable with one flush. Returns whether
    /// there were any.
    pub(super) fn submit(&mut self) -> bool {
        let exchanges = std::mem::take(&mut self.to_commit);
        if exchanges.is_empty() {
            return false;
        }
        let decisions: Vec<Changes> =
            exchanges.iter().map(|exchange| exchange.stage.changes().clone()).collect();
        let changes: usize = decisions.iter().map(|changes| changes.len()).sum();
        // The closure owns the exchanges. If storage has no room, the closure comes back unused,
        // and the exchanges must come back too, so both sides share them through this slot.
        let slot = Arc::new(Mutex::new(exchanges));
        let (sender, waker, in_flight) =
            (self.sender.clone(), self.waker.clone(), Arc::clone(&slot));
        let on_done = Box::new(move |_decisions, answers| {
            let exchanges = take(&in_flight);
            let _ = sender.send(Message::Committed { exchanges, answers });
            waker.wake();
        });
        match self.shared.committer.submit(Submission { decisions, on_done }) {
            Ok(()) => self.waiting_changes += changes,
            Err(_refused) => {
                let now = clock::now();
                let reason = match self.shared.committer.is_stalled() {
                    true => Reason::StoreStalled,
                    false => Reason::QueueFull,
                };
                for exchange in take(&slot) {
                    let pipeline = self.shared.pipeline();
                    let finished = pipeline.abandon(&mut self.held, now, exchange, reason);
                    self.finish(finished);
                }
            }
        }
        true
    }

    pub(super) fn committed(
        &mut self,
        exchanges: Vec<Exchange<Written>>,
        answers: &[StorageAnswer],
    ) {
        let changes: usize = exchanges.iter().map(|exchange| exchange.stage.changes().len()).sum();
        self.waiting_changes = self.waiting_changes.saturating_sub(changes);
        let now = clock::now();
        // Storage answers every decision; a missing answer must not count as durable.
        let answers = answers.iter().chain(std::iter::repeat(&StorageAnswer::NotMade));
        for (exchange, answer) in exchanges.into_iter().zip(answers) {
            let pipeline = self.shared.pipeline_with(&self.wakes);
            let next = pipeline.committed(&mut self.held, now, exchange, answer);
            self.proceed(next);
        }
    }
}

fn take(slot: &Mutex<Vec<Exchange<Written>>>) -> Vec<Exchange<Written>> {
    std::mem::take(&mut slot.lock().unwrap_or_else(PoisonError::into_inner))
}
