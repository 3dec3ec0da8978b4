//! The auditor: knows the rules of the protocol and of the configuration, sees what goes in and
//! out, and looks things up the slow way.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
};

use lessor_core::{
    BeyondLimit, Change, Decision, Engine, Lease, LeaseState, Network, Origin, Outcome, Reason,
    Request, ReservationOwner, SubscriberLimit, Terms, Timestamp,
};

use super::{
    clients::line_name,
    store::{Pending, Store},
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

/// What is on the account that terms name, found by looking at every lease.
pub(super) struct Account {
    limit: Option<SubscriberLimit>,
    leases: Vec<Arc<Lease>>,
}

impl Account {
    pub(super) fn of(terms: &Terms, engine: &Engine, now: Timestamp) -> Self {
        let limit = terms.subscriber.clone();
        let name = limit.as_ref().map(|limit| &limit.name);
        let active = engine.leases().filter(|lease| lease.is_active(now));
        let leases = active.filter(|lease| name.is_some() && lease.subscriber.as_ref() == name);
        Self { leases: leases.map(Arc::new).collect(), limit }
    }
}

impl Auditor {
    /// A message is sent: from which line, if it goes over one.
    pub(super) fn hear(&mut self, client: u8, line: Option<u8>) {
        self.lines.entry(client).or_default().extend(line);
    }

    /// A decision was made: its address must be one that the client may have.
    pub(super) fn check(
        &mut self,
        network: &Network,
        client: u8,
        request: &Request,
        terms: &Terms,
        decision: &Decision,
    ) {
        check_decision(request, decision);
        *self.reasons.entry(decision.reason).or_default() += 1;
        let Some(reply) = &decision.reply else { return };
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

    /// No DECLINE sets an address aside beyond the bounds of its client, line and subscriber.
    /// `on_their_way` are the leases of decisions that the engine has not heard of yet.
    pub(super) fn check_set_aside<'p>(
        &self,
        now: Timestamp,
        engine: &Engine,
        on_their_way: impl Iterator<Item = &'p Arc<Lease>>,
        decision: &'p Decision,
    ) {
        if decision.reason != Reason::QuarantinedDeclined {
            return;
        }
        let declined = &decision.changes[0].lease;
        assert!(declined.is_quarantined(now));
        let max = engine.network().bounds.quarantine_max;
        let line = |lease: &Lease| lease.relay_information.clone();
        let line_max = if line(declined).is_some() { max.line } else { max.link };
        let on_their_way: BTreeMap<_, _> =
            on_their_way.chain([declined]).map(|lease| (lease.address, lease)).collect();
        let others = engine
            .leases()
            .map(Arc::new)
            .filter(|lease| !on_their_way.contains_key(&lease.address));
        let all = others.chain(on_their_way.values().map(|lease| Arc::clone(lease)));
        let set_aside: Vec<_> = all.filter(|lease| lease.is_quarantined(now)).collect();
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
        engine: &Engine,
        request: &Request,
        decision: &Decision,
    ) {
        if decision.reason.outcome() != Outcome::Offer {
            return;
        }
        let network = engine.network();
        let address = reply(decision).your_address;
        if !owners(network, address).is_empty() {
            // It is of no pool; what the line holds in pools may be from before the configuration changed.
            return;
        }
        let pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
        let Some(pool) = pools.into_iter().find(|pool| pool.contains(address)) else { return };
        let origin = Origin::of(request);
        let held = engine.offers().filter(|offer| {
            let lease = engine.lease_at(offer.address);
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
                && offer.origin.as_deref() == Some(&origin)
        });
        let max = network.bounds.offers_max.of(&origin);
        assert!(held.count() <= max, "{origin:?} holds more than {max}");
    }

    /// Leases of others end with a decision: only those that its account gives up, oldest first,
    /// and the one of a line's former device. Which changes these are, by position.
    pub(super) fn check_ends(
        &self,
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
                assert_eq!(position, 0, "the lease of {} ends", former.address);
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
        if is_ack && limit.beyond == BeyondLimit::ReplaceOldest {
            assert!(rest.len() < limit.leases_max.get() as usize, "{rest:?} under {limit:?}");
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
    /// limit was lowered it keeps. What another server wrote meanwhile is not counted: no server can
    /// know of it.
    pub(super) fn acknowledge(&mut self, store: &Store, now: Timestamp, pending: &Pending) {
        let decision = &pending.decision;
        let Some(lease) = decision.changes.first().map(|change| &change.lease) else { return };
        if decision.reason.outcome() != Outcome::Ack {
            return;
        }
        let limit = pending.terms.subscriber.as_ref();
        assert_eq!(lease.subscriber.as_ref(), limit.map(|limit| &limit.name));
        let earlier = self.acknowledged.insert(pending.client, Arc::clone(lease));
        let Some(limit) = limit else { return };
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
            .filter(|lease| !store.by_other_server.contains(&lease.address))
            .collect();
        assert!(counted.len() <= leases_max, "{counted:#?} are more than {leases_max}");
    }

    /// Whether a client may take `address` from whatever device has it, because it is reserved for
    /// it or its line.
    pub(super) fn may_take_over(&self, network: &Network, client: u8, address: Ipv4Addr) -> bool {
        owners(network, address).iter().any(|owner| self.is_owner(client, owner))
    }

    /// An ACK reaches its client, which uses the address from now on, in true time.
    pub(super) fn check_ack(
        &self,
        store: &Store,
        now: Timestamp,
        client: u8,
        address: Ipv4Addr,
        others: &[(u8, Ipv4Addr, Timestamp)],
    ) {
        let record = &store.records[&address];
        assert_eq!((&record.client, record.state), (&key(client), LeaseState::Leased));
        for (other, used, used_until) in others {
            let clash = *other != client && *used == address && *used_until > now;
            assert!(!clash, "{address} is used by clients {other} and {client}");
        }
    }

    /// Nothing is pending: memory and storage say the same, and counters count what is there.
    pub(super) fn check_at_rest(&self, now: Timestamp, engine: &Engine, store: &Store) {
        let mut engine = engine.clone();
        for (address, record) in &store.records {
            if !store.foreign.contains(address) {
                assert_eq!(engine.lease_at(*address).as_ref(), Some(&**record));
            }
        }
        for lease in engine.leases() {
            assert!(store.records.contains_key(&lease.address), "{lease:?} is not on storage");
        }
        while engine.next_deadline().is_some_and(|at| at <= now) {
            engine.reclaim(now, 7);
        }
        let network = std::sync::Arc::clone(engine.network());
        let pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
        for (pool, usage) in pools.zip(engine.usage()) {
            let count = |is_counted: &dyn Fn(&Lease) -> bool| {
                let in_pool = engine.leases().filter(|lease| pool.contains(lease.address));
                in_pool
                    .filter(|lease| owners(&network, lease.address).is_empty())
                    .filter(|lease| is_counted(lease))
                    .count() as u64
            };
            assert_eq!(usage.leased, count(&|lease| lease.is_active(now)), "{}", pool.name);
            let offered: Vec<_> = engine.offers().map(|offer| offer.address).collect();
            let is_set_aside =
                |lease: &Lease| lease.is_quarantined(now) && !offered.contains(&lease.address);
            assert_eq!(usage.quarantined, count(&is_set_aside));
            assert!(usage.leased + usage.quarantined + usage.offered <= usage.size);
        }
        // The world asks for addresses of 10.0.0.0/24 and 10.0.1.0/28 only.
        assert!(engine.leases().count() <= 254 + 14);
    }

    /// How often each reason was given.
    pub(super) const fn reasons(&self) -> &BTreeMap<Reason, usize> {
        &self.reasons
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

fn owners(network: &Network, address: Ipv4Addr) -> Vec<&ReservationOwner> {
    let all = network.subnets.iter().flat_map(|subnet| &subnet.reservations);
    all.filter(|reservation| reservation.address == address)
        .map(|reservation| &reservation.owner)
        .collect()
}
