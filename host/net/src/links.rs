//! The host's interfaces: names, indexes, hardware addresses, IPv4 addresses, and whether they
//! carry frames.
//!
//! Does not read them from the kernel. Invariant: a snapshot never changes; [`super::Host`]
//! replaces it with a new one.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    sync::Arc,
};

use ipnet::Ipv4Net;
use lessor_core::OwnAddresses;
use netlink_packet_route::{
    address::{AddressAttribute, AddressMessage},
    link::{InfoPortKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage},
};

/// Every interface of the host at one moment.
#[derive(Debug, Default)]
pub struct Links {
    by_index: HashMap<u32, Arc<Link>>,
    own_addresses: OwnAddresses,
    broadcast_addresses: HashSet<Ipv4Addr>,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The index that the kernel gave it.
    pub index: u32,
    /// The name, such as `eth0`.
    pub name: Arc<str>,
    /// Its hardware address; `None` if it is not Ethernet. Loopback takes Ethernet frames, too.
    pub hardware_address: Option<[u8; 6]>,
    /// Its IPv4 addresses in the order of the system: the primary address of the first subnet comes
    /// first.
    pub addresses: Arc<[Ipv4Addr]>,
    /// The largest IP datagram that it carries, in octets.
    pub mtu: u32,
    /// Whether it carries traffic.
    pub is_up: bool,
    /// Whether something is connected to it.
    pub has_carrier: bool,
    /// Whether datagrams leave without ARP for their next hop: loopback, tunnels, serial lines.
    pub needs_no_arp: bool,
    /// The interface that takes its frames, such as a bridge that it is part of.
    pub part_of: Option<PartOf>,
}

/// The other interface that takes the frames of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartOf {
    /// `bridge`, `bond` and the like.
    pub kind: String,
    /// The name of the other interface.
    pub name: String,
}

/// The largest number of names in an error about a missing interface.
const NAMES_LISTED_MAX: usize = 12;
/// The longest prefix with a broadcast address; longer ones have none (RFC 3021).
const BROADCAST_PREFIX_MAX: u8 = 30;

impl Links {
    /// Creates a snapshot from the kernel's answers.
    pub(super) fn new(links: Vec<LinkMessage>, addresses: Vec<AddressMessage>) -> Self {
        let mut by_link: HashMap<u32, Vec<Ipv4Addr>> = HashMap::new();
        let mut broadcast_addresses = HashSet::new();
        for message in addresses {
            broadcast_addresses.extend(broadcast_of(&message));
            let found = by_link.entry(message.header.index).or_default();
            found.extend(local_address(&message).filter(|address| !found.contains(address)));
        }
        let own_addresses = by_link.values().flatten().copied().collect();
        let names: HashMap<u32, String> =
            links.iter().map(|message| (message.header.index, name(message))).collect();
        let links = links.into_iter().map(|message| {
            let addresses = by_link.remove(&message.header.index).unwrap_or_default();
            (message.header.index, Arc::new(Link::new(&message, addresses, &names)))
        });
        Self { by_index: links.collect(), own_addresses, broadcast_addresses }
    }

    /// Returns the interface that has the name `name` now.
    pub fn named(&self, name: &str) -> Option<&Arc<Link>> {
        self.by_index.values().find(|link| *link.name == *name)
    }

    /// Returns the interface with this index.
    pub fn get(&self, index: u32) -> Option<&Arc<Link>> {
        self.by_index.get(&index)
    }

    /// Returns the interface that has `address`.
    pub fn with_address(&self, address: Ipv4Addr) -> Option<&Arc<Link>> {
        // All of 127.0.0.0/8 belongs to the host if loopback has an address in it.
        let has = |link: &Link| {
            link.addresses.contains(&address)
                || (address.is_loopback() && link.addresses.iter().any(Ipv4Addr::is_loopback))
        };
        self.by_index.values().find(|link| has(link))
    }

    /// Returns every address of the host.
    pub fn own_addresses(&self) -> &OwnAddresses {
        &self.own_addresses
    }

    /// Returns whether `address` belongs to the host itself. If loopback has an address, all of
    /// 127.0.0.0/8 belongs to the host.
    pub(super) fn is_own(&self, address: Ipv4Addr) -> bool {
        self.own_addresses.contains(address)
            || (address.is_loopback()
                && self.own_addresses.of_host().iter().any(Ipv4Addr::is_loopback))
    }

    /// Returns whether a link of the host treats `address` as a broadcast address.
    pub(super) fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        self.broadcast_addresses.contains(&address)
    }

    /// Returns the names of all interfaces, for people.
    pub fn names(&self) -> String {
        let mut links: Vec<&Arc<Link>> = self.by_index.values().collect();
        links.sort_by_key(|link| link.index);
        let mut names = links.iter().map(|link| &*link.name);
        let listed: Vec<_> = names.by_ref().take(NAMES_LISTED_MAX).collect();
        match names.count() {
            0 => listed.join(", "),
            more => format!("{} and {more} more", listed.join(", ")),
        }
    }
}

impl Link {
    /// Returns the largest IP datagram that a reply may be, in octets.
    pub fn mtu_octets(&self) -> u16 {
        u16::try_from(self.mtu).unwrap_or(u16::MAX)
    }

    fn new(message: &LinkMessage, addresses: Vec<Ipv4Addr>, names: &HashMap<u32, String>) -> Self {
        let flags = message.header.flags;
        let is_loopback = message.header.link_layer_type == LinkLayerType::Loopback;
        let is_ethernet = is_loopback || message.header.link_layer_type == LinkLayerType::Ether;
        let mut link = Self {
            index: message.header.index,
            name: name(message).into(),
            hardware_address: is_ethernet.then_some([0; 6]),
            addresses: addresses.into(),
            mtu: 0,
            is_up: flags.contains(LinkFlags::Up),
            has_carrier: flags.contains(LinkFlags::LowerUp) || is_loopback,
            needs_no_arp: flags
                .intersects(LinkFlags::Noarp | LinkFlags::Loopback | LinkFlags::Pointopoint),
            part_of: None,
        };
        let (mut controller, mut kind) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::Address(octets) if is_ethernet => {
                    link.hardware_address = octets.as_slice().try_into().ok();
                }
                LinkAttribute::Mtu(octets) => link.mtu = *octets,
                LinkAttribute::Controller(index) => controller = Some(*index),
                LinkAttribute::LinkInfo(infos) => {
                    kind = kind.or(infos.iter().find_map(port_kind));
                }
                _ => {}
            }
        }
        // A member of a VRF still receives what is sent to its own sockets.
        let is_taken = !matches!(kind, Some(InfoPortKind::Vrf));
        link.part_of = controller.filter(|index| *index != 0 && is_taken).map(|index| PartOf {
            kind: kind.map_or_else(|| "controller".to_owned(), |kind| kind.to_string()),
            name: names.get(&index).cloned().unwrap_or_else(|| format!("interface {index}")),
        });
        link
    }
}

fn name(message: &LinkMessage) -> String {
    let mut attributes = message.attributes.iter();
    let found = attributes.find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    });
    found.unwrap_or_default()
}

fn port_kind(info: &LinkInfo) -> Option<InfoPortKind> {
    match info {
        LinkInfo::PortKind(kind) => Some(kind.clone()),
        _ => None,
    }
}

/// Returns the host's own end of an address; an address of a point-to-point line has another end,
/// too.
fn local_address(message: &AddressMessage) -> Option<Ipv4Addr> {
    let mut found = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(std::net::IpAddr::V4(address)) => return Some(*address),
            AddressAttribute::Address(std::net::IpAddr::V4(address)) => found = Some(*address),
            _ => {}
        }
    }
    found
}

/// Returns the broadcast addresses of an address's subnet: the one that was set with it, and the
/// last one of its prefix, which the kernel also treats as a broadcast address.
fn broadcast_of(message: &AddressMessage) -> impl Iterator<Item = Ipv4Addr> {
    let own = local_address(message);
    let set = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Broadcast(address) => Some(*address),
        _ => None,
    });
    let length = message.header.prefix_len;
    let prefix = own.filter(|_| length <= BROADCAST_PREFIX_MAX);
    let prefix = prefix.and_then(|own| Ipv4Net::new(own, length).ok());
    set.filter(|set| Some(*set) != own).into_iter().chain(prefix.map(|prefix| prefix.broadcast()))
}

#[cfg(test)]
impl Links {
    /// Creates interfaces with these names and addresses, as `ip address` shows them.
    pub(super) fn with(interfaces: &[(&str, &str)]) -> Self {
        let mut links = Vec::new();
        let mut addresses = Vec::new();
        for (index, (name, address)) in (1..).zip(interfaces) {
            let mut link = LinkMessage::default();
            link.header.index = index;
            link.attributes = vec![LinkAttribute::IfName((*name).to_owned())];
            links.push(link);
            let prefix: Ipv4Net = address.parse().unwrap();
            let mut message = AddressMessage::default();
            message.header.index = index;
            message.header.prefix_len = prefix.prefix_len();
            message.attributes = vec![AddressAttribute::Local(prefix.addr().into())];
            addresses.push(message);
        }
        Self::new(links, addresses)
    }
}
