//! The thread that notifies policies of lease events, after the lookups that they plan.
//!
//! It is separate from the observer, so that a slow source delays no line of the journal. Decides
//! nothing. Invariant: policies are notified in the order in which the observer passes events on,
//! and the number of those that wait is limited.

use std::{
    sync::{Arc, OnceLock, atomic::Ordering},
    thread::JoinHandle,
    time::Instant,
};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender};
use lessor_generation::GenerationSources;
use lessor_policy_host::{EventPlan, LeaseEvent, LeaseEventRunner};
use tokio::runtime::Handle;

use crate::{
    counters::{Counters, increment},
    vital,
};

/// The number of events that may wait for policies.
const WAITING_EVENTS_MAX: usize = 65_536;
/// The number of events whose lookups are made at the same time, so that a slow source does not
/// limit the events to one for each of its answers.
const TOGETHER_MAX: usize = 64;

/// Policies that are notified of lease events, and the sources that they look up in.
pub(crate) struct Watching {
    pub(crate) runner: LeaseEventRunner,
    pub(crate) lookups: GenerationSources,
}

/// The thread, as the observer sees it.
pub(crate) struct Watchers {
    queue: Sender<Notice>,
    thread: JoinHandle<()>,
    counters: Arc<Counters>,
    /// Whether any policy is notified.
    wants: bool,
}

/// The messages to the thread.
enum Notice {
    Event(Box<LeaseEvent>),
    Policies(Box<Watching>),
}

struct Task {
    queue: Receiver<Notice>,
    watching: Watching,
    counters: Arc<Counters>,
    /// Waits for the answers of sources; `None` without a runtime, where only files answer.
    runtime: Option<Handle>,
    /// When the thread ends despite waiting events.
    end_at: Arc<OnceLock<Instant>>,
}

impl Watchers {
    /// Starts the thread. It ends at `end_at`, once that is set, even if events wait.
    ///
    /// # Errors
    /// If the system provides no thread.
    pub(crate) fn start(
        watching: Watching,
        counters: &Arc<Counters>,
        end_at: &Arc<OnceLock<Instant>>,
    ) -> anyhow::Result<Self> {
        let (sender, queue) = crossbeam_channel::bounded(WAITING_EVENTS_MAX);
        let wants = watching.runner.chain().wants_lease_events();
        let task = Task {
            queue,
            watching,
            counters: Arc::clone(counters),
            runtime: Handle::try_current().ok(),
            end_at: Arc::clone(end_at),
        };
        let thread = vital::spawn("lease-events", move || {
            task.run();
            Ok(())
        })
        .context("cannot start the thread for lease events")?;
        Ok(Self { queue: sender, thread, counters: Arc::clone(counters), wants })
    }

    /// Whether any policy is notified.
    pub(crate) const fn want(&self) -> bool {
        self.wants
    }

    /// Passes on an event. Never waits; an event that finds no room is counted as lost.
    pub(crate) fn tell(&self, event: LeaseEvent) {
        if self.queue.try_send(Notice::Event(Box::new(event))).is_err() {
            increment(&self.counters.events_lost);
        }
    }

    /// Notifies the policies of another generation from now on. Waits for a place in the queue.
    pub(crate) fn replace(&mut self, watching: Watching) {
        self.wants = watching.runner.chain().wants_lease_events();
        let _ = self.queue.send(Notice::Policies(Box::new(watching)));
    }

    /// Has the thread process what waits, and waits for its end.
    pub(crate) fn finish(self) {
        drop(self.queue);
        let _ = self.thread.join();
    }
}

impl Task {
    fn run(mut self) {
        let mut next = None;
        while let Some(notice) = next.take().or_else(|| self.queue.recv().ok()) {
            match notice {
                Notice::Policies(mut watching) => {
                    watching.runner.take_over(&mut self.watching.runner);
                    self.watching = *watching;
                }
                Notice::Event(event) => {
                    let mut events = vec![*event];
                    next = self.more(&mut events);
                    self.deliver(events);
                }
            }
            if self.is_overdue() {
                let lost = self.queue.try_iter().filter(|left| matches!(left, Notice::Event(_)));
                self.counters.events_lost.fetch_add(lost.count() as u64, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Adds the events that wait, if their lookups can be made together. Returns a message that
    /// comes after them.
    fn more(&self, events: &mut Vec<LeaseEvent>) -> Option<Notice> {
        if !self.watching.runner.plans_lookups() {
            return None;
        }
        while events.len() < TOGETHER_MAX {
            match self.queue.try_recv().ok()? {
                Notice::Event(event) => events.push(*event),
                other => return Some(other),
            }
        }
        None
    }

    fn deliver(&mut self, mut events: Vec<LeaseEvent>) {
        let Watching { runner, lookups } = &mut self.watching;
        if runner.plans_lookups() {
            let plans: Vec<EventPlan> = events.iter().map(|event| runner.plan(event)).collect();
            let (absent, planned): (Vec<_>, Vec<_>) =
                plans.into_iter().map(|plan| (plan.absent, plan.lookups)).unzip();
            let answers = lookups.look_up_each(planned, self.runtime.as_ref());
            for ((event, absent), answers) in events.iter_mut().zip(absent).zip(answers) {
                event.absent = absent;
                event.lookups = answers.into();
            }
        }
        events.iter().for_each(|event| runner.on_lease(event));
    }

    fn is_overdue(&self) -> bool {
        self.end_at.get().is_some_and(|end_at| Instant::now() >= *end_at)
    }
}
