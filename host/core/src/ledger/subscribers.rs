//! Subscribers: the resources that are held on each subscriber's account.
//!
//! Does not decide how many are too many. Invariant: an account lists exactly the resources with an
//! active lease or an open offer of its subscriber, and those for which a lease of its subscriber
//! is in flight to storage. A resource is listed under one of the three: a lease takes precedence
//! over an offer and a grant.

use crate::{Timestamp, keyed_hash::KeyedState};

use super::{
    ordered::Ordered,
    table::{Keyed, Left, Table},
};

/// Every account on which something is held.
#[derive(Clone, Debug)]
pub(super) struct Subscribers<R> {
    accounts: Table<SubscriberAccount<R>>,
}

/// The resources that are held for one subscriber.
#[derive(Clone, Debug)]
pub(crate) struct SubscriberAccount<R> {
    name: Box<str>,
    /// Leases, ordered by age.
    leases: Ordered<R>,
    /// Open offers, ordered by their end and therefore also by their age.
    offers: Ordered<R>,
    /// Leases, ordered by their end.
    lease_ends: Ordered<R>,
    /// Leases in flight to storage whose resources count on no account, or on another one, so far.
    grants: Ordered<R>,
    /// Leases on record that a change in flight to storage concerns.
    changing: Ordered<R>,
}

/// The accounts on which a resource is held, and the times that they are ordered by.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entries<'s> {
    pub(crate) lease: Option<LeaseEntry<'s>>,
    pub(crate) offer: Option<OfferEntry<'s>>,
    /// The subscriber of a lease in flight to storage, unless it is that of `lease`.
    pub(crate) grant: Option<&'s str>,
    /// The subscriber of the lease while a change of it is in flight.
    pub(crate) leaves: Option<&'s str>,
}

/// An active lease.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LeaseEntry<'s> {
    pub(crate) subscriber: &'s str,
    pub(crate) began_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// An open offer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OfferEntry<'s> {
    pub(crate) subscriber: &'s str,
    pub(crate) expires_at: Timestamp,
}

impl<R> Keyed for SubscriberAccount<R> {
    type Key = str;

    fn key(&self) -> &str {
        &self.name
    }
}

impl<R: Copy + Ord> Subscribers<R> {
    /// Creates a collection without accounts.
    pub(super) fn new(hasher: &KeyedState) -> Self {
        Self { accounts: Table::new(hasher) }
    }

    /// The account of a subscriber, or `None` if nothing is held on it.
    pub(super) fn account(&self, name: &str) -> Option<&SubscriberAccount<R>> {
        self.accounts.get(name)
    }

    /// Moves `resource` from the lists of `before` to those of `after`.
    pub(super) fn relist(&mut self, resource: R, before: &Entries<'_>, after: &Entries<'_>) {
        if before.lease != after.lease {
            if let Some(entry) = &before.lease {
                self.change(entry.subscriber, |account| {
                    account.leases.remove((entry.began_at, resource));
                    account.lease_ends.remove((entry.expires_at, resource));
                });
            }
            if let Some(entry) = &after.lease {
                self.change(entry.subscriber, |account| {
                    account.leases.insert((entry.began_at, resource));
                    account.lease_ends.insert((entry.expires_at, resource));
                });
            }
        }
        if before.offer != after.offer {
            if let Some(entry) = &before.offer {
                self.change(entry.subscriber, |account| {
                    account.offers.remove((entry.expires_at, resource));
                });
            }
            if let Some(entry) = &after.offer {
                self.change(entry.subscriber, |account| {
                    account.offers.insert((entry.expires_at, resource));
                });
            }
        }
        if before.grant != after.grant {
            self.relist_flight(resource, (before.grant, after.grant), |account| {
                &mut account.grants
            });
        }
        if before.leaves != after.leaves {
            self.relist_flight(resource, (before.leaves, after.leaves), |account| {
                &mut account.changing
            });
        }
    }

    fn relist_flight(
        &mut self,
        resource: R,
        (before, after): (Option<&str>, Option<&str>),
        list: fn(&mut SubscriberAccount<R>) -> &mut Ordered<R>,
    ) {
        let entry = (Timestamp::NEVER, resource);
        if let Some(name) = before {
            self.change(name, |account| list(account).remove(entry));
        }
        if let Some(name) = after {
            self.change(name, |account| list(account).insert(entry));
        }
    }

    /// Adds a copy of an account.
    pub(super) fn copy(&mut self, account: &SubscriberAccount<R>) {
        self.accounts.put(account.clone());
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut SubscriberAccount<R>)) {
        self.accounts.change(
            name,
            || SubscriberAccount::new(name),
            |account| {
                change(account);
                if account.is_empty() { Left::Nothing } else { Left::Something }
            },
        );
    }

    /// The number of accounts.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }
}

impl<R: Copy + Ord> SubscriberAccount<R> {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            leases: Ordered::new(),
            offers: Ordered::new(),
            lease_ends: Ordered::new(),
            grants: Ordered::new(),
            changing: Ordered::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.leases.len() + self.offers.len() + self.grants.len() == 0
    }

    /// The number of active leases.
    pub(crate) fn leases_len(&self) -> usize {
        self.leases.len()
    }

    /// The number of open offers.
    pub(crate) fn offers_len(&self) -> usize {
        self.offers.len()
    }

    /// The number of leases in flight to storage that are not yet on the account.
    pub(crate) fn grants_len(&self) -> usize {
        self.grants.len()
    }

    /// The resources of active leases, oldest first.
    pub(crate) fn leases(&self) -> impl Iterator<Item = R> {
        self.leases.iter()
    }

    /// The resources of open offers, oldest first.
    pub(crate) fn offers(&self) -> impl Iterator<Item = R> {
        self.offers.iter()
    }

    /// A resource with a change in flight to storage that concerns the account.
    pub(crate) fn in_flight(&self) -> Option<R> {
        self.grants.iter().chain(self.changing.iter()).next()
    }

    /// Every resource of the account; one may occur twice.
    pub(super) fn resources(&self) -> impl Iterator<Item = R> {
        self.leases().chain(self.offers()).chain(self.grants.iter())
    }

    /// A resource whose lease or offer has ended by `now`.
    pub(super) fn ended(&self, now: Timestamp) -> Option<R> {
        let first = [self.lease_ends.first(), self.offers.first()];
        first.into_iter().flatten().find(|(end, _)| *end <= now).map(|(_, resource)| resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::ordered::LIST_MAX;

    fn at(unix_ms: u64) -> Timestamp {
        Timestamp::from_unix_ms(unix_ms)
    }

    fn leased(began: u64, ends: u64) -> Entries<'static> {
        let (began_at, expires_at) = (at(began), at(ends));
        let lease = Some(LeaseEntry { subscriber: "s", began_at, expires_at });
        Entries { lease, ..Entries::default() }
    }

    fn offered(ends: u64) -> Entries<'static> {
        let offer = Some(OfferEntry { subscriber: "s", expires_at: at(ends) });
        Entries { offer, ..Entries::default() }
    }

    #[test]
    fn leases_come_oldest_first_however_many_there_are() {
        let nothing = Entries::default();
        let mut subscribers = Subscribers::new(&KeyedState::with_seed(0));
        for count in 1..=3 * LIST_MAX as u32 {
            // The leases began in the reverse order of their addresses, except for pairs of the
            // same age.
            subscribers.relist(count, &nothing, &leased(u64::from((100 - count) / 2), 9));
            let oldest: Vec<u32> = subscribers.account("s").unwrap().leases().collect();
            let mut expected: Vec<u32> = (1..=count).collect();
            expected.sort_by_key(|address| ((100 - address) / 2, *address));
            assert_eq!(oldest, expected);
        }
        for count in 1..=3 * LIST_MAX as u32 {
            subscribers.relist(count, &leased(u64::from((100 - count) / 2), 9), &nothing);
        }
        assert_eq!(subscribers.len(), 0);
    }

    #[test]
    fn what_ended_first_is_found_among_leases_and_offers() {
        let nothing = Entries::default();
        let mut subscribers = Subscribers::new(&KeyedState::with_seed(0));
        subscribers.relist(1, &nothing, &leased(1, 70));
        subscribers.relist(2, &nothing, &leased(2, 50));
        subscribers.relist(3, &nothing, &offered(60));
        let ended = |subscribers: &Subscribers<u32>, now| subscribers.account("s")?.ended(at(now));
        assert_eq!(ended(&subscribers, 49), None);
        assert_eq!(ended(&subscribers, 50), Some(2));
        subscribers.relist(2, &leased(2, 50), &nothing);
        assert_eq!(ended(&subscribers, 60), Some(3));
        subscribers.relist(3, &offered(60), &nothing);
        assert_eq!(ended(&subscribers, 69), None);
    }

    #[test]
    fn a_grant_counts_until_it_is_a_lease() {
        let nothing = Entries::default();
        let granted = Entries { grant: Some("s"), ..Entries::default() };
        let mut subscribers = Subscribers::new(&KeyedState::with_seed(0));
        subscribers.relist(1, &nothing, &granted);
        let account = subscribers.account("s").unwrap();
        assert_eq!((account.leases_len(), account.grants_len()), (0, 1));
        assert_eq!(account.in_flight(), Some(1));
        subscribers.relist(1, &granted, &leased(1, 9));
        let account = subscribers.account("s").unwrap();
        assert_eq!((account.leases_len(), account.grants_len()), (1, 0));
        assert_eq!(account.in_flight(), None);
        subscribers.relist(1, &leased(1, 9), &nothing);
        assert!(subscribers.account("s").is_none());
    }
}
