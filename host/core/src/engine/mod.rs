//! The engine: decides the requests of one network and owns its addresses.
//!
//! It is a state machine without input or output. Time, requests, terms and what became of
//! changes are arguments; replies, changes and reasons are results. The same arguments in the same
//! order give the same results.
//!
//! Invariant: at any time an address is held for at most one client, be it by lease, offer or
//! reservation.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    Change, ClientKey, Committed, Lease, Network, Reason, Reply, Request, Terms, Timestamp,
};

/// What the engine decided about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// Why.
    pub reason: Reason,
    /// The reply; it must not leave before every change is durable.
    pub reply: Option<Reply>,
    /// What must be made durable.
    pub changes: SmallVec<[Change; 1]>,
}

/// Decides the requests of one network.
#[derive(Debug)]
pub struct Engine {
    network: Arc<Network>,
}

/// How many addresses of a pool are in which state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolUsage {
    /// The pool.
    pub pool: Arc<str>,
    /// All addresses that the pool may give out: its range less what is reserved.
    pub size: u64,
    /// Leased and not expired.
    pub leased: u64,
    /// Held for an open offer.
    pub offered: u64,
    /// Set aside after a DECLINE.
    pub quarantined: u64,
}

impl Engine {
    /// An engine for `network` that knows no lease yet. `hash_seed` makes the order of hash tables
    /// unpredictable to whoever sends requests; a given seed replays exactly.
    pub fn new(network: Arc<Network>, hash_seed: u64) -> Self {
        let _ = hash_seed;
        Self { network }
    }

    /// Takes in a lease from stable storage, at start, before any request.
    pub fn restore(&mut self, now: Timestamp, lease: Lease) {
        let _ = (now, lease);
    }

    /// The network as configured.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// The lease record of a client, active or not: what a policy may see before it decides.
    pub fn lease_of(&self, client: &ClientKey) -> Option<&Arc<Lease>> {
        let _ = client;
        None
    }

    /// The lease record of an address, active or not.
    pub fn lease_at(&self, address: Ipv4Addr) -> Option<&Arc<Lease>> {
        let _ = address;
        None
    }

    /// Every lease record, in no order.
    pub fn leases(&self) -> impl Iterator<Item = &Arc<Lease>> {
        std::iter::empty()
    }

    /// How full the pools are, in order of configuration.
    pub fn usage(&self, now: Timestamp) -> Vec<PoolUsage> {
        let _ = now;
        Vec::new()
    }

    /// Decides one request of a client in subnet `subnet` (its position in the network) under
    /// `terms`.
    pub fn decide(
        &mut self,
        now: Timestamp,
        subnet: usize,
        request: &Request,
        terms: &Terms,
    ) -> Decision {
        let _ = (now, subnet, request, terms);
        Decision { reason: Reason::NoFreeAddress, reply: None, changes: SmallVec::new() }
    }

    /// Hears what became of a change that it asked for. After `Failed` or `Conflict` the engine
    /// goes by what storage holds: the change is undone, or the other owner's record adopted.
    pub fn settle(&mut self, now: Timestamp, change: &Change, committed: &Committed) {
        let _ = (now, change, committed);
    }

    /// The earliest time at which an offer, lease or quarantine ends.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Reclaims what has ended by `now`, at most `limit` of them; says which leases expired. Call
    /// again while [`Engine::next_deadline`] is not in the future.
    pub fn reclaim(&mut self, now: Timestamp, limit: usize) -> Vec<Arc<Lease>> {
        let _ = (now, limit);
        Vec::new()
    }
}
