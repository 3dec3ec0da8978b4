//! What is known of one resource: the record that storage holds, and what is wanted of it.
//!
//! Not here: who else must know of a change of a slot; see [`super::bindings`]. Invariant: the record
//! is one that storage is known to hold, or to have held.

use std::sync::Arc;

use crate::{Change, LeaseState, Timestamp};

use super::{
    family::{Family, Holder, LeaseRecord as _},
    open_offers::Held,
    pool::Standing,
    record::{Octets, Record},
    subscribers::{Entries, LeaseEntry, OfferEntry},
};

/// A resource that is held for somebody who may ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer<F: Family> {
    /// The resource.
    pub(crate) resource: F::Resource,
    /// To whom it was offered.
    pub(crate) holder: F::Holder,
    /// On whose account, if on anybody's.
    pub(crate) subscriber: Option<Arc<str>>,
    /// Where the message came from that asked for an offer.
    pub(crate) source: Arc<F::Source>,
    /// Until when it is held.
    pub(crate) expires_at: Timestamp,
}

/// A change on its way to storage.
#[derive(Clone, Debug)]
pub(crate) struct Flight<F: Family> {
    /// The change.
    pub(crate) change: Change<F::Lease>,
    /// What asked for it.
    pub(crate) cause: F::Cause,
    /// The offer of the resource that was open when it was decided.
    pub(crate) offer: Option<Offer<F>>,
    /// The newest record of the resource that another server made meanwhile.
    pub(crate) heard: Option<Arc<F::Lease>>,
}

/// What is wanted of a resource beside its record.
#[derive(Clone, Debug)]
pub(crate) enum Claim<F: Family> {
    /// It is held for somebody, until the end of the offer is noticed.
    Offer(Offer<F>),
    /// A decision changes its record.
    Flight(Flight<F>),
}

/// What is known of one resource.
#[derive(Clone, Debug)]
pub(crate) struct Slot<F: Family> {
    pub(super) record: Option<Record<F>>,
    pub(super) claim: Option<Box<Claim<F>>>,
}

/// What becomes of the record of a slot.
#[derive(Clone, Debug)]
pub(super) enum Next<F> {
    /// It stays as it is.
    Same,
    /// Its end was noticed.
    Ended,
    /// This is the record from now on.
    Record(Option<Record<F>>),
}

/// What becomes of the claim of a slot.
#[derive(Clone, Debug)]
pub(super) enum NextClaim<F: Family> {
    /// It stays as it is.
    Same,
    /// This is the claim from now on.
    Claim(Option<Box<Claim<F>>>),
}

/// What a slot was before it changed, as far as it is not the same.
#[derive(Debug)]
pub(super) struct Former<F: Family> {
    record: Next<F>,
    holds: bool,
    claim: NextClaim<F>,
}

/// A look at what is known of a resource.
#[derive(Debug)]
pub(crate) struct View<'s, F: Family> {
    pub(super) resource: F::Resource,
    record: Option<&'s Record<F>>,
    /// Whether the record is a lease or a quarantine whose end was not noticed yet.
    holds: bool,
    claim: Option<&'s Claim<F>>,
}

impl<F: Family> Clone for View<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Family> Copy for View<'_, F> {}

impl<F: Family> Slot<F> {
    /// Nothing.
    pub(super) const UNKNOWN: Self = Self { record: None, claim: None };

    /// Whether anything is known.
    pub(super) const fn is_known(&self) -> bool {
        self.record.is_some() || self.claim.is_some()
    }

    /// The record, as everybody else has it; it is that of `resource`.
    pub(crate) fn lease(&self, resource: F::Resource) -> Option<F::Lease> {
        self.view(resource).lease()
    }

    /// A look at it; it is that of `resource`.
    pub(super) fn view(&self, resource: F::Resource) -> View<'_, F> {
        let record = self.record.as_ref();
        let holds = record.is_some_and(Record::holds);
        View { resource, record, holds, claim: self.claim.as_deref() }
    }

    /// Changes it, and says what it was.
    pub(super) fn replace(&mut self, record: Next<F>, claim: NextClaim<F>) -> Former<F> {
        let holds = self.record.as_ref().is_some_and(Record::holds);
        let record = match record {
            Next::Same => Next::Same,
            Next::Ended => {
                self.record.iter_mut().for_each(Record::end);
                Next::Same
            }
            Next::Record(record) => Next::Record(std::mem::replace(&mut self.record, record)),
        };
        let claim = match claim {
            NextClaim::Same => NextClaim::Same,
            NextClaim::Claim(claim) => NextClaim::Claim(std::mem::replace(&mut self.claim, claim)),
        };
        Former { record, holds, claim }
    }
}

impl<F: Family> Former<F> {
    /// A look at what is now `now`, as it was.
    pub(super) fn view<'s>(&'s self, now: View<'s, F>) -> View<'s, F> {
        let record = match &self.record {
            Next::Record(record) => record.as_ref(),
            Next::Same | Next::Ended => now.record,
        };
        let claim = match &self.claim {
            NextClaim::Claim(claim) => claim.as_deref(),
            NextClaim::Same => now.claim,
        };
        View { resource: now.resource, record, holds: self.holds, claim }
    }

    /// Whether the record is another one now.
    pub(super) const fn had_other_record(&self) -> bool {
        matches!(self.record, Next::Record(_))
    }
}

impl<'s, F: Family> View<'s, F> {
    /// What it is a look at.
    pub(crate) const fn resource(self) -> F::Resource {
        self.resource
    }

    /// The record, active or not.
    pub(crate) const fn record(self) -> Option<&'s Record<F>> {
        self.record
    }

    /// The record, active or not, as everybody else has it.
    pub(crate) fn lease(self) -> Option<F::Lease> {
        self.record.map(|record| record.lease(self.resource))
    }

    /// The open offer.
    pub(crate) fn offer(self) -> Option<&'s Offer<F>> {
        match self.claim? {
            Claim::Offer(offer) => Some(offer),
            Claim::Flight(_) => None,
        }
    }

    /// The record as it will be if the change that is on its way to storage is made.
    pub(crate) fn record_if_made(self) -> Option<Record<F>> {
        match self.flight() {
            Some(flight) => Some(Record::new(flight.change.lease.as_ref(), true)),
            None => self.record.cloned(),
        }
    }

    /// The change that is on its way to storage.
    pub(crate) fn flight(self) -> Option<&'s Flight<F>> {
        match self.claim? {
            Claim::Flight(flight) => Some(flight),
            Claim::Offer(_) => None,
        }
    }

    /// Whether a change is on its way to storage.
    pub(crate) fn is_in_flight(self) -> bool {
        self.flight().is_some()
    }

    /// For whom the claim is.
    pub(crate) fn claimant(self) -> Option<&'s F::Holder> {
        match self.claim? {
            Claim::Offer(offer) => Some(&offer.holder),
            Claim::Flight(flight) => Some(flight.change.lease.holder()),
        }
    }

    /// Whom the resource concerns: the holder of its record, and the one that the claim is for.
    pub(super) fn holders(self) -> [Option<Octets>; 2] {
        let of_record = self.record.map(|record| Octets::from_slice(record.holder()));
        [of_record, self.claimant().map(Holder::octets)]
    }

    /// The record if it is that of an active lease.
    pub(crate) fn active(self) -> Option<&'s Record<F>> {
        self.record.filter(|record| self.holds && record.state() == LeaseState::Leased)
    }

    /// The record if it is that of a resource that is set aside, be it offered or not.
    pub(crate) fn quarantine(self) -> Option<&'s Record<F>> {
        self.record.filter(|record| self.holds && record.state() == LeaseState::Quarantined)
    }

    /// Whether the record is a lease or a quarantine whose end was not noticed yet.
    pub(super) const fn holds(self) -> bool {
        self.holds
    }

    /// The change on its way to storage, if it sets the resource aside.
    pub(super) fn decline_in_flight(self) -> Option<&'s F::Lease> {
        let declined = self.flight().map(|flight| &*flight.change.lease);
        declined.filter(|lease| {
            let tenure = lease.tenure();
            tenure.state == LeaseState::Quarantined && tenure.changed_at < tenure.expires_at
        })
    }

    /// In which state the resource is. One that is set aside can be offered if no other is left.
    pub(crate) fn standing(self) -> Standing {
        let is_claimed = self.claim.is_some();
        match self.record {
            Some(record) if self.holds => match record.state() {
                LeaseState::Quarantined if is_claimed => Standing::Offered,
                LeaseState::Quarantined => Standing::Quarantined,
                LeaseState::Leased | LeaseState::Released => Standing::Leased,
            },
            _ if is_claimed => Standing::Offered,
            Some(record) => Standing::Returned(free_since(record)),
            None => Standing::Fresh,
        }
    }

    /// From where the resource is held, if only an offer holds it.
    pub(super) fn held(self) -> Option<Held<F>> {
        let offer = self.offer().filter(|_| self.standing() == Standing::Offered)?;
        Some(Held { source: Arc::clone(&offer.source), expires_at: offer.expires_at })
    }

    /// When the resource was declined, if it is set aside and not offered.
    pub(super) fn listed_quarantine(self) -> Option<Timestamp> {
        let record = self.quarantine().filter(|_| self.standing() == Standing::Quarantined);
        record.map(Record::changed_at)
    }

    /// On which subscribers' accounts the resource is held. An offer to the holder of the lease, or to
    /// one that takes it over on the same account, holds nothing more than that lease does. What is on
    /// its way to storage counts on the account of the record and on that of the change.
    pub(crate) fn entries(self) -> Entries<'s> {
        let flight = self.flight();
        let lease = self.active().and_then(|record| {
            let subscriber = record.subscriber()?;
            // Its end is noticed once storage has answered.
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
        let granted = flight.map(|flight| &flight.change.lease);
        let granted = granted.filter(|lease| lease.tenure().state == LeaseState::Leased);
        let grant = granted.and_then(|lease| other_account(lease.subscriber()));
        let leaves = flight.and(lease.as_ref()).map(|entry| entry.subscriber);
        Entries { lease, offer, grant, leaves }
    }

    /// When what holds the resource ends; the first end if there are two.
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

/// Since when the resource of a record that does not hold it has been free.
fn free_since<F: Family>(record: &Record<F>) -> Timestamp {
    match record.state() {
        LeaseState::Released => record.changed_at(),
        LeaseState::Leased | LeaseState::Quarantined => record.expires_at(),
    }
}
