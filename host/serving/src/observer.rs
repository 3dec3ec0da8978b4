//! The observer: processes events off the reply path.
//!
//! One thread behind a bounded queue writes the journal, logs each packet at debug level and passes
//! lease events on to policies ([`crate::watchers`]). It decides nothing. When it cannot keep up,
//! events are lost and counted; replies never wait for it. It receives the events of each address
//! in the order in which the engine decided ([`crate::order`]).
//!
//! Invariant: whatever is sent to the server, the number of events per second of messages that
//! changed no lease is limited (see [`Sampling`]); those left out are counted.

mod message;
mod task;

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context;
use crossbeam_channel::{RecvTimeoutError, Sender};
use lessor_core::{Binding, Changes, Decision, Engine, HostName, Network, Reason, Request};
use lessor_policy_host::ShadowDifference;
use lessor_stages::About;

use crate::{
    counters::{Counters, increment},
    event::Event,
    journal::{Journal, JournalBounds},
    operator::HandEvent,
    order::{Order, Turn},
    sampling::{LeftOut, Sampling},
    vital,
    watchers::{Watchers, Watching},
};

use self::task::Task;

pub(crate) use self::message::Message;

/// The number of events that may wait: those of well over half a second at 100,000 packets a
/// second.
const WAITING_EVENTS_MAX: usize = 65_536;
/// The number of expired leases that are reported with the decision that noticed their end. The
/// reclaimer reports the others.
const EXPIRED_WITH_DECISION_MAX: usize = 256;
/// How long the observer may take for the waiting events when the server stops.
const FINISH_WITHIN: Duration = Duration::from_secs(2);
/// How long an operator waits for the journal before a change is acknowledged without it.
const JOURNALLED_WITHIN: Duration = Duration::from_secs(5);

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
    /// noticed: that of the addresses that it changes, and of the one that its event names, also if
    /// the client does not get it. Must be called under the lock of the engine. Returns `None` if
    /// nothing uses events, or if the decision is about no address.
    pub(crate) fn decided(
        &self,
        engine: &mut Engine,
        request: &Request,
        decision: &Decision,
    ) -> Option<Turn<Message>> {
        let changed = decision.changes.iter().map(|change| change.binding.address);
        self.place_of(engine, changed.chain(About::of(request, decision).address))
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

#[cfg(test)]
mod tests {
    use lessor_core::StorageAnswer;
    use lessor_load::dhcproto::v4::{DhcpOption, MessageType};
    use lessor_store::CommitterLimits;

    use super::*;
    use crate::{
        exchange::{Finished, Next},
        testing::{NOW, SERVER, TestParts, packet, parts, received},
    };

    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 200);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    /// An observer that tells a queue of `room` events.
    fn observer(room: usize) -> (Observer, Arc<Counters>, crossbeam_channel::Receiver<Message>) {
        let counters = Arc::new(Counters::new());
        let (queue, told) = crossbeam_channel::bounded(room);
        let wanted = Arc::new(AtomicBool::new(true));
        let sampling = Arc::new(Sampling::new(Instant::now()));
        let counted = Arc::clone(&counters);
        (Observer::of(queue, sampling, counted, wanted, true, Arc::default()), counters, told)
    }

    /// Decides the REQUEST of a client for [`ADDRESS`]; storage makes its change.
    fn requested(parts: &mut TestParts, client: u8) -> Finished {
        let options =
            vec![DhcpOption::RequestedIpAddress(ADDRESS), DhcpOption::ServerIdentifier(SERVER)];
        let payload = packet(MessageType::Request, client, RELAY, options);
        let (pipeline, held) = (parts.shared.pipeline(), &mut parts.held);
        let mut next = pipeline.decide(held, NOW, 0, Instant::now(), received(&payload, RELAY));
        if let Next::Commit(exchange) = next {
            next = pipeline.committed(held, NOW, exchange, &StorageAnswer::Made);
        }
        let Next::End(finished) = next else { panic!("it goes on: {next:?}") };
        finished
    }

    #[test]
    fn the_nak_for_an_address_is_reported_after_what_was_decided_about_it_before() {
        let limits = CommitterLimits { waiting_changes: 100, batch_changes: 100 };
        let mut parts = parts(&["10.0.0.0/24"], limits);
        let (observer, _, told) = observer(10);
        Arc::get_mut(&mut parts.shared).unwrap().observer = observer.clone();
        let [granted, refused] = [1, 2].map(|client| requested(&mut parts, client));
        for finished in [refused, granted] {
            let (event, place) = finished.into_event();
            observer.input(event, place);
        }
        let reasons: Vec<Reason> = told
            .try_iter()
            .filter_map(|message| match message {
                Message::Input(event) => Some(event.reason),
                _ => None,
            })
            .collect();
        assert_eq!(reasons, [Reason::AckSelecting, Reason::NakOfferExpired]);
    }

    #[test]
    fn events_that_find_no_room_are_counted_and_nobody_waits() {
        let (observer, counters, _nobody_reads) = observer(2);
        for _ in 0..5 {
            observer.tell(Message::ReopenJournal);
        }
        assert_eq!(counters.events_lost.load(Ordering::Relaxed), 3);
    }
}
