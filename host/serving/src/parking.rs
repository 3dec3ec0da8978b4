//! Exchanges that wait, for lookups or for storage, while the worker continues with others.
//!
//! Those that wait for lookups are away, on the runtime's threads. Those that wait for an address
//! change of another decision stay with the worker until they are woken (see [`crate::waiting`]).
//! Invariant: an exchange that was sent away comes back exactly once, with an answer for everything
//! that it waited for, whatever happens to the task that queries.

mod parked;

use std::{collections::HashSet, sync::Arc, time::Instant};

use lessor_core::{LookupAnswer, Reason};
use lessor_generation::Generation;
use lessor_policy_host::{AnsweredLookup, PlannedLookup};
use lessor_stages::{Asked, Planned, Round};

use crate::{
    exchange::{Exchange, LookupTime},
    ticket::Ticket,
};

use self::parked::Parked;

/// The number of exchanges of one worker that may wait at a time for lookups, and of those for
/// storage.
pub(crate) const AWAY_MAX: usize = 4096;

/// The exchanges of a worker that wait.
#[derive(Debug)]
pub(crate) struct Parking {
    /// The messages that wait for lookups.
    looking_up: HashSet<Ticket>,
    away_max: usize,
    /// The exchanges that wait for storage or for a probe.
    parked: Parked<Ticket, Exchange<Asked>>,
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
        Self { looking_up: HashSet::new(), away_max, parked: Parked::new() }
    }

    /// Allows one more exchange to go away for lookups.
    ///
    /// # Errors
    /// If the client only repeated it, or too many are away.
    pub(crate) fn leave(&mut self, ticket: &Ticket) -> Result<(), Reason> {
        if self.looking_up.contains(ticket) || self.parked.of(ticket).is_some() {
            return Err(Reason::LookupPending);
        }
        if self.looking_up.len() >= self.away_max {
            return Err(Reason::LookupQueueFull);
        }
        self.looking_up.insert(ticket.clone());
        Ok(())
    }

    /// Notes that an exchange came back.
    pub(crate) fn is_back(&mut self, ticket: &Ticket) {
        self.looking_up.remove(ticket);
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
    ) -> Result<Option<Exchange<Asked>>, (Box<Exchange<Asked>>, Reason)> {
        let ticket = Ticket::of(exchange.request());
        if self.parked.len() >= self.away_max && self.parked.of(&ticket).is_none() {
            return Err((Box::new(exchange), Reason::ChangeQueueFull));
        }
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
        self.parked.take(number)
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
    use super::*;

    #[test]
    fn no_more_are_away_than_allowed_and_each_once() {
        let mut parking = Parking::new(2);
        assert_eq!(parking.leave(&Ticket::numbered(1)), Ok(()));
        assert_eq!(parking.leave(&Ticket::numbered(1)), Err(Reason::LookupPending));
        assert_eq!(parking.leave(&Ticket::numbered(2)), Ok(()));
        assert_eq!(parking.leave(&Ticket::numbered(3)), Err(Reason::LookupQueueFull));
        assert_eq!(parking.leave(&Ticket::numbered(2)), Err(Reason::LookupPending));
        parking.is_back(&Ticket::numbered(1));
        assert_eq!(parking.leave(&Ticket::numbered(3)), Ok(()));
        parking.is_back(&Ticket::numbered(2));
        parking.is_back(&Ticket::numbered(3));
        assert!(parking.is_empty());
    }
}
