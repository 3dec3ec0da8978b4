//! Bindings: who holds which address, in memory.
//!
//! Records of leases by address and by client, open offers, the free sets of the pools and the
//! deadlines, kept in step by passing every change of an address through one function. Decides
//! nothing. Invariants: an address has one record and at most one offer; a client has at most one
//! offer and one current record; who is not held is free; whatever a record says of time counts
//! only until its end was noticed ([`Bindings::notice`]).

use std::{collections::VecDeque, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::{ClientKey, Lease, LeaseState, PoolUsage, Timestamp};

use super::{
    addresses::{PoolAddresses, Standing},
    by_client::ByClient,
    deadlines::Deadlines,
    plan::Plan,
    settle::Unsettled,
};

/// Leases whose end was noticed by a decision wait for [`super::Engine::reclaim`] to report them;
/// beyond this many the oldest are forgotten.
pub(super) const UNREPORTED_MAX: usize = 65_536;

/// An address held for a client that may ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The address.
    pub(super) address: u32,
    /// To whom it was offered.
    pub(super) client: ClientKey,
    /// Until when it is held.
    pub(super) expires_at: Timestamp,
}

/// What is known of one address.
#[derive(Debug)]
pub(super) struct Slot {
    lease: Option<Arc<Lease>>,
    offer: Option<Arc<Offer>>,
    /// Whether the record is a lease or a quarantine whose end was not noticed yet.
    lease_holds: bool,
    /// Where the client of the record had its address before.
    former: Option<u32>,
    queued_for: Timestamp,
}

/// Who holds which address of one network.
#[derive(Debug)]
pub(super) struct Bindings {
    pub(super) plan: Arc<Plan>,
    pub(super) slots: HashMap<u32, Slot, FixedState>,
    pub(super) by_client: ByClient<Lease>,
    offers: ByClient<Offer>,
    pools: Vec<PoolAddresses>,
    deadlines: Deadlines,
    pub(super) unsettled: HashMap<u32, Unsettled, FixedState>,
    unreported: VecDeque<Arc<Lease>>,
}

/// Which of two records of one client is its current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precedence {
    /// This one.
    Latest,
    /// The one that changed last.
    ByTime,
}

impl Slot {
    const UNKNOWN: Self = Self {
        lease: None,
        offer: None,
        lease_holds: false,
        former: None,
        queued_for: Timestamp::NEVER,
    };

    /// The record, active or not.
    pub(super) fn lease(&self) -> Option<&Arc<Lease>> {
        self.lease.as_ref()
    }

    /// The open offer.
    pub(super) fn offer(&self) -> Option<&Arc<Offer>> {
        self.offer.as_ref()
    }

    /// Whether the record is that of an active lease or quarantine.
    pub(super) const fn lease_holds(&self) -> bool {
        self.lease_holds
    }

    /// Where the client of the record had its address before.
    pub(super) const fn former(&self) -> Option<u32> {
        self.former
    }

    /// The record if it is that of an active lease.
    pub(super) fn active_lease(&self) -> Option<&Arc<Lease>> {
        self.lease().filter(|lease| self.lease_holds && lease.state == LeaseState::Leased)
    }

    /// In which state the address is.
    pub(super) fn standing(&self) -> Standing {
        match (&self.lease, &self.offer) {
            (Some(lease), _) if self.lease_holds => match lease.state {
                LeaseState::Quarantined => Standing::Quarantined,
                LeaseState::Leased | LeaseState::Released => Standing::Leased,
            },
            (_, Some(_)) => Standing::Offered,
            (Some(lease), None) => Standing::Returned(free_since(lease)),
            (None, None) => Standing::Fresh,
        }
    }

    /// When what holds the address ends; the first end if there are two.
    fn end(&self) -> Timestamp {
        let offer = self.offer.as_ref().map_or(Timestamp::NEVER, |offer| offer.expires_at);
        let lease = self.lease().filter(|_| self.lease_holds);
        offer.min(lease.map_or(Timestamp::NEVER, |lease| lease.expires_at))
    }
}

impl Bindings {
    /// Nothing is held, nothing is known.
    pub(super) fn new(plan: Arc<Plan>, hasher: &FixedState) -> Self {
        Self {
            pools: fresh_pools(&plan),
            plan,
            slots: HashMap::with_hasher(hasher.clone()),
            by_client: ByClient::new(hasher),
            offers: ByClient::new(hasher),
            deadlines: Deadlines::default(),
            unsettled: HashMap::with_hasher(hasher.clone()),
            unreported: VecDeque::new(),
        }
    }

    /// What is known of `address`.
    pub(super) fn slot(&self, address: u32) -> Option<&Slot> {
        self.slots.get(&address)
    }

    /// In which state `address` is.
    pub(super) fn standing(&self, address: u32) -> Standing {
        self.slot(address).map_or(Standing::Fresh, Slot::standing)
    }

    /// The current record of `client`.
    pub(super) fn lease_of(&self, client: &ClientKey) -> Option<&Arc<Lease>> {
        self.by_client.get(client)
    }

    /// Every record, in no order.
    pub(super) fn leases(&self) -> impl Iterator<Item = &Arc<Lease>> {
        self.slots.values().filter_map(Slot::lease)
    }

    /// The open offer to `client`.
    pub(super) fn offer_of(&self, client: &ClientKey) -> Option<&Arc<Offer>> {
        self.offers.get(client)
    }

    /// A free address of the pools at `positions`: one that nobody ever had, of the first pool
    /// that has one, or else the one that has been free longest.
    pub(super) fn free_address(&self, positions: &[usize]) -> Option<u32> {
        let pools = || positions.iter().filter_map(|position| self.pools.get(*position));
        pools()
            .find_map(PoolAddresses::first_fresh)
            .or_else(|| pools().filter_map(PoolAddresses::longest_free).min().map(|(_, a)| a))
    }

    /// Holds an address for a client, in place of an earlier offer to it. Whoever else had an
    /// offer of that address has none any more.
    pub(super) fn hold(&mut self, offer: Offer) {
        self.withdraw_offer_to(&offer.client);
        self.withdraw_offer_of(offer.address);
        let offer = Arc::new(offer);
        self.offers.put(Arc::clone(&offer));
        self.edit(offer.address, |slot| slot.offer = Some(offer));
    }

    /// Withdraws the open offer to `client`.
    pub(super) fn withdraw_offer_to(&mut self, client: &ClientKey) {
        if let Some(offer) = self.offers.remove_if(client, |_| true) {
            self.edit(offer.address, |slot| slot.offer = None);
        }
    }

    /// Withdraws the open offer of `address`.
    fn withdraw_offer_of(&mut self, address: u32) {
        if let Some(offer) = self.slot(address).and_then(Slot::offer).map(Arc::clone) {
            self.withdraw_offer_to(&offer.client);
        }
    }

    /// Puts a record in the place of what is known of its address.
    pub(super) fn enter(&mut self, now: Timestamp, lease: Arc<Lease>, precedence: Precedence) {
        let address = u32::from(lease.address);
        let holds = lease.state != LeaseState::Released && now < lease.expires_at;
        let slot = self.slots.get(&address);
        let offer = slot.and_then(Slot::offer).filter(|offer| {
            holds && (lease.state == LeaseState::Quarantined || offer.client != lease.client)
        });
        if offer.is_some() {
            self.withdraw_offer_of(address);
        }
        let is_same_client = self.lease_client(address) == Some(&lease.client);
        if !is_same_client {
            self.unlink(address);
        }
        let current = self.by_client.get(&lease.client).filter(|c| c.address != lease.address);
        let is_current = precedence == Precedence::Latest
            || current.is_none_or(|current| rank(current) < rank(&lease));
        let elsewhere = current.map(|current| u32::from(current.address));
        if is_current {
            self.by_client.put(Arc::clone(&lease));
        } else if let Some(elsewhere) = elsewhere {
            self.edit(elsewhere, |slot| slot.former = slot.former.or(Some(address)));
        }
        self.edit(address, |slot| {
            slot.lease = Some(lease);
            slot.lease_holds = holds;
            let former = slot.former.filter(|_| is_same_client);
            slot.former = elsewhere.filter(|_| is_current).or(former);
        });
    }

    /// Forgets the record of `address`, as if nobody ever had it.
    pub(super) fn forget(&mut self, address: u32) {
        self.unlink(address);
        self.edit(address, |slot| {
            slot.lease = None;
            slot.lease_holds = false;
            slot.former = None;
        });
    }

    /// Takes the record of `address` from its client, whose current one is now that of the address
    /// that it had before, if that is still its own.
    fn unlink(&mut self, address: u32) {
        let Some(slot) = self.slots.get(&address) else { return };
        let Some(lease) = slot.lease.as_ref() else { return };
        if self.by_client.remove_if(&lease.client, |found| found.address == lease.address).is_none()
        {
            return;
        }
        let former = slot.former.and_then(|former| self.slots.get(&former)?.lease.as_ref());
        if let Some(former) = former.filter(|former| former.client == lease.client) {
            self.by_client.put(Arc::clone(former));
        }
    }

    fn lease_client(&self, address: u32) -> Option<&ClientKey> {
        self.slot(address)?.lease().map(|lease| &lease.client)
    }

    /// Notices whether what holds `address` has ended.
    pub(super) fn notice(&mut self, now: Timestamp, address: u32) {
        if self.slot(address).is_some_and(|slot| slot.queued_for <= now) {
            self.end_what_has_ended(now, address);
        }
    }

    /// Notices what has ended, looking at no more than `limit` deadlines.
    pub(super) fn notice_due(&mut self, now: Timestamp, limit: usize) {
        for _ in 0..limit {
            let Some(address) = self.deadlines.take_due(now) else { return };
            if let Some(slot) = self.slots.get_mut(&address) {
                slot.queued_for = Timestamp::NEVER;
                self.end_what_has_ended(now, address);
                self.edit(address, |_| ());
            }
        }
    }

    fn end_what_has_ended(&mut self, now: Timestamp, address: u32) {
        let Some(slot) = self.slots.get(&address) else { return };
        let lapsed = slot.offer.as_ref().filter(|offer| offer.expires_at <= now).map(Arc::clone);
        let ended = slot
            .lease()
            .filter(|lease| slot.lease_holds && lease.expires_at <= now)
            .map(Arc::clone);
        if let Some(offer) = lapsed {
            self.withdraw_offer_to(&offer.client);
        }
        if let Some(lease) = ended {
            self.edit(address, |slot| slot.lease_holds = false);
            if lease.state == LeaseState::Leased {
                if self.unreported.len() >= UNREPORTED_MAX {
                    self.unreported.pop_front();
                }
                self.unreported.push_back(lease);
            }
        }
    }

    /// Takes out at most `limit` leases whose end was noticed, in the order of noticing.
    pub(super) fn take_unreported(&mut self, limit: usize) -> Vec<Arc<Lease>> {
        let count = limit.min(self.unreported.len());
        self.unreported.drain(..count).collect()
    }

    /// When to look for what has ended.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.unreported.front().map(|lease| lease.expires_at).or_else(|| self.deadlines.next())
    }

    /// How full the pools are, in order of configuration.
    pub(super) fn usage(&self) -> Vec<PoolUsage> {
        let pools = self.pools.iter().enumerate().filter_map(|(position, addresses)| {
            Some(PoolUsage {
                pool: Arc::clone(&self.plan.configured_pool(position)?.name),
                size: addresses.size(),
                leased: addresses.leased(),
                offered: addresses.offered(),
                quarantined: addresses.quarantined(),
            })
        });
        pools.collect()
    }

    /// Overrules whether the record of `address` holds it.
    pub(super) fn set_lease_holds(&mut self, address: u32, lease_holds: bool) {
        self.edit(address, |slot| slot.lease_holds = lease_holds);
    }

    /// Makes the free sets and counters of the pools anew, as the plan has them now.
    pub(super) fn lay_out_pools(&mut self) {
        self.pools = fresh_pools(&self.plan);
        for (address, slot) in &self.slots {
            if let Some(position) = self.plan.giving_pool_of(*address)
                && let Some(pool) = self.pools.get_mut(position)
            {
                pool.leave(*address, Standing::Fresh);
                pool.enter(*address, slot.standing());
            }
        }
    }

    fn edit(&mut self, address: u32, change: impl FnOnce(&mut Slot)) {
        let slot = self.slots.entry(address).or_insert(Slot::UNKNOWN);
        let before = slot.standing();
        change(slot);
        let after = slot.standing();
        let end = slot.end();
        self.deadlines.schedule(address, &mut slot.queued_for, end);
        if slot.lease.is_none() && slot.offer.is_none() {
            self.slots.remove(&address);
        }
        if before != after
            && let Some(position) = self.plan.giving_pool_of(address)
            && let Some(pool) = self.pools.get_mut(position)
        {
            pool.leave(address, before);
            pool.enter(address, after);
        }
    }
}

/// Since when the address of a record that does not hold it has been free.
fn free_since(lease: &Lease) -> Timestamp {
    match lease.state {
        LeaseState::Released => lease.changed_at,
        LeaseState::Leased | LeaseState::Quarantined => lease.expires_at,
    }
}

/// The current record of a client is the one of the highest rank: one that it did not decline, and
/// of those the one that changed last.
fn rank(lease: &Lease) -> impl Ord {
    (lease.state != LeaseState::Quarantined, lease.changed_at, lease.revision, lease.address)
}

fn fresh_pools(plan: &Plan) -> Vec<PoolAddresses> {
    let mut reserved = vec![Vec::new(); plan.pools().len()];
    for address in plan.reserved() {
        if let Some(list) = plan.pool_of(address).and_then(|position| reserved.get_mut(position)) {
            list.push(address);
        }
    }
    let pools = plan.pools().iter().zip(reserved);
    pools.map(|(pool, reserved)| PoolAddresses::new(pool.range, reserved)).collect()
}
