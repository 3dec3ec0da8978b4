//! The auditor: knows the rules of the protocol and of the configuration, sees what goes in and
//! out, and looks things up the slow way.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use lessor_core::{
    Decision, Engine, LeaseState, Network, Outcome, Reason, ReplyKind, Request, RequestKind,
    ReservationOwner, Terms, Timestamp,
};

use super::{clients::line_name, store::Store};
use crate::support::*;

#[derive(Default)]
pub(super) struct Auditor {
    /// Every line that a client was ever on.
    lines: BTreeMap<u8, BTreeSet<u8>>,
    reasons: BTreeMap<Reason, usize>,
}

/// What holds for every decision, whatever came before it.
pub(crate) fn check_decision(request: &Request, decision: &Decision) {
    let kind = decision.reply.as_ref().map(|reply| reply.kind);
    let expected = match decision.reason.outcome() {
        Outcome::Offer => Some(ReplyKind::Offer),
        Outcome::Ack => Some(ReplyKind::Ack),
        Outcome::Nak => Some(ReplyKind::Nak),
        Outcome::Silence | Outcome::Malformed | Outcome::Failure => None,
    };
    assert_eq!(kind, expected, "{:?}", decision.reason);
    assert!(decision.changes.len() <= 2);
    for change in &decision.changes {
        assert_eq!(change.lease.revision, change.expected_revision() + 1);
        let previous = change.previous.as_ref();
        assert!(previous.is_none_or(|previous| previous.address == change.lease.address));
    }
    match (kind, request.kind) {
        (Some(ReplyKind::Ack), RequestKind::Request) => {
            let lease = &decision.changes[0].lease;
            assert_eq!(lease.address, reply(decision).your_address);
            assert_eq!((&lease.client, lease.state), (&request.client_key(), LeaseState::Leased));
            if let Some(released) = decision.changes.get(1) {
                assert_eq!(released.lease.state, LeaseState::Released);
                assert_eq!(released.lease.client, request.client_key());
                assert_ne!(released.lease.address, lease.address);
            }
        }
        (None, RequestKind::Decline | RequestKind::Release) => {
            assert!(decision.changes.len() <= 1);
        }
        _ => assert!(decision.changes.is_empty()),
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
        let is_allowed = match (terms.address, &terms.pool) {
            (Some(named), _) => named == address,
            (None, _) if is_owner => true,
            (None, Some(name)) => pool.is_some_and(|pool| pool.name == *name),
            (None, None) => pool.is_some_and(|pool| !pool.by_policy_only),
        };
        assert!(is_allowed, "{address} for client {client} under {terms:?}");
    }

    /// Whether a client may take `address` from whatever device has it, because it is reserved for
    /// it or its line.
    pub(super) fn may_take_over(&self, network: &Network, client: u8, address: Ipv4Addr) -> bool {
        owners(network, address).iter().any(|owner| self.is_owner(client, owner))
    }

    /// An ACK reaches its client, which uses the address from now on.
    pub(super) fn check_ack(
        &self,
        store: &Store,
        now: Timestamp,
        client: u8,
        (address, until): (Ipv4Addr, Timestamp),
        others: &[(u8, Ipv4Addr, Timestamp)],
    ) {
        let record = &store.records[&address];
        assert_eq!((&record.client, record.state), (&key(client), LeaseState::Leased));
        assert!(record.expires_at >= until, "the lease of {address} is shorter than its ACK");
        for (other, used, used_until) in others {
            let clash = *other != client && *used == address && *used_until > now;
            assert!(!clash, "{address} is used by clients {other} and {client}");
        }
    }

    /// Nothing is pending: memory and storage say the same, and counters count what is there.
    pub(super) fn check_at_rest(&self, now: Timestamp, engine: &mut Engine, store: &Store) {
        for (address, record) in &store.records {
            if !store.foreign.contains_key(address) {
                assert_eq!(engine.lease_at(*address), Some(record));
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
        for (pool, usage) in pools.zip(engine.usage(now)) {
            let count = |is_counted: &dyn Fn(&lessor_core::Lease) -> bool| {
                let in_pool = engine.leases().filter(|lease| pool.contains(lease.address));
                in_pool
                    .filter(|lease| owners(&network, lease.address).is_empty())
                    .filter(|lease| is_counted(lease))
                    .count() as u64
            };
            assert_eq!(usage.leased, count(&|lease| lease.is_active(now)), "{}", pool.name);
            assert_eq!(usage.quarantined, count(&|lease| lease.is_quarantined(now)));
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

fn owners(network: &Network, address: Ipv4Addr) -> Vec<&ReservationOwner> {
    let all = network.subnets.iter().flat_map(|subnet| &subnet.reservations);
    all.filter(|reservation| reservation.address == address)
        .map(|reservation| &reservation.owner)
        .collect()
}
