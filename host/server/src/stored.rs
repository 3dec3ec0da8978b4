//! The contents of a store when it is opened: its leases, and the time at which server time
//! continues.
//!
//! Used by a server that starts, and by commands that read the store while none runs.

use std::{path::Path, sync::Arc};

use anyhow::bail;
use lessor_core::{Answer, Change, Changes, Lease};
use lessor_store::{Store, StoreError};

use crate::clock::{self, Note, Past, Resumed};

/// The number of changes that are written with one flush.
const BATCH_CHANGES: usize = 1024;

/// The contents of a store, before they are used.
#[derive(Debug)]
pub(crate) struct Stored {
    leases: Vec<Arc<Lease>>,
    /// The changes of records that a clock which was ahead wrote; `leases` already contains them.
    moved: Vec<Change>,
    resumed: Resumed,
}

/// Reads the store whose folder is `folder` (`None` for one in memory). `load` passes its records.
///
/// # Errors
/// Those of `load`.
pub(crate) fn read(
    folder: Option<&Path>,
    load: impl FnOnce(&mut dyn FnMut(Lease)) -> Result<u64, StoreError>,
) -> Result<Stored, StoreError> {
    let mut leases = Vec::new();
    load(&mut |lease| leases.push(Arc::new(lease)))?;
    let note = folder.map(Note::read).transpose().unwrap_or_else(|error| {
        let error = format!("{error:#}");
        tracing::warn!(error, "the clock note is ignored, and another one is written");
        None
    });
    let note = note.flatten();
    let clock = clock::of_machine();
    let moved = match note {
        Some(_) => Vec::new(),
        None => clock::move_from_the_future(clock, &mut leases),
    };
    let newest = leases.iter().map(|lease| lease.changed_at).max();
    let resumed = clock::resume(clock, clock::is_synchronised(), Past::of(newest, note));
    Ok(Stored { leases, moved, resumed })
}

impl Stored {
    /// Writes the moved records to the store.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn write_moved(&mut self, store: &mut dyn Store) -> anyhow::Result<usize> {
        let count = self.moved.len();
        let decisions: Vec<Changes> =
            self.moved.drain(..).map(|change| Changes::from_iter([change])).collect();
        for batch in decisions.chunks(BATCH_CHANGES) {
            if store.commit(batch).iter().any(|answer| *answer != Answer::Made) {
                let why = store.last_error().unwrap_or_else(|| "a record changed".to_owned());
                bail!("cannot correct the records of a clock that was ahead: {why}");
            }
        }
        Ok(count)
    }

    /// Returns where server time continues.
    pub(crate) const fn resumed(&self) -> &Resumed {
        &self.resumed
    }

    /// Makes server time continue, and returns the leases that are counted in it.
    pub(crate) fn take_in(self) -> Vec<Arc<Lease>> {
        clock::go_on(&self.resumed);
        self.leases
    }
}
