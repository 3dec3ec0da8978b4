//! Address spaces: which subnet spans an address, and which one a relay address selects.
//!
//! Knows nothing of requests but the addresses in them. Invariant: the spans of a space are
//! disjoint and in order of address.

use std::{net::Ipv4Addr, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::{Network, Request, VpnId, VpnName, VpnSelector};

use super::{Location, NetworkId, TopologyError};

/// The address spaces of a configuration.
#[derive(Debug, Default)]
pub(super) struct Spaces {
    /// The one outside of all VPNs.
    pub(super) global: AddressSpace,
    of_vpns: HashMap<VpnName, AddressSpace, FixedState>,
    by_id: HashMap<VpnId, VpnName, FixedState>,
    /// The VPN of each relay address that subnets of only one VPN name, and none outside of all.
    by_relay: HashMap<Ipv4Addr, Option<VpnName>, FixedState>,
}

/// The subnets of one address space.
#[derive(Debug, Default)]
pub(super) struct AddressSpace {
    spans: Vec<Span>,
    relays: HashMap<Ipv4Addr, Location, FixedState>,
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

impl Spaces {
    /// The address spaces of `networks`.
    ///
    /// # Errors
    /// Fails if two subnets of an address space overlap, or if a relay address selects both.
    pub(super) fn of(networks: &[Arc<Network>]) -> Result<Self, TopologyError> {
        let mut spaces = Self::default();
        for (id, network) in (0..).map(NetworkId).zip(networks) {
            let space = match &network.vpn {
                None => &mut spaces.global,
                Some(vpn) => spaces.of_vpns.entry(vpn.name.clone()).or_default(),
            };
            space.add(id, network)?;
            if let Some(vpn) = &network.vpn {
                spaces.by_id.extend(vpn.id.map(|id| (id, vpn.name.clone())));
            }
        }
        for space in spaces.of_vpns.values_mut().chain([&mut spaces.global]) {
            space.put_in_order(networks)?;
        }
        for (name, space) in &spaces.of_vpns {
            for relay in space.relays.keys().filter(|relay| spaces.global.names_no(**relay)) {
                let of = spaces.by_relay.entry(*relay).or_insert_with(|| Some(name.clone()));
                if of.as_ref() != Some(name) {
                    *of = None;
                }
            }
        }
        Ok(spaces)
    }

    /// Returns whether there is any VPN.
    pub(super) fn has_vpns(&self) -> bool {
        !self.of_vpns.is_empty()
    }

    /// The address space of a VPN, or the one outside of all VPNs.
    pub(super) fn of_vpn(&self, vpn: Option<&VpnName>) -> Option<&AddressSpace> {
        vpn.map_or(Some(&self.global), |name| self.of_vpns.get(name))
    }

    /// The address space that a message selects.
    pub(super) fn selected(&self, selector: VpnSelector<'_>) -> Option<&AddressSpace> {
        match selector {
            VpnSelector::Global => Some(&self.global),
            VpnSelector::Id(id) => self.of_vpns.get(self.by_id.get(&id)?),
            VpnSelector::Name(name) => self.of_vpns.get(std::str::from_utf8(name).ok()?),
            VpnSelector::Malformed => None,
        }
    }

    /// The address space of the only VPN whose subnets name this relay address.
    pub(super) fn of_relay(&self, relay: Ipv4Addr) -> Option<&AddressSpace> {
        self.of_vpns.get(self.by_relay.get(&relay)?.as_ref()?)
    }
}

impl AddressSpace {
    /// The subnet that spans `address`.
    pub(super) fn locate(&self, address: Ipv4Addr) -> Option<Location> {
        let address = u32::from(address);
        let after = self.spans.partition_point(|span| span.first <= address);
        let span = self.spans.get(after.checked_sub(1)?)?;
        (address <= span.last).then_some(span.location())
    }

    /// The subnet that names this relay address, otherwise the one that spans it.
    pub(super) fn locate_relay(&self, address: Ipv4Addr) -> Option<Location> {
        self.relays.get(&address).copied().or_else(|| self.locate(address))
    }

    /// Of several addresses of one interface, the one in the subnet, otherwise in the network, of
    /// the address that the client uses or requests.
    pub(super) fn link_of_client(&self, request: &Request, links: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        if links.len() < 2 {
            return None;
        }
        let named = self.locate(request.named_address()?)?;
        let is_in_subnet = |link: &&Ipv4Addr| self.locate(**link) == Some(named);
        let is_in_network =
            |link: &&Ipv4Addr| self.locate(**link).is_some_and(|own| own.network == named.network);
        links.iter().find(is_in_subnet).or_else(|| links.iter().find(is_in_network)).copied()
    }

    fn names_no(&self, relay: Ipv4Addr) -> bool {
        !self.relays.contains_key(&relay)
    }

    fn add(&mut self, network: NetworkId, of: &Network) -> Result<(), TopologyError> {
        for (subnet, found) in (0..).zip(&of.subnets) {
            let span = Span {
                first: found.prefix.network().into(),
                last: found.prefix.broadcast().into(),
                network,
                subnet,
            };
            self.spans.push(span);
            for relay in found.selection.relay_addresses() {
                if self.relays.insert(*relay, span.location()).is_some() {
                    return Err(TopologyError::RelayTwice(*relay));
                }
            }
        }
        Ok(())
    }

    fn put_in_order(&mut self, networks: &[Arc<Network>]) -> Result<(), TopologyError> {
        self.spans.sort_unstable_by_key(|span| (span.first, std::cmp::Reverse(span.last)));
        self.spans.shrink_to_fit();
        let prefix = |span: &Span| {
            let network = networks.get(span.network.0 as usize)?;
            network.subnets.get(span.subnet as usize).map(|subnet| subnet.prefix)
        };
        for (first, second) in self.spans.iter().zip(self.spans.iter().skip(1)) {
            if second.first <= first.last
                && let (Some(first), Some(second)) = (prefix(first), prefix(second))
            {
                return Err(TopologyError::Overlap { first, second });
            }
        }
        Ok(())
    }
}

impl Span {
    const fn location(&self) -> Location {
        Location { network: self.network, subnet: self.subnet as usize }
    }
}
