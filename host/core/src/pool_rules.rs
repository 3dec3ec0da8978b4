//! How a pool allocates its addresses: which of them, in which order, before or after which other
//! pools, and for how long when few are left.
//!
//! Does not allocate; the engine does. Invariants: the ranges of [`Skipped`] are disjoint and in
//! order; each step of a [`Shortening`] is for a fuller pool than the one before it, and has a
//! shorter time.

use std::{net::Ipv4Addr, num::NonZeroU8, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Fraction;

/// The maximum number of steps of a [`Shortening`].
pub const SHORTENING_STEPS_MAX: usize = 8;

/// How a pool allocates its addresses. The default is a pool that has all of its range, lowest
/// first, and is equal to all other pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct PoolRules {
    /// Which of the addresses that were never used comes first.
    pub order: AllocationOrder,
    /// The place of the pool in the order of pools: those with a higher number are used when no
    /// pool with a lower number has a free address.
    pub preference: NonZeroU8,
    /// Addresses within the range that no client gets from the pool.
    #[serde(skip_serializing_if = "Skipped::is_empty")]
    pub skipped: Skipped,
    /// Lease times for when few addresses are left.
    #[serde(skip_serializing_if = "Shortening::is_empty")]
    pub shortening: Shortening,
}

/// Which of the addresses of a pool that were never used comes first. After those, in any order,
/// comes the address that has been free longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllocationOrder {
    /// The lowest one.
    #[default]
    Sequential,
    /// The first one from a place that the client's key selects. Addresses are spread over the
    /// pool, and a client comes to the same place again after its record was lost.
    Random,
}

/// Addresses within the range of a pool that no client gets from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Skipped {
    ranges: Arc<[SkippedRange]>,
    /// Whether addresses that end in .0 or .255 are skipped. A large pool has too many of them to
    /// list.
    first_last_24: bool,
}

/// Neighbouring addresses that are skipped for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SkippedRange {
    /// The first address.
    pub first: Ipv4Addr,
    /// The last address.
    pub last: Ipv4Addr,
    /// Why they are skipped.
    pub why: WhySkipped,
}

/// Why a pool skips an address. If several reasons apply, one of them is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhySkipped {
    /// It is the network address of the subnet.
    NetworkAddress,
    /// It is the broadcast address of the subnet.
    BroadcastAddress,
    /// It is a router of the subnet's clients.
    Router,
    /// It is an address of the server.
    ServersOwn,
    /// The pool excludes it.
    Excluded,
    /// It ends in .0 or .255, and `exclude-first-last-24` is set.
    FirstLast24,
}

/// Lease times for when few addresses of a pool are left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shortening(Arc<[ShorteningStep]>);

/// The lease time of a pool of which more than a certain part is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShorteningStep {
    /// The part of the pool's addresses that must be in use.
    pub above: Fraction,
    /// The longest lease time that is granted then, in seconds.
    pub lease_time_secs: u32,
}

impl Default for PoolRules {
    fn default() -> Self {
        Self {
            order: AllocationOrder::default(),
            preference: NonZeroU8::MIN,
            skipped: Skipped::default(),
            shortening: Shortening::default(),
        }
    }
}

impl AllocationOrder {
    /// Every order, with its name in the configuration.
    pub const ALL: [(&'static str, Self); 2] =
        [("sequential", Self::Sequential), ("random", Self::Random)];
}

impl Skipped {
    /// Creates the skipped addresses from ranges, which may overlap, and the choice to skip all
    /// addresses that end in .0 or .255.
    pub fn new(mut ranges: Vec<SkippedRange>, first_last_24: bool) -> Self {
        ranges.sort_by_key(|range| (range.first, range.why));
        let mut next_free = Some(Ipv4Addr::UNSPECIFIED);
        let disjoint = ranges.into_iter().filter_map(|range| {
            let first = range.first.max(next_free?);
            if first > range.last {
                return None;
            }
            next_free = u32::from(range.last).checked_add(1).map(Ipv4Addr::from);
            Some(SkippedRange { first, ..range })
        });
        let disjoint: Vec<SkippedRange> = disjoint.collect();
        Self { ranges: shared(disjoint), first_last_24 }
    }

    /// These and more ranges, which may overlap.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = SkippedRange>) -> Self {
        let ranges = self.ranges.iter().copied().chain(more).collect();
        Self::new(ranges, self.first_last_24)
    }

    /// Returns whether no address is skipped.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && !self.first_last_24
    }

    /// The ranges, in order; without those addresses that are skipped because of their last octet.
    pub fn ranges(&self) -> &[SkippedRange] {
        &self.ranges
    }

    /// Returns whether addresses that end in .0 or .255 are skipped.
    pub const fn skips_first_last_24(&self) -> bool {
        self.first_last_24
    }

    /// Why `address` is skipped; `None` if it is not.
    pub fn why(&self, address: Ipv4Addr) -> Option<WhySkipped> {
        let is_first_last = || self.first_last_24 && matches!(address.octets()[3], 0 | 255);
        self.listed(address).or_else(|| is_first_last().then_some(WhySkipped::FirstLast24))
    }

    /// How many addresses from `first` to `last` are skipped.
    pub fn count(&self, first: Ipv4Addr, last: Ipv4Addr) -> u64 {
        let (first, last) = (u32::from(first), u32::from(last));
        let listed = self.listed_within(first, last).map(|(start, end)| u64::from(end - start) + 1);
        let is_new = |(end, _): &(u32, u32)| self.listed(Ipv4Addr::from(*end)).is_none();
        listed.sum::<u64>() + self.ends_within(first, last).filter(is_new).count() as u64
    }

    /// The numbers of all skipped addresses from `first` to `last`, as ranges in no order that may
    /// overlap.
    pub(crate) fn within(&self, first: u32, last: u32) -> impl Iterator<Item = (u32, u32)> {
        self.listed_within(first, last).chain(self.ends_within(first, last))
    }

    fn listed(&self, address: Ipv4Addr) -> Option<WhySkipped> {
        let after = self.ranges.partition_point(|range| range.first <= address);
        let range = after.checked_sub(1).and_then(|before| self.ranges.get(before));
        range.filter(|range| address <= range.last).map(|range| range.why)
    }

    fn listed_within(&self, first: u32, last: u32) -> impl Iterator<Item = (u32, u32)> {
        let ranges = self.ranges.iter().map(|range| (range.first.into(), range.last.into()));
        let cut = move |(start, end): (u32, u32)| (start.max(first), end.min(last));
        ranges.map(cut).filter(|(start, end)| start <= end)
    }

    /// The addresses that end in .0 or .255, if these are skipped.
    fn ends_within(&self, first: u32, last: u32) -> impl Iterator<Item = (u32, u32)> + use<> {
        let blocks = self.first_last_24.then_some(first >> 8..=last >> 8);
        let ends = blocks.into_iter().flatten().flat_map(|block| [block << 8, block << 8 | 0xff]);
        ends.filter(move |end| (first..=last).contains(end)).map(|end| (end, end))
    }
}

impl WhySkipped {
    /// One clause for the operator, with the address before it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NetworkAddress => "is the network address",
            Self::BroadcastAddress => "is the broadcast address",
            Self::Router => "is a router",
            Self::ServersOwn => "is an address of the server",
            Self::Excluded => "is excluded",
            Self::FirstLast24 => "ends in .0 or .255",
        }
    }
}

impl Shortening {
    /// Creates a shortening. Returns `None` if there are more than [`SHORTENING_STEPS_MAX`] steps,
    /// or if a step does not have a larger part and a shorter lease time than the one before.
    pub fn new(steps: Vec<ShorteningStep>) -> Option<Self> {
        let follows = |one: &ShorteningStep, next: &ShorteningStep| {
            one.above < next.above && one.lease_time_secs > next.lease_time_secs
        };
        let is_in_order = steps.iter().zip(steps.iter().skip(1)).all(|(a, b)| follows(a, b));
        (is_in_order && steps.len() <= SHORTENING_STEPS_MAX).then(|| Self(shared(steps)))
    }

    /// Returns whether lease times are never shortened.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps, the emptiest pool first.
    pub fn steps(&self) -> &[ShorteningStep] {
        &self.0
    }

    /// The step for a pool of `size` addresses of which `used` are in use, if there is one.
    pub(crate) fn step(&self, used: u64, size: u64) -> Option<ShorteningStep> {
        self.0.iter().rev().find(|step| step.above.is_less_than(used, size)).copied()
    }
}

/// Items that pools share. Many pools have none, and share the same empty list.
fn shared<T>(items: Vec<T>) -> Arc<[T]> {
    if items.is_empty() { Arc::default() } else { items.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    #[test]
    fn skipped_ranges_become_disjoint_and_keep_every_address() {
        let range = |first, last, why| SkippedRange { first: ip(first), last: ip(last), why };
        let ranges = vec![
            range(5, 9, WhySkipped::Excluded),
            range(1, 1, WhySkipped::Router),
            range(7, 12, WhySkipped::Excluded),
            range(0, 3, WhySkipped::Excluded),
            range(0, 0, WhySkipped::NetworkAddress),
            range(255, 255, WhySkipped::BroadcastAddress),
        ];
        let skipped = Skipped::new(ranges.clone(), false);
        let pairs = skipped.ranges().windows(2);
        assert!(pairs.into_iter().all(|pair| pair[0].last < pair[1].first));
        for last in 0..=255 {
            let is_in = ranges.iter().any(|range| (range.first..=range.last).contains(&ip(last)));
            assert_eq!(skipped.why(ip(last)).is_some(), is_in, "{last}");
        }
        assert_eq!(skipped.count(ip(2), ip(254)), 10);
        assert_eq!(skipped.why(ip(0)), Some(WhySkipped::NetworkAddress));
        assert_eq!(skipped.why(ip(255)), Some(WhySkipped::BroadcastAddress));
    }

    #[test]
    fn the_ends_of_each_24_are_skipped_within_the_range() {
        let skipped = Skipped::new(Vec::new(), true);
        let (first, last) = (u32::from(ip(255)), u32::from(Ipv4Addr::new(10, 0, 2, 0)));
        let mut found: Vec<u32> = skipped.within(first, last).map(|(one, _)| one).collect();
        found.sort_unstable();
        let expected = [first, first + 1, last - 1, last];
        assert_eq!(found, expected);
        assert!(expected.iter().all(|one| skipped.why((*one).into()).is_some()));
        assert_eq!(skipped.why(ip(1)), None);
        let broadcast = SkippedRange { first: ip(255), last: ip(255), why: WhySkipped::Excluded };
        let skipped = Skipped::new(vec![broadcast], true);
        assert_eq!(skipped.count(first.into(), last.into()), 4);
    }

    #[test]
    fn the_fullest_step_that_is_reached_applies() {
        let step = |above, lease_time_secs| ShorteningStep {
            above: Fraction::from_millionths(above).unwrap(),
            lease_time_secs,
        };
        let shortening = Shortening::new(vec![step(800_000, 600), step(950_000, 60)]).unwrap();
        let secs = |used| shortening.step(used, 100).map(|step| step.lease_time_secs);
        assert_eq!(
            (secs(80), secs(81), secs(95), secs(96)),
            (None, Some(600), Some(600), Some(60))
        );
        assert_eq!(shortening.step(0, 0), None);
        assert_eq!(Shortening::new(vec![step(800_000, 600), step(950_000, 600)]), None);
        assert_eq!(Shortening::new(vec![step(800_000, 600), step(800_000, 60)]), None);
    }
}
