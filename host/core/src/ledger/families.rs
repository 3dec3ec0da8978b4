//! Families for tests: IPv6 addresses and delegated prefixes that identity associations hold (RFC
//! 8415 section 4.2), addresses of VPNs that overlap (RFC 6607), and plain numbers. They prove that
//! the ledger knows no protocol.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    hash::Hash,
    marker::PhantomData,
    net::Ipv6Addr,
    sync::Arc,
};

use smallvec::SmallVec;

use crate::Timestamp;

use super::{
    BindingRecord, Family, FreeSet, Holder, Layout, MessageSource, OctetReader, Octets, PAGE_SIZE,
    Resource, Tenure, put_part,
};

/// A family of the resources `R`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Of<R>(PhantomData<R>);

/// Plain numbers.
pub(super) type Numbers = Of<u32>;
/// IPv6 addresses.
pub(super) type Addresses = Of<Address>;
/// Prefixes of 56 bits.
pub(super) type Prefixes = Of<Prefix>;

/// An IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address(u128);

/// A prefix of 56 bits, stored as the number in these bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Prefix(u128);

/// The addresses of VPNs: the same address in two VPNs is two resources.
pub(super) type VpnAddresses = Of<VpnAddress>;

/// An address in the address space of a VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct VpnAddress {
    pub(super) vpn: u32,
    pub(super) address: u32,
}

/// The number of addresses of a VPN that tests count before they continue with the next one.
pub(super) const COUNTED_OF_VPN: u32 = 10;

/// A resource that tests can count.
pub(super) trait Sample: Resource + Send + 'static {
    /// The resource at position `number` of its range.
    fn nth(number: u32) -> Self;

    /// The resource as a number, and the reverse.
    fn number(self) -> u128;
    fn of_number(number: u128) -> Self;
}

impl Sample for u32 {
    fn nth(number: u32) -> Self {
        0x0a00_0000 + number
    }

    fn number(self) -> u128 {
        self.into()
    }

    fn of_number(number: u128) -> Self {
        number as u32
    }
}

impl Sample for Address {
    fn nth(number: u32) -> Self {
        let first = Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, 0);
        Self(u128::from(first) + u128::from(number))
    }

    fn number(self) -> u128 {
        self.0
    }

    fn of_number(number: u128) -> Self {
        Self(number)
    }
}

impl Sample for Prefix {
    fn nth(number: u32) -> Self {
        let first = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0);
        Self((u128::from(first) >> 72) + u128::from(number))
    }

    fn number(self) -> u128 {
        self.0
    }

    fn of_number(number: u128) -> Self {
        Self(number)
    }
}

impl Sample for VpnAddress {
    fn nth(number: u32) -> Self {
        Self { vpn: number / COUNTED_OF_VPN, address: number % COUNTED_OF_VPN }
    }

    fn number(self) -> u128 {
        u128::from(self.vpn * COUNTED_OF_VPN + self.address)
    }

    fn of_number(number: u128) -> Self {
        Self::nth(number as u32)
    }
}

impl Resource for VpnAddress {
    type Page = (u32, u32);

    fn page(self) -> ((u32, u32), usize) {
        let (page, place) = self.address.page();
        ((self.vpn, page), place)
    }

    fn at((vpn, page): (u32, u32), place: usize) -> Option<Self> {
        u32::at(page, place).map(|address| Self { vpn, address })
    }
}

macro_rules! place {
    ($resource:ty) => {
        impl Resource for $resource {
            type Page = u128;

            fn page(self) -> (u128, usize) {
                (self.0 / PAGE_SIZE as u128, (self.0 % PAGE_SIZE as u128) as usize)
            }

            fn at(page: u128, place: usize) -> Option<Self> {
                Some(Self(page * PAGE_SIZE as u128 + place as u128))
            }
        }
    };
}

place!(Address);
place!(Prefix);

/// An identity association: DUID, kind and IAID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Association {
    pub(super) duid: Box<[u8]>,
    pub(super) kind: u8,
    pub(super) iaid: u32,
}

impl Holder for Association {
    fn octets(&self) -> Octets {
        let mut octets = Octets::new();
        octets.push(self.kind);
        octets.extend_from_slice(&self.iaid.to_be_bytes());
        octets.extend_from_slice(&self.duid);
        octets
    }

    fn from_octets(octets: &[u8]) -> Self {
        let mut rest = OctetReader(octets);
        let kind = rest.octet();
        let iaid = rest.take(4).iter().fold(0, |iaid, octet| iaid << 8 | u32::from(*octet));
        Self { duid: rest.0.into(), kind, iaid }
    }
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding<R> {
    pub(super) resource: R,
    pub(super) holder: Association,
    pub(super) tenure: Tenure,
    pub(super) subscriber: Option<Arc<str>>,
    pub(super) interface_id: Box<[u8]>,
}

impl<R: Sample> BindingRecord<Of<R>> for Binding<R> {
    fn resource(&self) -> R {
        self.resource
    }

    fn holder(&self) -> &Association {
        &self.holder
    }

    fn tenure(&self) -> Tenure {
        self.tenure
    }

    fn with_revision(self, revision: u64) -> Self {
        Self { tenure: Tenure { revision, ..self.tenure }, ..self }
    }

    fn subscriber(&self) -> Option<&Arc<str>> {
        self.subscriber.as_ref()
    }

    fn put_facts(&self, octets: &mut Octets) {
        put_part(octets, &self.interface_id);
    }

    fn from_parts(
        resource: R,
        tenure: Tenure,
        holder: Association,
        subscriber: Option<Arc<str>>,
        facts: &[u8],
    ) -> Self {
        let interface_id = OctetReader(facts).part().into();
        Self { resource, holder, tenure, subscriber, interface_id }
    }
}

/// A line of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Line {
    pub(super) link: u8,
    pub(super) line: u8,
}

impl MessageSource for Line {
    type Link = u8;

    fn link(&self) -> &u8 {
        &self.link
    }
}

impl<R: Sample> Family for Of<R> {
    type Resource = R;
    type Holder = Association;
    type Binding = Binding<R>;
    type Cause = u32;
    type Source = Line;
    type Account = Box<[u8]>;
    type Free = Free<R>;
    type Layout = Pools<R>;

    fn accounts(record: &Binding<R>) -> SmallVec<[Box<[u8]>; 3]> {
        let subscriber = record.subscriber.as_ref().map(|name| Box::from(name.as_bytes()));
        [Box::from(record.holder.octets().as_slice())].into_iter().chain(subscriber).collect()
    }
}

/// Free resources as ranges: first and last number.
#[derive(Clone, Debug, Default)]
pub(super) struct Free<R> {
    ranges: BTreeMap<u128, u128>,
    resources: PhantomData<R>,
}

impl<R> Free<R> {
    pub(super) fn range(first: u128, last: u128) -> Self {
        Self { ranges: [(first, last)].into(), resources: PhantomData }
    }
}

impl<R: Sample> FreeSet<R> for Free<R> {
    fn of(resources: impl IntoIterator<Item = R>) -> Self {
        let mut free = Self { ranges: BTreeMap::new(), resources: PhantomData };
        resources.into_iter().for_each(|resource| free.insert(resource));
        free
    }

    fn len(&self) -> u64 {
        let len: u128 = self.ranges.iter().map(|(first, last)| last - first + 1).sum();
        u64::try_from(len).unwrap_or(u64::MAX)
    }

    fn insert(&mut self, resource: R) {
        let number = resource.number();
        let (mut first, mut last) = (number, number);
        let before = self.ranges.range(..=number).next_back().map(|(first, last)| (*first, *last));
        match before {
            Some((_, end)) if end >= number => return,
            Some((start, end)) if end + 1 == number => first = start,
            _ => {}
        }
        if let Some(end) = self.ranges.remove(&(number + 1)) {
            last = end;
        }
        self.ranges.insert(first, last);
    }

    fn remove(&mut self, resource: R) {
        let number = resource.number();
        let Some((first, last)) = self.ranges.range(..=number).next_back() else { return };
        let (first, last) = (*first, *last);
        if last < number {
            return;
        }
        self.ranges.remove(&first);
        if first < number {
            self.ranges.insert(first, number - 1);
        }
        if number < last {
            self.ranges.insert(number + 1, last);
        }
    }

    fn first(&self) -> Option<R> {
        self.ranges.first_key_value().map(|(first, _)| R::of_number(*first))
    }

    fn at_or_after(&self, resource: R) -> Option<R> {
        let number = resource.number();
        let around = self.ranges.range(..=number).next_back().filter(|(_, last)| **last >= number);
        let after = self.ranges.range(number..).next().map(|(first, _)| *first);
        around.map(|_| number).or(after).map(R::of_number)
    }

    fn iter(&self) -> impl Iterator<Item = R> {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last).map(R::of_number)
    }
}

/// The configuration: pools as ranges, and reserved resources.
#[derive(Clone, Debug)]
pub(super) struct Pools<R> {
    pub(super) pools: Vec<(R, R)>,
    pub(super) reserved: BTreeSet<R>,
}

impl<R: Sample> Layout<Of<R>> for Pools<R> {
    fn spans(&self, _: R) -> bool {
        true
    }

    fn giving_pool_of(&self, resource: R) -> Option<usize> {
        let is_reserved = self.reserved.contains(&resource);
        let pool = self.pools.iter().position(|(first, last)| (*first..=*last).contains(&resource));
        pool.filter(|_| !is_reserved)
    }

    fn pools(&self) -> Vec<Free<R>> {
        let pools = self.pools.iter().map(|(first, last)| {
            let mut free = Free::range(first.number(), last.number());
            self.reserved.iter().for_each(|resource| free.remove(*resource));
            free
        });
        pools.collect()
    }

    fn offers_max(&self, _: &Line) -> usize {
        usize::MAX
    }
}

/// A record of the resource at position `number`, for one of a few holders.
pub(super) fn binding<R: Sample>(number: u32, client: u8, tenure: Tenure) -> Binding<R> {
    let subscriber = (!client.is_multiple_of(4)).then(|| format!("s{}", client % 4).into());
    let resource = R::nth(number);
    Binding {
        resource,
        holder: holder(client),
        tenure,
        subscriber,
        interface_id: [client; 9].into(),
    }
}

/// One of a few holders. Some are associations of the same client.
pub(super) fn holder(client: u8) -> Association {
    let kind = if client.is_multiple_of(2) { 3 } else { 25 };
    Association { duid: [0, 3, 0, 1, client / 4].into(), kind, iaid: client.into() }
}

/// A tenure that begins now, without a revision yet.
pub(super) fn tenure(state: crate::BindingState, now: Timestamp, secs: u32) -> Tenure {
    let (began_at, changed_at) = (now, now);
    Tenure { state, began_at, changed_at, expires_at: now.after_secs(secs), revision: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_free_resources_split_and_join() {
        let mut free = Free::<u32>::range(10, 14);
        for number in [12, 10, 14, 12] {
            free.remove(number);
        }
        assert_eq!(free.iter().collect::<Vec<_>>(), [11, 13]);
        for number in [12, 14, 10, 10] {
            free.insert(number);
        }
        assert_eq!((free.ranges.len(), free.len(), free.first()), (1, 5, Some(10)));
    }
}
