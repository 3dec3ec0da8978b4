//! DISCOVER: chooses an address and holds it for the client (RFC 2131 section 4.3.1).
//!
//! Does not change records: a flood of DISCOVERs reaches neither storage nor the records of former
//! owners. Invariant: an address is offered only if the client may have it, and if no other client
//! has an active lease or an open offer of it that does not give way.

use std::{mem, sync::Arc};

use crate::{
    AfterDataLoss, Origin, Reason, ReplyKind, Timestamp,
    ledger::{Contested, Standing},
};

use super::{
    Decision,
    decider::Decider,
    entitlement::{Entitlement, one_group},
    family::SlotView,
    obstacle::Obstacle,
    plan::address_of,
    witness::{Candidate, Rule, Witness},
};

/// How many ends a decision notices before it reports that no address is free.
pub(super) const DUE_IN_DECISION_MAX: usize = 64;

/// How many quarantined addresses of a pool a decision examines to find one that the client did not
/// decline itself.
pub(super) const LOOKED_AT_MAX: usize = 64;

/// A client that intends to accept an offer requests it within this time; an older offer can give
/// way to another client of the same link.
const RIPE_AFTER_SECS: u32 = 1;

impl<'e, 'r> Decider<'e, 'r> {
    /// Decides a DISCOVER.
    pub(super) fn discover<W: Witness>(&mut self, witness: &mut W) -> Decision {
        if let Err(reason) = self.make_room_for_offer() {
            if let Some(decision) = self.offer_without_address(Err(reason)) {
                return decision;
            }
            if W::LISTENS {
                let _ = self.choose(witness);
                witness.refuses(Obstacle::SubscriberLimit);
            }
            return self.silence(reason);
        }
        let chosen = self.choose(witness);
        if let Some(decision) = self.offer_without_address(chosen.map(|(address, _)| address)) {
            return decision;
        }
        match chosen {
            Ok((address, reason)) => {
                if !self.is_probed(address, reason) {
                    return self.silence(Reason::ProbePending);
                }
                let reason = self.reason_of_offer(address, reason);
                if let Some(decision) = self.rapid_commit(address, reason, witness) {
                    return decision;
                }
                let is_instead = self.is_instead_of_another(address);
                let reason = if is_instead { Reason::OfferedInsteadOfReserved } else { reason };
                self.hold_for_client(address);
                let lease_time = self.lease_time(address);
                let reply = Some(self.grant(ReplyKind::Offer, address, lease_time));
                Decision { reply, lease_time_rule: lease_time.rule, ..Decision::of(reason) }
            }
            Err(reason) => self.silence(reason),
        }
    }

    /// The address to offer, and the reason (the four bullets of RFC 2131 section 4.3.1).
    pub(super) fn choose(&mut self, witness: &mut impl Witness) -> Result<(u32, Reason), Reason> {
        let entitlement = self.entitlement(witness)?;
        match entitlement {
            Entitlement::Policy(address) => return Ok((address, Reason::OfferedByPolicy)),
            Entitlement::Reservation(address) => return Ok((address, Reason::OfferedReserved)),
            Entitlement::OpenPools | Entitlement::NamedPools(_) => {}
        }
        let known = self.remembered_address(entitlement, witness);
        if let Some(known) = known.or_else(|| self.requested_address(entitlement, witness)) {
            return Ok(known);
        }
        let found = |rule, reason| move |address: u32| (rule, address, reason);
        let (rule, address, reason) = self
            .free_address(entitlement, witness)
            .map(|address| (self.rule_of_free(address), address, Reason::OfferedFromPool))
            .or_else(|| {
                let oldest = self.address_that_gives_way(entitlement);
                oldest.map(found(Rule::Oldest, Reason::OfferedOldest))
            })
            .or_else(|| {
                let quarantined = self.quarantined_address(entitlement);
                quarantined.map(found(Rule::Quarantined, Reason::OfferedQuarantined))
            })
            .or_else(|| {
                let contested = self.contested_address(entitlement);
                contested.map(found(Rule::Contested, Reason::OfferedContested))
            })
            .ok_or_else(|| self.why_none(entitlement, witness))?;
        self.takes(witness, rule, address, None);
        Ok((address, reason))
    }

    /// The address that is offered to the client, that it has, or that it had before. If it may not
    /// have that one, an earlier one, for example when the client returns from a walled garden.
    fn remembered_address(
        &self,
        entitlement: Entitlement<'_>,
        witness: &mut impl Witness,
    ) -> Option<(u32, Reason)> {
        if let Some(address) = self.bindings.offer_of(&self.client.key).map(|offer| offer.resource)
            && self.takes(witness, Rule::Offered, address, self.obstacle(entitlement, address))
        {
            return Some((address, Reason::OfferedAgain));
        }
        let not_last = |address| (!self.had_leased(address)).then_some(Obstacle::NotLast);
        let mut records = self.bindings.records_of(self.client.on_record()).into_iter();
        let mut rule = Rule::Current;
        let address = records.find(|address| {
            let obstacle = self.obstacle(entitlement, *address).or_else(|| not_last(*address));
            self.takes(witness, mem::replace(&mut rule, Rule::Former), *address, obstacle)
        })?;
        let reason = match self.bindings.standing(address) {
            Standing::Leased => Reason::OfferedCurrent,
            _ => Reason::OfferedPrevious,
        };
        Some((address, reason))
    }

    fn requested_address(
        &self,
        entitlement: Entitlement<'_>,
        witness: &mut impl Witness,
    ) -> Option<(u32, Reason)> {
        let address = u32::from(self.request.requested_address?);
        let is_free = self.bindings.standing(address).is_free();
        let obstacle = self
            .obstacle(entitlement, address)
            .or_else(|| (!is_free).then_some(Obstacle::NotFree))
            .or_else(|| self.is_held_back(address).then_some(Obstacle::HeldBack));
        let is_given = self.takes(witness, Rule::Asked, address, obstacle);
        is_given.then_some((address, Reason::OfferedRequested))
    }

    /// A free address of the first pools that have one: see [`Decider::pools`].
    fn free_address(
        &mut self,
        entitlement: Entitlement<'_>,
        witness: &mut impl Witness,
    ) -> Option<u32> {
        let preference = witness.preference();
        let preferred = preference.address.map(u32::from).filter(|address| {
            self.bindings.standing(*address).is_free()
                && !self.is_held_back(*address)
                && self.obstacle(entitlement, *address).is_none()
        });
        if preferred.is_some() && !matches!(entitlement, Entitlement::NamedPools(_)) {
            return preferred;
        }
        if let Some(is_spoken_for) = preference.spoken_for.filter(|_| preferred.is_none()) {
            let held_back = |pool| self.is_pool_held_back(pool);
            let is_spoken_for = |address| is_spoken_for(address_of(address));
            let fresh = |pools: &[usize]| {
                self.bindings.fresh_in(&self.drained.others(pools), held_back, &is_spoken_for)
            };
            if let Some(address) = self.pools(entitlement).find_map(fresh) {
                return Some(address);
            }
        }
        let mut has_noticed = false;
        for (step, pools) in self.pools(entitlement).enumerate() {
            let is_here = |address: &u32| {
                self.plan.giving_pool_of(*address).is_some_and(|pool| pools.contains(&pool))
            };
            let mut found = preferred.filter(is_here).or_else(|| self.free_in(pools));
            if found.is_none() && !mem::replace(&mut has_noticed, true) {
                // Leases that ended make room before other pools are used.
                self.bindings.notice_due(self.now, DUE_IN_DECISION_MAX);
                found = self.free_in(pools);
            }
            if let Some(address) = found {
                self.passes_over(entitlement, step, address, witness);
                return found;
            }
        }
        None
    }

    /// Notifies the witness of the pools of the steps before `step`, which have no free address.
    fn passes_over<W: Witness>(
        &self,
        entitlement: Entitlement<'_>,
        step: usize,
        address: u32,
        witness: &mut W,
    ) {
        if !W::LISTENS {
            return;
        }
        let chosen = self.plan.giving_pool_of(address);
        let mut passed: Vec<usize> = Vec::new();
        for pool in self.pools(entitlement).take(step).flatten().copied() {
            if Some(pool) != chosen && !passed.contains(&pool) {
                passed.push(pool);
                witness.considers(|| self.none_in(pool, self.why_none_in(pool)));
            }
        }
    }

    /// Why `address`, which is free, is the one to take.
    fn rule_of_free(&self, address: u32) -> Rule {
        let pool = self.plan.giving_pool_of(address);
        let is_random = || pool.and_then(|pool| self.plan.start_in(pool, 0)).is_some();
        match self.bindings.standing(address) {
            Standing::Fresh if is_random() => Rule::Random,
            Standing::Fresh => Rule::Free,
            _ => Rule::LongestFree,
        }
    }

    /// Why a pool that was searched has no address for the client.
    fn why_none_in(&self, pool: usize) -> Obstacle {
        if self.drained.has(pool) {
            return Obstacle::PoolDrained;
        }
        let holds = self.is_pool_held_back(pool) && self.bindings.has_fresh(pool);
        if holds { Obstacle::HeldBack } else { Obstacle::PoolExhausted }
    }

    fn none_in(&self, pool: usize, obstacle: Obstacle) -> Candidate {
        let name = self.plan.configured_pool(pool).map(|pool| Arc::clone(&pool.name));
        Candidate::none_in(name, obstacle)
    }

    /// A free address of pools that are equal to each other.
    fn free_in(&self, pools: &[usize]) -> Option<u32> {
        let pools = self.drained.others(pools);
        let place = self.client.place();
        let start = |pool| self.plan.start_in(pool, place);
        let held_back = |pool| self.is_pool_held_back(pool);
        let is_wanted = |address| !self.has_declined_lately(address);
        self.bindings.free_in(&pools, &start, &held_back, &is_wanted)
    }

    /// The address that has been quarantined longest, unless this client declined it and would
    /// decline it again.
    fn quarantined_address(&self, entitlement: Entitlement<'_>) -> Option<u32> {
        let oldest = |pools: &[usize]| {
            let of_pool = |pool: &usize| {
                let listed = self.bindings.quarantines().of_pool(*pool).take(LOOKED_AT_MAX);
                listed.filter(|(_, address)| !self.has_declined_lately(*address)).min()
            };
            let pools = self.drained.others(pools);
            pools.iter().filter_map(of_pool).min().map(|(_, address)| address)
        };
        self.pools(entitlement).find_map(oldest)
    }

    /// The address of an open offer that gives way: see [`crate::ledger`].
    fn contested_address(&self, entitlement: Entitlement<'_>) -> Option<u32> {
        let origin = Arc::new(Origin::of(self.request));
        let ripe = self.ripe_until();
        let contested = |pools: &[usize]| {
            let (offers, pools) = (self.bindings.open_offers(), self.drained.others(pools));
            pools.iter().filter_map(|pool| offers.contested(*pool, &origin, ripe)).max()
        };
        let found = self.pools(entitlement).find_map(contested)?;
        let Contested { resource: address, .. } = found;
        (!self.has_declined_lately(address)).then_some(address)
    }

    /// The latest end of an offer that was made long enough ago for its client to have repeated its
    /// message or accepted the offer.
    pub(super) fn ripe_until(&self) -> Timestamp {
        let hold_secs = self.plan.network().offer_hold_secs;
        self.now.after_secs(hold_secs.saturating_sub(RIPE_AFTER_SECS))
    }

    /// The pools to take addresses from, those of each step being equal to each other. A step is
    /// tried when the pools before it are full. The steps are the pools that the terms name;
    /// otherwise those of the subnet that the client asked from, by preference, and then those of
    /// its whole network.
    fn pools<'p>(
        &self,
        entitlement: Entitlement<'p>,
    ) -> impl Iterator<Item = &'p [usize]> + use<'p, 'e, 'r>
    where
        'e: 'p,
    {
        let plan = self.plan;
        let (named, open) = match entitlement {
            Entitlement::NamedPools(groups) => (Some(groups), None),
            _ => (None, Some([plan.open_pools_of(self.subnet), plan.open_pools()])),
        };
        let open = open.into_iter().flatten().flat_map(|pools| plan.by_preference(pools));
        named.into_iter().flatten().filter(|pools| !pools.is_empty()).chain(open)
    }

    /// Why there is no address for the client in any of the pools that were searched.
    fn why_none(&self, entitlement: Entitlement<'_>, witness: &mut impl Witness) -> Reason {
        let groups = match entitlement {
            Entitlement::NamedPools(groups) => groups,
            _ => one_group(self.plan.open_pools()),
        };
        let pools = groups.into_iter().flatten();
        let mut reason = Reason::NoFreeAddress;
        for pool in pools {
            let obstacle = self.why_none_in(*pool);
            reason = match (obstacle, reason) {
                (Obstacle::HeldBack, _) => Reason::HeldAfterDataLoss,
                (Obstacle::PoolDrained, Reason::NoFreeAddress) => Reason::PoolDrained,
                (_, reason) => reason,
            };
            witness.considers(|| self.none_in(*pool, obstacle));
        }
        reason
    }

    /// Returns whether a client of which this server has no record may hold `address`.
    pub(super) fn is_held_back(&self, address: u32) -> bool {
        let subnet = self.plan.subnet_of(address);
        !self.is_known(address) && subnet.is_some_and(|subnet| self.is_subnet_held_back(subnet))
    }

    /// Returns whether a client may hold `address` by a lease of which the server lost the record.
    pub(super) fn may_have_been_leased(&self, address: u32) -> bool {
        let subnet = self.plan.subnet_of(address);
        !self.is_known(address) && subnet.is_some_and(|subnet| self.may_lack_records(subnet))
    }

    fn is_known(&self, address: u32) -> bool {
        self.bindings.slot(address).and_then(SlotView::record).is_some()
    }

    /// Returns whether such a client may hold the addresses of a pool that have no record.
    fn is_pool_held_back(&self, pool: usize) -> bool {
        self.plan.subnet_of_pool(pool).is_some_and(|subnet| self.is_subnet_held_back(subnet))
    }

    fn is_subnet_held_back(&self, subnet: usize) -> bool {
        self.plan.network().after_data_loss == AfterDataLoss::Hold && self.may_lack_records(subnet)
    }

    /// Returns whether leases of a subnet may be active that the server has no record of.
    fn may_lack_records(&self, subnet: usize) -> bool {
        let Some(since) = self.no_records_since else { return false };
        let longest_secs = self.plan.longest_lease_secs().nth(subnet);
        let shared_secs = self.shared.longest_lease_secs();
        let end = |secs: u32| since.after_secs(secs.max(shared_secs));
        longest_secs.is_some_and(|secs| self.now < end(secs))
    }
}
