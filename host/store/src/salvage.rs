//! Salvage: creates a new store from the readable records of a damaged one, for an operator without
//! a backup.
//!
//! Does not set the owner of the new files, which is the user that runs the command. Invariant:
//! nothing is removed. The damaged log is moved aside, and at any time either it or the complete
//! new one is in place, or the next start moves the new one there.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use lessor_core::Binding;

use crate::{
    DiskStore, StoreError,
    disk_store::{FOLDER, SALVAGED_FOLDER, default_settings, survey},
    log::{
        Log,
        folder::{self},
        survey::Survey,
        table::{Batch, Table},
    },
    record,
    record_key::RecordKey,
};

/// The number of bindings that are written in one batch.
const BATCH_BINDINGS: usize = 1024;

/// The result of salvaging a damaged store.
#[derive(Debug)]
#[non_exhaustive]
pub struct Salvage {
    /// What was wrong.
    pub survey: Survey,
    /// The number of bindings in the new store: the newest readable record of each address, which
    /// may not be the newest that was written.
    pub bindings: u64,
    /// The number of records with a correct checksum that are not bindings.
    pub unreadable: u64,
    /// The new place of the damaged log.
    pub put_aside: PathBuf,
}

impl DiskStore {
    /// Replaces the damaged store in `path` with a new one that contains the readable records, and
    /// moves the damaged log aside.
    ///
    /// # Errors
    ///
    /// Fails if the store is in use, not damaged, or of another format, or if the new one cannot be
    /// written.
    pub fn salvage(path: &Path) -> Result<Salvage, StoreError> {
        let cannot = |error: io::Error| StoreError::open(path, error);
        let Some(_lock) = folder::lock(path).map_err(cannot)? else {
            return Err(StoreError::InUse { path: path.to_owned() });
        };
        let mut bindings: BTreeMap<RecordKey, Arc<Binding>> = BTreeMap::new();
        let mut unreadable = 0;
        let surveyed = survey(path, false, &mut |visit| {
            let Some(value) = visit.entry.value else { return };
            match record::decode(visit.entry.key, value) {
                Ok(binding) => {
                    let key = RecordKey::of(&binding);
                    let known = bindings.get(&key).map_or(0, |known| known.revision);
                    if binding.revision >= known {
                        bindings.insert(key, Arc::new(binding));
                    }
                }
                Err(_) => unreadable += 1,
            }
        })?;
        if surveyed.survey.damage.is_empty() && unreadable == 0 {
            return Err(StoreError::Whole { path: path.to_owned() });
        }
        let put_aside = replace(path, &bindings)?;
        Ok(Salvage {
            survey: surveyed.survey,
            bindings: bindings.len() as u64,
            unreadable,
            put_aside,
        })
    }
}

/// Writes a new log, moves the damaged one aside and the new one to its place. Returns the new path
/// of the damaged log.
fn replace(
    path: &Path,
    bindings: &BTreeMap<RecordKey, Arc<Binding>>,
) -> Result<PathBuf, StoreError> {
    let cannot = |error: io::Error| StoreError::open(path, error);
    let (log, salvaged) = (path.join(FOLDER), path.join(SALVAGED_FOLDER));
    if salvaged.try_exists().map_err(cannot)? {
        fs::remove_dir_all(&salvaged).map_err(cannot)?;
    }
    write_new(&salvaged, bindings)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let put_aside = path.join(format!("{FOLDER}.damaged-{now}"));
    fs::rename(&log, &put_aside).map_err(cannot)?;
    fs::rename(&salvaged, &log).map_err(cannot)?;
    folder::sync_folder(path).map_err(cannot)?;
    Ok(put_aside)
}

fn write_new(path: &Path, bindings: &BTreeMap<RecordKey, Arc<Binding>>) -> Result<(), StoreError> {
    let failed = |said: String| StoreError::Write { source: said.into() };
    // The folder has another name until it is complete; otherwise the next start would use it.
    let unfinished = path.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|error| failed(error.to_string()))?;
    }
    Log::create(&unfinished, default_settings()).map_err(|error| failed(error.to_string()))?;
    let mut table = Table::<RecordKey>::open(&unfinished, default_settings(), &mut |_| {})
        .map_err(|error| failed(format!("{error:?}")))?;
    let bindings: Vec<_> = bindings.iter().collect();
    let mut batch = Batch::new();
    let mut value = Vec::new();
    for some in bindings.chunks(BATCH_BINDINGS) {
        batch.clear();
        for (key, binding) in some {
            record::encode(binding, &mut value);
            batch.put((*key).clone(), &key.octets(), &value, binding.revision);
        }
        table.write(&mut batch).map_err(|error| failed(error.to_string()))?;
    }
    drop(table);
    fs::rename(&unfinished, path)
        .and_then(|()| folder::sync_folder(path.parent().unwrap_or(path)))
        .map_err(|error| failed(error.to_string()))
}
