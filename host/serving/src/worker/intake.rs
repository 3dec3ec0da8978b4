//! The intake of a worker: from its sockets, through its backlog, to decisions.
//!
//! While the worker keeps up, it decides a message without copying it. When sockets hold more than
//! one read takes, everything that waits in them is read into the [`Backlog`], and each turn
//! decides a part of it, the most urgent messages first. Does not choose which message is next or
//! is dropped; see [`crate::backlog`]. Invariant: as long as the worker reads in time, the system's
//! receive buffer, which knows no order, does not decide what is lost.

use std::time::{Duration, Instant};

use lessor_core::{Arrival, Reason};

use super::{
    Worker,
    omissions::Omissions,
    thinner::{Adjustment, Thinner, WINDOW},
};
use lessor_net::{ReceiveBatch, Received};

use crate::{
    backlog::{AGE_MAX, Backlog, Label, Labeller, Taken, Urgency},
    clock,
    limits::Limit,
};

/// The number of messages that are decided before the sockets are read again.
const DECIDED_IN_TURN_MAX: usize = 64;

/// How long a turn may decide, so that sockets are read in time even if policies are slow. At least
/// one message is decided.
const TURN_MAX: Duration = Duration::from_millis(2);

/// The number of reads of one socket in a turn, each of a whole batch. With more reads there would
/// be no time left to decide.
const READS_IN_TURN_MAX: usize = 16;

/// The number of messages that a turn may drop because they are too old.
const TOO_OLD_IN_TURN_MAX: usize = 1024;

/// The messages that were read and not decided, and the limit on journal lines about dropped ones.
#[derive(Debug)]
pub(super) struct Intake {
    backlog: Backlog<QueuedDatagram>,
    labeller: Labeller,
    omissions: Omissions,
    /// One for each endpoint; `None` if the system refuses to drop messages for it.
    thinners: Vec<Option<Thinner>>,
}

/// A datagram that waits in the backlog.
#[derive(Debug)]
struct QueuedDatagram {
    endpoint: usize,
    payload: Box<[u8]>,
    is_cut: bool,
    arrival: Arrival,
    not_relayed: bool,
    /// When it arrived.
    since: Instant,
}

impl Intake {
    pub(super) fn new(waiting_messages_max: usize, endpoints: usize) -> Self {
        let now = Instant::now();
        Self {
            backlog: Backlog::new(waiting_messages_max),
            labeller: Labeller::default(),
            omissions: Omissions::default(),
            thinners: (0..endpoints).map(|_| Some(Thinner::new(now))).collect(),
        }
    }

    /// Forgets what the system drops at an endpoint, because its socket is another one.
    pub(super) fn is_replaced(&mut self, endpoint: usize) {
        if let Some(thinner) = self.thinners.get_mut(endpoint) {
            *thinner = Some(Thinner::new(Instant::now()));
        }
    }

    /// Returns how long the worker may wait before it has to adjust what the system drops, or
    /// `None` if the system drops nothing.
    pub(super) fn adjusts_within_ms(&self) -> Option<u32> {
        let is_active = self.thinners.iter().flatten().any(Thinner::is_active);
        is_active.then_some(WINDOW.as_millis() as u32)
    }

    fn thinner(&mut self, endpoint: usize) -> Option<&mut Thinner> {
        self.thinners.get_mut(endpoint)?.as_mut()
    }

    /// Counts a message that waits, if the backlog fills up.
    fn note_kept(&mut self, endpoint: usize, label: &Label) {
        if let Some(relay) = label.thinned_by
            && self.backlog.is_half_full()
            && self.backlog.has_even_lines(label)
            && let Some(thinner) = self.thinner(endpoint)
        {
            thinner.note_crowding(relay);
        }
    }

    /// Counts a message that was dropped for lack of room.
    fn note_dropped(&mut self, endpoint: usize, label: &Label) {
        if let Some(relay) = label.thinned_by
            && self.backlog.has_even_lines(label)
            && let Some(thinner) = self.thinner(endpoint)
        {
            thinner.note_dropped(relay);
        }
    }

    /// Returns whether no message waits to be decided.
    pub(super) fn is_empty(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Returns whether a message waits that changes no lease.
    pub(super) fn holds_what_changes_nothing(&self) -> bool {
        self.backlog.holds(Urgency::Least)
    }
}

impl QueuedDatagram {
    fn of(endpoint: usize, received: Received<'_>, since: Instant) -> Self {
        let Received { payload, is_cut, arrival, not_relayed, .. } = received;
        Self { endpoint, payload: payload.into(), is_cut, arrival, not_relayed, since }
    }

    /// Calls `work` with the endpoint, the time of arrival, and the datagram as it was received.
    fn use_as_received(self, work: impl FnOnce(usize, Instant, Received<'_>)) {
        let Self { endpoint, payload, is_cut, arrival, not_relayed, since } = self;
        let waited = Duration::ZERO;
        work(endpoint, since, Received { payload: &payload, is_cut, arrival, not_relayed, waited });
    }
}

impl Worker {
    /// Reads what waits in the sockets that are ready. Decides it at once if there is little of it
    /// and no message waits before it.
    pub(super) fn read(&mut self, ready: &[u32], batch: &mut ReceiveBatch) {
        let began = Instant::now();
        let may_decide = self.may_change_more();
        let mut received = 0;
        for token in ready {
            received += self.read_endpoint(*token as usize, may_decide, began, batch);
        }
        self.pause.note(began, received);
    }

    fn read_endpoint(
        &mut self,
        endpoint: usize,
        may_decide: bool,
        began: Instant,
        batch: &mut ReceiveBatch,
    ) -> usize {
        let mut received = 0;
        for _ in 0..READS_IN_TURN_MAX {
            let Some(Some(socket)) = self.endpoints.get_mut(endpoint) else { return received };
            match socket.receive(batch) {
                Ok(count) => received += count,
                Err(error) => {
                    tracing::warn!(%error, "cannot read from a socket");
                    return received;
                }
            }
            let lost = socket.take_lost_datagrams();
            if lost > 0 {
                let filtered = |thinner: &mut Thinner| thinner.explains_losses(began);
                let limit = match self.intake.thinner(endpoint).is_some_and(filtered) {
                    true => Limit::Capacity,
                    false => Limit::ReceiveBuffer,
                };
                self.shared.counters.limits.reached(limit, lost);
            }
            let more_waits = batch.is_full();
            let is_little = may_decide && !more_waits && self.intake.is_empty();
            for message in batch.drain() {
                if is_little && began.elapsed() < TURN_MAX && message.waited <= AGE_MAX {
                    let since = began.checked_sub(message.waited).unwrap_or(began);
                    self.decide(endpoint, since, message);
                } else {
                    self.keep(endpoint, message);
                }
            }
            if !more_waits {
                break;
            }
        }
        received
    }

    /// Puts a message into the backlog.
    fn keep(&mut self, endpoint: usize, received: Received<'_>) {
        let now = Instant::now();
        let since = now.checked_sub(received.waited).unwrap_or(now);
        let source = received.arrival.source;
        let label = self.intake.labeller.label(endpoint, source, received.payload);
        if label.thinned_by.is_some()
            && let Some(thinner) = self.intake.thinner(endpoint)
        {
            thinner.note_read();
        }
        match self.intake.backlog.admit(since, &label) {
            Ok(()) => {
                let held = QueuedDatagram::of(endpoint, received, since);
                let dropped = self.intake.backlog.insert(since, label, held);
                self.intake.note_kept(endpoint, &label);
                for (label, held) in dropped {
                    self.intake.note_dropped(held.endpoint, &label);
                    self.omit_held(held, now, Reason::CrowdedOut, None);
                }
            }
            Err(reason) => {
                if reason == Reason::CrowdedOut {
                    self.intake.note_dropped(endpoint, &label);
                }
                self.omit(endpoint, now, received, reason, None);
            }
        }
    }

    /// Tells the system which share of DISCOVERs to drop before they are read.
    pub(super) fn thin(&mut self) {
        let (now, waiting) = (Instant::now(), self.intake.backlog.len());
        for (thinner, endpoint) in self.intake.thinners.iter_mut().zip(&mut self.endpoints) {
            let (Some(found), Some(endpoint)) = (thinner.as_mut(), endpoint) else { continue };
            let thinned = match found.adjust(now, waiting) {
                None => continue,
                Some(Adjustment::Thin(thinning)) => endpoint.thin(Some(&thinning)),
                Some(Adjustment::Stop) => endpoint.thin(None),
            };
            if let Err(error) = thinned {
                tracing::warn!(
                    %endpoint, %error,
                    "the system refuses to drop messages before they are read; an overload costs \
                     more time"
                );
                let _ = endpoint.thin(None);
                *thinner = None;
            }
        }
    }

    /// Decides the next messages of the backlog, for as long as the turn may take. If storage has
    /// no room, only those that change no lease.
    pub(super) fn decide_waiting(&mut self) {
        if self.intake.is_empty() {
            return;
        }
        let began = Instant::now();
        if self.stops_at.is_some_and(|stops_at| began > stops_at) {
            let waiting: Vec<QueuedDatagram> = self.intake.backlog.drain().collect();
            for held in waiting {
                self.omit_held(held, began, Reason::Stopping, None);
            }
            return;
        }
        let only = if self.may_change_more() { None } else { Some(Urgency::Least) };
        let (mut decided, mut too_old) = (0, 0);
        while decided < DECIDED_IN_TURN_MAX
            && too_old < TOO_OLD_IN_TURN_MAX
            && (decided == 0 || began.elapsed() < TURN_MAX)
        {
            let next = match only {
                None => self.intake.backlog.next(began),
                Some(urgency) => self.intake.backlog.next_of(urgency, began),
            };
            match next {
                Some(Taken::Due(held)) => {
                    decided += 1;
                    held.use_as_received(|endpoint, since, received| {
                        self.decide(endpoint, since, received);
                    });
                }
                Some(Taken::TooOld(held, age)) => {
                    too_old += 1;
                    self.omit_held(held, began, Reason::TooOld, Some(age));
                }
                None => break,
            }
        }
    }

    /// Decides a message that arrived at `since`.
    fn decide(&mut self, endpoint: usize, since: Instant, received: Received<'_>) {
        self.go_on_with_woken();
        let pipeline = self.shared.pipeline_with(&self.wakes);
        let next = pipeline.decide(&mut self.held, clock::now(), endpoint, since, received);
        self.supersede(&next);
        self.proceed(next);
    }

    /// Omits a message that waited; see [`Self::omit`].
    fn omit_held(
        &mut self,
        held: QueuedDatagram,
        now: Instant,
        reason: Reason,
        age: Option<Duration>,
    ) {
        held.use_as_received(|endpoint, _, received| {
            self.omit(endpoint, now, received, reason, age);
        });
    }

    /// Drops a message without a decision.
    fn omit(
        &mut self,
        endpoint: usize,
        now: Instant,
        received: Received<'_>,
        reason: Reason,
        age: Option<Duration>,
    ) {
        let shared = &self.shared;
        let waiting = self.intake.backlog.len();
        match self.intake.omissions.note(now) {
            Some(untold) if shared.observer.is_wanted() => {
                let mut detail = match age {
                    Some(age) => format!("waited {:.1} s", age.as_secs_f64()),
                    None => format!("{waiting} messages wait"),
                };
                if untold > 0 {
                    detail.push_str(&format!("; {untold} others were dropped without a line here"));
                }
                let pipeline = shared.pipeline();
                shared.finish(pipeline.omitted(&self.held, endpoint, received, reason, detail));
            }
            _ => {
                shared.counters.count(reason);
                shared.observer.leave_out_unanswered();
            }
        }
    }
}
