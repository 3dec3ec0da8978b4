//! Bindings: who holds which address, in memory.
//!
//! Records of leases by address and by client, open offers, changes on their way to storage, the free
//! sets of the pools, the accounts of subscribers and the deadlines, kept in step by passing every
//! change of an address through one function. Decides nothing. Invariants: an address has one record
//! and at most one offer or change in flight; a client has at most one offer; an address that is not
//! held is free, and one is held while a change of it is in flight; whatever a record says of time
//! counts only until its end was noticed ([`Bindings::notice`]), which happens while nothing is in
//! flight.

use std::{cmp::Reverse, collections::VecDeque, net::Ipv4Addr, sync::Arc};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::{ClientKey, Lease, LeaseState, Origin, OwnAddresses, PoolUsage, Timestamp};

use super::{
    addresses::{PoolAddresses, Standing},
    clients::Clients,
    deadlines::Deadlines,
    open_offers::{Held, OpenOffers},
    plan::{Plan, address_of},
    quarantines::{self, Quarantines},
    slot::{Claim, Offer, Slot},
    slots::Slots,
    subscribers::{Account, Subscribers},
};

/// Leases whose end was noticed by a decision wait for [`super::Engine::reclaim`] to report them;
/// beyond this many the oldest are forgotten.
pub(super) const UNREPORTED_MAX: usize = 65_536;

/// How many of the addresses that have been free longest are looked at for one that the client did
/// not decline lately. What it declined went to the end of the queue, so this many in a row means
/// that it declined nearly all that is free.
pub(super) const RETURNED_LOOKED_AT_MAX: usize = 16;

/// How many records of one client are found by its key: its leases, and the addresses that it had last.
/// A client that moves on leaves a record behind wherever it was, until another client gets the address.
pub(super) const RECORDS_OF_CLIENT_MAX: usize = 4;

/// How many offers are withdrawn for one at most. More can exceed the bound only after it was
/// lowered.
pub(super) const WITHDRAWN_FOR_ONE_MAX: usize = 4;

/// When a deadline is looked at again that came while a change of its address is in flight.
const IN_FLIGHT_RETRY_SECS: u32 = 1;

/// Who holds which address of one network.
#[derive(Clone, Debug)]
pub(super) struct Bindings {
    pub(super) plan: Arc<Plan>,
    pub(super) slots: Slots,
    pub(super) clients: Clients,
    pub(super) subscribers: Subscribers,
    pub(super) quarantines: Quarantines,
    pub(super) open_offers: OpenOffers,
    pub(super) pools: Vec<PoolAddresses>,
    pub(super) deadlines: Deadlines,
    pub(super) unreported: VecDeque<Arc<Lease>>,
    /// When the network was taken into service without a record, if it was.
    pub(super) no_records_since: Option<Timestamp>,
    /// The server's own addresses; pools give them to nobody.
    pub(super) own: OwnAddresses,
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
            clients: Clients::new(hasher),
            subscribers: Subscribers::new(hasher),
            deadlines: Deadlines::default(),
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

    /// The current record of `client`: see [`rank`].
    pub(super) fn lease_of(&self, client: &ClientKey) -> Option<&Arc<Lease>> {
        let slots = self.slots_of(client).filter(|slot| is_record_of(slot, client));
        slots.max_by_key(|slot| rank(slot))?.lease()
    }

    /// Where `client` has or had a lease, the current one first.
    pub(super) fn records_of(&self, client: &ClientKey) -> SmallVec<[u32; RECORDS_OF_CLIENT_MAX]> {
        let slots = self.slots_of(client).filter(|slot| is_record_of(slot, client));
        let mut slots: SmallVec<[&Slot; RECORDS_OF_CLIENT_MAX]> = slots.collect();
        slots.sort_unstable_by_key(|slot| Reverse(rank(slot)));
        let leases = slots.into_iter().filter_map(Slot::lease);
        leases.map(|lease| u32::from(lease.address)).collect()
    }

    /// Every record, in order of address.
    pub(super) fn leases(&self) -> impl Iterator<Item = &Arc<Lease>> {
        self.slots.iter().filter_map(|(_, slot)| slot.lease())
    }

    /// The open offer to `client`.
    pub(super) fn offer_of(&self, client: &ClientKey) -> Option<&Arc<Offer>> {
        self.slots_of(client).filter_map(Slot::offer).find(|offer| offer.client == *client)
    }

    /// The first address of `client` of which a change is in flight.
    pub(super) fn flight_of(&self, client: &ClientKey) -> Option<u32> {
        let is_in_flight = |address: &u32| {
            let slot = self.slot(*address).filter(|slot| slot.flight().is_some());
            slot.is_some_and(|slot| slot.clients().contains(&Some(client)))
        };
        self.clients.addresses(client).filter(is_in_flight).min()
    }

    fn slots_of(&self, client: &ClientKey) -> impl Iterator<Item = &Slot> {
        self.clients.addresses(client).filter_map(|address| self.slot(address))
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
        self.edit(offer.address, |slot| {
            debug_assert!(slot.flight().is_none(), "an address in flight is offered to nobody");
            slot.claim = Claim::Offer(Arc::new(offer));
        });
    }

    /// Withdraws the open offer to `client`.
    pub(super) fn withdraw_offer_to(&mut self, client: &ClientKey) {
        if let Some(address) = self.offer_of(client).map(|offer| offer.address) {
            self.withdraw_offer_of(address);
        }
    }

    /// Withdraws the open offer to `client`, unless it is that of `address`.
    pub(super) fn withdraw_other_offer_to(&mut self, client: &ClientKey, address: u32) {
        let offered = self.offer_of(client).map(|offer| offer.address);
        if let Some(other) = offered.filter(|offered| *offered != address) {
            self.withdraw_offer_of(other);
        }
    }

    /// Withdraws the open offer of `address`.
    pub(super) fn withdraw_offer_of(&mut self, address: u32) {
        if self.slot(address).is_some_and(|slot| slot.offer().is_some()) {
            self.edit(address, |slot| slot.claim = Claim::None);
        }
    }

    /// Withdraws the oldest offers to the line of `origin`, but not that of `kept`, if the line has more
    /// in the pool of `address` than it may have.
    pub(super) fn hold_to_offers_max(
        &mut self,
        address: u32,
        origin: &Arc<Origin>,
        kept: Option<u32>,
    ) {
        let Some(pool) = self.plan.giving_pool_of(address) else { return };
        let max = self.plan.network().bounds.offers_max.of(origin);
        for _ in 0..WITHDRAWN_FOR_ONE_MAX {
            match self.open_offers.beyond(pool, origin, max, kept) {
                Some(address) => self.withdraw_offer_of(address),
                None => return,
            }
        }
    }

    /// Forgets what is known of `address`, as if nobody ever had it.
    pub(super) fn forget(&mut self, address: u32) {
        self.edit(address, |slot| {
            slot.lease = None;
            slot.lease_holds = false;
            slot.claim = Claim::None;
        });
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
        let ended: SmallVec<[u32; 4]> = self.quarantines.ended(account, now).collect();
        for address in ended {
            self.end_what_has_ended(now, address);
        }
    }

    /// Notices what has ended, looking at no more than `limit` deadlines.
    pub(super) fn notice_due(&mut self, now: Timestamp, limit: usize) {
        for _ in 0..limit {
            let Some(address) = self.deadlines.take_due(now) else { return };
            let deadlines = &mut self.deadlines;
            self.slots.change(address, |slot| {
                slot.queued_for = Timestamp::NEVER;
                if slot.flight().is_some() {
                    let again = now.after_secs(IN_FLIGHT_RETRY_SECS);
                    deadlines.schedule(address, &mut slot.queued_for, again);
                }
            });
            self.end_what_has_ended(now, address);
            self.edit(address, |_| ());
        }
    }

    fn end_what_has_ended(&mut self, now: Timestamp, address: u32) {
        let Some(slot) = self.slots.get(address).filter(|slot| slot.flight().is_none()) else {
            return;
        };
        let has_lapsed = slot.offer().is_some_and(|offer| offer.expires_at <= now);
        let ended = slot
            .lease()
            .filter(|lease| slot.lease_holds && lease.expires_at <= now)
            .map(Arc::clone);
        if has_lapsed {
            self.withdraw_offer_of(address);
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

    /// The one way to change a slot: keeps the lists of clients, free sets, counters, accounts and
    /// deadlines in step with it.
    pub(super) fn edit(&mut self, address: u32, change: impl FnOnce(&mut Slot)) {
        let position = self.giving_pool_of(address);
        let Self {
            slots, clients, deadlines, pools, subscribers, quarantines, open_offers, ..
        } = self;
        let mut client_of_record = None;
        slots.change(address, |slot| {
            let before = Seen::of(slot);
            let entries_before = slot.entries();
            let concerned = Concerned::of(slot);
            change(slot);
            let (after, end) = (Seen::of(slot), slot.end());
            client_of_record = concerned.relist(address, slot, clients);
            subscribers.relist(address, &entries_before, &slot.entries());
            match slot.flight() {
                // Its deadline may be the one at which it is looked at again.
                Some(_) if end <= slot.queued_for && slot.queued_for != Timestamp::NEVER => {}
                _ => deadlines.schedule(address, &mut slot.queued_for, end),
            }
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
        if let Some(record) = client_of_record {
            self.drop_old_records(&record.client);
        }
    }

    /// Drops the records of the lowest ranks from the list of a client that has too many.
    fn drop_old_records(&mut self, client: &ClientKey) {
        let is_claimed = |address: &u32| {
            self.slot(*address).is_some_and(|slot| slot.clients() == [Some(client); 2])
        };
        let records = self.records_of(client).into_iter().skip(RECORDS_OF_CLIENT_MAX);
        let dropped: SmallVec<[u32; 1]> = records.filter(|address| !is_claimed(address)).collect();
        dropped.into_iter().for_each(|address| self.clients.remove(client, address));
    }
}

/// The record and the claim of a slot, for whose clients its address is listed.
struct Concerned {
    lease: Option<Arc<Lease>>,
    claimant: Claimant,
}

/// What has the key of the client that a claim is for.
enum Claimant {
    None,
    Offer(Arc<Offer>),
    Change(Arc<Lease>),
}

impl Concerned {
    fn of(slot: &Slot) -> Self {
        let claimant = match &slot.claim {
            Claim::None => Claimant::None,
            Claim::Offer(offer) => Claimant::Offer(Arc::clone(offer)),
            Claim::Flight(flight) => Claimant::Change(Arc::clone(&flight.change.lease)),
        };
        Self { lease: slot.lease().map(Arc::clone), claimant }
    }

    fn clients(&self) -> [Option<&ClientKey>; 2] {
        let claimant = match &self.claimant {
            Claimant::None => None,
            Claimant::Offer(offer) => Some(&offer.client),
            Claimant::Change(lease) => Some(&lease.client),
        };
        [self.lease.as_ref().map(|lease| &lease.client), claimant]
    }

    /// Lists an address for the clients that its slot concerns by now. Returns the record if its client
    /// may have too many now: it is another one, or no claim of the client lists it any more.
    fn relist(&self, address: u32, slot: &Slot, clients: &mut Clients) -> Option<Arc<Lease>> {
        let (before, after) = (self.clients(), slot.clients());
        let gone = before.into_iter().flatten().filter(|client| !after.contains(&Some(*client)));
        gone.for_each(|client| clients.remove(client, address));
        let new = slot
            .lease()
            .filter(|lease| self.lease.as_ref().is_none_or(|former| !Arc::ptr_eq(former, lease)));
        // A record that was dropped from the list is the client's current one again.
        if let Some(record) = new {
            clients.insert(&record.client, address);
        }
        let [client, claimant] = after;
        if let Some(claimant) = claimant.filter(|_| !self.claimant.is_of(&slot.claim)) {
            clients.insert(claimant, address);
        }
        let [_, former_claimant] = before;
        let is_unclaimed = client.is_some() && former_claimant == client && claimant != client;
        new.or_else(|| slot.lease().filter(|_| is_unclaimed)).cloned()
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
        let quarantine = slot.counted_quarantine().map(Arc::clone);
        let (standing, held) = (slot.standing(), slot.held());
        Self { standing, quarantine, listed: listed_quarantine(slot), held }
    }
}

/// When an address was declined that is set aside and not offered.
fn listed_quarantine(slot: &Slot) -> Option<Timestamp> {
    let record = slot.quarantine().filter(|_| slot.standing() == Standing::Quarantined);
    record.map(|record| record.changed_at)
}

impl Claimant {
    /// Whether it was taken from this claim.
    fn is_of(&self, claim: &Claim) -> bool {
        match (self, claim) {
            (Self::None, Claim::None) => true,
            (Self::Offer(known), Claim::Offer(offer)) => Arc::ptr_eq(known, offer),
            (Self::Change(known), Claim::Flight(flight)) => {
                Arc::ptr_eq(known, &flight.change.lease)
            }
            _ => false,
        }
    }
}

/// Whether the record of a slot is that of a client.
fn is_record_of(slot: &Slot, client: &ClientKey) -> bool {
    slot.lease().is_some_and(|lease| lease.client == *client)
}

/// The current record of a client is the one of the highest rank: its lease, else of those that it did
/// not decline the one that changed last. If a decision moved it, the address that it moved to.
fn rank(slot: &Slot) -> impl Ord + use<> {
    slot.lease().map(|lease| {
        let is_leased = lease.state == LeaseState::Leased;
        let is_declined = lease.state == LeaseState::Quarantined;
        let holds = slot.active_lease().is_some();
        (holds, !is_declined, lease.changed_at, is_leased, lease.revision, lease.address)
    })
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
