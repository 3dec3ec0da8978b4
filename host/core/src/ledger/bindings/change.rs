//! The one function that changes a slot, [`Bindings::change`].
//!
//! It keeps everything that follows from slots consistent with them: the lists of holders, the free
//! sets and counters of pools, the accounts of subscribers, and the queue of ends.

use crate::Timestamp;

use super::{
    super::{
        family::{Family, Layout as _},
        holders::Holders,
        octets::Octets,
        open_offers::{HeldByOffer, OpenOffers},
        quarantines::Quarantines,
        slot::{Claim, Former, NextClaim, NextRecord, SlotView},
    },
    Bindings, RECORDS_OF_HOLDER_MAX,
};

impl<F: Family> Bindings<F> {
    /// Replaces the claim of a resource.
    pub(in super::super) fn claim(&mut self, resource: F::Resource, claim: Option<Claim<F>>) {
        self.put(resource, NextRecord::Same, claim);
    }

    /// Replaces the record and the claim of a resource.
    pub(in super::super) fn put(
        &mut self,
        resource: F::Resource,
        record: NextRecord<F>,
        claim: Option<Claim<F>>,
    ) {
        self.change(resource, record, NextClaim::Claim(claim));
    }

    /// The only function that changes a slot. It keeps the lists of holders, free sets, counters,
    /// accounts and the queue of ends consistent with the slot.
    pub(super) fn change(
        &mut self,
        resource: F::Resource,
        record: NextRecord<F>,
        claim: NextClaim<F>,
    ) {
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
    before: SlotView<'_, F>,
    after: SlotView<'_, F>,
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
fn listed<F: Family>(view: SlotView<'_, F>) -> (Option<Timestamp>, Option<HeldByOffer<'_, F>>) {
    (view.listed_quarantine(), view.held())
}

/// Adds a resource of the pool at `position` to the quarantines or open offers, as its slot says.
pub(super) fn enter_lists<F: Family>(
    quarantines: &mut Quarantines<F>,
    open_offers: &mut OpenOffers<F>,
    position: usize,
    view: SlotView<'_, F>,
) {
    if let Some(declined_at) = view.listed_quarantine() {
        quarantines.list(position, declined_at, view.resource);
    }
    if let Some(held) = view.held() {
        open_offers.open(position, view.resource, &held);
    }
}

/// Removes a resource from the list to which [`enter_lists`] added it.
pub(super) fn leave_lists<F: Family>(
    quarantines: &mut Quarantines<F>,
    open_offers: &mut OpenOffers<F>,
    position: usize,
    view: SlotView<'_, F>,
) {
    if let Some(declined_at) = view.listed_quarantine() {
        quarantines.unlist(position, declined_at, view.resource);
    }
    if let Some(held) = view.held() {
        open_offers.close(position, view.resource, &held);
    }
}

/// Counts a quarantine on its accounts: that of the change in flight, otherwise that of the record.
fn recount<F: Family>(
    quarantines: &mut Quarantines<F>,
    before: SlotView<'_, F>,
    after: SlotView<'_, F>,
) {
    let counted = |view: SlotView<'_, F>| {
        let quarantine = || view.quarantine().map(|record| record.binding(view.resource));
        view.decline_in_flight().cloned().or_else(quarantine)
    };
    let is_any =
        |view: SlotView<'_, F>| view.quarantine().is_some() || view.decline_in_flight().is_some();
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
