//! Exchanges that wait, for lookups or for storage, while the worker continues with others.
//!
//! Those that wait for lookups are away, on the runtime's threads. Those that wait for an address
//! change of another decision stay with the worker until they are woken (see [`crate::waiting`]).
//! Invariant: an exchange that was sent away comes back exactly once, with an answer for everything
//! that it waited for, whatever happens to the task that queries.

mod askers;
mod parked;

use std::{collections::HashSet, sync::Arc, time::Instant};

use lessor_core::{LookupAnswer, Reason, Request};
use lessor_generation::Generation;
use lessor_policy_host::{AnsweredLookup, PlannedLookup};
use lessor_stages::{Asked, Planned, Round};

use crate::{
    exchange::{Exchange, LookupTime},
    ticket::{Asker, Ticket},
};

use self::{askers::Askers, parked::Parked};

/// The number of exchanges of one worker that may wait at a time for lookups, and of those for
/// storage.
pub(crate) const AWAY_MAX: usize = 4096;

/// An exchange that cannot wait, and why.
pub(crate) type CannotWait = (Box<Exchange<Asked>>, Reason);

/// The exchanges of a worker that wait.
#[derive(Debug)]
pub(crate) struct Parking {
    /// The messages that wait for lookups.
    looking_up: HashSet<Ticket>,
    away_max: usize,
    /// The exchanges that wait for storage or for a probe.
    parked: Parked<Ticket, Exchange<Asked>>,
    /// The messages of both kinds that ask for an address.
    askers: Askers,
}

/// An exchange that was away, with the answers to its lookups.
pub(crate) struct Returned {
    pub(crate) ticket: Ticket,
    /// The generation whose policies planned the lookups.
    pub(crate) generation: Arc<Generation>,
    pub(crate) exchange: Exchange<Planned>,
    pub(crate) answers: Vec<AnsweredLookup>,
}

/// An exchange that is away. It comes back when this is dropped.
pub(crate) struct Away {
    ticket: Ticket,
    generation: Arc<Generation>,
    exchange: Option<Exchange<Planned>>,
    /// The lookups without an answer yet, the next one last.
    unanswered: Vec<PlannedLookup>,
    answers: Vec<AnsweredLookup>,
    /// When the exchange stops waiting; `None` if its sources decide.
    until: Option<Instant>,
    /// Returns the exchange to the worker.
    back: Box<dyn Fn(Returned) + Send>,
}

impl Parking {
    pub(crate) fn new(away_max: usize) -> Self {
        let (looking_up, parked) = (HashSet::new(), Parked::new());
        Self { looking_up, away_max, parked, askers: Askers::default() }
    }

    /// Allows one more exchange to go away for lookups, and returns its ticket.
    ///
    /// # Errors
    /// If the client only repeated it, or too many are away.
    pub(crate) fn leave(&mut self, request: &Request) -> Result<Ticket, Reason> {
        let ticket = Ticket::of(request);
        if self.looking_up.contains(&ticket) || self.parked.of(&ticket).is_some() {
            return Err(Reason::LookupPending);
        }
        if self.looking_up.len() >= self.away_max {
            return Err(Reason::LookupQueueFull);
        }
        self.looking_up.insert(ticket.clone());
        self.askers.wait(Asker::of(request), &ticket);
        Ok(ticket)
    }

    /// Notes that an exchange came back. Returns whether it is to be decided: not if its client has
    /// sent another message since.
    pub(crate) fn is_back(&mut self, ticket: &Ticket, request: &Request) -> bool {
        self.askers.go_on(Asker::of(request), ticket);
        self.looking_up.remove(ticket)
    }

    /// Ends the wait of an earlier message that asked for an address, if the client of this message
    /// asks again with it. Returns the earlier exchange, unless it is away: then it comes back, and
    /// is not to be decided.
    pub(crate) fn supersede(&mut self, request: &Request) -> Option<Exchange<Asked>> {
        if self.askers.is_empty() {
            return None;
        }
        let earlier = self.askers.superseded_by(&Asker::of(request)?, &Ticket::of(request))?;
        self.looking_up.remove(&earlier);
        self.parked.take_of(&earlier)
    }

    /// Keeps an exchange until storage has answered, under a number that is not in use. Returns an
    /// earlier one of the same message, which waits no longer: see `parked`.
    ///
    /// # Errors
    /// With the exchange and the reason, if too many wait.
    pub(crate) fn park(
        &mut self,
        number: u64,
        exchange: Exchange<Asked>,
    ) -> Result<Option<Exchange<Asked>>, CannotWait> {
        let ticket = Ticket::of(exchange.request());
        if self.parked.len() >= self.away_max && self.parked.of(&ticket).is_none() {
            return Err((Box::new(exchange), Reason::ChangeQueueFull));
        }
        self.askers.wait(Asker::of(exchange.request()), &ticket);
        Ok(self.parked.put(number, ticket, exchange))
    }

    /// Notes that the client repeated a message that waits, and waits for the answer from then on.
    pub(crate) fn was_sent_again(&mut self, ticket: &Ticket, at: Instant) {
        if let Some(exchange) = self.parked.of(ticket) {
            let since = &mut exchange.notes.since;
            *since = (*since).max(at);
        }
    }

    /// Removes and returns the exchange that was parked under a number, if any.
    pub(crate) fn unpark(&mut self, number: u64) -> Option<Exchange<Asked>> {
        let exchange = self.parked.take(number)?;
        let request = exchange.request();
        self.askers.go_on(Asker::of(request), &Ticket::of(request));
        Some(exchange)
    }

    /// Returns whether no exchange waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.looking_up.is_empty() && self.parked.len() == 0
    }
}

impl Away {
    /// Sends away an exchange that waits for lookups of policies of `generation`.
    pub(crate) fn new(
        ticket: Ticket,
        generation: Arc<Generation>,
        mut exchange: Exchange<Planned>,
        back: impl Fn(Returned) + Send + 'static,
    ) -> Self {
        let is_first = exchange.stage.round() == Round::First;
        let mut unanswered = exchange.stage.take_unanswered();
        let sources = generation.lookups.sources();
        let deadlines = unanswered.iter().map(|lookup| sources.deadline(&lookup.source));
        let longest = deadlines.max().unwrap_or_default();
        let until = LookupTime::extend(&mut exchange.notes.lookups, Instant::now(), longest);
        let until = (!is_first).then_some(until);
        unanswered.reverse();
        let (exchange, back) = (Some(exchange), Box::new(back));
        Self { ticket, generation, exchange, unanswered, answers: Vec::new(), until, back }
    }

    /// Performs all lookups of the exchange at the same time, and brings it back.
    pub(crate) async fn ask(mut self) {
        let sources = Arc::clone(self.generation.lookups.sources());
        let asked: Vec<_> = (self.unanswered.iter())
            .map(|lookup| {
                let (sources, lookup) = (Arc::clone(&sources), lookup.clone());
                tokio::spawn(async move { sources.ask(&lookup.source, &lookup.key).await })
            })
            .collect();
        for question in asked.into_iter().rev() {
            let answer = match self.until {
                Some(until) => tokio::time::timeout_at(until.into(), question).await,
                None => Ok(question.await),
            };
            let answer = match answer {
                Ok(answered) => answered.unwrap_or_else(|_| given_up()),
                Err(_) => out_of_time(),
            };
            if let Some(lookup) = self.unanswered.pop() {
                self.answers.push(lookup.answered(answer));
            }
        }
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        let Some(exchange) = self.exchange.take() else { return };
        let unanswered = std::mem::take(&mut self.unanswered).into_iter().rev();
        let mut answers = std::mem::take(&mut self.answers);
        answers.extend(unanswered.map(|lookup| lookup.answered(given_up())));
        let (ticket, generation) = (self.ticket.clone(), Arc::clone(&self.generation));
        (self.back)(Returned { ticket, generation, exchange, answers });
    }
}

fn out_of_time() -> LookupAnswer {
    LookupAnswer::Unavailable("no answer within the time that both rounds share".to_owned())
}

fn given_up() -> LookupAnswer {
    LookupAnswer::Unavailable("the server abandoned the lookup".to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use lessor_load::dhcproto::v4::MessageType;

    use super::*;
    use crate::testing::{packet, received};

    fn discover(client: u8, transaction_id: u32) -> Request {
        let relay = Ipv4Addr::new(10, 0, 0, 254);
        let payload = packet(MessageType::Discover, client, relay, vec![]);
        let arrival = received(&payload, relay).arrival;
        Request { transaction_id, ..lessor_wire::parse(&payload, arrival).unwrap() }
    }

    #[test]
    fn no_more_are_away_than_allowed_and_each_once() {
        let mut parking = Parking::new(2);
        let [first, second, third] = [1, 2, 3].map(|number| discover(number, 7));
        let ticket = parking.leave(&first).unwrap();
        assert_eq!(parking.leave(&first), Err(Reason::LookupPending));
        let other = parking.leave(&second).unwrap();
        assert_eq!(parking.leave(&third), Err(Reason::LookupQueueFull));
        assert_eq!(parking.leave(&second), Err(Reason::LookupPending));
        assert!(parking.is_back(&ticket, &first));
        let last = parking.leave(&third).unwrap();
        assert!(parking.is_back(&other, &second) && parking.is_back(&last, &third));
        assert!(parking.is_empty());
    }

    #[test]
    fn what_comes_back_after_its_client_asked_again_is_not_decided() {
        let mut parking = Parking::new(2);
        let [first, again] = [1, 2].map(|transaction_id| discover(1, transaction_id));
        let ticket = parking.leave(&first).unwrap();
        assert!(parking.supersede(&first).is_none());
        assert!(parking.supersede(&again).is_none());
        let later = parking.leave(&again).unwrap();
        assert!(!parking.is_back(&ticket, &first));
        assert!(parking.is_back(&later, &again) && parking.is_empty());
    }
}
