//! The server's own addresses that a configuration names, with the place of each, by the address
//! spaces in which no client may have them.
//!
//! Does not decide which spaces these are; [`IdentifierReach`] does, for the engine as well.
//! Invariant: an address has one place for each reach, the first that was noted.

use std::{collections::BTreeMap, net::Ipv4Addr};

use lessor_core::IdentifierReach;

use crate::{
    file_position::FilePosition,
    spaces::{OUTSIDE, Space},
};

/// The server's own addresses, which no client may have.
pub(crate) struct OwnAddresses {
    named: BTreeMap<(IdentifierReach<Space>, Ipv4Addr), FilePosition>,
    /// The addresses of the interfaces that the file names, if the host is known. They are not part
    /// of the file, so a pool may contain one, and the server skips it.
    on_host: Vec<Ipv4Addr>,
}

impl OwnAddresses {
    /// Creates it from the addresses of the host.
    pub(crate) const fn new(on_host: Vec<Ipv4Addr>) -> Self {
        Self { named: BTreeMap::new(), on_host }
    }

    /// Adds an address with its place. Returns whether it was not known yet.
    pub(crate) fn note(
        &mut self,
        reach: IdentifierReach<Space>,
        address: Ipv4Addr,
        place: FilePosition,
    ) -> bool {
        let known = self.named.len();
        self.named.entry((reach, address)).or_insert(place);
        self.named.len() > known
    }

    /// The place that makes `address` the server's own in an address space.
    pub(crate) fn place_of(&self, space: Space, address: Ipv4Addr) -> Option<FilePosition> {
        let place = |reach| self.named.get(&(reach, address)).copied();
        reaches(space).into_iter().find_map(place)
    }

    /// Those that the configuration names from `first` to `last`; in no order.
    pub(crate) fn within(
        &self,
        space: Space,
        first: Ipv4Addr,
        last: Ipv4Addr,
    ) -> impl Iterator<Item = Ipv4Addr> {
        let named = move |reach| self.named.range((reach, first)..=(reach, last));
        reaches(space).into_iter().flat_map(named).map(|((_, address), _)| *address)
    }

    /// The addresses of the host in an address space.
    pub(crate) fn on_host(&self, space: Space) -> &[Ipv4Addr] {
        if space == OUTSIDE { &self.on_host } else { &[] }
    }
}

const fn reaches(space: Space) -> [IdentifierReach<Space>; 2] {
    [IdentifierReach::Everywhere, IdentifierReach::Space(space)]
}
