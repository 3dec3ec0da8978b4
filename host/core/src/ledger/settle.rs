//! Flights: decisions on their way to storage, and what storage says of them.
//!
//! A record in memory is one that storage is known to hold. A decision leaves it as it is and puts its
//! change beside it; the change becomes the record when storage has made it. While a change is on its
//! way, no other decision is made about its resource, so none is ever built on a change that fails, and
//! each change is built on a record of storage.
//!
//! Invariants: a resource has at most one change in flight, whose revision follows that of its record;
//! a record is replaced by one that storage says to hold, or by a newer one of another server.

use std::sync::Arc;

use crate::{Answer, Change, LeaseState, Timestamp};

use super::{
    bindings::Bindings,
    family::{Family, Layout, LeaseRecord as _},
    record::Record,
    slot::{Claim, Flight, Next, Offer, View},
};

impl<F: Family> Bindings<F> {
    /// Puts a change of the record of a resource beside it, and says what storage must be asked for.
    /// An offer of the resource is put aside until storage has answered.
    pub(crate) fn depart(&mut self, lease: F::Lease, cause: F::Cause) -> Change<F::Lease> {
        let resource = lease.resource();
        let view = self.slot(resource);
        let previous = view.and_then(View::lease).map(Arc::new);
        let lease = Arc::new(lease.with_revision(revision_of::<F>(previous.as_deref()) + 1));
        let offer = view.and_then(View::offer).cloned();
        debug_assert!(view.is_none_or(|view| !view.is_in_flight()), "two changes at a time");
        let change = Change { lease, previous };
        let flight = Flight { change: change.clone(), cause, offer, heard: None };
        self.claim(resource, Some(Claim::Flight(flight)));
        change
    }

    /// Takes in what storage says of the changes of one decision.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        changes: &[Change<F::Lease>],
        answer: &Answer<F::Lease>,
    ) {
        let granted_to = changes.first().map(|change| change.lease.holder());
        for (position, change) in changes.iter().enumerate() {
            let resource = change.lease.resource();
            if !self.layout().spans(resource) {
                continue;
            }
            let said = match answer {
                Answer::Made => Some(&change.lease),
                Answer::NotMade => change.previous.as_ref(),
                Answer::Conflict(records) => records.get(position).and_then(Option::as_ref),
            };
            let flight = self.slot(resource).and_then(View::flight);
            let Some(flight) = flight.filter(|flight| flight.change == *change) else {
                // No subnet spanned the resource for a while, or this was heard before.
                said.into_iter().for_each(|record| self.learn(now, record));
                continue;
            };
            let is_taken = |offer: &Offer<F>| {
                *answer == Answer::Made
                    && (offer.holder == *change.lease.holder() || Some(&offer.holder) == granted_to)
            };
            let offer = flight.offer.clone().filter(|offer| !is_taken(offer));
            let heard = flight.heard.clone();
            let record = newer::<F>(said, heard.as_ref());
            // The end of what was granted is noticed and reported, even if it is over by now.
            let as_of = match record {
                Some(record) if **record == *change.lease => record.tenure().changed_at,
                _ => now,
            };
            let source = offer.as_ref().map(|offer| Arc::clone(&offer.source));
            self.land(now, as_of, resource, record.map(AsRef::as_ref), offer);
            if let Some(source) = source {
                // Others may have been made to its line while this one was put aside.
                self.hold_to_offers_max(resource, &source, None);
            }
        }
    }

    /// Takes in a record that another server made, unless it is an older one than is known.
    pub(crate) fn learn(&mut self, now: Timestamp, record: &Arc<F::Lease>) {
        let resource = record.resource();
        let revision = record.tenure().revision;
        let view = self.slot(resource);
        if view.is_some_and(View::is_in_flight) {
            return self.slots.change(resource, |slot| {
                if let Some(Claim::Flight(flight)) = slot.claim.as_deref_mut()
                    && revision_of::<F>(flight.heard.as_deref()) < revision
                {
                    flight.heard = Some(Arc::clone(record));
                }
            });
        }
        let known = view.and_then(View::record).map_or(0, Record::revision);
        if known < revision {
            let offer = view.and_then(View::offer).cloned();
            self.land(now, now, resource, Some(record.as_ref()), offer);
        }
    }

    /// Goes by what is on record of a resource, as if nothing were on its way to storage.
    pub(crate) fn leave_out_flight(&mut self, now: Timestamp, resource: F::Resource) {
        let Some(flight) = self.slot(resource).and_then(View::flight) else { return };
        let (offer, previous) = (flight.offer.clone(), flight.change.previous.clone());
        self.land(now, now, resource, previous.as_deref(), offer);
    }

    /// Makes `record` that of its resource, on which nothing is in flight any more, and opens the
    /// offer again unless the record is in its way. A record that is another one holds the resource if
    /// it did so at `as_of`; an end since then is noticed like any other.
    fn land(
        &mut self,
        now: Timestamp,
        as_of: Timestamp,
        resource: F::Resource,
        record: Option<&F::Lease>,
        offer: Option<Offer<F>>,
    ) {
        let view = self.slot(resource);
        let known = view.and_then(View::record).map_or(0, Record::revision);
        let is_same = known == revision_of::<F>(record);
        let holds = record.is_some_and(|record| record.tenure().holds(as_of));
        let is_in_the_way = |offer: &Offer<F>| {
            let record = record.filter(|_| holds);
            record.is_some_and(|record| {
                record.tenure().state == LeaseState::Quarantined || *record.holder() != offer.holder
            })
        };
        let is_open_still = |offer: &Offer<F>| {
            let other = self.offered_to(&offer.holder);
            now < offer.expires_at && other.is_none_or(|other| other == resource)
        };
        let offer =
            offer.filter(|offer| is_open_still(offer) && (is_same || !is_in_the_way(offer)));
        let next = match is_same {
            true => Next::Same,
            false => Next::Record(record.map(|record| Record::new(record, holds))),
        };
        self.put(resource, next, offer.map(Claim::Offer));
    }
}

/// The record of a resource that followed the other on storage.
fn newer<'r, F: Family>(
    one: Option<&'r Arc<F::Lease>>,
    other: Option<&'r Arc<F::Lease>>,
) -> Option<&'r Arc<F::Lease>> {
    let [first, second] = [one, other].map(|record| revision_of::<F>(record.map(AsRef::as_ref)));
    if first < second { other } else { one }
}

/// The revision of a record; 0 where there is none.
fn revision_of<F: Family>(record: Option<&F::Lease>) -> u64 {
    record.map_or(0, |record| record.tenure().revision)
}
