//! The addresses of one pool: which of them are free, and how many are in which state.
//!
//! Not here: whose an address is (see [`super::bindings`]). Invariant: every address of the pool
//! that is not reserved has exactly one [`Standing`], and is in a free set only if nobody holds it.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use crate::Timestamp;

/// In which state an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
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

/// The addresses of one pool.
#[derive(Clone, Debug)]
pub(super) struct PoolAddresses {
    size: u64,
    fresh: RoaringBitmap,
    returned: BTreeSet<(Timestamp, u32)>,
    leased: u64,
    offered: u64,
    quarantined: u64,
}

impl Standing {
    /// Whether nobody holds the address.
    pub(super) const fn is_free(self) -> bool {
        matches!(self, Self::Fresh | Self::Returned(_))
    }
}

impl PoolAddresses {
    /// A pool of the addresses from `first` to `last` less `reserved`, all of them fresh.
    pub(super) fn new(
        range: Option<(u32, u32)>,
        reserved: impl IntoIterator<Item = u32>,
    ) -> PoolAddresses {
        let mut fresh = RoaringBitmap::new();
        if let Some((first, last)) = range {
            fresh.insert_range(first..=last);
        }
        for address in reserved {
            fresh.remove(address);
        }
        let size = fresh.len();
        Self { size, fresh, returned: BTreeSet::new(), leased: 0, offered: 0, quarantined: 0 }
    }

    /// A copy that knows only the first address that nobody ever had, and the `returned` that have
    /// been free longest.
    pub(super) fn head(&self, returned: usize) -> Self {
        Self {
            fresh: self.fresh.min().into_iter().collect(),
            returned: self.returned().take(returned).collect(),
            ..*self
        }
    }

    /// Strikes an address off the list of those in state `standing`.
    pub(super) fn leave(&mut self, address: u32, standing: Standing) {
        match standing {
            Standing::Fresh => {
                self.fresh.remove(address);
            }
            Standing::Returned(since) => {
                self.returned.remove(&(since, address));
            }
            Standing::Offered => self.offered -= 1,
            Standing::Leased => self.leased -= 1,
            Standing::Quarantined => self.quarantined -= 1,
        }
    }

    /// Puts an address on the list of those in state `standing`.
    pub(super) fn enter(&mut self, address: u32, standing: Standing) {
        match standing {
            Standing::Fresh => {
                self.fresh.insert(address);
            }
            Standing::Returned(since) => {
                self.returned.insert((since, address));
            }
            Standing::Offered => self.offered += 1,
            Standing::Leased => self.leased += 1,
            Standing::Quarantined => self.quarantined += 1,
        }
    }

    /// Takes an address, which is in state `standing`, out of the pool.
    pub(super) fn withhold(&mut self, address: u32, standing: Standing) {
        self.leave(address, standing);
        self.size -= 1;
    }

    /// Takes an address that was withheld back into the pool.
    pub(super) fn give_again(&mut self, address: u32, standing: Standing) {
        self.enter(address, standing);
        self.size += 1;
    }

    /// The lowest address that nobody ever had.
    pub(super) fn first_fresh(&self) -> Option<u32> {
        self.fresh.min()
    }

    /// The addresses that nobody ever had, lowest first.
    pub(super) fn fresh(&self) -> impl Iterator<Item = u32> {
        self.fresh.iter()
    }

    /// The addresses that somebody had, and since when they are free, longest first.
    pub(super) fn returned(&self) -> impl Iterator<Item = (Timestamp, u32)> {
        self.returned.iter().copied()
    }

    /// All addresses of the pool that are not reserved.
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

    #[test]
    fn fresh_addresses_come_lowest_first_and_without_the_reserved() {
        let mut pool = PoolAddresses::new(Some((10, 14)), [10, 12]);
        let mut taken = Vec::new();
        while let Some(address) = pool.first_fresh() {
            pool.leave(address, Standing::Fresh);
            pool.enter(address, Standing::Leased);
            taken.push(address);
        }
        assert_eq!(taken, [11, 13, 14]);
        assert_eq!((pool.size(), pool.leased()), (3, 3));
    }

    #[test]
    fn returned_addresses_come_longest_free_first() {
        let mut pool = PoolAddresses::new(Some((1, 3)), []);
        for (address, since_ms) in [(1, 30), (2, 10), (3, 20)] {
            pool.leave(address, Standing::Fresh);
            pool.enter(address, Standing::Returned(Timestamp::from_unix_ms(since_ms)));
        }
        let order: Vec<u32> = pool.returned().map(|(_, address)| address).collect();
        assert_eq!(order, [2, 3, 1]);
    }

    #[test]
    fn a_pool_may_end_at_the_last_address_there_is() {
        let pool = PoolAddresses::new(Some((u32::MAX - 1, u32::MAX)), []);
        assert_eq!(pool.size(), 2);
    }
}
