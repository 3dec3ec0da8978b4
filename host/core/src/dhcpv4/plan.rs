//! The plan: the configuration of addresses, prepared so that no question requires a search through
//! the configuration.
//!
//! A plan does not change while requests are decided. It does not copy what the configuration
//! contains, because a server has a plan for each of its networks. Invariant: an address belongs to
//! at most one pool, and no pool contains an address that its subnet cannot give to a client.

use std::{cmp::Ordering, net::Ipv4Addr, sync::Arc};

use ipnet::Ipv4Net;
use roaring::RoaringBitmap;

use crate::{
    AllocationOrder, Network, Pool, PoolRules, RelayInformation, Request, Subnet, WhySkipped,
    reservation::Matched,
};

use super::owners::Owners;

/// The plan of one network.
#[derive(Debug)]
pub(super) struct Plan {
    network: Arc<Network>,
    subnets: Ranges,
    pools: Box<[PlannedPool]>,
    pool_ranges: Ranges,
    /// Positions of the pools that are not by policy only, by subnet, preference and configuration,
    /// so that those of a subnet are neighbours.
    open: Box<[usize]>,
    /// The same by preference first; `None` if all of them have the same preference.
    open_by_preference: Option<Box<[usize]>>,
    /// Positions of all pools in order of name, then of configuration.
    by_name: Box<[usize]>,
    reserved: RoaringBitmap,
    /// Addresses that the pools that span them skip.
    skipped: RoaringBitmap,
    /// Whether a pool allocates its addresses in random order.
    has_random_order: bool,
    /// Whether not all pools have the same preference.
    has_preferences: bool,
    owners: Owners,
    /// The longest lease time of each subnet, in seconds.
    longest_lease_secs: Box<[u32]>,
}

/// A pool with what was derived from the configuration.
#[derive(Debug)]
pub(super) struct PlannedPool {
    subnet: u32,
    /// The position within the subnet.
    position: u32,
    by_policy_only: bool,
    /// First and last address that it can give out; `None` if it cannot give out any.
    range: Option<(u32, u32)>,
}

/// Disjoint ranges of addresses in order, each with the position that it belongs to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ranges(Box<[Range]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u32,
    last: u32,
    is_of: u32,
}

impl Plan {
    /// Prepares the plan of `network`.
    pub(super) fn new(network: Arc<Network>) -> Self {
        let pools = planned_pools(&network);
        let positions = || 0..pools.len();
        let is_open = |position: &usize| pools.get(*position).is_some_and(|p| !p.by_policy_only);
        let name = |position: &usize| pools.get(*position)?.configured(&network).map(|p| &*p.name);
        let mut by_name: Box<[usize]> = positions().collect();
        by_name.sort_by(|one, other| name(one).cmp(&name(other)));
        let reservations = network.subnets.iter().flat_map(|subnet| &subnet.reservations);
        let rules = |position: &usize| Some(&pools.get(*position)?.configured(&network)?.rules);
        let preference = |position: &usize| rules(position).map(|rules| rules.preference);
        let subnet = |position: &usize| pools.get(*position).map(|pool| pool.subnet);
        let mut open: Box<[usize]> = positions().filter(is_open).collect();
        open.sort_by_key(|position| (subnet(position), preference(position)));
        let is_ordered = open.is_sorted_by_key(preference);
        let open_by_preference = (!is_ordered).then(|| {
            let mut open = open.clone();
            open.sort_by_key(preference);
            open
        });
        let is_random = |rules: &PoolRules| rules.order == AllocationOrder::Random;
        Self {
            subnets: Ranges::of_subnets(&network),
            pool_ranges: Ranges::of_pools(&pools),
            has_preferences: positions().any(|one| preference(&one) != preference(&0)),
            has_random_order: positions().any(|position| rules(&position).is_some_and(is_random)),
            skipped: skipped(&pools, &network),
            open,
            open_by_preference,
            by_name,
            reserved: reservations.filter_map(|of| of.address).map(u32::from).collect(),
            owners: Owners::new(&network),
            longest_lease_secs: longest_lease_secs(&network),
            pools,
            network,
        }
    }

    /// The network as configured.
    pub(super) fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Returns whether the same addresses are in the same pools as in `other`, regardless of other
    /// differences, such as which of them are reserved.
    pub(super) fn has_pools_of(&self, other: &Self) -> bool {
        self.subnets == other.subnets
            && self.pool_ranges == other.pool_ranges
            && self.pools.len() == other.pools.len()
            && self.skipped == other.skipped
    }

    /// The subnet at a position.
    pub(super) fn subnet(&self, position: usize) -> Option<&Subnet> {
        self.network.subnets.get(position)
    }

    /// The position of the subnet that spans `address`.
    pub(super) fn subnet_of(&self, address: u32) -> Option<usize> {
        self.subnets.find(address)
    }

    /// Returns whether a client can have `address` at all: it is in a subnet and is neither its
    /// network nor its broadcast address.
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

    /// The position of the subnet of the pool at a position.
    pub(super) fn subnet_of_pool(&self, position: usize) -> Option<usize> {
        Some(self.pools.get(position)?.subnet as usize)
    }

    /// The longest lease time that each subnet grants, in seconds.
    pub(super) fn longest_lease_secs(&self) -> impl Iterator<Item = u32> {
        self.longest_lease_secs.iter().copied()
    }

    /// The position of the pool that spans `address`, reserved or not.
    pub(super) fn pool_of(&self, address: u32) -> Option<usize> {
        self.pool_ranges.find(address)
    }

    /// Returns whether every client may have addresses of the pool at `position`.
    pub(super) fn is_open(&self, position: usize) -> bool {
        self.pools.get(position).is_some_and(|pool| !pool.by_policy_only)
    }

    /// The positions of the pools of a subnet that are open to every client, by preference.
    pub(super) fn open_pools_of(&self, subnet: usize) -> &[usize] {
        let place = |position: &usize| {
            let found = self.pools.get(*position);
            found.map_or(Ordering::Greater, |pool| (pool.subnet as usize).cmp(&subnet))
        };
        run(&self.open, place)
    }

    /// The positions of all pools that are open to every client, by preference.
    pub(super) fn open_pools(&self) -> &[usize] {
        self.open_by_preference.as_deref().unwrap_or(&self.open)
    }

    /// Splits pools that are in order of preference into those of the same preference.
    pub(super) fn by_preference<'p>(
        &'p self,
        positions: &'p [usize],
    ) -> impl Iterator<Item = &'p [usize]> + use<'p> {
        let rules = |position: &usize| self.configured_pool(*position).map(|pool| &pool.rules);
        let preference = move |position: &usize| rules(position).map(|rules| rules.preference);
        // A network can have many pools, mostly without preferences.
        let (whole, split) = match self.has_preferences {
            true => (None, Some(positions)),
            false => (Some(positions), None),
        };
        let split = split.into_iter().flat_map(move |positions| {
            positions.chunk_by(move |one, next| preference(one) == preference(next))
        });
        whole.into_iter().chain(split)
    }

    /// The address from which a pool of random order is searched for a client whose key has hash
    /// `place`; `None` for other pools.
    pub(super) fn start_in(&self, position: usize, place: u64) -> Option<u32> {
        if !self.has_random_order {
            return None;
        }
        let rules = &self.configured_pool(position)?.rules;
        let (first, last) = self.pools.get(position)?.range?;
        let size = u64::from(last - first) + 1;
        let offset = u32::try_from(place % size).ok()?;
        (rules.order == AllocationOrder::Random).then(|| first.saturating_add(offset))
    }

    /// Where each pool is searched for such a client; empty if no pool has a random order.
    pub(super) fn starts(&self, place: u64) -> Vec<Option<u32>> {
        let positions = if self.has_random_order { 0..self.pools.len() } else { 0..0 };
        positions.map(|position| self.start_in(position, place)).collect()
    }

    /// The positions of the pools with this name, or `None` if there is none.
    pub(super) fn pools_named(&self, name: &str) -> Option<&[usize]> {
        let place = |position: &usize| {
            let found = self.configured_pool(*position);
            found.map_or(Ordering::Greater, |pool| (*pool.name).cmp(name))
        };
        Some(run(&self.by_name, place)).filter(|found| !found.is_empty())
    }

    /// Returns whether a reservation names `address`.
    pub(super) fn is_reserved(&self, address: u32) -> bool {
        self.reserved.contains(address)
    }

    /// Every reserved address.
    pub(super) const fn reserved(&self) -> &RoaringBitmap {
        &self.reserved
    }

    /// The network's own reservation for the client of `request`, which came over the line in
    /// `relay_information`. The first kind of identifier that matches decides; a reservation in the
    /// client's subnet takes precedence over those in others.
    pub(super) fn reservation_for(
        &self,
        subnet: usize,
        request: &Request,
        relay_information: Option<&RelayInformation>,
    ) -> Option<Matched<'_>> {
        self.owners.find(&self.network, subnet, request, relay_information)
    }

    /// Why the pool that spans `address` skips it; `None` if it does not.
    pub(super) fn why_skipped(&self, address: u32) -> Option<WhySkipped> {
        if !self.skipped.contains(address) {
            return None;
        }
        let pool = self.configured_pool(self.pool_of(address)?)?;
        pool.rules.skipped.why(address_of(address))
    }

    /// Whether a subnet spans `address`.
    pub(super) fn spans(&self, address: u32) -> bool {
        self.subnet_of(address).is_some()
    }

    /// The position of the pool that may give `address` to any client.
    pub(super) fn giving_pool_of(&self, address: u32) -> Option<usize> {
        let is_given = !self.is_reserved(address) && !self.skipped.contains(address);
        self.pool_of(address).filter(|_| is_given)
    }

    /// The addresses that each pool may give to any client.
    pub(super) fn given_by_pools(&self) -> Vec<RoaringBitmap> {
        let mut given: Vec<RoaringBitmap> = self.pools.iter().map(PlannedPool::addresses).collect();
        for pool in given.iter_mut().filter(|_| !self.skipped.is_empty()) {
            *pool -= &self.skipped;
        }
        for address in &self.reserved {
            if let Some(pool) = self.pool_of(address).and_then(|pool| given.get_mut(pool)) {
                pool.remove(address);
            }
        }
        given
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
        network.subnets.get(self.subnet as usize)?.pools.get(self.position as usize)
    }
}

impl Ranges {
    fn of_subnets(network: &Network) -> Self {
        let ranges = (0..).zip(&network.subnets).map(|(is_of, subnet)| Range {
            first: u32::from(subnet.prefix.network()),
            last: u32::from(subnet.prefix.broadcast()),
            is_of,
        });
        Self::new(ranges.collect())
    }

    fn of_pools(pools: &[PlannedPool]) -> Self {
        let ranges = (0..).zip(pools).filter_map(|(is_of, pool)| {
            pool.range.map(|(first, last)| Range { first, last, is_of })
        });
        Self::new(ranges.collect())
    }

    fn new(mut ranges: Vec<Range>) -> Self {
        ranges.sort_unstable_by_key(|range| range.first);
        Self(ranges.into())
    }

    fn find(&self, address: u32) -> Option<usize> {
        let after = self.0.partition_point(|range| range.first <= address);
        let range = self.0.get(after.checked_sub(1)?)?;
        (address <= range.last).then_some(range.is_of as usize)
    }
}

/// The run of sorted positions for which `place` returns `Equal`.
fn run(positions: &[usize], place: impl Fn(&usize) -> Ordering) -> &[usize] {
    let start = positions.partition_point(|position| place(position).is_lt());
    let end = positions.partition_point(|position| place(position).is_le());
    positions.get(start..end).unwrap_or_default()
}

/// The pools in order of configuration, reduced to the addresses that their subnet can give to
/// clients and that no pool at lower addresses contains. A checked configuration loses no address
/// by this.
fn planned_pools(network: &Network) -> Box<[PlannedPool]> {
    let mut pools = Vec::new();
    for (subnet, found) in (0..).zip(&network.subnets) {
        let (first_usable, last_usable) = usable(found.prefix);
        for (position, pool) in (0..).zip(&found.pools) {
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
    pools.into()
}

/// The longest lease time of each subnet, in seconds; classes apply to all of them.
fn longest_lease_secs(network: &Network) -> Box<[u32]> {
    let of_classes = network.classes.longest_lease_secs;
    let of_subnets = network.subnets.iter().map(Subnet::longest_lease_secs);
    of_subnets.map(|secs| secs.max(of_classes)).collect()
}

/// The addresses that pools skip, as far as they are in the range of the pool.
fn skipped(pools: &[PlannedPool], network: &Network) -> RoaringBitmap {
    let mut skipped = RoaringBitmap::new();
    for pool in pools {
        if let (Some((first, last)), Some(configured)) = (pool.range, pool.configured(network)) {
            for (first, last) in configured.rules.skipped.within(first, last) {
                skipped.insert_range(first..=last);
            }
        }
    }
    skipped
}

/// First and last address of a subnet that a client can have (RFC 3021 for prefixes of 31 bits).
fn usable(prefix: Ipv4Net) -> (u32, u32) {
    let (network, broadcast) = (u32::from(prefix.network()), u32::from(prefix.broadcast()));
    if prefix.prefix_len() >= 31 { (network, broadcast) } else { (network + 1, broadcast - 1) }
}

/// The address with the number by which tables are indexed.
pub(super) fn address_of(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(number)
}
