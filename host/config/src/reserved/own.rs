//! The server's own addresses among the reservations: no client may have one, whether the
//! reservation or the identifier comes first.
//!
//! Does not report conflicts. Invariant: the identifiers of all reservations so far are noted.

use std::{hash::BuildHasher, net::Ipv4Addr};

use lessor_core::{IdentifierReach, SharedReservations};

use crate::{
    collector::Collector,
    file_position::FilePosition,
    pool,
    spaces::{OUTSIDE, Space},
};

use super::{Entry, Reserved};

/// The places that conflict with a reservation.
#[derive(Default)]
pub(super) struct OwnConflicts {
    /// What makes its address the server's own.
    pub(super) own: Option<FilePosition>,
    /// The reservation of the address that is its `server-identifier`.
    pub(super) identifier: Option<FilePosition>,
}

impl Reserved<'_> {
    /// Makes all pools skip the server's own addresses, and reports those that have no other.
    /// Returns the reservations that belong to no subnet. All reservations must have been added.
    pub(crate) fn finish(self, collector: &Collector) -> SharedReservations {
        for (subnet, space) in self.subnets.iter_mut().zip(&self.spaces) {
            pool::skip_own(&mut subnet.pools, (&self.own, *space), collector);
        }
        self.into_shared()
    }

    /// Notes the identifiers of the subnets and their pools.
    pub(super) fn note_identifiers_of_subnets(&mut self) {
        for (subnet, space) in self.subnets.iter().zip(&self.spaces) {
            let reach = IdentifierReach::of_network(*space);
            let of_pools = subnet.pools.iter().map(|placed| placed.identifier);
            for (address, place) in of_pools.chain([subnet.identifier]).flatten() {
                self.own.note(reach, address, place);
            }
        }
    }

    /// Notes the identifier of a reservation whose address was not recorded yet.
    pub(super) fn note_own(&mut self, entry: Entry) -> OwnConflicts {
        let mut conflicts = OwnConflicts::default();
        let Some(placed) = self.placed(entry) else { return conflicts };
        let (address, place) = (placed.reservation.address, placed.place);
        if let Some(identifier) = placed.reservation.settings.server_identifier {
            let reach = self.reach_of(entry);
            if self.own.note(reach, identifier, place) {
                conflicts.identifier = self.reserved_within(reach, identifier);
            }
        }
        let space = self.spaces.get(entry.subnet as usize).copied().unwrap_or(OUTSIDE);
        conflicts.own = address.and_then(|address| self.own.place_of(space, address));
        conflicts
    }

    /// The address spaces in which the identifier of a reservation is the server's own.
    fn reach_of(&self, entry: Entry) -> IdentifierReach<Space> {
        if let Some(space) = self.spaces.get(entry.subnet as usize) {
            return IdentifierReach::of_network(*space);
        }
        let shared = self.shared.get(entry.position as usize);
        let vpn = shared.map(|(space, _)| *space).filter(|space| *space != OUTSIDE);
        IdentifierReach::of_shared_reservation(vpn)
    }

    /// The place of an earlier reservation of an address in one of these spaces.
    fn reserved_within(
        &self,
        reach: IdentifierReach<Space>,
        address: Ipv4Addr,
    ) -> Option<FilePosition> {
        let reserved = |space: Space| {
            let wanted = (space, address);
            let hash = self.hasher.hash_one(wanted);
            let (_, entry) = self.addresses.find(hash, |(other, _)| *other == wanted)?;
            Some(self.placed(*entry)?.place)
        };
        match reach {
            IdentifierReach::Space(space) => reserved(space),
            IdentifierReach::Everywhere => {
                let spaces = self.vpns.values().copied().chain([OUTSIDE]);
                spaces.filter_map(reserved).min_by_key(FilePosition::order)
            }
        }
    }
}
