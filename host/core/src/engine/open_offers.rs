//! Open offers of each pool, by the place that the DISCOVER came from.
//!
//! An offer holds an address for a client that has proved nothing, so a sender of many DISCOVERs
//! must not hold many addresses for long. Two rules, both applied in `discover`: a line holds no
//! more addresses of a pool by open offers than a bound allows, and beyond it its oldest offer
//! gives way; when no address is free, an offer of the line that holds most gives way
//! ([`OpenOffers::contested`]).
//!
//! Decides nothing and changes no offer: `discover` withdraws the offers that this module names.
//! Invariant: each pool lists the addresses that only an offer holds, once under the origin of the
//! offer and once under its link, with the right counts.

use std::{collections::BTreeSet, hash::Hash, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::{HashMap, hash_map::Entry};

use crate::{Link, Origin, Timestamp};

use super::ordered::Ordered;

/// The open offers of every pool.
#[derive(Clone, Debug)]
pub(super) struct OpenOffers {
    pools: Vec<PoolOffers>,
    hasher: FixedState,
}

/// The open offers of one pool.
#[derive(Clone, Debug)]
struct PoolOffers {
    origins: Ranking<Arc<Origin>>,
    links: Ranking<Link>,
}

/// Sources of offers, by how many are open.
#[derive(Clone, Debug)]
struct Ranking<K> {
    sources: HashMap<K, Listed, FixedState>,
    by_count: BTreeSet<(usize, K)>,
}

/// The open offers of one source, by their end, which is also their age.
#[derive(Clone, Debug)]
struct Listed {
    /// How many there are. In the copy that a preview decides on, not all of them are listed.
    count: usize,
    offers: Ordered,
}

/// An address that only an offer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) origin: Arc<Origin>,
    pub(super) expires_at: Timestamp,
}

/// An offer that gives way. Of several, the greatest gives way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Contested {
    claim: Claim,
    /// How many offers its source has open.
    count: usize,
    /// Its address.
    pub(super) address: u32,
}

/// Why an offer gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// It is older than a client needs that intends to take it.
    Ripe,
    /// Its link holds more than the link of the new client.
    HeavyLink,
    /// Its line holds more than the line of the new client.
    HeavyLine,
}

impl OpenOffers {
    /// No offer is open.
    pub(super) fn new(pools: usize, hasher: &FixedState) -> Self {
        let empty = || PoolOffers { origins: Ranking::new(hasher), links: Ranking::new(hasher) };
        Self { pools: (0..pools).map(|_| empty()).collect(), hasher: hasher.clone() }
    }

    /// Lists `address`, which only an offer holds now.
    pub(super) fn open(&mut self, pool: usize, address: u32, held: &Held) {
        if let Some(pool) = self.pools.get_mut(pool) {
            let entry = (held.expires_at, address);
            pool.origins.insert(&held.origin, entry);
            pool.links.insert(&held.origin.link, entry);
        }
    }

    /// Removes `address`: the offer is closed, or something else holds the address as well.
    pub(super) fn close(&mut self, pool: usize, address: u32, held: &Held) {
        if let Some(pool) = self.pools.get_mut(pool) {
            let entry = (held.expires_at, address);
            pool.origins.remove(&held.origin, entry);
            pool.links.remove(&held.origin.link, entry);
        }
    }

    /// The address of the oldest offer to `origin` except `kept`, if more than `max` are open.
    pub(super) fn beyond(
        &self,
        pool: usize,
        origin: &Arc<Origin>,
        max: usize,
        kept: Option<u32>,
    ) -> Option<u32> {
        let listed = self.pools.get(pool)?.origins.sources.get(origin)?;
        if listed.count <= max {
            return None;
        }
        listed.offers.iter().find(|address| Some(*address) != kept)
    }

    /// The offer of a pool that gives way to a client from `origin`: the oldest of the line that
    /// holds most, if that one will still hold no less than the client's; else the oldest of such a
    /// link; else one of the client's own link that ends before `ripe`.
    pub(super) fn contested(
        &self,
        pool: usize,
        origin: &Arc<Origin>,
        ripe: Timestamp,
    ) -> Option<Contested> {
        let PoolOffers { origins, links } = self.pools.get(pool)?;
        let contested = |claim, count, address| Contested { claim, count, address };
        let heavy_line = origins.heaviest().filter(|(count, _)| *count > origins.count(origin) + 1);
        if let Some((count, (_, address))) = heavy_line {
            return Some(contested(Claim::HeavyLine, count, address));
        }
        let own = links.count(&origin.link);
        let heavy_link = links.heaviest().filter(|(count, _)| *count > own + 1);
        if let Some((count, (_, address))) = heavy_link {
            return Some(contested(Claim::HeavyLink, count, address));
        }
        let oldest = links.oldest(&origin.link).filter(|(expires_at, _)| *expires_at <= ripe);
        oldest.map(|(_, address)| contested(Claim::Ripe, own, address))
    }

    /// Removes all offers; from now on there are `pools` pools.
    pub(super) fn lay_out(&mut self, pools: usize) {
        *self = Self::new(pools, &self.hasher);
    }

    /// A copy that is equivalent for a decision that closes fewer than `limit` offers, and that
    /// opens and reads only those of `origins`.
    pub(super) fn head(&self, origins: &[Arc<Origin>], limit: usize) -> Self {
        let pools = self.pools.iter().map(|pool| PoolOffers {
            origins: pool.origins.head(origins.iter(), limit),
            links: pool.links.head(origins.iter().map(|origin| &origin.link), limit),
        });
        Self { pools: pools.collect(), hasher: self.hasher.clone() }
    }

    /// Every listed address; each comes twice.
    pub(super) fn addresses(&self) -> impl Iterator<Item = u32> {
        self.pools.iter().flat_map(|pool| pool.origins.addresses().chain(pool.links.addresses()))
    }

    /// Every offer of a pool as it is listed under origins.
    #[cfg(test)]
    pub(super) fn listed_by_origin(&self, pool: usize) -> Vec<(Arc<Origin>, Timestamp, u32)> {
        self.pools[pool].origins.listed()
    }

    /// Every offer of a pool as it is listed under links.
    #[cfg(test)]
    pub(super) fn listed_by_link(&self, pool: usize) -> Vec<(Link, Timestamp, u32)> {
        self.pools[pool].links.listed()
    }
}

impl<K: Clone + Eq + Hash + Ord> Ranking<K> {
    fn new(hasher: &FixedState) -> Self {
        Self { sources: HashMap::with_hasher(hasher.clone()), by_count: BTreeSet::new() }
    }

    fn insert(&mut self, source: &K, entry: (Timestamp, u32)) {
        let listed = self.sources.entry(source.clone()).or_insert_with(Listed::nothing);
        listed.offers.insert(entry);
        listed.count += 1;
        let count = listed.count;
        if count > 1 {
            self.by_count.remove(&(count - 1, source.clone()));
        }
        self.by_count.insert((count, source.clone()));
    }

    fn remove(&mut self, source: &K, entry: (Timestamp, u32)) {
        // In the copy that a preview decides on, other sources are missing.
        let Entry::Occupied(mut listed) = self.sources.entry(source.clone()) else { return };
        let found = listed.get_mut();
        found.offers.remove(entry);
        let count = found.count;
        found.count -= 1;
        self.by_count.remove(&(count, source.clone()));
        if count > 1 {
            self.by_count.insert((count - 1, source.clone()));
        } else {
            listed.remove();
        }
    }

    fn count(&self, source: &K) -> usize {
        self.sources.get(source).map_or(0, |listed| listed.count)
    }

    fn oldest(&self, source: &K) -> Option<(Timestamp, u32)> {
        self.sources.get(source)?.offers.first()
    }

    /// How many offers the source with most of them has, and its oldest one.
    fn heaviest(&self) -> Option<(usize, (Timestamp, u32))> {
        let (count, source) = self.by_count.last()?;
        Some((*count, self.oldest(source)?))
    }

    /// A copy of the `limit` heaviest sources and of `wanted`, with the `limit` oldest offers of each.
    fn head<'k>(&'k self, wanted: impl Iterator<Item = &'k K>, limit: usize) -> Self {
        let mut copy = Self::new(self.sources.hasher());
        let heaviest = self.by_count.iter().rev().take(limit).map(|(_, source)| source);
        for source in heaviest.chain(wanted) {
            let Some(listed) = self.sources.get(source) else { continue };
            copy.by_count.insert((listed.count, source.clone()));
            copy.sources.insert(source.clone(), listed.head(limit));
        }
        copy
    }

    fn addresses(&self) -> impl Iterator<Item = u32> {
        self.sources.values().flat_map(|listed| listed.offers.iter())
    }

    #[cfg(test)]
    fn listed(&self) -> Vec<(K, Timestamp, u32)> {
        let by_count: BTreeSet<_> =
            self.sources.iter().map(|(source, found)| (found.count, source.clone())).collect();
        assert!(by_count == self.by_count);
        let mut all = Vec::new();
        for (source, found) in &self.sources {
            assert_eq!(found.count, found.offers.len());
            all.extend(found.offers.entries().map(|(at, address)| (source.clone(), at, address)));
        }
        all.sort_unstable();
        all
    }
}

impl Listed {
    fn nothing() -> Self {
        Self { count: 0, offers: Ordered::new() }
    }

    fn head(&self, limit: usize) -> Self {
        let mut offers = Ordered::new();
        self.offers.entries().take(limit).for_each(|entry| offers.insert(entry));
        Self { count: self.count, offers }
    }
}
