//! Bindings: which holder has which resource, in memory.
//!
//! Contains records and claims by resource and by holder, the free sets of the pools, the accounts
//! of subscribers and the queue of ends. They stay consistent because one function makes every
//! change of a resource. Decides nothing. Invariants: a resource has one record and at most one
//! offer or change in flight; a holder has at most one offer; a resource that is not held is free,
//! and a resource is held while a change of it is in flight; a record holds its resource until its
//! end is noticed ([`Bindings::notice`]), which never happens while a change of the resource is in
//! flight.

mod change;
mod ends;
mod layout;
mod of_holder;
mod part;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use smallvec::SmallVec;

use crate::keyed_hash::KeyedState;

use super::{
    family::{Family, Layout},
    holders::Holders,
    open_offers::OpenOffers,
    pool::{Pool, Standing},
    quarantines::Quarantines,
    slot::{Claim, Offer, SlotView},
    slots::{PageOf, Slots},
    subscribers::{SubscriberAccount, Subscribers},
};

use self::layout::fresh_pools;

pub(crate) use self::{of_holder::KnownHolder, part::Scope};

/// How many of the resources that have been free longest are examined for one that the client did
/// not decline recently. A declined resource goes to the end of the queue, so this many in a row
/// means that the client declined nearly everything that is free.
pub(crate) const RETURNED_LOOKED_AT_MAX: usize = 16;

/// How many records of one holder can be found by holder: its leases, and the resources that it had
/// most recently. A client that moves on leaves a record behind at each place until another client
/// gets the resource.
pub(crate) const RECORDS_OF_HOLDER_MAX: usize = 4;

/// The maximum number of offers that are withdrawn to make room for one. More can exceed the limit
/// only after it was lowered.
pub(crate) const WITHDRAWN_FOR_ONE_MAX: usize = 4;

/// The bindings of all resources in one address space.
#[derive(Clone, Debug)]
pub(crate) struct Bindings<F: Family> {
    layout: SharedLayout<F>,
    pub(super) slots: Slots<F>,
    holders: Holders<F::Resource>,
    subscribers: Subscribers<F::Resource>,
    quarantines: Quarantines<F>,
    open_offers: OpenOffers<F>,
    pools: Vec<Pool<F>>,
    unreported: VecDeque<F::Binding>,
    /// Resources that pools do not give out: the server's own addresses.
    withheld: BTreeSet<F::Resource>,
}

/// The configuration. With this name instead of `Arc<F::Layout>`, the derived `Clone` does not need
/// layouts that can be cloned.
type SharedLayout<F> = Arc<<F as Family>::Layout>;

/// How full a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) size: u64,
    pub(crate) leased: u64,
    pub(crate) offered: u64,
    pub(crate) quarantined: u64,
}

impl Usage {
    fn of<F: Family>(pool: &Pool<F>) -> Self {
        Self {
            size: pool.size(),
            leased: pool.leased(),
            offered: pool.offered(),
            quarantined: pool.quarantined(),
        }
    }

    /// The number of resources that are not free.
    pub(crate) const fn used(self) -> u64 {
        self.leased + self.offered + self.quarantined
    }
}

/// The resources whose records belong to one holder.
pub(crate) type ResourcesOfHolder<F> = SmallVec<[<F as Family>::Resource; RECORDS_OF_HOLDER_MAX]>;

impl<F: Family> Bindings<F> {
    /// Creates bindings without any record or claim.
    pub(crate) fn new(layout: Arc<F::Layout>, hasher: &KeyedState) -> Self {
        let pools = fresh_pools::<F>(&layout);
        Self {
            quarantines: Quarantines::new(pools.len(), hasher),
            open_offers: OpenOffers::new(pools.len(), hasher),
            pools,
            layout,
            slots: Slots::new(hasher),
            holders: Holders::new(hasher),
            subscribers: Subscribers::new(hasher),
            unreported: VecDeque::new(),
            withheld: BTreeSet::new(),
        }
    }

    /// The configuration.
    pub(crate) fn layout(&self) -> &F::Layout {
        &self.layout
    }

    /// The record and claim of `resource`, or `None` if it has neither.
    pub(crate) fn slot(&self, resource: F::Resource) -> Option<SlotView<'_, F>> {
        self.slots.get(resource)
    }

    /// All known resources, in order of resource.
    pub(crate) fn slots(&self) -> impl Iterator<Item = SlotView<'_, F>> {
        self.slots.iter()
    }

    /// Every page that has a known resource, in order.
    pub(crate) fn pages(&self) -> Vec<PageOf<F>> {
        self.slots.pages()
    }

    /// All known resources of a page, in order.
    pub(crate) fn on_page(&self, page: PageOf<F>) -> impl Iterator<Item = SlotView<'_, F>> {
        self.slots.on_page(page)
    }

    /// The state of `resource`.
    pub(crate) fn standing(&self, resource: F::Resource) -> Standing {
        self.slot(resource).map_or(Standing::Fresh, SlotView::standing)
    }

    /// The account of a subscriber, or `None` if nothing is held on it.
    pub(crate) fn account(&self, subscriber: &str) -> Option<&SubscriberAccount<F::Resource>> {
        self.subscribers.account(subscriber)
    }

    /// The quarantined resources.
    pub(crate) fn quarantines(&self) -> &Quarantines<F> {
        &self.quarantines
    }

    /// The open offers of each pool.
    pub(crate) fn open_offers(&self) -> &OpenOffers<F> {
        &self.open_offers
    }

    /// Returns a free resource of the pools at `positions`. Prefers one that was never used, from
    /// the first pool that has one and is not held back, there the first one from `start` on;
    /// otherwise returns the resource that has been free longest, among the first few of each pool,
    /// for which `is_wanted` returns `true`.
    pub(crate) fn free_in(
        &self,
        positions: &[usize],
        start: &dyn Fn(usize) -> Option<F::Resource>,
        is_held_back: &dyn Fn(usize) -> bool,
        is_wanted: &dyn Fn(F::Resource) -> bool,
    ) -> Option<F::Resource> {
        let pools = || positions.iter().filter_map(|position| self.pools.get(*position));
        let longest_free = |pool: &Pool<F>| {
            pool.returned().take(RETURNED_LOOKED_AT_MAX).find(|(_, found)| is_wanted(*found))
        };
        let mut fresh = positions.iter().filter(|position| !is_held_back(**position));
        fresh
            .find_map(|position| self.pools.get(*position)?.first_fresh_from(start(*position)))
            .or_else(|| pools().filter_map(longest_free).min().map(|(_, resource)| resource))
    }

    /// Returns whether the pool at `position` has a resource that was never used.
    pub(crate) fn has_fresh(&self, position: usize) -> bool {
        self.pools.get(position).is_some_and(|pool| pool.first_fresh().is_some())
    }

    /// Returns a resource of the pools at `positions` that was never used and is not spoken for.
    pub(crate) fn fresh_in(
        &self,
        positions: &[usize],
        is_held_back: impl Fn(usize) -> bool,
        is_spoken_for: &dyn Fn(F::Resource) -> bool,
    ) -> Option<F::Resource> {
        let given = positions.iter().filter(|position| !is_held_back(**position));
        let mut pools = given.filter_map(|position| self.pools.get(*position));
        pools.find_map(|pool| pool.fresh().find(|resource| !is_spoken_for(*resource)))
    }

    /// Holds a resource for a holder and withdraws any earlier offer to that holder. If the same
    /// resource was offered to another holder, that offer is withdrawn too.
    pub(crate) fn hold(&mut self, offer: Offer<F>) {
        let other = self.offered_to(&offer.holder).filter(|other| *other != offer.resource);
        other.into_iter().for_each(|other| self.withdraw_offer_of(other));
        self.hold_only(offer);
    }

    /// Does the same for a holder that was looked up.
    pub(crate) fn hold_for(&mut self, known: &KnownHolder<F>, offer: Offer<F>) {
        self.withdraw_other_offer_to(known, offer.resource);
        self.hold_only(offer);
    }

    fn hold_only(&mut self, offer: Offer<F>) {
        let is_in_flight = self.slot(offer.resource).is_some_and(SlotView::is_in_flight);
        debug_assert!(!is_in_flight, "a resource in flight must not be offered");
        self.claim(offer.resource, Some(Claim::Offer(offer)));
    }

    /// Withdraws the open offer of `resource`.
    pub(crate) fn withdraw_offer_of(&mut self, resource: F::Resource) {
        if self.slot(resource).is_some_and(|view| view.offer().is_some()) {
            self.claim(resource, None);
        }
    }

    /// Withdraws the oldest offers to `source` in the pool of `resource` while it has more of them
    /// than its limit. The offer of `kept` is not withdrawn.
    pub(crate) fn hold_to_offers_max(
        &mut self,
        resource: F::Resource,
        source: &Arc<F::Source>,
        kept: Option<F::Resource>,
    ) {
        let Some(pool) = self.layout.giving_pool_of(resource) else { return };
        let max = self.layout.offers_max(source);
        for _ in 0..WITHDRAWN_FOR_ONE_MAX {
            match self.open_offers.beyond(pool, source, max, kept) {
                Some(resource) => self.withdraw_offer_of(resource),
                None => return,
            }
        }
    }

    /// How full each pool is.
    pub(crate) fn usage(&self) -> impl Iterator<Item = Usage> {
        self.pools.iter().map(Usage::of)
    }

    /// How full the pool at `position` is.
    pub(crate) fn usage_of(&self, position: usize) -> Option<Usage> {
        self.pools.get(position).map(Usage::of)
    }
}

#[cfg(test)]
mod tests;
