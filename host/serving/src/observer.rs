//! The observer: processes events off the reply path.
//!
//! One thread behind a bounded queue writes the journal, logs each packet at debug level and passes
//! lease events on to policies ([`crate::watchers`]). It decides nothing. When it cannot keep up,
//! events are lost and counted; replies never wait for it. It receives the events of each address
//! in the order in which the engine decided ([`crate::order`]).
//!
//! Invariant: whatever is sent to the server, the number of events per second of messages that
//! changed no lease is limited (see [`Sampling`]); those left out are counted.

use std::{
    net::Ipv4Addr,
    sync::{Arc, OnceLock, atomic::AtomicBool, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use lessor_core::{
    Binding, BindingState, Change, Changes, Decision, Engine, HostName, LeaseEventKind, Network,
    Reason, Timestamp,
};
use lessor_policy_host::{Absent, LeaseEvent, Lookups, ShadowDifference};

use crate::{
    clock,
    counters::{Counters, increment},
    event::Event,
    journal::{Journal, JournalBounds, LeaseEnd},
    operator::HandEvent,
    order::{Order, Turn},
    sampling::{LeftOut, Sampling},
    vital,
    watchers::{Watchers, Watching},
};

/// The number of events that may wait: those of well over half a second at 100,000 packets a
/// second.
const WAITING_EVENTS_MAX: usize = 65_536;
/// The number of expired leases that are reported with the decision that noticed their end. The
/// reclaimer reports the others.
const EXPIRED_WITH_DECISION_MAX: usize = 256;
/// The longest time that a written event stays unflushed.
const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// How long the observer may take for the waiting events when the server stops.
const FINISH_WITHIN: Duration = Duration::from_secs(2);
/// How long an operator waits for the journal before a change is acknowledged without it.
const JOURNALLED_WITHIN: Duration = Duration::from_secs(5);
/// The interval at which the journal says how many events were left out.
const TELL_LEFT_OUT_EVERY: Duration = Duration::from_secs(1);

/// The messages to the observer's thread.
pub(crate) enum Message {
    Input(Box<Event>),
    Expired { network: Arc<Network>, leases: Vec<Binding> },
    ByHand { event: Arc<HandEvent>, written: Sender<()> },
    NameTaken { address: Ipv4Addr, name: HostName, held_by: Ipv4Addr },
    ShadowDifference(Box<ShadowDifference>),
    Watching(Box<Watching>),
    ReopenJournal,
    Stop,
}

/// A handle through which events reach the observer.
#[derive(Clone, Debug)]
pub(crate) struct Observer {
    queue: Sender<Message>,
    order: Order<Message>,
    sampling: Arc<Sampling>,
    counters: Arc<Counters>,
    wanted: Arc<AtomicBool>,
    always_wanted: bool,
    /// When the thread ends despite waiting events; unset until the server stops.
    end_at: Arc<OnceLock<Instant>>,
}

impl Observer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the journal cannot be opened.
    pub(crate) fn start(
        journal: Option<JournalBounds>,
        counters: Arc<Counters>,
        watching: Watching,
    ) -> anyhow::Result<(Self, JoinHandle<()>)> {
        let always_wanted = journal.is_some() || tracing::enabled!(tracing::Level::DEBUG);
        let open = |bounds| Journal::open(bounds, Arc::clone(&counters));
        let journal = journal.map(open).transpose()?;
        let (sender, queue) = crossbeam_channel::bounded(WAITING_EVENTS_MAX);
        let end_at = Arc::<OnceLock<Instant>>::default();
        let watchers = Watchers::start(watching, &counters, &end_at)?;
        let wanted = Arc::new(AtomicBool::new(watchers.want()));
        let sampling = Arc::new(Sampling::new(Instant::now()));
        let task = Task {
            queue,
            journal,
            watchers,
            counters: Arc::clone(&counters),
            sampling: Arc::clone(&sampling),
            told_of_left_out: LeftOut::default(),
            told_at: Instant::now(),
            end_at: Arc::clone(&end_at),
        };
        let thread = vital::spawn("observer", move || task.run())
            .context("cannot start the observer thread")?;
        Ok((Self::of(sender, sampling, counters, wanted, always_wanted, end_at), thread))
    }

    fn of(
        queue: Sender<Message>,
        sampling: Arc<Sampling>,
        counters: Arc<Counters>,
        wanted: Arc<AtomicBool>,
        always_wanted: bool,
        end_at: Arc<OnceLock<Instant>>,
    ) -> Self {
        let (ordered, lost) = (queue.clone(), Arc::clone(&counters));
        let order = Order::new(move |message| tell(&ordered, &lost, message));
        Self { queue, order, sampling, counters, wanted, always_wanted, end_at }
    }

    /// Returns whether anything uses events; if not, they need not be created.
    pub(crate) fn is_wanted(&self) -> bool {
        self.always_wanted || self.wanted.load(Ordering::Relaxed)
    }

    /// Returns whether anything uses the event of an input that ended in this way; if not, it need
    /// not be created. It is counted as left out if there are too many.
    pub(crate) fn wants(&self, reason: Reason, changes: &Changes) -> bool {
        let is_wanted = self.is_wanted();
        is_wanted && (!changes.is_empty() || self.sampling.admits(reason.outcome(), Instant::now()))
    }

    /// Returns how many events were left out so far because there were too many of their kind.
    pub(crate) fn left_out(&self) -> LeftOut {
        self.sampling.left_out()
    }

    /// Counts a message without an answer that is not reported.
    pub(crate) fn leave_out_unanswered(&self) {
        self.sampling.leave_out_unanswered();
    }

    /// Reserves a place for a decision in the order of events, after the leases whose end it
    /// noticed. Must be called under the lock of the engine. Returns `None` if nothing uses events,
    /// or if the decision is about no address.
    pub(crate) fn decided(
        &self,
        engine: &mut Engine,
        decision: &Decision,
    ) -> Option<Turn<Message>> {
        let changed = decision.changes.iter().map(|change| change.binding.address);
        let granted = decision.reply.iter().map(|reply| reply.your_address);
        self.place_of(engine, changed.chain(granted.filter(|address| !address.is_unspecified())))
    }

    /// Does the same for a decision about these addresses.
    pub(crate) fn place_of(
        &self,
        engine: &mut Engine,
        addresses: impl IntoIterator<Item = Ipv4Addr>,
    ) -> Option<Turn<Message>> {
        if !self.is_wanted() {
            return None;
        }
        let expired = engine.take_expired(EXPIRED_WITH_DECISION_MAX);
        let network = engine.network();
        self.expired(network, expired);
        self.order.take(&network.name, addresses)
    }

    /// Reports a change by hand, once everything that was decided earlier about its addresses is
    /// reported, and waits until the journal has it: the person who made it must be on record. Must
    /// not be called on the packet path.
    pub(crate) fn by_hand(&self, event: HandEvent, place: Option<Turn<Message>>) {
        if !self.is_wanted() {
            return;
        }
        let event = Arc::new(event);
        let (written, told) = crossbeam_channel::bounded(1);
        let message = |written| Message::ByHand { event: Arc::clone(&event), written };
        match place {
            Some(place) => place.tell(message(written)),
            None => drop(self.queue.send_timeout(message(written), JOURNALLED_WITHIN)),
        }
        let mut outcome = told.recv_timeout(JOURNALLED_WITHIN);
        if outcome == Err(RecvTimeoutError::Disconnected) {
            // The queue was full when its turn came; now the caller waits for room.
            let (written, told) = crossbeam_channel::bounded(1);
            let _ = self.queue.send_timeout(message(written), JOURNALLED_WITHIN);
            outcome = told.recv_timeout(JOURNALLED_WITHIN);
        }
        if outcome.is_err() {
            tracing::error!(
                by = %event.by,
                "a change by hand was made, but the journal was not written in time"
            );
        }
    }

    /// Reports one input, once everything that was decided earlier about its addresses is reported.
    /// Never waits.
    pub(crate) fn input(&self, event: Event, place: Option<Turn<Message>>) {
        let message = Message::Input(Box::new(event));
        match place {
            Some(place) => place.tell(message),
            None => self.tell(message),
        }
    }

    /// Reports leases that expired. Must be called under the lock of their engine. Never waits.
    pub(crate) fn expired(&self, network: &Arc<Network>, leases: Vec<Binding>) {
        if !self.is_wanted() || leases.is_empty() {
            return;
        }
        let message = |leases| Message::Expired { network: Arc::clone(network), leases };
        let name = &*network.name;
        let (waiting, others): (Vec<_>, Vec<_>) =
            leases.into_iter().partition(|lease| self.order.is_waiting(name, lease.address));
        if !others.is_empty() {
            self.tell(message(others));
        }
        for lease in waiting {
            self.order.tell(name, lease.address, message(vec![lease]));
        }
    }

    /// Reports a request on which a shadow plugin differed; never waits.
    pub(crate) fn shadow_difference(&self, difference: ShadowDifference) {
        if self.always_wanted {
            self.tell(Message::ShadowDifference(Box::new(difference)));
        }
    }

    /// Reports that a client has no entry in the hosts file, because another one has its name.
    /// Never waits.
    pub(crate) fn name_taken(&self, address: Ipv4Addr, name: &HostName, held_by: Ipv4Addr) {
        if self.always_wanted {
            self.tell(Message::NameTaken { address, name: name.clone(), held_by });
        }
    }

    /// Passes the instances of a new generation to the thread. Waits for a place in the queue, so
    /// it must not be called on the packet path.
    pub(crate) fn policies(&self, watching: Watching) {
        self.wanted.store(watching.runner.chain().wants_lease_events(), Ordering::Relaxed);
        let _ = self.queue.send(Message::Watching(Box::new(watching)));
    }

    /// Reopens the journal file after log rotation.
    pub(crate) fn reopen_journal(&self) {
        let _ = self.queue.send(Message::ReopenJournal);
    }

    /// Makes the thread process what waits, within [`FINISH_WITHIN`], and end.
    pub(crate) fn stop(&self) {
        let _ = self.end_at.set(Instant::now() + FINISH_WITHIN);
        let _ = self.queue.send_timeout(Message::Stop, FINISH_WITHIN);
    }

    fn tell(&self, message: Message) {
        tell(&self.queue, &self.counters, message);
    }
}

fn tell(queue: &Sender<Message>, counters: &Counters, message: Message) {
    if queue.try_send(message).is_err() {
        increment(&counters.events_lost);
    }
}

struct Task {
    queue: Receiver<Message>,
    journal: Option<Journal>,
    watchers: Watchers,
    counters: Arc<Counters>,
    sampling: Arc<Sampling>,
    /// What the journal said about events that were left out, and when.
    told_of_left_out: LeftOut,
    told_at: Instant,
    end_at: Arc<OnceLock<Instant>>,
}

impl Task {
    fn run(mut self) -> anyhow::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_find_no_room_are_counted_and_nobody_waits() {
        let counters = Arc::new(Counters::new());
        let (queue, _nobody_reads) = crossbeam_channel::bounded(2);
        let wanted = Arc::new(AtomicBool::new(true));
        let sampling = Arc::new(Sampling::new(Instant::now()));
        let counted = Arc::clone(&counters);
        let observer = Observer::of(queue, sampling, counted, wanted, true, Arc::default());
        for _ in 0..5 {
            observer.tell(Message::ReopenJournal);
        }
        assert_eq!(counters.events_lost.load(Ordering::Relaxed), 3);
    }
}
