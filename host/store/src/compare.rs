//! The compare half of compare-and-set, the same for every backend.

use std::{net::Ipv4Addr, sync::Arc};

use hashbrown::{HashMap, hash_map::Entry};
use lessor_core::{Change, Committed, Lease};

/// What storage holds.
pub(crate) trait Records {
    type Error;

    /// The revision of the record of `address`; 0 if there is none.
    fn revision(&self, address: Ipv4Addr) -> Result<u64, Self::Error>;

    /// The record of `address`.
    fn lease(&self, address: Ipv4Addr) -> Result<Option<Arc<Lease>>, Self::Error>;
}

/// A batch compared with what storage holds; true once `writes` are durable.
pub(crate) struct Compared<'a> {
    /// One per change, in order.
    pub(crate) results: Vec<Committed>,
    /// What to write: of each changed address its last record.
    pub(crate) writes: Vec<&'a Arc<Lease>>,
}

/// Compares every change with the record it would replace: that of storage, or the one that an
/// earlier change of the batch puts there.
pub(crate) fn batch<'a, R: Records>(
    batch: &'a [Change],
    records: &R,
) -> Result<Compared<'a>, R::Error> {
    let mut writes: Vec<&'a Arc<Lease>> = Vec::with_capacity(batch.len());
    let mut positions: HashMap<Ipv4Addr, usize, foldhash::fast::RandomState> =
        HashMap::with_capacity_and_hasher(batch.len(), foldhash::fast::RandomState::default());
    let mut results = Vec::with_capacity(batch.len());
    for change in batch {
        debug_assert_eq!(change.lease.revision, change.expected_revision() + 1);
        let address = change.lease.address;
        let position = positions.entry(address);
        let earlier = match &position {
            Entry::Occupied(position) => writes.get_mut(*position.get()),
            Entry::Vacant(_) => None,
        };
        results.push(match earlier {
            Some(lease) if lease.revision == change.expected_revision() => {
                *lease = &change.lease;
                Committed::Durable
            }
            Some(lease) => Committed::Conflict(Some(Arc::clone(lease))),
            None if records.revision(address)? == change.expected_revision() => {
                position.insert(writes.len());
                writes.push(&change.lease);
                Committed::Durable
            }
            None => Committed::Conflict(records.lease(address)?),
        });
    }
    Ok(Compared { results, writes })
}
