//! The addresses by which the configuration says that clients know the server, and the address
//! spaces in which each of them is an address of the server.
//!
//! Does not read the configuration, and knows nothing of the host. Invariant: the addresses of each
//! list are in order, each once.

use std::{iter, net::Ipv4Addr};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::VpnName;

/// Where a server identifier is an address of the server, so that no client gets it there: in the
/// address spaces whose clients can know the server by it. `S` is an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierReach<S> {
    /// In every address space.
    Everywhere,
    /// In this one only.
    Space(S),
}

/// Every server identifier of a configuration. An address space is that of a VPN, or the one
/// outside of all VPNs (`None`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerIdentifiers {
    /// Those of all spaces.
    all: Vec<Ipv4Addr>,
    /// Those that are the server's in every space.
    everywhere: Vec<Ipv4Addr>,
    /// Those of networks outside of all VPNs.
    outside: Vec<Ipv4Addr>,
    /// Those of the networks of each VPN.
    of_vpns: HashMap<VpnName, Vec<Ipv4Addr>, FixedState>,
}

impl<S> IdentifierReach<S> {
    /// The reach of an identifier of a class: its clients are in any space.
    pub const fn of_class() -> Self {
        Self::Everywhere
    }

    /// The reach of an identifier of a network in this space, of its subnets, and of their pools
    /// and reservations.
    pub const fn of_network(space: S) -> Self {
        Self::Space(space)
    }

    /// The reach of an identifier of a reservation that belongs to no subnet: one that names no VPN
    /// applies in all networks.
    pub fn of_shared_reservation(vpn: Option<S>) -> Self {
        vpn.map_or(Self::Everywhere, Self::Space)
    }
}

impl ServerIdentifiers {
    /// These identifiers and more.
    #[must_use]
    pub fn with<'v>(
        mut self,
        more: impl IntoIterator<Item = (IdentifierReach<Option<&'v VpnName>>, Ipv4Addr)>,
    ) -> Self {
        for (reach, address) in more {
            self.all.push(address);
            let of_space = match reach {
                IdentifierReach::Everywhere => &mut self.everywhere,
                IdentifierReach::Space(None) => &mut self.outside,
                IdentifierReach::Space(Some(vpn)) => self.of_vpns.entry(vpn.clone()).or_default(),
            };
            of_space.push(address);
        }
        let lists = [&mut self.all, &mut self.everywhere, &mut self.outside];
        for list in lists.into_iter().chain(self.of_vpns.values_mut()) {
            list.sort_unstable();
            list.dedup();
            list.shrink_to_fit();
        }
        self
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns whether clients of any space can know the server by `address`.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.all.binary_search(&address).is_ok()
    }

    /// Those from `first` to `last` that are addresses of the server in the space of a VPN, or in
    /// the one outside of all VPNs; in no order.
    pub fn within(
        &self,
        vpn: Option<&VpnName>,
        first: Ipv4Addr,
        last: Ipv4Addr,
    ) -> impl Iterator<Item = Ipv4Addr> {
        let of_space = match vpn {
            None => Some(&self.outside),
            Some(vpn) => self.of_vpns.get(vpn),
        };
        let lists = iter::once(&self.everywhere).chain(of_space);
        lists.flat_map(move |list| in_range(list, first, last)).copied()
    }
}

/// The addresses of a list in order from `first` to `last`.
pub(crate) fn in_range(list: &[Ipv4Addr], first: Ipv4Addr, last: Ipv4Addr) -> &[Ipv4Addr] {
    let from = list.partition_point(|address| *address < first);
    let to = list.partition_point(|address| *address <= last);
    list.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_the_servers_where_its_clients_are() {
        let [class, outside, green, blue] = [1, 2, 3, 4].map(|last| Ipv4Addr::new(10, 0, 0, last));
        let [vpn, other, third] = ["green", "blue", "red"].map(|name| VpnName::new(name).unwrap());
        let identifiers = ServerIdentifiers::default()
            .with([
                (IdentifierReach::of_network(Some(&vpn)), green),
                (IdentifierReach::of_network(None), outside),
                (IdentifierReach::of_network(None), outside),
            ])
            .with([
                (IdentifierReach::of_class(), class),
                (IdentifierReach::of_shared_reservation(Some(Some(&other))), blue),
                (IdentifierReach::of_shared_reservation(None), class),
            ]);
        let within = |vpn: Option<&VpnName>, first, last| {
            let mut found: Vec<Ipv4Addr> = identifiers.within(vpn, first, last).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(within(None, class, blue), [class, outside]);
        assert_eq!(within(Some(&vpn), class, blue), [class, green]);
        assert_eq!(within(Some(&other), class, blue), [class, blue]);
        assert_eq!(within(Some(&third), class, blue), [class]);
        assert_eq!(within(Some(&vpn), outside, green), [green]);
        assert!(within(Some(&vpn), outside, outside).is_empty());
        assert!([class, outside, green, blue].into_iter().all(|one| identifiers.contains(one)));
        assert!(!identifiers.contains(Ipv4Addr::new(10, 0, 0, 5)));
        assert!(!identifiers.is_empty() && ServerIdentifiers::default().is_empty());
    }
}
