//! The engine: decides the requests of one network and owns its addresses.
//!
//! It is a state machine without input or output. Time, requests, terms and the results of changes
//! are arguments; replies, changes and reasons are results. The same arguments in the same order
//! give the same results.
//!
//! Its bindings are those that storage is known to hold. A decision that changes a record leaves it
//! as it is until storage has answered, and a decision that depends on such a record waits.
//!
//! Invariants: an address is held for at most one client at any time, whether by lease, offer or
//! reservation; a subscriber never has more acknowledged leases than the limit under which the last
//! of them was granted (see `limit`); no DECLINE quarantines more addresses than the limits of
//! client, line and subscriber allow, and no DISCOVER makes a line hold more offers than its limit.
//!
//! - `family`: IPv4 addresses as resources of [`crate::ledger`], which knows who holds which
//!   address.
//! - `plan`: the configuration of addresses, prepared for lookup; `owners`: its reservations;
//!   `reserved_classes`: the classes that these name.
//! - `identity`: the client that a request comes from; `quarantine`: the accounts that a declined
//!   address counts against.
//! - `decision`: what is decided about a request. `decider`: one request with its terms;
//!   `entitlement`: the addresses that its client may have. `discover` and `short`, `request`,
//!   `farewell` (DECLINE, RELEASE), `inform` and `bootp` decide it; `limit` applies the limit of
//!   its subscriber; `cost` is what other clients give up for it; `grant`, `reply`, `destination`,
//!   `parameters`, `naming` and `options` build the reply.
//! - `lease_time`: how long a lease lasts. `by_hand`: changes that an operator makes; `drained`:
//!   pools that give no address to new clients.
//! - `witness`: is notified of each address that a decision considers. `preview`: what would be
//!   decided and why, without consequences.
//! - `probing`: which addresses are probed before they are offered; `probes`: those that were.
//! - `known`, `open_offer`, `listing`: what the engine knows of clients and addresses, its open
//!   offers, and all its bindings, a few at a time; `usage`: how full its pools are.
//! - `missing_records`: a network that started without any lease on storage.
//! - `reconfigure`: a new configuration with the same bindings.

mod bootp;
mod by_hand;
mod cost;
mod decider;
mod decision;
mod destination;
mod discover;
mod drained;
mod entitlement;
mod family;
mod farewell;
mod grant;
mod identity;
mod inform;
mod known;
mod lease_time;
mod limit;
mod listing;
mod missing_records;
mod naming;
mod obstacle;
mod open_offer;
mod options;
mod owners;
mod parameters;
mod plan;
mod preview;
mod probes;
mod probing;
mod quarantine;
mod reconfigure;
mod reply;
mod request;
mod reserved_classes;
mod scopes;
mod short;
mod usage;
mod witness;

use std::{net::Ipv4Addr, sync::Arc};

use crate::{
    Binding, Change, Network, OwnAddresses, Reason, Request, SharedReservations, StorageAnswer,
    Terms, Timestamp, VpnName, keyed_hash::KeyedState,
};

use self::{
    decider::Decider, drained::Drained, family::Bindings, plan::Plan, probes::Probes,
    witness::Witness,
};

pub use self::{
    by_hand::{AttemptByHand, ChangeByHand, RefusalByHand},
    decision::{Attempt, Decision, LeaseTimeRule, Wait},
    identity::SeenElsewhere,
    known::Holding,
    listing::{BindingCopies, Listing},
    obstacle::Obstacle,
    open_offer::OpenOffer,
    preview::{HeaderField, Naming, OptionOrigin, Preview, RefusedName},
    reconfigure::{PreparedNetwork, Remembered},
    usage::PoolUsage,
    witness::{Candidate, Preference, Rule},
};

/// Decides the requests of one network.
#[derive(Clone, Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    bindings: Bindings,
    /// When the network started without any lease on storage, if it did.
    no_records_since: Option<Timestamp>,
    /// The pools that give no address to new clients.
    drained: Drained,
    /// The server's own addresses, those of other address spaces as well.
    own: OwnAddresses,
    /// The reservations of all networks.
    shared_reservations: Arc<SharedReservations>,
    /// The addresses that were probed lately.
    probes: Probes,
}

impl Engine {
    /// Creates an engine for `network` without any binding. `hash_seed` makes the order of hash
    /// tables unpredictable to senders of requests; the same seed replays exactly.
    pub fn new(network: Arc<Network>, hash_seed: u64) -> Self {
        Self::prepared(PreparedNetwork::new(network), hash_seed)
    }

    /// Creates an engine for a network that was prepared.
    pub fn prepared(prepared: PreparedNetwork, hash_seed: u64) -> Self {
        let hasher = KeyedState::with_seed(hash_seed);
        let plan = prepared.into_plan();
        Self {
            bindings: Bindings::new(Arc::clone(&plan), &hasher),
            plan,
            no_records_since: None,
            drained: Drained::default(),
            own: OwnAddresses::default(),
            shared_reservations: Arc::default(),
            probes: Probes::default(),
        }
    }

    /// Restores a binding from storage, at start, before any request. Bindings may come in any
    /// order; one outside the network's subnets is skipped.
    pub fn restore(&mut self, now: Timestamp, binding: impl Into<Arc<Binding>>) {
        let binding = binding.into();
        if self.owns(binding.vpn.as_ref(), binding.address) {
            self.bindings.learn(now, &binding);
        }
    }

    /// Returns whether a subnet of the network spans an address of this VPN.
    fn owns(&self, vpn: Option<&VpnName>, address: Ipv4Addr) -> bool {
        self.network().vpn_name() == vpn && self.plan.spans(u32::from(address))
    }

    /// Sets the addresses that the server has. No client gets any of those that are the server's in
    /// the address space of the network; a client that has one gets a NAK when it extends its
    /// lease. Each request that is decided sets them too, unless it does not know any
    /// ([`crate::Arrival::own_addresses`]).
    pub fn set_own_addresses(&mut self, own: &OwnAddresses) {
        if !own.is_empty() {
            self.switch_own_addresses(own);
        }
    }

    /// Sets them even if there are none. This runs for each message: a clone counts references that
    /// all workers share, so it is made only if something changed.
    fn switch_own_addresses(&mut self, own: &OwnAddresses) {
        if self.own != *own {
            self.own = own.clone();
            self.withhold_own();
        }
    }

    /// Makes the bindings withhold the server's own addresses in the subnets of the network.
    fn withhold_own(&mut self) {
        let network = self.plan.network();
        let vpn = network.vpn_name();
        let prefixes = network.subnets.iter().map(|subnet| subnet.prefix);
        let own = prefixes
            .flat_map(|prefix| self.own.within(vpn, prefix.network(), prefix.broadcast()))
            .map(u32::from);
        self.bindings.withhold(own.collect());
    }

    /// Sets the reservations that apply in all networks.
    pub fn set_shared_reservations(&mut self, reservations: &Arc<SharedReservations>) {
        self.shared_reservations = Arc::clone(reservations);
    }

    /// The network as configured.
    pub fn network(&self) -> &Arc<Network> {
        self.plan.network()
    }

    /// Decides one request of a client in subnet `subnet` (its position in the network) under
    /// `terms`, unless it depends on a change that storage has not answered yet.
    ///
    /// The time that it takes does not depend on the number of bindings, and the decision does not
    /// depend on calls of [`Engine::reclaim`]; only the lease time does in a pool that shortens it.
    pub fn decide(
        &mut self,
        now: Timestamp,
        subnet: usize,
        request: &Request,
        terms: &Terms,
    ) -> Attempt {
        self.attempt(now, subnet, request, terms, &mut ())
    }

    /// Like [`Engine::decide`], but chooses among the free addresses that the client may have
    /// according to `preference`.
    pub fn decide_preferring(
        &mut self,
        now: Timestamp,
        subnet: usize,
        request: &Request,
        terms: &Terms,
        mut preference: Preference<'_>,
    ) -> Attempt {
        self.attempt(now, subnet, request, terms, &mut preference)
    }

    fn attempt(
        &mut self,
        now: Timestamp,
        subnet: usize,
        request: &Request,
        terms: &Terms,
        witness: &mut impl Witness,
    ) -> Attempt {
        self.set_own_addresses(&request.arrival.own_addresses);
        let (plan, shared) = (&self.plan, &self.shared_reservations);
        let (bindings, probes) = (&mut self.bindings, &self.probes);
        let decider = Decider::new(plan, shared, bindings, probes, now, subnet, request, terms);
        let Some(mut decider) = decider else {
            return Attempt::Decided(Decision::of(Reason::UnidentifiedClient));
        };
        decider.no_records_since = self.no_records_since;
        decider.drained = &self.drained;
        let attempt = decider.attempt(witness);
        let probed = decider.probed;
        self.probes.note(now, &probed);
        attempt
    }

    /// Applies the result that storage reports for the changes of one decision: the records become
    /// those of the changes, stay what they were, or become what another server wrote. After that,
    /// requests that wait for one of these addresses can be decided.
    ///
    /// Each decision with changes must be settled once. A decision that never reaches storage,
    /// because a queue is full, is settled with [`StorageAnswer::NotMade`]. Changes of addresses
    /// that no subnet spans are skipped: after a change of the configuration, a decision may have
    /// to be settled with two engines.
    pub fn settle(&mut self, now: Timestamp, changes: &[Change], answer: &StorageAnswer) {
        self.bindings.settle(now, changes, answer);
    }

    /// Adopts a binding that another server wrote. One that is not newer than the known binding of
    /// its address is ignored.
    pub fn learn(&mut self, now: Timestamp, binding: Arc<Binding>) {
        if self.owns(binding.vpn.as_ref(), binding.address) {
            self.bindings.learn(now, &binding);
        }
    }

    /// Returns at most `limit` leases whose end was noticed and that were not returned before. A
    /// later [`Engine::reclaim`] does not return them again.
    pub fn take_expired(&mut self, limit: usize) -> Vec<Binding> {
        self.bindings.take_unreported(limit)
    }

    /// When to call [`Engine::reclaim`]: not later than the earliest time at which an offer, lease
    /// or quarantine ends, except those with a change in flight to storage. No decision depends on
    /// a timely call.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.bindings.next_deadline()
    }

    /// Reclaims what has ended by `now`, page by page, until at least `limit` ends were noticed,
    /// and returns at most `limit` expired leases, including those whose end a decision noticed.
    /// Call it again while [`Engine::next_deadline`] is not in the future.
    pub fn reclaim(&mut self, now: Timestamp, limit: usize) -> Vec<Binding> {
        self.bindings.notice_due(now, limit);
        self.bindings.take_unreported(limit)
    }
}
