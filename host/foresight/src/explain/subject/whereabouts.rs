//! Where the client of a question is: what is given, or what follows from where it was heard, from
//! its lease, or from the only subnet.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use anyhow::bail;
use ipnet::Ipv4Net;
use lessor_core::{
    Arrival, Binding, HardwareAddress, OwnAddresses, RelayInformation, Topology, VpnName,
};
use lessor_serving::{Heard, HeardAt, Name};

use super::{super::Basis, Subject};

const SERVER_PORT: u16 = 67;
pub(super) const CLIENT_PORT: u16 = 68;

/// Where a message comes from.
pub(super) struct WhereFrom {
    pub(super) relay_address: Ipv4Addr,
    pub(super) link_selection: Option<Ipv4Addr>,
    pub(super) arrival: Arrival,
}

/// The names under which a client may have been heard.
#[derive(Clone, Copy)]
pub(super) struct HeardAs<'a> {
    pub(super) hardware_address: Option<HardwareAddress>,
    pub(super) information: Option<&'a RelayInformation>,
}

impl Subject {
    /// Determines where the client is: from what is given, from where it was last heard, from its
    /// lease, or from the only subnet.
    pub(super) fn where_from(
        &self,
        place: &Basis<'_>,
        binding: Option<&Binding>,
        heard_as: HeardAs<'_>,
        assumed: &mut Vec<String>,
    ) -> anyhow::Result<WhereFrom> {
        let topology = place.engines.topology();
        if let Some(interface) = &self.interface {
            let own = self.link.or_else(|| first_on(topology, interface));
            let own = own.unwrap_or(Ipv4Addr::UNSPECIFIED);
            if self.link.is_none() {
                assumed.push(format!("the server is {own} on {interface}"));
            }
            let mut from = WhereFrom::link(own, place.own_addresses());
            from.arrival.interface = Some(Arc::clone(interface));
            return Ok(from);
        }
        if let Some(link) = self.link {
            return Ok(WhereFrom::link(link, place.own_addresses()));
        }
        let heard = place.heard.and_then(|heard| heard_as.find(heard));
        let at = match (self.relay_address, heard) {
            (Some(relay_address), _) => HeardAt::Relay { relay_address, link_selection: None },
            (None, Some((HeardAt::Link(_), _))) if self.link_selection.is_some() => {
                self.in_subnet(place, binding, heard_as, assumed)?
            }
            (None, Some((at, by))) => {
                self.assume_heard(at, by, assumed);
                at
            }
            (None, None) => self.in_subnet(place, binding, heard_as, assumed)?,
        };
        Ok(match at {
            HeardAt::Link(address) => WhereFrom::link(address, place.own_addresses()),
            HeardAt::Relay { relay_address, link_selection } => WhereFrom {
                link_selection: self.link_selection.or(link_selection),
                ..WhereFrom::relay(relay_address, place)
            },
        })
    }

    /// Reports that the client is taken to be where `by` was last heard.
    fn assume_heard(&self, at: HeardAt, by: &str, assumed: &mut Vec<String>) {
        match at {
            HeardAt::Link(address) => assumed
                .push(format!("on the link, where the server is {address}; {by} was heard there")),
            HeardAt::Relay { relay_address, link_selection } => {
                assumed.push(format!(
                    "relay address {relay_address}, through which {by} was last heard"
                ));
                if let Some(selected) = link_selection.filter(|_| self.link_selection.is_none()) {
                    assumed.push(format!("link selection {selected}, which that relay sent then"));
                }
            }
        }
    }

    /// Returns where the client of a subnet is: the subnet of its lease, the selected one, or the
    /// only one.
    fn in_subnet(
        &self,
        place: &Basis<'_>,
        binding: Option<&Binding>,
        heard_as: HeardAs<'_>,
        assumed: &mut Vec<String>,
    ) -> anyhow::Result<HeardAt> {
        let topology = place.engines.topology();
        let leased =
            binding.and_then(|found| prefix_of(topology, found.vpn.as_ref(), found.address));
        let known = leased.or_else(|| self.selected_prefix(topology));
        let prefix = known.map_or_else(|| only_prefix(topology), Ok)?;
        let address = prefix.hosts().next().unwrap_or(prefix.network());
        let is_relayed = self.vpn.is_some()
            || heard_as.information.is_some()
            || self.link_selection.is_some()
            || place.server.interfaces.is_empty()
            || place.server.listen.len() > 1;
        if !is_relayed {
            assumed.push(format!("on the link, where the server is {address}"));
            return Ok(HeardAt::Link(address));
        }
        assumed.push(format!("relay address {address}, of subnet {prefix}"));
        Ok(HeardAt::Relay { relay_address: address, link_selection: None })
    }

    /// Returns the subnet that the relay or the client selects.
    fn selected_prefix(&self, topology: &Topology) -> Option<Ipv4Net> {
        let selected = self.link_selection.or(self.subnet_selection)?;
        prefix_of(topology, self.vpn.as_ref(), selected)
    }
}

impl Basis<'_> {
    fn own_addresses(&self) -> OwnAddresses {
        self.links.own_addresses().clone()
    }

    /// Returns the largest datagram that the interface carries on which a message arrives, as far
    /// as it is known: that of a relayed message is the one that has the server's address.
    pub(super) fn mtu_octets(&self, arrival: &Arrival) -> Option<u16> {
        let link = match &arrival.interface {
            Some(name) => self.links.named(name),
            None => self.links.with_address(arrival.server_address),
        };
        link.map(|link| link.mtu_octets())
    }
}

impl HeardAs<'_> {
    /// Returns where the client was heard, and under which name.
    fn find(&self, heard: &Heard) -> Option<(HeardAt, &'static str)> {
        let information = self.information;
        let names = [
            (information.and_then(|found| found.circuit_id()).map(Name::CircuitId), "the line"),
            (information.and_then(|found| found.remote_id()).map(Name::RemoteId), "the line"),
            (self.hardware_address.map(Name::HardwareAddress), "the client"),
        ];
        names.into_iter().find_map(|(name, as_whom)| Some((heard.find(name?)?, as_whom)))
    }
}

impl WhereFrom {
    fn relay(relay_address: Ipv4Addr, place: &Basis<'_>) -> Self {
        let listened = place.server.listen.first().map(|listen| *listen.ip());
        let server_address = place
            .server
            .server_identifier
            .or(listened.filter(|address| !address.is_unspecified()))
            .unwrap_or(relay_address);
        Self {
            relay_address,
            link_selection: None,
            arrival: Arrival {
                source: SocketAddrV4::new(relay_address, SERVER_PORT),
                server_address,
                link_addresses: None,
                own_addresses: place.own_addresses(),
                unicast: true,
                interface: None,
                mtu_octets: None,
            },
        }
    }

    fn link(address: Ipv4Addr, own_addresses: OwnAddresses) -> Self {
        Self {
            relay_address: Ipv4Addr::UNSPECIFIED,
            link_selection: None,
            arrival: Arrival {
                source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT),
                server_address: address,
                link_addresses: Some([address].into()),
                own_addresses,
                unicast: false,
                interface: None,
                mtu_octets: None,
            },
        }
    }
}

/// The first address of the first subnet that names an interface.
fn first_on(topology: &Topology, interface: &str) -> Option<Ipv4Addr> {
    let mut subnets = topology.networks().iter().flat_map(|network| &network.subnets);
    let subnet = subnets.find(|subnet| subnet.selection.names_interface(interface))?;
    subnet.prefix.hosts().next()
}

fn prefix_of(topology: &Topology, vpn: Option<&VpnName>, address: Ipv4Addr) -> Option<Ipv4Net> {
    let location = topology.locate_address(vpn, address)?;
    let network = topology.networks().get(location.network.0 as usize)?;
    network.subnets.get(location.subnet).map(|subnet| subnet.prefix)
}

fn only_prefix(topology: &Topology) -> anyhow::Result<Ipv4Net> {
    let subnets = topology.networks().iter().flat_map(|network| &network.subnets);
    let prefixes: Vec<Ipv4Net> = subnets.map(|subnet| subnet.prefix).collect();
    match prefixes.as_slice() {
        [only] => Ok(*only),
        [first, ..] => bail!(
            "neither a lease on record nor a recent message shows in which of {} subnets the \
             client is; give its relay with --relay-address, such as {}",
            prefixes.len(),
            first.hosts().next().unwrap_or(first.network())
        ),
        [] => bail!("the configuration has no subnet"),
    }
}
