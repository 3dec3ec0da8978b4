//! The answers of storage according to its records, for both the simulation and small worlds.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use lessor_core::{Answer, Change, Lease};

/// The records by address.
pub(crate) type Records = BTreeMap<Ipv4Addr, Arc<Lease>>;

/// The result of changes whose flush failed, according to what is read once storage works again.
pub(crate) fn look_up(records: &Records, changes: &[Change]) -> Answer {
    let holds =
        |record: Option<&Arc<Lease>>, change: &Change| records.get(&change.lease.address) == record;
    if changes.iter().all(|change| holds(Some(&change.lease), change)) {
        return Answer::Made;
    }
    if changes.iter().all(|change| holds(change.previous.as_ref(), change)) {
        return Answer::NotMade;
    }
    conflict(records, changes)
}

/// The answer to changes of which at least one was built on another record.
pub(crate) fn conflict(records: &Records, changes: &[Change]) -> Answer {
    let found = changes.iter().map(|change| records.get(&change.lease.address).cloned());
    Answer::Conflict(found.collect())
}

/// Returns whether the record has the revision on which the change was built.
pub(crate) fn has_expected_revision(records: &Records, change: &Change) -> bool {
    let held = records.get(&change.lease.address);
    held.map_or(0, |held| held.revision) == change.expected_revision()
}
