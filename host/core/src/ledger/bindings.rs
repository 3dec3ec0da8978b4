//! Bindings: which holder has which resource, in memory.
//!
//! Contains records and claims by resource and by holder, the free sets of the pools, the accounts
//! of subscribers and the queue of ends. They stay consistent because one function makes every
//! change of a resource. Decides nothing. Invariants: a resource has one record and at most one
//! offer or change in flight; a holder has at most one offer; a resource that is not held is free,
//! and a resource is held while a change of it is in flight; a record holds its resource until its
//! end is noticed ([`Bindings::notice`]), which never happens while a change of the resource is in
//! flight.

mod of_holder;
mod part;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use smallvec::SmallVec;

use crate::{BindingState, Timestamp, keyed_hash::KeyedState};

use super::{
    family::{BindingRecord as _, Family, Layout},
    holders::Holders,
    octets::Octets,
    open_offers::{Held, OpenOffers},
    pool::{Pool, Standing},
    quarantines::Quarantines,
    slot::{Claim, Former, Next, NextClaim, Offer, Slot, View},
    slots::{PageOf, Slots},
    subscribers::{Account, Subscribers},
};

pub(crate) use self::{of_holder::KnownHolder, part::Scope};

/// The maximum number of leases that wait for [`Bindings::take_unreported`] after a decision
/// noticed their end; beyond it, the oldest are dropped.
pub(crate) const UNREPORTED_MAX: usize = 65_536;

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

/// The configuration.
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
    pub(crate) fn slot(&self, resource: F::Resource) -> Option<View<'_, F>> {
        self.slots.get(resource)
    }

    /// All known resources, in order of resource.
    pub(crate) fn slots(&self) -> impl Iterator<Item = View<'_, F>> {
        self.slots.iter()
    }

    /// Every page that has a known resource, in order.
    pub(crate) fn pages(&self) -> Vec<PageOf<F>> {
        self.slots.pages()
    }

    /// All known resources of a page, in order.
    pub(crate) fn on_page(&self, page: PageOf<F>) -> impl Iterator<Item = View<'_, F>> {
        self.slots.on_page(page)
    }

    /// The state of `resource`.
    pub(crate) fn standing(&self, resource: F::Resource) -> Standing {
        self.slot(resource).map_or(Standing::Fresh, View::standing)
    }

    /// The account of a subscriber, or `None` if nothing is held on it.
    pub(crate) fn account(&self, subscriber: &str) -> Option<&Account<F::Resource>> {
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
        let is_in_flight = self.slot(offer.resource).is_some_and(View::is_in_flight);
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

    /// Ends the lease, quarantine or offer that holds `resource` if its time is over.
    pub(crate) fn notice(&mut self, now: Timestamp, resource: F::Resource) {
        let Some(view) = self.slots.get(resource) else { return };
        if view.end() > now || view.is_in_flight() {
            return;
        }
        let has_lapsed = view.offer().is_some_and(|offer| offer.expires_at <= now);
        let ended = view.record().filter(|record| view.holds() && record.expires_at() <= now);
        let has_ended = ended.is_some();
        let ended_lease = ended
            .filter(|record| record.state() == BindingState::Leased)
            .map(|record| record.binding(resource));
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

    /// Ends everything on the account of a subscriber whose time is over.
    pub(crate) fn notice_account(&mut self, now: Timestamp, subscriber: &str) {
        while let Some(resource) = self.account(subscriber).and_then(|found| found.ended(now)) {
            self.notice(now, resource);
        }
    }

    /// Ends every quarantine on an account whose time is over.
    pub(crate) fn notice_quarantines(&mut self, now: Timestamp, account: &F::Account) {
        let ended: SmallVec<[F::Resource; 4]> = self.quarantines.ended(account, now).collect();
        for resource in ended {
            self.notice(now, resource);
        }
    }

    /// Ends what is due, page by page, and stops after the page with which at least `limit` ends
    /// were noticed. A page on which nothing has ended counts as one.
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

    /// Removes and returns at most `limit` leases whose end was noticed, in the order in which it
    /// was noticed.
    pub(crate) fn take_unreported(&mut self, limit: usize) -> Vec<F::Binding> {
        let count = limit.min(self.unreported.len());
        self.unreported.drain(..count).collect()
    }

    /// The time at which to call [`Bindings::notice_due`] next.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let unreported = self.unreported.front().map(|lease| lease.tenure().expires_at);
        unreported.or_else(|| self.slots.next_end())
    }

    /// How full each pool is.
    pub(crate) fn usage(&self) -> impl Iterator<Item = Usage> {
        self.pools.iter().map(Usage::of)
    }

    /// How full the pool at `position` is.
    pub(crate) fn usage_of(&self, position: usize) -> Option<Usage> {
        self.pools.get(position).map(Usage::of)
    }

    /// Returns whether pools do not give out `resource` because it is the server's own.
    pub(crate) fn is_withheld(&self, resource: F::Resource) -> bool {
        self.withheld.contains(&resource)
    }

    /// Sets the resources that pools do not give out. Takes time in proportion to their number.
    pub(crate) fn withhold(&mut self, resources: BTreeSet<F::Resource>) {
        let former = std::mem::replace(&mut self.withheld, resources.clone());
        for resource in former.difference(&resources) {
            self.list_in_pool(*resource);
        }
        for resource in resources.difference(&former) {
            self.unlist_in_pool(*resource);
        }
    }

    /// Removes a resource from the lists of its pool, in any state.
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

    /// Puts a resource that was removed back on the lists of its pool.
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

    /// Switches to another layout of the pools.
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

    /// Switches to another layout that has the same pools, except that they may or may not give the
    /// `differing` resources.
    pub(crate) fn keep_pools_of(
        &mut self,
        layout: Arc<F::Layout>,
        differing: impl IntoIterator<Item = F::Resource>,
    ) {
        let given = differing.into_iter().filter(|resource| !self.withheld.contains(resource));
        let given: Vec<F::Resource> = given.collect();
        given.iter().for_each(|resource| self.unlist_in_pool(*resource));
        self.layout = layout;
        given.iter().for_each(|resource| self.list_in_pool(*resource));
    }

    /// Removes and returns the slots of all resources for which `fits` returns `true`.
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

    /// All known resources with their slots, in order of resource.
    pub(crate) fn into_slots(self) -> impl Iterator<Item = (F::Resource, Slot<F>)> {
        self.slots.into_iter()
    }

    /// Adopts the slot of a resource from other bindings. An offer is dropped if its holder already
    /// has another.
    pub(crate) fn take_in(&mut self, resource: F::Resource, slot: Slot<F>) {
        let Slot { record, claim } = slot;
        let claim = claim.map(|claim| *claim).filter(|claim| match claim {
            Claim::Offer(offer) => self.offered_to(&offer.holder).is_none(),
            Claim::Flight(_) => true,
        });
        self.put(resource, Next::Record(record), claim);
    }

    /// Replaces the claim of a resource.
    pub(super) fn claim(&mut self, resource: F::Resource, claim: Option<Claim<F>>) {
        self.put(resource, Next::Same, claim);
    }

    /// Replaces the record and the claim of a resource.
    pub(super) fn put(&mut self, resource: F::Resource, record: Next<F>, claim: Option<Claim<F>>) {
        self.change(resource, record, NextClaim::Claim(claim));
    }

    /// The only function that changes a slot. It keeps the lists of holders, free sets, counters,
    /// accounts and the queue of ends consistent with the slot.
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
            let standings = (before.standing(), after.standing());
            if (standings.0.is_listed() || standings.1.is_listed())
                && listed(before) != listed(after)
            {
                leave_lists(quarantines, open_offers, position, before);
                enter_lists(quarantines, open_offers, position, after);
            }
            if standings.0 != standings.1
                && let Some(pool) = pools.get_mut(position)
            {
                pool.leave(resource, standings.0);
                pool.enter(resource, standings.1);
            }
        });
        if let Some(holder) = overfull {
            self.drop_old_records(&holder);
        }
    }
}

/// Updates the lists of the holders that a changed slot concerns. Returns the holder of the record
/// if it may now have too many: the record is a new one, or the holder's claim no longer lists it.
fn relist<F: Family>(
    holders: &mut Holders<F::Resource>,
    former: &Former<F>,
    before: View<'_, F>,
    after: View<'_, F>,
) -> Option<Octets> {
    let is_new = former.had_other_record();
    if !is_new && before.claimant() == after.claimant() {
        return None;
    }
    let resource = after.resource;
    let (gone, now) = (before.holders(), after.holders());
    for former in gone.each().filter(|former| now.each().all(|kept| kept != *former)) {
        holders.remove(former, resource);
    }
    // A record that was dropped from the list may have become the holder's current one again.
    if let Some(holder) = now.of_record.filter(|_| is_new) {
        holders.insert(holder, resource);
    }
    if let Some(claimant) = now.claimant.as_deref().filter(|_| now.claimant != gone.claimant) {
        holders.insert(claimant, resource);
    }
    let is_unclaimed =
        gone.claimant.as_deref() == now.of_record && now.claimant.as_deref() != now.of_record;
    let holder = now.of_record.filter(|_| is_new || is_unclaimed)?;
    let is_overfull = holders.resources(holder).nth(RECORDS_OF_HOLDER_MAX).is_some();
    is_overfull.then(|| Octets::from_slice(holder))
}

/// What the lists of quarantines and open offers contain of a resource.
fn listed<F: Family>(view: View<'_, F>) -> (Option<Timestamp>, Option<Held<'_, F>>) {
    (view.listed_quarantine(), view.held())
}

/// Adds a resource of the pool at `position` to the quarantines or open offers, as its slot says.
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

/// Removes a resource from the list to which [`enter_lists`] added it.
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

/// Counts a quarantine on its accounts: that of the change in flight, otherwise that of the record.
fn recount<F: Family>(quarantines: &mut Quarantines<F>, before: View<'_, F>, after: View<'_, F>) {
    let counted = |view: View<'_, F>| {
        let quarantine = || view.quarantine().map(|record| record.binding(view.resource));
        view.decline_in_flight().cloned().or_else(quarantine)
    };
    let is_any =
        |view: View<'_, F>| view.quarantine().is_some() || view.decline_in_flight().is_some();
    if !is_any(before) && !is_any(after) {
        return;
    }
    if let Some(record) = counted(before) {
        quarantines.end(&record);
    }
    if let Some(record) = counted(after) {
        quarantines.begin(&record);
    }
}

/// The rank of a record among those of its holder; the current record is the one with the highest.
/// Its lease ranks first, then resources that it did not decline, then the record that changed
/// last. If one decision moved the holder, the resource that it moved to ranks first.
fn rank<F: Family>(view: View<'_, F>) -> impl Ord + use<F> {
    view.record().map(|record| {
        let is_leased = record.state() == BindingState::Leased;
        let is_declined = record.state() == BindingState::Quarantined;
        let holds = view.active().is_some();
        (holds, !is_declined, record.changed_at(), is_leased, record.revision(), view.resource)
    })
}

fn fresh_pools<F: Family>(layout: &F::Layout) -> Vec<Pool<F>> {
    layout.pools().into_iter().map(Pool::new).collect()
}

#[cfg(test)]
mod tests;
