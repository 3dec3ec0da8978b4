//! The addresses that a client may have under its terms, and what stands between the two.
//!
//! Does not choose one of them; `discover` does. Invariant: an address that another client holds,
//! that is quarantined or that is the server's own has an obstacle, unless its holder gives way to
//! this client.

use std::sync::Arc;

use crate::{
    BindingState, ClientKey, ClientState, PoolChoice, Reason, RequestKind, Reservation,
    ledger::{Holder, Record},
};

use super::{
    decider::Decider,
    family::{Facts, Ipv4, SlotView},
    farewell::active_lease,
    obstacle::Obstacle,
    plan::address_of,
    witness::{Candidate, Rule, Witness},
};

/// The positions of pools, in groups in order of preference; the last ones can be empty.
pub(super) type PoolGroups<'p> = [&'p [usize]; PoolChoice::NAMES_MAX];

/// The addresses that a client may have under its terms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entitlement<'p> {
    /// The address that a policy names.
    Policy(u32),
    /// The address that is reserved for the client or its line.
    Reservation(u32),
    /// Any address that is not reserved, of the pools that are open to every client.
    OpenPools,
    /// Any address that is not reserved, of the pools that a policy or a class names.
    NamedPools(PoolGroups<'p>),
}

impl Entitlement<'_> {
    /// The address, if there is only one.
    pub(super) const fn only_address(&self) -> Option<u32> {
        match self {
            Self::Policy(address) | Self::Reservation(address) => Some(*address),
            Self::OpenPools | Self::NamedPools(_) => None,
        }
    }
}

impl<'e> Decider<'e, '_> {
    /// The addresses that the client may have: the one that a policy names, otherwise the one that
    /// is reserved for it, otherwise those of the pools that its terms, its reservation or its
    /// classes name, otherwise those of all open pools.
    ///
    /// An address that a policy names or that is reserved may be temporarily unavailable. Then the
    /// client is served as if it were not named, and moves to it when it becomes available.
    ///
    /// # Errors
    /// Fails if the policy names an address or a pool that the client can never have.
    pub(super) fn entitlement(
        &self,
        witness: &mut impl Witness,
    ) -> Result<Entitlement<'e>, Reason> {
        if let Some(address) = self.terms.address.map(u32::from) {
            if let Some(obstacle) = self.why_never_named(address) {
                self.takes(witness, Rule::Policy, address, Some(obstacle));
                return Err(Reason::UnusableAddress);
            }
            if self.takes(witness, Rule::Policy, address, self.why_not_named_now(address)) {
                return Ok(Entitlement::Policy(address));
            }
        }
        if let Some(reservation) = self.reservation
            && let Some(address) = reservation.address
        {
            let address = u32::from(address);
            let obstacle = self.why_not_reserved_now(reservation, address);
            if self.takes(witness, Rule::Reservation, address, obstacle) {
                return Ok(Entitlement::Reservation(address));
            }
        }
        let Some(choice) = &self.terms.pool else { return Ok(self.without_named_pool()) };
        let groups = self.pools_named_by(choice, |name| {
            witness.considers(|| Candidate::none_in(Some(Arc::clone(name)), Obstacle::UnknownPool));
        });
        groups.map(Entitlement::NamedPools).ok_or(Reason::UnknownPool)
    }

    /// The pools of a client for which no policy names one: those of its reservation, otherwise
    /// those of its classes. A reservation of all networks may name a pool that this network does
    /// not have.
    fn without_named_pool(&self) -> Entitlement<'e> {
        let named = self.reservation.and_then(|reservation| reservation.settings.pool.as_deref());
        let reserved = named.and_then(|name| self.plan.pools_named(name)).map(one_group);
        let pools = reserved.or_else(|| self.pools_of_classes());
        pools.map_or(Entitlement::OpenPools, Entitlement::NamedPools)
    }

    /// The pools of the first of the client's classes that names some which the network has.
    fn pools_of_classes(&self) -> Option<PoolGroups<'e>> {
        let choices = self.request.classes.iter().filter_map(|class| class.pools.as_ref());
        choices.into_iter().find_map(|choice| self.pools_named_by(choice, |_| {}))
    }

    /// The pools of a choice; `None` if the network has none of them. `unknown` is called for each
    /// name that it does not have.
    fn pools_named_by(
        &self,
        choice: &PoolChoice,
        mut unknown: impl FnMut(&Arc<str>),
    ) -> Option<PoolGroups<'e>> {
        let mut groups = PoolGroups::default();
        let mut places = groups.iter_mut();
        let mut is_known = false;
        for name in choice.names() {
            match self.plan.pools_named(name) {
                Some(pools) => {
                    is_known = true;
                    places.next().into_iter().for_each(|place| *place = pools);
                }
                None => unknown(name),
            }
        }
        is_known.then_some(groups)
    }

    /// Notifies the witness that `address` is considered. Returns whether the client can have it,
    /// because there is no obstacle.
    pub(super) fn takes(
        &self,
        witness: &mut impl Witness,
        rule: Rule,
        address: u32,
        obstacle: Option<Obstacle>,
    ) -> bool {
        witness.considers(|| self.candidate(rule, address, obstacle));
        obstacle.is_none()
    }

    fn candidate(&self, rule: Rule, address: u32, obstacle: Option<Obstacle>) -> Candidate {
        let pool = self.plan.pool_of(address).and_then(|pool| self.plan.configured_pool(pool));
        let view = self.bindings.slot(address);
        let leased = view.and_then(active_lease).map(|lease| lease.client);
        let offered = view.and_then(SlotView::offer).map(|offer| offer.holder.clone());
        let holder = [leased, offered].into_iter().flatten().find(|holder| !self.is_self(holder));
        Candidate {
            rule,
            address: Some(address_of(address)),
            pool: pool.map(|pool| Arc::clone(&pool.name)),
            obstacle,
            holder,
        }
    }

    /// Why a policy may never name `address` for the client, whichever client holds it now; `None`
    /// if it may.
    fn why_never_named(&self, address: u32) -> Option<Obstacle> {
        if self.bindings.is_withheld(address) {
            return Some(Obstacle::ServersOwn);
        }
        if !self.plan.is_usable(address) {
            return Some(Obstacle::Unusable);
        }
        let own = self.reserved_address().map(u32::from);
        let is_of_other = own != Some(address) && self.plan.is_reserved(address);
        is_of_other.then_some(Obstacle::Reserved)
    }

    /// Why the client cannot have an address now that a policy names; `None` if it can.
    fn why_not_named_now(&self, address: u32) -> Option<Obstacle> {
        if self.is_held_by_other(address) && !self.gives_way(address) {
            return Some(Obstacle::HeldByOther);
        }
        if self.is_drained(address) {
            return Some(Obstacle::PoolDrained);
        }
        self.why_not_now(address)
    }

    /// Why the client cannot have its reserved address now; `None` if it can. Another client that
    /// has the address keeps it until its lease ends, unless that lease gives way: it has had the
    /// address since before it was reserved, or has another identifier of the same reservation. A
    /// client with an identifier of the reservation that this client has, too, gives the address
    /// up: the line has another device, or the device uses another interface. It does not do so for
    /// a client that only extends a lease which it has lost: that one has to know first.
    fn why_not_reserved_now(&self, reservation: &Reservation, address: u32) -> Option<Obstacle> {
        let active = self.bindings.slot(address).and_then(SlotView::active);
        let is_of_other = active.is_some_and(|record| {
            let takes_over = self.seeks_address() && self.is_same_owner(reservation, record);
            !takes_over && !self.client.on_record().is_holder_of(record)
        });
        if is_of_other && !self.gives_way(address) {
            return Some(Obstacle::HeldByOther);
        }
        self.why_not_now(address)
    }

    /// Returns whether the client and that of a record have an identifier of `reservation` in
    /// common. The record has the line of the last relayed message.
    fn is_same_owner(&self, reservation: &Reservation, record: &Record<Ipv4>) -> bool {
        let Facts { hardware_address, relay_information, .. } = Facts::of(record);
        let key = ClientKey::from_octets(record.holder());
        let client_identifier = match &key {
            ClientKey::Identifier(octets) => Some(&**octets),
            _ => None,
        };
        reservation.owners.iter().any(|owner| {
            let (kind, wanted) = (owner.kind(), Some(owner.identifier()));
            let known = kind.in_record(&hardware_address, relay_information, client_identifier);
            known == wanted
                && kind.in_request(self.request, self.relay_information.as_deref()) == wanted
        })
    }

    /// Returns whether the client cannot have `address` because its pool is drained. The client
    /// keeps an address that it leases, and may accept an offer that it has.
    pub(super) fn is_drained(&self, address: u32) -> bool {
        if self.drained.positions().is_empty() {
            return false;
        }
        let pool = self.plan.giving_pool_of(address);
        if !pool.is_some_and(|pool| self.drained.has(pool)) {
            return false;
        }
        let view = self.bindings.slot(address);
        let is_leased = view.and_then(SlotView::active).is_some_and(|record| self.is_own(record));
        let accepts = || {
            let offer = view.and_then(SlotView::offer);
            self.request.kind == RequestKind::Request
                && matches!(
                    self.request.client_state(),
                    ClientState::Selecting | ClientState::Unknown
                )
                && offer.is_some_and(|offer| self.is_self(&offer.holder))
        };
        !is_leased && !accepts()
    }

    fn why_not_now(&self, address: u32) -> Option<Obstacle> {
        if self.bindings.is_withheld(address) {
            return Some(Obstacle::ServersOwn);
        }
        if self.is_set_aside(address) {
            return Some(Obstacle::Quarantined);
        }
        self.stays_away_from(address).then_some(Obstacle::Declined)
    }

    /// Returns whether the client declined `address` and is now extending a lease of another one.
    /// It does not have to give that one up: whatever uses the declined address may still be there,
    /// and the client would switch back and forth between the two. It gets the address when it
    /// looks for one again.
    fn stays_away_from(&self, address: u32) -> bool {
        if self.request.kind != RequestKind::Request {
            return false;
        }
        let named = match self.request.client_state() {
            ClientState::InitReboot => self.request.requested_address,
            ClientState::Renewing | ClientState::Rebinding => Some(self.request.client_address),
            ClientState::Selecting | ClientState::Unknown => None,
        };
        let record = self.bindings.slot(address).and_then(SlotView::record);
        let has_declined = record.is_some_and(|record| {
            record.state() == BindingState::Quarantined
                && self.client.on_record().is_holder_of(record)
        });
        let goes_on = |named: u32| {
            let active = self.bindings.slot(named).and_then(SlotView::active);
            named != address
                && active.is_some_and(|record| self.client.on_record().is_holder_of(record))
        };
        has_declined && named.map(u32::from).is_some_and(goes_on)
    }

    /// Returns whether the client gets `address` because the one that a policy names, or that is
    /// reserved for it, is temporarily unavailable.
    pub(super) fn is_instead_of_another(&self, address: u32) -> bool {
        let first_choice = self.terms.address.or(self.reserved_address()).map(u32::from);
        first_choice.is_some_and(|first_choice| first_choice != address)
    }

    /// Returns whether the client may have `address` under `entitlement`, whichever client holds it
    /// now.
    pub(super) fn is_entitled(&self, entitlement: Entitlement<'_>, address: u32) -> bool {
        let pool = || self.plan.giving_pool_of(address);
        match entitlement {
            Entitlement::Policy(only) | Entitlement::Reservation(only) => only == address,
            Entitlement::OpenPools => pool().is_some_and(|pool| self.plan.is_open(pool)),
            Entitlement::NamedPools(groups) => {
                pool().is_some_and(|pool| groups.iter().any(|pools| pools.contains(&pool)))
            }
        }
    }

    /// The obstacle between the client and `address` under `entitlement`, if there is one.
    pub(super) fn obstacle(&self, entitlement: Entitlement<'_>, address: u32) -> Option<Obstacle> {
        if self.bindings.is_withheld(address) {
            return Some(Obstacle::ServersOwn);
        }
        if self.is_set_aside(address) {
            return Some(Obstacle::Quarantined);
        }
        if entitlement.only_address() == Some(address) {
            return None;
        }
        if self.plan.is_reserved(address) {
            return Some(Obstacle::Reserved);
        }
        if self.is_held_by_other(address) && !self.is_offered_to_take_over(address) {
            return Some(Obstacle::HeldByOther);
        }
        if self.is_entitled(entitlement, address) {
            return self.is_drained(address).then_some(Obstacle::PoolDrained);
        }
        let skipped = self.plan.why_skipped(address).map(Obstacle::of_skipped);
        Some(skipped.unwrap_or(Obstacle::OutsidePools))
    }

    /// Returns whether the client was offered `address` in place of a lease that gives way for it.
    fn is_offered_to_take_over(&self, address: u32) -> bool {
        let offer = self.bindings.offer_of(&self.client.key);
        offer.is_some_and(|offer| offer.resource == address) && self.gives_way(address)
    }
}

/// These pools as the only group.
pub(super) const fn one_group(pools: &[usize]) -> PoolGroups<'_> {
    [pools, &[], &[], &[], &[], &[], &[], &[]]
}

impl Obstacle {
    /// The reason for a NAK that the obstacle causes.
    pub(super) const fn objection(self) -> Reason {
        match self {
            Self::OutsidePools | Self::Excluded | Self::Router | Self::FirstLast24 => {
                Reason::NakOtherAddress
            }
            Self::PoolDrained => Reason::NakPoolDrained,
            _ => Reason::NakAddressTaken,
        }
    }
}
