//! One request while it is decided: the client, its line, and the addresses that it may have.
//!
//! Does not decide; see `discover`, `request`, `farewell` and `inform`. Invariant: an address that
//! another client holds, that is quarantined or that is the server's own has an obstacle, unless
//! its holder gives way to this client.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::{
    Change, ClientKey, ClientState, LeaseState, Reason, RelayInformation, Request, RequestKind,
    Reservation, ReservationOwner, Terms, Timestamp, Verdict,
    ledger::{Record, Standing},
    relay,
};

use super::{
    Attempt, Decision, Obstacle, Preference, Wait,
    family::{Bindings, Cause, Facts, Ipv4, View},
    identity::{self, Client},
    plan::{Plan, address_of},
};

/// One request under its terms at a point in time, and the state on which it is decided.
pub(super) struct Case<'e, 'r> {
    pub(super) plan: &'e Plan,
    pub(super) bindings: &'e mut Bindings,
    pub(super) now: Timestamp,
    /// The subnet of the client.
    pub(super) subnet: usize,
    pub(super) request: &'r Request,
    pub(super) terms: &'r Terms,
    pub(super) client: Client,
    /// The request's own information, or that of the client's last relayed message.
    pub(super) relay_information: Option<Cow<'r, RelayInformation>>,
    /// The reservation for the client or its line.
    pub(super) reservation: Option<&'e Reservation>,
    /// When the network started without any lease on storage, if it did.
    pub(super) no_records_since: Option<Timestamp>,
    /// Selects one of the free addresses.
    pub(super) preference: Preference<'r>,
}

/// The addresses that a client may have under its terms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entitlement<'p> {
    /// The address that a policy names.
    Policy(u32),
    /// The address that is reserved for the client or its line.
    Reservation(u32),
    /// Any address that is not reserved, of the pools that are open to every client.
    OpenPools,
    /// Any address that is not reserved, of the pools at these positions, which a policy names.
    NamedPools(&'p [usize]),
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

impl<'e, 'r> Case<'e, 'r> {
    /// Creates the case of a request in subnet `subnet` (its position in the network). Returns
    /// `None` if the request does not identify a client.
    pub(super) fn new(
        plan: &'e Plan,
        bindings: &'e mut Bindings,
        now: Timestamp,
        subnet: usize,
        request: &'r Request,
        terms: &'r Terms,
    ) -> Option<Self> {
        let client = identity::client_of(plan, bindings, request)?;
        let relay_information = match &request.relay_information {
            Some(own) => Some(Cow::Borrowed(own)),
            None => {
                let remembered = identity::relay_information_of(plan, bindings, request);
                remembered.map(|information| Cow::Owned(information.into_owned()))
            }
        };
        let reservation = plan.reservation_for(subnet, request, relay_information.as_deref());
        Some(Self {
            plan,
            bindings,
            now,
            subnet,
            request,
            terms,
            client,
            relay_information,
            reservation,
            no_records_since: None,
            preference: Preference::default(),
        })
    }

    /// Decides the request, unless it has to wait for an answer of storage.
    pub(super) fn attempt(&mut self) -> Attempt {
        match self.waits() {
            Some(wait) => Attempt::Waits(wait),
            None => Attempt::Decided(self.decide()),
        }
    }

    /// Decides the request without waiting for changes in flight to storage.
    pub(super) fn decide(&mut self) -> Decision {
        let lease = self.notice_leased().and_then(|address| self.bindings.slot(address));
        let seen_elsewhere = lease
            .and_then(|lease| {
                identity::seen_elsewhere(lease, self.client.on_record().holder(), self.request)
            })
            .map(Box::new);
        Decision { seen_elsewhere, ..self.decide_by_kind() }
    }

    /// The address that the client leases. The client may have another one, from another server, in
    /// addition to a lease whose end has not been noticed yet.
    fn notice_leased(&mut self) -> Option<u32> {
        let mut records = self.bindings.records_of(self.client.on_record()).into_iter();
        records.find(|address| {
            self.bindings.notice(self.now, *address);
            self.bindings.slot(*address).and_then(View::active).is_some()
        })
    }

    fn decide_by_kind(&mut self) -> Decision {
        if self.plan.subnet(self.subnet).is_none() {
            return self.silence(Reason::UnknownSubnet);
        }
        if let Some(reason) = self.no_way() {
            return self.silence(reason);
        }
        match &self.terms.verdict {
            Verdict::Ignore(_) => return self.silence(Reason::IgnoredByPolicy),
            Verdict::Drop(_) => return self.silence(Reason::PolicyFailed),
            Verdict::Refuse(_) | Verdict::Proceed => self.notice(),
        }
        match (&self.terms.verdict, self.request.kind) {
            (Verdict::Refuse(text), RequestKind::Request) => self.refused_request(text),
            (Verdict::Refuse(_), _) => self.silence(Reason::RefusedWithoutNak),
            (_, RequestKind::Discover) => self.discover(),
            (_, RequestKind::Request) => self.request(),
            (_, RequestKind::Decline) => self.decline(),
            (_, RequestKind::Release) => self.release(),
            (_, RequestKind::Inform) => self.inform(),
        }
    }

    /// The address whose change in flight affects the decision of this case, if there is one.
    ///
    /// A message never waits for a free address, because an address is not free while a change of
    /// it is in flight. A message for another server, or one that only asks for options, does not
    /// wait either.
    pub(super) fn waits(&mut self) -> Option<Wait> {
        let is_decided = matches!(self.terms.verdict, Verdict::Refuse(_) | Verdict::Proceed);
        let is_answered = match self.request.kind {
            RequestKind::Inform => false,
            RequestKind::Discover => true,
            _ => !self.names_other_server(),
        };
        if !is_decided || !is_answered {
            return None;
        }
        let address = self.in_flight()?;
        let flight = self.bindings.slot(address)?.flight()?;
        let is_repeated =
            flight.cause == Cause::of(self.request) && self.is_self(&flight.change.lease.client);
        Some(Wait { address: address_of(address), is_repeated })
    }

    /// An address with a change in flight among those that the decision depends on: the client's
    /// own, those that the message, the terms or a reservation name, and those on its subscriber's
    /// account.
    fn in_flight(&mut self) -> Option<u32> {
        let is_in_flight =
            |address: &u32| self.bindings.slot(*address).is_some_and(View::is_in_flight);
        let mut own = self.client.each().filter_map(|known| self.bindings.flight_of(known));
        if let Some(found) = own.next().or_else(|| self.named().find(is_in_flight)) {
            return Some(found);
        }
        // What has ended by now must not count.
        let limit = self.terms.subscriber.as_ref()?;
        self.bindings.notice_account(self.now, &limit.name);
        self.waits_for_account()
    }

    /// The addresses that the message, the terms or a reservation name. The address in a DISCOVER
    /// is only a preference, so it is not included: if it is not free, the client is offered
    /// another one.
    fn named(&self) -> impl Iterator<Item = u32> {
        let is_wish = self.request.kind == RequestKind::Discover;
        let requested = self.request.requested_address.filter(|_| !is_wish);
        let client_address = Some(self.request.client_address).filter(|_| !is_wish);
        let reserved = self.reservation.map(|reservation| reservation.address);
        let named = [requested, client_address, self.terms.address, reserved];
        named.into_iter().flatten().map(u32::from)
    }

    /// Notices the end of whatever holds an address that this case concerns, so that the decision
    /// uses the current states of the addresses.
    pub(super) fn notice(&mut self) {
        let client_address = Some(self.request.client_address);
        let reserved = self.reservation.map(|reservation| reservation.address);
        let named = [self.request.requested_address, client_address, self.terms.address, reserved];
        for address in named.into_iter().flatten().filter(|address| !address.is_unspecified()) {
            self.bindings.notice(self.now, u32::from(address));
        }
        if let Some(offered) = self.bindings.offer_of(&self.client.key).map(|offer| offer.resource)
        {
            self.bindings.notice(self.now, offered);
        }
        for address in self.bindings.records_of(self.client.on_record()) {
            self.bindings.notice(self.now, address);
        }
        if let Some(limit) = &self.terms.subscriber {
            self.bindings.notice_account(self.now, &limit.name);
        }
    }

    /// The addresses that the client may have: the one that a policy names, otherwise the one that
    /// is reserved for it, otherwise those of the pools that its terms name, otherwise those of all
    /// open pools.
    ///
    /// An address that a policy names or that is reserved may be temporarily unavailable. Then the
    /// client is served as if it were not named, and moves to it when it becomes available.
    ///
    /// # Errors
    /// Fails if the policy names an address or a pool that the client can never have.
    pub(super) fn entitlement(&self) -> Result<Entitlement<'e>, Reason> {
        if let Some(address) = self.terms.address.map(u32::from) {
            if !self.may_be_named(address) {
                return Err(Reason::UnusableAddress);
            }
            if self.why_not_named_now(address).is_none() {
                return Ok(Entitlement::Policy(address));
            }
        }
        if let Some(reservation) = self.reservation
            && self.why_not_reserved_now(reservation).is_none()
        {
            return Ok(Entitlement::Reservation(u32::from(reservation.address)));
        }
        match &self.terms.pool {
            None => Ok(Entitlement::OpenPools),
            Some(name) => {
                let pools = self.plan.pools_named(name).ok_or(Reason::UnknownPool)?;
                Ok(Entitlement::NamedPools(pools))
            }
        }
    }

    /// Returns whether a policy may name `address` for the client, whichever client holds it now.
    pub(super) fn may_be_named(&self, address: u32) -> bool {
        let own = self.reservation.map(|reservation| u32::from(reservation.address));
        self.plan.is_usable(address)
            && !self.bindings.is_withheld(address)
            && (own == Some(address) || !self.plan.is_reserved(address))
    }

    /// Why the client cannot have an address now that a policy names; `None` if it can.
    pub(super) fn why_not_named_now(&self, address: u32) -> Option<Obstacle> {
        if self.is_held_by_other(address) && !self.gives_way(address) {
            return Some(Obstacle::HeldByOther);
        }
        self.why_not_now(address)
    }

    /// Why the client cannot have its reserved address now; `None` if it can. Another client that
    /// has had the address since before it was reserved keeps it until its lease ends, unless that
    /// lease gives way; a device that had it as the previous owner of the reservation gives it up.
    pub(super) fn why_not_reserved_now(&self, reservation: &Reservation) -> Option<Obstacle> {
        let address = u32::from(reservation.address);
        let active = self.bindings.slot(address).and_then(View::active);
        let is_of_other = active.is_some_and(|record| {
            !self.client.on_record().is_holder_of(record) && !is_owner(reservation, record)
        });
        if is_of_other && !self.gives_way(address) {
            return Some(Obstacle::HeldByOther);
        }
        self.why_not_now(address)
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
        let record = self.bindings.slot(address).and_then(View::record);
        let has_declined = record.is_some_and(|record| {
            record.state() == LeaseState::Quarantined
                && self.client.on_record().is_holder_of(record)
        });
        let goes_on = |named: u32| {
            let active = self.bindings.slot(named).and_then(View::active);
            named != address
                && active.is_some_and(|record| self.client.on_record().is_holder_of(record))
        };
        has_declined && named.map(u32::from).is_some_and(goes_on)
    }

    /// Returns whether the client gets `address` because the one that a policy names, or that is
    /// reserved for it, is temporarily unavailable.
    pub(super) fn is_instead_of_another(&self, address: u32) -> bool {
        let reserved = self.reservation.map(|reservation| reservation.address);
        let first_choice = self.terms.address.or(reserved).map(u32::from);
        first_choice.is_some_and(|first_choice| first_choice != address)
    }

    /// Returns whether the client may have `address` under `entitlement`, whichever client holds it
    /// now.
    pub(super) fn is_entitled(&self, entitlement: Entitlement<'_>, address: u32) -> bool {
        let pool = || self.plan.giving_pool_of(address);
        match entitlement {
            Entitlement::Policy(only) | Entitlement::Reservation(only) => only == address,
            Entitlement::OpenPools => pool().is_some_and(|pool| self.plan.is_open(pool)),
            Entitlement::NamedPools(pools) => pool().is_some_and(|pool| pools.contains(&pool)),
        }
    }

    /// Why the client cannot have `address` under `entitlement` now; `None` if it can.
    pub(super) fn objection(&self, entitlement: Entitlement<'_>, address: u32) -> Option<Reason> {
        self.obstacle(entitlement, address).map(|obstacle| match obstacle {
            Obstacle::OutsidePools => Reason::NakOtherAddress,
            _ => Reason::NakAddressTaken,
        })
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
        (!self.is_entitled(entitlement, address)).then_some(Obstacle::OutsidePools)
    }

    /// Returns whether the client cannot have `address` because it was declined: by any client, or
    /// by this client with a DECLINE that exceeded a limit.
    pub(super) fn is_set_aside(&self, address: u32) -> bool {
        self.bindings.standing(address) == Standing::Quarantined
            || self.has_declined_lately(address)
    }

    /// Returns whether the client declined `address` less than a quarantine ago, and no other
    /// client has had it since.
    pub(super) fn has_declined_lately(&self, address: u32) -> bool {
        let record = self.bindings.slot(address).and_then(View::record);
        record.is_some_and(|record| {
            let until = record.changed_at().after_secs(self.plan.network().quarantine_secs);
            record.state() == LeaseState::Quarantined && self.now < until && self.is_own(record)
        })
    }

    /// Returns whether another client has a lease of `address` or, if no client has one, an open
    /// offer.
    pub(super) fn is_held_by_other(&self, address: u32) -> bool {
        let Some(view) = self.bindings.slot(address) else { return false };
        match view.active() {
            Some(record) => !self.is_own(record),
            None => view.offer().is_some_and(|offer| !self.is_self(&offer.holder)),
        }
    }

    /// Returns whether `key` is a key of the client.
    pub(super) fn is_self(&self, key: &ClientKey) -> bool {
        self.client.each().any(|known| known.holder() == key)
    }

    /// Returns whether a record belongs to the client.
    pub(super) fn is_own(&self, record: &Record<Ipv4>) -> bool {
        self.client.each().any(|known| known.is_holder_of(record))
    }

    /// Returns whether the client has or had a lease of `address`, and no other client has had it
    /// since.
    pub(super) fn had_leased(&self, address: u32) -> bool {
        let record = self.bindings.slot(address).and_then(View::record);
        record.is_some_and(|record| {
            record.state() != LeaseState::Quarantined
                && self.client.on_record().is_holder_of(record)
        })
    }

    /// Returns whether option 54 names this server (RFC 2131 section 4.1: any of its addresses).
    pub(super) fn names_this_server(&self) -> bool {
        self.request.server_identifier.is_some_and(|named| self.request.is_own_address(named))
    }

    /// Returns whether option 54 names another server.
    pub(super) fn names_other_server(&self) -> bool {
        self.request.server_identifier.is_some() && !self.names_this_server()
    }

    /// A decision without a reply.
    pub(super) fn silence(&self, reason: Reason) -> Decision {
        Decision::of(reason)
    }

    /// A decision without a reply, but with a change.
    pub(super) fn record(&self, reason: Reason, change: Change) -> Decision {
        Decision { changes: SmallVec::from_iter([change]), ..Decision::of(reason) }
    }

    /// Returns whether the client was offered `address` in place of a lease that gives way for it.
    fn is_offered_to_take_over(&self, address: u32) -> bool {
        let offer = self.bindings.offer_of(&self.client.key);
        offer.is_some_and(|offer| offer.resource == address) && self.gives_way(address)
    }
}

/// Returns whether the client of a record is the owner of `reservation`: the same device, or a
/// device that was on the same line in its last relayed message.
fn is_owner(reservation: &Reservation, record: &Record<Ipv4>) -> bool {
    let Facts { hardware_address, relay_information, .. } = Facts::of(record);
    let sub_option = |code| relay::sub_option(relay_information?, code);
    match &reservation.owner {
        ReservationOwner::CircuitId(octets) => sub_option(relay::CIRCUIT_ID) == Some(octets),
        ReservationOwner::RemoteId(octets) => sub_option(relay::REMOTE_ID) == Some(octets),
        ReservationOwner::ClientIdentifier(octets) => {
            record.is_of(&ClientKey::Identifier(octets.clone()))
        }
        ReservationOwner::HardwareAddress(address) => hardware_address == *address,
    }
}
