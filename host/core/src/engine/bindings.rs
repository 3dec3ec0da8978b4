//! Bindings: who holds which address, in memory.
//!
//! Records of leases by address and by client, open offers, the free sets of the pools, the
//! accounts of subscribers and the deadlines, kept in step by passing every change of an address
//! through one function. Decides nothing. Invariants: an address has one record and at most one
//! offer; a client has at most one offer and one current record; who is not held is free; whatever
//! a record says of time counts only until its end was noticed ([`Bindings::notice`]).

use std::{collections::VecDeque, net::Ipv4Addr, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::{ClientKey, Lease, LeaseState, OwnAddresses, PoolUsage, Timestamp};

use super::{
    addresses::{PoolAddresses, Standing},
    deadlines::Deadlines,
    open_offers::{Held, OpenOffers},
    plan::{Plan, address_of},
    quarantines::{self, Quarantines},
    settle::Unsettled,
    slot::{Offer, Slot},
    slots::Slots,
    subscribers::{Account, Subscribers},
    table::Table,
};

/// Leases whose end was noticed by a decision wait for [`super::Engine::reclaim`] to report them;
/// beyond this many the oldest are forgotten.
pub(super) const UNREPORTED_MAX: usize = 65_536;

/// How many of the addresses that have been free longest are looked at for one that the client did
/// not decline lately. What it declined went to the end of the queue, so this many in a row means
/// that it declined nearly all that is free.
pub(super) const RETURNED_LOOKED_AT_MAX: usize = 16;

/// Who holds which address of one network.
#[derive(Debug)]
pub(super) struct Bindings {
    pub(super) plan: Arc<Plan>,
    pub(super) slots: Slots,
    pub(super) by_client: Table<Arc<Lease>>,
    pub(super) offers: Table<Arc<Offer>>,
    pub(super) subscribers: Subscribers,
    pub(super) quarantines: Quarantines,
    pub(super) open_offers: OpenOffers,
    pub(super) pools: Vec<PoolAddresses>,
    pub(super) deadlines: Deadlines,
    pub(super) unsettled: HashMap<u32, Unsettled, FixedState>,
    /// The highest revision of a change that was not made. Another change that bore it could pass
    /// for the one that an orphan was built on.
    pub(super) given_up_revision: u64,
    pub(super) unreported: VecDeque<Arc<Lease>>,
    /// When the network was taken into service without a record, if it was.
    pub(super) no_records_since: Option<Timestamp>,
    /// The server's own addresses; pools give them to nobody.
    pub(super) own: OwnAddresses,
}

/// Which of two records of one client is its current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precedence {
    /// This one.
    Latest,
    /// The one that changed last.
    ByTime,
    /// The one that is it already.
    Aside,
}

impl Bindings {
    /// Nothing is held, nothing is known.
    pub(super) fn new(plan: Arc<Plan>, hasher: &FixedState) -> Self {
        Self {
            pools: fresh_pools(&plan),
            quarantines: Quarantines::new(plan.pools().len(), hasher),
            open_offers: OpenOffers::new(plan.pools().len(), hasher),
            plan,
            slots: Slots::new(hasher),
            by_client: Table::new(hasher),
            offers: Table::new(hasher),
            subscribers: Subscribers::new(hasher),
            deadlines: Deadlines::default(),
            unsettled: HashMap::with_hasher(hasher.clone()),
            given_up_revision: 0,
            unreported: VecDeque::new(),
            no_records_since: None,
            own: OwnAddresses::default(),
        }
    }

    /// What is known of `address`.
    pub(super) fn slot(&self, address: u32) -> Option<&Slot> {
        self.slots.get(address)
    }

    /// In which state `address` is.
    pub(super) fn standing(&self, address: u32) -> Standing {
        self.slot(address).map_or(Standing::Fresh, Slot::standing)
    }

    /// The current record of `client`.
    pub(super) fn lease_of(&self, client: &ClientKey) -> Option<&Arc<Lease>> {
        self.by_client.get(client)
    }

    /// Every record, in order of address.
    pub(super) fn leases(&self) -> impl Iterator<Item = &Arc<Lease>> {
        self.slots.iter().filter_map(|(_, slot)| slot.lease())
    }

    /// The open offer to `client`.
    pub(super) fn offer_of(&self, client: &ClientKey) -> Option<&Arc<Offer>> {
        self.offers.get(client)
    }

    /// What is held on the account of a subscriber, if anything is.
    pub(super) fn account(&self, subscriber: &str) -> Option<&Account> {
        self.subscribers.account(subscriber)
    }

    /// A free address of the pools at `positions`: one that nobody ever had, of the first pool
    /// that has one and is not held back, or else the one that has been free longest. Of the latter
    /// only those that are wanted, among the first few of each pool.
    pub(super) fn free_address(
        &self,
        positions: &[usize],
        is_held_back: &dyn Fn(usize) -> bool,
        is_wanted: &dyn Fn(u32) -> bool,
    ) -> Option<u32> {
        let pools = || positions.iter().filter_map(|position| self.pools.get(*position));
        let longest_free = |pool: &PoolAddresses| {
            pool.returned().take(RETURNED_LOOKED_AT_MAX).find(|(_, address)| is_wanted(*address))
        };
        let fresh = positions.iter().filter(|position| !is_held_back(**position));
        let mut fresh = fresh.filter_map(|position| self.pools.get(*position));
        fresh
            .find_map(PoolAddresses::first_fresh)
            .or_else(|| pools().filter_map(longest_free).min().map(|(_, address)| address))
    }

    /// Whether the pool at `position` has an address that nobody ever had.
    pub(super) fn has_fresh_address(&self, position: usize) -> bool {
        self.pools.get(position).is_some_and(|pool| pool.first_fresh().is_some())
    }

    /// An address of the pools at `positions` that nobody ever had and nobody has spoken for.
    pub(super) fn fresh_address(
        &self,
        positions: &[usize],
        is_held_back: impl Fn(usize) -> bool,
        is_spoken_for: &dyn Fn(Ipv4Addr) -> bool,
    ) -> Option<u32> {
        let given = positions.iter().filter(|position| !is_held_back(**position));
        let mut pools = given.filter_map(|position| self.pools.get(*position));
        pools.find_map(|pool| pool.fresh().find(|address| !is_spoken_for(address_of(*address))))
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
    pub(super) fn withdraw_offer_of(&mut self, address: u32) {
        if let Some(offer) = self.slot(address).and_then(Slot::offer).map(Arc::clone) {
            self.withdraw_offer_to(&offer.client);
        }
    }

    /// Puts a record in the place of what is known of its address.
    pub(super) fn enter(&mut self, now: Timestamp, lease: Arc<Lease>, precedence: Precedence) {
        let address = u32::from(lease.address);
        let holds = lease.state != LeaseState::Released && now < lease.expires_at;
        let slot = self.slots.get(address);
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
        let is_current = match precedence {
            Precedence::Latest => true,
            Precedence::ByTime => current.is_none_or(|current| rank(current) < rank(&lease)),
            Precedence::Aside => current.is_none(),
        };
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
        let Some(slot) = self.slots.get(address) else { return };
        let Some(lease) = slot.lease.as_ref() else { return };
        if self.by_client.remove_if(&lease.client, |found| found.address == lease.address).is_none()
        {
            return;
        }
        let former = slot.former.and_then(|former| self.slots.get(former)?.lease.as_ref());
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

    /// Notices whatever has ended on the account of a subscriber.
    pub(super) fn notice_account(&mut self, now: Timestamp, subscriber: &str) {
        while let Some(address) = self.account(subscriber).and_then(|found| found.ended(now)) {
            self.end_what_has_ended(now, address);
        }
    }

    /// Notices whatever quarantine has ended on an account.
    pub(super) fn notice_quarantines(&mut self, now: Timestamp, account: &quarantines::Account) {
        for _ in 0..self.quarantines.count(account) {
            let Some(address) = self.quarantines.ended(account, now) else { return };
            self.end_what_has_ended(now, address);
        }
    }

    /// Notices what has ended, looking at no more than `limit` deadlines.
    pub(super) fn notice_due(&mut self, now: Timestamp, limit: usize) {
        for _ in 0..limit {
            let Some(address) = self.deadlines.take_due(now) else { return };
            self.slots.change(address, |slot| slot.queued_for = Timestamp::NEVER);
            self.end_what_has_ended(now, address);
            self.edit(address, |_| ());
        }
    }

    fn end_what_has_ended(&mut self, now: Timestamp, address: u32) {
        let Some(slot) = self.slots.get(address) else { return };
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
            self.note_leaving(address);
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

    /// Whether `address` is one of the server's own.
    pub(super) fn is_own(&self, address: u32) -> bool {
        self.own.contains(address_of(address))
    }

    /// The position of the pool that may give `address` to anybody; none if it is the server's own.
    fn giving_pool_of(&self, address: u32) -> Option<usize> {
        self.plan.giving_pool_of(address).filter(|_| !self.is_own(address))
    }

    /// The server has these addresses from now on. Takes time by how many it has.
    pub(super) fn set_own(&mut self, own: OwnAddresses) {
        let former = std::mem::replace(&mut self.own, own.clone());
        for address in former.iter().filter(|address| !own.contains(*address)) {
            self.list_in_pool(u32::from(address));
        }
        for address in own.iter().filter(|address| !former.contains(*address)) {
            self.unlist_in_pool(u32::from(address));
        }
    }

    /// Takes an address out of the lists of its pool, whichever client has it.
    fn unlist_in_pool(&mut self, address: u32) {
        let Some(position) = self.plan.giving_pool_of(address) else { return };
        let seen = self.slots.get(address).map(Seen::of);
        if let Some(pool) = self.pools.get_mut(position) {
            pool.withhold(address, seen.as_ref().map_or(Standing::Fresh, |seen| seen.standing));
        }
        let Some(Seen { listed, held, .. }) = seen else { return };
        if let Some(declined_at) = listed {
            self.quarantines.unlist(position, declined_at, address);
        }
        if let Some(held) = held {
            self.open_offers.close(position, address, &held);
        }
    }

    /// Puts an address that was taken out back on the lists of its pool.
    fn list_in_pool(&mut self, address: u32) {
        let Some(position) = self.plan.giving_pool_of(address) else { return };
        let seen = self.slots.get(address).map(Seen::of);
        if let Some(pool) = self.pools.get_mut(position) {
            pool.give_again(address, seen.as_ref().map_or(Standing::Fresh, |seen| seen.standing));
        }
        let Some(Seen { listed, held, .. }) = seen else { return };
        if let Some(declined_at) = listed {
            self.quarantines.list(position, declined_at, address);
        }
        if let Some(held) = held {
            self.open_offers.open(position, address, &held);
        }
    }

    /// Rebuilds the free sets and counters of the pools from the current plan.
    pub(super) fn lay_out_pools(&mut self) {
        self.pools = fresh_pools(&self.plan);
        self.quarantines.lay_out(self.pools.len());
        self.open_offers.lay_out(self.pools.len());
        for (address, slot) in self.slots.iter() {
            if let Some(position) = self.plan.giving_pool_of(address)
                && let Some(pool) = self.pools.get_mut(position)
            {
                pool.leave(address, Standing::Fresh);
                pool.enter(address, slot.standing());
                if let Some(declined_at) = listed_quarantine(slot) {
                    self.quarantines.list(position, declined_at, address);
                }
                if let Some(held) = slot.held() {
                    self.open_offers.open(position, address, &held);
                }
            }
        }
        for address in self.own.clone().iter() {
            self.unlist_in_pool(u32::from(address));
        }
    }

    /// The one way to change a slot: keeps free sets, counters, accounts and deadlines in step with
    /// it.
    fn edit(&mut self, address: u32, change: impl FnOnce(&mut Slot)) {
        let position = self.giving_pool_of(address);
        let Self { slots, deadlines, pools, subscribers, quarantines, open_offers, .. } = self;
        slots.change(address, |slot| {
            let before = Seen::of(slot);
            let entries_before = slot.entries();
            change(slot);
            let (after, end) = (Seen::of(slot), slot.end());
            subscribers.relist(address, &entries_before, &slot.entries());
            deadlines.schedule(address, &mut slot.queued_for, end);
            if before == after {
                return;
            }
            if before.quarantine != after.quarantine {
                before.quarantine.iter().for_each(|record| quarantines.end(record));
                after.quarantine.iter().for_each(|record| quarantines.begin(record));
            }
            let Some(position) = position else { return };
            if let Some(declined_at) = before.listed {
                quarantines.unlist(position, declined_at, address);
            }
            if let Some(declined_at) = after.listed {
                quarantines.list(position, declined_at, address);
            }
            if before.held != after.held {
                before.held.iter().for_each(|held| open_offers.close(position, address, held));
                after.held.iter().for_each(|held| open_offers.open(position, address, held));
            }
            if let Some(pool) = pools.get_mut(position) {
                pool.leave(address, before.standing);
                pool.enter(address, after.standing);
            }
        });
    }
}

/// What of a slot other parts keep in step with.
#[derive(PartialEq, Eq)]
struct Seen {
    standing: Standing,
    quarantine: Option<Arc<Lease>>,
    listed: Option<Timestamp>,
    held: Option<Held>,
}

impl Seen {
    fn of(slot: &Slot) -> Self {
        let quarantine = slot.quarantine().map(Arc::clone);
        let (standing, held) = (slot.standing(), slot.held());
        Self { standing, quarantine, listed: listed_quarantine(slot), held }
    }
}

/// When an address was declined that is set aside and not offered.
fn listed_quarantine(slot: &Slot) -> Option<Timestamp> {
    let record = slot.quarantine().filter(|_| slot.offer().is_none());
    record.map(|record| record.changed_at)
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

#[cfg(test)]
mod tests;
