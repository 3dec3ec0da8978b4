//! Exchanges that wait, for lookups or for storage, while the worker goes on with others.
//!
//! Those that wait for lookups are away, on the runtime's threads. Those that wait for a change of an
//! address that another decision asked for stay with the worker until they are woken (see
//! [`crate::waiting`]). Invariant: an exchange that was sent away comes back exactly once, with an answer
//! for everything that it waited for, whatever becomes of the task that asks.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use lessor_core::{HardwareAddress, LookupAnswer, Reason, Request, RequestKind};
use lessor_lookup::Sources;
use lessor_policy_host::{Lookup, PlannedLookup};

use crate::exchange::Exchange;

/// Exchanges of one worker that may wait at a time.
pub(crate) const AWAY_MAX: usize = 4096;

/// What of a worker's exchanges waits.
#[derive(Debug)]
pub(crate) struct Parking {
    away: HashSet<Ticket>,
    away_max: usize,
    /// Those that wait for storage, by number.
    parked: HashMap<u64, Parked>,
}

/// An exchange that waits for storage.
#[derive(Debug)]
pub(crate) struct Parked {
    ticket: Ticket,
    pub(crate) exchange: Exchange,
    pub(crate) since: Instant,
}

/// What tells a message from others, and is the same if the client sends it again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    transaction_id: u32,
    kind: RequestKind,
    hardware_address: HardwareAddress,
    client_identifier: Option<Box<[u8]>>,
}

/// An exchange that was away, with what was asked for.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) ticket: Ticket,
    pub(crate) exchange: Exchange,
    pub(crate) answers: Vec<Lookup>,
}

/// An exchange that is away. It comes back when this is dropped.
pub(crate) struct Away {
    ticket: Ticket,
    exchange: Option<Exchange>,
    /// What was not answered yet, the next one last.
    unanswered: Vec<PlannedLookup>,
    answers: Vec<Lookup>,
    /// Takes it back.
    back: Box<dyn Fn(Returned) + Send>,
}

impl Ticket {
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            transaction_id: request.transaction_id,
            kind: request.kind,
            hardware_address: request.hardware_address,
            client_identifier: request.client_identifier.clone(),
        }
    }
}

impl Parking {
    pub(crate) fn new(away_max: usize) -> Self {
        Self { away: HashSet::new(), away_max, parked: HashMap::new() }
    }

    /// Lets one more go away for lookups.
    ///
    /// # Errors
    /// If the client only sent it again, or too many are away.
    pub(crate) fn leave(&mut self, ticket: &Ticket) -> Result<(), Reason> {
        self.enter(ticket, Reason::LookupPending, Reason::LookupQueueFull)
    }

    /// Keeps an exchange until storage has answered, under a number that is not in use.
    ///
    /// # Errors
    /// With the exchange and the reason, if the client only sent it again, or too many wait.
    pub(crate) fn park(
        &mut self,
        number: u64,
        ticket: Ticket,
        exchange: Exchange,
        since: Instant,
    ) -> Result<(), (Box<Exchange>, Reason)> {
        match self.enter(&ticket, Reason::ChangePending, Reason::ChangeQueueFull) {
            Ok(()) => {
                self.parked.insert(number, Parked { ticket, exchange, since });
                Ok(())
            }
            Err(reason) => Err((Box::new(exchange), reason)),
        }
    }

    /// Takes out what was parked under a number, if it was.
    pub(crate) fn unpark(&mut self, number: u64) -> Option<Parked> {
        let parked = self.parked.remove(&number)?;
        self.away.remove(&parked.ticket);
        Some(parked)
    }

    fn enter(&mut self, ticket: &Ticket, pending: Reason, full: Reason) -> Result<(), Reason> {
        if self.away.contains(ticket) {
            return Err(pending);
        }
        if self.away.len() >= self.away_max {
            return Err(full);
        }
        self.away.insert(ticket.clone());
        Ok(())
    }

    /// One came back.
    pub(crate) fn is_back(&mut self, ticket: &Ticket) {
        self.away.remove(ticket);
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.away.is_empty()
    }
}

impl Away {
    /// Sends an exchange away that waits for `lookups`.
    pub(crate) fn new(
        ticket: Ticket,
        exchange: Exchange,
        mut lookups: Vec<PlannedLookup>,
        back: impl Fn(Returned) + Send + 'static,
    ) -> Self {
        lookups.reverse();
        let (exchange, back) = (Some(exchange), Box::new(back));
        Self { ticket, exchange, unanswered: lookups, answers: Vec::new(), back }
    }

    /// Asks for all that the exchange waits for, at the same time, and brings it back.
    pub(crate) async fn ask(mut self, sources: Arc<Sources>) {
        let asked: Vec<_> = (self.unanswered.iter())
            .map(|lookup| {
                let (sources, lookup) = (Arc::clone(&sources), lookup.clone());
                tokio::spawn(async move { sources.ask(&lookup.source, &lookup.key).await })
            })
            .collect();
        for question in asked.into_iter().rev() {
            let answer = question.await.unwrap_or_else(|_| given_up());
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
        (self.back)(Returned { ticket: self.ticket.clone(), exchange, answers });
    }
}

fn given_up() -> LookupAnswer {
    LookupAnswer::Unavailable("the server gave the question up".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(number: u8) -> Ticket {
        Ticket {
            transaction_id: 7,
            kind: RequestKind::Discover,
            hardware_address: HardwareAddress::ethernet([2, 0, 0, 0, 0, number]),
            client_identifier: None,
        }
    }

    #[test]
    fn no_more_are_away_than_allowed_and_each_once() {
        let mut parking = Parking::new(2);
        assert_eq!(parking.leave(&ticket(1)), Ok(()));
        assert_eq!(parking.leave(&ticket(1)), Err(Reason::LookupPending));
        assert_eq!(parking.leave(&ticket(2)), Ok(()));
        assert_eq!(parking.leave(&ticket(3)), Err(Reason::LookupQueueFull));
        assert_eq!(parking.leave(&ticket(2)), Err(Reason::LookupPending));
        parking.is_back(&ticket(1));
        assert_eq!(parking.leave(&ticket(3)), Ok(()));
        parking.is_back(&ticket(2));
        parking.is_back(&ticket(3));
        assert!(parking.is_empty());
    }
}
