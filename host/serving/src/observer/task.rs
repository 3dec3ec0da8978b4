//! The observer's thread: writes the journal and the log, and notifies the watchers of leases.

use std::{
    sync::{Arc, OnceLock, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use lessor_core::{Binding, BindingState, Change, LeaseEventKind, Network, Timestamp};
use lessor_policy_host::{Absent, LeaseEvent, Lookups};

use crate::{
    clock,
    counters::Counters,
    event::Event,
    journal::{Journal, LeaseEnd},
    operator::HandEvent,
    sampling::{LeftOut, Sampling},
    watchers::Watchers,
};

use super::message::Message;

/// The longest time that a written event stays unflushed.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// The interval at which the journal says how many events were left out.
const TELL_LEFT_OUT_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Task {
    pub(super) queue: Receiver<Message>,
    pub(super) journal: Option<Journal>,
    pub(super) watchers: Watchers,
    pub(super) counters: Arc<Counters>,
    pub(super) sampling: Arc<Sampling>,
    /// What the journal said about events that were left out, and when.
    pub(super) told_of_left_out: LeftOut,
    pub(super) told_at: Instant,
    pub(super) end_at: Arc<OnceLock<Instant>>,
}

impl Task {
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        while !self.is_overdue() {
            match self.queue.recv_timeout(FLUSH_EVERY) {
                Ok(Message::Input(event)) => self.input(&event),
                Ok(Message::Expired { network, leases }) => {
                    for lease in leases {
                        self.expired(&network, Arc::new(lease));
                    }
                }
                Ok(Message::ByHand { event, written }) => {
                    self.by_hand(&event);
                    let _ = written.send(());
                }
                Ok(Message::NameTaken { address, name, held_by }) => {
                    tracing::debug!(%address, %name, %held_by, "another client has the name");
                    self.with_journal(|journal| journal.name_taken(address, &name, held_by));
                }
                Ok(Message::ShadowDifference(difference)) => {
                    tracing::debug!(?difference, "a shadow plugin differs");
                    self.with_journal(|journal| journal.shadow_difference(&difference));
                }
                Ok(Message::Watching(watching)) => self.watchers.replace(*watching),
                Ok(Message::ReopenJournal) => self.with_journal(Journal::reopen),
                Err(RecvTimeoutError::Timeout) => self.with_journal(Journal::flush),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.told_at.elapsed() > TELL_LEFT_OUT_EVERY {
                self.tell_left_out();
            }
            self.with_journal(|journal| journal.flush_if_older_than(FLUSH_EVERY));
        }
        self.tell_left_out();
        self.with_journal(Journal::flush);
        let lost = self.queue.len();
        if lost > 0 {
            self.counters.events_lost.fetch_add(lost as u64, Ordering::Relaxed);
            tracing::warn!(
                lost,
                "events were not journalled: the server stopped before they could be written"
            );
        }
        self.watchers.finish();
        Ok(())
    }

    fn tell_left_out(&mut self) {
        self.told_at = Instant::now();
        let left_out = self.sampling.left_out();
        let news = left_out.since(&self.told_of_left_out);
        if news != LeftOut::default() {
            self.told_of_left_out = left_out;
            self.with_journal(|journal| journal.left_out(news));
        }
    }

    fn is_overdue(&self) -> bool {
        self.end_at.get().is_some_and(|end_at| Instant::now() >= *end_at)
    }

    fn input(&mut self, event: &Event) {
        let address = event.address;
        tracing::debug!(
            reason = event.reason.name(),
            source = %event.source,
            transaction_id = event.transaction_id(),
            hardware_address = event.hardware_address().map(tracing::field::display),
            address = address.map(tracing::field::display),
            detail = event.detail,
            "input"
        );
        self.with_journal(|journal| journal.input(event));
        let now = clock::now();
        for change in &event.changes {
            if let Some(replaced) = replaced(event, change) {
                let network = event.network.as_deref().map(|network| &*network.name);
                self.with_journal(|journal| journal.ended(LeaseEnd::Replaced, network, replaced));
            }
            if let Some(passed_on) = change.passed_on() {
                let lease = Arc::new(released(passed_on, change.binding.changed_at));
                self.tell_watchers(LeaseEventKind::Released, event.network.as_ref(), &lease);
            }
            let kind = kind_of(change, now);
            self.tell_watchers(kind, event.network.as_ref(), &change.binding);
        }
    }

    fn by_hand(&mut self, event: &HandEvent) {
        self.with_journal(|journal| {
            journal.by_hand(event);
            journal.flush();
        });
        let now = clock::now();
        for change in &event.changes {
            // No client declined an address whose quarantine an operator ended.
            if change.binding.state != BindingState::Quarantined {
                let kind = kind_of(change, now);
                self.tell_watchers(kind, Some(&event.network), &change.binding);
            }
        }
    }

    fn expired(&mut self, network: &Arc<Network>, lease: Arc<Binding>) {
        tracing::debug!(address = %lease.address, client = %lease.client, "lease expired");
        let name = Some(&*network.name);
        self.with_journal(|journal| journal.ended(LeaseEnd::Expired, name, &lease));
        self.tell_watchers(LeaseEventKind::Expired, Some(network), &lease);
    }

    fn tell_watchers(
        &mut self,
        kind: LeaseEventKind,
        network: Option<&Arc<Network>>,
        lease: &Arc<Binding>,
    ) {
        if self.watchers.want()
            && let Some(network) = network
        {
            self.watchers.tell(LeaseEvent {
                kind,
                binding: lessor_stages::in_clock_time(lease, clock::offset_ms()),
                network_name: Arc::clone(&network.name),
                pool_name: network.pool_of(lease.address).map(|pool| Arc::clone(&pool.name)),
                now: clock::shown(clock::now()),
                lookups: Lookups::default(),
                absent: Absent::default(),
            });
        }
    }

    fn with_journal(&mut self, work: impl FnOnce(&mut Journal)) {
        if let Some(journal) = &mut self.journal {
            work(journal);
        }
    }
}

/// Returns the lease of another client than the one that asked, if the change ends it.
fn replaced<'a>(event: &Event, change: &'a Change) -> Option<&'a Arc<Binding>> {
    let client = event.client.as_ref()?;
    let previous = change.previous.as_ref()?;
    (previous.client != *client && previous.is_active(change.binding.changed_at))
        .then_some(previous)
}

/// Returns a lease whose address passed to another client, in the form of a released lease: a
/// watcher is informed of its end as of any other.
fn released(lease: &Binding, at: Timestamp) -> Binding {
    Binding { state: BindingState::Released, changed_at: at, expires_at: at, ..lease.clone() }
}

/// Returns what a change means to watchers of leases.
fn kind_of(change: &Change, now: Timestamp) -> LeaseEventKind {
    match change.binding.state {
        BindingState::Released => LeaseEventKind::Released,
        BindingState::Quarantined => LeaseEventKind::Declined,
        BindingState::Leased => match &change.previous {
            Some(previous)
                if previous.client == change.binding.client && previous.is_active(now) =>
            {
                LeaseEventKind::Renewed
            }
            _ => LeaseEventKind::Granted,
        },
    }
}
