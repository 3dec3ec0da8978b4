//! Bindings on disk, in a log.
//!
//! Does not gather changes into batches (see [`crate::Committer`]), and does not know how the log
//! works (see [`crate::log`]). Invariants:
//!
//! - The disk is authoritative. Memory contains the position and the revision of every record; they
//!   change only after a batch is on disk, and a failed batch is not made.
//! - **No binding is lost silently.** A log that differs from what was written is not opened.
//! - One process at a time: the lock is held as long as the store exists.
//!
//! ```text
//! <path>/lock                     held by the process that uses the store
//! <path>/leases/                  the log
//! <path>/leases.incomplete/       one that was being created when the process ended; removed
//! <path>/leases.salvaged/         what was salvaged or imported; takes the place of the log
//! <path>/leases.damaged-<secs>/   a damaged one that was moved aside by a salvage
//! <path>/leases.replaced-<secs>/  one that was moved aside by an import
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
};

use lessor_core::{Binding, Changes, StorageAnswer};

use crate::{
    Store, StoreError, compare,
    log::{
        AppendError, Log, OpenError, Settings,
        folder::{self, Folder},
        format::{Contents, FORMAT},
        snapshot::Snapshot,
        survey::{self, Damage, NoSurvey, Survey, SurveyedLog, Visit},
        table::{Batch, Key, LogTable, ScanError},
    },
    record,
    record_key::RecordKey,
};

/// The folder of the log, within that of the store.
pub(crate) const FOLDER: &str = "leases";
/// The folder of a log that replaces the existing one, until it has done so.
pub(crate) const REPLACEMENT_FOLDER: &str = "leases.salvaged";
/// A segment has room for 150,000 bindings. Beginning one costs three flushes; the log has two
/// segments more than it needs.
const SEGMENT_OCTETS: u32 = 16 << 20;
/// The maximum number of unreadable records that are reported by name.
const UNREADABLE_MAX: usize = 20;

/// Bindings on disk.
///
/// After a failed write, commits answer [`StorageAnswer::NotMade`] immediately until the next
/// attempt. The delay before it is [`DiskStore::RETRY_DELAY_MIN_MS`] after the first failure and
/// doubles with every further one, up to [`DiskStore::RETRY_DELAY_MAX_MS`].
pub struct DiskStore {
    table: LogTable<RecordKey>,
    batch: Batch<RecordKey>,
    /// The record that is being encoded.
    value: Vec<u8>,
    /// Whether the revisions in the table are those of the records.
    is_loaded: bool,
    last_error: Option<String>,
    /// Released last, because fields are dropped in this order.
    _lock: File,
}

impl DiskStore {
    /// The delay before the next attempt to write after a first failure, in milliseconds.
    pub const RETRY_DELAY_MIN_MS: u64 = crate::log::RETRY_DELAY_MIN_MS;
    /// The longest delay between two attempts to write, in milliseconds.
    pub const RETRY_DELAY_MAX_MS: u64 = crate::log::RETRY_DELAY_MAX_MS;

    /// Opens the store in the folder `path`. Creates both if they do not exist.
    ///
    /// Cuts off data that was being written when the process or the machine stopped, and logs that.
    ///
    /// # Errors
    ///
    /// Fails if another process uses the store, if it is damaged or of another format, or if the
    /// folder or the disk cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, settings(SEGMENT_OCTETS))
    }

    pub(crate) fn open_with(path: &Path, settings: Settings) -> Result<Self, StoreError> {
        let cannot = |error: io::Error| StoreError::open(path, error);
        let Some(lock) = folder::lock(path).map_err(cannot)? else {
            return Err(StoreError::InUse { path: path.to_owned() });
        };
        let log = path.join(FOLDER);
        if !log.try_exists().map_err(cannot)? {
            create(path, settings).map_err(cannot)?;
        }
        let mut strange = None;
        let mut take = |key: &[u8]| strange = Some(record::strange_key(key));
        let table = match LogTable::open(&log, settings, &mut take) {
            Ok(table) => table,
            Err(OpenError::Damaged(survey)) => return Err(damaged(path, &survey)),
            Err(OpenError::Former) => return Err(StoreError::Former { path: path.to_owned() }),
            Err(OpenError::Format(found)) => return Err(format(path, found)),
            Err(OpenError::Unusable(error)) => return Err(cannot(error)),
        };
        if let Some(error) = strange {
            return Err(error);
        }
        Ok(Self {
            table,
            batch: Batch::new(),
            value: Vec::new(),
            is_loaded: false,
            last_error: None,
            _lock: lock,
        })
    }

    /// Passes every record of the store in `path` to `each`, in no particular order, and returns
    /// their number. Changes and creates nothing: if there is no store, there are no records.
    ///
    /// # Errors
    ///
    /// Fails like [`DiskStore::open`].
    pub fn read(path: &Path, each: &mut dyn FnMut(Binding)) -> Result<u64, StoreError> {
        let cannot = |error: io::Error| StoreError::open(path, error);
        let Some(_lock) = folder::lock_to_read(path).map_err(cannot)? else {
            return Err(StoreError::InUse { path: path.to_owned() });
        };
        if !path.join(FOLDER).try_exists().map_err(cannot)? {
            return Ok(0);
        }
        let mut bindings = Newest::default();
        let found = survey(path, &mut |visit| bindings.take(&visit))?;
        if !found.survey.damage.is_empty() {
            return Err(damaged(path, &found.survey));
        }
        bindings.hand_out(each)
    }

    /// Describes the store in `path` without changing it. A server may have it open; data that it
    /// is writing is not read then.
    ///
    /// # Errors
    ///
    /// Fails if there is no store, or if it is of another format or cannot be read. Damage is not
    /// an error.
    pub fn survey(path: &Path) -> Result<StoreSurvey, StoreError> {
        StoreSurvey::of(path, &snapshot(path)?)
    }

    fn try_commit(&mut self, batch: &[Changes]) -> Result<Vec<StorageAnswer>, StoreError> {
        if !self.is_loaded {
            self.load(&mut |_| {})?;
        }
        let compared = compare::batch(batch, &self.table)?;
        if compared.writes.is_empty() {
            return Ok(compared.answers);
        }
        self.batch.clear();
        for binding in compared.writes {
            record::encode(binding, &mut self.value);
            let key = RecordKey::of(binding);
            let octets = key.octets();
            self.batch.put(key, &octets, &self.value, binding.revision);
        }
        match self.table.write(&mut self.batch) {
            Ok(()) => Ok(compared.answers),
            Err(AppendError::Waiting) => Err(StoreError::Waiting),
            Err(error) => Err(StoreError::Write { source: error.to_string().into() }),
        }
    }
}

impl Store for DiskStore {
    fn load(&mut self, each: &mut dyn FnMut(Binding)) -> Result<u64, StoreError> {
        self.is_loaded = false;
        let hand_out = |key: &RecordKey, value: &[u8]| {
            let binding = record::decode(&key.octets(), value)?;
            let revision = binding.revision;
            each(binding);
            Ok(revision)
        };
        self.table.scan(hand_out).map_err(|error| match error {
            ScanError::Io(error) => StoreError::Read { source: error.into() },
            ScanError::Value(error) => error,
        })?;
        self.is_loaded = true;
        Ok(self.table.len() as u64)
    }

    fn commit(&mut self, batch: &[Changes]) -> Vec<StorageAnswer> {
        match self.try_commit(batch) {
            Ok(results) => {
                self.last_error = None;
                return results;
            }
            // This failure has already been reported.
            Err(StoreError::Waiting) => {}
            Err(error) => self.last_error = Some(error.to_string()),
        }
        vec![StorageAnswer::NotMade; batch.len()]
    }

    fn last_error(&self) -> Option<String> {
        self.last_error.clone()
    }

    fn complaint(&self) -> Option<String> {
        self.table.complaint().map(str::to_owned)
    }
}

impl compare::StoredBindings for LogTable<RecordKey> {
    type Error = StoreError;

    fn revision(&self, key: &RecordKey) -> Result<u64, StoreError> {
        Ok(Self::revision(self, key).unwrap_or(0))
    }

    fn binding(&self, key: &RecordKey) -> Result<Option<Arc<Binding>>, StoreError> {
        let value = self.value(key).map_err(|error| StoreError::Read { source: error.into() })?;
        let binding = value.map(|value| record::decode(&key.octets(), &value)).transpose()?;
        Ok(binding.map(Arc::new))
    }
}

/// The state of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreSurvey {
    /// The state of its log. Records with a correct checksum that are not bindings count as damage,
    /// too.
    pub log: Survey,
    /// Addresses that have a record.
    pub bindings: u64,
    /// Addresses with readable records before the first damage; all addresses if there is no
    /// damage.
    pub bindings_before: u64,
    /// Addresses with readable records after the first damage.
    pub bindings_behind: u64,
}

impl StoreSurvey {
    fn of(path: &Path, snapshot: &Snapshot) -> Result<Self, StoreError> {
        let mut before = BTreeSet::new();
        let mut behind = BTreeSet::new();
        let mut unreadable = Vec::new();
        let log = survey_of(path, snapshot, &mut |visit| {
            let Visit { entry, file, offset, is_behind_damage, .. } = visit;
            match record::decode(entry.key, entry.value.unwrap_or_default()) {
                Ok(binding) if is_behind_damage => drop(behind.insert(RecordKey::of(&binding))),
                Ok(binding) => drop(before.insert(RecordKey::of(&binding))),
                Err(error) if unreadable.len() < UNREADABLE_MAX => {
                    let (file, offset, found) = (file.to_owned(), offset.into(), error.to_string());
                    unreadable.push(Damage { file, offset, found });
                }
                Err(_) => {}
            }
        })?;
        let mut log = log.survey;
        log.damage.extend(unreadable);
        Ok(Self {
            log,
            bindings: before.union(&behind).count() as u64,
            bindings_before: before.len() as u64,
            bindings_behind: behind.len() as u64,
        })
    }
}

/// The record of each address that was written last.
#[derive(Default)]
struct Newest {
    values: BTreeMap<RecordKey, Vec<u8>>,
    strange: Option<StoreError>,
}

impl Newest {
    fn take(&mut self, visit: &Visit<'_>) {
        match (RecordKey::from_written(visit.entry.key), visit.entry.value) {
            (Some(key), Some(value)) => drop(self.values.insert(key, value.to_vec())),
            (Some(key), None) => drop(self.values.remove(&key)),
            (None, _) => self.strange = Some(record::strange_key(visit.entry.key)),
        }
    }

    fn hand_out(self, each: &mut dyn FnMut(Binding)) -> Result<u64, StoreError> {
        if let Some(error) = self.strange {
            return Err(error);
        }
        for (key, value) in &self.values {
            each(record::decode(&key.octets(), value)?);
        }
        Ok(self.values.len() as u64)
    }
}

pub(crate) const fn settings(segment_octets: u32) -> Settings {
    Settings { contents: Contents::Bindings, segment_octets }
}

pub(crate) fn default_settings() -> Settings {
    settings(SEGMENT_OCTETS)
}

/// Surveys the log of the store in `path`, which no server uses.
pub(crate) fn survey(
    path: &Path,
    each: &mut dyn FnMut(Visit<'_>),
) -> Result<SurveyedLog, StoreError> {
    let folder = Folder::new(&path.join(FOLDER));
    survey::survey(&folder, Contents::Bindings, false, each)
        .map_err(|error| unsurveyed(path, error))
}

/// Takes a snapshot of the log of the store in `path`. A server may use the store, and may start to
/// use it at any time.
pub(crate) fn snapshot(path: &Path) -> Result<Snapshot, StoreError> {
    let lock = folder::lock_to_read(path).map_err(|error| StoreError::open(path, error))?;
    let folder = Folder::new(&path.join(FOLDER));
    survey::snapshot(&folder, lock.is_none(), true).map_err(|error| unsurveyed(path, error))
}

/// Surveys a snapshot of the store in `path`.
pub(crate) fn survey_of(
    path: &Path,
    snapshot: &Snapshot,
    each: &mut dyn FnMut(Visit<'_>),
) -> Result<SurveyedLog, StoreError> {
    let surveyed = survey::survey_of(snapshot, Contents::Bindings, each);
    surveyed.map_err(|error| unsurveyed(path, error))
}

fn unsurveyed(path: &Path, error: NoSurvey) -> StoreError {
    match error {
        NoSurvey::Former => StoreError::Former { path: path.to_owned() },
        NoSurvey::Format(found) => format(path, found),
        NoSurvey::Unusable(error) => StoreError::open(path, error),
    }
}

/// Creates the log of a new store, or moves a salvaged or imported one to its place.
fn create(path: &Path, settings: Settings) -> io::Result<()> {
    let (log, replacement) = (path.join(FOLDER), path.join(REPLACEMENT_FOLDER));
    if replacement.try_exists()? {
        let store = path.display();
        tracing::warn!(%store, "completing a salvage or an import that was interrupted");
        fs::rename(replacement, &log)?;
        return folder::sync_folder(path);
    }
    Log::create(&log, settings)?;
    tracing::info!(path = %path.display(), "there was no lease store, so an empty one was created");
    Ok(())
}

fn format(path: &Path, found: u32) -> StoreError {
    StoreError::Format { path: path.to_owned(), found, known: FORMAT }
}

/// The error for a damaged store. It reads the store again to count the readable bindings.
pub(crate) fn damaged(path: &Path, surveyed: &Survey) -> StoreError {
    let counted = snapshot(path).and_then(|snapshot| StoreSurvey::of(path, &snapshot)).ok();
    let first = surveyed.damage.first().cloned();
    let Damage { file, offset, found } = first.unwrap_or_else(|| Damage {
        file: path.to_owned(),
        offset: 0,
        found: "its contents differ from what was written".to_owned(),
    });
    StoreError::Damaged {
        path: path.to_owned(),
        file,
        offset,
        found,
        places: surveyed.damage.len(),
        bindings_before: counted.as_ref().map_or(0, |counted| counted.bindings_before),
        bindings_behind: counted.as_ref().map_or(0, |counted| counted.bindings_behind),
    }
}

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod flush_tests;
#[cfg(test)]
mod tests;
