//! Tracks which subscriber holds which address, and whether two hold the same.
//!
//! A lease counts from the moment its REQUEST was sent (RFC 2131 section 4.4.1), so it ends here no
//! later than at the server: an address that a correct server gives to the next subscriber is never
//! held by the last one.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use crate::acquired::Acquired;

/// The leases of all subscribers of a run, by their position in it.
#[derive(Debug)]
pub(crate) struct Ledger {
    leases: Vec<Option<HeldLease>>,
    holders: HashMap<Ipv4Addr, u32>,
}

/// A lease that a subscriber holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldLease {
    pub(crate) address: Ipv4Addr,
    pub(crate) server_identifier: Ipv4Addr,
    /// `None` if it never ends.
    ends_at: Option<Instant>,
}

impl HeldLease {
    /// Creates a lease whose REQUEST was sent at `asked_at`.
    pub(crate) fn new(acquired: &Acquired, asked_at: Instant) -> Self {
        let lasts = Duration::from_secs(acquired.lease_time_secs.into());
        Self {
            address: acquired.address,
            server_identifier: acquired.server_identifier,
            ends_at: (acquired.lease_time_secs != u32::MAX).then(|| asked_at + lasts),
        }
    }

    fn is_running(&self, now: Instant) -> bool {
        self.ends_at.is_none_or(|ends_at| now < ends_at)
    }
}

impl Ledger {
    pub(crate) fn new(clients: u32) -> Self {
        Self { leases: vec![None; clients as usize], holders: HashMap::new() }
    }

    /// Returns the lease of a subscriber, if it has not ended.
    pub(crate) fn lease(&self, client: u32, now: Instant) -> Option<HeldLease> {
        self.leases.get(client as usize).copied().flatten().filter(|held| held.is_running(now))
    }

    /// Notes that a subscriber was given a lease, and returns the other holder of the address, if
    /// there is one.
    pub(crate) fn bind(&mut self, client: u32, held: HeldLease, now: Instant) -> Option<u32> {
        self.unbind(client);
        let address = held.address;
        let former = self.holders.insert(address, client);
        if let Some(lease) = self.leases.get_mut(client as usize) {
            *lease = Some(held);
        }
        former
            .filter(|former| self.lease(*former, now).is_some_and(|lease| lease.address == address))
    }

    /// Notes that a subscriber holds nothing any more.
    pub(crate) fn unbind(&mut self, client: u32) {
        let lease = self.leases.get_mut(client as usize).and_then(Option::take);
        if let Some(held) = lease
            && self.holders.get(&held.address) == Some(&client)
        {
            self.holders.remove(&held.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(last: u8, ends_at: Option<Instant>) -> HeldLease {
        HeldLease {
            address: Ipv4Addr::new(100, 64, 0, last),
            server_identifier: Ipv4Addr::new(192, 0, 2, 1),
            ends_at,
        }
    }

    #[test]
    fn the_holder_of_a_taken_address_is_reported() {
        let (mut ledger, now) = (Ledger::new(3), Instant::now());
        assert_eq!(ledger.bind(0, held(1, None), now), None);
        assert_eq!(ledger.bind(1, held(2, None), now), None);
        assert_eq!(ledger.bind(2, held(1, None), now), Some(0));
    }

    #[test]
    fn a_renewed_lease_is_no_duplicate_of_itself() {
        let (mut ledger, now) = (Ledger::new(1), Instant::now());
        assert_eq!(ledger.bind(0, held(1, None), now), None);
        assert_eq!(ledger.bind(0, held(1, None), now), None);
    }

    #[test]
    fn an_address_given_back_or_exchanged_or_run_out_is_free_for_the_next() {
        let (mut ledger, now) = (Ledger::new(4), Instant::now());
        let later = now + Duration::from_secs(60);
        ledger.bind(0, held(1, None), now);
        ledger.unbind(0);
        assert_eq!(ledger.bind(1, held(1, None), now), None);
        ledger.bind(1, held(2, None), now);
        assert_eq!(ledger.bind(2, held(1, Some(later)), now), None);
        assert_eq!(ledger.bind(3, held(1, None), later - Duration::from_millis(1)), Some(2));
        assert_eq!(ledger.lease(2, later), None);
        ledger.bind(2, held(3, Some(later)), now);
        assert_eq!(ledger.bind(3, held(3, None), later), None);
    }

    #[test]
    fn who_lost_its_address_to_another_does_not_take_it_from_the_ledger() {
        let (mut ledger, now) = (Ledger::new(3), Instant::now());
        ledger.bind(0, held(1, None), now);
        ledger.bind(1, held(1, None), now);
        ledger.unbind(0);
        assert_eq!(ledger.bind(2, held(1, None), now), Some(1));
    }
}
