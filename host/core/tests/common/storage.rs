//! The answers of storage according to its records, for both the simulation and small worlds.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use lessor_core::{Binding, Change, StorageAnswer};

/// The records by address.
pub(crate) type Records = BTreeMap<Ipv4Addr, Arc<Binding>>;

/// The result of changes whose flush failed, according to what is read once storage works again.
pub(crate) fn look_up(records: &Records, changes: &[Change]) -> StorageAnswer {
    let holds = |record: Option<&Arc<Binding>>, change: &Change| {
        records.get(&change.binding.address) == record
    };
    if changes.iter().all(|change| holds(Some(&change.binding), change)) {
        return StorageAnswer::Made;
    }
    if changes.iter().all(|change| holds(change.previous.as_ref(), change)) {
        return StorageAnswer::NotMade;
    }
    conflict(records, changes)
}

/// The answer to changes of which at least one was built on another record.
pub(crate) fn conflict(records: &Records, changes: &[Change]) -> StorageAnswer {
    let found = changes.iter().map(|change| records.get(&change.binding.address).cloned());
    StorageAnswer::Conflict(found.collect())
}

/// Returns whether the record has the revision on which the change was built.
pub(crate) fn has_expected_revision(records: &Records, change: &Change) -> bool {
    let held = records.get(&change.binding.address);
    held.map_or(0, |held| held.revision) == change.expected_revision()
}
