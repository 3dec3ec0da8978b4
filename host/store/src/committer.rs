//! Group commit: one thread in front of a store takes all waiting changes, commits them with one
//! flush, and then passes the results to the callers.
//!
//! Makes no decisions about bindings. Invariant: `on_done` of every accepted submission runs
//! exactly once, regardless of what the store does.

use std::{
    any::Any,
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use lessor_core::{Changes, StorageAnswer};

use crate::{CommitterStatus, Store, status::Counters};

/// The limits of a [`Committer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitterLimits {
    /// The maximum number of waiting changes; a submission that would exceed it is returned.
    pub waiting_changes: usize,
    /// The maximum number of changes in one batch. A submission is never split: a larger one is a
    /// separate batch.
    pub batch_changes: usize,
}

/// Changes for storage.
pub struct Submission {
    /// The decisions whose changes to commit, in order.
    pub decisions: Vec<Changes>,
    /// Receives the decisions back, with one answer for each. It runs on the committer's thread, so
    /// it should only pass them on.
    pub on_done: Box<dyn FnOnce(Vec<Changes>, Vec<StorageAnswer>) + Send>,
}

/// A handle to the one thread in front of a store. Clones use the same thread.
#[derive(Clone)]
pub struct Committer {
    shared: Arc<Shared>,
}

/// The committer's thread. Dropping it stops the thread after all waiting changes were committed.
pub struct CommitterThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// The time in milliseconds after which a flush is considered stalled. Clients retransmit after
    /// 4 s, so a later result would be of no use to them.
    pub const STALLED_AFTER_MS: u64 = 1_000;

    /// Starts the thread. The store should be loaded before.
    ///
    /// If the system cannot start a thread, every submission is returned, and the status contains
    /// the cause.
    pub fn start(store: Box<dyn Store>, limits: CommitterLimits) -> (Self, CommitterThread) {
        let shared = Arc::new(Shared {
            limits,
            queue: Mutex::default(),
            arrived: Condvar::new(),
            counters: Counters::default(),
        });
        let started = thread::Builder::new().name("lessor-store".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || run(&shared, store)
        });
        let thread = started
            .map_err(|error| {
                shared.queue().closed = true;
                shared.counters.set_error(Some(format!(
                    "the thread that writes leases cannot be started: {error}; raise the limit of \
                     processes and threads for this user"
                )));
            })
            .ok();
        (Self { shared: Arc::clone(&shared) }, CommitterThread { shared, thread })
    }

    /// Submits changes.
    ///
    /// # Errors
    ///
    /// Returns the submission if too many changes already wait, if a flush is stalled, or if the
    /// committer is closed.
    pub fn submit(&self, submission: Submission) -> Result<(), Submission> {
        let mut queue = self.shared.queue();
        let waiting_changes = queue.waiting_changes.saturating_add(submission.changes());
        let is_full = waiting_changes > self.shared.limits.waiting_changes;
        if queue.closed || is_full || queue.is_stalled() {
            return Err(submission);
        }
        queue.waiting_changes = waiting_changes;
        queue.submissions.push_back(submission);
        let wake = std::mem::take(&mut queue.idle);
        drop(queue);
        if wake {
            self.shared.arrived.notify_one();
        }
        Ok(())
    }

    /// Returns whether fewer than half of the allowed changes wait and no flush is stalled. A
    /// caller that submits only a few changes at a time, and none while this returns `false`,
    /// rarely has a submission returned.
    pub fn has_room(&self) -> bool {
        let queue = self.shared.queue();
        let has_places = queue.waiting_changes < self.shared.limits.waiting_changes.div_ceil(2);
        has_places && !queue.is_stalled()
    }

    /// Returns whether the current flush takes longer than [`Committer::STALLED_AFTER_MS`]: the
    /// disk does not answer. Until it does, submissions are returned.
    pub fn is_stalled(&self) -> bool {
        self.shared.queue().is_stalled()
    }

    /// The state of the committer.
    pub fn status(&self) -> CommitterStatus {
        let queue = self.shared.queue();
        let (waiting_changes, stalled_for) = (queue.waiting_changes, queue.stalled_for());
        drop(queue);
        let mut status = self.shared.counters.snapshot(waiting_changes);
        if let Some(stalled_for) = stalled_for {
            let secs = stalled_for.as_secs();
            status.is_stalled = true;
            status.last_error =
                Some(format!("the disk does not answer: a flush has taken {secs} s so far"));
        }
        status
    }
}

impl CommitterThread {
    /// Refuses further submissions, commits those that wait, closes the store and ends the thread.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for CommitterThread {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread catches every panic of the store and of callbacks, so there is no error to
            // report.
            let _ = thread.join();
        }
    }
}

impl Submission {
    /// The number of changes in the submission.
    fn changes(&self) -> usize {
        changes_of(&self.decisions)
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").field("status", &self.status()).finish()
    }
}

impl fmt::Debug for CommitterThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitterThread").field("limits", &self.shared.limits).finish()
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("decisions", &self.decisions).finish_non_exhaustive()
    }
}

struct Shared {
    limits: CommitterLimits,
    queue: Mutex<Queue>,
    arrived: Condvar,
    counters: Counters,
}

#[derive(Default)]
struct Queue {
    submissions: VecDeque<Submission>,
    waiting_changes: usize,
    /// Whether the thread sleeps, so that a submission to a busy thread costs no system call.
    idle: bool,
    closed: bool,
    /// The start of the current flush.
    flushing_since: Option<Instant>,
}

impl Queue {
    fn is_stalled(&self) -> bool {
        self.stalled_for().is_some()
    }

    /// How long the current flush has taken, if it is stalled.
    fn stalled_for(&self) -> Option<Duration> {
        let took = self.flushing_since?.elapsed();
        (took > Duration::from_millis(Committer::STALLED_AFTER_MS)).then_some(took)
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_flushing_since(&self, since: Option<Instant>) {
        self.queue().flushing_since = since;
    }

    /// Waits for submissions and takes as many as fit into one batch. Returns none once the queue
    /// is closed and empty.
    fn take(&self) -> Vec<Submission> {
        let mut queue = self.queue();
        while queue.submissions.is_empty() && !queue.closed {
            queue.idle = true;
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.idle = false;
        let mut taken = Vec::new();
        let mut taken_changes = 0;
        while let Some(next) = queue.submissions.front() {
            let changes = next.changes();
            if !taken.is_empty() && taken_changes + changes > self.limits.batch_changes {
                break;
            }
            taken_changes += changes;
            taken.extend(queue.submissions.pop_front());
        }
        queue.waiting_changes -= taken_changes;
        taken
    }
}

/// The main loop of the thread.
fn run(shared: &Shared, mut store: Box<dyn Store>) {
    loop {
        let mut submissions = shared.take();
        if submissions.is_empty() {
            return;
        }
        let mut batch = Vec::new();
        let sizes: Vec<usize> = submissions
            .iter_mut()
            .map(|submission| {
                let decisions = submission.decisions.len();
                batch.append(&mut submission.decisions);
                decisions
            })
            .collect();
        let mut answers = commit(shared, &mut *store, &batch).into_iter();
        let mut batch = batch.into_iter();
        for (submission, size) in submissions.into_iter().zip(sizes) {
            let decisions: Vec<Changes> = batch.by_ref().take(size).collect();
            let answers: Vec<StorageAnswer> = answers.by_ref().take(size).collect();
            // A callback that panics has been called. The panic is the callback's fault, and the
            // panic hook reports it.
            let _ = catch_unwind(AssertUnwindSafe(|| (submission.on_done)(decisions, answers)));
        }
    }
}

/// Makes one flush, updates the counters, and returns exactly one answer per decision.
fn commit(shared: &Shared, store: &mut dyn Store, batch: &[Changes]) -> Vec<StorageAnswer> {
    let changes = changes_of(batch);
    if changes == 0 {
        // Decisions without changes are trivially committed.
        return vec![StorageAnswer::Made; batch.len()];
    }
    let begin = Instant::now();
    shared.set_flushing_since(Some(begin));
    let outcome = catch_unwind(AssertUnwindSafe(|| store.commit(batch)));
    shared.set_flushing_since(None);
    let took = begin.elapsed();
    let (answers, error) = match outcome {
        Ok(answers) if answers.len() != batch.len() => (
            Vec::new(),
            Some(format!(
                "the store returned {} answers for {} decisions",
                answers.len(),
                batch.len()
            )),
        ),
        Ok(answers) if answers.contains(&StorageAnswer::NotMade) => {
            let error = store.last_error().unwrap_or_else(|| "leases were not written".to_owned());
            (answers, Some(error))
        }
        Ok(answers) => (answers, None),
        Err(panic) => (Vec::new(), Some(format!("the store panicked: {}", panic_text(&*panic)))),
    };
    shared.counters.count(changes, took, error);
    shared.counters.set_complaint(store.complaint());
    if answers.is_empty() { vec![StorageAnswer::NotMade; batch.len()] } else { answers }
}

/// The number of changes in `decisions`.
fn changes_of(decisions: &[Changes]) -> usize {
    decisions.iter().map(|changes| changes.len()).sum()
}

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
