//! Flights: changes on their way to storage, and the results that storage reports.
//!
//! A record in memory is one that storage is known to hold. A decision leaves the record as it is
//! and puts its change next to it; the change becomes the record when storage has committed it.
//! While a change is in flight, no other decision is made about its resource, so no decision is
//! built on a change that fails, and each change is built on a record in storage.
//!
//! Decides nothing. Invariants: a resource has at most one change in flight, whose revision is the
//! next one after that of its record; a record is only replaced by one that storage reports to
//! hold, or by a newer one from another server.

use std::sync::Arc;

use crate::{BindingState, Change, StorageAnswer, Timestamp};

use super::{
    bindings::Bindings,
    family::{BindingRecord as _, Family, Layout},
    record::Record,
    slot::{Claim, Flight, NextRecord, Offer, SlotView},
};

impl<F: Family> Bindings<F> {
    /// Puts a change next to the record of its resource and returns the request for storage. An
    /// open offer of the resource is set aside until storage has answered.
    pub(crate) fn depart(&mut self, binding: F::Binding, cause: F::Cause) -> Change<F::Binding> {
        let resource = binding.resource();
        let view = self.slot(resource);
        let previous = view.and_then(SlotView::binding).map(Arc::new);
        let binding = Arc::new(binding.with_revision(revision_of::<F>(previous.as_deref()) + 1));
        let offer = view.and_then(SlotView::offer).cloned();
        debug_assert!(
            view.is_none_or(|view| !view.is_in_flight()),
            "a resource has two changes in flight"
        );
        let change = Change { binding, previous };
        let flight = Flight { change: change.clone(), cause, offer, heard: None };
        self.claim(resource, Some(Claim::Flight(flight)));
        change
    }

    /// Applies the result that storage reports for the changes of one decision.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        changes: &[Change<F::Binding>],
        answer: &StorageAnswer<F::Binding>,
    ) {
        let granted_to = changes.first().map(|change| change.binding.holder());
        for (position, change) in changes.iter().enumerate() {
            let resource = change.binding.resource();
            if !self.layout().spans(resource) {
                continue;
            }
            let said = match answer {
                StorageAnswer::Made => Some(&change.binding),
                StorageAnswer::NotMade => change.previous.as_ref(),
                StorageAnswer::Conflict(records) => records.get(position).and_then(Option::as_ref),
            };
            let flight = self.slot(resource).and_then(SlotView::flight);
            let Some(flight) = flight.filter(|flight| flight.change == *change) else {
                // No subnet spanned the resource for a while, or this result was applied before.
                said.into_iter().for_each(|record| self.learn(now, record));
                continue;
            };
            let is_taken = |offer: &Offer<F>| {
                *answer == StorageAnswer::Made
                    && (offer.holder == *change.binding.holder()
                        || Some(&offer.holder) == granted_to)
            };
            let offer = flight.offer.clone().filter(|offer| !is_taken(offer));
            let heard = flight.heard.clone();
            let record = newer::<F>(said, heard.as_ref());
            // If the granted lease has already expired, its end is still noticed and reported.
            let as_of = match record {
                Some(record) if **record == *change.binding => record.tenure().changed_at,
                _ => now,
            };
            let source = offer.as_ref().map(|offer| Arc::clone(&offer.source));
            self.land(now, as_of, resource, record.map(AsRef::as_ref), offer);
            if let Some(source) = source {
                // Other offers may have been made to its line while this one was set aside.
                self.hold_to_offers_max(resource, &source, None);
            }
        }
    }

    /// Adopts a record that another server wrote, unless the known record is as new or newer.
    pub(crate) fn learn(&mut self, now: Timestamp, record: &Arc<F::Binding>) {
        let resource = record.resource();
        let revision = record.tenure().revision;
        let view = self.slot(resource);
        if view.is_some_and(SlotView::is_in_flight) {
            return self.slots.change(resource, |slot| {
                if let Some(Claim::Flight(flight)) = slot.claim.as_deref_mut()
                    && revision_of::<F>(flight.heard.as_deref()) < revision
                {
                    flight.heard = Some(Arc::clone(record));
                }
            });
        }
        let known = view.and_then(SlotView::record).map_or(0, Record::revision);
        if known < revision {
            let offer = view.and_then(SlotView::offer).cloned();
            self.land(now, now, resource, Some(record.as_ref()), offer);
        }
    }

    /// Drops the change in flight of a resource, if any, and keeps the record that it was built on.
    pub(crate) fn leave_out_flight(&mut self, now: Timestamp, resource: F::Resource) {
        let Some(flight) = self.slot(resource).and_then(SlotView::flight) else { return };
        let (offer, previous) = (flight.offer.clone(), flight.change.previous.clone());
        self.land(now, now, resource, previous.as_deref(), offer);
    }

    /// Makes `record` the record of its resource, ends the flight, and reopens the offer unless it
    /// has ended, its holder has another, or a new record excludes it. A new record holds the
    /// resource if it did so at `as_of`; if it has ended since then, its end is noticed like any
    /// other.
    fn land(
        &mut self,
        now: Timestamp,
        as_of: Timestamp,
        resource: F::Resource,
        record: Option<&F::Binding>,
        offer: Option<Offer<F>>,
    ) {
        let view = self.slot(resource);
        let known = view.and_then(SlotView::record).map_or(0, Record::revision);
        let is_same = known == revision_of::<F>(record);
        let holds = record.is_some_and(|record| record.tenure().holds(as_of));
        let is_in_the_way = |offer: &Offer<F>| {
            let record = record.filter(|_| holds);
            record.is_some_and(|record| {
                record.tenure().state == BindingState::Quarantined
                    || *record.holder() != offer.holder
            })
        };
        let is_open_still = |offer: &Offer<F>| {
            let other = self.offered_to(&offer.holder);
            now < offer.expires_at && other.is_none_or(|other| other == resource)
        };
        let offer =
            offer.filter(|offer| is_open_still(offer) && (is_same || !is_in_the_way(offer)));
        let next = match is_same {
            true => NextRecord::Same,
            false => NextRecord::Record(record.map(|record| Record::new(record, holds))),
        };
        self.put(resource, next, offer.map(Claim::Offer));
    }
}

/// Returns the record with the higher revision.
fn newer<'r, F: Family>(
    one: Option<&'r Arc<F::Binding>>,
    other: Option<&'r Arc<F::Binding>>,
) -> Option<&'r Arc<F::Binding>> {
    let [first, second] = [one, other].map(|record| revision_of::<F>(record.map(AsRef::as_ref)));
    if first < second { other } else { one }
}

/// The revision of a record, or 0 without a record.
fn revision_of<F: Family>(record: Option<&F::Binding>) -> u64 {
    record.map_or(0, |record| record.tenure().revision)
}
