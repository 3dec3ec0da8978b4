//! Which message of each client waits, of those that ask for an address.
//!
//! Does not keep the messages. Invariant: of one client, only the message that arrived last waits.
//! A client asks for one address at a time and ignores the replies to its earlier messages. If an
//! earlier one were decided after the last one, it could end the lease that the client uses.

use std::collections::HashMap;

use crate::ticket::{Asker, Ticket};

/// The messages that wait, by their clients.
#[derive(Debug, Default)]
pub(super) struct Askers(HashMap<Asker, Ticket>);

impl Askers {
    /// Notes that a message waits, if it asks for an address.
    pub(super) fn wait(&mut self, asker: Option<Asker>, ticket: &Ticket) {
        if let Some(asker) = asker {
            self.0.insert(asker, ticket.clone());
        }
    }

    /// Notes that a message no longer waits.
    pub(super) fn go_on(&mut self, asker: Option<Asker>, ticket: &Ticket) {
        if let Some(asker) = asker
            && self.0.get(&asker) == Some(ticket)
        {
            self.0.remove(&asker);
        }
    }

    /// Returns an earlier message that waits although its client has sent this one since. It is not
    /// noted any longer.
    pub(super) fn superseded_by(&mut self, asker: &Asker, ticket: &Ticket) -> Option<Ticket> {
        let earlier = self.0.get(asker).filter(|earlier| *earlier != ticket)?;
        let earlier = earlier.clone();
        self.0.remove(asker);
        Some(earlier)
    }

    /// Returns whether no message waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_message_supersedes_the_one_that_waits() {
        let (asker, [first, second]) = (Asker::numbered(1), [1, 2].map(Ticket::numbered));
        let mut askers = Askers::default();
        assert_eq!(askers.superseded_by(&asker, &first), None);
        askers.wait(Some(asker.clone()), &first);
        // A repetition supersedes nothing, and neither does a message of another client.
        assert_eq!(askers.superseded_by(&asker, &first), None);
        assert_eq!(askers.superseded_by(&Asker::numbered(2), &second), None);
        assert_eq!(askers.superseded_by(&asker, &second), Some(first.clone()));
        askers.wait(Some(asker.clone()), &second);
        askers.go_on(Some(asker.clone()), &first);
        assert_eq!(askers.superseded_by(&asker, &first), Some(second.clone()));
        askers.wait(Some(asker.clone()), &second);
        askers.go_on(Some(asker), &second);
        assert!(askers.is_empty());
    }
}
