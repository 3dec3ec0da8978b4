//! DISCOVER: chooses an address and holds it for the client (RFC 2131 section 4.3.1).
//!
//! Does not change records: a flood of DISCOVERs reaches neither storage nor the records of former
//! owners. Invariant: an address is offered only if the client may have it, and if no other client
//! has an active lease or an open offer of it that does not give way.

use std::{mem, sync::Arc};

use crate::{
    AfterDataLoss, Origin, Reason, ReplyKind,
    ledger::{Contested, Standing},
};

use super::{
    Decision, Preference,
    decider::Decider,
    entitlement::{Entitlement, PoolGroups},
    family::{Offer, View},
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

impl Decider<'_, '_> {
    /// Decides a DISCOVER.
    pub(super) fn discover<W: Witness>(&mut self, witness: &mut W) -> Decision {
        if let Err(reason) = self.make_room_for_offer() {
            if W::LISTENS {
                let _ = self.choose(witness);
                witness.refuses(Obstacle::SubscriberLimit);
            }
            return self.silence(reason);
        }
        match self.choose(witness) {
            Ok((address, reason)) => {
                let is_instead = self.is_instead_of_another(address);
                let reason = if is_instead { Reason::OfferedInsteadOfReserved } else { reason };
                let expires_at = self.now.after_secs(self.plan.network().offer_hold_secs);
                let source = Arc::new(Origin::of(self.request));
                let offer = Offer {
                    resource: address,
                    holder: self.client.key.holder().clone(),
                    subscriber: self.subscriber.as_ref().map(|limit| Arc::clone(&limit.name)),
                    source: Arc::clone(&source),
                    expires_at,
                };
                self.bindings.hold_for(&self.client.key, offer);
                self.bindings.hold_to_offers_max(address, &source, Some(address));
                let reply = Some(self.grant(ReplyKind::Offer, address));
                Decision { reply, ..Decision::of(reason) }
            }
            Err(reason) => self.silence(reason),
        }
    }

    /// The address to offer, and the reason (the four bullets of RFC 2131 section 4.3.1).
    fn choose(&mut self, witness: &mut impl Witness) -> Result<(u32, Reason), Reason> {
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
            .map(found(Rule::Free, Reason::OfferedFromPool))
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
        self.passes_over(entitlement, address, witness);
        self.takes(witness, rule, address, None);
        Ok((address, reason))
    }

    /// Notifies the witness of the pools that a policy prefers to that of `address`.
    fn passes_over(&self, entitlement: Entitlement<'_>, address: u32, witness: &mut impl Witness) {
        let Entitlement::NamedPools(groups) = entitlement else { return };
        let chosen = self.plan.giving_pool_of(address);
        let is_before = |pools: &&[usize]| !chosen.is_some_and(|chosen| pools.contains(&chosen));
        for pool in groups.into_iter().take_while(is_before).flatten() {
            witness.considers(|| self.nothing_in(*pool, false));
        }
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

    /// A free address of the pools that a policy names, in its order; otherwise one of the subnet that
    /// the client asked from, or of the other subnets of its network.
    fn free_address(
        &mut self,
        entitlement: Entitlement<'_>,
        witness: &impl Witness,
    ) -> Option<u32> {
        let (plan, subnet, preference) = (self.plan, self.subnet, witness.preference());
        let mut is_noticed = false;
        // A pool whose leases have ended is not full, even if their ends were not noticed yet.
        let mut find = |choices: &[&[usize]]| {
            self.free_address_of(entitlement, choices, preference).or_else(|| {
                if mem::replace(&mut is_noticed, true) {
                    return None;
                }
                self.bindings.notice_due(self.now, DUE_IN_DECISION_MAX);
                self.free_address_of(entitlement, choices, preference)
            })
        };
        match entitlement {
            Entitlement::NamedPools(groups) => groups.into_iter().find_map(|pools| find(&[pools])),
            _ => find(&[plan.open_pools_of(subnet), plan.open_pools()]),
        }
    }

    /// A free address of these pools, of the first group that has one.
    fn free_address_of(
        &self,
        entitlement: Entitlement<'_>,
        choices: &[&[usize]],
        preference: Preference<'_>,
    ) -> Option<u32> {
        let is_among = |address| {
            let pool = self.plan.giving_pool_of(address);
            pool.is_some_and(|pool| choices.iter().any(|pools| pools.contains(&pool)))
        };
        let preferred = preference.address.map(u32::from).filter(|address| {
            self.bindings.standing(*address).is_free()
                && is_among(*address)
                && !self.is_held_back(*address)
                && self.obstacle(entitlement, *address).is_none()
        });
        if preferred.is_some() {
            return preferred;
        }
        let mut choices = choices.iter().copied();
        if let Some(is_spoken_for) = preference.spoken_for {
            let held_back = |pool| self.is_pool_held_back(pool);
            let is_spoken_for = |address| is_spoken_for(address_of(address));
            let fresh = |pools| self.bindings.fresh_in(pools, held_back, &is_spoken_for);
            if let Some(address) = choices.clone().find_map(fresh) {
                return Some(address);
            }
        }
        let is_wanted = |address| !self.has_declined_lately(address);
        let held_back = |pool| self.is_pool_held_back(pool);
        choices.find_map(|pools| self.bindings.free_in(pools, &held_back, &is_wanted))
    }

    /// The address that has been quarantined longest, unless this client declined it and would
    /// decline it again.
    fn quarantined_address(&self, entitlement: Entitlement<'_>) -> Option<u32> {
        let oldest = |pools: &[usize]| {
            let of_pool = |pool: &usize| {
                let listed = self.bindings.quarantines().of_pool(*pool).take(LOOKED_AT_MAX);
                listed.filter(|(_, address)| !self.has_declined_lately(*address)).min()
            };
            pools.iter().filter_map(of_pool).min().map(|(_, address)| address)
        };
        self.pool_choices(entitlement).into_iter().find_map(oldest)
    }

    /// The address of an open offer that gives way: see [`crate::ledger`].
    fn contested_address(&self, entitlement: Entitlement<'_>) -> Option<u32> {
        let origin = Arc::new(Origin::of(self.request));
        let hold_secs = self.plan.network().offer_hold_secs;
        let ripe = self.now.after_secs(hold_secs.saturating_sub(RIPE_AFTER_SECS));
        let contested = |pools: &[usize]| {
            let offers = self.bindings.open_offers();
            pools.iter().filter_map(|pool| offers.contested(*pool, &origin, ripe)).max()
        };
        let found = self.pool_choices(entitlement).into_iter().find_map(contested)?;
        let Contested { resource: address, .. } = found;
        (!self.has_declined_lately(address)).then_some(address)
    }

    /// The pools to take addresses from: those that a policy names, in its order; otherwise those of
    /// the subnet that the client asked from, then those of its whole network.
    fn pool_choices<'p>(&self, entitlement: Entitlement<'p>) -> PoolGroups<'p>
    where
        Self: 'p,
    {
        match entitlement {
            Entitlement::NamedPools(groups) => groups,
            _ => {
                let (near, all) = (self.plan.open_pools_of(self.subnet), self.plan.open_pools());
                [near, all, &[], &[], &[], &[], &[], &[]]
            }
        }
    }

    /// Why there is no address for the client in any of the pools that were searched.
    fn why_none(&self, entitlement: Entitlement<'_>, witness: &mut impl Witness) -> Reason {
        let mut groups = PoolGroups::default();
        match (entitlement, &mut groups) {
            (Entitlement::NamedPools(named), groups) => *groups = named,
            (_, [open, ..]) => *open = self.plan.open_pools(),
        }
        let pools = groups.into_iter().flatten();
        let holds = |pool: &usize| self.is_pool_held_back(*pool) && self.bindings.has_fresh(*pool);
        let is_held_back = pools.clone().any(holds);
        for pool in pools {
            witness.considers(|| self.nothing_in(*pool, is_held_back));
        }
        if is_held_back { Reason::HeldAfterDataLoss } else { Reason::NoFreeAddress }
    }

    /// A pool that was searched without success. `is_held_back` says whether some pool has addresses
    /// that are held back.
    fn nothing_in(&self, pool: usize, is_held_back: bool) -> Candidate {
        let name = self.plan.configured_pool(pool).map(|pool| Arc::clone(&pool.name));
        let obstacle = match is_held_back && self.is_pool_held_back(pool) {
            true => Obstacle::HeldBack,
            false => Obstacle::PoolExhausted,
        };
        Candidate::none_in(name, obstacle)
    }

    /// Returns whether a client of which this server has no record may hold `address`.
    pub(super) fn is_held_back(&self, address: u32) -> bool {
        let subnet = self.plan.subnet_of(address);
        let is_known = self.bindings.slot(address).and_then(View::record).is_some();
        !is_known && subnet.is_some_and(|subnet| self.is_subnet_held_back(subnet))
    }

    /// Returns whether such a client may hold the addresses of a pool that have no record.
    fn is_pool_held_back(&self, pool: usize) -> bool {
        self.plan.subnet_of_pool(pool).is_some_and(|subnet| self.is_subnet_held_back(subnet))
    }

    fn is_subnet_held_back(&self, subnet: usize) -> bool {
        let Some(since) = self.no_records_since else { return false };
        let holds = self.plan.network().after_data_loss == AfterDataLoss::Hold;
        let longest_secs = self.plan.longest_lease_secs().nth(subnet);
        holds && longest_secs.is_some_and(|secs| self.now < since.after_secs(secs))
    }
}
