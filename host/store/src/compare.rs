//! The compare part of compare-and-set, which is the same for every backend.
//!
//! Does not write. Invariant: if one change of a decision conflicts, none of its changes is
//! written.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{Answer, Change, Changes, Lease};
use rustc_hash::FxHashMap;

/// The contents of storage.
pub(crate) trait Records {
    type Error;

    /// The revision of the record of `address`, or 0 if there is none.
    fn revision(&self, address: Ipv4Addr) -> Result<u64, Self::Error>;

    /// The record of `address`.
    fn lease(&self, address: Ipv4Addr) -> Result<Option<Arc<Lease>>, Self::Error>;
}

/// The result of comparing a batch with storage, which is valid once `writes` are durable.
pub(crate) struct Compared<'a> {
    /// One answer per decision, in order.
    pub(crate) answers: Vec<Answer>,
    /// The records to write: the last one of each changed address.
    pub(crate) writes: Vec<&'a Arc<Lease>>,
}

/// Compares the changes of every decision with the records that they would replace: those in
/// storage, or those of an earlier decision in the batch.
pub(crate) fn batch<'a, R: Records>(
    batch: &'a [Changes],
    records: &R,
) -> Result<Compared<'a>, R::Error> {
    let mut written = Written::with_capacity(batch.len());
    let mut answers = Vec::with_capacity(batch.len());
    for changes in batch {
        let mut is_made = true;
        for change in changes {
            debug_assert!(change.lease.revision > change.expected_revision());
            let address = change.lease.address;
            let revision = match written.lease(address) {
                Some(lease) => lease.revision,
                None => records.revision(address)?,
            };
            is_made &= revision == change.expected_revision();
        }
        answers.push(if is_made {
            changes.iter().for_each(|change| written.put(change));
            Answer::Made
        } else {
            let found = changes.iter().map(|change| match written.lease(change.lease.address) {
                Some(lease) => Ok(Some(Arc::clone(lease))),
                None => records.lease(change.lease.address),
            });
            Answer::Conflict(found.collect::<Result<_, _>>()?)
        });
    }
    Ok(Compared { answers, writes: written.leases })
}

/// The records of a batch that replace those in storage.
struct Written<'a> {
    leases: Vec<&'a Arc<Lease>>,
    /// Clients do not choose the addresses, so their hash needs no secret.
    positions: FxHashMap<Ipv4Addr, usize>,
}

impl<'a> Written<'a> {
    fn with_capacity(capacity: usize) -> Self {
        let positions = FxHashMap::with_capacity_and_hasher(capacity, Default::default());
        Self { leases: Vec::with_capacity(capacity), positions }
    }

    fn lease(&self, address: Ipv4Addr) -> Option<&'a Arc<Lease>> {
        self.positions.get(&address).and_then(|position| self.leases.get(*position)).copied()
    }

    fn put(&mut self, change: &'a Change) {
        let position = *self.positions.entry(change.lease.address).or_insert(self.leases.len());
        match self.leases.get_mut(position) {
            Some(lease) => *lease = &change.lease,
            None => self.leases.push(&change.lease),
        }
    }
}
