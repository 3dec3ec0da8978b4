//! The open offers of each pool, by the source of the message that they answer.
//!
//! An offer holds a resource for a client that has proved nothing, so the sender of many messages
//! must not be able to hold many resources for long. Decisions apply two rules. First, a line holds
//! at most a limited number of resources of a pool by open offers; beyond the limit its oldest
//! offer is withdrawn. Second, when no resource is free, an offer of the line that holds most is
//! withdrawn ([`OpenOffers::contested`]).
//!
//! Decides nothing and changes no offer. Invariant: each pool lists the resources that only an
//! offer holds, once under the source of the offer and once under its link, with the correct
//! counts.

use std::{collections::BTreeSet, hash::Hash, sync::Arc};

use hashbrown::{HashMap, hash_map::Entry};

use crate::{Timestamp, keyed_hash::KeyedState};

use super::{
    family::{Family, MessageSource},
    ordered::Ordered,
};

/// The link that many sources share.
type LinkOf<F> = <<F as Family>::Source as MessageSource>::Link;

/// The open offers of every pool.
#[derive(Clone, Debug)]
pub(crate) struct OpenOffers<F: Family> {
    pools: Vec<PoolOffers<F>>,
    hasher: KeyedState,
}

/// The open offers of one pool.
#[derive(Clone, Debug)]
struct PoolOffers<F: Family> {
    sources: Ranking<Arc<F::Source>, F::Resource>,
    links: Ranking<LinkOf<F>, F::Resource>,
}

/// Sources of offers, ranked by how many are open.
#[derive(Clone, Debug)]
struct Ranking<K, R> {
    sources: HashMap<K, Listed<R>, KeyedState>,
    by_count: BTreeSet<(usize, K)>,
}

/// The open offers of one source, ordered by their end and therefore also by their age.
#[derive(Clone, Debug)]
struct Listed<R> {
    /// The number of open offers. The copy that a preview decides on does not list all of them.
    count: usize,
    offers: Ordered<R>,
}

/// A resource that only an offer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeldByOffer<'s, F: Family> {
    pub(super) source: &'s Arc<F::Source>,
    pub(super) expires_at: Timestamp,
}

/// An offer that may be withdrawn for a new client. Of several, the greatest is withdrawn first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Contested<R> {
    claim: Claim,
    /// The number of open offers of its source.
    count: usize,
    /// The resource that is offered.
    pub(crate) resource: R,
}

/// The reason why an offer may be withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// It is older than a client needs if it intends to request the resource.
    Ripe,
    /// Its link holds more than the new client's link.
    HeavyLink,
    /// Its line holds more than the new client's line.
    HeavyLine,
}

impl<F: Family> OpenOffers<F> {
    /// Creates a collection without open offers.
    pub(super) fn new(pools: usize, hasher: &KeyedState) -> Self {
        let empty = || PoolOffers { sources: Ranking::new(hasher), links: Ranking::new(hasher) };
        Self { pools: (0..pools).map(|_| empty()).collect(), hasher: hasher.clone() }
    }

    /// Adds `resource`, which only an offer holds from now on.
    pub(super) fn open(&mut self, pool: usize, resource: F::Resource, held: &HeldByOffer<'_, F>) {
        if let Some(pool) = self.pools.get_mut(pool) {
            let entry = (held.expires_at, resource);
            pool.sources.insert(held.source, entry);
            pool.links.insert(held.source.link(), entry);
        }
    }

    /// Removes `resource`: the offer is closed, or something else holds the resource too.
    pub(super) fn close(&mut self, pool: usize, resource: F::Resource, held: &HeldByOffer<'_, F>) {
        if let Some(pool) = self.pools.get_mut(pool) {
            let entry = (held.expires_at, resource);
            pool.sources.remove(held.source, entry);
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

    /// Returns the offer of a pool to withdraw for a client from `source`: the oldest offer of the
    /// line that holds most, if that line still holds at least as many as the client's line
    /// afterwards; otherwise the oldest offer of such a link; otherwise the oldest offer of the
    /// client's own link, if it ends by `ripe`.
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

    /// Removes all offers and sets the number of pools.
    pub(super) fn lay_out(&mut self, pools: usize) {
        *self = Self::new(pools, &self.hasher);
    }

    /// A copy that is equivalent for a decision that closes fewer than `limit` offers, and that
    /// opens and reads only offers of `sources`.
    pub(super) fn head(&self, sources: &[Arc<F::Source>], limit: usize) -> Self {
        let pools = self.pools.iter().map(|pool| PoolOffers {
            sources: pool.sources.head(sources.iter(), limit),
            links: pool.links.head(sources.iter().map(|source| source.link()), limit),
        });
        Self { pools: pools.collect(), hasher: self.hasher.clone() }
    }

    /// Every listed resource; each may occur twice.
    pub(super) fn resources(&self) -> impl Iterator<Item = F::Resource> {
        self.pools.iter().flat_map(|pool| pool.sources.resources().chain(pool.links.resources()))
    }

    /// Every offer of a pool, as listed under sources.
    #[cfg(test)]
    pub(super) fn listed_by_source(
        &self,
        pool: usize,
    ) -> Vec<(Arc<F::Source>, Timestamp, F::Resource)> {
        self.pools[pool].sources.listed()
    }

    /// Every offer of a pool, as listed under links.
    #[cfg(test)]
    pub(super) fn listed_by_link(&self, pool: usize) -> Vec<(LinkOf<F>, Timestamp, F::Resource)> {
        self.pools[pool].links.listed()
    }
}

impl<K: Clone + Eq + Hash + Ord, R: Copy + Ord> Ranking<K, R> {
    fn new(hasher: &KeyedState) -> Self {
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
        // The copy that a preview decides on does not contain other sources.
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

    /// The number of open offers of the source that has most of them, and its oldest offer.
    fn heaviest(&self) -> Option<(usize, (Timestamp, R))> {
        let (count, source) = self.by_count.last()?;
        Some((*count, self.oldest(source)?))
    }

    /// A copy with the `limit` heaviest sources and those of `wanted`, each with its `limit` oldest
    /// offers.
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
