//! Networks: subnets, pools and reservations as configured.
//!
//! Does not read the configuration; the `config` crate does, and checks it so that the engine can
//! rely on it. Invariant: the subnets of a [`Topology`] do not overlap.

use std::{net::Ipv4Addr, num::NonZeroU32, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use ipnet::Ipv4Net;
use lessor_vocabulary::Catalogue;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    ClientKeyKind, LeaseTime, OptionSet, Origin, Request, Reservation, ScopeSettings,
    SharedReservations,
};

/// Subnets that share one link (a "shared network", or a single subnet). A network is the unit that
/// owns its addresses, its clients and one [`crate::Engine`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Network {
    /// The name in logs and metrics; that of a single subnet is its prefix.
    pub name: Arc<str>,
    /// The subnets, in the order in which addresses are taken from them.
    pub subnets: Vec<Subnet>,
    /// Whether this server may inform clients that their address is wrong (RFC 2131 section 3.2).
    /// If not, it sends a NAK only to clients of which it has a record.
    pub authoritative: bool,
    /// How long an address is held for a client to which it was offered.
    pub offer_hold_secs: u32,
    /// How long a declined address is not given out.
    pub quarantine_secs: u32,
    /// The property that distinguishes clients.
    #[serde(default)]
    pub client_key: ClientKeyKind,
    /// How new clients are served after a start without records of the network.
    #[serde(default)]
    pub after_data_loss: AfterDataLoss,
    /// How many addresses clients can occupy without a lease.
    #[serde(default)]
    pub bounds: Bounds,
}

/// How many addresses of a network clients can occupy without a lease. The limits prevent a client
/// from exhausting a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Bounds {
    /// Addresses that are quarantined because they were declined.
    pub quarantine_max: QuarantineMax,
    /// Addresses that are held for open offers.
    pub offers_max: OffersMax,
}

/// How many addresses can be quarantined at a time because they were declined. Independent of
/// [`crate::SubscriberLimit`]: quarantined addresses do not count as leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct QuarantineMax {
    /// By one client.
    pub client: NonZeroU32,
    /// By all clients of one line: those with the same circuit id and remote id in option 82.
    pub line: NonZeroU32,
    /// By all clients of the network whose line no relay agent names.
    pub link: NonZeroU32,
    /// By all clients of one subscriber.
    pub subscriber: NonZeroU32,
}

/// One subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subnet {
    /// The addresses of the subnet.
    pub prefix: Ipv4Net,
    /// Lease times, unless a pool or a reservation has others.
    pub lease_time: LeaseTime,
    /// Options for its clients, in order of code.
    pub options: OptionSet,
    /// What else it sets for the replies to its clients.
    #[serde(default, skip_serializing_if = "ScopeSettings::is_empty")]
    pub settings: ScopeSettings,
    /// The pools. Addresses are taken from them in order, except from those by policy only.
    pub pools: Vec<Pool>,
    /// What is reserved for one client or line each. Those without an address apply in all subnets
    /// of the network.
    pub reservations: Vec<Reservation>,
    /// The relays whose messages are served, by their address (giaddr). Every relay is served if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relays: Option<Arc<[Ipv4Net]>>,
    /// The answer to clients without a record that want to keep a free address of the subnet's
    /// pools.
    #[serde(default)]
    pub unknown_clients: UnknownClients,
}

/// The answer to a REQUEST of a client without a record that wants to keep an address (INIT-REBOOT,
/// RENEWING, REBINDING) which is free and in a pool from which the client may have addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownClients {
    /// An ACK: another server, or this one before it lost its records, must have leased the address
    /// to the client.
    Adopt,
    /// No answer (RFC 2131 section 4.3.2): another server may know the client.
    #[default]
    Ignore,
    /// A NAK: the client has to ask for a new address.
    Refuse,
}

/// How new clients are served after a start without records, while clients that this server does
/// not know may hold leases of its addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterDataLoss {
    /// As usual.
    #[default]
    Serve,
    /// Without any address that an unknown client may hold, until the longest lease time of the
    /// address's subnet has passed.
    Hold,
}

/// A range of addresses to give out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pool {
    /// The name by which policies refer to it; unique within the network.
    pub name: Arc<str>,
    /// Its first address.
    pub first: Ipv4Addr,
    /// Its last address.
    pub last: Ipv4Addr,
    /// Whether only clients that a policy sends here get addresses of this pool.
    pub by_policy_only: bool,
    /// Options for clients with an address of this pool; they take precedence over those of the
    /// subnet.
    pub options: OptionSet,
    /// What else it sets; this also takes precedence over the subnet.
    #[serde(default, skip_serializing_if = "ScopeSettings::is_empty")]
    pub settings: ScopeSettings,
}

/// The position of a network in its [`Topology`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetworkId(pub u32);

/// The network and subnet of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The network.
    pub network: NetworkId,
    /// The position of the client's subnet within the network.
    pub subnet: usize,
}

/// The property of a request that determines its network and subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocatedBy {
    /// The relay selected a link (RFC 3527).
    LinkSelection,
    /// The client selected a subnet (RFC 3011).
    SubnetSelection,
    /// The relay's address.
    RelayAddress,
    /// The client's own address, in a message sent directly to the server.
    ClientAddress,
    /// The address of the interface on which the message arrived.
    Link,
}

/// All networks of one configuration, with the lookup from a request to its network. Immutable, so
/// that copies share it; a reload builds another one.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    networks: Arc<[Arc<Network>]>,
    /// Disjoint spans in order of address.
    spans: Arc<[Span]>,
    /// The options that the configuration of the networks knows by name.
    catalogue: Arc<Catalogue>,
    /// The reservations that belong to no subnet.
    shared_reservations: Arc<SharedReservations>,
}

/// The addresses of one subnet.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u32,
    last: u32,
    network: NetworkId,
    /// The position of the subnet within the network.
    subnet: u32,
}

/// The error for networks that do not fit together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TopologyError {
    /// Two subnets span the same address.
    #[error("subnets {first} and {second} overlap; an address must belong to only one subnet")]
    Overlap {
        /// The subnet with the lower address.
        first: Ipv4Net,
        /// The subnet with the higher address.
        second: Ipv4Net,
    },
}

impl Topology {
    /// Creates a topology of `networks`.
    ///
    /// # Errors
    /// Fails if two subnets overlap.
    pub fn new(networks: Vec<Arc<Network>>) -> Result<Self, TopologyError> {
        let subnets = networks.iter().flat_map(|network| &network.subnets);
        let mut prefixes: Vec<Ipv4Net> = subnets.map(|subnet| subnet.prefix).collect();
        prefixes.sort();
        for (first, second) in prefixes.iter().zip(prefixes.iter().skip(1)) {
            if first.contains(second) {
                return Err(TopologyError::Overlap { first: *first, second: *second });
            }
        }
        Ok(Self::of_disjoint(networks))
    }

    /// A topology of some of these networks, in the same order.
    pub fn only(&self, wanted: impl Fn(NetworkId) -> bool) -> Self {
        let numbered = self.networks.iter().enumerate();
        let wanted = numbered.filter(|(position, _)| wanted(NetworkId(*position as u32)));
        let only = Self::of_disjoint(wanted.map(|(_, network)| Arc::clone(network)).collect());
        only.with_catalogue(Arc::clone(&self.catalogue))
            .with_shared_reservations(Arc::clone(&self.shared_reservations))
    }

    /// The same topology with these reservations in all of its networks.
    #[must_use]
    pub fn with_shared_reservations(self, shared_reservations: Arc<SharedReservations>) -> Self {
        Self { shared_reservations, ..self }
    }

    /// The reservations that belong to no subnet.
    pub fn shared_reservations(&self) -> &Arc<SharedReservations> {
        &self.shared_reservations
    }

    /// The same topology with these options.
    #[must_use]
    pub fn with_catalogue(self, catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue, ..self }
    }

    /// The options that are known by name.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The same topology, but networks and reservations that are equal in `other` are shared with
    /// it, so that they exist once in memory.
    pub fn sharing(self, other: &Self) -> Self {
        let by_name: HashMap<&str, &Arc<Network>, FixedState> =
            other.networks.iter().map(|network| (&*network.name, network)).collect();
        let shared = self.networks.iter().map(|network| {
            let same = by_name.get(&*network.name).filter(|other| **other == network);
            Arc::clone(same.copied().unwrap_or(network))
        });
        let same = self.shared_reservations == other.shared_reservations;
        let reservations = if same { other } else { &self }.shared_reservations();
        Self {
            networks: shared.collect(),
            shared_reservations: Arc::clone(reservations),
            ..self.clone()
        }
    }

    fn of_disjoint(networks: Vec<Arc<Network>>) -> Self {
        let spans = (0..).zip(&networks).flat_map(|(network, found)| {
            (0..).zip(&found.subnets).map(move |(subnet, found)| Span {
                first: found.prefix.network().into(),
                last: found.prefix.broadcast().into(),
                network: NetworkId(network),
                subnet,
            })
        });
        let mut spans: Vec<Span> = spans.collect();
        spans.sort_unstable_by_key(|span| span.first);
        Self { networks: networks.into(), spans: spans.into(), ..Self::default() }
    }

    /// The networks, each at the position of its [`NetworkId`].
    pub fn networks(&self) -> &[Arc<Network>] {
        &self.networks
    }

    /// The subnet that spans `address`.
    pub fn locate_address(&self, address: Ipv4Addr) -> Option<Location> {
        let address = u32::from(address);
        let after = self.spans.partition_point(|span| span.first <= address);
        let span = self.spans.get(after.checked_sub(1)?)?;
        (address <= span.last)
            .then_some(Location { network: span.network, subnet: span.subnet as usize })
    }

    /// The network of a location.
    pub fn network(&self, location: Location) -> Option<&Arc<Network>> {
        self.networks.get(location.network.0 as usize)
    }

    /// The subnet that a request concerns: that of the relay's link selection (RFC 3527), otherwise
    /// of the client's subnet selection (RFC 3011), otherwise of the relay address, otherwise (for
    /// a renewal sent directly to the server) of the client's own address, otherwise of the
    /// client's link. 0.0.0.0 selects nothing.
    pub fn locate(&self, request: &Request) -> Option<Location> {
        self.find(request).map(|(_, _, location)| location)
    }

    /// Like [`Topology::locate`], with the property of the request that determines its subnet, and
    /// the address in it.
    pub fn find(&self, request: &Request) -> Option<(LocatedBy, Ipv4Addr, Location)> {
        self.located_by(request)
            .find_map(|(by, address)| Some((by, address, self.locate_address(address)?)))
    }

    /// The properties of a request that can determine its subnet, and the addresses in them, in
    /// order of precedence. The first address that is in a subnet decides.
    pub fn located_by(&self, request: &Request) -> impl Iterator<Item = (LocatedBy, Ipv4Addr)> {
        let link_selection = request.link_selection();
        let link_selection = link_selection.map(|address| (LocatedBy::LinkSelection, address));
        let subnet_selection = request.subnet_selection.filter(|address| !address.is_unspecified());
        let subnet_selection =
            subnet_selection.map(|address| (LocatedBy::SubnetSelection, address));
        let relay = request.is_relayed().then_some(request.relay_address);
        let relay = relay.map(|address| (LocatedBy::RelayAddress, address));
        // If the location of the client is given, it is not guessed.
        let told = link_selection.or(subnet_selection).or(relay);
        let is_direct = request.is_direct() && !request.client_address.is_unspecified();
        let client = (told.is_none() && is_direct).then_some(request.client_address);
        let client = client.map(|address| (LocatedBy::ClientAddress, address));
        let links = request.arrival.link_addresses.as_deref().filter(|_| told.is_none());
        let links = links.unwrap_or_default();
        let links = self.link_of_client(request, links).into_iter().chain(links.iter().copied());
        let links = links.map(|address| (LocatedBy::Link, address));
        told.into_iter().chain(client).chain(links)
    }

    /// The address of the interface from which a reply to a broadcast on its link is sent: the
    /// address that located the client. `None` if there is no choice.
    pub fn answering_address(&self, request: &Request) -> Option<Ipv4Addr> {
        let links = request.arrival.link_addresses.as_deref().unwrap_or_default();
        if links.len() < 2 || request.arrival.unicast {
            return None;
        }
        let mut located = self.located_by(request);
        let (by, address) = located.find(|(_, address)| self.locate_address(*address).is_some())?;
        (by == LocatedBy::Link).then_some(address)
    }

    /// Of several addresses of one interface, the one in the subnet, otherwise in the network, of
    /// the address that the client has or requests.
    fn link_of_client(&self, request: &Request, links: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        if links.len() < 2 {
            return None;
        }
        let has_address = !request.client_address.is_unspecified();
        let named = has_address.then_some(request.client_address).or(request.requested_address)?;
        let named = self.locate_address(named)?;
        let located = |link: &Ipv4Addr| self.locate_address(*link);
        let is_in_subnet = |link: &&Ipv4Addr| located(link) == Some(named);
        let is_in_network =
            |link: &&Ipv4Addr| located(link).is_some_and(|found| found.network == named.network);
        links.iter().find(is_in_subnet).or_else(|| links.iter().find(is_in_network)).copied()
    }
}

/// The maximum number of addresses of a pool that are held for open offers at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OffersMax {
    /// To the clients of one line.
    pub line: NonZeroU32,
    /// To the clients of one relay or interface whose line no relay agent names.
    pub link: NonZeroU32,
}

impl OffersMax {
    /// The maximum for clients from `origin`.
    pub fn of(&self, origin: &Origin) -> usize {
        let max = if origin.names_line() { self.line } else { self.link };
        usize::try_from(max.get()).unwrap_or(usize::MAX)
    }
}

impl Default for OffersMax {
    fn default() -> Self {
        let [line, link] = [16, 65_536].map(|max| NonZeroU32::new(max).unwrap_or(NonZeroU32::MIN));
        Self { line, link }
    }
}

impl Default for QuarantineMax {
    fn default() -> Self {
        let [client, line, link, subscriber] =
            [2, 4, 16, 4].map(|max| NonZeroU32::new(max).unwrap_or(NonZeroU32::MIN));
        Self { client, line, link, subscriber }
    }
}

impl Subnet {
    /// Returns whether messages that the relay of `request` forwards are served here. Messages
    /// without a relay always are.
    pub fn serves_relay_of(&self, request: &Request) -> bool {
        let Some(relays) = self.relays.as_deref().filter(|_| request.is_relayed()) else {
            return true;
        };
        relays.iter().any(|relays| relays.contains(&request.relay_address))
    }
}

impl Subnet {
    /// The longest lease time that is granted for any of its addresses, in seconds.
    pub fn longest_lease_secs(&self) -> u32 {
        let of_pools = self.pools.iter().map(|pool| &pool.settings);
        let of_reservations = self.reservations.iter().map(|reservation| &reservation.settings);
        let longest = of_pools.chain(of_reservations).map(ScopeSettings::longest_lease_secs).max();
        self.lease_time.max_secs.max(longest.unwrap_or_default())
    }
}

impl Network {
    /// The position of the subnet that spans `address`.
    pub fn subnet_of(&self, address: Ipv4Addr) -> Option<usize> {
        self.subnets.iter().position(|subnet| subnet.prefix.contains(&address))
    }
}

impl Pool {
    /// Returns whether `address` is in the range.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// The number of addresses in the range.
    pub fn size(&self) -> u64 {
        u64::from(u32::from(self.last)) - u64::from(u32::from(self.first)) + 1
    }
}
