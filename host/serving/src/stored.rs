//! The contents of a store when it is opened: its bindings, and the time at which server time
//! continues.
//!
//! Used by a server that starts, and by commands that read the store while none runs.

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};
use lessor_config::Configuration;
use lessor_core::{Binding, Change, Changes, StorageAnswer, Timestamp};
use lessor_settings::StoreBackend;
use lessor_store::{Store, StoreError};

use crate::{
    clock::{self, Note, Past, Resumed},
    drains::Drains,
    holds::Holds,
    shards::Shards,
};

/// The number of changes that are written with one flush.
const BATCH_CHANGES: usize = 1024;

/// A store that was read once, to find where server time continues. Its bindings are read again and
/// handed out one at a time: a list of all of them would take more memory than the engines do.
#[derive(Debug)]
pub(crate) struct Stored {
    /// All bindings, if records that a clock which was ahead wrote had to be moved.
    bindings: Option<Vec<Arc<Binding>>>,
    /// The changes of those records; `bindings` already contains them.
    moved: Vec<Change>,
    resumed: Resumed,
}

/// Reads the store whose folder is `folder` (`None` for one in memory). `load` passes its records.
///
/// # Errors
/// Those of `load`.
pub(crate) fn read(folder: Option<&Path>, load: &mut Load<'_>) -> Result<Stored, StoreError> {
    let note = folder.map(Note::read).transpose().unwrap_or_else(|error| {
        let error = format!("{error:#}");
        tracing::warn!(error, "the clock note is ignored, and another one is written");
        None
    });
    let note = note.flatten();
    let clock = clock::of_machine();
    let (mut newest, mut bindings, mut moved) = (None, None, Vec::new());
    if note.is_some() {
        load(&mut |binding| newest = newest.max(Some(binding.changed_at)))?;
    } else {
        let mut all = Vec::new();
        load(&mut |binding| all.push(Arc::new(binding)))?;
        moved = clock::move_from_the_future(clock, &mut all);
        newest = all.iter().map(|binding| binding.changed_at).max();
        bindings = Some(all).filter(|_| !moved.is_empty());
    }
    let resumed = clock::resume(clock, clock::is_synchronised(), Past::of(newest, note));
    Ok(Stored { bindings, moved, resumed })
}

/// Reads a store that no server uses, makes server time continue there, and passes each binding and
/// the current time to `each`. Returns that time.
///
/// # Errors
/// If the store cannot be read.
pub fn at_rest(
    backend: &StoreBackend,
    mut each: impl FnMut(Arc<Binding>, Timestamp),
) -> Result<Timestamp, StoreError> {
    let load = &mut |each: &mut dyn FnMut(Binding)| lessor_store::read(backend, each);
    let stored = read(backend.folder(), load)?;
    stored.go_on();
    let now = clock::now();
    stored.hand_out(load, |binding| each(binding, now))?;
    Ok(now)
}

/// Creates the engines of a configuration with the leases of its store, as a server would start
/// with them; `None` if there is no store yet.
///
/// # Errors
/// If the store cannot be read.
pub fn engines(configuration: &Configuration) -> Result<Option<Shards>, StoreError> {
    let backend = &configuration.store.backend;
    if !backend.folder().is_some_and(Path::exists) {
        return Ok(None);
    }
    let mut shards = Shards::new(configuration.topology.clone(), 0);
    let now = at_rest(backend, |lease, now| shards.restore(now, lease))?;
    Holds::new(configuration).recall(now, &shards);
    Drains::read(configuration).mark(&shards);
    Ok(Some(shards))
}

/// Prepares the store in `folder` for its next start after a backup was restored. Server time goes
/// on by the clock, which was `ahead_ms` milliseconds ahead of it, but not behind `newest_change`.
/// If leases may be missing, networks with `after-data-loss = "hold"` or `"probe"` hold or probe
/// addresses.
///
/// # Errors
/// If its files cannot be written.
pub fn restored(
    configuration: &Configuration,
    folder: &Path,
    ahead_ms: i64,
    newest_change: Timestamp,
    may_lack_leases: bool,
) -> anyhow::Result<()> {
    let now = clock::behind_clock(ahead_ms).max(newest_change);
    let cannot = || format!("the leases are restored, but a file in {} is not", folder.display());
    let clock_time_ms = clock::of_machine();
    Note { server_time_ms: now, clock_time_ms }.write(folder).with_context(cannot)?;
    if may_lack_leases {
        Holds::new(configuration).begin(now, configuration).with_context(cannot)?;
    }
    Ok(())
}

/// Prepares the store in `folder` for its next start after the leases that could be read were
/// salvaged: networks with `after-data-loss = "hold"` or `"probe"` hold or probe addresses.
///
/// # Errors
/// If the files beside the store cannot be read or written.
pub fn salvaged(configuration: &Configuration, folder: &Path) -> anyhow::Result<()> {
    let now = clock::behind_clock(clock::noted_ahead_ms(folder)?);
    let written = Holds::new(configuration).begin(now, configuration);
    written.with_context(|| format!("a file beside {} is not written", folder.display()))
}

/// Passes every record of a store.
pub(crate) type Load<'s> = dyn FnMut(&mut dyn FnMut(Binding)) -> Result<u64, StoreError> + 's;

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
            if store.commit(batch).iter().any(|answer| *answer != StorageAnswer::Made) {
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

    /// Makes server time continue.
    pub(crate) fn go_on(&self) {
        clock::go_on(&self.resumed);
    }

    /// Hands out every binding in the time that [`Stored::go_on`] continues, and returns how many
    /// there are. `load` is that of [`read`].
    ///
    /// # Errors
    /// Those of `load`.
    pub(crate) fn hand_out(
        self,
        load: &mut Load<'_>,
        mut each: impl FnMut(Arc<Binding>),
    ) -> Result<u64, StoreError> {
        match self.bindings {
            Some(bindings) => {
                let count = bindings.len() as u64;
                bindings.into_iter().for_each(each);
                Ok(count)
            }
            None => load(&mut |binding| each(Arc::new(binding))),
        }
    }
}
