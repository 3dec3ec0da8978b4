//! The backlog: messages that were read and not decided yet, and which of them is next.
//!
//! While a server keeps up, nothing waits here. When more arrives than it can decide:
//!
//! - **Urgency.** Renewals come first, because their clients are using their addresses; then other
//!   REQUESTs, RELEASE and DECLINE, which finish what was begun; then DISCOVER and INFORM. One in
//!   eight turns is reserved for the second kind and one in sixteen for the third, so that forged
//!   renewals lock out no other client.
//! - **Fair shares.** Within a kind, relays take turns, and so do the lines of a relay.
//! - **Order.** Messages of one client leave in the order in which they arrived.
//! - **Limits.** When there is no room, the oldest message of the line that holds most, of the
//!   relay that holds most, of the least urgent kind gives way; an eighth of the room is reserved
//!   for the second kind and a sixteenth for the third. A message that is repeated while its first
//!   copy waits takes no place. A message that is older than its client waits is not served.
//!
//! Not here: sockets, clocks and the reading of messages; see [`label`]. Invariant: no more
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

/// How long a client waits before it sends its message again (RFC 2131 section 4.1: 4 seconds, give or
/// take one). What is older is not worth an answer: its successor is there, or the client is gone.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(4);

/// Messages of one client that may wait at a time. A client has one question at a time; more than a
/// few is somebody who counts up transaction ids.
const MESSAGES_OF_CLIENT_MAX: usize = 32;

/// The octets that messages may have on average, if as many wait as may. Most have 300 to 400.
const OCTETS_OF_MESSAGE: usize = 512;

/// What waits; `T` is a message with what it takes to decide it.
#[derive(Debug)]
pub(crate) struct Backlog<T> {
    messages: Slab<Waiting<T>>,
    /// By urgency: relays, their lines, what came from each.
    lanes: [Rotation<Rotation<VecDeque<Ticket>>>; Urgency::COUNT],
    /// The messages of each client, the oldest first.
    by_client: HashMap<u64, SmallVec<[Ticket; 2]>, FixedState>,
    /// What goes next, because it came before another message of its client.
    first: VecDeque<Ticket>,
    messages_max: usize,
    octets: usize,
    turns: u8,
}

/// What was taken from the backlog.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    /// To be decided now.
    Due(T),
    /// To be dropped: it waited for so long.
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
    /// An empty backlog for at most `messages_max` messages, and 512 octets for each.
    pub(crate) fn new(messages_max: usize) -> Self {
        Self {
            messages: Slab::new(),
            lanes: Default::default(),
            by_client: HashMap::default(),
            first: VecDeque::new(),
            messages_max,
            octets: 0,
            turns: 0,
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Takes in a message that came in `since`, and gives back what is dropped for it. `message` is
    /// made only if it is taken in: in a flood, most are not.
    ///
    /// # Errors
    /// Why the message is dropped instead.
    pub(crate) fn push(
        &mut self,
        since: Instant,
        label: Label,
        message: impl FnOnce() -> T,
    ) -> Result<Vec<T>, Reason> {
        let (lane, path) = (label.urgency.lane(), label.path());
        let gives_way = self.gives_way_itself(&label);
        // Where nothing waits of its line, nothing that it repeats does.
        if gives_way && self.lanes.get(lane).is_some_and(|lane| !lane.has(&path)) {
            return Err(Reason::CrowdedOut);
        }
        self.repeats(since, &label)?;
        if gives_way {
            return Err(Reason::CrowdedOut);
        }
        self.octets += label.octets;
        let ticket = self.messages.insert(Waiting { label, message: message(), since });
        self.by_client.entry(label.client).or_default().push(ticket);
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.push(&path, ticket);
        }
        let mut dropped = Vec::new();
        while self.is_too_full(0, 0) {
            let Some(waiting) = self.give_way().and_then(|ticket| self.forget(ticket)) else {
                break;
            };
            dropped.push(waiting.message);
        }
        Ok(dropped)
    }

    /// Takes the next message; none if none waits, or if all that was looked at is gone.
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

    /// Takes the next message of one kind, or returns `None` if there is no such message. Messages of
    /// another kind that its client sent earlier stay where they are.
    pub(crate) fn next_of(&mut self, urgency: Urgency, now: Instant) -> Option<Taken<T>> {
        let ticket = self.lanes.get_mut(urgency.lane())?.pop()?;
        self.take(ticket, now)
    }

    /// Whether a message of a kind waits in its lane.
    pub(crate) fn holds(&self, urgency: Urgency) -> bool {
        self.lanes.get(urgency.lane()).is_some_and(|lane| lane.len() > 0)
    }

    fn take(&mut self, ticket: Ticket, now: Instant) -> Option<Taken<T>> {
        let Waiting { message, since, .. } = self.forget(ticket)?;
        let age = now.saturating_duration_since(since);
        Some(if age > AGE_MAX { Taken::TooOld(message, age) } else { Taken::Due(message) })
    }

    /// Takes everything that waits, in no particular order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        let messages = std::mem::take(&mut self.messages);
        *self = Self::new(self.messages_max);
        messages.into_iter().map(|(_, waiting)| waiting.message)
    }

    /// Whether a message is dropped because it, or as many of its client as may, wait already.
    fn repeats(&mut self, since: Instant, label: &Label) -> Result<(), Reason> {
        let Some(of_client) = self.by_client.get(&label.client) else { return Ok(()) };
        for ticket in of_client {
            if let Some(waiting) = self.messages.get_mut(*ticket)
                && waiting.label.is_repeated_by(label)
            {
                // Its place in the queue stays, and the client will wait for the answer from now on.
                waiting.since = waiting.since.max(since);
                return Err(Reason::AlreadyWaiting);
            }
        }
        let is_crowd = of_client.len() >= MESSAGES_OF_CLIENT_MAX;
        if is_crowd { Err(Reason::CrowdedOut) } else { Ok(()) }
    }

    /// Whether there is no room for a message, and what gives way is of a line that would hold no more
    /// than the message's own, so that it may as well be the message.
    fn gives_way_itself(&self, label: &Label) -> bool {
        let lane = label.urgency.lane();
        self.is_too_full(1, label.octets)
            && self.lane_that_gives_way(Some(lane)) == Some(lane)
            && self.lanes.get(lane).is_some_and(|lane| lane.would_hold_most(&label.path()))
    }

    /// Whether there is no room for so many messages and octets more.
    fn is_too_full(&self, messages: usize, octets: usize) -> bool {
        self.messages.len() + messages > self.messages_max
            || self.octets + octets > self.messages_max.saturating_mul(OCTETS_OF_MESSAGE)
    }

    /// The ticket that gives way.
    fn give_way(&mut self) -> Option<Ticket> {
        let lane = self.lane_that_gives_way(None)?;
        self.lanes.get_mut(lane)?.pop_of_longest()
    }

    /// The least urgent kind that holds more than its share of the places, which is as large as its
    /// share of the turns, with a message more of `arriving`.
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

    /// The next ticket by urgency and fair shares.
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

    /// Puts the messages that the client of `ticket` sent before it in front, and itself behind them.
    fn bring_forward_what_came_before(&mut self, ticket: Ticket) {
        let Some(waiting) = self.messages.get(ticket) else { return };
        let Some(of_client) = self.by_client.get(&waiting.label.client) else { return };
        let earlier = of_client.iter().copied().take_while(|other| *other != ticket);
        let earlier: SmallVec<[Ticket; 2]> = earlier.collect();
        for ticket in earlier {
            let Some(waiting) = self.messages.get(ticket) else { continue };
            if let Some(lane) = self.lanes.get_mut(waiting.label.urgency.lane()) {
                lane.remove(&waiting.label.path(), ticket);
            }
            self.first.push_back(ticket);
        }
        if !self.first.is_empty() {
            self.first.push_back(ticket);
        }
    }

    /// Takes a message that stands in no lane any more.
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
