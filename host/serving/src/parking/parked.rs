//! What waits under a number until it is woken, and of which message it is.
//!
//! Does not know what is waited for. Invariant: of one message, the latest waits. An earlier one
//! may have ended its wait while its wake-up is still on the way; if the message is repeated at
//! that moment and has to wait for something else, the engine has a note of the later one only. So
//! the later one must stay: an earlier one would be refused as a repetition of it.

use std::{collections::HashMap, hash::Hash};

/// Exchanges by number, with the tickets of their messages.
#[derive(Debug)]
pub(super) struct Parked<T, E> {
    by_number: HashMap<u64, (T, E)>,
    numbers: HashMap<T, u64>,
}

impl<T: Clone + Eq + Hash, E> Parked<T, E> {
    pub(super) fn new() -> Self {
        Self { by_number: HashMap::new(), numbers: HashMap::new() }
    }

    /// The number of exchanges.
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Keeps an exchange under a number that is not in use. Returns an earlier one of the same
    /// message, whose place it takes.
    pub(super) fn put(&mut self, number: u64, ticket: T, exchange: E) -> Option<E> {
        let earlier = self.numbers.insert(ticket.clone(), number);
        let earlier = earlier.and_then(|earlier| self.by_number.remove(&earlier));
        self.by_number.insert(number, (ticket, exchange));
        earlier.map(|(_, exchange)| exchange)
    }

    /// Removes and returns the exchange with a number, unless a later one took its place.
    pub(super) fn take(&mut self, number: u64) -> Option<E> {
        let (ticket, exchange) = self.by_number.remove(&number)?;
        self.numbers.remove(&ticket);
        Some(exchange)
    }

    /// Removes and returns the exchange of a message.
    pub(super) fn take_of(&mut self, ticket: &T) -> Option<E> {
        let number = self.numbers.remove(ticket)?;
        self.by_number.remove(&number).map(|(_, exchange)| exchange)
    }

    /// The exchange of a message.
    pub(super) fn of(&mut self, ticket: &T) -> Option<&mut E> {
        let number = self.numbers.get(ticket)?;
        self.by_number.get_mut(number).map(|(_, exchange)| exchange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A probe ends, its exchange is about to be woken, and meanwhile the client repeats its
    /// message, which has to wait for the probe of another address.
    #[test]
    fn a_message_that_is_repeated_before_it_is_woken_is_answered_by_the_later_wait() {
        let mut parked = Parked::new();
        assert_eq!(parked.put(1, "discover", "first"), None);
        assert_eq!(parked.put(2, "discover", "repeated"), Some("first"));
        assert_eq!(parked.len(), 1);
        // The wake-up of the first arrives late, and must not touch the other one.
        assert_eq!(parked.take(1), None);
        assert_eq!(parked.of(&"discover").copied(), Some("repeated"));
        assert_eq!(parked.take(2), Some("repeated"));
        assert_eq!((parked.take(2), parked.of(&"discover").copied()), (None, None));
        assert_eq!(parked.len(), 0);
    }

    #[test]
    fn other_messages_keep_their_places() {
        let mut parked = Parked::new();
        assert_eq!(parked.put(1, "discover", "a"), None);
        assert_eq!(parked.put(2, "request", "b"), None);
        assert_eq!(parked.take(1), Some("a"));
        assert_eq!(parked.put(3, "discover", "c"), None);
        assert_eq!((parked.take(2), parked.take(3)), (Some("b"), Some("c")));
    }
}
