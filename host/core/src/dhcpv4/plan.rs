//! The plan: what the configuration says of addresses, laid out so that each question is answered
//! without a search through the configuration.
//!
//! Nothing here changes while requests are decided. Invariant: an address belongs to at most one
//! pool, and no pool holds an address that its subnet cannot give to a client.

use std::{net::Ipv4Addr, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use ipnet::Ipv4Net;
use roaring::RoaringBitmap;
use smallvec::SmallVec;

use crate::{
    HardwareAddress, Network, OptionValue, Origin, Pool, RelayInformation, Request, Reservation,
    ReservationOwner, Subnet, ledger::Layout,
};

use super::family::Ipv4;

/// The layout of one network.
#[derive(Debug)]
pub(super) struct Plan {
    network: Arc<Network>,
    subnets: Ranges,
    pools: Vec<PlannedPool>,
    pool_ranges: Ranges,
    /// Positions of the pools that are not by policy only: those of each subnet, and all.
    open_by_subnet: Vec<Vec<usize>>,
    open: Vec<usize>,
    named: HashMap<Arc<str>, SmallVec<[usize; 1]>, FixedState>,
    reserved: HashSet<u32, FixedState>,
    owners: Owners,
    links: Vec<LinkOptions>,
}

/// One pool with what was found out about it.
#[derive(Debug)]
pub(super) struct PlannedPool {
    subnet: usize,
    position: usize,
    by_policy_only: bool,
    /// First and last address that it can give out; none if there is none.
    range: Option<(u32, u32)>,
}

/// Options that follow from a subnet's prefix, made once.
#[derive(Debug)]
pub(super) struct LinkOptions {
    /// Option 1.
    pub(super) subnet_mask: Arc<OptionValue>,
    /// Option 28.
    pub(super) broadcast_address: Arc<OptionValue>,
}

/// Which addresses belong where: disjoint ranges in order of address.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ranges(Vec<Range>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u32,
    last: u32,
    belongs_to: usize,
}

/// Position of a subnet and position of the reservation within it.
type Place = (usize, usize);

/// Reservations by owner; one owner may have one in each subnet.
#[derive(Debug)]
struct Owners {
    circuit_ids: HashMap<Box<[u8]>, SmallVec<[Place; 1]>, FixedState>,
    remote_ids: HashMap<Box<[u8]>, SmallVec<[Place; 1]>, FixedState>,
    client_identifiers: HashMap<Box<[u8]>, SmallVec<[Place; 1]>, FixedState>,
    hardware_addresses: HashMap<HardwareAddress, SmallVec<[Place; 1]>, FixedState>,
}

impl Plan {
    /// Lays out `network`.
    pub(super) fn new(network: Arc<Network>, hasher: &FixedState) -> Self {
        let pools = planned_pools(&network);
        let open = |subnet: Option<usize>| {
            let wanted = move |pool: &PlannedPool| {
                !pool.by_policy_only && subnet.is_none_or(|subnet| subnet == pool.subnet)
            };
            let positions = pools.iter().enumerate().filter(move |(_, pool)| wanted(pool));
            positions.map(|(position, _)| position).collect::<Vec<_>>()
        };
        let mut named: HashMap<Arc<str>, SmallVec<[usize; 1]>, _> =
            HashMap::with_hasher(hasher.clone());
        for (position, planned) in pools.iter().enumerate() {
            if let Some(pool) = planned.configured(&network) {
                named.entry(Arc::clone(&pool.name)).or_default().push(position);
            }
        }
        let mut reserved = HashSet::with_hasher(hasher.clone());
        let all = network.subnets.iter().flat_map(|subnet| &subnet.reservations);
        reserved.extend(all.map(|reservation| u32::from(reservation.address)));
        Self {
            subnets: Ranges::of_subnets(&network),
            pool_ranges: Ranges::of_pools(&pools),
            open_by_subnet: (0..network.subnets.len()).map(|subnet| open(Some(subnet))).collect(),
            open: open(None),
            named,
            reserved,
            owners: Owners::new(&network, hasher),
            links: network.subnets.iter().map(|subnet| LinkOptions::new(subnet.prefix)).collect(),
            pools,
            network,
        }
    }

    /// The network as configured.
    pub(super) fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Whether the same addresses are in the same pools and reserved as in `other`, whatever else
    /// differs.
    pub(super) fn lays_out_like(&self, other: &Self) -> bool {
        self.subnets == other.subnets
            && self.pool_ranges == other.pool_ranges
            && self.pools.len() == other.pools.len()
            && self.reserved == other.reserved
    }

    /// The subnet at a position.
    pub(super) fn subnet(&self, position: usize) -> Option<&Subnet> {
        self.network.subnets.get(position)
    }

    /// The position of the subnet that spans `address`.
    pub(super) fn subnet_of(&self, address: u32) -> Option<usize> {
        self.subnets.find(address)
    }

    /// Whether a client can have `address` at all: it lies in a subnet and is neither its network
    /// nor its broadcast address.
    pub(super) fn is_usable(&self, address: u32) -> bool {
        self.subnet_of(address).and_then(|position| self.subnet(position)).is_some_and(|subnet| {
            let (first, last) = usable(subnet.prefix);
            (first..=last).contains(&address)
        })
    }

    /// A pool as configured.
    pub(super) fn configured_pool(&self, position: usize) -> Option<&Pool> {
        self.pools.get(position)?.configured(&self.network)
    }

    /// The subnet of the pool at a position.
    pub(super) fn subnet_of_pool(&self, position: usize) -> Option<&Subnet> {
        self.subnet(self.pools.get(position)?.subnet)
    }

    /// The position of the pool that spans `address`, reserved or not.
    pub(super) fn pool_of(&self, address: u32) -> Option<usize> {
        self.pool_ranges.find(address)
    }

    /// Whether everybody may have an address of the pool at `position`.
    pub(super) fn is_open(&self, position: usize) -> bool {
        self.pools.get(position).is_some_and(|pool| !pool.by_policy_only)
    }

    /// The positions of the pools of a subnet that everybody may have addresses of.
    pub(super) fn open_pools_of(&self, subnet: usize) -> &[usize] {
        self.open_by_subnet.get(subnet).map(Vec::as_slice).unwrap_or_default()
    }

    /// The positions of all pools that everybody may have addresses of.
    pub(super) fn open_pools(&self) -> &[usize] {
        &self.open
    }

    /// The positions of the pools of that name; none if there is none.
    pub(super) fn pools_named(&self, name: &str) -> Option<&[usize]> {
        self.named.get(name).map(SmallVec::as_slice)
    }

    /// Whether `address` belongs to somebody by configuration.
    pub(super) fn is_reserved(&self, address: u32) -> bool {
        self.reserved.contains(&address)
    }

    /// What is reserved for the client of `request`, which came over the line that
    /// `relay_information` names: by the first kind of owner that matches, in the subnet that it
    /// asked from rather than another.
    pub(super) fn reservation_for(
        &self,
        subnet: usize,
        request: &Request,
        relay_information: Option<&RelayInformation>,
    ) -> Option<&Reservation> {
        let places = self.owners.places(request, relay_information)?;
        let (subnet, position) =
            places.iter().find(|(found, _)| *found == subnet).or_else(|| places.first())?;
        self.subnet(*subnet)?.reservations.get(*position)
    }

    /// The options that follow from the prefix of the subnet at `position`.
    pub(super) fn link_options(&self, position: usize) -> Option<&LinkOptions> {
        self.links.get(position)
    }
}

impl Layout<Ipv4> for Plan {
    fn spans(&self, address: u32) -> bool {
        self.subnet_of(address).is_some()
    }

    fn giving_pool_of(&self, address: u32) -> Option<usize> {
        self.pool_of(address).filter(|_| !self.is_reserved(address))
    }

    fn pools(&self) -> Vec<RoaringBitmap> {
        let mut given: Vec<RoaringBitmap> = self.pools.iter().map(PlannedPool::addresses).collect();
        for address in &self.reserved {
            if let Some(pool) = self.pool_of(*address).and_then(|pool| given.get_mut(pool)) {
                pool.remove(*address);
            }
        }
        given
    }

    fn offers_max(&self, origin: &Origin) -> usize {
        self.network.bounds.offers_max.of(origin)
    }
}

impl PlannedPool {
    fn addresses(&self) -> RoaringBitmap {
        let mut addresses = RoaringBitmap::new();
        if let Some((first, last)) = self.range {
            addresses.insert_range(first..=last);
        }
        addresses
    }

    fn configured<'n>(&self, network: &'n Network) -> Option<&'n Pool> {
        network.subnets.get(self.subnet)?.pools.get(self.position)
    }
}

impl LinkOptions {
    fn new(prefix: Ipv4Net) -> Self {
        Self {
            subnet_mask: Arc::new(OptionValue::Address(prefix.netmask())),
            broadcast_address: Arc::new(OptionValue::Address(prefix.broadcast())),
        }
    }
}

impl Ranges {
    fn of_subnets(network: &Network) -> Self {
        let ranges = network.subnets.iter().enumerate().map(|(belongs_to, subnet)| Range {
            first: u32::from(subnet.prefix.network()),
            last: u32::from(subnet.prefix.broadcast()),
            belongs_to,
        });
        Self::new(ranges.collect())
    }

    fn of_pools(pools: &[PlannedPool]) -> Self {
        let ranges = pools.iter().enumerate().filter_map(|(belongs_to, pool)| {
            pool.range.map(|(first, last)| Range { first, last, belongs_to })
        });
        Self::new(ranges.collect())
    }

    fn new(mut ranges: Vec<Range>) -> Self {
        ranges.sort_unstable_by_key(|range| range.first);
        Self(ranges)
    }

    fn find(&self, address: u32) -> Option<usize> {
        let after = self.0.partition_point(|range| range.first <= address);
        let range = self.0.get(after.checked_sub(1)?)?;
        (address <= range.last).then_some(range.belongs_to)
    }
}

impl Owners {
    fn new(network: &Network, hasher: &FixedState) -> Self {
        let mut owners = Self {
            circuit_ids: HashMap::with_hasher(hasher.clone()),
            remote_ids: HashMap::with_hasher(hasher.clone()),
            client_identifiers: HashMap::with_hasher(hasher.clone()),
            hardware_addresses: HashMap::with_hasher(hasher.clone()),
        };
        for (subnet, found) in network.subnets.iter().enumerate() {
            for (position, reservation) in found.reservations.iter().enumerate() {
                owners.of_mut(&reservation.owner).push((subnet, position));
            }
        }
        owners
    }

    fn of_mut(&mut self, owner: &ReservationOwner) -> &mut SmallVec<[Place; 1]> {
        match owner {
            ReservationOwner::CircuitId(octets) => {
                self.circuit_ids.entry(octets.clone()).or_default()
            }
            ReservationOwner::RemoteId(octets) => {
                self.remote_ids.entry(octets.clone()).or_default()
            }
            ReservationOwner::ClientIdentifier(octets) => {
                self.client_identifiers.entry(octets.clone()).or_default()
            }
            ReservationOwner::HardwareAddress(address) => {
                self.hardware_addresses.entry(*address).or_default()
            }
        }
    }

    fn places(
        &self,
        request: &Request,
        relay_information: Option<&RelayInformation>,
    ) -> Option<&[Place]> {
        let by_circuit_id = || self.circuit_ids.get(relay_information?.circuit_id()?);
        let by_remote_id = || self.remote_ids.get(relay_information?.remote_id()?);
        let by_client_identifier =
            || self.client_identifiers.get(request.client_identifier.as_deref()?);
        let by_hardware_address = || self.hardware_addresses.get(&request.hardware_address);
        by_circuit_id()
            .or_else(by_remote_id)
            .or_else(by_client_identifier)
            .or_else(by_hardware_address)
            .map(SmallVec::as_slice)
    }
}

/// The pools in order of configuration, cut down to what their subnet can give to clients and to
/// what no pool at lower addresses has already. A checked configuration loses nothing by that.
fn planned_pools(network: &Network) -> Vec<PlannedPool> {
    let mut pools = Vec::new();
    for (subnet, found) in network.subnets.iter().enumerate() {
        let (first_usable, last_usable) = usable(found.prefix);
        for (position, pool) in found.pools.iter().enumerate() {
            let first = u32::from(pool.first).max(first_usable);
            let last = u32::from(pool.last).min(last_usable);
            let range = (first <= last).then_some((first, last));
            pools.push(PlannedPool {
                subnet,
                position,
                by_policy_only: pool.by_policy_only,
                range,
            });
        }
    }
    let mut in_order: Vec<&mut PlannedPool> = pools.iter_mut().collect();
    in_order.sort_by_key(|pool| pool.range);
    let mut next_free = 0;
    for pool in in_order {
        if let Some((first, last)) = pool.range {
            let first = u64::from(first).max(next_free);
            pool.range = u32::try_from(first).ok().filter(|f| *f <= last).map(|f| (f, last));
            next_free = next_free.max(u64::from(last) + 1);
        }
    }
    pools
}

/// First and last address of a subnet that a client can have (RFC 3021 for prefixes of 31 bits).
fn usable(prefix: Ipv4Net) -> (u32, u32) {
    let (network, broadcast) = (u32::from(prefix.network()), u32::from(prefix.broadcast()));
    if prefix.prefix_len() >= 31 { (network, broadcast) } else { (network + 1, broadcast - 1) }
}

/// Octets of an address as the number that tables are indexed by, and back.
pub(super) fn address_of(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(number)
}
