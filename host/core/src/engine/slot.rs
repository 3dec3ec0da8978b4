//! What is known of one address: the record of its lease and the offer that is open, at most one of
//! each.

use std::sync::Arc;

use crate::{ClientKey, Lease, LeaseState, Origin, Timestamp};

use super::{
    addresses::Standing,
    open_offers::Held,
    subscribers::{Entries, LeaseEntry, OfferEntry},
};

/// An address held for a client that may ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The address.
    pub(super) address: u32,
    /// To whom it was offered.
    pub(super) client: ClientKey,
    /// On whose account, if on anybody's.
    pub(super) subscriber: Option<Arc<str>>,
    /// Where the DISCOVER came from.
    pub(super) origin: Arc<Origin>,
    /// Until when it is held.
    pub(super) expires_at: Timestamp,
}

/// What is known of one address.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The record, active or not.
    pub(super) lease: Option<Arc<Lease>>,
    /// The offer, until its end was noticed.
    pub(super) offer: Option<Arc<Offer>>,
    /// Whether the record is a lease or a quarantine whose end was not noticed yet.
    pub(super) lease_holds: bool,
    /// Where the client of the record had its address before.
    pub(super) former: Option<u32>,
    /// Where its entry in the queue of deadlines stands.
    pub(super) queued_for: Timestamp,
}

impl Slot {
    /// Nothing.
    pub(super) const UNKNOWN: Self = Self {
        lease: None,
        offer: None,
        lease_holds: false,
        former: None,
        queued_for: Timestamp::NEVER,
    };

    /// Whether anything is known.
    pub(super) const fn is_known(&self) -> bool {
        self.lease.is_some() || self.offer.is_some()
    }

    /// The record, active or not.
    pub(super) fn lease(&self) -> Option<&Arc<Lease>> {
        self.lease.as_ref()
    }

    /// The open offer.
    pub(super) fn offer(&self) -> Option<&Arc<Offer>> {
        self.offer.as_ref()
    }

    /// The record if it is that of an active lease.
    pub(super) fn active_lease(&self) -> Option<&Arc<Lease>> {
        self.lease().filter(|lease| self.lease_holds && lease.state == LeaseState::Leased)
    }

    /// The record if it is that of an address that is set aside, be it offered or not.
    pub(super) fn quarantine(&self) -> Option<&Arc<Lease>> {
        self.lease().filter(|lease| self.lease_holds && lease.state == LeaseState::Quarantined)
    }

    /// In which state the address is. One that is set aside can be offered if no other is left.
    pub(super) fn standing(&self) -> Standing {
        match (&self.lease, &self.offer) {
            (Some(lease), offer) if self.lease_holds => match lease.state {
                LeaseState::Quarantined if offer.is_some() => Standing::Offered,
                LeaseState::Quarantined => Standing::Quarantined,
                LeaseState::Leased | LeaseState::Released => Standing::Leased,
            },
            (_, Some(_)) => Standing::Offered,
            (Some(lease), None) => Standing::Returned(free_since(lease)),
            (None, None) => Standing::Fresh,
        }
    }

    /// From where the address is held, if only an offer holds it.
    pub(super) fn held(&self) -> Option<Held> {
        let offer = self.offer().filter(|_| self.standing() == Standing::Offered)?;
        Some(Held { origin: Arc::clone(&offer.origin), expires_at: offer.expires_at })
    }

    /// On which subscribers' accounts the address is held. An offer to whom has the lease, or to
    /// whom takes it over on the same account, holds nothing more than that lease does.
    pub(super) fn entries(&self) -> Entries {
        let lease = self.active_lease().and_then(|lease| {
            let subscriber = lease.subscriber.as_ref().map(Arc::clone)?;
            let (began_at, expires_at) = (lease.began_at, lease.expires_at);
            Some(LeaseEntry { subscriber, began_at, expires_at })
        });
        let offer = self.offer().and_then(|offer| {
            let subscriber = offer.subscriber.as_ref()?;
            let is_leased = lease.as_ref().is_some_and(|entry| entry.subscriber == *subscriber);
            let (subscriber, expires_at) = (Arc::clone(subscriber), offer.expires_at);
            (!is_leased).then_some(OfferEntry { subscriber, expires_at })
        });
        Entries { lease, offer }
    }

    /// When what holds the address ends; the first end if there are two.
    pub(super) fn end(&self) -> Timestamp {
        let offer = self.offer.as_ref().map_or(Timestamp::NEVER, |offer| offer.expires_at);
        let lease = self.lease().filter(|_| self.lease_holds);
        offer.min(lease.map_or(Timestamp::NEVER, |lease| lease.expires_at))
    }
}

/// Since when the address of a record that does not hold it has been free.
fn free_since(lease: &Lease) -> Timestamp {
    match lease.state {
        LeaseState::Released => lease.changed_at,
        LeaseState::Leased | LeaseState::Quarantined => lease.expires_at,
    }
}
