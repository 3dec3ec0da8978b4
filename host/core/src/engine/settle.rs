//! Flights: decisions on their way to storage, and what storage says of them.
//!
//! A record in memory is one that storage is known to hold. A decision leaves it as it is and puts its
//! change beside it; the change becomes the record when storage has made it. While a change is on its
//! way, no other decision is made about its address, so none is ever built on a change that fails, and
//! each change is built on a record of storage.
//!
//! Invariants: an address has at most one change in flight, whose revision follows that of its record;
//! a record is replaced by one that storage says to hold, or by a newer one of another server.

use std::sync::Arc;

use crate::{Answer, Change, Lease, LeaseState, Timestamp};

use super::{
    bindings::Bindings,
    slot::{Cause, Claim, Flight, Offer, Slot},
};

impl Bindings {
    /// Puts a change of the record of an address beside it, and says what storage must be asked for.
    /// An offer of the address is put aside until storage has answered.
    pub(super) fn depart(&mut self, lease: Lease, cause: Cause) -> Change {
        let address = u32::from(lease.address);
        let previous = self.slot(address).and_then(Slot::lease).map(Arc::clone);
        let lease = Arc::new(Lease { revision: revision_of(previous.as_ref()) + 1, ..lease });
        let change = Change { lease, previous };
        let departing = change.clone();
        self.edit(address, |slot| {
            debug_assert!(slot.flight().is_none(), "two changes of one address at a time");
            let offer = slot.offer().map(Arc::clone);
            slot.claim =
                Claim::Flight(Box::new(Flight { change: departing, cause, offer, heard: None }));
        });
        change
    }

    /// See [`super::Engine::settle`].
    pub(super) fn settle(&mut self, now: Timestamp, changes: &[Change], answer: &Answer) {
        let granted_to = changes.first().map(|change| &change.lease.client);
        for (position, change) in changes.iter().enumerate() {
            let address = u32::from(change.lease.address);
            if self.plan.subnet_of(address).is_none() {
                continue;
            }
            let said = match answer {
                Answer::Made => Some(&change.lease),
                Answer::NotMade => change.previous.as_ref(),
                Answer::Conflict(records) => records.get(position).and_then(Option::as_ref),
            };
            let flight = self.slot(address).and_then(Slot::flight);
            let Some(flight) = flight.filter(|flight| flight.change == *change).cloned() else {
                // No subnet spanned the address for a while, or this was heard before.
                said.into_iter().for_each(|record| self.learn(now, Arc::clone(record)));
                continue;
            };
            let record = newer(said, flight.heard.as_ref()).map(Arc::clone);
            // The end of what was granted is noticed and reported, even if it is over by now.
            let as_of = match &record {
                Some(record) if *record == change.lease => record.changed_at,
                _ => now,
            };
            let is_taken = |offer: &Arc<Offer>| {
                *answer == Answer::Made
                    && (offer.client == change.lease.client || Some(&offer.client) == granted_to)
            };
            let offer = flight.offer.filter(|offer| !is_taken(offer));
            let origin = offer.as_ref().map(|offer| Arc::clone(&offer.origin));
            self.land(now, as_of, address, record, offer);
            if let Some(origin) = origin {
                // Others may have been made to its line while this one was put aside.
                self.hold_to_offers_max(address, &origin, None);
            }
        }
    }

    /// See [`super::Engine::learn`].
    pub(super) fn learn(&mut self, now: Timestamp, record: Arc<Lease>) {
        let address = u32::from(record.address);
        let slot = self.slot(address);
        if slot.is_some_and(|slot| slot.flight().is_some()) {
            return self.edit(address, |slot| {
                if let Claim::Flight(flight) = &mut slot.claim
                    && revision_of(flight.heard.as_ref()) < record.revision
                {
                    flight.heard = Some(record);
                }
            });
        }
        if revision_of(slot.and_then(Slot::lease)) < record.revision {
            let offer = slot.and_then(Slot::offer).map(Arc::clone);
            self.land(now, now, address, Some(record), offer);
        }
    }

    /// Makes `record` that of its address, on which nothing is in flight any more, and opens the
    /// offer again unless the record is in its way. A record that is another one holds the address if it
    /// did so at `as_of`; an end since then is noticed like any other.
    pub(super) fn land(
        &mut self,
        now: Timestamp,
        as_of: Timestamp,
        address: u32,
        record: Option<Arc<Lease>>,
        offer: Option<Arc<Offer>>,
    ) {
        let known = self.slot(address).and_then(Slot::lease);
        let is_same = revision_of(known) == revision_of(record.as_ref());
        let holds = match self.slot(address) {
            Some(slot) if is_same => slot.lease_holds,
            _ => record.as_ref().is_some_and(|record| holds(as_of, record)),
        };
        let is_in_the_way = |offer: &Arc<Offer>| {
            let record = record.as_ref().filter(|_| holds);
            record.is_some_and(|record| {
                record.state == LeaseState::Quarantined || record.client != offer.client
            })
        };
        let is_open_still = |offer: &Arc<Offer>| {
            let other = self.offer_of(&offer.client);
            now < offer.expires_at && other.is_none_or(|other| other.address == address)
        };
        let offer =
            offer.filter(|offer| is_open_still(offer) && (is_same || !is_in_the_way(offer)));
        self.edit(address, |slot| {
            slot.lease = record;
            slot.lease_holds = holds;
            slot.claim = offer.map_or(Claim::None, Claim::Offer);
        });
    }
}

/// Whether a record holds its address at `now`.
pub(super) fn holds(now: Timestamp, record: &Lease) -> bool {
    record.state != LeaseState::Released && now < record.expires_at
}

/// The record of an address that followed the other on storage.
fn newer<'r>(one: Option<&'r Arc<Lease>>, other: Option<&'r Arc<Lease>>) -> Option<&'r Arc<Lease>> {
    if revision_of(one) < revision_of(other) { other } else { one }
}

/// The revision of a record; 0 where there is none.
fn revision_of(record: Option<&Arc<Lease>>) -> u64 {
    record.map_or(0, |lease| lease.revision)
}
