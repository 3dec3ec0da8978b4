//! The reservations so far, by address and identifier, with their places. They ensure that no
//! address is reserved twice and no owner has two reservations in a network, in whichever files
//! they are.
//!
//! Does not read reservations. Invariant: every reservation has an entry for its address and for
//! each of its identifiers.

use std::{collections::HashMap, hash::BuildHasher, net::Ipv4Addr};

use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table};
use ipnet::Ipv4Net;
use lessor_core::{IdentifierKind, ReservationOwner, VpnName};

use crate::{
    collector::Collector,
    file_position::FilePosition,
    identifiers::IDENTIFIER_KINDS_MAX,
    mistake::Draft,
    reservation::PlacedReservation,
    subnet::PlacedSubnet,
    suggest::{closest, joined},
};

/// The reservations of all subnets, and those of all networks.
pub(crate) struct Reserved<'s> {
    subnets: &'s mut [PlacedSubnet],
    /// The reservations that belong to no subnet.
    shared: Vec<PlacedReservation>,
    /// The first address and position of each subnet outside of all VPNs, ordered by address.
    by_address: Vec<(u32, u32)>,
    /// The number of the network of each subnet.
    networks: Vec<u32>,
    /// The number of the address space of each subnet: 0 outside of all VPNs.
    spaces: Vec<u32>,
    addresses: HashTable<(AddressInSpace, Entry)>,
    /// By the hash of an identifier and its network, so that few entries have to be compared.
    owners: HashTable<(u64, Entry)>,
    hasher: FixedState,
    /// The kinds of identifiers that occur.
    kinds: Vec<IdentifierKind>,
    /// The networks of the pools with each name.
    pools: HashMap<String, Vec<u32>>,
}

/// The network, and the position of the subnet, of reservations that belong to none.
const SHARED: u32 = u32::MAX;

/// The number of an address space, and an address in it.
type AddressInSpace = (u32, Ipv4Addr);

/// A reservation: the position of its subnet, and its position in the subnet.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    subnet: u32,
    position: u32,
}

/// What is wrong with a reservation in view of earlier ones.
#[derive(Clone, Default)]
pub(crate) struct Conflicts {
    /// The place of a reservation of the same address.
    pub(crate) address: Option<FilePosition>,
    /// The place of a reservation with the same identifier in the same network, and the position of
    /// the identifier.
    pub(crate) owner: Option<(usize, FilePosition)>,
    /// The position of an identifier whose kind is one too many.
    pub(crate) kind: Option<usize>,
}

impl Conflicts {
    /// Whether there is none.
    pub(crate) const fn are_none(&self) -> bool {
        self.address.is_none() && self.owner.is_none() && self.kind.is_none()
    }
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
            pools: pools(subnets, &networks),
            subnets,
            shared: Vec::new(),
            by_address,
            networks,
            spaces,
            addresses: HashTable::new(),
            owners: HashTable::new(),
            hasher: FixedState::default(),
            kinds: Vec::new(),
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

    /// Adds a reservation of the document that is not below a subnet, and reports conflicts.
    pub(crate) fn add_in_document(&mut self, placed: PlacedReservation, collector: &Collector) {
        let entry = self.put(placed);
        self.note_in_document(entry, collector);
    }

    /// Adds a reservation to the subnet of its address, or to those of all networks. Returns the
    /// conflicts, which the caller has to report.
    pub(crate) fn add(&mut self, placed: PlacedReservation) -> Conflicts {
        let entry = self.put(placed);
        self.note(entry)
    }

    /// The reservations that belong to no subnet.
    pub(crate) fn into_shared(self) -> Vec<PlacedReservation> {
        self.shared
    }

    /// Returns what is wrong with the name of a pool that a reservation of any network names.
    pub(crate) fn unknown_pool(&self, name: &str) -> Option<Draft> {
        self.unknown_pool_in(None, name)
    }

    fn unknown_pool_in(&self, network: Option<u32>, name: &str) -> Option<Draft> {
        let is_in = |networks: &Vec<u32>| network.is_none_or(|network| networks.contains(&network));
        if self.pools.get(name).is_some_and(is_in) {
            return None;
        }
        let known = self.pools.iter().filter(|(_, networks)| is_in(networks));
        let mut known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
        known.sort_unstable();
        let place = if network.is_some() { "this network" } else { "any network" };
        let draft = Draft::found(format!("no pool of {place} is named {name:?}"));
        Some(match (closest(name, known.iter().copied()), known.as_slice()) {
            (Some(meant), _) => draft.wanted(format!("did you mean {meant:?}?")),
            (None, []) => draft.wanted("wanted the `name` of a [[subnet.pool]]"),
            (None, [..]) => draft.wanted("wanted the name of a pool").help(format!(
                "the pools are {}",
                joined(known.iter().copied().take(NAMES_SHOWN_MAX))
            )),
        })
    }

    fn put(&mut self, placed: PlacedReservation) -> Entry {
        let subnet = placed.reservation.address.and_then(|address| self.subnet_of(address));
        let subnet =
            subnet.and_then(|(position, _)| Some((position, self.subnets.get_mut(position)?)));
        match subnet {
            Some((position, subnet)) => {
                subnet.reservations.push(placed);
                entry(position, subnet.reservations.len() - 1)
            }
            None => {
                self.shared.push(placed);
                entry(SHARED as usize, self.shared.len() - 1)
            }
        }
    }

    /// Reserves capacity for about `more` further reservations.
    pub(crate) fn expect(&mut self, more: usize) {
        let Self { addresses, owners, hasher, .. } = self;
        addresses.reserve(more, |(address, _)| hasher.hash_one(address));
        owners.reserve(more, |(hash, _)| *hash);
    }

    fn note_in_document(&mut self, entry: Entry, collector: &Collector) {
        let Conflicts { address, owner, kind } = self.note(entry);
        let Some(placed) = self.placed(entry) else { return };
        if let (Some(first), Some(address), Some(second)) =
            (address, placed.reservation.address, placed.place.span())
        {
            let draft = address_twice(address).wanted("the second time");
            collector.report(&second, related(draft, first, "the first time"));
        }
        let owners = &placed.reservation.owners;
        let named = |position: usize| owners.iter().nth(position);
        if let (Some((position, first)), Some(second)) = (owner, placed.owner.span())
            && let Some(owner) = named(position)
        {
            let draft = owner_twice(owner).wanted("the second one");
            collector.report(&second, related(draft, first, "the first one"));
        }
        if let (Some(position), Some(span)) = (kind, placed.owner.span())
            && let Some(owner) = named(position)
        {
            collector.report(&span, one_kind_too_many(owner));
        }
        let pool = placed.reservation.settings.pool.as_deref();
        let network = self.networks.get(entry.subnet as usize).copied();
        let unknown = pool.and_then(|pool| self.unknown_pool_in(network, pool));
        if let (Some(draft), Some(span)) = (unknown, placed.place.span()) {
            collector.report(&span, draft);
        }
    }

    /// Records a reservation that is in its subnet.
    fn note(&mut self, entry: Entry) -> Conflicts {
        let Self { subnets, shared, networks, spaces, addresses, owners, hasher, kinds, .. } = self;
        let all = All { subnets, shared, networks };
        let Some(own) = all.placed(entry) else { return Conflicts::default() };
        let mut conflicts = Conflicts::default();
        if let Some(address) = own.reservation.address {
            let space = spaces.get(entry.subnet as usize).copied().unwrap_or_default();
            let address = (space, address);
            let found = addresses.entry(
                hasher.hash_one(address),
                |(other, _)| *other == address,
                |(other, _)| hasher.hash_one(other),
            );
            match found {
                hash_table::Entry::Occupied(first) => {
                    conflicts.address = all.placed(first.get().1).map(|placed| placed.place);
                }
                hash_table::Entry::Vacant(free) => {
                    free.insert((address, entry));
                }
            }
        }
        let network = all.network(entry);
        for (position, owner) in own.reservation.owners.iter().enumerate() {
            let kind = owner.kind();
            if !kinds.contains(&kind) {
                kinds.push(kind);
                if kinds.len() > IDENTIFIER_KINDS_MAX {
                    conflicts.kind = Some(position);
                }
            }
            let hash = hasher.hash_one((network, owner));
            let is_same = |(other_hash, other): &(u64, Entry)| {
                *other_hash == hash && all.has(*other, network, owner)
            };
            match owners.entry(hash, is_same, |(hash, _)| *hash) {
                hash_table::Entry::Occupied(first) => {
                    let place = all.placed(first.get().1).map(|placed| placed.owner);
                    conflicts.owner = place.map(|place| (position, place));
                }
                hash_table::Entry::Vacant(free) => {
                    free.insert((hash, entry));
                }
            }
        }
        conflicts
    }

    fn placed(&self, entry: Entry) -> Option<&PlacedReservation> {
        All { subnets: self.subnets, shared: &self.shared, networks: &self.networks }.placed(entry)
    }
}

/// All reservations, borrowed while the tables change.
struct All<'r> {
    subnets: &'r [PlacedSubnet],
    shared: &'r [PlacedReservation],
    networks: &'r [u32],
}

impl<'r> All<'r> {
    fn placed(&self, entry: Entry) -> Option<&'r PlacedReservation> {
        let position = entry.position as usize;
        match entry.subnet {
            SHARED => self.shared.get(position),
            subnet => self.subnets.get(subnet as usize)?.reservations.get(position),
        }
    }

    fn network(&self, entry: Entry) -> u32 {
        self.networks.get(entry.subnet as usize).copied().unwrap_or(SHARED)
    }

    /// Whether a reservation of this network has the identifier.
    fn has(&self, entry: Entry, network: u32, owner: &ReservationOwner) -> bool {
        let is_it = |placed: &PlacedReservation| {
            placed.reservation.owners.iter().any(|other| other == owner)
        };
        self.network(entry) == network && self.placed(entry).is_some_and(is_it)
    }
}

/// The networks of the pools with each name.
fn pools(subnets: &[PlacedSubnet], networks: &[u32]) -> HashMap<String, Vec<u32>> {
    let mut pools: HashMap<String, Vec<u32>> = HashMap::new();
    for (subnet, network) in subnets.iter().zip(networks) {
        for placed in &subnet.pools {
            pools.entry(placed.pool.name.to_string()).or_default().push(*network);
        }
    }
    pools
}

/// Says that an address is reserved twice.
pub(crate) fn address_twice(address: Ipv4Addr) -> Draft {
    Draft::found(format!("{address} is reserved twice")).help(
        "an address has one owner: write all identifiers of the owner into one reservation, or give \
         the other owner another address",
    )
}

/// Says that an owner has two reservations.
pub(crate) fn owner_twice(owner: &ReservationOwner) -> Draft {
    Draft::found(format!("two reservations have the same owner, {owner}"))
        .help("an owner has one reservation in a network; remove one of them")
}

/// Says that there are too many kinds of identifiers.
pub(crate) fn one_kind_too_many(owner: &ReservationOwner) -> Draft {
    let found =
        format!("`{}` is the kind of identifier number {}", owner.kind(), IDENTIFIER_KINDS_MAX + 1);
    Draft::found(found)
        .wanted(format!("wanted at most {IDENTIFIER_KINDS_MAX} kinds in all reservations"))
        .help("every message is asked for each kind; identify the owners by fewer kinds")
}

/// The number of names of pools that a message lists.
const NAMES_SHOWN_MAX: usize = 16;

fn entry(subnet: usize, position: usize) -> Entry {
    let fit = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
    Entry { subnet: fit(subnet), position: fit(position) }
}

fn related(draft: Draft, place: FilePosition, role: &str) -> Draft {
    match place.span() {
        Some(span) => draft.related(&span, role),
        None => draft,
    }
}
