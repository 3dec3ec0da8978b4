//! What is known of one address: the record that storage holds, and what is wanted of it.
//!
//! Not here: who else must know of a change of a slot; see [`super::bindings`]. Invariant: the record
//! is one that storage is known to hold, or to have held.

use std::{net::Ipv4Addr, sync::Arc};

use crate::{Change, ClientKey, Lease, LeaseState, Origin, Request, RequestKind, Timestamp};

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

/// A change on its way to storage.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// The change.
    pub(super) change: Change,
    /// What asked for it.
    pub(super) cause: Cause,
    /// The offer of the address that was open when it was decided.
    pub(super) offer: Option<Arc<Offer>>,
    /// The newest record of the address that another server made meanwhile.
    pub(super) heard: Option<Arc<Lease>>,
}

/// The message that a decision answers. Some relays pass a renewal on that the client also sends past
/// them; those are two messages, and each is answered the way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) transaction_id: u32,
    pub(super) kind: RequestKind,
    pub(super) relay_address: Ipv4Addr,
}

impl Cause {
    /// What tells a message from others of its client.
    pub(super) const fn of(request: &Request) -> Self {
        let Request { transaction_id, kind, relay_address, .. } = *request;
        Self { transaction_id, kind, relay_address }
    }
}

/// What is wanted of an address beside its record.
#[derive(Clone, Debug, Default)]
pub(super) enum Claim {
    /// Nothing.
    #[default]
    None,
    /// It is held for a client, until the end of the offer is noticed.
    Offer(Arc<Offer>),
    /// A decision changes its record.
    Flight(Box<Flight>),
}

/// What is known of one address.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The record, active or not.
    pub(super) lease: Option<Arc<Lease>>,
    pub(super) claim: Claim,
    /// Whether the record is a lease or a quarantine whose end was not noticed yet.
    pub(super) lease_holds: bool,
    /// Where its entry in the queue of deadlines stands.
    pub(super) queued_for: Timestamp,
}

impl Slot {
    /// Nothing.
    pub(super) const UNKNOWN: Self =
        Self { lease: None, claim: Claim::None, lease_holds: false, queued_for: Timestamp::NEVER };

    /// Whether anything is known.
    pub(super) const fn is_known(&self) -> bool {
        self.lease.is_some() || !matches!(self.claim, Claim::None)
    }

    /// The record, active or not.
    pub(super) fn lease(&self) -> Option<&Arc<Lease>> {
        self.lease.as_ref()
    }

    /// The open offer.
    pub(super) fn offer(&self) -> Option<&Arc<Offer>> {
        match &self.claim {
            Claim::Offer(offer) => Some(offer),
            Claim::None | Claim::Flight(_) => None,
        }
    }

    /// The change that is on its way to storage.
    pub(super) fn flight(&self) -> Option<&Flight> {
        match &self.claim {
            Claim::Flight(flight) => Some(flight),
            Claim::None | Claim::Offer(_) => None,
        }
    }

    /// The clients that the address concerns: the one of its record, and the one that the claim is for.
    pub(super) fn clients(&self) -> [Option<&ClientKey>; 2] {
        let claimant = match &self.claim {
            Claim::None => None,
            Claim::Offer(offer) => Some(&offer.client),
            Claim::Flight(flight) => Some(&flight.change.lease.client),
        };
        [self.lease().map(|lease| &lease.client), claimant]
    }

    /// The record if it is that of an active lease.
    pub(super) fn active_lease(&self) -> Option<&Arc<Lease>> {
        self.lease().filter(|lease| self.lease_holds && lease.state == LeaseState::Leased)
    }

    /// The record if it is that of an address that is set aside, be it offered or not.
    pub(super) fn quarantine(&self) -> Option<&Arc<Lease>> {
        self.lease().filter(|lease| self.lease_holds && lease.state == LeaseState::Quarantined)
    }

    /// The record by which the address counts against those who declined it: that of a DECLINE on its
    /// way to storage, else that of an address that is set aside.
    pub(super) fn counted_quarantine(&self) -> Option<&Arc<Lease>> {
        let declined = self.flight().map(|flight| &flight.change.lease);
        let sets_aside = |lease: &&Arc<Lease>| {
            lease.state == LeaseState::Quarantined && lease.changed_at < lease.expires_at
        };
        declined.filter(sets_aside).or_else(|| self.quarantine())
    }

    /// In which state the address is. One that is set aside can be offered if no other is left.
    pub(super) fn standing(&self) -> Standing {
        let is_claimed = !matches!(self.claim, Claim::None);
        match &self.lease {
            Some(lease) if self.lease_holds => match lease.state {
                LeaseState::Quarantined if is_claimed => Standing::Offered,
                LeaseState::Quarantined => Standing::Quarantined,
                LeaseState::Leased | LeaseState::Released => Standing::Leased,
            },
            _ if is_claimed => Standing::Offered,
            Some(lease) => Standing::Returned(free_since(lease)),
            None => Standing::Fresh,
        }
    }

    /// From where the address is held, if only an offer holds it.
    pub(super) fn held(&self) -> Option<Held> {
        let offer = self.offer().filter(|_| self.standing() == Standing::Offered)?;
        Some(Held { origin: Arc::clone(&offer.origin), expires_at: offer.expires_at })
    }

    /// On which subscribers' accounts the address is held. An offer to whom has the lease, or to
    /// whom takes it over on the same account, holds nothing more than that lease does. What is on its
    /// way to storage counts on the account of the record and on that of the change.
    pub(super) fn entries(&self) -> Entries {
        let flight = self.flight();
        let lease = self.active_lease().and_then(|lease| {
            let subscriber = lease.subscriber.as_ref().map(Arc::clone)?;
            // Its end is noticed once storage has answered.
            let expires_at = flight.map_or(lease.expires_at, |_| Timestamp::NEVER);
            Some(LeaseEntry { subscriber, began_at: lease.began_at, expires_at })
        });
        let other_account = |subscriber: &Option<Arc<str>>| {
            let subscriber = subscriber.as_ref()?;
            let is_leased = lease.as_ref().is_some_and(|entry| entry.subscriber == *subscriber);
            (!is_leased).then(|| Arc::clone(subscriber))
        };
        let offer = self.offer().and_then(|offer| {
            let subscriber = other_account(&offer.subscriber)?;
            Some(OfferEntry { subscriber, expires_at: offer.expires_at })
        });
        let granted = flight.map(|flight| &flight.change.lease);
        let granted = granted.filter(|lease| lease.state == LeaseState::Leased);
        let grant = granted.and_then(|lease| other_account(&lease.subscriber));
        let leaves = flight.and(lease.as_ref()).map(|entry| Arc::clone(&entry.subscriber));
        Entries { lease, offer, grant, leaves }
    }

    /// When what holds the address ends; the first end if there are two.
    pub(super) fn end(&self) -> Timestamp {
        let offer = match &self.claim {
            Claim::None => None,
            Claim::Offer(offer) => Some(offer),
            Claim::Flight(flight) => flight.offer.as_ref(),
        };
        let offer = offer.map_or(Timestamp::NEVER, |offer| offer.expires_at);
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
