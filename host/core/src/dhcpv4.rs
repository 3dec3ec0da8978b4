//! The engine: decides the requests of one network and owns its addresses.
//!
//! It is a state machine without input or output. Time, requests, terms and the results of changes
//! are arguments; replies, changes and reasons are results. The same arguments in the same order
//! give the same results.
//!
//! Its bindings are those that storage is known to hold. A decision that changes a record
//! leaves it as it is until storage has answered, and a decision that depends on such a record
//! waits.
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
//! - `decider`: one request with its terms; `entitlement`: the addresses that its client may have.
//!   `discover` and `short`, `request`, `farewell` (DECLINE, RELEASE), `inform` and `bootp` decide
//!   it; `limit` applies the limit of its subscriber; `grant`, `reply`, `destination`,
//!   `parameters`, `naming` and `options` build the reply.
//! - `lease_time`: how long a lease lasts. `by_hand`: changes that an operator makes; `drained`:
//!   pools that give no address to new clients.
//! - `witness`: is notified of each address that a decision considers. `preview`: what would be
//!   decided and why, without consequences.
//! - `probing`: which addresses are probed before they are offered; `probes`: those that were.
//! - `reconfigure`: a new configuration with the same bindings; `listing`: all bindings, a few at a
//!   time.

mod bootp;
mod by_hand;
mod decider;
mod destination;
mod discover;
mod drained;
mod entitlement;
mod family;
mod farewell;
mod grant;
mod identity;
mod inform;
mod lease_time;
mod limit;
mod listing;
mod naming;
mod obstacle;
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
mod short;
mod usage;
mod witness;

use std::{borrow::Cow, net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    AfterDataLoss, Answer, Binding, Change, Changes, ClientKey, Network, Origin, OwnAddresses,
    Probe, Reason, RelayInformation, Reply, Request, ReservationOwner, SharedReservations, Terms,
    Timestamp, VpnName, keyed_hash::KeyedState, ledger::Standing,
};

use self::{
    decider::Decider,
    drained::Drained,
    family::{Bindings, Offer, View},
    plan::{Plan, address_of},
    probes::Probes,
    witness::Witness,
};

pub use self::{
    by_hand::{AttemptByHand, ChangeByHand, RefusalByHand},
    identity::SeenElsewhere,
    lease_time::LeaseTimeRule,
    listing::{BindingCopies, Listing},
    obstacle::Obstacle,
    preview::{HeaderField, Naming, OptionOrigin, Preview, RefusedName},
    reconfigure::{Prepared, Remembered},
    witness::{Candidate, Rule},
};

/// The decision of the engine about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// The reason for the decision.
    pub reason: Reason,
    /// The reply, which must not be sent before every change is durable.
    pub reply: Option<Reply>,
    /// The changes that storage must commit atomically. The first is the change of the client's
    /// address; the others release the address that it had before and the leases that its
    /// subscriber gives up for it.
    pub changes: Changes,
    /// How the client differs from the record of its active lease, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_elsewhere: Option<Box<SeenElsewhere>>,
    /// The identifier of the client by which its reservation was found, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_by: Option<Box<ReservationOwner>>,
    /// What the lease time of the reply follows from besides the scopes and terms, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_time_rule: Option<LeaseTimeRule>,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attempt {
    /// The request is decided.
    Decided(Decision),
    /// The request must be decided again after storage has answered; nothing is held for it in the
    /// meantime.
    Waits(Wait),
    /// The request must be decided again after the result of this probe was reported to
    /// [`Engine::probed`]. Its address is held for the client in the meantime.
    Probes(Probe),
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wait {
    /// The request waits for the result of the change of this address that is in flight to storage.
    pub address: Ipv4Addr,
    /// Whether the same message of the same client caused that change.
    pub is_repeated: bool,
}

/// Decides the requests of one network.
#[derive(Clone, Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    bindings: Bindings,
    /// When the network started without any lease on storage, if it did.
    no_records_since: Option<Timestamp>,
    /// The pools that give no address to new clients.
    drained: Drained,
    /// The server's own addresses, which pools do not give out.
    own: OwnAddresses,
    /// The reservations of all networks.
    shared_reservations: Arc<SharedReservations>,
    /// The addresses that were probed lately.
    probes: Probes,
}

/// The number of addresses of a pool in each state. A lease, offer or quarantine that has ended is
/// counted until its end is noticed, by a request for the address or by [`Engine::reclaim`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolUsage {
    /// The pool.
    pub pool: Arc<str>,
    /// All addresses that the pool may give out: its range without reserved and skipped addresses.
    pub size: u64,
    /// Leased and not expired.
    pub leased: u64,
    /// Held for an open offer.
    pub offered: u64,
    /// Not given out for a time after a DECLINE.
    pub quarantined: u64,
}

impl PoolUsage {
    /// The addresses that are neither leased, nor offered, nor quarantined.
    pub const fn free(&self) -> u64 {
        let taken = self.leased.saturating_add(self.offered).saturating_add(self.quarantined);
        self.size.saturating_sub(taken)
    }
}

/// Which client holds an address, or why no client can get it on request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// This client has a lease of the address.
    Leased(ClientKey),
    /// This client has an open offer of the address.
    Offered(ClientKey),
    /// A client declined the address.
    Quarantined,
    /// The address is reserved.
    Reserved,
    /// No pool gives the address to clients.
    OutsidePools,
    /// The address is free.
    Free,
}

/// Selects one of many free addresses for a client. Replays need it: the selection depends on the
/// other leases of the server, and one client that moves must not make all others move.
#[derive(Clone, Copy, Default)]
pub struct Preference<'p> {
    /// This address, if it is free and the client may have it.
    pub address: Option<Ipv4Addr>,
    /// Otherwise an address that was never used and for which this returns `false`, if there is
    /// one.
    pub spoken_for: Option<&'p dyn Fn(Ipv4Addr) -> bool>,
}

/// An address that is held for a client to which it was offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OpenOffer {
    /// The address.
    pub address: Ipv4Addr,
    /// The VPN whose address it is; `None` if it is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn: Option<VpnName>,
    /// The client to which it was offered.
    pub client: ClientKey,
    /// The subscriber on whose account it counts, if it counts on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<Arc<str>>,
    /// The origin of the DISCOVER. An offer without one is restored with an unknown origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Arc<Origin>>,
    /// The end of the offer.
    pub expires_at: Timestamp,
}

impl Decision {
    /// A decision without a reply or a change.
    pub(super) fn of(reason: Reason) -> Self {
        Self {
            reason,
            reply: None,
            changes: Changes::new(),
            seen_elsewhere: None,
            reserved_by: None,
            lease_time_rule: None,
        }
    }
}

impl Engine {
    /// Creates an engine for `network` without any binding. `hash_seed` makes the order of hash
    /// tables unpredictable to senders of requests; the same seed replays exactly.
    pub fn new(network: Arc<Network>, hash_seed: u64) -> Self {
        Self::prepared(Prepared::new(network), hash_seed)
    }

    /// Creates an engine for a network that was prepared.
    pub fn prepared(prepared: Prepared, hash_seed: u64) -> Self {
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

    /// Restores an open offer, after the bindings. An offer of an address outside the network's
    /// subnets is skipped.
    pub fn restore_offer(&mut self, offer: OpenOffer) {
        let OpenOffer { address, vpn, client, subscriber, origin, expires_at } = offer;
        let (resource, holder) = (u32::from(address), client);
        if self.owns(vpn.as_ref(), address) {
            let source = origin.unwrap_or_else(|| Arc::new(Origin::UNKNOWN));
            self.bindings.hold(Offer { resource, holder, subscriber, source, expires_at });
        }
    }

    /// Returns whether a subnet of the network spans an address of this VPN.
    fn owns(&self, vpn: Option<&VpnName>, address: Ipv4Addr) -> bool {
        self.network().vpn_name() == vpn && self.plan.spans(u32::from(address))
    }

    /// Sets the addresses that the server has. No client gets any of them; a client that has one
    /// gets a NAK when it extends its lease. Each request that is decided sets them too, unless it
    /// does not know any ([`crate::Arrival::own_addresses`]). The same addresses of a VPN are
    /// others.
    pub fn set_own_addresses(&mut self, own: &OwnAddresses) {
        let is_in_vpn = self.network().vpn.is_some();
        if !is_in_vpn && !own.is_empty() && self.own != *own {
            self.own = own.clone();
            self.bindings.withhold(own.iter().map(u32::from).collect());
        }
    }

    /// Sets the reservations that apply in all networks.
    pub fn set_shared_reservations(&mut self, reservations: &Arc<SharedReservations>) {
        self.shared_reservations = Arc::clone(reservations);
    }

    /// Records that the network started at `since` without any lease on storage: clients that this
    /// server does not know may have leased its addresses before then.
    pub fn set_no_records_since(&mut self, since: Timestamp) {
        self.no_records_since = Some(since);
    }

    /// When the network started without any lease on storage, if it did.
    pub fn no_records_since(&self) -> Option<Timestamp> {
        self.no_records_since
    }

    /// The time until which addresses that an unknown client may hold are held back from new
    /// clients; the latest of all subnets. `None` if they are not held back, or no longer.
    pub fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        let is_held = self.plan.network().after_data_loss == AfterDataLoss::Hold;
        self.records_missing_until(now).filter(|_| is_held)
    }

    /// The time until which clients may have leases of which the server has no record. `None` if
    /// that does not matter to the network, or no longer.
    pub fn records_missing_until(&self, now: Timestamp) -> Option<Timestamp> {
        let network = self.plan.network();
        let matters = network.after_data_loss != AfterDataLoss::Serve;
        let since = self.no_records_since().filter(|_| matters)?;
        let longest_secs = self.plan.longest_lease_secs().max()?;
        let longest_secs = longest_secs.max(self.shared_reservations.longest_lease_secs());
        Some(since.after_secs(longest_secs)).filter(|until| now < *until)
    }

    /// The network as configured.
    pub fn network(&self) -> &Arc<Network> {
        self.plan.network()
    }

    /// The current binding of a client, active or not, which a policy may see before it decides.
    pub fn binding_of(&self, client: &ClientKey) -> Option<Binding> {
        self.bindings.current_of(&self.bindings.look_up(client.clone()))?.binding()
    }

    /// The client that sent a request, according to the client key of the network, or `None` if the
    /// request does not identify a client.
    pub fn client_of(&self, request: &Request) -> Option<ClientKey> {
        identity::client_of(&self.plan, &self.bindings, request)
            .map(|client| client.key.holder().clone())
    }

    /// The current binding of the client that sent a request, active or not.
    pub fn binding_for(&self, request: &Request) -> Option<Binding> {
        let client = identity::client_of(&self.plan, &self.bindings, request)?;
        self.bindings.current_of(client.on_record())?.binding()
    }

    /// The binding of an address, active or not.
    pub fn binding_at(&self, address: Ipv4Addr) -> Option<Binding> {
        self.bindings.slot(u32::from(address))?.binding()
    }

    /// The holder of an address, as far as ends have been noticed; `None` if no subnet of the
    /// network spans the address.
    pub fn holding(&self, address: Ipv4Addr) -> Option<Holding> {
        let address = u32::from(address);
        self.plan.subnet_of(address)?;
        let view = self.bindings.slot(address);
        let leased = view.filter(|view| view.active().is_some()).and_then(View::binding);
        Some(match (leased, view.and_then(View::claimant)) {
            (Some(lease), _) => Holding::Leased(lease.client),
            (None, Some(client)) => Holding::Offered(client.clone()),
            _ if self.bindings.standing(address) == Standing::Quarantined => Holding::Quarantined,
            _ if self.plan.is_reserved(address) => Holding::Reserved,
            _ if self.plan.giving_pool_of(address).is_none() => Holding::OutsidePools,
            _ => Holding::Free,
        })
    }

    /// The relay agent information that applies to a request: its own or, for a message that the
    /// client sent directly to the server from the address it leases, that of its last relayed
    /// message.
    pub fn relay_information_of<'a>(
        &'a self,
        request: &'a Request,
    ) -> Option<Cow<'a, RelayInformation>> {
        identity::relay_information_of(&self.plan, &self.bindings, request)
    }

    /// Every binding, in order of address. A server that must not pause uses
    /// [`Engine::listing`] instead.
    pub fn bindings(&self) -> impl Iterator<Item = Binding> {
        self.bindings.slots().filter_map(View::binding)
    }

    /// Every open offer, in order of address.
    pub fn offers(&self) -> impl Iterator<Item = OpenOffer> {
        self.bindings.slots().filter_map(View::offer).map(|offer| OpenOffer {
            address: address_of(offer.resource),
            vpn: self.network().vpn_name().cloned(),
            client: offer.holder.clone(),
            subscriber: offer.subscriber.clone(),
            origin: Some(Arc::clone(&offer.source)),
            expires_at: offer.expires_at,
        })
    }

    /// How full the pools are, in order of configuration.
    pub fn usage(&self) -> Vec<PoolUsage> {
        let pools = self.bindings.usage().enumerate().filter_map(|(position, usage)| {
            Some(PoolUsage {
                pool: Arc::clone(&self.plan.configured_pool(position)?.name),
                size: usage.size,
                leased: usage.leased,
                offered: usage.offered,
                quarantined: usage.quarantined,
            })
        });
        pools.collect()
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
    /// because a queue is full, is settled with [`Answer::NotMade`]. Changes of addresses that no
    /// subnet spans are skipped: after a change of the configuration, a decision may have to be
    /// settled with two engines.
    pub fn settle(&mut self, now: Timestamp, changes: &[Change], answer: &Answer) {
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
