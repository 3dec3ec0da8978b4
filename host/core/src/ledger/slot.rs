//! What is known of one resource: the record that storage holds, and the claim on it.
//!
//! Does not update the lists that depend on a slot; see [`super::bindings`]. Invariant: the record
//! is one that storage is known to hold, or to have held.

use std::sync::Arc;

use crate::{BindingState, Change, Timestamp};

use super::{
    family::{BindingRecord as _, Family, Holder},
    octets::Octets,
    open_offers::HeldByOffer,
    pool::Standing,
    record::Record,
    subscribers::{Entries, LeaseEntry, OfferEntry},
};

/// A resource that is held for a holder that may request it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer<F: Family> {
    /// The resource.
    pub(crate) resource: F::Resource,
    /// The holder to which it was offered.
    pub(crate) holder: F::Holder,
    /// The subscriber on whose account it counts, or `None` if it counts on no account.
    pub(crate) subscriber: Option<Arc<str>>,
    /// The origin of the message that the offer answers.
    pub(crate) source: Arc<F::Source>,
    /// The end of the offer.
    pub(crate) expires_at: Timestamp,
}

/// A change in flight to storage.
#[derive(Clone, Debug)]
pub(crate) struct Flight<F: Family> {
    /// The change.
    pub(crate) change: Change<F::Binding>,
    /// What caused it.
    pub(crate) cause: F::Cause,
    /// The offer of the resource that was open when the change was decided.
    pub(crate) offer: Option<Offer<F>>,
    /// The newest record of the resource that another server wrote in the meantime.
    pub(crate) heard: Option<Arc<F::Binding>>,
}

/// What claims a resource in addition to its record.
#[derive(Clone, Debug)]
pub(crate) enum Claim<F: Family> {
    /// The resource is held for a holder until the end of the offer is noticed.
    Offer(Offer<F>),
    /// A decision is changing the record.
    Flight(Flight<F>),
}

/// What is known of one resource.
#[derive(Clone, Debug)]
pub(crate) struct Slot<F: Family> {
    pub(super) record: Option<Record<F>>,
    pub(super) claim: Option<Box<Claim<F>>>,
}

/// What happens to the record of a slot.
#[derive(Clone, Debug)]
pub(super) enum NextRecord<F> {
    /// The record stays as it is.
    Same,
    /// The end of the record was noticed.
    Ended,
    /// This record replaces it.
    Record(Option<Record<F>>),
}

/// What happens to the claim of a slot.
#[derive(Clone, Debug)]
pub(super) enum NextClaim<F: Family> {
    /// The claim stays as it is.
    Same,
    /// This claim replaces it.
    Claim(Option<Claim<F>>),
}

/// What a slot was before a change, as far as it differs.
#[derive(Debug)]
pub(super) struct Former<F: Family> {
    record: NextRecord<F>,
    holds: bool,
    claim: NextClaim<F>,
}

/// A borrowed view of what is known of a resource.
#[derive(Debug)]
pub(crate) struct SlotView<'s, F: Family> {
    pub(super) resource: F::Resource,
    record: Option<&'s Record<F>>,
    /// Whether the record is a lease or a quarantine whose end has not been noticed yet.
    holds: bool,
    claim: Option<&'s Claim<F>>,
}

/// The octets of the holders that a resource concerns.
pub(super) struct Holders<'s> {
    /// The holder of the record.
    pub(super) of_record: Option<&'s [u8]>,
    /// The holder that the claim is for.
    pub(super) claimant: Option<Octets>,
}

impl Holders<'_> {
    /// Each holder; one that has both the record and the claim occurs twice.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.of_record.into_iter().chain(self.claimant.as_deref())
    }
}

impl<F: Family> Clone for SlotView<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Family> Copy for SlotView<'_, F> {}

impl<F: Family> Slot<F> {
    /// A slot without a record and a claim.
    pub(super) const UNKNOWN: Self = Self { record: None, claim: None };

    /// Returns whether the slot has a record or a claim.
    pub(super) const fn is_known(&self) -> bool {
        self.record.is_some() || self.claim.is_some()
    }

    /// The record of the slot as a binding of `resource`, as other parts of the server use it.
    pub(crate) fn binding(&self, resource: F::Resource) -> Option<F::Binding> {
        self.view(resource).binding()
    }

    /// A view of the slot, which is that of `resource`.
    pub(super) fn view(&self, resource: F::Resource) -> SlotView<'_, F> {
        let record = self.record.as_ref();
        let holds = record.is_some_and(Record::holds);
        SlotView { resource, record, holds, claim: self.claim.as_deref() }
    }

    /// Changes the slot and returns what it was before.
    pub(super) fn replace(&mut self, record: NextRecord<F>, claim: NextClaim<F>) -> Former<F> {
        let holds = self.record.as_ref().is_some_and(Record::holds);
        let record = match record {
            NextRecord::Same => NextRecord::Same,
            NextRecord::Ended => {
                self.record.iter_mut().for_each(Record::end);
                NextRecord::Same
            }
            NextRecord::Record(record) => {
                NextRecord::Record(std::mem::replace(&mut self.record, record))
            }
        };
        let claim = match claim {
            NextClaim::Same => NextClaim::Same,
            NextClaim::Claim(claim) => NextClaim::Claim(self.replace_claim(claim)),
        };
        Former { record, holds, claim }
    }

    /// Replaces the claim in place, because an offer and the change that follows it take turns.
    fn replace_claim(&mut self, claim: Option<Claim<F>>) -> Option<Claim<F>> {
        match (&mut self.claim, claim) {
            (Some(place), Some(claim)) => Some(std::mem::replace(&mut **place, claim)),
            (place, claim) => {
                let former = place.take().map(|former| *former);
                *place = claim.map(Box::new);
                former
            }
        }
    }
}

impl<F: Family> Former<F> {
    /// The slot as it was before the change that made it `now`.
    pub(super) fn view<'s>(&'s self, now: SlotView<'s, F>) -> SlotView<'s, F> {
        let record = match &self.record {
            NextRecord::Record(record) => record.as_ref(),
            NextRecord::Same | NextRecord::Ended => now.record,
        };
        let claim = match &self.claim {
            NextClaim::Claim(claim) => claim.as_ref(),
            NextClaim::Same => now.claim,
        };
        SlotView { resource: now.resource, record, holds: self.holds, claim }
    }

    /// Returns whether the record was replaced.
    pub(super) const fn had_other_record(&self) -> bool {
        matches!(self.record, NextRecord::Record(_))
    }
}

impl<'s, F: Family> SlotView<'s, F> {
    /// The resource of this slot.
    pub(crate) const fn resource(self) -> F::Resource {
        self.resource
    }

    /// The record, active or not.
    pub(crate) const fn record(self) -> Option<&'s Record<F>> {
        self.record
    }

    /// The record, active or not, as a binding that other parts of the server use.
    pub(crate) fn binding(self) -> Option<F::Binding> {
        self.record.map(|record| record.binding(self.resource))
    }

    /// The open offer.
    pub(crate) fn offer(self) -> Option<&'s Offer<F>> {
        match self.claim? {
            Claim::Offer(offer) => Some(offer),
            Claim::Flight(_) => None,
        }
    }

    /// The record as it will be if the change in flight is committed.
    pub(crate) fn record_if_made(self) -> Option<Record<F>> {
        match self.flight() {
            Some(flight) => Some(Record::new(flight.change.binding.as_ref(), true)),
            None => self.record.cloned(),
        }
    }

    /// The change in flight to storage.
    pub(crate) fn flight(self) -> Option<&'s Flight<F>> {
        match self.claim? {
            Claim::Flight(flight) => Some(flight),
            Claim::Offer(_) => None,
        }
    }

    /// Returns whether a change is in flight to storage.
    pub(crate) fn is_in_flight(self) -> bool {
        self.flight().is_some()
    }

    /// The holder that the claim is for.
    pub(crate) fn claimant(self) -> Option<&'s F::Holder> {
        match self.claim? {
            Claim::Offer(offer) => Some(&offer.holder),
            Claim::Flight(flight) => Some(flight.change.binding.holder()),
        }
    }

    /// The holders that the resource concerns: that of its record, and the one that the claim is
    /// for.
    pub(super) fn holders(self) -> Holders<'s> {
        let of_record = self.record.map(Record::holder);
        Holders { of_record, claimant: self.claimant().map(Holder::octets) }
    }

    /// The record, if it is an active lease.
    pub(crate) fn active(self) -> Option<&'s Record<F>> {
        self.record.filter(|record| self.holds && record.state() == BindingState::Leased)
    }

    /// The record, if the resource is quarantined, whether offered or not.
    pub(crate) fn quarantine(self) -> Option<&'s Record<F>> {
        self.record.filter(|record| self.holds && record.state() == BindingState::Quarantined)
    }

    /// Returns whether the record is a lease or a quarantine whose end has not been noticed yet.
    pub(super) const fn holds(self) -> bool {
        self.holds
    }

    /// The change in flight to storage, if it quarantines the resource.
    pub(super) fn decline_in_flight(self) -> Option<&'s F::Binding> {
        let declined = self.flight().map(|flight| &*flight.change.binding);
        declined.filter(|binding| {
            let tenure = binding.tenure();
            tenure.state == BindingState::Quarantined && tenure.changed_at < tenure.expires_at
        })
    }

    /// The state of the resource. A quarantined resource can be offered if no other is left.
    pub(crate) fn standing(self) -> Standing {
        let is_claimed = self.claim.is_some();
        match self.record {
            Some(record) if self.holds => match record.state() {
                BindingState::Quarantined if is_claimed => Standing::Offered,
                BindingState::Quarantined => Standing::Quarantined,
                BindingState::Leased | BindingState::Released => Standing::Leased,
            },
            _ if is_claimed => Standing::Offered,
            Some(record) => Standing::Returned(free_since(record)),
            None => Standing::Fresh,
        }
    }

    /// The source and the end of the offer, if only an offer holds the resource.
    pub(super) fn held(self) -> Option<HeldByOffer<'s, F>> {
        let offer = self.offer().filter(|_| self.standing() == Standing::Offered)?;
        Some(HeldByOffer { source: &offer.source, expires_at: offer.expires_at })
    }

    /// The time at which the resource was declined, if it is quarantined and not offered.
    pub(super) fn listed_quarantine(self) -> Option<Timestamp> {
        let record = self.quarantine().filter(|_| self.standing() == Standing::Quarantined);
        record.map(Record::changed_at)
    }

    /// The subscribers' accounts on which the resource is held. An offer to the holder of the
    /// lease, or to a holder that takes it over on the same account, adds nothing to that lease. A
    /// change in flight counts both on the account of the record and on that of the change.
    pub(crate) fn entries(self) -> Entries<'s> {
        let flight = self.flight();
        let lease = self.active().and_then(|record| {
            let subscriber = record.subscriber()?;
            // The end is noticed after storage has answered.
            let expires_at = flight.map_or(record.expires_at(), |_| Timestamp::NEVER);
            Some(LeaseEntry { subscriber, began_at: record.began_at(), expires_at })
        });
        let other_account = |subscriber: Option<&'s Arc<str>>| {
            let subscriber = subscriber?.as_ref();
            let is_leased = lease.as_ref().is_some_and(|entry| entry.subscriber == subscriber);
            (!is_leased).then_some(subscriber)
        };
        let offer = self.offer().and_then(|offer| {
            let subscriber = other_account(offer.subscriber.as_ref())?;
            Some(OfferEntry { subscriber, expires_at: offer.expires_at })
        });
        let granted = flight.map(|flight| &flight.change.binding);
        let granted = granted.filter(|lease| lease.tenure().state == BindingState::Leased);
        let grant = granted.and_then(|lease| other_account(lease.subscriber()));
        let leaves = flight.and(lease.as_ref()).map(|entry| entry.subscriber);
        Entries { lease, offer, grant, leaves }
    }

    /// The end of what holds the resource; the earlier one if there are two.
    pub(super) fn end(self) -> Timestamp {
        let offer = match self.claim {
            None => None,
            Some(Claim::Offer(offer)) => Some(offer),
            Some(Claim::Flight(flight)) => flight.offer.as_ref(),
        };
        let offer = offer.map_or(Timestamp::NEVER, |offer| offer.expires_at);
        let record = self.record.filter(|_| self.holds);
        offer.min(record.map_or(Timestamp::NEVER, Record::expires_at))
    }
}

/// The time since which the resource of a record that does not hold it has been free.
fn free_since<F: Family>(record: &Record<F>) -> Timestamp {
    match record.state() {
        BindingState::Released => record.changed_at(),
        BindingState::Leased | BindingState::Quarantined => record.expires_at(),
    }
}
