//! The resources of one pool: which of them are free, and how many are in which state.
//!
//! Not here: who holds one (see [`super::bindings`]). Invariant: every resource of the pool that is not
//! reserved has exactly one [`Standing`], and is in a free set only if nobody holds it.

use std::collections::BTreeSet;

use crate::Timestamp;

use super::family::{Family, FreeSet};

/// In which state a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Free, and nobody ever had it.
    Fresh,
    /// Free since then; the record of its last client is kept.
    Returned(Timestamp),
    /// Held for an open offer.
    Offered,
    /// Leased and not expired.
    Leased,
    /// Set aside after a DECLINE.
    Quarantined,
}

/// The resources of one pool.
#[derive(Clone, Debug)]
pub(super) struct Pool<F: Family> {
    size: u64,
    fresh: F::Free,
    returned: BTreeSet<(Timestamp, F::Resource)>,
    leased: u64,
    offered: u64,
    quarantined: u64,
}

impl Standing {
    /// Whether nobody holds the resource.
    pub(crate) const fn is_free(self) -> bool {
        matches!(self, Self::Fresh | Self::Returned(_))
    }
}

impl<F: Family> Pool<F> {
    /// A pool of these resources, all of them fresh.
    pub(super) fn new(fresh: F::Free) -> Self {
        let size = fresh.len();
        Self { size, fresh, returned: BTreeSet::new(), leased: 0, offered: 0, quarantined: 0 }
    }

    /// A copy that knows only the first resource that nobody ever had, and the `returned` that have
    /// been free longest.
    pub(super) fn head(&self, returned: usize) -> Self {
        Self {
            fresh: F::Free::of(self.fresh.first()),
            returned: self.returned().take(returned).collect(),
            ..*self
        }
    }

    /// Strikes a resource off the list of those in state `standing`.
    pub(super) fn leave(&mut self, resource: F::Resource, standing: Standing) {
        match standing {
            Standing::Fresh => {
                self.fresh.remove(resource);
            }
            Standing::Returned(since) => {
                self.returned.remove(&(since, resource));
            }
            Standing::Offered => self.offered -= 1,
            Standing::Leased => self.leased -= 1,
            Standing::Quarantined => self.quarantined -= 1,
        }
    }

    /// Puts a resource on the list of those in state `standing`.
    pub(super) fn enter(&mut self, resource: F::Resource, standing: Standing) {
        match standing {
            Standing::Fresh => {
                self.fresh.insert(resource);
            }
            Standing::Returned(since) => {
                self.returned.insert((since, resource));
            }
            Standing::Offered => self.offered += 1,
            Standing::Leased => self.leased += 1,
            Standing::Quarantined => self.quarantined += 1,
        }
    }

    /// Takes a resource, which is in state `standing`, out of the pool.
    pub(super) fn withhold(&mut self, resource: F::Resource, standing: Standing) {
        self.leave(resource, standing);
        self.size -= 1;
    }

    /// Takes a resource that was withheld back into the pool.
    pub(super) fn give_again(&mut self, resource: F::Resource, standing: Standing) {
        self.enter(resource, standing);
        self.size += 1;
    }

    /// The lowest resource that nobody ever had.
    pub(super) fn first_fresh(&self) -> Option<F::Resource> {
        self.fresh.first()
    }

    /// The resources that nobody ever had, lowest first.
    pub(super) fn fresh(&self) -> impl Iterator<Item = F::Resource> {
        self.fresh.iter()
    }

    /// The resources that somebody had, and since when they are free, longest first.
    pub(super) fn returned(&self) -> impl Iterator<Item = (Timestamp, F::Resource)> {
        self.returned.iter().copied()
    }

    /// All resources that the pool may give out.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// How many are leased.
    pub(super) const fn leased(&self) -> u64 {
        self.leased
    }

    /// How many are offered.
    pub(super) const fn offered(&self) -> u64 {
        self.offered
    }

    /// How many are quarantined.
    pub(super) const fn quarantined(&self) -> u64 {
        self.quarantined
    }

    /// How many are free.
    #[cfg(test)]
    pub(super) fn free(&self) -> u64 {
        self.fresh.len() + self.returned.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::families::{Free, Numbers};

    #[test]
    fn fresh_resources_come_lowest_first() {
        let mut pool = Pool::<Numbers>::new(Free::of([13, 11, 14]));
        let mut taken = Vec::new();
        while let Some(resource) = pool.first_fresh() {
            pool.leave(resource, Standing::Fresh);
            pool.enter(resource, Standing::Leased);
            taken.push(resource);
        }
        assert_eq!(taken, [11, 13, 14]);
        assert_eq!((pool.size(), pool.leased()), (3, 3));
    }

    #[test]
    fn returned_resources_come_longest_free_first() {
        let mut pool = Pool::<Numbers>::new(Free::of([1, 2, 3]));
        for (resource, since_ms) in [(1, 30), (2, 10), (3, 20)] {
            pool.leave(resource, Standing::Fresh);
            pool.enter(resource, Standing::Returned(Timestamp::from_unix_ms(since_ms)));
        }
        let order: Vec<u32> = pool.returned().map(|(_, resource)| resource).collect();
        assert_eq!(order, [2, 3, 1]);
    }
}
