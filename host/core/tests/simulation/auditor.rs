//! The auditor: knows the rules of the protocol and of the configuration, sees what goes in and
//! out, and looks things up the slow way.
//!
//! Which leases there are it takes from the store and from what each server was told, not from
//! engines. Only open offers, which no packet withdraws, it reads from the engine that made them.
//!
//! Limits of subscribers are a server's own: it counts what it knows of. So each decision is held to
//! the limit by what its server was told; what is on the store is held to it only where one server
//! writes. Quarantines and offers are bounded likewise, by server.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
};

use lessor_core::{
    BeyondLimit, Change, Decision, Lease, LeaseState, Network, Origin, Outcome, Reason, Request,
    ReservationOwner, SubscriberLimit, Terms, Timestamp,
};

use super::{
    clients::{line_name, sender_of},
    knowledge::Knowledge,
    server::{Pending, Server},
    store::Store,
};
use crate::support::*;

#[derive(Default)]
pub(super) struct Auditor {
    /// Every line that a client was ever on.
    lines: BTreeMap<u8, BTreeSet<u8>>,
    reasons: BTreeMap<Reason, usize>,
    /// The lease of every client's last ACK, until it ended.
    acknowledged: BTreeMap<u8, Arc<Lease>>,
    /// Of every subscriber, the number of the last decision that was acknowledged, and its limit.
    limits: BTreeMap<Arc<str>, (usize, usize)>,
}

/// What a server knows to be on the account that terms name, when it decides.
pub(super) struct Account {
    limit: Option<SubscriberLimit>,
    leases: Vec<Arc<Lease>>,
    /// Leases that are on their way to storage.
    grants: Vec<Arc<Lease>>,
}

impl Account {
    pub(super) fn of(terms: &Terms, knowledge: &Knowledge, now: Timestamp) -> Self {
        let limit = terms.subscriber.clone();
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
    /// A message is sent: from which line, if it goes over one.
    pub(super) fn hear(&mut self, client: u8, line: Option<u8>) {
        self.lines.entry(client).or_default().extend(line);
    }

    /// Server number `server` made a decision: its address must be one that the client may have.
    pub(super) fn check(&mut self, server: usize, network: &Network, pending: &Pending) {
        let Pending { client, request, terms, .. } = pending;
        let (client, decision) = (*client, pending.decision());
        check_decision(request, decision);
        *self.reasons.entry(decision.reason).or_default() += 1;
        let Some(reply) = &decision.reply else { return };
        assert_eq!(sender_of(reply), Some(server), "it does not say which server it is from");
        let address = reply.your_address;
        if address.is_unspecified() {
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
        let is_allowed = match (named, &terms.pool) {
            (Some(named), _) => named == address,
            (None, _) if is_owner => true,
            (None, Some(name)) => pool.is_some_and(|pool| pool.name == *name),
            (None, None) => pool.is_some_and(|pool| !pool.by_policy_only),
        };
        assert!(is_allowed, "{address} for client {client} under {terms:?}");
    }

    /// No DECLINE sets an address aside beyond the bounds of its client, line and subscriber, by what
    /// the server knows, of which the decision is part.
    pub(super) fn check_set_aside(
        now: Timestamp,
        network: &Network,
        knowledge: &Knowledge,
        decision: &Decision,
    ) {
        if decision.reason != Reason::QuarantinedDeclined {
            return;
        }
        let declined = &decision.changes[0].lease;
        assert!(declined.is_quarantined(now));
        let max = network.bounds.quarantine_max;
        let line = |lease: &Lease| lease.relay_information.clone();
        let line_max = if line(declined).is_some() { max.line } else { max.link };
        let set_aside: Vec<_> =
            knowledge.if_made().filter(|lease| lease.is_quarantined(now)).collect();
        let count = |is_same: &dyn Fn(&Lease) -> bool| {
            set_aside.iter().filter(|lease| is_same(lease)).count()
        };
        let of_subscriber =
            |lease: &Lease| lease.subscriber.is_some() && lease.subscriber == declined.subscriber;
        assert!(count(&|lease| lease.client == declined.client) <= max.client.get() as usize);
        assert!(count(&|lease| line(lease) == line(declined)) <= line_max.get() as usize);
        assert!(count(&of_subscriber) <= max.subscriber.get() as usize);
    }

    /// No DISCOVER holds more addresses of a pool than its line may hold by open offers.
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
        if !owners(network, address).is_empty() {
            // It is of no pool; what the line holds in pools may be from before the configuration changed.
            return;
        }
        let pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
        let Some(pool) = pools.into_iter().find(|pool| pool.contains(address)) else { return };
        let origin = Origin::of(request);
        let held = engine.offers().filter(|offer| {
            let lease = knowledge.records().get(&offer.address);
            // What a client has is not held by the offer alone: what it is offered itself, what
            // others take over from its subscriber, and what it went on with on another account
            // since it was offered to them.
            let holds_nothing = lease.is_some_and(|lease| {
                let is_of_subscriber =
                    lease.subscriber.is_some() && lease.subscriber == offer.subscriber;
                lease.client == offer.client || is_of_subscriber || lease.is_active(now)
            });
            pool.contains(offer.address)
                && owners(network, offer.address).is_empty()
                && !holds_nothing
                && now < offer.expires_at
                && offer.origin.as_deref() == Some(&origin)
        });
        let held: Vec<_> = held.collect();
        let max = network.bounds.offers_max.of(&origin);
        assert!(held.len() <= max, "{origin:?} holds {held:#?}, which are more than {max}");
    }

    /// Leases of others end with a decision: only those that its account gives up, oldest first,
    /// and the one of a line's former device. Which changes these are, by position. No ACK goes beyond
    /// the limit of the account, by what the server knows.
    pub(super) fn check_ends(
        &self,
        now: Timestamp,
        network: &Network,
        client: u8,
        account: &Account,
        decision: &Decision,
    ) -> Vec<usize> {
        let Some(granted) = decision.changes.first().map(|change| change.lease.address) else {
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

    /// A change is durable; it may end a lease.
    pub(super) fn hear_durable(&mut self, change: &Change) {
        let Change { lease, previous } = change;
        let goes_on = lease.state == LeaseState::Leased
            && previous.as_ref().is_some_and(|previous| {
                previous.is_active(lease.changed_at) && previous.client == lease.client
            });
        self.acknowledged.retain(|_, known| {
            known.address != lease.address || known == lease || goes_on && is_same(known, lease)
        });
    }

    /// The changes of an ACK are durable: it leaves, and no subscriber has more leases on record
    /// than it may have, by the last decision that was acknowledged. Those that it had before its
    /// limit was lowered it keeps. What a server outside the simulation wrote is not counted, and
    /// nothing is if the server is not alone: none knows what others grant meanwhile.
    pub(super) fn acknowledge(
        &mut self,
        store: &Store,
        now: Timestamp,
        pending: &Pending,
        is_alone: bool,
    ) {
        let decision = pending.decision();
        let Some(lease) = decision.changes.first().map(|change| &change.lease) else { return };
        if decision.reason.outcome() != Outcome::Ack {
            return;
        }
        let limit = pending.terms.subscriber.as_ref();
        assert_eq!(lease.subscriber.as_ref(), limit.map(|limit| &limit.name));
        let earlier = self.acknowledged.insert(pending.client, Arc::clone(lease));
        let Some(limit) = limit.filter(|_| is_alone) else { return };
        let goes_on = earlier.is_some_and(|earlier| {
            earlier.subscriber == lease.subscriber && earlier.is_active(lease.changed_at)
        });
        if limit.beyond == BeyondLimit::Refuse && goes_on {
            return;
        }
        let latest = self.limits.entry(Arc::clone(&limit.name)).or_default();
        *latest = (*latest).max((pending.number, limit.leases_max.get() as usize));
        let (_, leases_max) = *latest;
        let counted: Vec<_> = (store.records.values())
            .filter(|lease| lease.is_active(now) && lease.subscriber.as_ref() == Some(&limit.name))
            .filter(|lease| !store.by_stranger.contains(&lease.address))
            .collect();
        assert!(counted.len() <= leases_max, "{counted:#?} are more than {leases_max}");
    }

    /// Whether a client may take `address` from whatever device has it, because it is reserved for
    /// it or its line.
    pub(super) fn may_take_over(&self, network: &Network, client: u8, address: Ipv4Addr) -> bool {
        owners(network, address).iter().any(|owner| self.is_owner(client, owner))
    }

    /// An ACK leaves for its client, which would use the address from now on, in true time.
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
        let is_its_own = (&record.client, record.state) == (&key(client), LeaseState::Leased);
        assert!(
            is_its_own,
            "{address} is acknowledged to client {client}, but on record {record:?}"
        );
    }

    /// Storage has said all that it says: memory and storage are the same, but for changes that nobody
    /// told the server of, and counters count what is there.
    pub(super) fn check_at_rest(now: Timestamp, server: &Server, store: &Store) {
        let Server { engine, knowledge, unheard, .. } = server;
        assert!(
            engine.leases().eq(knowledge.records().values().map(|record| (**record).clone())),
            "it knows what it was not told"
        );
        for (address, record) in &store.records {
            if !unheard.contains(address) && !knowledge.is_in_flight(*address) {
                let known = engine.lease_at(*address);
                assert!(
                    known.as_ref() == Some(&**record),
                    "it knows {known:?}, and storage holds {record:?}"
                );
            }
        }
        for lease in engine.leases() {
            assert!(store.records.contains_key(&lease.address), "{lease:?} is not on storage");
        }
        // The world asks for addresses of 10.0.0.0/24 and 10.0.1.0/28 only.
        assert!(engine.leases().count() <= 254 + 14);
        if knowledge.has_flights() {
            // Of what is in flight, no end is noticed.
            return;
        }
        let mut engine = engine.clone();
        while engine.next_deadline().is_some_and(|at| at <= now) {
            engine.reclaim(now, 7);
        }
        let network = Arc::clone(engine.network());
        let pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
        for (pool, usage) in pools.zip(engine.usage()) {
            let count = |is_counted: &dyn Fn(&Lease) -> bool| {
                let in_pool = engine.leases().filter(|lease| pool.contains(lease.address));
                in_pool
                    .filter(|lease| owners(&network, lease.address).is_empty())
                    .filter(|lease| is_counted(lease))
                    .count() as u64
            };
            let leased = count(&|lease| lease.is_active(now));
            assert!(usage.leased == leased, "{leased} leases are counted as {usage:?}");
            let offered: Vec<_> = engine.offers().map(|offer| offer.address).collect();
            let is_set_aside =
                |lease: &Lease| lease.is_quarantined(now) && !offered.contains(&lease.address);
            let set_aside = count(&is_set_aside);
            assert!(
                usage.quarantined == set_aside,
                "{set_aside} set aside are counted as {usage:?}"
            );
            assert!(usage.leased + usage.quarantined + usage.offered <= usage.size);
        }
    }

    /// How often each reason was given.
    pub(super) fn into_reasons(self) -> BTreeMap<Reason, usize> {
        self.reasons
    }

    fn is_owner(&self, client: u8, owner: &ReservationOwner) -> bool {
        match owner {
            ReservationOwner::CircuitId(octets) => self
                .lines
                .get(&client)
                .is_some_and(|lines| lines.iter().any(|line| line_name(*line) == **octets)),
            ReservationOwner::HardwareAddress(address) => *address == hardware(client),
            ReservationOwner::RemoteId(_) | ReservationOwner::ClientIdentifier(_) => false,
        }
    }
}

/// Whether two records are of one client's lease of one address.
fn is_same(a: &Lease, b: &Lease) -> bool {
    (a.address, &a.client) == (b.address, &b.client)
}

/// Whose an address is by reservation.
pub(super) fn owners(network: &Network, address: Ipv4Addr) -> Vec<&ReservationOwner> {
    let all = network.subnets.iter().flat_map(|subnet| &subnet.reservations);
    all.filter(|reservation| reservation.address == address)
        .map(|reservation| &reservation.owner)
        .collect()
}
