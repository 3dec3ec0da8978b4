//! The engine: decides the requests of one network and owns its addresses.
//!
//! It is a state machine without input or output. Time, requests, terms and what became of
//! changes are arguments; replies, changes and reasons are results. The same arguments in the same
//! order give the same results.
//!
//! What it knows of leases is what storage is known to hold. A decision that changes a record leaves
//! it as it is until storage has answered; a decision that depends on such a record waits.
//!
//! Invariants: at any time an address is held for at most one client, be it by lease, offer or
//! reservation; at no time has a subscriber more acknowledged leases than the limit under which the
//! last of them was granted (see `limit`); no DECLINE sets aside more addresses than the bounds of
//! client, line and subscriber allow, and no DISCOVER holds more than that of its line.
//!
//! - `family`: IPv4 addresses as resources of [`crate::ledger`], which knows who holds which address.
//! - `plan`: what the configuration says of addresses, laid out for lookup.
//! - `identity`: which client a request comes from; `quarantine`: on whom a declined address counts.
//! - `case`: one request with its terms; decided in `discover`, `request`, `farewell` (DECLINE,
//!   RELEASE) and `inform`, held to its subscriber's `limit`, answered by `grant`, `reply`,
//!   `destination` and `options`.
//! - `preview`: what would be decided, and why, without deciding it.
//! - `reconfigure`: another configuration, the same leases; `listing`: every lease, a few at a time.

mod case;
mod destination;
mod discover;
mod family;
mod farewell;
mod grant;
mod identity;
mod inform;
mod limit;
mod listing;
mod options;
mod plan;
mod preview;
mod quarantine;
mod reconfigure;
mod reply;
mod request;

use std::{borrow::Cow, net::Ipv4Addr, sync::Arc};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use crate::{
    AfterDataLoss, Answer, Change, Changes, ClientKey, Lease, Network, Origin, OwnAddresses,
    Reason, RelayInformation, Reply, Request, Terms, Timestamp,
    ledger::{Layout, Standing},
};

use self::{
    case::Case,
    family::{Bindings, Offer, View},
    plan::{Plan, address_of},
};

pub use self::{
    identity::SeenElsewhere,
    listing::{Listing, Records},
    preview::{Candidate, Obstacle, OptionOrigin, Preview, Rule},
    reconfigure::Remembered,
};

/// What the engine decided about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// Why.
    pub reason: Reason,
    /// The reply; it must not leave before every change is durable.
    pub reply: Option<Reply>,
    /// What must be made durable, all of it or none. The first is the change of the client's address;
    /// the others release the address that it had before and the leases that its subscriber gives up
    /// for it.
    pub changes: Changes,
    /// How the client differs from what is on record of its active lease, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_elsewhere: Option<Box<SeenElsewhere>>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attempt {
    /// It is decided.
    Decided(Decision),
    /// It is to be decided once storage has answered; nothing is held for it meanwhile.
    Waits(Wait),
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wait {
    /// Until the change of this address that is on its way to storage is settled.
    pub address: Ipv4Addr,
    /// Whether the same message of the same client asked for that change.
    pub is_repeated: bool,
}

/// Decides the requests of one network.
#[derive(Clone, Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    bindings: Bindings,
    /// When the network was taken into service without a record, if it was.
    no_records_since: Option<Timestamp>,
    /// The server's own addresses; pools give them to nobody.
    own: OwnAddresses,
}

/// How many addresses of a pool are in which state. What has ended counts until its end is
/// noticed, by a request for the address or by [`Engine::reclaim`].
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

/// Who holds an address, or why it is given to nobody who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// This client has a lease of it.
    Leased(ClientKey),
    /// This client has an open offer of it.
    Offered(ClientKey),
    /// A client declined it.
    Quarantined,
    /// It is reserved.
    Reserved,
    /// It lies in no pool.
    OutsidePools,
    /// Nobody.
    Free,
}

/// Which of many free addresses a client gets. For replays: it depends on what else the server had
/// leased, and one client that moves must not move all others.
#[derive(Clone, Copy, Default)]
pub struct Preference<'p> {
    /// This one, if it is free and the client may have it.
    pub address: Option<Ipv4Addr>,
    /// Otherwise one for which this does not hold, if there is any that nobody ever had.
    pub spoken_for: Option<&'p dyn Fn(Ipv4Addr) -> bool>,
}

/// An address that is held for a client it was offered to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OpenOffer {
    /// The address.
    pub address: Ipv4Addr,
    /// To whom it was offered.
    pub client: ClientKey,
    /// On which subscriber's account, if on any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<Arc<str>>,
    /// Where the DISCOVER came from; as if from nowhere where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Arc<Origin>>,
    /// Until when it is held.
    pub expires_at: Timestamp,
}

impl Decision {
    /// No reply and no change.
    pub(super) fn of(reason: Reason) -> Self {
        Self { reason, reply: None, changes: Changes::new(), seen_elsewhere: None }
    }
}

impl Engine {
    /// An engine for `network` that knows no lease yet. `hash_seed` makes the order of hash tables
    /// unpredictable to senders of requests; a given seed replays exactly.
    pub fn new(network: Arc<Network>, hash_seed: u64) -> Self {
        let hasher = FixedState::with_seed(hash_seed);
        let plan = Arc::new(Plan::new(network, &hasher));
        Self {
            bindings: Bindings::new(Arc::clone(&plan), &hasher),
            plan,
            no_records_since: None,
            own: OwnAddresses::default(),
        }
    }

    /// Takes in a lease from stable storage, at start, before any request. In any order; a lease
    /// outside the network's subnets is passed over.
    pub fn restore(&mut self, now: Timestamp, lease: impl Into<Arc<Lease>>) {
        let lease = lease.into();
        if self.plan.spans(u32::from(lease.address)) {
            self.bindings.learn(now, &lease);
        }
    }

    /// Takes in an open offer, after the leases. An address outside the network's subnets is passed
    /// over.
    pub fn restore_offer(&mut self, offer: OpenOffer) {
        let OpenOffer { address, client, subscriber, origin, expires_at } = offer;
        let (resource, holder) = (u32::from(address), client);
        if self.plan.spans(resource) {
            let source = origin.unwrap_or_else(|| Arc::new(Origin::UNKNOWN));
            self.bindings.hold(Offer { resource, holder, subscriber, source, expires_at });
        }
    }

    /// Says which addresses the server has. None of them is given to anybody; a client that has one is
    /// told so when it asks to go on with it. Each request that is decided says so too, unless it does
    /// not know any ([`crate::Arrival::own_addresses`]).
    pub fn set_own_addresses(&mut self, own: &OwnAddresses) {
        if !own.is_empty() && self.own != *own {
            self.own = own.clone();
            self.bindings.withhold(own.iter().map(u32::from).collect());
        }
    }

    /// Says that the network was taken into service without a record, at `since`: until then, clients
    /// that this server does not know may have leased its addresses.
    pub fn set_no_records_since(&mut self, since: Timestamp) {
        self.no_records_since = Some(since);
    }

    /// When the network was taken into service without a record, if it was.
    pub fn no_records_since(&self) -> Option<Timestamp> {
        self.no_records_since
    }

    /// Until when addresses that an unknown client may hold are kept from new clients; the latest of
    /// its subnets. None if they are not, or no longer.
    pub fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        let network = self.plan.network();
        let since =
            self.no_records_since().filter(|_| network.after_data_loss == AfterDataLoss::Hold)?;
        let longest_secs = network.subnets.iter().map(|subnet| subnet.lease_time.max_secs).max()?;
        Some(since.after_secs(longest_secs)).filter(|until| now < *until)
    }

    /// The network as configured.
    pub fn network(&self) -> &Arc<Network> {
        self.plan.network()
    }

    /// The lease record of a client, active or not: what a policy may see before it decides.
    pub fn lease_of(&self, client: &ClientKey) -> Option<Lease> {
        self.bindings.current_of(&self.bindings.look_up(client.clone()))?.lease()
    }

    /// The client that sent a request, by what its network tells clients apart; none if the request
    /// identifies nobody.
    pub fn client_of(&self, request: &Request) -> Option<ClientKey> {
        identity::client_of(&self.plan, &self.bindings, request)
            .map(|client| client.key.holder().clone())
    }

    /// The lease record of the client that sent a request, active or not.
    pub fn lease_for(&self, request: &Request) -> Option<Lease> {
        let client = identity::client_of(&self.plan, &self.bindings, request)?;
        self.bindings.current_of(client.on_record())?.lease()
    }

    /// The lease record of an address, active or not.
    pub fn lease_at(&self, address: Ipv4Addr) -> Option<Lease> {
        self.bindings.slot(u32::from(address))?.lease()
    }

    /// Who holds an address, as far as ends were noticed; `None` if no subnet of the network spans it.
    pub fn holding(&self, address: Ipv4Addr) -> Option<Holding> {
        let address = u32::from(address);
        self.plan.subnet_of(address)?;
        let view = self.bindings.slot(address);
        let leased = view.filter(|view| view.active().is_some()).and_then(View::lease);
        Some(match (leased, view.and_then(View::claimant)) {
            (Some(lease), _) => Holding::Leased(lease.client),
            (None, Some(client)) => Holding::Offered(client.clone()),
            _ if self.bindings.standing(address) == Standing::Quarantined => Holding::Quarantined,
            _ if self.plan.is_reserved(address) => Holding::Reserved,
            _ if self.plan.pool_of(address).is_none() => Holding::OutsidePools,
            _ => Holding::Free,
        })
    }

    /// The relay agent information by which a request is judged: its own or, for a message that
    /// the client sent to the server directly from the address it leases, that of its last relayed
    /// message.
    pub fn relay_information_of<'a>(
        &'a self,
        request: &'a Request,
    ) -> Option<Cow<'a, RelayInformation>> {
        identity::relay_information_of(&self.plan, &self.bindings, request)
    }

    /// Every lease record, in order of address. A server that must not pause goes through them by
    /// [`Engine::listing`].
    pub fn leases(&self) -> impl Iterator<Item = Lease> {
        self.bindings.slots().filter_map(View::lease)
    }

    /// Every open offer, in order of address.
    pub fn offers(&self) -> impl Iterator<Item = OpenOffer> {
        self.bindings.slots().filter_map(View::offer).map(|offer| OpenOffer {
            address: address_of(offer.resource),
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
    /// Takes the same time however many leases there are, and is right whether or not
    /// [`Engine::reclaim`] was called.
    pub fn decide(
        &mut self,
        now: Timestamp,
        subnet: usize,
        request: &Request,
        terms: &Terms,
    ) -> Attempt {
        self.decide_preferring(now, subnet, request, terms, Preference::default())
    }

    /// The same; of the free addresses that the client may have, one is chosen that suits
    /// `preference`.
    pub fn decide_preferring(
        &mut self,
        now: Timestamp,
        subnet: usize,
        request: &Request,
        terms: &Terms,
        preference: Preference<'_>,
    ) -> Attempt {
        self.set_own_addresses(&request.arrival.own_addresses);
        let case = Case::new(&self.plan, &mut self.bindings, now, subnet, request, terms);
        let Some(mut case) = case else {
            return Attempt::Decided(Decision::of(Reason::UnidentifiedClient));
        };
        case.no_records_since = self.no_records_since;
        case.preference = preference;
        case.attempt()
    }

    /// Takes in what storage says of the changes of one decision: its records are those of the changes,
    /// or what they were before, or what another server made of them. Then requests that wait for one
    /// of these addresses can be decided.
    ///
    /// Each decision with changes must be settled once. One that never reaches storage (a queue is
    /// full) is [`Answer::NotMade`]. Changes of addresses that no subnet spans are passed over: a
    /// decision may have to be settled with two engines after a change of the configuration.
    pub fn settle(&mut self, now: Timestamp, changes: &[Change], answer: &Answer) {
        self.bindings.settle(now, changes, answer);
    }

    /// Takes in a record that another server made. It is passed over unless it follows what is known of
    /// its address.
    pub fn learn(&mut self, now: Timestamp, record: Arc<Lease>) {
        if self.plan.spans(u32::from(record.address)) {
            self.bindings.learn(now, &record);
        }
    }

    /// The leases whose end decisions noticed and that nobody was told of yet, at most `limit`. A
    /// later [`Engine::reclaim`] does not report them again.
    pub fn take_expired(&mut self, limit: usize) -> Vec<Lease> {
        self.bindings.take_unreported(limit)
    }

    /// When to call [`Engine::reclaim`]: not later than the earliest time at which an offer, lease
    /// or quarantine ends, but for those on their way to storage. Nothing depends on the call being made in time.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.bindings.next_deadline()
    }

    /// Reclaims what has ended by `now`, looking at no more than `limit` deadlines; says which
    /// leases expired, those included whose end a decision noticed. Call again while
    /// [`Engine::next_deadline`] is not in the future.
    pub fn reclaim(&mut self, now: Timestamp, limit: usize) -> Vec<Lease> {
        self.bindings.notice_due(now, limit);
        self.bindings.take_unreported(limit)
    }
}
