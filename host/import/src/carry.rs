//! Carries leases into a store, all of them in one batch: either all are on storage, or none.
//!
//! What is in the store already is never lost: see [`Existing`]. Invariant: a record in the store
//! is replaced only by a lease that changed later, with the next revision, as the server itself
//! would.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use lessor_core::{Binding, Change, Changes, StorageAnswer};
use lessor_store::{Store, StoreError};

use crate::leases::LeaseTotals;

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

/// Writes leases to a store.
///
/// # Errors
/// If the store has leases and they may not be merged, or if it cannot be read or written. Nothing
/// is changed then.
pub fn carry(
    leases: Vec<Binding>,
    store: &mut dyn Store,
    existing: Existing,
    totals: &mut LeaseTotals,
) -> Result<(), CarryError> {
    let key = |lease: &Binding| (lease.vpn.clone(), lease.address);
    let wanted: HashSet<_> = leases.iter().map(key).collect();
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
    let mut batch: Vec<Changes> = Vec::with_capacity(leases.len());
    for lease in leases {
        let previous = known.remove(&key(&lease));
        if previous.as_ref().is_some_and(|known| known.changed_at >= lease.changed_at) {
            totals.kept += 1;
            continue;
        }
        let revision = previous.as_ref().map_or(0, |known| known.revision).saturating_add(1);
        let binding = Arc::new(Binding { revision, ..lease });
        batch.push(Changes::from_iter([Change { binding, previous }]));
    }
    if batch.is_empty() {
        return Ok(());
    }
    if store.commit(&batch).iter().all(|answer| *answer == StorageAnswer::Made) {
        return Ok(());
    }
    let why = store.last_error().unwrap_or_else(|| "a record changed meanwhile".to_owned());
    Err(CarryError::NotWritten(why))
}
