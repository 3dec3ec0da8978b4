//! DISCOVER: chooses an address and holds it for the client (RFC 2131 section 4.3.1).
//!
//! Does not change records: a flood of DISCOVERs reaches neither storage nor the records of former
//! owners. Invariant: an address is offered only if the client may have it, and if no other client
//! has an active lease or an open offer of it that does not give way.

use std::sync::Arc;

use crate::{
    AfterDataLoss, Origin, Reason, ReplyKind, Subnet,
    ledger::{Contested, Standing},
};

use super::{
    Decision,
    case::{Case, Entitlement},
    family::{Offer, View},
    plan::address_of,
};

/// How many ends a decision notices before it reports that no address is free.
pub(super) const DUE_IN_DECISION_MAX: usize = 64;

/// How many quarantined addresses of a pool a decision examines to find one that the client did not
/// decline itself.
pub(super) const LOOKED_AT_MAX: usize = 64;

/// A client that intends to accept an offer requests it within this time; an older offer can give
/// way to another client of the same link.
const RIPE_AFTER_SECS: u32 = 1;

impl Case<'_, '_> {
    /// Decides a DISCOVER.
    pub(super) fn discover(&mut self) -> Decision {
        match self.make_room_for_offer().and_then(|()| self.choose()) {
            Ok((address, reason)) => {
                let is_instead = self.is_instead_of_another(address);
                let reason = if is_instead { Reason::OfferedInsteadOfReserved } else { reason };
                let expires_at = self.now.after_secs(self.plan.network().offer_hold_secs);
                let source = Arc::new(Origin::of(self.request));
                let offer = Offer {
                    resource: address,
                    holder: self.client.key.holder().clone(),
                    subscriber: self.terms.subscriber.as_ref().map(|limit| Arc::clone(&limit.name)),
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
    fn choose(&mut self) -> Result<(u32, Reason), Reason> {
        let entitlement = self.entitlement()?;
        match entitlement {
            Entitlement::Policy(address) => Ok((address, Reason::OfferedByPolicy)),
            Entitlement::Reservation(address) => Ok((address, Reason::OfferedReserved)),
            Entitlement::OpenPools | Entitlement::NamedPools(_) => self
                .remembered_address(entitlement)
                .or_else(|| self.requested_address(entitlement))
                .or_else(|| self.free_address(entitlement))
                .or_else(|| self.oldest_of_subscriber(entitlement))
                .or_else(|| self.quarantined_address(entitlement))
                .or_else(|| self.contested_address(entitlement))
                .ok_or_else(|| self.why_none(entitlement)),
        }
    }

    /// The address that is offered to the client, that it has, or that it had before. If it may not
    /// have that one, an earlier one, for example when the client returns from a walled garden.
    fn remembered_address(&self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let can_have = |address: u32| self.objection(entitlement, address).is_none();
        let offer = self.bindings.offer_of(&self.client.key).map(|offer| offer.resource);
        if let Some(address) = offer.filter(|address| can_have(*address)) {
            return Some((address, Reason::OfferedAgain));
        }
        let records = self.bindings.records_of(self.client.on_record());
        let address =
            records.into_iter().find(|address| self.had_leased(*address) && can_have(*address))?;
        let reason = match self.bindings.standing(address) {
            Standing::Leased => Reason::OfferedCurrent,
            _ => Reason::OfferedPrevious,
        };
        Some((address, reason))
    }

    fn requested_address(&self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let address = u32::from(self.request.requested_address?);
        let is_free = self.bindings.standing(address).is_free();
        let is_given = is_free && !self.is_held_back(address);
        (is_given && self.objection(entitlement, address).is_none())
            .then_some((address, Reason::OfferedRequested))
    }

    /// The address of a lease of the same subscriber that ends if the client accepts the offer.
    fn oldest_of_subscriber(&self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let address = self.address_that_gives_way(entitlement)?;
        Some((address, Reason::OfferedOldest))
    }

    /// A free address of the subnet that the client asked from, otherwise of the other subnets of
    /// its network.
    fn free_address(&mut self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let preferred = self.preference.address.map(u32::from).filter(|address| {
            self.bindings.standing(*address).is_free()
                && !self.is_held_back(*address)
                && self.objection(entitlement, *address).is_none()
        });
        if let Some(address) = preferred {
            return Some((address, Reason::OfferedFromPool));
        }
        let choices = self.pool_choices(entitlement);
        if let Some(is_spoken_for) = self.preference.spoken_for {
            let held_back = |pool| self.is_pool_held_back(pool);
            let is_spoken_for = |address| is_spoken_for(address_of(address));
            let fresh = |pools| self.bindings.fresh_in(pools, held_back, &is_spoken_for);
            if let Some(address) = choices.into_iter().find_map(fresh) {
                return Some((address, Reason::OfferedFromPool));
            }
        }
        let find = |case: &Self| {
            let is_wanted = |address| !case.has_declined_lately(address);
            let held_back = |pool| case.is_pool_held_back(pool);
            choices
                .into_iter()
                .find_map(|pools| case.bindings.free_in(pools, &held_back, &is_wanted))
        };
        let address = find(self).or_else(|| {
            self.bindings.notice_due(self.now, DUE_IN_DECISION_MAX);
            find(self)
        })?;
        Some((address, Reason::OfferedFromPool))
    }

    /// The address that has been quarantined longest, unless this client declined it and would
    /// decline it again.
    fn quarantined_address(&self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let oldest = |pools: &[usize]| {
            let of_pool = |pool: &usize| {
                let listed = self.bindings.quarantines().of_pool(*pool).take(LOOKED_AT_MAX);
                listed.filter(|(_, address)| !self.has_declined_lately(*address)).min()
            };
            pools.iter().filter_map(of_pool).min().map(|(_, address)| address)
        };
        let address = self.pool_choices(entitlement).into_iter().find_map(oldest)?;
        Some((address, Reason::OfferedQuarantined))
    }

    /// The address of an open offer that gives way: see [`crate::ledger`].
    fn contested_address(&self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let origin = Arc::new(Origin::of(self.request));
        let hold_secs = self.plan.network().offer_hold_secs;
        let ripe = self.now.after_secs(hold_secs.saturating_sub(RIPE_AFTER_SECS));
        let contested = |pools: &[usize]| {
            let offers = self.bindings.open_offers();
            pools.iter().filter_map(|pool| offers.contested(*pool, &origin, ripe)).max()
        };
        let found = self.pool_choices(entitlement).into_iter().find_map(contested)?;
        let Contested { resource: address, .. } = found;
        (!self.has_declined_lately(address)).then_some((address, Reason::OfferedContested))
    }

    /// The pools to take addresses from: those of the subnet that the client asked from, then those
    /// of its whole network.
    fn pool_choices<'p>(&self, entitlement: Entitlement<'p>) -> [&'p [usize]; 2]
    where
        Self: 'p,
    {
        match entitlement {
            Entitlement::NamedPools(pools) => [pools, &[]],
            _ => [self.plan.open_pools_of(self.subnet), self.plan.open_pools()],
        }
    }

    /// Why there is no address for the client.
    fn why_none(&self, entitlement: Entitlement<'_>) -> Reason {
        let held_back = self
            .pool_choices(entitlement)
            .into_iter()
            .flatten()
            .any(|pool| self.is_pool_held_back(*pool) && self.bindings.has_fresh(*pool));
        if held_back { Reason::HeldAfterDataLoss } else { Reason::NoFreeAddress }
    }

    /// Returns whether a client of which this server has no record may hold `address`.
    pub(super) fn is_held_back(&self, address: u32) -> bool {
        let subnet = self.plan.subnet_of(address).and_then(|subnet| self.plan.subnet(subnet));
        let is_known = self.bindings.slot(address).and_then(View::record).is_some();
        !is_known && subnet.is_some_and(|subnet| self.is_subnet_held_back(subnet))
    }

    /// Returns whether such a client may hold the addresses of a pool that have no record.
    pub(super) fn is_pool_held_back(&self, pool: usize) -> bool {
        self.plan.subnet_of_pool(pool).is_some_and(|subnet| self.is_subnet_held_back(subnet))
    }

    fn is_subnet_held_back(&self, subnet: &Subnet) -> bool {
        let holds = self.plan.network().after_data_loss == AfterDataLoss::Hold;
        self.no_records_since
            .is_some_and(|since| holds && self.now < since.after_secs(subnet.lease_time.max_secs))
    }
}
