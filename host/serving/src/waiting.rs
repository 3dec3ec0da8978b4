//! Exchanges that wait for changes in flight.
//!
//! Does not hold the exchanges: they stay with their worker, which is notified when to continue. An
//! exchange that waits for a change of an address is noted under the lock of its engine, where the
//! change was found and where it is settled, so none is forgotten. Invariant: each exchange that is
//! noted is woken once.

use std::{collections::HashMap, net::Ipv4Addr};

use crate::ticket::Ticket;

/// The number of messages that may wait for one change. Their clients wait for one address, or for
/// the account of one subscriber.
const WAITING_FOR_ONE_MAX: usize = 64;

/// Notifies the worker of one exchange.
pub(crate) type Wake = Box<dyn FnOnce() + Send>;

/// The messages that wait for changes of a network's addresses.
#[derive(Default)]
pub(crate) struct Waiting {
    by_address: HashMap<Ipv4Addr, Vec<(Ticket, Wake)>>,
}

/// Why a message cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// The same message waits already.
    Again,
    /// Too many wait already.
    TooMany,
}

impl Waiting {
    /// Notes that a message waits for the change of `address`.
    ///
    /// # Errors
    /// If it waits already, or too many do.
    pub(crate) fn note(
        &mut self,
        address: Ipv4Addr,
        ticket: Ticket,
        wake: Wake,
    ) -> Result<(), Unwanted> {
        let waiting = self.by_address.entry(address).or_default();
        if waiting.iter().any(|(other, _)| *other == ticket) {
            return Err(Unwanted::Again);
        }
        if waiting.len() >= WAITING_FOR_ONE_MAX {
            return Err(Unwanted::TooMany);
        }
        waiting.push((ticket, wake));
        Ok(())
    }

    /// Removes and returns those that wait for changes of `addresses`, in the order in which they
    /// came.
    pub(crate) fn take(&mut self, addresses: impl IntoIterator<Item = Ipv4Addr>) -> Vec<Wake> {
        if self.by_address.is_empty() {
            return Vec::new();
        }
        let waiting = addresses.into_iter().filter_map(|address| self.by_address.remove(&address));
        waiting.flatten().map(|(_, wake)| wake).collect()
    }

    /// Removes and returns all that wait.
    pub(crate) fn take_all(&mut self) -> Vec<Wake> {
        let all = std::mem::take(&mut self.by_address).into_values().flatten();
        all.map(|(_, wake)| wake).collect()
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("addresses", &self.by_address.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn nothing() -> Wake {
        Box::new(|| ())
    }

    #[test]
    fn those_who_wait_for_an_address_are_woken_in_order_and_once() {
        let (sender, woken) = mpsc::channel();
        let wake = |number: u8| -> Wake {
            let sender = sender.clone();
            Box::new(move || sender.send(number).unwrap())
        };
        let mut waiting = Waiting::default();
        for (address, number) in [(A, 1), (B, 2), (A, 3)] {
            waiting.note(address, Ticket::numbered(number), wake(number)).unwrap();
        }
        waiting.take([A]).into_iter().for_each(|wake| wake());
        assert_eq!(woken.try_iter().collect::<Vec<_>>(), [1, 3]);
        assert!(waiting.take([A]).is_empty());
        waiting.take_all().into_iter().for_each(|wake| wake());
        assert_eq!(woken.try_iter().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn only_so_many_wait_for_one_address_and_each_message_once() {
        let mut waiting = Waiting::default();
        for number in 0..WAITING_FOR_ONE_MAX as u8 {
            waiting.note(A, Ticket::numbered(number), nothing()).unwrap();
        }
        let mut note = |address, number| waiting.note(address, Ticket::numbered(number), nothing());
        assert_eq!(note(A, 7), Err(Unwanted::Again));
        assert_eq!(note(A, 200), Err(Unwanted::TooMany));
        assert_eq!(note(B, 200), Ok(()));
    }
}
