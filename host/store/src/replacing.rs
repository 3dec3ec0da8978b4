//! Replaces the log of a store with another one.
//!
//! Does not know where the records of the new log come from. Does not set the owner of the new
//! files, which is the user that runs the command. Invariant: nothing is removed. The existing log
//! is moved aside, and at any time either it or the complete new one is in place, or the next start
//! moves the new one there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    StoreError,
    disk_store::{FOLDER, REPLACEMENT_FOLDER, default_settings},
    log::{
        Log, folder,
        table::{Batch, LogTable},
    },
    record_key::RecordKey,
};

/// The limits of what is written in one batch.
const BATCH_RECORDS: usize = 1024;
const BATCH_OCTETS: usize = 1 << 20;

/// A log that is being written. It is removed again unless [`Replacement::finish`] is reached.
pub(crate) struct Replacement {
    store: PathBuf,
    /// The folder of the log. It has another name until the log is complete; otherwise the next
    /// start would use it.
    unfinished: PathBuf,
    table: Option<LogTable<RecordKey>>,
    batch: Batch<RecordKey>,
    batch_records: usize,
    batch_octets: usize,
}

impl Replacement {
    /// Begins a log for the store in `store`, whose lock the caller holds.
    pub(crate) fn begin(store: &Path) -> Result<Self, StoreError> {
        let unfinished = tidy(store).map_err(|error| StoreError::open(store, error))?;
        let mut replacement = Self {
            store: store.to_owned(),
            unfinished,
            table: None,
            batch: Batch::new(),
            batch_records: 0,
            batch_octets: 0,
        };
        Log::create(&replacement.unfinished, default_settings()).map_err(failed)?;
        let table = LogTable::open(&replacement.unfinished, default_settings(), &mut |_| {});
        replacement.table = Some(table.map_err(|error| failed(format!("{error:?}")))?);
        Ok(replacement)
    }

    /// Adds a record, of which there is none yet.
    pub(crate) fn put(
        &mut self,
        key: RecordKey,
        value: &[u8],
        revision: u64,
    ) -> Result<(), StoreError> {
        let octets = key.octets();
        self.batch.put(key, &octets, value, revision);
        self.batch_records += 1;
        self.batch_octets += octets.len() + value.len();
        if self.batch_records >= BATCH_RECORDS || self.batch_octets >= BATCH_OCTETS {
            self.write()?;
        }
        Ok(())
    }

    /// Moves the existing log to `leases.<aside>-<secs>` and the new one to its place. Returns the
    /// new path of the existing log, if there is one.
    pub(crate) fn finish(mut self, aside: &str) -> Result<Option<PathBuf>, StoreError> {
        self.write()?;
        self.table = None;
        let store = self.store.clone();
        self.move_in(aside).map_err(|error| StoreError::open(&store, error))
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if let Some(table) = &mut self.table {
            table.write(&mut self.batch).map_err(failed)?;
        }
        self.batch.clear();
        (self.batch_records, self.batch_octets) = (0, 0);
        Ok(())
    }

    fn move_in(&self, aside: &str) -> io::Result<Option<PathBuf>> {
        let (log, complete) = (self.store.join(FOLDER), self.store.join(REPLACEMENT_FOLDER));
        fs::rename(&self.unfinished, &complete)?;
        folder::sync_folder(&self.store)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut put_aside = self.store.join(format!("{FOLDER}.{aside}-{now}"));
        // Another one may have been put aside in the same second.
        while put_aside.try_exists()? {
            put_aside.as_mut_os_string().push("-again");
        }
        let has_log = log.try_exists()?;
        if has_log {
            fs::rename(&log, &put_aside)?;
        }
        fs::rename(&complete, &log)?;
        folder::sync_folder(&self.store)?;
        Ok(has_log.then_some(put_aside))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        self.table = None;
        // It has another name once it is complete.
        let _ = fs::remove_dir_all(&self.unfinished);
    }
}

/// Removes what an interrupted replacement left, unless it is the only log: then it is moved in.
/// Returns the path for the log of another one.
fn tidy(store: &Path) -> io::Result<PathBuf> {
    let (log, complete) = (store.join(FOLDER), store.join(REPLACEMENT_FOLDER));
    let unfinished = complete.with_extension("unfinished");
    if complete.try_exists()? {
        if log.try_exists()? {
            fs::remove_dir_all(&complete)?;
        } else {
            fs::rename(&complete, &log)?;
        }
    }
    if unfinished.try_exists()? {
        fs::remove_dir_all(&unfinished)?;
    }
    Ok(unfinished)
}

fn failed(why: impl std::fmt::Display) -> StoreError {
    StoreError::Write { source: why.to_string().into() }
}
