//! Carries leases into a store, all of them in one batch: either all are on storage, or none.
//!
//! What is in the store already is never lost: see [`Existing`]. Invariant: a record in the store
//! is replaced only by one that counts instead (see [`crate::lease_records`]), with the next
//! revision, as the server itself would.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use lessor_core::{Binding, Change, Changes, StorageAnswer};
use lessor_store::{Store, StoreError};

use crate::{
    lease_records::{self, LeaseTotals, ReadLeases},
    report::{LineOutcome, Report},
};

const REMOVED: &str = "the other server removed it, so its record in the store ends";

/// What happens if the store has leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// The import is refused.
    Refuse,
    /// For each address, the lease that changed last stays.
    Merge,
}

/// Why leases were not carried.
#[derive(Debug)]
pub enum CarryError {
    /// The store has leases.
    NotEmpty(u64),
    /// The store cannot be read.
    Unreadable(StoreError),
    /// The store could not write, for this reason.
    NotWritten(String),
}

impl fmt::Display for CarryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmpty(leases) => write!(
                f,
                "the store has {leases} leases already; use an empty one, or keep the newer lease \
                 of each address with --merge"
            ),
            Self::Unreadable(error) => error.fmt(f),
            Self::NotWritten(why) => write!(f, "no lease was written: {why}"),
        }
    }
}

impl std::error::Error for CarryError {}

/// Writes leases to a store. Returns what became of them.
///
/// # Errors
/// If the store has leases and they may not be merged, or if it cannot be read or written. Nothing
/// is changed then.
pub fn carry(
    read: ReadLeases,
    store: &mut dyn Store,
    existing: Existing,
) -> Result<(Report, LeaseTotals), CarryError> {
    let ReadLeases { records, removals, mut report, mut totals, now } = read;
    let key = |lease: &Binding| (lease.vpn.clone(), lease.address);
    let wanted = records.iter().map(|record| key(&record.binding));
    let wanted = wanted.chain(removals.iter().map(|removal| (None, removal.address)));
    let wanted: HashSet<_> = wanted.collect();
    let mut known: HashMap<_, Arc<Binding>> = HashMap::new();
    let count = store.load(&mut |lease| {
        let key = key(&lease);
        if wanted.contains(&key) {
            known.insert(key, Arc::new(lease));
        }
    });
    let count = count.map_err(CarryError::Unreadable)?;
    if count > 0 && existing == Existing::Refuse {
        return Err(CarryError::NotEmpty(count));
    }
    let mut batch: Vec<Changes> = Vec::with_capacity(records.len());
    let mut change = |binding: Binding, previous: Option<Arc<Binding>>| {
        let revision = previous.as_ref().map_or(0, |known| known.revision).saturating_add(1);
        let binding = Arc::new(Binding { revision, ..binding });
        batch.push(Changes::from_iter([Change { binding, previous }]));
    };
    for record in records {
        let previous = known.remove(&key(&record.binding));
        match previous.as_ref().filter(|known| !record.replaces(known)) {
            None => change(record.binding, previous),
            Some(kept) => match record.loss(kept, now) {
                None => totals.kept += 1,
                Some(why) => {
                    totals.not_carried += 1;
                    report.not_carried(&record.place, &shown(&record.binding), why);
                }
            },
        }
    }
    for removal in removals {
        let Some(previous) = known.remove(&(None, removal.address)) else { continue };
        if let Some(ended) = removal.ends(&previous, now) {
            totals.removed += 1;
            report.add(&removal.place, &shown(&previous), LineOutcome::Carried, REMOVED.to_owned());
            change(ended, Some(previous));
        }
    }
    report.sort();
    if batch.is_empty() || store.commit(&batch).iter().all(|one| *one == StorageAnswer::Made) {
        return Ok((report, totals));
    }
    let why = store.last_error().unwrap_or_else(|| "a record changed meanwhile".to_owned());
    Err(CarryError::NotWritten(why))
}

/// A lease, for the report.
fn shown(lease: &Binding) -> String {
    format!("lease of {} for {}", lease.address, lease_records::client(lease))
}
