//! The backlog: the messages that were read and not decided yet, and their order.
//!
//! While a server keeps up, nothing waits here. When more arrives than it can decide:
//!
//! - **Urgency.** Renewals come first, because their clients are using their addresses. Then come
//!   other REQUESTs, RELEASE and DECLINE, which finish an earlier exchange, and then DISCOVER and
//!   INFORM. One in eight turns is reserved for the second kind and one in sixteen for the third,
//!   so that forged renewals do not lock out other clients.
//! - **Fair shares.** Within a kind, relays take turns, and so do the lines of a relay.
//! - **Order.** Messages of one client leave in the order in which they arrived.
//! - **Limits.** When there is no room, a message is dropped: the oldest message of the line that
//!   has the most, of the relay that has the most, of the least urgent kind. An eighth of the room
//!   is reserved for the second kind and a sixteenth for the third. A message that is repeated
//!   while its first copy waits takes no place. A message that is older than its client waits is
//!   not served.
//!
//! Does not use sockets or clocks, and does not read messages; see [`label`]. Invariant: no more
//! messages wait than the configured number, with 512 octets each on average.

mod label;
mod sharing;

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use foldhash::fast::FixedState;
use lessor_core::Reason;
use slab::Slab;
use smallvec::SmallVec;

pub(crate) use self::label::{Label, Labeller, Urgency};
use self::sharing::{Queue, Rotation, Ticket};

/// How long a client waits before it sends its message again (RFC 2131 section 4.1: 4 seconds, plus
/// or minus one). An older message is not worth an answer: the client has repeated it or is gone.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(4);

/// The number of messages of one client that may wait at a time. A client has one question at a
/// time; a sender of more than a few invents transaction ids.
const MESSAGES_OF_CLIENT_MAX: usize = 32;

/// The lines of a relay hold about the same if none holds more messages of a kind than this.
const MESSAGES_OF_EVEN_LINE_MAX: usize = 4;

/// The average number of octets that messages may have if the backlog is full. Most have 300 to
/// 400.
const OCTETS_OF_MESSAGE: usize = 512;

/// The number of places that are reserved from the beginning; about 10 MiB if they are used.
const RESERVED_MAX: usize = 32_768;

/// The messages that wait; `T` is a message with everything that is needed to decide it.
#[derive(Debug)]
pub(crate) struct Backlog<T> {
    messages: Slab<Waiting<T>>,
    /// By urgency: relays, their lines, and the messages of each line.
    lanes: [Rotation<Rotation<VecDeque<Ticket>>>; Urgency::COUNT],
    /// The messages of each client, the oldest first.
    by_client: HashMap<u64, SmallVec<[Ticket; 2]>, FixedState>,
    /// The messages that are next, because they arrived before another message of their client.
    first: VecDeque<Ticket>,
    messages_max: usize,
    octets: usize,
    turns: u8,
}

/// A message that was taken from the backlog.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    /// To be decided now.
    Due(T),
    /// To be dropped, because it waited for this long.
    TooOld(T, Duration),
}

#[derive(Debug)]
struct Waiting<T> {
    label: Label,
    message: T,
    /// When the client last sent it.
    since: Instant,
}

impl<T> Backlog<T> {
    /// Creates an empty backlog for at most `messages_max` messages, with 512 octets each on
    /// average.
    ///
    /// The memory for the messages' places is reserved at once, but not used: in a flood, a table
    /// that grows would hold up every message for as long as it is copied.
    pub(crate) fn new(messages_max: usize) -> Self {
        let reserved = messages_max.min(RESERVED_MAX);
        Self {
            messages: Slab::with_capacity(reserved),
            lanes: Default::default(),
            by_client: HashMap::with_capacity_and_hasher(reserved, FixedState::default()),
            first: VecDeque::new(),
            messages_max,
            octets: 0,
            turns: 0,
        }
    }

    /// Returns whether no message waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Returns whether half of the messages wait that may.
    pub(crate) fn is_half_full(&self) -> bool {
        self.messages.len() > self.messages_max / 2
    }

    /// Returns how many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns whether a message that arrived at `since` may be inserted.
    ///
    /// # Errors
    /// The reason for which the message is dropped instead.
    pub(crate) fn admit(&mut self, since: Instant, label: &Label) -> Result<(), Reason> {
        let gives_way = self.gives_way_itself(label);
        // If no message of its line waits, none waits that it could repeat.
        let lane = self.lanes.get(label.urgency.lane());
        if gives_way && lane.is_some_and(|lane| !lane.has(&label.path())) {
            return Err(Reason::CrowdedOut);
        }
        self.repeats(since, label)?;
        if gives_way { Err(Reason::CrowdedOut) } else { Ok(()) }
    }

    /// Adds a message that was admitted, and returns the messages that are dropped for it.
    pub(crate) fn insert(&mut self, since: Instant, label: Label, message: T) -> Vec<(Label, T)> {
        self.octets += label.octets;
        let ticket = self.messages.insert(Waiting { label, message, since });
        self.by_client.entry(label.client).or_default().push(ticket);
        if let Some(lane) = self.lanes.get_mut(label.urgency.lane()) {
            lane.push(&label.path(), ticket);
        }
        let mut dropped = Vec::new();
        while self.is_too_full(0, 0) {
            let Some(waiting) = self.give_way().and_then(|ticket| self.forget(ticket)) else {
                break;
            };
            dropped.push((waiting.label, waiting.message));
        }
        dropped
    }

    /// Takes the next message. Returns `None` if none waits, or if the chosen one has been removed.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Taken<T>> {
        let ticket = match self.first.pop_front() {
            Some(ticket) => ticket,
            None => {
                let ticket = self.pop()?;
                self.bring_forward_what_came_before(ticket);
                self.first.pop_front().unwrap_or(ticket)
            }
        };
        self.take(ticket, now)
    }

    /// Takes the next message of one kind, or returns `None` if there is none. A message whose
    /// client sent one of another kind earlier waits with that one from now on: it changes to the
    /// lane of that kind, so each message is looked at here only once.
    pub(crate) fn next_of(&mut self, urgency: Urgency, now: Instant) -> Option<Taken<T>> {
        loop {
            let ticket = self.lanes.get_mut(urgency.lane())?.pop()?;
            let earliest = self.earliest_of_client(ticket);
            if earliest == ticket {
                return self.take(ticket, now);
            }
            let kind = self.messages.get(earliest).map_or(urgency, |found| found.label.urgency);
            self.put(ticket, kind);
            if kind == urgency {
                self.pull_out(earliest);
                return self.take(earliest, now);
            }
        }
    }

    /// Returns whether a message of a kind waits in its lane.
    pub(crate) fn holds(&self, urgency: Urgency) -> bool {
        self.lanes.get(urgency.lane()).is_some_and(|lane| lane.len() > 0)
    }

    /// Returns whether the lines of a message's relay hold about the same of its kind, so that it
    /// makes no difference whose messages are dropped.
    pub(crate) fn has_even_lines(&self, label: &Label) -> bool {
        let relay = self.lanes.get(label.urgency.lane()).and_then(|lane| lane.member(label.relay));
        relay.is_some_and(|lines| lines.most() <= MESSAGES_OF_EVEN_LINE_MAX)
    }

    fn take(&mut self, ticket: Ticket, now: Instant) -> Option<Taken<T>> {
        let Waiting { message, since, .. } = self.forget(ticket)?;
        let age = now.saturating_duration_since(since);
        Some(if age > AGE_MAX { Taken::TooOld(message, age) } else { Taken::Due(message) })
    }

    /// Takes every message, in no particular order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        let messages = std::mem::take(&mut self.messages);
        *self = Self::new(self.messages_max);
        messages.into_iter().map(|(_, waiting)| waiting.message)
    }

    /// Returns an error if a message is dropped because it waits already, or because its client has
    /// as many waiting messages as it may.
    fn repeats(&mut self, since: Instant, label: &Label) -> Result<(), Reason> {
        let Some(of_client) = self.by_client.get(&label.client) else { return Ok(()) };
        for ticket in of_client {
            if let Some(waiting) = self.messages.get_mut(*ticket)
                && waiting.label.is_repeated_by(label)
            {
                // It keeps its place in the queue, and its client's wait for an answer begins
                // again.
                waiting.since = waiting.since.max(since);
                return Err(Reason::AlreadyWaiting);
            }
        }
        let is_crowd = of_client.len() >= MESSAGES_OF_CLIENT_MAX;
        if is_crowd { Err(Reason::CrowdedOut) } else { Ok(()) }
    }

    /// Returns whether a message is dropped itself: there is no room, and the message to drop would
    /// be of a line that holds no more than the message's own would.
    fn gives_way_itself(&self, label: &Label) -> bool {
        let lane = label.urgency.lane();
        self.is_too_full(1, label.octets)
            && self.lane_that_gives_way(Some(lane)) == Some(lane)
            && self.lanes.get(lane).is_some_and(|lane| lane.would_hold_most(&label.path()))
    }

    /// Returns whether there is no room for this many more messages and octets.
    fn is_too_full(&self, messages: usize, octets: usize) -> bool {
        self.messages.len() + messages > self.messages_max
            || self.octets + octets > self.messages_max.saturating_mul(OCTETS_OF_MESSAGE)
    }

    /// Removes and returns the ticket of the message that is dropped for another.
    fn give_way(&mut self) -> Option<Ticket> {
        let lane = self.lane_that_gives_way(None)?;
        self.lanes.get_mut(lane)?.pop_of_longest()
    }

    /// Returns the least urgent kind that holds more than its share of the places, which equals its
    /// share of the turns; one more message of `arriving` counts.
    fn lane_that_gives_way(&self, arriving: Option<usize>) -> Option<usize> {
        let shares = [
            (Urgency::Least, self.messages_max / 16),
            (Urgency::Other, self.messages_max / 8),
            (Urgency::Renewal, 0),
        ];
        let mut lanes = shares.into_iter().map(|(urgency, share)| (urgency.lane(), share));
        let found = lanes.find(|(lane, share)| {
            let more = usize::from(arriving == Some(*lane));
            self.lanes.get(*lane).is_some_and(|lane| lane.len() + more > *share)
        });
        found.map(|(lane, _)| lane)
    }

    /// Returns the next ticket by urgency and fair shares.
    fn pop(&mut self) -> Option<Ticket> {
        self.turns = self.turns.wrapping_add(1);
        let [renewals, others, least] = &mut self.lanes;
        let order = match self.turns % 16 {
            0 => [least, renewals, others],
            4 | 12 => [others, renewals, least],
            _ => [renewals, others, least],
        };
        order.into_iter().find_map(Queue::pop)
    }

    /// Puts the messages that the client of `ticket` sent earlier in front, followed by `ticket`
    /// itself.
    fn bring_forward_what_came_before(&mut self, ticket: Ticket) {
        let Some(waiting) = self.messages.get(ticket) else { return };
        let Some(of_client) = self.by_client.get(&waiting.label.client) else { return };
        let earlier = of_client.iter().copied().take_while(|other| *other != ticket);
        let earlier: SmallVec<[Ticket; 2]> = earlier.collect();
        for ticket in earlier {
            self.pull_out(ticket);
            self.first.push_back(ticket);
        }
        if !self.first.is_empty() {
            self.first.push_back(ticket);
        }
    }

    /// Returns the message that the client of `ticket` sent first of those that wait.
    fn earliest_of_client(&self, ticket: Ticket) -> Ticket {
        let waiting = self.messages.get(ticket);
        let of_client = waiting.and_then(|waiting| self.by_client.get(&waiting.label.client));
        of_client.and_then(|of_client| of_client.first().copied()).unwrap_or(ticket)
    }

    /// Puts a message, which is in no lane, into the lane of a kind.
    fn put(&mut self, ticket: Ticket, urgency: Urgency) {
        let Some(waiting) = self.messages.get_mut(ticket) else { return };
        waiting.label.urgency = urgency;
        if let Some(lane) = self.lanes.get_mut(urgency.lane()) {
            lane.push(&waiting.label.path(), ticket);
        }
    }

    /// Takes a message out of the order in which it waits, but keeps it.
    fn pull_out(&mut self, ticket: Ticket) {
        let Some(waiting) = self.messages.get(ticket) else { return };
        let lane = self.lanes.get_mut(waiting.label.urgency.lane());
        if !lane.is_some_and(|lane| lane.remove(&waiting.label.path(), ticket)) {
            self.first.retain(|other| *other != ticket);
        }
    }

    /// Removes a message that is no longer in any lane.
    fn forget(&mut self, ticket: Ticket) -> Option<Waiting<T>> {
        let waiting = self.messages.try_remove(ticket)?;
        self.octets = self.octets.saturating_sub(waiting.label.octets);
        if let Some(of_client) = self.by_client.get_mut(&waiting.label.client) {
            of_client.retain(|other| *other != ticket);
            if of_client.is_empty() {
                self.by_client.remove(&waiting.label.client);
            }
        }
        Some(waiting)
    }
}

#[cfg(test)]
mod tests;
