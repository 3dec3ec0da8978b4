//! What differs between the kinds of resources that a ledger can keep.
//!
//! Decides nothing. Invariant: a value that a family writes as octets is read back as the same
//! value.

use std::{fmt::Debug, hash::Hash, sync::Arc};

use smallvec::SmallVec;

use crate::{BindingState, Timestamp};

use super::octets::Octets;

/// A kind of resources, with everything that a ledger needs to know about it.
pub(crate) trait Family: Copy + Eq + Hash + Debug + 'static {
    /// An address or a prefix.
    type Resource: Resource;
    /// What can hold a resource: a client or, in DHCPv6, an identity association of a client.
    type Holder: Holder;
    /// A record in the form that storage and other parts of the server use.
    type Binding: BindingRecord<Self>;
    /// Distinguishes the message that a decision answers from other messages of its client.
    type Cause: Copy + Eq + Debug;
    /// The origin of a message.
    type Source: MessageSource;
    /// What a declined resource counts against.
    type Account: Clone + Eq + Hash + Debug;
    /// The free resources of a pool that were never used.
    type Free: FreeSet<Self::Resource>;
    /// The configuration of resources.
    type Layout: Layout<Self>;

    /// The accounts that a declined resource counts against, according to its record.
    fn accounts(record: &Self::Binding) -> SmallVec<[Self::Account; 3]>;
}

/// A resource as one of many neighbours.
pub(crate) trait Resource: Copy + Ord + Hash + Debug {
    /// A group of neighbours.
    type Page: Copy + Ord + Hash + Debug;

    /// The page of the resource, and its place there, which is less than [`PAGE_SIZE`].
    fn page(self) -> (Self::Page, usize);

    /// The resource at a place of a page, or `None` if there is no such place.
    fn at(page: Self::Page, place: usize) -> Option<Self>;
}

/// The number of resources on one page.
pub(crate) const PAGE_SIZE: usize = 32;

/// A holder of resources. Records contain it as octets; two holders are equal if their octets are.
pub(crate) trait Holder: Clone + Eq + Debug {
    /// The holder as octets.
    fn octets(&self) -> Octets;

    /// The holder with these octets, which [`Holder::octets`] must have returned.
    fn from_octets(octets: &[u8]) -> Self;
}

/// State, times and revision of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenure {
    pub(crate) state: BindingState,
    pub(crate) began_at: Timestamp,
    pub(crate) changed_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revision: u64,
}

impl Tenure {
    /// Returns whether the record holds its resource at `now`.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.state != BindingState::Released && now < self.expires_at
    }
}

/// A record in the form that other parts of the server use.
pub(crate) trait BindingRecord<F: Family>: Clone + Eq + Debug {
    /// The resource of the record.
    fn resource(&self) -> F::Resource;

    /// The holder of the resource.
    fn holder(&self) -> &F::Holder;

    /// State, times and revision of the record.
    fn tenure(&self) -> Tenure;

    /// The same record with another revision.
    fn with_revision(self, revision: u64) -> Self;

    /// The subscriber that the record counts against.
    fn subscriber(&self) -> Option<&Arc<str>>;

    /// Writes everything else that the record contains.
    fn put_facts(&self, octets: &mut Octets);

    /// Assembles a record. [`BindingRecord::put_facts`] must have written the facts.
    fn from_parts(
        resource: F::Resource,
        tenure: Tenure,
        holder: F::Holder,
        subscriber: Option<Arc<str>>,
        facts: &[u8],
    ) -> Self;
}

/// The origin of messages: a line of a link.
pub(crate) trait MessageSource: Clone + Ord + Hash + Debug {
    /// The link that many sources share.
    type Link: Clone + Ord + Hash + Debug;

    /// The link of this source.
    fn link(&self) -> &Self::Link;
}

/// The resources of a pool that were never used.
pub(crate) trait FreeSet<R>: Clone + Debug {
    /// Creates a set of these resources.
    fn of(resources: impl IntoIterator<Item = R>) -> Self;

    /// The number of resources, or `u64::MAX` if there are more.
    fn len(&self) -> u64;

    /// Adds a resource, unless it is already present.
    fn insert(&mut self, resource: R);

    /// Removes a resource, if it is present.
    fn remove(&mut self, resource: R);

    /// The lowest resource.
    fn first(&self) -> Option<R>;

    /// The lowest resource that is not lower than `resource`.
    fn at_or_after(&self, resource: R) -> Option<R>;

    /// All resources, lowest first.
    fn iter(&self) -> impl Iterator<Item = R>;
}

/// The configuration of resources.
pub(crate) trait Layout<F: Family>: Debug {
    /// Returns whether the ledger is responsible for a resource.
    fn spans(&self, resource: F::Resource) -> bool;

    /// The position of the pool that may give a resource to any client.
    fn giving_pool_of(&self, resource: F::Resource) -> Option<usize>;

    /// The resources that each pool may give to any client.
    fn pools(&self) -> Vec<F::Free>;

    /// The maximum number of resources of a pool that a source may hold by open offers.
    fn offers_max(&self, source: &F::Source) -> usize;
}
