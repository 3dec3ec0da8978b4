//! Subscriber limits: whether a client may have one more address on its subscriber's account, and
//! which leases and offers give way for it.
//!
//! The active leases of the subscriber in the network, the leases in flight to storage and open
//! offers count. Policies, or otherwise the classes of the client, name the account of a lease or
//! offer at its ACK or OFFER; they give the limit with each request. If the account is full only
//! because of changes in flight, the decision waits for storage ([`Decider::waits_for_account`]).
//!
//! Invariant: an ACK that puts a lease on an account leaves no more leases on it than the limit
//! allows, regardless of the results of other decisions' changes: if it requires the end of a
//! lease, that end is among its own changes. A client that already has a lease on the account keeps
//! extending it, however far the limit was lowered in the meantime. [`BeyondLimit::Refuse`] ends no
//! lease of other clients; [`BeyondLimit::ReplaceOldest`] reduces the account to the limit with
//! every ACK.

use smallvec::SmallVec;

use crate::{
    BeyondLimit, ClientState, Reason, RequestKind, SubscriberLimit, ledger::SubscriberAccount,
};

use super::{
    Decision,
    decider::Decider,
    entitlement::Entitlement,
    family::{AddressesOfClient, SlotView},
};

/// The maximum number of leases that end for one ACK. A subscriber that exceeds its limit by more
/// than that, because the limit was lowered, gets no further lease until enough of them have ended.
pub(super) const ENDED_FOR_ONE_MAX: usize = 64;

/// The leases and offers on an account, except those of the client.
struct Others<'a> {
    account: &'a SubscriberAccount<u32>,
    /// Addresses that do not count: those of the client, and the one that it is given.
    not_counted: AddressesOfClient,
    leases: usize,
    /// Leases in flight to storage that are not among `leases`.
    grants: usize,
    offers: usize,
    client_has_lease: bool,
    client_has_offer: bool,
}

impl Decider<'_, '_> {
    /// Makes room on the account for an offer to the client. It may withdraw offers to other
    /// clients, so that there are never more offers than leases allowed; it ends no lease.
    ///
    /// # Errors
    /// Fails if the client's subscriber has reached its limit.
    pub(super) fn make_room_for_offer(&mut self) -> Result<(), Reason> {
        let Some(limit) = self.subscriber.clone() else { return Ok(()) };
        let Some(others) = self.others(&limit, None) else { return Ok(()) };
        let goes_on = others.client_has_lease || others.client_has_offer;
        let is_too_many = match limit.beyond {
            BeyondLimit::Refuse => others.beyond(&limit, others.offers) > 0,
            BeyondLimit::ReplaceOldest => others.beyond(&limit, 0) > ENDED_FOR_ONE_MAX,
        };
        if is_too_many && !goes_on {
            return Err(Reason::SubscriberLimit);
        }
        if limit.beyond == BeyondLimit::ReplaceOldest {
            let too_many = (others.offers + 1).saturating_sub(leases_max(&limit));
            let withdrawn: SmallVec<[u32; 1]> = others.offers().take(too_many).collect();
            for address in withdrawn {
                self.bindings.withdraw_offer_of(address);
            }
        }
        Ok(())
    }

    /// An address with a change in flight to storage whose result decides whether the client may
    /// have one more lease or offer on its subscriber's account.
    pub(super) fn waits_for_account(&self) -> Option<u32> {
        let is_granted = matches!(
            self.request.kind,
            RequestKind::Discover | RequestKind::Request | RequestKind::Bootp
        );
        let limit = self.subscriber.as_ref().filter(|_| is_granted)?;
        let others = self.others(limit, None)?;
        let in_flight = others.account.in_flight()?;
        let beyond = match limit.beyond {
            BeyondLimit::Refuse if others.client_has_lease => 0,
            BeyondLimit::Refuse if others.client_has_offer => others.beyond(limit, 0),
            BeyondLimit::Refuse => others.beyond(limit, others.offers),
            BeyondLimit::ReplaceOldest => others.beyond(limit, 0),
        };
        (beyond > 0).then_some(in_flight)
    }

    /// The addresses whose leases end if the client is given a lease of `address`, or `None` if the
    /// subscriber's limit does not allow that lease.
    pub(super) fn make_room(&self, address: u32) -> Option<SmallVec<[u32; 2]>> {
        let mut ended: SmallVec<[u32; 2]> = self.other_leases_than(address).collect();
        let Some(limit) = &self.subscriber else { return Some(ended) };
        let Some(others) = self.others(limit, Some(address)) else { return Some(ended) };
        if limit.beyond == BeyondLimit::ReplaceOldest {
            let beyond = others.beyond(limit, 0).min(ENDED_FOR_ONE_MAX);
            ended.extend(others.leases().take(beyond));
        }
        self.has_room(limit, &others).then_some(ended)
    }

    /// The addresses that the client leases, except `address`.
    pub(super) fn other_leases_than(&self, address: u32) -> impl Iterator<Item = u32> {
        let own = self.bindings.records_of(self.client.on_record()).into_iter();
        own.filter(move |own| {
            *own != address && self.bindings.slot(*own).and_then(SlotView::active).is_some()
        })
    }

    /// The answer to a REQUEST for which [`Decider::make_room`] finds no room.
    pub(super) fn beyond_limit(&mut self) -> Decision {
        self.bindings.withdraw_offer_to(&self.client.key);
        if self.may_nak() {
            self.nak(Reason::NakSubscriberLimit)
        } else {
            self.silence(Reason::SubscriberLimit)
        }
    }

    /// Returns whether the client may have a lease.
    fn has_room(&self, limit: &SubscriberLimit, others: &Others<'_>) -> bool {
        let beyond = |offers| others.beyond(limit, offers);
        match limit.beyond {
            _ if others.client_has_lease => true,
            BeyondLimit::Refuse if others.client_has_offer => beyond(0) == 0,
            // Offers to other clients occupy their places.
            BeyondLimit::Refuse => beyond(others.offers) == 0,
            // A client that extends a lease which does not count, for example because it was
            // replaced, ends none.
            BeyondLimit::ReplaceOldest => {
                beyond(0) == 0 || (self.seeks_address() && beyond(0) <= ENDED_FOR_ONE_MAX)
            }
        }
    }

    /// Returns whether the lease or offer of another client at `address` gives way if this client
    /// is given an address.
    pub(super) fn gives_way(&self, address: u32) -> bool {
        let Some(limit) = self.replacing() else { return false };
        let Some(view) = self.bindings.slot(address) else { return false };
        let offer = view.offer().filter(|offer| !self.is_self(&offer.holder));
        let lease = view.active().filter(|record| !self.is_own(record));
        offer.is_none_or(|offer| offer.subscriber.as_ref() == Some(&limit.name))
            && lease.is_none_or(|_| self.leases_that_give_way(limit).contains(&address))
    }

    /// The address of the oldest lease that gives way for the client, among those that the client
    /// may have.
    pub(super) fn address_that_gives_way(&self, entitlement: Entitlement<'_>) -> Option<u32> {
        let addresses = self.leases_that_give_way(self.replacing()?);
        addresses.into_iter().find(|address| {
            self.is_entitled(entitlement, *address)
                && !self.plan.is_reserved(*address)
                && !self.bindings.is_withheld(*address)
                && !self.is_drained(*address)
                && self.gives_way(*address)
        })
    }

    /// The subscriber's limit, if leases may give way for this request.
    fn replacing(&self) -> Option<&SubscriberLimit> {
        let limit = self.subscriber.as_ref()?;
        (limit.beyond == BeyondLimit::ReplaceOldest && self.seeks_address()).then_some(limit)
    }

    /// Returns whether the client looks for an address instead of only extending a lease.
    pub(super) fn seeks_address(&self) -> bool {
        let extends = self.request.kind == RequestKind::Request
            && matches!(
                self.request.client_state(),
                ClientState::Renewing | ClientState::Rebinding
            );
        !extends
    }

    fn leases_that_give_way(&self, limit: &SubscriberLimit) -> SmallVec<[u32; 2]> {
        let Some(others) = self.others(limit, None) else { return SmallVec::new() };
        let beyond = others.beyond(limit, 0).min(ENDED_FOR_ONE_MAX);
        others.leases().take(beyond).collect()
    }

    /// The leases and offers of other clients on the account, without the lease of `granted`;
    /// `None` if the account is empty.
    fn others(&self, limit: &SubscriberLimit, granted: Option<u32>) -> Option<Others<'_>> {
        let account = self.bindings.account(&limit.name)?;
        let is_on_account = |address: u32| {
            let active = self.bindings.slot(address).and_then(SlotView::active);
            active.is_some_and(|record| record.subscriber() == Some(&limit.name))
        };
        let mut not_counted: AddressesOfClient = self.bindings.records_of(self.client.on_record());
        let client_has_lease = not_counted.iter().any(|own| is_on_account(*own));
        not_counted.extend(granted.filter(|granted| !not_counted.contains(granted)));
        let leases = not_counted.iter().filter(|address| is_on_account(**address)).count();
        let offer = self.bindings.offer_of(&self.client.key).and_then(|offer| {
            let entry = self.bindings.slot(offer.resource)?.entries().offer?;
            (*entry.subscriber == *limit.name).then_some(offer.resource)
        });
        let client_has_offer = offer.is_some();
        not_counted.extend(offer);
        Some(Others {
            account,
            not_counted,
            leases: account.leases_len().saturating_sub(leases),
            grants: account.grants_len(),
            offers: account.offers_len().saturating_sub(usize::from(client_has_offer)),
            client_has_lease,
            client_has_offer,
        })
    }
}

impl Others<'_> {
    /// By how many the account exceeds `limit` once the client has a lease, if `offers` count.
    fn beyond(&self, limit: &SubscriberLimit, offers: usize) -> usize {
        (self.leases + self.grants + offers + 1).saturating_sub(leases_max(limit))
    }

    /// The addresses of leases, oldest first.
    fn leases(&self) -> impl Iterator<Item = u32> {
        self.account.leases().filter(|address| !self.not_counted.contains(address))
    }

    /// The addresses of offers, oldest first.
    fn offers(&self) -> impl Iterator<Item = u32> {
        self.account.offers().filter(|address| !self.not_counted.contains(address))
    }
}

fn leases_max(limit: &SubscriberLimit) -> usize {
    usize::try_from(limit.leases_max.get()).unwrap_or(usize::MAX)
}
