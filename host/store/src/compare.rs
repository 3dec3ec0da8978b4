//! The compare part of compare-and-set, which is the same for every backend.
//!
//! Does not write. Invariant: if one change of a decision conflicts, none of its changes is
//! written.

use std::sync::Arc;

use lessor_core::{Binding, Change, Changes, StorageAnswer};
use rustc_hash::FxHashMap;

use crate::record_key::RecordKey;

/// The contents of storage.
pub(crate) trait StoredBindings {
    type Error;

    /// The revision of the record `key`, or 0 if there is none.
    fn revision(&self, key: &RecordKey) -> Result<u64, Self::Error>;

    /// The record `key`.
    fn binding(&self, key: &RecordKey) -> Result<Option<Arc<Binding>>, Self::Error>;
}

/// The result of comparing a batch with storage, which is valid once `writes` are durable.
pub(crate) struct Compared<'a> {
    /// One answer per decision, in order.
    pub(crate) answers: Vec<StorageAnswer>,
    /// The records to write: the last one of each changed address.
    pub(crate) writes: Vec<&'a Arc<Binding>>,
}

/// Compares the changes of every decision with the records that they would replace: those in
/// storage, or those of an earlier decision in the batch.
pub(crate) fn batch<'a, R: StoredBindings>(
    batch: &'a [Changes],
    records: &R,
) -> Result<Compared<'a>, R::Error> {
    let mut written = BatchRecords::with_capacity(batch.len());
    let mut answers = Vec::with_capacity(batch.len());
    for changes in batch {
        let mut is_made = true;
        for change in changes {
            debug_assert!(change.binding.revision > change.expected_revision());
            let key = RecordKey::of(&change.binding);
            let revision = match written.binding(&key) {
                Some(binding) => binding.revision,
                None => records.revision(&key)?,
            };
            is_made &= revision == change.expected_revision();
        }
        answers.push(if is_made {
            changes.iter().for_each(|change| written.put(change));
            StorageAnswer::Made
        } else {
            let keys = changes.iter().map(|change| RecordKey::of(&change.binding));
            let found = keys.map(|key| match written.binding(&key) {
                Some(binding) => Ok(Some(Arc::clone(binding))),
                None => records.binding(&key),
            });
            StorageAnswer::Conflict(found.collect::<Result<_, _>>()?)
        });
    }
    Ok(Compared { answers, writes: written.bindings })
}

/// The records of a batch that replace those in storage.
struct BatchRecords<'a> {
    bindings: Vec<&'a Arc<Binding>>,
    /// Clients choose neither addresses nor configured VPNs, so their hash needs no secret.
    positions: FxHashMap<RecordKey, usize>,
}

impl<'a> BatchRecords<'a> {
    fn with_capacity(capacity: usize) -> Self {
        let positions = FxHashMap::with_capacity_and_hasher(capacity, Default::default());
        Self { bindings: Vec::with_capacity(capacity), positions }
    }

    fn binding(&self, key: &RecordKey) -> Option<&'a Arc<Binding>> {
        self.positions.get(key).and_then(|position| self.bindings.get(*position)).copied()
    }

    fn put(&mut self, change: &'a Change) {
        let key = RecordKey::of(&change.binding);
        let position = *self.positions.entry(key).or_insert(self.bindings.len());
        match self.bindings.get_mut(position) {
            Some(binding) => *binding = &change.binding,
            None => self.bindings.push(&change.binding),
        }
    }
}
