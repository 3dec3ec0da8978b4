//! The resources of one pool: which of them are free, and how many are in each state.
//!
//! Does not know who holds a resource (see [`super::bindings`]). Invariant: every resource of the
//! pool that is not reserved has exactly one [`Standing`], and only resources that nobody holds are
//! in a free set.

use std::collections::BTreeSet;

use crate::Timestamp;

use super::family::{Family, FreeSet};

/// The state of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Free, and never used.
    Fresh,
    /// Free since this time; the record of the last client is kept.
    Returned(Timestamp),
    /// Held for an open offer.
    Offered,
    /// Leased and not expired.
    Leased,
    /// Not given out for a time after a DECLINE.
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
    /// Returns whether the resource is free.
    pub(crate) const fn is_free(self) -> bool {
        matches!(self, Self::Fresh | Self::Returned(_))
    }

    /// Returns whether a resource in this state is on a list of offers or quarantines.
    pub(super) const fn is_listed(self) -> bool {
        matches!(self, Self::Offered | Self::Quarantined)
    }
}

impl<F: Family> Pool<F> {
    /// Creates a pool of these resources, all of them fresh.
    pub(super) fn new(fresh: F::Free) -> Self {
        let size = fresh.len();
        Self { size, fresh, returned: BTreeSet::new(), leased: 0, offered: 0, quarantined: 0 }
    }

    /// A copy with only the `returned` resources that have been free longest, and the first fresh
    /// resource, both of all and from `start` on.
    pub(super) fn head(&self, start: Option<F::Resource>, returned: usize) -> Self {
        let fresh = [self.fresh.first(), self.first_fresh_from(start)];
        Self {
            fresh: F::Free::of(fresh.into_iter().flatten()),
            returned: self.returned().take(returned).collect(),
            ..*self
        }
    }

    /// Removes a resource from the list or counter of state `standing`.
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

    /// Adds a resource to the list or counter of state `standing`.
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

    /// Removes a resource in state `standing` from the pool.
    pub(super) fn withhold(&mut self, resource: F::Resource, standing: Standing) {
        self.leave(resource, standing);
        self.size -= 1;
    }

    /// Returns a resource that was withheld to the pool.
    pub(super) fn give_again(&mut self, resource: F::Resource, standing: Standing) {
        self.enter(resource, standing);
        self.size += 1;
    }

    /// The lowest resource that was never used.
    pub(super) fn first_fresh(&self) -> Option<F::Resource> {
        self.fresh.first()
    }

    /// The first resource that was never used from `start` on; if there is none, or no start, the
    /// lowest one.
    pub(super) fn first_fresh_from(&self, start: Option<F::Resource>) -> Option<F::Resource> {
        let found = start.and_then(|start| self.fresh.at_or_after(start));
        found.or_else(|| self.first_fresh())
    }

    /// The resources that were never used, lowest first.
    pub(super) fn fresh(&self) -> impl Iterator<Item = F::Resource> {
        self.fresh.iter()
    }

    /// The free resources that were used before, and since when they are free, longest first.
    pub(super) fn returned(&self) -> impl Iterator<Item = (Timestamp, F::Resource)> {
        self.returned.iter().copied()
    }

    /// The number of resources that the pool may give out.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// The number of leased resources.
    pub(super) const fn leased(&self) -> u64 {
        self.leased
    }

    /// The number of offered resources.
    pub(super) const fn offered(&self) -> u64 {
        self.offered
    }

    /// The number of quarantined resources.
    pub(super) const fn quarantined(&self) -> u64 {
        self.quarantined
    }

    /// The number of free resources.
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
    fn fresh_resources_come_from_a_start_and_then_from_the_lowest() {
        let mut pool = Pool::<Numbers>::new(Free::of([11, 12, 14]));
        let mut taken = Vec::new();
        while let Some(resource) = pool.first_fresh_from(Some(13)) {
            let head = pool.head(Some(13), 0);
            assert_eq!(head.first_fresh_from(Some(13)), Some(resource));
            pool.leave(resource, Standing::Fresh);
            pool.enter(resource, Standing::Leased);
            taken.push(resource);
        }
        assert_eq!(taken, [14, 11, 12]);
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
