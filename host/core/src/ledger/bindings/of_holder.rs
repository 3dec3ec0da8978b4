//! What a holder has: its records, the offer to it, and the changes in flight that concern it.
//!
//! One message needs these several times, so the holder is looked up once ([`Bindings::look_up`])
//! and only the slots of its resources are read each time. Invariant: until a resource is claimed
//! for the holder, a [`KnownHolder`] gives the same results as a new lookup.

use std::cmp::Reverse;

use smallvec::SmallVec;

use crate::BindingState;

use super::{
    super::{
        family::{Family, Holder},
        octets::Octets,
        record::Record,
        slot::{Offer, SlotView},
    },
    Bindings, RECORDS_OF_HOLDER_MAX, ResourcesOfHolder,
};

/// A holder that was looked up.
#[derive(Clone, Debug)]
pub(crate) struct KnownHolder<F: Family> {
    holder: F::Holder,
    octets: Octets,
    /// The resources listed for the holder, and possibly some of another holder with the same hash.
    listed: SmallVec<[F::Resource; RECORDS_OF_HOLDER_MAX]>,
}

impl<F: Family> KnownHolder<F> {
    /// The holder.
    pub(crate) fn holder(&self) -> &F::Holder {
        &self.holder
    }

    /// Returns whether a record belongs to this holder.
    pub(crate) fn is_holder_of(&self, record: &Record<F>) -> bool {
        record.holder() == &*self.octets
    }
}

impl<F: Family> Bindings<F> {
    /// Looks up a holder.
    pub(crate) fn look_up(&self, holder: F::Holder) -> KnownHolder<F> {
        let octets = holder.octets();
        let listed = self.holders.resources(&octets).collect();
        KnownHolder { holder, octets, listed }
    }

    /// The slot with the current record of `known`: see [`rank`].
    pub(crate) fn current_of(&self, known: &KnownHolder<F>) -> Option<SlotView<'_, F>> {
        self.listed_for(known).filter(is_record_of(&known.octets)).max_by_key(|view| rank(*view))
    }

    /// The resources whose records belong to `known`, the current one first.
    pub(crate) fn records_of(&self, known: &KnownHolder<F>) -> ResourcesOfHolder<F> {
        ranked(self.listed_for(known), &known.octets)
    }

    /// The open offer to `known`.
    pub(crate) fn offer_of(&self, known: &KnownHolder<F>) -> Option<&Offer<F>> {
        let mut offers = self.listed_for(known).filter_map(SlotView::offer);
        offers.find(|offer| offer.holder == known.holder)
    }

    /// The lowest resource of `known` that has a change in flight.
    pub(crate) fn flight_of(&self, known: &KnownHolder<F>) -> Option<F::Resource> {
        let in_flight = self.listed_for(known).filter(|view| view.is_in_flight());
        let concerned = in_flight.filter(|view| {
            view.claimant() == Some(&known.holder) || is_record_of(&known.octets)(view)
        });
        concerned.map(|view| view.resource).min()
    }

    /// Withdraws the open offer to `known`.
    pub(crate) fn withdraw_offer_to(&mut self, known: &KnownHolder<F>) {
        if let Some(resource) = self.offer_of(known).map(|offer| offer.resource) {
            self.withdraw_offer_of(resource);
        }
    }

    /// Withdraws the open offer to `known`, unless it is an offer of `resource`.
    pub(crate) fn withdraw_other_offer_to(
        &mut self,
        known: &KnownHolder<F>,
        resource: F::Resource,
    ) {
        let offered = self.offer_of(known).map(|offer| offer.resource);
        if let Some(other) = offered.filter(|offered| *offered != resource) {
            self.withdraw_offer_of(other);
        }
    }

    /// The resource that is offered to `holder`, which was not looked up.
    pub(in super::super) fn offered_to(&self, holder: &F::Holder) -> Option<F::Resource> {
        let listed = self.holders.resources(&holder.octets());
        let mut offers = listed.filter_map(|resource| self.slot(resource)?.offer());
        offers.find(|offer| offer.holder == *holder).map(|offer| offer.resource)
    }

    /// Removes the records of the lowest ranks from the list of a holder that has too many.
    pub(super) fn drop_old_records(&mut self, holder: &[u8]) {
        let is_claimed = |resource: &F::Resource| {
            let claimant = self.slot(*resource).and_then(SlotView::claimant);
            claimant.is_some_and(|claimant| *claimant.octets() == *holder)
        };
        let listed = self.holders.resources(holder).filter_map(|resource| self.slot(resource));
        let records = ranked::<F>(listed, holder).into_iter().skip(RECORDS_OF_HOLDER_MAX);
        let dropped: SmallVec<[F::Resource; 1]> =
            records.filter(|resource| !is_claimed(resource)).collect();
        dropped.into_iter().for_each(|resource| self.holders.remove(holder, resource));
    }

    fn listed_for(&self, known: &KnownHolder<F>) -> impl Iterator<Item = SlotView<'_, F>> {
        known.listed.iter().filter_map(|resource| self.slot(*resource))
    }
}

/// Returns a predicate: whether the record of a resource belongs to the holder with these octets.
fn is_record_of<F: Family>(holder: &[u8]) -> impl Fn(&SlotView<'_, F>) -> bool {
    move |view| view.record().is_some_and(|record| record.holder() == holder)
}

/// The rank of a record among those of its holder; the current record is the one with the highest.
/// Its lease ranks first, then resources that it did not decline, then the record that changed
/// last. If one decision moved the holder, the resource that it moved to ranks first.
pub(super) fn rank<F: Family>(view: SlotView<'_, F>) -> impl Ord + use<F> {
    view.record().map(|record| {
        let is_leased = record.state() == BindingState::Leased;
        let is_declined = record.state() == BindingState::Quarantined;
        let holds = view.active().is_some();
        (holds, !is_declined, record.changed_at(), is_leased, record.revision(), view.resource)
    })
}

/// The resources whose records belong to the holder, the current one first.
fn ranked<'s, F: Family>(
    views: impl Iterator<Item = SlotView<'s, F>>,
    holder: &[u8],
) -> ResourcesOfHolder<F> {
    let mut views: SmallVec<[SlotView<'s, F>; RECORDS_OF_HOLDER_MAX]> =
        views.filter(is_record_of(holder)).collect();
    if views.len() < 2 {
        return views.into_iter().map(|view| view.resource).collect();
    }
    views.sort_unstable_by_key(|view| Reverse(rank(*view)));
    views.into_iter().map(|view| view.resource).collect()
}
