//! DISCOVER: chooses an address and holds it for the client (RFC 2131 section 4.3.1). Nothing is
//! written: a flood of DISCOVERs reaches neither storage nor the records of former owners.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{Reason, ReplyKind};

use super::{
    Decision,
    addresses::Standing,
    case::{Case, Entitlement},
    slot::Offer,
};

/// How many deadlines a decision looks at before it says that no address is free.
pub(super) const DUE_IN_DECISION_MAX: usize = 64;

impl Case<'_, '_> {
    /// Decides a DISCOVER.
    pub(super) fn discover(&mut self) -> Decision {
        match self.make_room_for_offer().and_then(|()| self.choose()) {
            Ok((address, reason)) => {
                let expires_at = self.now.after_secs(self.plan.network().offer_hold_secs);
                let client = self.client.clone();
                let subscriber =
                    self.terms.subscriber.as_ref().map(|limit| Arc::clone(&limit.name));
                self.bindings.hold(Offer { address, client, subscriber, expires_at });
                let reply = Some(self.grant(ReplyKind::Offer, address));
                Decision { reason, reply, changes: SmallVec::new() }
            }
            Err(reason) => self.silence(reason),
        }
    }

    /// The address to offer and why this one (RFC 2131 section 4.3.1, the four bullets).
    fn choose(&mut self) -> Result<(u32, Reason), Reason> {
        let entitlement = self.entitlement()?;
        match entitlement {
            Entitlement::Policy(address) => Ok((address, Reason::OfferedByPolicy)),
            Entitlement::Reservation(address) => match self.bindings.standing(address) {
                Standing::Quarantined => Err(Reason::NoFreeAddress),
                _ => Ok((address, Reason::OfferedReserved)),
            },
            Entitlement::OpenPools | Entitlement::NamedPools(_) => self
                .remembered_address(entitlement)
                .or_else(|| self.requested_address(entitlement))
                .or_else(|| self.free_address(entitlement))
                .or_else(|| self.oldest_of_subscriber(entitlement))
                .ok_or(Reason::NoFreeAddress),
        }
    }

    /// The address that was offered already, that the client has, or that it had before; if it is
    /// not to have that, then the one that it had before that (it comes back from a walled garden).
    fn remembered_address(&self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let can_have = |address: u32| self.objection(entitlement, address).is_none();
        let offer = self.bindings.offer_of(&self.client).map(|offer| offer.address);
        if let Some(address) = offer.filter(|address| can_have(*address)) {
            return Some((address, Reason::OfferedAgain));
        }
        let current = u32::from(self.bindings.lease_of(&self.client)?.address);
        let former = self.bindings.slot(current)?.former;
        let address = [Some(current), former]
            .into_iter()
            .flatten()
            .find(|address| self.had_leased(*address) && can_have(*address))?;
        let reason = match self.bindings.standing(address) {
            Standing::Leased => Reason::OfferedCurrent,
            _ => Reason::OfferedPrevious,
        };
        Some((address, reason))
    }

    fn requested_address(&self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let address = u32::from(self.request.requested_address?);
        let is_free = self.bindings.standing(address).is_free();
        (is_free && self.objection(entitlement, address).is_none())
            .then_some((address, Reason::OfferedRequested))
    }

    /// The address of a lease that ends anyway if the client takes the offer.
    fn oldest_of_subscriber(&self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let address = self.address_that_gives_way(entitlement)?;
        Some((address, Reason::OfferedOldest))
    }

    /// An address that nobody needs: of the subnet that the client asked from, else of the other
    /// subnets of its network.
    fn free_address(&mut self, entitlement: Entitlement<'_>) -> Option<(u32, Reason)> {
        let preferred = self.preference.address.map(u32::from).filter(|address| {
            self.bindings.standing(*address).is_free()
                && self.objection(entitlement, *address).is_none()
        });
        if let Some(address) = preferred {
            return Some((address, Reason::OfferedFromPool));
        }
        let plan = self.plan;
        let first_choice = match entitlement {
            Entitlement::NamedPools(pools) => pools,
            _ => plan.open_pools_of(self.subnet),
        };
        let second_choice = match entitlement {
            Entitlement::NamedPools(_) => &[],
            _ => plan.open_pools(),
        };
        if let Some(is_spoken_for) = self.preference.spoken_for {
            let fresh = |pools| self.bindings.fresh_address(pools, is_spoken_for);
            if let Some(address) = fresh(first_choice).or_else(|| fresh(second_choice)) {
                return Some((address, Reason::OfferedFromPool));
            }
        }
        let find = |case: &Self| {
            case.bindings
                .free_address(first_choice)
                .or_else(|| case.bindings.free_address(second_choice))
        };
        let address = find(self).or_else(|| {
            self.bindings.notice_due(self.now, DUE_IN_DECISION_MAX);
            find(self)
        })?;
        Some((address, Reason::OfferedFromPool))
    }
}
