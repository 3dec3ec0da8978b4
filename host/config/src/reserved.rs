//! The reservations so far, by address and identifier, with their places. They ensure that no
//! address is reserved twice and no owner has two reservations in a network, in whichever files
//! they are.
//!
//! Does not read reservations. Invariant: every reservation has an entry for its address and for
//! each of its identifiers.

mod conflicts;
mod own;

use std::{collections::HashMap, hash::BuildHasher, net::Ipv4Addr};

use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table};
use ipnet::Ipv4Net;
use lessor_core::{IdentifierKind, ReservationOwner, SharedReservations, VpnName};

use crate::{
    collector::Collector,
    identifiers::IDENTIFIER_KINDS_MAX,
    mistake::Draft,
    own_addresses::OwnAddresses,
    reservation::PlacedReservation,
    spaces::{OUTSIDE, Space},
    subnet::PlacedSubnet,
    suggest::{closest, joined},
};

pub(crate) use self::conflicts::{
    Conflicts, address_twice, identifier_reserved, one_kind_too_many, owner_twice, servers_own,
};
use self::{conflicts::related, own::OwnConflicts};

/// The reservations of all subnets, and those of all networks.
pub(crate) struct Reserved<'s> {
    subnets: &'s mut [PlacedSubnet],
    /// The reservations that belong to no subnet. Those of [`OUTSIDE`] apply in all networks, the
    /// others in those of their VPN.
    shared: Vec<(Space, PlacedReservation)>,
    /// The address space, the first address and the position of each subnet, in this order.
    by_address: Vec<(Space, u32, u32)>,
    /// The number of the network of each subnet.
    networks: Vec<u32>,
    /// The address space of each subnet.
    spaces: Vec<Space>,
    /// The address spaces of the VPNs that have subnets.
    vpns: HashMap<VpnName, Space>,
    addresses: HashTable<((Space, Ipv4Addr), Entry)>,
    /// By the hash of an identifier and its scope, so that few entries have to be compared.
    owners: HashTable<(u64, Entry)>,
    hasher: FixedState,
    /// The kinds of identifiers that occur.
    kinds: Vec<IdentifierKind>,
    /// The networks of the pools with each name.
    pools: HashMap<String, Vec<u32>>,
    /// The server's own addresses.
    own: OwnAddresses,
}

/// The position of the subnet of reservations that belong to none.
const SHARED: u32 = u32::MAX;

/// The networks in which a reservation applies. An owner has one reservation in each scope.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Scope {
    Network(u32),
    /// All networks of a VPN.
    Vpn(Space),
    Everywhere,
}

/// A reservation: the position of its subnet, and its position in the subnet.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    subnet: u32,
    position: u32,
}

impl<'s> Reserved<'s> {
    /// Collects the reservations and server identifiers of the document, and reports duplicates and
    /// those of addresses that are the server's own. `own` are its addresses that do not come from
    /// subnets.
    pub(crate) fn of_document(
        subnets: &'s mut [PlacedSubnet],
        own: OwnAddresses,
        collector: &Collector,
    ) -> Self {
        let mut by_address = Vec::with_capacity(subnets.len());
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut networks = Vec::with_capacity(subnets.len());
        let mut vpns: HashMap<VpnName, Space> = HashMap::new();
        let mut spaces = Vec::with_capacity(subnets.len());
        for (position, subnet) in (0..).zip(subnets.iter()) {
            let next = Space(u32::try_from(vpns.len()).unwrap_or(u32::MAX).saturating_add(1));
            let space = subnet.vpn_name();
            let space = space.map_or(OUTSIDE, |name| *vpns.entry(name.clone()).or_insert(next));
            spaces.push(space);
            by_address.push((space, u32::from(subnet.prefix.value.network()), position));
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
            vpns,
            addresses: HashTable::new(),
            owners: HashTable::new(),
            hasher: FixedState::default(),
            kinds: Vec::new(),
            own,
        };
        reserved.note_identifiers_of_subnets();
        for subnet in 0..reserved.subnets.len() {
            let count = reserved.subnets.get(subnet).map_or(0, |found| found.reservations.len());
            for position in 0..count {
                reserved.note_in_document(entry(subnet, position), collector);
            }
        }
        reserved
    }

    /// The address space of a VPN, or the one outside of all; `None` if no subnet is in the VPN.
    pub(crate) fn space_of(&self, vpn: Option<&str>) -> Option<Space> {
        vpn.map_or(Some(OUTSIDE), |name| self.vpns.get(name).copied())
    }

    /// The prefix of the subnet that contains an address of a VPN, or of one outside of all.
    ///
    /// # Errors
    /// If there is none: with a VPN in which there is one.
    pub(crate) fn home_of(
        &self,
        vpn: Option<&VpnName>,
        address: Ipv4Addr,
    ) -> Result<Ipv4Net, Option<VpnName>> {
        let space = self.space_of(vpn.map(VpnName::as_str));
        let found = space.and_then(|space| self.subnet_of(space, address));
        found.map(|(_, prefix)| prefix).ok_or_else(|| {
            let has_it = |space: &Space| self.subnet_of(*space, address).is_some();
            let others = self.vpns.iter().filter(|(_, space)| has_it(space));
            others.map(|(name, _)| name).min().cloned()
        })
    }

    /// The position and prefix of the subnet of an address space that contains an address.
    pub(crate) fn subnet_of(&self, space: Space, address: Ipv4Addr) -> Option<(usize, Ipv4Net)> {
        let wanted = (space, u32::from(address));
        let after = self.by_address.partition_point(|(space, first, _)| (*space, *first) <= wanted);
        let (_, _, position) =
            self.by_address.get(after.checked_sub(1)?).filter(|(found, ..)| *found == space)?;
        let position = usize::try_from(*position).ok()?;
        let prefix = self.subnets.get(position)?.prefix.value;
        prefix.contains(&address).then_some((position, prefix))
    }

    /// Adds a reservation of the document that is not below a subnet, and reports conflicts.
    pub(crate) fn add_in_document(
        &mut self,
        space: Space,
        placed: PlacedReservation,
        collector: &Collector,
    ) {
        let entry = self.put(space, placed);
        self.note_in_document(entry, collector);
    }

    /// Adds a reservation to the subnet of its address, or to those of all networks of its space.
    /// Returns the conflicts, which the caller has to report.
    pub(crate) fn add(&mut self, space: Space, placed: PlacedReservation) -> Conflicts {
        let entry = self.put(space, placed);
        self.note(entry)
    }

    /// The reservations that belong to no subnet.
    fn into_shared(self) -> SharedReservations {
        let mut names: Vec<(Space, VpnName)> =
            self.vpns.into_iter().map(|(name, space)| (space, name)).collect();
        names.sort_unstable();
        let mut everywhere = Vec::with_capacity(self.shared.len());
        let mut of_vpns: Vec<_> = names.into_iter().map(|(_, name)| (name, Vec::new())).collect();
        for (Space(space), placed) in self.shared {
            let of_vpn = space.checked_sub(1).and_then(|at| of_vpns.get_mut(at as usize));
            of_vpn.map_or(&mut everywhere, |(_, list)| list).push(placed.reservation);
        }
        of_vpns.retain(|(_, list)| !list.is_empty());
        SharedReservations::with_vpns(everywhere, of_vpns)
    }

    /// Returns what is wrong with the name of a pool that a reservation outside of subnets names.
    pub(crate) fn unknown_pool(&self, space: Space, name: &str) -> Option<Draft> {
        self.unknown_pool_in(Scope::of_shared(space), name)
    }

    fn unknown_pool_in(&self, scope: Scope, name: &str) -> Option<Draft> {
        let is_in = |networks: &Vec<u32>| match scope {
            Scope::Network(network) => networks.contains(&network),
            // The number of a network is the position of its first subnet.
            Scope::Vpn(space) => networks
                .iter()
                .any(|network| self.spaces.get(*network as usize).is_some_and(|of| *of == space)),
            Scope::Everywhere => true,
        };
        if self.pools.get(name).is_some_and(is_in) {
            return None;
        }
        let known = self.pools.iter().filter(|(_, networks)| is_in(networks));
        let mut known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
        known.sort_unstable();
        let place = match scope {
            Scope::Network(_) => "this network",
            Scope::Vpn(_) => "any network of the VPN",
            Scope::Everywhere => "any network",
        };
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

    fn put(&mut self, space: Space, placed: PlacedReservation) -> Entry {
        let address = placed.reservation.address;
        let subnet = address.and_then(|address| self.subnet_of(space, address));
        let subnet =
            subnet.and_then(|(position, _)| Some((position, self.subnets.get_mut(position)?)));
        match subnet {
            Some((position, subnet)) => {
                subnet.reservations.push(placed);
                entry(position, subnet.reservations.len() - 1)
            }
            None => {
                self.shared.push((space, placed));
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
        let Conflicts { address, own, identifier, owner, kind } = self.note(entry);
        let Some(placed) = self.placed(entry) else { return };
        if let (Some(first), Some(address), Some(second)) =
            (address, placed.reservation.address, placed.place.span())
        {
            let draft = address_twice(address).wanted("the second time");
            collector.report(&second, related(draft, first, "the first time"));
        }
        if let (Some(first), Some(address), Some(span)) =
            (own, placed.reservation.address, placed.place.span())
        {
            let draft = servers_own(address, None);
            let is_other = first != placed.place;
            let draft = if is_other { related(draft, first, "named here") } else { draft };
            collector.report(&span, draft);
        }
        let named = placed.reservation.settings.server_identifier;
        if let (Some(first), Some(identifier), Some(span)) =
            (identifier, named, placed.place.span())
        {
            let draft = identifier_reserved(identifier).wanted("this reservation has it");
            collector.report(&span, related(draft, first, "reserved here"));
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
        let unknown = pool.and_then(|pool| self.unknown_pool_in(self.all().scope(entry), pool));
        if let (Some(draft), Some(span)) = (unknown, placed.place.span()) {
            collector.report(&span, draft);
        }
    }

    /// Records a reservation that is in its subnet.
    fn note(&mut self, entry: Entry) -> Conflicts {
        let OwnConflicts { own: servers, identifier } = self.note_own(entry);
        let Self { subnets, shared, networks, spaces, addresses, owners, hasher, kinds, .. } = self;
        let all = All { subnets, shared, networks };
        let Some(own) = all.placed(entry) else { return Conflicts::default() };
        let mut conflicts = Conflicts { own: servers, identifier, ..Conflicts::default() };
        if let Some(address) = own.reservation.address {
            let space = spaces.get(entry.subnet as usize).copied().unwrap_or(OUTSIDE);
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
        let scope = all.scope(entry);
        for (position, owner) in own.reservation.owners.iter().enumerate() {
            let kind = owner.kind();
            if !kinds.contains(&kind) {
                kinds.push(kind);
                if kinds.len() > IDENTIFIER_KINDS_MAX {
                    conflicts.kind = Some(position);
                }
            }
            let hash = hasher.hash_one((scope, owner));
            let is_same = |(other_hash, other): &(u64, Entry)| {
                *other_hash == hash && all.has(*other, scope, owner)
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
        self.all().placed(entry)
    }

    fn all(&self) -> All<'_> {
        All { subnets: self.subnets, shared: &self.shared, networks: &self.networks }
    }
}

/// All reservations, borrowed while the tables change.
struct All<'r> {
    subnets: &'r [PlacedSubnet],
    shared: &'r [(Space, PlacedReservation)],
    networks: &'r [u32],
}

impl<'r> All<'r> {
    fn placed(&self, entry: Entry) -> Option<&'r PlacedReservation> {
        let position = entry.position as usize;
        match entry.subnet {
            SHARED => self.shared.get(position).map(|(_, placed)| placed),
            subnet => self.subnets.get(subnet as usize)?.reservations.get(position),
        }
    }

    fn scope(&self, entry: Entry) -> Scope {
        let network = self.networks.get(entry.subnet as usize);
        network.map(|network| Scope::Network(*network)).unwrap_or_else(|| {
            let shared = self.shared.get(entry.position as usize);
            Scope::of_shared(shared.map_or(OUTSIDE, |(space, _)| *space))
        })
    }

    /// Whether a reservation of this scope has the identifier.
    fn has(&self, entry: Entry, scope: Scope, owner: &ReservationOwner) -> bool {
        let is_it = |placed: &PlacedReservation| {
            placed.reservation.owners.iter().any(|other| other == owner)
        };
        self.scope(entry) == scope && self.placed(entry).is_some_and(is_it)
    }
}

impl Scope {
    /// The scope of a reservation that belongs to no subnet.
    fn of_shared(space: Space) -> Self {
        if space == OUTSIDE { Self::Everywhere } else { Self::Vpn(space) }
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

/// The number of names of pools that a message lists.
const NAMES_SHOWN_MAX: usize = 16;

fn entry(subnet: usize, position: usize) -> Entry {
    let fit = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
    Entry { subnet: fit(subnet), position: fit(position) }
}
