//! The subnets behind the relays of a class: where the clients are whose messages these relays
//! forward, so that a renewal which a client sends directly belongs to the class as well if its
//! relay is not on record.
//!
//! Follows how [`lessor_core::Topology`] selects a subnet by giaddr. What a link selection selects
//! is not known here. Invariant: a subnet is behind a relay together with the other subnets of its
//! network.

use std::{collections::HashMap, net::Ipv4Addr};

use ipnet::Ipv4Net;
use lessor_core::{SubnetBehind, VpnName};

use crate::{network::NetworkLevels, subnet::PlacedSubnet};

/// The subnets and the relay addresses that select one.
pub(super) struct Relayed<'s> {
    subnets: &'s [PlacedSubnet],
    /// The network of each subnet.
    networks: Vec<usize>,
    /// The relay addresses that subnets and networks name, in order, with the network and its VPN.
    named: Vec<(Ipv4Addr, usize, Option<&'s VpnName>)>,
}

impl<'s> Relayed<'s> {
    pub(super) fn new(subnets: &'s [PlacedSubnet], levels: &'s NetworkLevels) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut networks = Vec::with_capacity(subnets.len());
        let mut named = Vec::new();
        for (position, subnet) in subnets.iter().enumerate() {
            let shared = subnet.shared.network.as_ref().map(|name| name.value.as_str());
            let known = shared.and_then(|name| numbers.get(name)).copied();
            let network = known.unwrap_or(position);
            networks.push(network);
            let mut add = |address| named.push((address, network, subnet.vpn_name()));
            subnet.selection.relay_addresses().for_each(&mut add);
            if let Some(name) = shared.filter(|_| known.is_none()) {
                numbers.insert(name, network);
                let level = levels.get(name);
                level.into_iter().flat_map(|it| it.selection.relay_addresses()).for_each(add);
            }
        }
        named.sort_unstable();
        named.dedup();
        Self { subnets, networks, named }
    }

    /// Returns whether a subnet or a network names a relay address of this prefix.
    pub(super) fn names_one_of(&self, relays: &Ipv4Net) -> bool {
        !self.named_in(relays).is_empty()
    }

    /// The subnets of every network that one of these relays belongs to.
    pub(super) fn behind(&self, relays: &[Ipv4Net]) -> Box<[SubnetBehind]> {
        let mut is_behind = vec![false; self.subnets.len()];
        let mut mark = |network: usize| {
            if let Some(is_behind) = is_behind.get_mut(network) {
                *is_behind = true;
            }
        };
        for relays in relays {
            let named = self.named_in(relays);
            named.iter().for_each(|(_, network, _)| mark(*network));
            let spanning = self.subnets.iter().zip(&self.networks);
            let spanning = spanning.filter(|(subnet, _)| {
                overlap(relays, &subnet.prefix.value) && self.selects(relays, subnet, named)
            });
            spanning.for_each(|(_, network)| mark(*network));
        }
        let belongs = |network: &usize| is_behind.get(*network).is_some_and(|found| *found);
        let subnets = self.subnets.iter().zip(&self.networks);
        let subnets = subnets.filter(|(_, network)| belongs(network));
        subnets.map(|(subnet, _)| (subnet.vpn_name().cloned(), subnet.prefix.value)).collect()
    }

    /// Returns whether relays select a subnet that spans them. One address that is named selects
    /// what names it, in no VPN or in the only one; if several VPNs name it, only the relay can say
    /// which of them it means, and without that the one outside of all is meant.
    fn selects(
        &self,
        relays: &Ipv4Net,
        subnet: &PlacedSubnet,
        named: &[(Ipv4Addr, usize, Option<&VpnName>)],
    ) -> bool {
        let [(_, _, first), others @ ..] = named else { return true };
        let is_single = relays.prefix_len() == relays.max_prefix_len();
        let is_in_several = first.is_some() && !others.is_empty();
        let is_in_global = named.iter().any(|(_, _, vpn)| vpn.is_none());
        !is_single || (is_in_several && !is_in_global && subnet.vpn_name().is_none())
    }

    fn named_in(&self, relays: &Ipv4Net) -> &[(Ipv4Addr, usize, Option<&'s VpnName>)] {
        let from = self.named.partition_point(|(address, ..)| *address < relays.network());
        let to = self.named.partition_point(|(address, ..)| *address <= relays.broadcast());
        self.named.get(from..to).unwrap_or_default()
    }
}

/// Returns whether two prefixes have an address in common.
pub(super) fn overlap(one: &Ipv4Net, other: &Ipv4Net) -> bool {
    one.contains(other) || other.contains(one)
}
