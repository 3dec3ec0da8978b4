//! Deadlines: when what is held ends.
//!
//! Lazy, because most deadlines move: a lease that is renewed leaves its entry where it is, and
//! the entry is put right when it comes up. Invariant: a held address that ends at all has exactly
//! one entry; every other address has none. The entry is not later than the end, unless a change of the
//! address is in flight.

use std::collections::BTreeSet;

use crate::Timestamp;

/// The queue of what ends next.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines {
    queue: BTreeSet<(Timestamp, u32)>,
}

impl Deadlines {
    /// Makes the entry of `address`, which stands at `queued_for` ([`Timestamp::NEVER`]: there is
    /// none), good for something that ends at `end`, and keeps `queued_for` right.
    pub(super) fn schedule(&mut self, address: u32, queued_for: &mut Timestamp, end: Timestamp) {
        if end == *queued_for || (end > *queued_for && end != Timestamp::NEVER) {
            return;
        }
        if *queued_for != Timestamp::NEVER {
            self.queue.remove(&(*queued_for, address));
        }
        if end != Timestamp::NEVER {
            self.queue.insert((end, address));
        }
        *queued_for = end;
    }

    /// Takes the first entry out if it is due; the caller sets the `queued_for` of its address to
    /// [`Timestamp::NEVER`].
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<u32> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop_first().map(|(_, address)| address)
    }

    /// A copy of the first entries that are due, at most `limit`.
    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Self {
        Self { queue: self.queue.range(..=(now, u32::MAX)).take(limit).copied().collect() }
    }

    /// The addresses that have entries.
    pub(super) fn addresses(&self) -> impl Iterator<Item = u32> {
        self.queue.iter().map(|(_, address)| *address)
    }

    /// The time of the first entry.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(unix_ms: u64) -> Timestamp {
        Timestamp::from_unix_ms(unix_ms)
    }

    #[test]
    fn a_later_end_leaves_the_entry_and_an_earlier_one_moves_it() {
        let mut deadlines = Deadlines::default();
        let mut queued_for = Timestamp::NEVER;
        deadlines.schedule(1, &mut queued_for, at(100));
        deadlines.schedule(1, &mut queued_for, at(200));
        assert_eq!((deadlines.next(), queued_for), (Some(at(100)), at(100)));
        deadlines.schedule(1, &mut queued_for, at(50));
        assert_eq!((deadlines.next(), deadlines.len()), (Some(at(50)), 1));
        assert_eq!(deadlines.take_due(at(49)), None);
        assert_eq!(deadlines.take_due(at(50)), Some(1));
    }

    #[test]
    fn what_never_ends_has_no_entry() {
        let mut deadlines = Deadlines::default();
        let mut queued_for = Timestamp::NEVER;
        deadlines.schedule(1, &mut queued_for, at(100));
        deadlines.schedule(1, &mut queued_for, Timestamp::NEVER);
        assert_eq!((deadlines.len(), queued_for), (0, Timestamp::NEVER));
    }
}
