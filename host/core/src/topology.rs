//! The topology: all networks of a configuration, and which of them a request belongs to.
//!
//! Does not read the configuration. Invariants: within an address space (that of a VPN, or the one
//! outside of all VPNs) subnets do not overlap and a relay address selects one subnet; an interface
//! selects one network.

mod space;

use std::{net::Ipv4Addr, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use ipnet::Ipv4Net;
use lessor_vocabulary::Catalogue;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    Classes, IdentifierReach, Network, Request, ServerIdentifiers, SharedReservations, VpnName,
    VpnSelectedBy,
};

use self::space::{AddressSpace, Spaces};

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
    /// The address that the client uses, in a message sent directly to the server.
    ClientAddress,
    /// The interface on which the message arrived, because a subnet names it.
    Interface,
    /// The address of the interface on which the message arrived.
    Link,
}

/// Where a request belongs, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The property that determined its subnet.
    pub by: LocatedBy,
    /// The address in that property; of an interface, its own address in the subnet, otherwise
    /// 0.0.0.0.
    pub address: Ipv4Addr,
    /// The part of the message that determined the address space. `None` if nothing did, so that it
    /// is the one outside of all VPNs.
    pub vpn_by: Option<VpnSelectedBy>,
    /// Its network and subnet.
    pub location: Location,
}

/// All networks of one configuration, with the lookup from a request to its network. Immutable, so
/// that copies share it; a reload builds another one.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    networks: Arc<[Arc<Network>]>,
    spaces: Arc<Spaces>,
    /// The networks whose subnets name an interface.
    interfaces: Arc<HashMap<Arc<str>, NetworkId, FixedState>>,
    /// Every `server-identifier` of the configuration.
    server_identifiers: Arc<ServerIdentifiers>,
    /// The options that the configuration of the networks knows by name.
    catalogue: Arc<Catalogue>,
    /// Whether any subnet serves BOOTP clients.
    serves_bootp: bool,
    /// The classes of the clients of all networks.
    classes: Classes,
    /// The reservations that belong to no subnet.
    shared_reservations: Arc<SharedReservations>,
    /// Whether any reservation names a class.
    reservations_name_classes: bool,
}

/// The error for networks that do not fit together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TopologyError {
    /// Two subnets of one address space span the same address.
    #[error("subnets {first} and {second} overlap; an address must belong to only one subnet")]
    Overlap {
        /// The subnet with the lower address.
        first: Ipv4Net,
        /// The subnet with the higher address.
        second: Ipv4Net,
    },
    /// A relay address selects two subnets of one address space.
    #[error("relay address {0} selects two subnets; it must select only one")]
    RelayTwice(Ipv4Addr),
    /// An interface selects two networks.
    #[error("interface {0} selects two networks; it must select only one")]
    InterfaceTwice(Arc<str>),
}

impl Topology {
    /// Creates a topology of `networks`.
    ///
    /// # Errors
    /// Fails if two subnets of an address space overlap, or if a relay address or an interface
    /// selects more than one network.
    pub fn new(networks: Vec<Arc<Network>>) -> Result<Self, TopologyError> {
        let spaces = Spaces::of(&networks)?;
        let interfaces = interfaces_of(&networks)?;
        let identifiers = networks.iter().flat_map(|network| network.server_identifiers());
        let server_identifiers = ServerIdentifiers::default().with(identifiers);
        let mut subnets = networks.iter().flat_map(|network| &network.subnets);
        let serves_bootp = subnets.any(|subnet| subnet.bootp_clients().serves());
        let subnets = networks.iter().flat_map(|network| &network.subnets);
        let mut reservations = subnets.flat_map(|subnet| &subnet.reservations);
        let reservations_name_classes = reservations.any(|of| of.settings.classes.is_some());
        Ok(Self {
            networks: networks.into(),
            spaces: Arc::new(spaces),
            interfaces: Arc::new(interfaces),
            server_identifiers: Arc::new(server_identifiers),
            serves_bootp,
            reservations_name_classes,
            ..Self::default()
        })
    }

    /// A topology of some of these networks, in the same order. The identifiers of all of them stay
    /// the server's.
    pub fn only(&self, wanted: impl Fn(NetworkId) -> bool) -> Self {
        let numbered = self.networks.iter().enumerate();
        let wanted = numbered.filter(|(position, _)| wanted(NetworkId(*position as u32)));
        // Some of the networks that fit together fit together as well.
        let only = Self::new(wanted.map(|(_, network)| Arc::clone(network)).collect());
        let only = only
            .unwrap_or_default()
            .with_catalogue(Arc::clone(&self.catalogue))
            .with_classes(self.classes.clone())
            .with_shared_reservations(Arc::clone(&self.shared_reservations));
        Self { server_identifiers: Arc::clone(&self.server_identifiers), ..only }
    }

    /// The same topology with these reservations in all of its networks.
    #[must_use]
    pub fn with_shared_reservations(self, shared_reservations: Arc<SharedReservations>) -> Self {
        let name_classes = self.reservations_name_classes || shared_reservations.name_classes();
        let mut with = Self { reservations_name_classes: name_classes, ..self };
        with.add_identifiers(shared_reservations.server_identifiers());
        Self { shared_reservations, ..with }
    }

    /// Returns whether any reservation names a class.
    pub const fn reservations_name_classes(&self) -> bool {
        self.reservations_name_classes
    }

    /// The reservations that belong to no subnet.
    pub fn shared_reservations(&self) -> &Arc<SharedReservations> {
        &self.shared_reservations
    }

    /// The same topology with these classes.
    #[must_use]
    pub fn with_classes(mut self, classes: Classes) -> Self {
        let identifiers = classes.iter().filter_map(|(_, class)| class.settings.server_identifier);
        self.add_identifiers(identifiers.map(|found| (IdentifierReach::of_class(), found)));
        Self { classes, ..self }
    }

    /// The classes of the clients of all networks.
    pub const fn classes(&self) -> &Classes {
        &self.classes
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

    /// Every address that a reply can name as the server identifier because the configuration says
    /// so.
    pub fn server_identifiers(&self) -> &Arc<ServerIdentifiers> {
        &self.server_identifiers
    }

    fn add_identifiers<'v>(
        &mut self,
        more: impl Iterator<Item = (IdentifierReach<Option<&'v VpnName>>, Ipv4Addr)>,
    ) {
        let known = std::mem::take(&mut self.server_identifiers);
        self.server_identifiers = Arc::new(Arc::unwrap_or_clone(known).with(more));
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

    /// Returns whether any subnet serves BOOTP clients.
    pub const fn serves_bootp(&self) -> bool {
        self.serves_bootp
    }

    /// The networks, each at the position of its [`NetworkId`].
    pub fn networks(&self) -> &[Arc<Network>] {
        &self.networks
    }

    /// The subnet that spans `address` in the address space of a VPN, or in that outside of all
    /// VPNs.
    pub fn locate_address(&self, vpn: Option<&VpnName>, address: Ipv4Addr) -> Option<Location> {
        self.spaces.of_vpn(vpn)?.locate(address)
    }

    /// The network of a location.
    pub fn network(&self, location: Location) -> Option<&Arc<Network>> {
        self.networks.get(location.network.0 as usize)
    }

    /// The subnet that a request concerns: that of the relay's link selection (RFC 3527), otherwise
    /// of the client's subnet selection (RFC 3011), otherwise of the relay address, otherwise (for
    /// a renewal sent directly to the server) of the client's own address, otherwise of the
    /// interface if a subnet names it, otherwise of the client's link. All of them are addresses of
    /// the VPN that the request selects (RFC 6607). [`Request`] says when a message has each of
    /// them.
    pub fn locate(&self, request: &Request) -> Option<Location> {
        self.find(request).map(|found| found.location)
    }

    /// Like [`Topology::locate`], with what determined the subnet.
    pub fn find(&self, request: &Request) -> Option<Selected> {
        let (vpn_by, space) = self.space_of(request)?;
        let selected = |by, address, location| Selected { by, address, vpn_by, location };
        let named = self.named(request).find_map(|(by, address)| {
            let location = match by {
                LocatedBy::RelayAddress => space.locate_relay(address),
                _ => space.locate(address),
            };
            Some(selected(by, address, location?))
        });
        let by_interface = || {
            let (address, location) = self.of_interface(request)?;
            Some(selected(LocatedBy::Interface, address, location))
        };
        let by_link = || {
            let mut links = self.links(request, space);
            links.find_map(|link| Some(selected(LocatedBy::Link, link, space.locate(link)?)))
        };
        named.or_else(by_interface).or_else(by_link)
    }

    /// Returns whether the request selects an address space that is configured. One that selects no
    /// VPN, or arrives while none is configured, always does.
    pub fn knows_vpn_of(&self, request: &Request) -> bool {
        self.space_of(request).is_some()
    }

    /// The properties of a request that can determine its subnet, and the addresses in them, in
    /// order of precedence. The first address that is in a subnet decides.
    pub fn located_by(&self, request: &Request) -> impl Iterator<Item = (LocatedBy, Ipv4Addr)> {
        let space = self.space_of(request).map(|(_, space)| space);
        let links = space.into_iter().flat_map(|space| self.links(request, space));
        self.named(request).chain(links.map(|address| (LocatedBy::Link, address)))
    }

    /// The network whose subnets name an interface.
    pub fn network_of_interface(&self, name: &str) -> Option<NetworkId> {
        self.interfaces.get(name).copied()
    }

    /// The address of the interface from which a reply to a broadcast on its link is sent: the
    /// address that located the client. `None` if there is no choice.
    pub fn answering_address(&self, request: &Request) -> Option<Ipv4Addr> {
        let links = request.arrival.link_addresses.as_deref().unwrap_or_default();
        if links.len() < 2 || request.arrival.unicast {
            return None;
        }
        let Selected { by, address, .. } = self.find(request)?;
        let is_on_link = matches!(by, LocatedBy::Link | LocatedBy::Interface);
        (is_on_link && !address.is_unspecified()).then_some(address)
    }

    /// The address space of a request, and what selects it; `None` if it selects one that is not
    /// configured. Without any VPN in the configuration, the server does not look at what selects
    /// one (RFC 6607 section 7).
    fn space_of(&self, request: &Request) -> Option<(Option<VpnSelectedBy>, &AddressSpace)> {
        if !self.spaces.has_vpns() {
            return Some((None, &self.spaces.global));
        }
        if let Some(selector) = request.relay_vpn_selection() {
            return Some((Some(VpnSelectedBy::Relay), self.spaces.selected(selector)?));
        }
        if let Some((by, space)) = self.space_of_sender(request) {
            return Some((Some(by), space));
        }
        match request.client_vpn_selection() {
            Some(selector) => Some((Some(VpnSelectedBy::Client), self.spaces.selected(selector)?)),
            None => Some((None, &self.spaces.global)),
        }
    }

    /// The VPN of the relay, or of the interface of a message without a relay. No client gets out
    /// of it by a selection of its own.
    fn space_of_sender(&self, request: &Request) -> Option<(VpnSelectedBy, &AddressSpace)> {
        if request.is_relayed() {
            let space = self.spaces.of_relay(request.relay_address)?;
            return Some((VpnSelectedBy::RelayAddress, space));
        }
        let (_, network) = self.network_on_interface(request)?;
        let space = self.spaces.of_vpn(Some(network.vpn_name()?))?;
        Some((VpnSelectedBy::Interface, space))
    }

    /// What the message itself says. If the location of the client is given, it is not guessed.
    fn named(&self, request: &Request) -> impl Iterator<Item = (LocatedBy, Ipv4Addr)> {
        let told = told(request);
        let is_direct = told.is_none() && request.is_direct();
        let client = request.address_in_use().filter(|_| is_direct);
        told.into_iter().chain(client.map(|address| (LocatedBy::ClientAddress, address)))
    }

    /// The addresses of the interface in the order in which they select a subnet.
    fn links<'r>(
        &self,
        request: &'r Request,
        space: &AddressSpace,
    ) -> impl Iterator<Item = Ipv4Addr> + use<'r> {
        let links = request.arrival.link_addresses.as_deref();
        let links = links.filter(|_| told(request).is_none()).unwrap_or_default();
        space.link_of_client(request, links).into_iter().chain(links.iter().copied())
    }

    fn network_on_interface(&self, request: &Request) -> Option<(NetworkId, &Network)> {
        let name = request.arrival.interface.as_deref().filter(|_| !request.is_relayed())?;
        let id = self.network_of_interface(name)?;
        Some((id, self.networks.get(id.0 as usize)?))
    }

    /// The subnet that names the interface of the request: of several, the one that spans the
    /// client's address, otherwise an address of the interface, otherwise the first. A server
    /// without any address on the interface needs an identifier for its replies.
    fn of_interface(&self, request: &Request) -> Option<(Ipv4Addr, Location)> {
        let (id, network) = self.network_on_interface(request)?;
        if told(request).is_some() {
            return None;
        }
        let name = request.arrival.interface.as_deref()?;
        let links = request.arrival.link_addresses.as_deref().unwrap_or_default();
        let naming = || {
            let subnets = network.subnets.iter().enumerate();
            subnets.filter(|(_, subnet)| subnet.selection.names_interface(name))
        };
        let spanning = |address: Ipv4Addr| {
            naming().find(|(_, subnet)| subnet.prefix.contains(&address)).map(|(at, _)| at)
        };
        let by_client = request.named_address().and_then(spanning);
        let by_link = || links.iter().find_map(|link| spanning(*link));
        let first = || naming().next().map(|(at, _)| at);
        let at = by_client.or_else(by_link).or_else(first)?;
        let subnet = network.subnets.get(at)?;
        let is_in_subnet = |link: &&Ipv4Addr| subnet.prefix.contains(*link);
        let is_in_network = |link: &&Ipv4Addr| network.subnet_of(**link).is_some();
        let own = links.iter().find(is_in_subnet).or_else(|| links.iter().find(is_in_network));
        let has_identifier = !request.arrival.server_address.is_unspecified()
            || subnet.settings.server_identifier.is_some();
        let address = own.copied().unwrap_or(Ipv4Addr::UNSPECIFIED);
        has_identifier.then_some((address, Location { network: id, subnet: at }))
    }
}

/// The location of the client according to its relay or itself.
fn told(request: &Request) -> Option<(LocatedBy, Ipv4Addr)> {
    let link_selection = request.link_selection();
    let link_selection = link_selection.map(|address| (LocatedBy::LinkSelection, address));
    let subnet_selection = request.selected_subnet();
    let subnet_selection = subnet_selection.map(|address| (LocatedBy::SubnetSelection, address));
    let relay = request.is_relayed().then_some(request.relay_address);
    let relay = relay.map(|address| (LocatedBy::RelayAddress, address));
    link_selection.or(subnet_selection).or(relay)
}

fn interfaces_of(
    networks: &[Arc<Network>],
) -> Result<HashMap<Arc<str>, NetworkId, FixedState>, TopologyError> {
    let mut interfaces: HashMap<Arc<str>, NetworkId, FixedState> = HashMap::default();
    for (id, network) in (0..).map(NetworkId).zip(networks) {
        let named = network.subnets.iter().flat_map(|subnet| subnet.selection.interfaces());
        for name in named {
            if *interfaces.entry(Arc::clone(name)).or_insert(id) != id {
                return Err(TopologyError::InterfaceTwice(Arc::clone(name)));
            }
        }
    }
    Ok(interfaces)
}
