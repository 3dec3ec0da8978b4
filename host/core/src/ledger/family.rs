//! What differs between the kinds of resources that a ledger can keep.
//!
//! Decides nothing. Invariant: what a family writes into octets, it reads back as the same value.

use std::{fmt::Debug, hash::Hash, sync::Arc};

use smallvec::SmallVec;

use crate::{LeaseState, Timestamp};

use super::record::{Octets, Record};

/// A kind of resources with everything that a ledger has to know of it.
pub(crate) trait Family: Copy + Eq + Hash + Debug + 'static {
    /// An address or a prefix.
    type Resource: Place;
    /// Who can hold one: a client or, in DHCPv6, an identity association of one.
    type Holder: Holder;
    /// A record as storage and everybody outside of the ledger have it.
    type Lease: LeaseRecord<Self>;
    /// What tells the message that a decision answers from others of its client.
    type Cause: Copy + Eq + Debug;
    /// Where a message came from.
    type Source: Source;
    /// What a declined resource counts against.
    type Account: Clone + Eq + Hash + Debug;
    /// The free resources of a pool that nobody ever had.
    type Free: FreeSet<Self::Resource>;
    /// What the configuration says of resources.
    type Layout: Layout<Self>;

    /// The accounts that a declined resource counts against, by its record.
    fn accounts(resource: Self::Resource, record: &Record<Self>) -> SmallVec<[Self::Account; 3]>;
}

/// A resource: something of which there are many beside each other.
pub(crate) trait Place: Copy + Ord + Hash + Debug {
    /// What a number of neighbours have in common.
    type Page: Copy + Ord + Hash + Debug;

    /// The page that it is on, and its place there, below [`PAGE_SIZE`].
    fn page(self) -> (Self::Page, usize);

    /// The resource at a place of a page; none if there is no such place.
    fn at(page: Self::Page, place: usize) -> Option<Self>;
}

/// The resources of one page.
pub(crate) const PAGE_SIZE: usize = 32;

/// Who can hold a resource. In a record it is octets; two are equal if their octets are.
pub(crate) trait Holder: Clone + Eq + Debug {
    /// The octets that stand for it.
    fn octets(&self) -> Octets;

    /// What the octets stand for. They are always such as [`Holder::octets`] made.
    fn from_octets(octets: &[u8]) -> Self;
}

/// What became of a resource, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenure {
    pub(crate) state: LeaseState,
    pub(crate) began_at: Timestamp,
    pub(crate) changed_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revision: u64,
}

impl Tenure {
    /// Whether it holds the resource at `now`.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.state != LeaseState::Released && now < self.expires_at
    }
}

/// A record as everybody outside of the ledger has it.
pub(crate) trait LeaseRecord<F: Family>: Clone + Eq + Debug {
    /// What it is the record of.
    fn resource(&self) -> F::Resource;

    /// Whose it is.
    fn holder(&self) -> &F::Holder;

    /// What became of it.
    fn tenure(&self) -> Tenure;

    /// The same with another revision.
    fn with_revision(self, revision: u64) -> Self;

    /// Whom it counts against.
    fn subscriber(&self) -> Option<&Arc<str>>;

    /// Writes down what it says besides.
    fn put_facts(&self, octets: &mut Octets);

    /// Puts a record together. The facts are always such as [`LeaseRecord::put_facts`] wrote.
    fn from_parts(
        resource: F::Resource,
        tenure: Tenure,
        holder: F::Holder,
        subscriber: Option<Arc<str>>,
        facts: &[u8],
    ) -> Self;
}

/// Where messages come from: a line of a link.
pub(crate) trait Source: Clone + Ord + Hash + Debug {
    /// What many of them have in common.
    type Link: Clone + Ord + Hash + Debug;

    /// The link.
    fn link(&self) -> &Self::Link;
}

/// The resources of a pool that nobody ever had.
pub(crate) trait FreeSet<R>: Clone + Debug {
    /// Those that are given.
    fn of(resources: impl IntoIterator<Item = R>) -> Self;

    /// How many there are; the most that can be told if there are more.
    fn len(&self) -> u64;

    /// Adds one, unless it is there.
    fn insert(&mut self, resource: R);

    /// Takes one out, if it is there.
    fn remove(&mut self, resource: R);

    /// The lowest.
    fn first(&self) -> Option<R>;

    /// All of them, lowest first.
    fn iter(&self) -> impl Iterator<Item = R>;
}

/// What the configuration says of resources.
pub(crate) trait Layout<F: Family>: Debug {
    /// Whether the ledger is responsible for a resource.
    fn spans(&self, resource: F::Resource) -> bool;

    /// The position of the pool that may give a resource to anybody.
    fn giving_pool_of(&self, resource: F::Resource) -> Option<usize>;

    /// What each pool may give to anybody.
    fn pools(&self) -> Vec<F::Free>;

    /// How many resources of a pool a source may hold by open offers.
    fn offers_max(&self, source: &F::Source) -> usize;
}
