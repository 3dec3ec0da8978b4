//! What decides one request: the request, its client and terms, and the state of the network.
//!
//! The decisions on each kind of message are in `discover`, `request`, `farewell`, `inform` and
//! `bootp`. Invariant: a request that depends on a change in flight is not decided.

use std::{borrow::Cow, net::Ipv4Addr};

use smallvec::SmallVec;

use crate::{
    BindingState, Change, ClientKey, Reason, RelayInformation, Request, RequestKind, Reservation,
    ReservationOwner, SharedReservations, SubscriberLimit, Terms, Timestamp, Verdict,
    ledger::{Record, Standing},
};

use super::{
    Attempt, Decision, Wait,
    drained::{self, Drained},
    family::{Bindings, Cause, Ipv4, SlotView},
    identity::{self, Client},
    plan::{Plan, address_of},
    probes::{Probed, Probes},
    witness::Witness,
};

/// Decides one request under its terms at a point in time.
pub(super) struct Decider<'e, 'r> {
    pub(super) plan: &'e Plan,
    /// The reservations of all networks.
    pub(super) shared: &'e SharedReservations,
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
    /// The identifier by which the reservation was found.
    pub(super) reserved_by: Option<&'e ReservationOwner>,
    /// The account of the client, and its limit.
    pub(super) subscriber: Option<SubscriberLimit>,
    /// When the network started without any lease on storage, if it did.
    pub(super) no_records_since: Option<Timestamp>,
    /// The addresses that were probed lately.
    pub(super) probes: &'e Probes,
    /// What the decision does about probes.
    pub(super) probed: Probed,
    /// Whether the decision has no consequences, so that it does not wait for a probe.
    pub(super) is_rehearsal: bool,
    /// The pools that give no address to new clients.
    pub(super) drained: &'e Drained,
}

impl<'e, 'r> Decider<'e, 'r> {
    /// Creates the decider of a request in subnet `subnet` (its position in the network). Returns
    /// `None` if the request does not identify a client.
    #[allow(clippy::too_many_arguments, reason = "they are the parts of an engine and a question")]
    pub(super) fn new(
        plan: &'e Plan,
        shared: &'e SharedReservations,
        bindings: &'e mut Bindings,
        probes: &'e Probes,
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
        let information = relay_information.as_deref();
        let matched = plan.reservation_for(subnet, request, information);
        let vpn = plan.network().vpn_name();
        let matched = matched.or_else(|| shared.find(vpn, request, information));
        let subscriber = subscriber_of(request, terms, information);
        Some(Self {
            plan,
            shared,
            bindings,
            now,
            subnet,
            request,
            terms,
            client,
            relay_information,
            reservation: matched.map(|matched| matched.reservation),
            reserved_by: matched.map(|matched| matched.owner),
            subscriber,
            no_records_since: None,
            probes,
            probed: Probed::No,
            is_rehearsal: false,
            drained: &drained::NONE,
        })
    }

    /// Decides the request, unless it has to wait for an answer of storage.
    pub(super) fn attempt(&mut self, witness: &mut impl Witness) -> Attempt {
        if let Some(wait) = self.waits() {
            return Attempt::Waits(wait);
        }
        let decision = self.decide(witness);
        match &self.probed {
            Probed::First(probe, _) => Attempt::Probes(probe.clone()),
            Probed::No | Probed::Before(_) => Attempt::Decided(decision),
        }
    }

    /// Decides the request without waiting for changes in flight to storage.
    pub(super) fn decide(&mut self, witness: &mut impl Witness) -> Decision {
        let lease = self.notice_leased().and_then(|address| self.bindings.slot(address));
        let seen_elsewhere = lease
            .and_then(|lease| {
                identity::seen_elsewhere(lease, self.client.on_record().holder(), self.request)
            })
            .map(Box::new);
        let reserved_by = self.reserved_by.map(|owner| Box::new(owner.clone()));
        Decision { seen_elsewhere, reserved_by, ..self.decide_by_kind(witness) }
    }

    /// The address that the client leases. The client may have another one, from another server, in
    /// addition to a lease whose end has not been noticed yet.
    fn notice_leased(&mut self) -> Option<u32> {
        let mut records = self.bindings.records_of(self.client.on_record()).into_iter();
        records.find(|address| {
            self.bindings.notice(self.now, *address);
            self.bindings.slot(*address).and_then(SlotView::active).is_some()
        })
    }

    fn decide_by_kind(&mut self, witness: &mut impl Witness) -> Decision {
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
            (_, RequestKind::Discover) => self.discover(witness),
            (_, RequestKind::Request) => self.request(witness),
            (_, RequestKind::Decline) => self.decline(),
            (_, RequestKind::Release) => self.release(),
            (_, RequestKind::Inform) => self.inform(),
            (_, RequestKind::Bootp) => self.bootp(witness),
        }
    }

    /// The address whose change in flight affects the decision, if there is one.
    ///
    /// A message never waits for a free address, because an address is not free while a change of
    /// it is in flight. A message for another server, or one that only asks for options, does not
    /// wait either.
    pub(super) fn waits(&mut self) -> Option<Wait> {
        let is_decided = matches!(self.terms.verdict, Verdict::Refuse(_) | Verdict::Proceed);
        let is_answered = match self.request.kind {
            RequestKind::Inform => false,
            RequestKind::Discover => true,
            RequestKind::Bootp => self.request.client_address.is_unspecified(),
            _ => !self.names_other_server(),
        };
        if !is_decided || !is_answered {
            return None;
        }
        let address = self.in_flight()?;
        let flight = self.bindings.slot(address)?.flight()?;
        let is_repeated =
            flight.cause == Cause::of(self.request) && self.is_self(&flight.change.binding.client);
        Some(Wait { address: address_of(address), is_repeated })
    }

    /// An address with a change in flight among those that the decision depends on: the client's
    /// own, those that the message, the terms or a reservation name, and those on its subscriber's
    /// account.
    ///
    /// A DECLINE or RELEASE depends on its own address only. If it also waited for others, a later
    /// REQUEST for the address could overtake it, and it would end the lease of that REQUEST.
    fn in_flight(&mut self) -> Option<u32> {
        let is_in_flight =
            |address: &u32| self.bindings.slot(*address).is_some_and(SlotView::is_in_flight);
        match self.request.kind {
            RequestKind::Decline => {
                return self.request.requested_address.map(u32::from).filter(is_in_flight);
            }
            RequestKind::Release => {
                return Some(u32::from(self.request.client_address)).filter(is_in_flight);
            }
            RequestKind::Discover
            | RequestKind::Request
            | RequestKind::Bootp
            | RequestKind::Inform => {}
        }
        let mut own = self.client.each().filter_map(|known| self.bindings.flight_of(known));
        if let Some(found) = own.next().or_else(|| self.named().find(is_in_flight)) {
            return Some(found);
        }
        // What has ended by now must not count.
        let limit = self.subscriber.as_ref()?;
        self.bindings.notice_account(self.now, &limit.name);
        self.waits_for_account()
    }

    /// The addresses that the message, the terms or a reservation name. The address in a DISCOVER
    /// is only a preference, so it is not included: if it is not free, the client is offered
    /// another one.
    fn named(&self) -> impl Iterator<Item = u32> {
        let is_wish = matches!(self.request.kind, RequestKind::Discover | RequestKind::Bootp);
        let requested = self.request.requested_address.filter(|_| !is_wish);
        let in_use = self.request.address_in_use().filter(|_| !is_wish);
        let reserved = self.reserved_address();
        let named = [requested, in_use, self.terms.address, reserved];
        named.into_iter().flatten().map(u32::from)
    }

    /// Notices the end of whatever holds an address that the request concerns, so that the decision
    /// uses the current states of the addresses.
    pub(super) fn notice(&mut self) {
        let (requested, in_use) = (self.request.requested_address, self.request.address_in_use());
        let named = [requested, in_use, self.terms.address, self.reserved_address()];
        for address in named.into_iter().flatten() {
            self.bindings.notice(self.now, u32::from(address));
        }
        if let Some(offered) = self.bindings.offer_of(&self.client.key).map(|offer| offer.resource)
        {
            self.bindings.notice(self.now, offered);
        }
        for address in self.bindings.records_of(self.client.on_record()) {
            self.bindings.notice(self.now, address);
        }
        if let Some(limit) = &self.subscriber {
            self.bindings.notice_account(self.now, &limit.name);
        }
    }

    /// The address that is reserved for the client, if its reservation has one.
    pub(super) fn reserved_address(&self) -> Option<Ipv4Addr> {
        self.reservation?.address
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
        let record = self.bindings.slot(address).and_then(SlotView::record);
        record.is_some_and(|record| {
            let until = record.changed_at().after_secs(self.plan.network().quarantine_secs);
            record.state() == BindingState::Quarantined && self.now < until && self.is_own(record)
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

    /// Returns whether another client has a lease of `address`.
    pub(super) fn is_leased_to_other(&self, address: u32) -> bool {
        let active = self.bindings.slot(address).and_then(SlotView::active);
        active.is_some_and(|record| !self.is_own(record))
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
        let record = self.bindings.slot(address).and_then(SlotView::record);
        record.is_some_and(|record| {
            record.state() != BindingState::Quarantined
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
}

/// The account that a lease of the client counts on, and its limit: those of the policies, or
/// otherwise those of the first of its classes that has a limit.
pub(super) fn subscriber_of(
    request: &Request,
    terms: &Terms,
    relay_information: Option<&RelayInformation>,
) -> Option<SubscriberLimit> {
    terms.subscriber.clone().or_else(|| request.account_of_class(relay_information))
}
