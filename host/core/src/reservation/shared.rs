//! Reservations that belong to no subnet: they apply in every network, or in every network of a
//! VPN, unless a subnet there has a reservation for the client.
//!
//! Invariant: none of them has an address, and those of all networks come first in the list.

use std::net::Ipv4Addr;

use crate::{IdentifierReach, RelayInformation, Request, VpnName};

use super::{
    Reservation,
    index::{Matched, OwnerIndex},
};

/// Reservations that belong to no subnet. Immutable: a reload makes others.
#[derive(Clone, Debug, Default)]
pub struct SharedReservations {
    list: Vec<Reservation>,
    /// The VPNs, and the position of the first reservation of each. Those before all of them apply
    /// in every network.
    vpns: Vec<(VpnName, usize)>,
    index: OwnerIndex,
    longest_lease_secs: u32,
}

impl SharedReservations {
    /// Creates an index of reservations of all networks. Those of an address are left out.
    pub fn new(list: Vec<Reservation>) -> Self {
        Self::with_vpns(list, Vec::new())
    }

    /// Creates an index of reservations of all networks and of those that apply in one VPN only.
    /// Those of an address are left out.
    pub fn with_vpns(
        mut list: Vec<Reservation>,
        of_vpns: Vec<(VpnName, Vec<Reservation>)>,
    ) -> Self {
        let mut vpns = Vec::with_capacity(of_vpns.len());
        list.retain(is_shared);
        for (name, of_vpn) in of_vpns {
            vpns.push((name, list.len()));
            list.extend(of_vpn.into_iter().filter(is_shared));
        }
        list.shrink_to_fit();
        let index = OwnerIndex::new(list.iter());
        let longest = list.iter().map(|of| of.settings.longest_lease_secs()).max();
        Self { list, vpns, index, longest_lease_secs: longest.unwrap_or_default() }
    }

    /// The longest lease time that any of them sets, in seconds; 0 if none sets one.
    pub const fn longest_lease_secs(&self) -> u32 {
        self.longest_lease_secs
    }

    /// Returns whether any of them names a class.
    pub fn name_classes(&self) -> bool {
        self.list.iter().any(|of| of.settings.classes.is_some())
    }

    /// The reservations: those of all networks, then those of each VPN.
    pub fn list(&self) -> &[Reservation] {
        &self.list
    }

    /// The reservations with the VPN in which each applies; `None` for those of all networks.
    pub fn with_their_vpns(&self) -> impl Iterator<Item = (Option<&VpnName>, &Reservation)> {
        self.list.iter().enumerate().map(|(position, of)| (self.vpn_of(position), of))
    }

    /// Every server identifier that they set, and where it counts.
    pub(crate) fn server_identifiers(
        &self,
    ) -> impl Iterator<Item = (IdentifierReach<Option<&VpnName>>, Ipv4Addr)> {
        self.with_their_vpns().filter_map(|(vpn, of)| {
            let reach = IdentifierReach::of_shared_reservation(vpn.map(Some));
            Some((reach, of.settings.server_identifier?))
        })
    }

    /// The reservation for the client of `request` in a network of a VPN, or of none; the request
    /// came over the line in `relay_information`. Of two with the same identifier, that of the VPN
    /// comes first.
    pub(crate) fn find(
        &self,
        vpn: Option<&VpnName>,
        request: &Request,
        relay_information: Option<&RelayInformation>,
    ) -> Option<Matched<'_>> {
        let reservation = |position| {
            let of_vpn = self.vpn_of(position);
            self.list.get(position).filter(|_| of_vpn.is_none() || of_vpn == vpn)
        };
        let rank = |position| self.vpn_of(position).is_none();
        self.index.find(request, relay_information, reservation, rank)
    }

    fn vpn_of(&self, position: usize) -> Option<&VpnName> {
        let begun = self.vpns.partition_point(|(_, first)| *first <= position);
        self.vpns.get(begun.checked_sub(1)?).map(|(name, _)| name)
    }
}

fn is_shared(reservation: &Reservation) -> bool {
    reservation.address.is_none()
}

/// Reservations are the same if the lists are, and the VPNs in which they apply.
impl PartialEq for SharedReservations {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list && self.vpns == other.vpns
    }
}

impl Eq for SharedReservations {}
