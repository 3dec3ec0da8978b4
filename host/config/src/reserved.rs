//! The reservations so far, by address and owner, with their places. They ensure that no address is
//! reserved twice and no owner has two addresses in a network, in whichever files they are.
//!
//! Does not read reservations. Invariant: every reservation in the subnets has an entry.

use std::{collections::HashMap, hash::BuildHasher, net::Ipv4Addr};

use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table};
use ipnet::Ipv4Net;
use lessor_core::{ReservationOwner, VpnName};

use crate::{
    collector::Collector, file_position::FilePosition, mistake::Draft,
    reservation::PlacedReservation, subnet::PlacedSubnet,
};

/// The reservations of all subnets.
pub(crate) struct Reserved<'s> {
    subnets: &'s mut [PlacedSubnet],
    /// The first address and position of each subnet outside of all VPNs, ordered by address.
    by_address: Vec<(u32, u32)>,
    /// The number of the network of each subnet.
    networks: Vec<u32>,
    /// The number of the address space of each subnet: 0 outside of all VPNs.
    spaces: Vec<u32>,
    addresses: HashTable<(AddressInSpace, Entry)>,
    /// By the hash of the owner and its network, so that few entries have to be compared.
    owners: HashTable<(u64, Entry)>,
    hasher: FixedState,
}

/// The number of an address space, and an address in it.
type AddressInSpace = (u32, Ipv4Addr);

/// A reservation: the position of its subnet, and its position in the subnet.
#[derive(Clone, Copy)]
struct Entry {
    subnet: u32,
    position: u32,
}

/// The places of earlier reservations that conflict with one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Earlier {
    /// A reservation of the same address.
    pub(crate) address: Option<FilePosition>,
    /// A reservation for the same owner in the same network.
    pub(crate) owner: Option<FilePosition>,
}

impl<'s> Reserved<'s> {
    /// Collects the reservations of the document and reports duplicates.
    pub(crate) fn of_document(subnets: &'s mut [PlacedSubnet], collector: &Collector) -> Self {
        let mut by_address: Vec<(u32, u32)> = Vec::with_capacity(subnets.len());
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut networks = Vec::with_capacity(subnets.len());
        let mut vpns: HashMap<&VpnName, u32> = HashMap::new();
        let mut spaces = Vec::with_capacity(subnets.len());
        for (position, subnet) in (0..).zip(subnets.iter()) {
            let next = u32::try_from(vpns.len()).unwrap_or(u32::MAX).saturating_add(1);
            let space = subnet.vpn_name().map(|name| *vpns.entry(name).or_insert(next));
            spaces.push(space.unwrap_or_default());
            if space.is_none() {
                by_address.push((u32::from(subnet.prefix.value.network()), position));
            }
            let name = subnet.shared.network.as_ref().map(|name| name.value.as_str());
            networks.push(match name {
                Some(name) => *numbers.entry(name).or_insert(position),
                None => position,
            });
        }
        by_address.sort_unstable();
        let mut reserved = Self {
            subnets,
            by_address,
            networks,
            spaces,
            addresses: HashTable::new(),
            owners: HashTable::new(),
            hasher: FixedState::default(),
        };
        for subnet in 0..reserved.subnets.len() {
            let count = reserved.subnets.get(subnet).map_or(0, |found| found.reservations.len());
            for position in 0..count {
                reserved.note_in_document(entry(subnet, position), collector);
            }
        }
        reserved
    }

    /// The position and prefix of the subnet outside of all VPNs that contains an address.
    pub(crate) fn subnet_of(&self, address: Ipv4Addr) -> Option<(usize, Ipv4Net)> {
        let number = u32::from(address);
        let after = self.by_address.partition_point(|(first, _)| *first <= number);
        let (_, position) = self.by_address.get(after.checked_sub(1)?)?;
        let position = usize::try_from(*position).ok()?;
        let prefix = self.subnets.get(position)?.prefix.value;
        prefix.contains(&address).then_some((position, prefix))
    }

    /// Adds a reservation to the subnet at `subnet`. Returns earlier reservations that it conflicts
    /// with, which the caller has to report.
    pub(crate) fn add(&mut self, subnet: usize, placed: PlacedReservation) -> Earlier {
        let Some(found) = self.subnets.get_mut(subnet) else { return Earlier::default() };
        found.reservations.push(placed);
        let entry = entry(subnet, found.reservations.len() - 1);
        self.note(entry)
    }

    /// Reserves capacity for about `more` further reservations.
    pub(crate) fn expect(&mut self, more: usize) {
        let Self { addresses, owners, hasher, .. } = self;
        addresses.reserve(more, |(address, _)| hasher.hash_one(address));
        owners.reserve(more, |(hash, _)| *hash);
    }

    fn note_in_document(&mut self, entry: Entry, collector: &Collector) {
        let earlier = self.note(entry);
        let Some(placed) = self.placed(entry) else { return };
        if let (Some(first), Some(second)) = (earlier.address, placed.address.span()) {
            let draft = Draft::found(format!("{} is reserved twice", placed.reservation.address))
                .wanted("the second time")
                .help(ADDRESS_TWICE);
            collector.report(&second, related(draft, first, "the first time"));
        }
        if let (Some(first), Some(second)) = (earlier.owner, placed.owner.span()) {
            let draft = Draft::found("two reservations have the same owner")
                .wanted("the second one")
                .help(OWNER_TWICE);
            collector.report(&second, related(draft, first, "the first one"));
        }
    }

    /// Records a reservation that is in its subnet.
    fn note(&mut self, entry: Entry) -> Earlier {
        let Self { subnets, networks, spaces, addresses, owners, hasher, .. } = self;
        let subnets: &[PlacedSubnet] = subnets;
        let Some(own) = placed(subnets, entry) else { return Earlier::default() };
        let space = spaces.get(entry.subnet as usize).copied().unwrap_or_default();
        let address = (space, own.reservation.address);
        let first_address = match addresses.entry(
            hasher.hash_one(address),
            |(other, _)| *other == address,
            |(other, _)| hasher.hash_one(other),
        ) {
            hash_table::Entry::Occupied(first) => Some(first.get().1),
            hash_table::Entry::Vacant(free) => {
                free.insert((address, entry));
                None
            }
        };
        let owner = owner_at(subnets, networks, entry);
        let hash = hasher.hash_one(owner);
        let is_same = |(other_hash, other): &(u64, Entry)| {
            *other_hash == hash && owner_at(subnets, networks, *other) == owner
        };
        let first_owner = match owners.entry(hash, is_same, |(hash, _)| *hash) {
            hash_table::Entry::Occupied(first) => Some(first.get().1),
            hash_table::Entry::Vacant(free) => {
                free.insert((hash, entry));
                None
            }
        };
        Earlier {
            address: first_address.and_then(|entry| Some(placed(subnets, entry)?.address)),
            owner: first_owner.and_then(|entry| Some(placed(subnets, entry)?.owner)),
        }
    }

    fn placed(&self, entry: Entry) -> Option<&PlacedReservation> {
        placed(self.subnets, entry)
    }
}

/// What to do about an address that is reserved twice.
pub(crate) const ADDRESS_TWICE: &str = "an address has one owner; give the other another address";

/// What to do about an owner with two reservations.
pub(crate) const OWNER_TWICE: &str =
    "an owner has one address in a network; remove one of the reservations";

fn entry(subnet: usize, position: usize) -> Entry {
    let fit = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
    Entry { subnet: fit(subnet), position: fit(position) }
}

fn placed(subnets: &[PlacedSubnet], entry: Entry) -> Option<&PlacedReservation> {
    subnets.get(entry.subnet as usize)?.reservations.get(entry.position as usize)
}

/// The owner and its network.
fn owner_at<'s>(
    subnets: &'s [PlacedSubnet],
    networks: &[u32],
    entry: Entry,
) -> Option<(u32, &'s ReservationOwner)> {
    let network = networks.get(entry.subnet as usize)?;
    Some((*network, &placed(subnets, entry)?.reservation.owner))
}

fn related(draft: Draft, place: FilePosition, role: &str) -> Draft {
    match place.span() {
        Some(span) => draft.related(&span, role),
        None => draft,
    }
}
