//! Reservations by the identifiers of their owners.
//!
//! An index knows positions and not reservations: the caller, which has the reservations, passes a
//! function that returns the one at a position. Only the configuration adds to an index, and
//! senders of messages only ask it. So its hash function needs no secret: whatever a message names,
//! it meets no more entries than the configuration has put together. Invariant: the index has an
//! entry for each identifier of each reservation that it was made of, up to its maximum.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::{RelayInformation, Request};

use super::{IdentifierKind, Owners, Reservation, ReservationOwner, identifier::Identifier};

/// Positions of reservations by identifier.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnerIndex {
    /// The kinds that occur, in descending precedence.
    kinds: Box<[IdentifierKind]>,
    entries: HashTable<Entry>,
}

/// The position of a reservation, and that of the identifier among those of its owner, in one
/// number: a network can have a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u32);

const OWNER_BITS: u32 = Owners::MAX.ilog2();

/// A reservation with the identifier by which it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matched<'r> {
    pub(crate) reservation: &'r Reservation,
    pub(crate) owner: &'r ReservationOwner,
}

impl OwnerIndex {
    /// The number of reservations that an index can have.
    const RESERVATIONS_MAX: usize = 1 << (u32::BITS - OWNER_BITS);

    /// Creates an index of reservations, whose positions are their numbers in this order.
    pub(crate) fn new<'r>(reservations: impl Iterator<Item = &'r Reservation> + Clone) -> Self {
        let hasher = FixedState::default();
        let owners = || reservations.clone().take(Self::RESERVATIONS_MAX).map(|of| &of.owners);
        let mut entries = HashTable::with_capacity(owners().map(Owners::count).sum());
        let mut kinds: SmallVec<[IdentifierKind; 4]> = SmallVec::new();
        for (position, of) in (0..).zip(owners()) {
            for (number, owner) in (0..).zip(of.iter()) {
                let kind = owner.kind();
                if kinds.last() != Some(&kind) && !kinds.contains(&kind) {
                    kinds.push(kind);
                }
                let hash = hasher.hash_one(owner.identifier());
                // The table has room for all, so it never has to hash an entry again.
                entries.insert_unique(hash, Entry::new(position, number), |_| hash);
            }
        }
        kinds.sort_unstable();
        Self { kinds: kinds.into_vec().into(), entries }
    }

    /// The reservation for the client of `request`, which came over the line in
    /// `relay_information`. The first kind of identifier that matches decides; of several
    /// reservations with this identifier, the one with the lowest `rank` at its position.
    pub(crate) fn find<'r, R: Ord>(
        &self,
        request: &Request,
        relay_information: Option<&RelayInformation>,
        reservation: impl Fn(usize) -> Option<&'r Reservation>,
        rank: impl Fn(usize) -> R,
    ) -> Option<Matched<'r>> {
        self.kinds.iter().find_map(|kind| {
            let identifier = kind.in_request(request, relay_information)?;
            self.of(&identifier, &reservation, &rank)
        })
    }

    fn of<'r, R: Ord>(
        &self,
        identifier: &Identifier<'_>,
        reservation: &impl Fn(usize) -> Option<&'r Reservation>,
        rank: &impl Fn(usize) -> R,
    ) -> Option<Matched<'r>> {
        let hash = FixedState::default().hash_one(identifier);
        let matched = self.entries.iter_hash(hash).filter_map(|entry| {
            let reservation = reservation(entry.position())?;
            let owner = reservation.owners.get(entry.number())?;
            let is_it = owner.identifier() == *identifier;
            is_it.then(|| ((rank(entry.position()), *entry), Matched { reservation, owner }))
        });
        matched.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, matched)| matched)
    }
}

impl Entry {
    const fn new(position: u32, number: u32) -> Self {
        Self(position << OWNER_BITS | number)
    }

    const fn position(self) -> usize {
        (self.0 >> OWNER_BITS) as usize
    }

    const fn number(self) -> usize {
        (self.0 & (Owners::MAX as u32 - 1)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back() {
        let last = OwnerIndex::RESERVATIONS_MAX as u32 - 1;
        for position in [0, 1, 1_000_000, last] {
            for number in 0..Owners::MAX as u32 {
                let entry = Entry::new(position, number);
                assert_eq!(entry.position(), position as usize);
                assert_eq!(entry.number(), number as usize);
            }
        }
    }
}
