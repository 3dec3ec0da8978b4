//! Salvage: creates a new store from the readable records of a damaged one, for an operator without
//! a backup.
//!
//! Does not move files (see [`crate::replacing`]). Invariant: nothing is removed.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lessor_core::Binding;

use crate::{
    DiskStore, StoreError,
    disk_store::{FOLDER, survey},
    log::{folder, survey::Survey},
    record,
    record_key::RecordKey,
    replacing::Replacement,
};

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
        let surveyed = survey(path, &mut |visit| {
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
        let mut replacement = Replacement::begin(path)?;
        let mut value = Vec::new();
        for (key, binding) in &bindings {
            record::encode(binding, &mut value);
            replacement.put(key.clone(), &value, binding.revision)?;
        }
        let put_aside = replacement.finish("damaged")?.unwrap_or_else(|| path.join(FOLDER));
        Ok(Salvage {
            survey: surveyed.survey,
            bindings: bindings.len() as u64,
            unreadable,
            put_aside,
        })
    }
}
