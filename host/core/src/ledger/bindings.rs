//! Bindings: who holds which resource, in memory.
//!
//! Records and claims by resource and by holder, the free sets of the pools, the accounts of
//! subscribers and the queue of ends, kept in step by passing every change of a resource through one
//! function. Decides nothing. Invariants: a resource has one record and at most one offer or change in
//! flight; nobody has more than one offer; a resource that is not held is free, and one is held while a
//! change of it is in flight; whatever a record says of time counts only until its end was noticed
//! ([`Bindings::notice`]), which happens while nothing is in flight.

mod of_holder;
mod part;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::{LeaseState, Timestamp};

use super::{
    family::{Family, Layout, LeaseRecord as _},
    holders::Holders,
    open_offers::OpenOffers,
    pool::{Pool, Standing},
    quarantines::Quarantines,
    record::Octets,
    slot::{Claim, Former, Next, NextClaim, Offer, Slot, View},
    slots::{PageOf, Slots},
    subscribers::{Account, Subscribers},
};

pub(crate) use self::{of_holder::KnownHolder, part::Scope};

/// Leases whose end was noticed by a decision wait for [`Bindings::take_unreported`]; beyond this many
/// the oldest are forgotten.
pub(crate) const UNREPORTED_MAX: usize = 65_536;

/// How many of the resources that have been free longest are looked at for one that the client did
/// not decline lately. What it declined went to the end of the queue, so this many in a row means
/// that it declined nearly all that is free.
pub(crate) const RETURNED_LOOKED_AT_MAX: usize = 16;

/// How many records of one holder are found by it: its leases, and the resources that it had last.
/// A client that moves on leaves a record behind wherever it was, until another client gets the resource.
pub(crate) const RECORDS_OF_HOLDER_MAX: usize = 4;

/// How many offers are withdrawn for one at most. More can exceed the bound only after it was
/// lowered.
pub(crate) const WITHDRAWN_FOR_ONE_MAX: usize = 4;

/// Who holds which resource of one address space.
#[derive(Clone, Debug)]
pub(crate) struct Bindings<F: Family> {
    layout: SharedLayout<F>,
    pub(super) slots: Slots<F>,
    holders: Holders<F::Resource>,
    subscribers: Subscribers<F::Resource>,
    quarantines: Quarantines<F>,
    open_offers: OpenOffers<F>,
    pools: Vec<Pool<F>>,
    unreported: VecDeque<F::Lease>,
    /// Resources that pools give to nobody: the server's own addresses.
    withheld: BTreeSet<F::Resource>,
}

/// What the configuration says.
type SharedLayout<F> = Arc<<F as Family>::Layout>;

/// How full a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) size: u64,
    pub(crate) leased: u64,
    pub(crate) offered: u64,
    pub(crate) quarantined: u64,
}

/// The records of one holder.
pub(crate) type Records<F> = SmallVec<[<F as Family>::Resource; RECORDS_OF_HOLDER_MAX]>;

impl<F: Family> Bindings<F> {
    /// Nothing is held, nothing is known.
    pub(crate) fn new(layout: Arc<F::Layout>, hasher: &FixedState) -> Self {
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

    /// What the configuration says.
    pub(crate) fn layout(&self) -> &F::Layout {
        &self.layout
    }

    /// The hasher, for tables that take part in the same seed.
    pub(crate) fn hasher(&self) -> &FixedState {
        self.slots.hasher()
    }

    /// What is known of `resource`, if anything is.
    pub(crate) fn slot(&self, resource: F::Resource) -> Option<View<'_, F>> {
        self.slots.get(resource)
    }

    /// Everything that is known, in order of resource.
    pub(crate) fn slots(&self) -> impl Iterator<Item = View<'_, F>> {
        self.slots.iter()
    }

    /// Every page of resources of which something is known, in order.
    pub(crate) fn pages(&self) -> Vec<PageOf<F>> {
        self.slots.pages()
    }

    /// Everything that is known of the resources of a page, in order.
    pub(crate) fn on_page(&self, page: PageOf<F>) -> impl Iterator<Item = View<'_, F>> {
        self.slots.on_page(page)
    }

    /// In which state `resource` is.
    pub(crate) fn standing(&self, resource: F::Resource) -> Standing {
        self.slot(resource).map_or(Standing::Fresh, View::standing)
    }

    /// What is held on the account of a subscriber, if anything is.
    pub(crate) fn account(&self, subscriber: &str) -> Option<&Account<F::Resource>> {
        self.subscribers.account(subscriber)
    }

    /// What is set aside.
    pub(crate) fn quarantines(&self) -> &Quarantines<F> {
        &self.quarantines
    }

    /// The open offers of each pool.
    pub(crate) fn open_offers(&self) -> &OpenOffers<F> {
        &self.open_offers
    }

    /// A free resource of the pools at `positions`: one that nobody ever had, of the first pool
    /// that has one and is not held back, or else the one that has been free longest. Of the latter
    /// only those that are wanted, among the first few of each pool.
    pub(crate) fn free_in(
        &self,
        positions: &[usize],
        is_held_back: &dyn Fn(usize) -> bool,
        is_wanted: &dyn Fn(F::Resource) -> bool,
    ) -> Option<F::Resource> {
        let pools = || positions.iter().filter_map(|position| self.pools.get(*position));
        let longest_free = |pool: &Pool<F>| {
            pool.returned().take(RETURNED_LOOKED_AT_MAX).find(|(_, found)| is_wanted(*found))
        };
        let fresh = positions.iter().filter(|position| !is_held_back(**position));
        let mut fresh = fresh.filter_map(|position| self.pools.get(*position));
        fresh
            .find_map(Pool::first_fresh)
            .or_else(|| pools().filter_map(longest_free).min().map(|(_, resource)| resource))
    }

    /// Whether the pool at `position` has a resource that nobody ever had.
    pub(crate) fn has_fresh(&self, position: usize) -> bool {
        self.pools.get(position).is_some_and(|pool| pool.first_fresh().is_some())
    }

    /// A resource of the pools at `positions` that nobody ever had and nobody has spoken for.
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

    /// Holds a resource for somebody, in place of an earlier offer to them. An offer of that resource
    /// to anybody else is withdrawn.
    pub(crate) fn hold(&mut self, offer: Offer<F>) {
        let other = self.offered_to(&offer.holder).filter(|other| *other != offer.resource);
        other.into_iter().for_each(|other| self.withdraw_offer_of(other));
        let is_in_flight = self.slot(offer.resource).is_some_and(View::is_in_flight);
        debug_assert!(!is_in_flight, "a resource in flight is offered to nobody");
        self.claim(offer.resource, Some(Claim::Offer(offer)));
    }

    /// Withdraws the open offer of `resource`.
    pub(crate) fn withdraw_offer_of(&mut self, resource: F::Resource) {
        if self.slot(resource).is_some_and(|view| view.offer().is_some()) {
            self.claim(resource, None);
        }
    }

    /// Withdraws the oldest offers to `source`, but not that of `kept`, if it has more in the pool of
    /// `resource` than it may have.
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

    /// Notices whether what holds `resource` has ended.
    pub(crate) fn notice(&mut self, now: Timestamp, resource: F::Resource) {
        let Some(view) = self.slots.get(resource) else { return };
        if view.end() > now || view.is_in_flight() {
            return;
        }
        let has_lapsed = view.offer().is_some_and(|offer| offer.expires_at <= now);
        let ended = view.record().filter(|record| view.holds() && record.expires_at() <= now);
        let has_ended = ended.is_some();
        let ended_lease = ended
            .filter(|record| record.state() == LeaseState::Leased)
            .map(|record| record.lease(resource));
        if has_lapsed {
            self.withdraw_offer_of(resource);
        }
        if has_ended {
            self.change(resource, Next::Ended, NextClaim::Same);
        }
        if let Some(lease) = ended_lease {
            if self.unreported.len() >= UNREPORTED_MAX {
                self.unreported.pop_front();
            }
            self.unreported.push_back(lease);
        }
    }

    /// Notices whatever has ended on the account of a subscriber.
    pub(crate) fn notice_account(&mut self, now: Timestamp, subscriber: &str) {
        while let Some(resource) = self.account(subscriber).and_then(|found| found.ended(now)) {
            self.notice(now, resource);
        }
    }

    /// Notices whatever quarantine has ended on an account.
    pub(crate) fn notice_quarantines(&mut self, now: Timestamp, account: &F::Account) {
        let ended: SmallVec<[F::Resource; 4]> = self.quarantines.ended(account, now).collect();
        for resource in ended {
            self.notice(now, resource);
        }
    }

    /// Notices what has ended, up to the page of resources with which at least `limit` things have ended
    /// or been looked at for nothing.
    pub(crate) fn notice_due(&mut self, now: Timestamp, limit: usize) {
        let mut looked_at = 0;
        while looked_at < limit
            && let Some((page, ended)) = self.slots.due(now)
        {
            looked_at += ended.len().max(1);
            for (_, resource) in ended {
                self.notice(now, resource);
            }
            self.slots.look_again(now, page);
        }
    }

    /// Takes out at most `limit` leases whose end was noticed, in the order of noticing.
    pub(crate) fn take_unreported(&mut self, limit: usize) -> Vec<F::Lease> {
        let count = limit.min(self.unreported.len());
        self.unreported.drain(..count).collect()
    }

    /// When to look for what has ended.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let unreported = self.unreported.front().map(|lease| lease.tenure().expires_at);
        unreported.or_else(|| self.slots.next_end())
    }

    /// How full the pools are.
    pub(crate) fn usage(&self) -> impl Iterator<Item = Usage> {
        self.pools.iter().map(|pool| Usage {
            size: pool.size(),
            leased: pool.leased(),
            offered: pool.offered(),
            quarantined: pool.quarantined(),
        })
    }

    /// Whether pools give `resource` to nobody: it is the server's own.
    pub(crate) fn is_withheld(&self, resource: F::Resource) -> bool {
        self.withheld.contains(&resource)
    }

    /// Pools give these resources to nobody from now on. Takes time by how many there are.
    pub(crate) fn withhold(&mut self, resources: BTreeSet<F::Resource>) {
        let former = std::mem::replace(&mut self.withheld, resources.clone());
        for resource in former.difference(&resources) {
            self.list_in_pool(*resource);
        }
        for resource in resources.difference(&former) {
            self.unlist_in_pool(*resource);
        }
    }

    /// Takes a resource out of the lists of its pool, in whichever state it is.
    fn unlist_in_pool(&mut self, resource: F::Resource) {
        let Some(position) = self.layout.giving_pool_of(resource) else { return };
        let view = self.slots.get(resource);
        if let Some(pool) = self.pools.get_mut(position) {
            pool.withhold(resource, view.map_or(Standing::Fresh, View::standing));
        }
        if let Some(view) = view {
            leave_lists(&mut self.quarantines, &mut self.open_offers, position, view);
        }
    }

    /// Puts a resource that was taken out back on the lists of its pool.
    fn list_in_pool(&mut self, resource: F::Resource) {
        let Some(position) = self.layout.giving_pool_of(resource) else { return };
        let view = self.slots.get(resource);
        if let Some(pool) = self.pools.get_mut(position) {
            pool.give_again(resource, view.map_or(Standing::Fresh, View::standing));
        }
        if let Some(view) = view {
            enter_lists(&mut self.quarantines, &mut self.open_offers, position, view);
        }
    }

    /// Goes over to another layout of the pools.
    pub(crate) fn lay_out(&mut self, layout: Arc<F::Layout>) {
        self.layout = layout;
        self.pools = fresh_pools::<F>(&self.layout);
        self.quarantines.lay_out(self.pools.len());
        self.open_offers.lay_out(self.pools.len());
        for view in self.slots.iter() {
            let resource = view.resource;
            if let Some(position) = self.layout.giving_pool_of(resource)
                && let Some(pool) = self.pools.get_mut(position)
            {
                pool.leave(resource, Standing::Fresh);
                pool.enter(resource, view.standing());
                enter_lists(&mut self.quarantines, &mut self.open_offers, position, view);
            }
        }
        for resource in self.withheld.clone() {
            self.unlist_in_pool(resource);
        }
    }

    /// Goes over to another layout that has the same pools.
    pub(crate) fn keep_pools_of(&mut self, layout: Arc<F::Layout>) {
        self.layout = layout;
    }

    /// Takes out everything that is known of the resources that fit.
    pub(crate) fn take_all(
        &mut self,
        fits: impl Fn(F::Resource) -> bool,
    ) -> Vec<(F::Resource, Slot<F>)> {
        let known = self.slots.iter().map(|view| view.resource);
        let resources: Vec<F::Resource> = known.filter(|resource| fits(*resource)).collect();
        let taken = resources.into_iter().filter_map(|resource| {
            let slot = self.slots.copy(resource)?;
            self.put(resource, Next::Record(None), None);
            Some((resource, slot))
        });
        taken.collect()
    }

    /// Everything that is known, in order of resource.
    pub(crate) fn into_slots(self) -> impl Iterator<Item = (F::Resource, Slot<F>)> {
        self.slots.into_iter()
    }

    /// Takes in what other bindings knew of a resource. An offer is dropped if its holder has another.
    pub(crate) fn take_in(&mut self, resource: F::Resource, slot: Slot<F>) {
        let Slot { record, claim } = slot;
        let claim = claim.map(|claim| *claim).filter(|claim| match claim {
            Claim::Offer(offer) => self.offered_to(&offer.holder).is_none(),
            Claim::Flight(_) => true,
        });
        self.put(resource, Next::Record(record), claim);
    }

    /// Changes the claim of a resource.
    pub(super) fn claim(&mut self, resource: F::Resource, claim: Option<Claim<F>>) {
        self.put(resource, Next::Same, claim);
    }

    /// Changes what is known of a resource.
    pub(super) fn put(&mut self, resource: F::Resource, record: Next<F>, claim: Option<Claim<F>>) {
        self.change(resource, record, NextClaim::Claim(claim.map(Box::new)));
    }

    /// The one way to change a slot: keeps the lists of holders, free sets, counters, accounts and the
    /// queue of ends in step with it.
    fn change(&mut self, resource: F::Resource, record: Next<F>, claim: NextClaim<F>) {
        let position = self.layout.giving_pool_of(resource);
        let position = position.filter(|_| !self.withheld.contains(&resource));
        let Self { slots, holders, pools, subscribers, quarantines, open_offers, .. } = self;
        let mut overfull = None;
        slots.change(resource, |slot| {
            let former = slot.replace(record, claim);
            let after = slot.view(resource);
            let before = former.view(after);
            overfull = relist(holders, &former, before, after);
            subscribers.relist(resource, &before.entries(), &after.entries());
            recount(quarantines, before, after);
            let Some(position) = position else { return };
            let listed = |view: View<'_, F>| (view.listed_quarantine(), view.held());
            if listed(before) != listed(after) {
                leave_lists(quarantines, open_offers, position, before);
                enter_lists(quarantines, open_offers, position, after);
            }
            if before.standing() != after.standing()
                && let Some(pool) = pools.get_mut(position)
            {
                pool.leave(resource, before.standing());
                pool.enter(resource, after.standing());
            }
        });
        if let Some(holder) = overfull {
            self.drop_old_records(&holder);
        }
    }
}

/// Lists a resource for those whom its slot concerns by now. Returns the holder of the record if it may
/// have too many now: the record is another one, or no claim of the holder lists it any more.
fn relist<F: Family>(
    holders: &mut Holders<F::Resource>,
    former: &Former<F>,
    before: View<'_, F>,
    after: View<'_, F>,
) -> Option<Octets> {
    let resource = after.resource;
    let [former_holder, former_claimant] = before.holders();
    let [holder, claimant] = after.holders();
    for gone in [&former_holder, &former_claimant].into_iter().flatten() {
        if ![&holder, &claimant].into_iter().flatten().any(|kept| kept == gone) {
            holders.remove(gone, resource);
        }
    }
    let is_new = former.had_other_record();
    // A record that was dropped from the list is the holder's current one again.
    if let Some(holder) = holder.as_ref().filter(|_| is_new) {
        holders.insert(holder, resource);
    }
    if let Some(claimant) = claimant.as_ref().filter(|_| claimant != former_claimant) {
        holders.insert(claimant, resource);
    }
    let is_unclaimed = former_claimant == holder && claimant != holder;
    holder.filter(|_| is_new || is_unclaimed)
}

/// Lists a resource of the pool at `position` if it is set aside, or if only an offer holds it.
fn enter_lists<F: Family>(
    quarantines: &mut Quarantines<F>,
    open_offers: &mut OpenOffers<F>,
    position: usize,
    view: View<'_, F>,
) {
    if let Some(declined_at) = view.listed_quarantine() {
        quarantines.list(position, declined_at, view.resource);
    }
    if let Some(held) = view.held() {
        open_offers.open(position, view.resource, &held);
    }
}

/// Takes it off the list that [`enter_lists`] put it on.
fn leave_lists<F: Family>(
    quarantines: &mut Quarantines<F>,
    open_offers: &mut OpenOffers<F>,
    position: usize,
    view: View<'_, F>,
) {
    if let Some(declined_at) = view.listed_quarantine() {
        quarantines.unlist(position, declined_at, view.resource);
    }
    if let Some(held) = view.held() {
        open_offers.close(position, view.resource, &held);
    }
}

/// Counts a quarantine on its accounts by the change on its way to storage, else by the record.
fn recount<F: Family>(quarantines: &mut Quarantines<F>, before: View<'_, F>, after: View<'_, F>) {
    let counted = |view: View<'_, F>| {
        let declined = view.decline_in_flight().map(|lease| super::Record::new(lease, true));
        declined.or_else(|| view.quarantine().cloned())
    };
    let is_any =
        |view: View<'_, F>| view.quarantine().is_some() || view.decline_in_flight().is_some();
    if !is_any(before) && !is_any(after) {
        return;
    }
    if let Some(record) = counted(before) {
        quarantines.end(before.resource, &record);
    }
    if let Some(record) = counted(after) {
        quarantines.begin(after.resource, &record);
    }
}

/// The current record of a holder is the one of the highest rank: its lease, else of those that it did
/// not decline the one that changed last. If a decision moved it, the resource that it moved to.
fn rank<F: Family>(view: View<'_, F>) -> impl Ord + use<F> {
    view.record().map(|record| {
        let is_leased = record.state() == LeaseState::Leased;
        let is_declined = record.state() == LeaseState::Quarantined;
        let holds = view.active().is_some();
        (holds, !is_declined, record.changed_at(), is_leased, record.revision(), view.resource)
    })
}

fn fresh_pools<F: Family>(layout: &F::Layout) -> Vec<Pool<F>> {
    layout.pools().into_iter().map(Pool::new).collect()
}

#[cfg(test)]
mod tests;
