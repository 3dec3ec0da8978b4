//! The auditor: knows the rules of the protocol and of the configuration, sees all inputs and
//! outputs, and looks things up in a slow and simple way.
//!
//! It learns of leases from the store and from the inputs of each server, not from engines. Only
//! open offers, which no packet withdraws, are read from the engine that made them.
//!
//! Limits of subscribers apply to each server: a server counts the leases that it knows. So each
//! decision is checked against the limit with the knowledge of its server; the store is checked
//! only if a single server writes. Quarantines and offers are also limited for each server.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
};

use lessor_core::{
    BeyondLimit, Binding, BindingState, BootpClients, Change, ChangeByHand, ClientKey, ClientState,
    Decision, HardwareAddress, LeaseTimeRule, Network, OpenOffer, Origin, Outcome, Reason, Request,
    RequestKind, ReservationOwner, Subnet, SubscriberLimit, Terms, Timestamp, relay::CIRCUIT_ID,
};

use super::{
    clients::{account_of, line_name, pool_of_class, sender_of},
    configurations::{is_given, owners},
    knowledge::Knowledge,
    server::{Pending, Server},
    store::Store,
};
use crate::support::*;

#[derive(Default)]
pub(super) struct Auditor {
    /// Every line that a client has been on.
    lines: BTreeMap<u8, BTreeSet<u8>>,
    reasons: BTreeMap<Reason, usize>,
    /// The lease of every client's last ACK, until it ended.
    acknowledged: BTreeMap<u8, Arc<Binding>>,
    /// The number and the limit of the last acknowledged decision of each subscriber.
    limits: BTreeMap<Arc<str>, (usize, usize)>,
}

/// The leases that a server knows on the account that the terms name, when it decides.
pub(super) struct Account {
    limit: Option<SubscriberLimit>,
    leases: Vec<Arc<Binding>>,
    /// Leases in flight to storage.
    grants: Vec<Arc<Binding>>,
}

impl Account {
    pub(super) fn of(client: u8, terms: &Terms, knowledge: &Knowledge, now: Timestamp) -> Self {
        let limit = account_of(client, terms);
        let Some(SubscriberLimit { name, .. }) = &limit else {
            return Self { limit, leases: Vec::new(), grants: Vec::new() };
        };
        Self {
            leases: knowledge.leases_of(name, now).cloned().collect(),
            grants: knowledge.grants_of(name).cloned().collect(),
            limit,
        }
    }
}

impl Auditor {
    /// Records that a client sends a message, and over which line, if any.
    pub(super) fn hear(&mut self, client: u8, line: Option<u8>) {
        self.lines.entry(client).or_default().extend(line);
    }

    /// Checks a decision of server number `server`: the client may have its address.
    pub(super) fn check(&mut self, server: usize, network: &Network, pending: &Pending) {
        let Pending { client, request, terms, .. } = pending;
        let (client, decision) = (*client, pending.decision());
        check_decision(request, decision);
        *self.reasons.entry(decision.reason).or_default() += 1;
        let Some(reply) = &decision.reply else { return };
        let is_bootp = request.kind == RequestKind::Bootp;
        let sender = sender_of(reply).filter(|_| !is_bootp).or(is_bootp.then_some(server));
        assert_eq!(sender, Some(server), "it does not say which server it is from");
        let address = reply.your_address;
        if address.is_unspecified() {
            let is_preferred = request.parameter_request_list.contains(&108);
            let is_offer = decision.reason.outcome() == Outcome::Offer;
            assert!(!is_offer || is_preferred, "client {client} is offered no address");
            return;
        }
        let owners = owners(network, address);
        let is_owner = owners.iter().any(|owner| self.is_owner(client, owner));
        assert!(owners.is_empty() || is_owner, "{address} is reserved, not for client {client}");
        let pool = network.subnets.iter().flat_map(|subnet| &subnet.pools).find(|pool| {
            (u32::from(pool.first)..=u32::from(pool.last)).contains(&u32::from(address))
        });
        let is_instead = matches!(
            decision.reason,
            Reason::OfferedInsteadOfReserved | Reason::AckInsteadOfReserved
        );
        let named = terms.address.filter(|_| !is_instead);
        let pool = pool.filter(|pool| pool.rules.skipped.why(address).is_none());
        let pools = terms.pool.clone().or_else(|| pool_of_class(client));
        let is_allowed = match (named, &pools) {
            (Some(named), _) => named == address,
            (None, _) if is_owner => true,
            (None, Some(choice)) => {
                pool.is_some_and(|pool| choice.names().any(|name| pool.name == *name))
            }
            (None, None) => pool.is_some_and(|pool| !pool.by_policy_only),
        };
        let is_kept = decision.lease_time_rule == Some(LeaseTimeRule::Kept);
        assert!(decision.changes.is_empty() || !is_kept, "a lease is kept and changed");
        assert!(is_allowed, "{address} for client {client} under {terms:?}");
        if is_bootp {
            let clients = network.subnets.get(pending.subnet).map(Subnet::bootp_clients);
            let has_its_own = is_owner || named.is_some();
            let is_served = match clients {
                Some(BootpClients::Dynamic) => true,
                Some(BootpClients::Reserved) => has_its_own,
                Some(BootpClients::Off) | None => false,
            };
            assert!(is_served, "{address} for client {client}, which uses BOOTP");
        }
    }

    /// No DECLINE quarantines addresses beyond the limits of its client, line and subscriber,
    /// according to the knowledge of the server, which includes the decision.
    pub(super) fn check_set_aside(
        now: Timestamp,
        network: &Network,
        knowledge: &Knowledge,
        decision: &Decision,
    ) {
        if decision.reason != Reason::QuarantinedDeclined {
            return;
        }
        let declined = &decision.changes[0].binding;
        assert!(declined.is_quarantined(now));
        let max = network.bounds.quarantine_max;
        let line = |binding: &Binding| binding.relay_information.clone();
        let line_max = if line(declined).is_some() { max.line } else { max.link };
        // Addresses that answered a probe count against nobody.
        let set_aside: Vec<_> = knowledge
            .if_made()
            .filter(|binding| binding.is_quarantined(now) && !is_of_nobody(binding))
            .collect();
        let count = |is_same: &dyn Fn(&Binding) -> bool| {
            set_aside.iter().filter(|binding| is_same(binding)).count()
        };
        let of_subscriber = |binding: &Binding| {
            binding.subscriber.is_some() && binding.subscriber == declined.subscriber
        };
        assert!(count(&|binding| binding.client == declined.client) <= max.client.get() as usize);
        assert!(count(&|binding| line(binding) == line(declined)) <= line_max.get() as usize);
        assert!(count(&of_subscriber) <= max.subscriber.get() as usize);
    }

    /// An address that no client has is offered only after a probe, unless it is quarantined and
    /// offered for want of others.
    pub(super) fn check_probed(
        now: Timestamp,
        server: &Server,
        request: &Request,
        decision: &Decision,
    ) {
        let Some(reply) = decision.reply.as_ref() else { return };
        let is_chosen = matches!(request.kind, RequestKind::Discover | RequestKind::Bootp);
        let subnets = &server.network.subnets;
        let probes = subnets.iter().any(|subnet| subnet.settings.probing.method.is_some());
        if !is_chosen || !probes || reply.your_address.is_unspecified() {
            return;
        }
        let address = reply.your_address;
        let known = server.knowledge.records().get(&address);
        let is_in_use = known.is_some_and(|record| record.is_active(now));
        let is_set_aside = known.is_some_and(|record| record.is_quarantined(now));
        let found_unused = server.found_unused.get(&address);
        let is_probed = found_unused.is_some_and(|at| now < at.after_secs(60));
        assert!(is_in_use || is_set_aside || is_probed, "{address} is offered without a probe");
    }

    /// No DISCOVER makes a line hold more addresses of a pool by open offers than its limit.
    pub(super) fn check_offers(
        now: Timestamp,
        server: &Server,
        request: &Request,
        decision: &Decision,
    ) {
        if decision.reason.outcome() != Outcome::Offer {
            return;
        }
        let Server { engine, network, knowledge, .. } = server;
        let address = reply(decision).your_address;
        if address.is_unspecified() {
            let client = ClientKey::Hardware(request.hardware_address);
            let holds = engine.offers().any(|offer| offer.client == client);
            assert!(!holds, "an address is held for a client that was offered none");
            return;
        }
        if !is_given(network, address) {
            // No pool gives the address. The line's other offers may be from before the
            // configuration changed.
            return;
        }
        let pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
        let Some(pool) = pools.into_iter().find(|pool| pool.contains(address)) else { return };
        let origin = Origin::of(request);
        let held = engine.offers().filter(|offer| {
            let binding = knowledge.records().get(&offer.address);
            // An offer does not hold an address that a client already has: its own, one that
            // another client takes over from its subscriber, or one that it has extended on another
            // account since it was offered to that client.
            let holds_nothing = binding.is_some_and(|binding| {
                let is_of_subscriber =
                    binding.subscriber.is_some() && binding.subscriber == offer.subscriber;
                binding.client == offer.client || is_of_subscriber || binding.is_active(now)
            });
            pool.contains(offer.address)
                && is_given(network, offer.address)
                && !holds_nothing
                && now < offer.expires_at
                && offer.origin.as_deref() == Some(&origin)
        });
        let held: Vec<_> = held.collect();
        let max = network.bounds.offers_max.of(&origin);
        assert!(held.len() <= max, "{origin:?} holds {held:#?}, which are more than {max}");
    }

    /// A drained pool gives its addresses only to clients that lease them, or that accept an offer.
    pub(super) fn check_drained(now: Timestamp, server: &Server, pending: &Pending) {
        let Pending { client, request, .. } = pending;
        let granted = pending.decision().reply.as_ref().map(|reply| reply.your_address);
        let Some(address) = granted.filter(|address| server.is_drained(*address)) else { return };
        let record = server.knowledge.records().get(&address);
        let goes_on =
            record.is_some_and(|record| record.is_active(now) && record.client == key(*client));
        let accepts = request.kind == RequestKind::Request
            && matches!(request.client_state(), ClientState::Selecting | ClientState::Unknown);
        assert!(goes_on || accepts, "{address} of a drained pool for client {client}");
    }

    /// An operator gives no address away that anybody holds, and ends nothing that is not held.
    /// `offers` were open before.
    pub(super) fn check_by_hand(
        now: Timestamp,
        server: &Server,
        change: &ChangeByHand,
        changes: &[Change],
        offers: &[OpenOffer],
    ) {
        let [Change { binding, previous }] = changes else { panic!("{changes:?}") };
        let record = server.knowledge.records().get(&binding.address);
        assert_eq!(record, previous.as_ref(), "it is built on another record");
        let is_held = |record: &Binding| record.is_active(now) || record.is_quarantined(now);
        let was_held = record.is_some_and(|record| is_held(record));
        let leased = server
            .knowledge
            .records()
            .values()
            .filter(|lease| lease.is_active(now) && lease.client == binding.client);
        let leased: Vec<_> = leased.map(|lease| lease.address).collect();
        if let ChangeByHand::End { client, .. } = change {
            assert!(was_held && !is_held(binding), "{binding:?} after {record:?}");
            assert!(client.as_ref().is_none_or(|client| *client == binding.client));
            return;
        }
        let address = binding.address;
        assert!(!was_held, "{address} is held: {record:?}");
        let offer = offers.iter().find(|offer| offer.address == address && now < offer.expires_at);
        assert!(offer.is_none_or(|offer| offer.client == binding.client), "{offer:?}");
        assert!(is_given(&server.network, address) && !server.is_drained(address), "{address}");
        assert!(binding.is_active(now) && binding.subscriber.is_none());
        match change {
            ChangeByHand::Move { from, .. } => assert_eq!(leased, [*from]),
            _ => assert!(leased.is_empty(), "{leased:?}"),
        }
    }

    /// A decision may end leases of other clients only if its account gives them up, oldest first,
    /// or if a line's former device has them. Returns the positions of these changes. No ACK
    /// exceeds the limit of the account, according to the knowledge of the server.
    pub(super) fn check_ends(
        &self,
        now: Timestamp,
        network: &Network,
        client: u8,
        account: &Account,
        decision: &Decision,
    ) -> Vec<usize> {
        let Some(granted) = decision.changes.first().map(|change| change.binding.address) else {
            return Vec::new();
        };
        let mut cuts_off = Vec::new();
        let mut given_up = Vec::new();
        for (position, change) in decision.changes.iter().enumerate() {
            let former = change.previous.as_ref().filter(|former| former.client != key(client));
            let Some(former) = former else { continue };
            if position == 0 && self.may_take_over(network, client, granted) {
                cuts_off.push(position);
            } else if account.leases.contains(former) {
                cuts_off.push(position);
                given_up.push((former.began_at, former.address));
            } else {
                let is_free = position == 0 && !former.is_active(now);
                assert!(is_free, "{}, leased to another client, changes hands", former.address);
            }
        }
        let Some(limit) = &account.limit else {
            assert!(given_up.is_empty());
            return cuts_off;
        };
        let rest: Vec<_> = (account.leases.iter())
            .filter(|lease| lease.client != key(client) && lease.address != granted)
            .map(|lease| (lease.began_at, lease.address))
            .filter(|lease| !given_up.contains(lease))
            .collect();
        assert!(given_up.is_empty() || limit.beyond == BeyondLimit::ReplaceOldest);
        let last_given_up = given_up.iter().max();
        assert!(rest.iter().all(|kept| last_given_up.is_none_or(|ended| ended < kept)));
        let is_ack = decision.reason.outcome() == Outcome::Ack && !decision.changes.is_empty();
        let goes_on = account.leases.iter().any(|lease| lease.client == key(client));
        if is_ack && (limit.beyond == BeyondLimit::ReplaceOldest || !goes_on) {
            let grants = account.grants.iter().filter(|grant| grant.client != key(client));
            let all = grants.map(|grant| grant.address).chain(rest.iter().map(|(_, kept)| *kept));
            let all: BTreeSet<_> = all.collect();
            assert!(all.len() < limit.leases_max.get() as usize, "{all:?} under {limit:?}");
        }
        cuts_off
    }

    /// Records that a change is durable; it may end a lease.
    pub(super) fn hear_durable(&mut self, change: &Change) {
        let Change { binding, previous } = change;
        let goes_on = binding.state == BindingState::Leased
            && previous.as_ref().is_some_and(|previous| {
                previous.is_active(binding.changed_at) && previous.client == binding.client
            });
        self.acknowledged.retain(|_, known| {
            known.address != binding.address
                || known == binding
                || goes_on && is_same(known, binding)
        });
    }

    /// Checks an ACK whose changes are durable when it is sent: no subscriber has more leases on
    /// record than the limit of the last acknowledged decision allows. Leases from before its limit
    /// was lowered stay. Records of a server outside the simulation do not count. Nothing is
    /// checked if several servers write, because none knows what others grant in the meantime.
    pub(super) fn acknowledge(
        &mut self,
        store: &Store,
        now: Timestamp,
        pending: &Pending,
        is_alone: bool,
    ) {
        let decision = pending.decision();
        let Some(binding) = decision.changes.first().map(|change| &change.binding) else { return };
        if decision.reason.outcome() != Outcome::Ack {
            return;
        }
        let limit = account_of(pending.client, &pending.terms);
        let limit = limit.as_ref();
        assert_eq!(binding.subscriber.as_ref(), limit.map(|limit| &limit.name));
        let earlier = self.acknowledged.insert(pending.client, Arc::clone(binding));
        let Some(limit) = limit.filter(|_| is_alone) else { return };
        // A server outside the simulation may have extended the lease since its last ACK, also one
        // that ends now because an operator has moved the client to another address.
        let extended = decision.changes.iter().filter_map(|change| change.previous.clone());
        let extended = extended.filter(|record| record.client == binding.client);
        let goes_on = earlier.into_iter().chain(extended).any(|earlier| {
            earlier.subscriber == binding.subscriber && earlier.is_active(binding.changed_at)
        });
        if limit.beyond == BeyondLimit::Refuse && goes_on {
            return;
        }
        let latest = self.limits.entry(Arc::clone(&limit.name)).or_default();
        *latest = (*latest).max((pending.number, limit.leases_max.get() as usize));
        let (_, leases_max) = *latest;
        let counted: Vec<_> = (store.records.values())
            .filter(|binding| {
                binding.is_active(now) && binding.subscriber.as_ref() == Some(&limit.name)
            })
            .filter(|binding| !store.by_stranger.contains(&binding.address))
            .collect();
        assert!(counted.len() <= leases_max, "{counted:#?} are more than {leases_max}");
    }

    /// Returns whether a client may take `address` from any other device, because it is reserved
    /// for the client or its line.
    pub(super) fn may_take_over(&self, network: &Network, client: u8, address: Ipv4Addr) -> bool {
        owners(network, address).iter().any(|owner| self.is_owner(client, owner))
    }

    /// Checks an ACK that is sent to its client, which uses the address from now on, in true time.
    pub(super) fn check_ack(
        store: &Store,
        now: Timestamp,
        client: u8,
        address: Ipv4Addr,
        others: impl Iterator<Item = (u8, Ipv4Addr, Timestamp)>,
    ) {
        for (other, used, used_until) in others {
            let clash = other != client && used == address && used_until > now;
            assert!(!clash, "{address} is used by client {other} and acknowledged to {client}");
        }
        let record = &store.records[&address];
        let is_its_own = (&record.client, record.state) == (&key(client), BindingState::Leased);
        assert!(
            is_its_own,
            "{address} is acknowledged to client {client}, but on record {record:?}"
        );
    }

    /// Checks that memory and storage are equal once storage has answered everything, except for
    /// changes that the server could not know of, and that counters match the slots.
    pub(super) fn check_at_rest(now: Timestamp, server: &Server, store: &Store) {
        let Server { engine, knowledge, unheard, .. } = server;
        assert!(
            engine.bindings().eq(knowledge.records().values().map(|record| (**record).clone())),
            "it knows what it was not told"
        );
        for (address, record) in &store.records {
            if !unheard.contains(address) && !knowledge.is_in_flight(*address) {
                let known = engine.binding_at(*address);
                assert!(
                    known.as_ref() == Some(&**record),
                    "it knows {known:?}, and storage holds {record:?}"
                );
            }
        }
        for binding in engine.bindings() {
            assert!(store.records.contains_key(&binding.address), "{binding:?} is not on storage");
        }
        // The world only asks for addresses of 10.0.0.0/24 and 10.0.1.0/28.
        assert!(engine.bindings().count() <= 254 + 14);
        if knowledge.has_flights() {
            // The end of a lease with a change in flight is not noticed.
            return;
        }
        let mut engine = engine.clone();
        while engine.next_deadline().is_some_and(|at| at <= now) {
            engine.reclaim(now, 7);
        }
        let network = Arc::clone(engine.network());
        let pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
        for (pool, usage) in pools.zip(engine.usage()) {
            let count = |is_counted: &dyn Fn(&Binding) -> bool| {
                let in_pool = engine.bindings().filter(|binding| pool.contains(binding.address));
                in_pool
                    .filter(|binding| is_given(&network, binding.address))
                    .filter(|binding| is_counted(binding))
                    .count() as u64
            };
            let leased = count(&|binding| binding.is_active(now));
            assert!(usage.leased == leased, "{leased} leases are counted as {usage:?}");
            let offered: Vec<_> = engine.offers().map(|offer| offer.address).collect();
            let is_set_aside = |binding: &Binding| {
                binding.is_quarantined(now) && !offered.contains(&binding.address)
            };
            let set_aside = count(&is_set_aside);
            assert!(
                usage.quarantined == set_aside,
                "{set_aside} set aside are counted as {usage:?}"
            );
            assert!(usage.leased + usage.quarantined + usage.offered <= usage.size);
        }
    }

    /// How often each reason occurred.
    pub(super) fn into_reasons(self) -> BTreeMap<Reason, usize> {
        self.reasons
    }

    fn is_owner(&self, client: u8, owner: &ReservationOwner) -> bool {
        match owner {
            ReservationOwner::RelaySubOption(CIRCUIT_ID, octets) => self
                .lines
                .get(&client)
                .is_some_and(|lines| lines.iter().any(|line| line_name(*line) == **octets)),
            ReservationOwner::HardwareAddress(address) => *address == hardware(client),
            _ => false,
        }
    }
}

/// Returns whether a record is of an address that answered a probe.
fn is_of_nobody(binding: &Binding) -> bool {
    binding.client == ClientKey::Hardware(HardwareAddress::ethernet([0; 6]))
}

/// Returns whether two records are of the same client's lease of the same address.
fn is_same(a: &Binding, b: &Binding) -> bool {
    (a.address, &a.client) == (b.address, &b.client)
}
