//! Open offers of each pool, by the place that the message came from.
//!
//! An offer holds a resource for a client that has proved nothing, so a sender of many
//! messages must not hold many resources for long. Two rules, which decisions apply: a line holds no
//! more resources of a pool by open offers than a bound allows, and beyond it its oldest offer
//! gives way; when no resource is free, an offer of the line that holds most gives way
//! ([`OpenOffers::contested`]).
//!
//! Decides nothing and changes no offer.
//! Invariant: each pool lists the resources that only an offer holds, once under the source of the
//! offer and once under its link, with the right counts.

use std::{collections::BTreeSet, hash::Hash, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::{HashMap, hash_map::Entry};

use crate::Timestamp;

use super::{
    family::{Family, Source},
    ordered::Ordered,
};

/// What many sources have in common.
type LinkOf<F> = <<F as Family>::Source as Source>::Link;

/// The open offers of every pool.
#[derive(Clone, Debug)]
pub(crate) struct OpenOffers<F: Family> {
    pools: Vec<PoolOffers<F>>,
    hasher: FixedState,
}

/// The open offers of one pool.
#[derive(Clone, Debug)]
struct PoolOffers<F: Family> {
    sources: Ranking<Arc<F::Source>, F::Resource>,
    links: Ranking<LinkOf<F>, F::Resource>,
}

/// Sources of offers, by how many are open.
#[derive(Clone, Debug)]
struct Ranking<K, R> {
    sources: HashMap<K, Listed<R>, FixedState>,
    by_count: BTreeSet<(usize, K)>,
}

/// The open offers of one source, by their end, which is also their age.
#[derive(Clone, Debug)]
struct Listed<R> {
    /// How many there are. In the copy that a preview decides on, not all of them are listed.
    count: usize,
    offers: Ordered<R>,
}

/// A resource that only an offer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held<F: Family> {
    pub(super) source: Arc<F::Source>,
    pub(super) expires_at: Timestamp,
}

/// An offer that gives way. Of several, the greatest gives way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Contested<R> {
    claim: Claim,
    /// How many offers its source has open.
    count: usize,
    /// Its resource.
    pub(crate) resource: R,
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

impl<F: Family> OpenOffers<F> {
    /// No offer is open.
    pub(super) fn new(pools: usize, hasher: &FixedState) -> Self {
        let empty = || PoolOffers { sources: Ranking::new(hasher), links: Ranking::new(hasher) };
        Self { pools: (0..pools).map(|_| empty()).collect(), hasher: hasher.clone() }
    }

    /// Lists `resource`, which only an offer holds now.
    pub(super) fn open(&mut self, pool: usize, resource: F::Resource, held: &Held<F>) {
        if let Some(pool) = self.pools.get_mut(pool) {
            let entry = (held.expires_at, resource);
            pool.sources.insert(&held.source, entry);
            pool.links.insert(held.source.link(), entry);
        }
    }

    /// Removes `resource`: the offer is closed, or something else holds the resource as well.
    pub(super) fn close(&mut self, pool: usize, resource: F::Resource, held: &Held<F>) {
        if let Some(pool) = self.pools.get_mut(pool) {
            let entry = (held.expires_at, resource);
            pool.sources.remove(&held.source, entry);
            pool.links.remove(held.source.link(), entry);
        }
    }

    /// The resource of the oldest offer to `source` except `kept`, if more than `max` are open.
    pub(super) fn beyond(
        &self,
        pool: usize,
        source: &Arc<F::Source>,
        max: usize,
        kept: Option<F::Resource>,
    ) -> Option<F::Resource> {
        let listed = self.pools.get(pool)?.sources.sources.get(source)?;
        if listed.count <= max {
            return None;
        }
        listed.offers.iter().find(|resource| Some(*resource) != kept)
    }

    /// The offer of a pool that gives way to a client from `source`: the oldest of the line that
    /// holds most, if that one will still hold no less than the client's; else the oldest of such a
    /// link; else one of the client's own link that ends before `ripe`.
    pub(crate) fn contested(
        &self,
        pool: usize,
        source: &Arc<F::Source>,
        ripe: Timestamp,
    ) -> Option<Contested<F::Resource>> {
        let PoolOffers { sources, links } = self.pools.get(pool)?;
        let contested = |claim, count, resource| Contested { claim, count, resource };
        let heavy_line = sources.heaviest().filter(|(count, _)| *count > sources.count(source) + 1);
        if let Some((count, (_, resource))) = heavy_line {
            return Some(contested(Claim::HeavyLine, count, resource));
        }
        let own = links.count(source.link());
        let heavy_link = links.heaviest().filter(|(count, _)| *count > own + 1);
        if let Some((count, (_, resource))) = heavy_link {
            return Some(contested(Claim::HeavyLink, count, resource));
        }
        let oldest = links.oldest(source.link()).filter(|(expires_at, _)| *expires_at <= ripe);
        oldest.map(|(_, resource)| contested(Claim::Ripe, own, resource))
    }

    /// Removes all offers; from now on there are `pools` pools.
    pub(super) fn lay_out(&mut self, pools: usize) {
        *self = Self::new(pools, &self.hasher);
    }

    /// A copy that is equivalent for a decision that closes fewer than `limit` offers, and that
    /// opens and reads only those of `sources`.
    pub(super) fn head(&self, sources: &[Arc<F::Source>], limit: usize) -> Self {
        let pools = self.pools.iter().map(|pool| PoolOffers {
            sources: pool.sources.head(sources.iter(), limit),
            links: pool.links.head(sources.iter().map(|source| source.link()), limit),
        });
        Self { pools: pools.collect(), hasher: self.hasher.clone() }
    }

    /// Every listed resource; each comes twice.
    pub(super) fn resources(&self) -> impl Iterator<Item = F::Resource> {
        self.pools.iter().flat_map(|pool| pool.sources.resources().chain(pool.links.resources()))
    }

    /// Every offer of a pool as it is listed under sources.
    #[cfg(test)]
    pub(super) fn listed_by_source(
        &self,
        pool: usize,
    ) -> Vec<(Arc<F::Source>, Timestamp, F::Resource)> {
        self.pools[pool].sources.listed()
    }

    /// Every offer of a pool as it is listed under links.
    #[cfg(test)]
    pub(super) fn listed_by_link(&self, pool: usize) -> Vec<(LinkOf<F>, Timestamp, F::Resource)> {
        self.pools[pool].links.listed()
    }
}

impl<K: Clone + Eq + Hash + Ord, R: Copy + Ord> Ranking<K, R> {
    fn new(hasher: &FixedState) -> Self {
        Self { sources: HashMap::with_hasher(hasher.clone()), by_count: BTreeSet::new() }
    }

    fn insert(&mut self, source: &K, entry: (Timestamp, R)) {
        let listed = self.sources.entry(source.clone()).or_insert_with(Listed::nothing);
        listed.offers.insert(entry);
        listed.count += 1;
        let count = listed.count;
        if count > 1 {
            self.by_count.remove(&(count - 1, source.clone()));
        }
        self.by_count.insert((count, source.clone()));
    }

    fn remove(&mut self, source: &K, entry: (Timestamp, R)) {
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

    fn oldest(&self, source: &K) -> Option<(Timestamp, R)> {
        self.sources.get(source)?.offers.first()
    }

    /// How many offers the source with most of them has, and its oldest one.
    fn heaviest(&self) -> Option<(usize, (Timestamp, R))> {
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

    fn resources(&self) -> impl Iterator<Item = R> {
        self.sources.values().flat_map(|listed| listed.offers.iter())
    }

    #[cfg(test)]
    fn listed(&self) -> Vec<(K, Timestamp, R)> {
        let by_count: BTreeSet<_> =
            self.sources.iter().map(|(source, found)| (found.count, source.clone())).collect();
        assert!(by_count == self.by_count);
        let mut all = Vec::new();
        for (source, found) in &self.sources {
            assert_eq!(found.count, found.offers.len());
            all.extend(found.offers.entries().map(|(at, resource)| (source.clone(), at, resource)));
        }
        all.sort_unstable();
        all
    }
}

impl<R: Copy + Ord> Listed<R> {
    fn nothing() -> Self {
        Self { count: 0, offers: Ordered::new() }
    }

    fn head(&self, limit: usize) -> Self {
        let mut offers = Ordered::new();
        self.offers.entries().take(limit).for_each(|entry| offers.insert(entry));
        Self { count: self.count, offers }
    }
}
