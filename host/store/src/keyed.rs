//! Small values on stable storage, each under an owner and a key: the data that plugins remember.
//!
//! Does not interpret the values. No client depends on them, so a damaged store is moved aside,
//! unlike a store of bindings.
//!
//! ```text
//! <path>/                     the log, and its lock
//! <path>.incomplete/          one that was being created when the process ended; removed
//! <path>.damaged-<unix secs>/ one that could not be read
//! ```
//!
//! Invariant: values that [`KeyedStore::write`] reported as written survive the end of the process
//! and the loss of power.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use thiserror::Error;

use crate::log::{
    Log, OpenError, Settings, folder,
    format::{Contents, FORMAT},
    slots::Hashed,
    survey::Survey,
    table::{Batch, Key, LogTable, ScanError},
};

const SETTINGS: Settings = Settings { contents: Contents::PluginState, segment_octets: 4 << 20 };
/// The octet between owner and key. An owner does not contain it.
const SEPARATOR: u8 = 0;
/// The first octet of every value: the version of the record. It is followed by 8 octets of
/// [`KeyedValue::at_ms`], 8 octets of [`KeyedValue::tag`], and the value.
const VERSION: u8 = 2;
/// The version that earlier servers wrote, which the value follows immediately.
const FORMER_VERSION: u8 = 1;

/// Small values on stable storage.
pub struct KeyedStore {
    path: PathBuf,
    table: Mutex<LogTable<Name>>,
    /// Released last, because fields are dropped in this order.
    _lock: File,
}

/// A value with two numbers for its owner's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedValue<'a> {
    /// The value.
    pub value: &'a [u8],
    /// A point in time, in milliseconds since the Unix epoch; 0 in values that earlier servers
    /// wrote.
    pub at_ms: u64,
    /// A number; 0 in values that earlier servers wrote.
    pub tag: u64,
}

/// A store that was moved aside.
#[derive(Debug)]
pub struct DamagedKeyedStore {
    /// The new place of the folder.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub error: String,
}

/// The error for values that could not be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyedStoreError {
    /// The folder cannot be used.
    #[error(
        "{} cannot be used: {message}; wanted a folder that this user can read and write, on a \
         disk with free space, for this server alone",
        path.display()
    )]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// The error of the system.
        message: String,
    },
    /// The contents do not have the form that this server writes.
    #[error(
        "{} is damaged or was written by another version: {message}; restore it from a backup, or \
         move it aside to start with an empty one",
        path.display()
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// Owner, separator and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name(Box<[u8]>);

impl Key for Name {
    type Slots = Hashed<Self>;

    fn from_written(octets: &[u8]) -> Option<Self> {
        Some(Self(octets.into()))
    }
}

impl KeyedStore {
    /// Opens the store in the folder `path` and reads it completely once. Creates it if it does not
    /// exist. A damaged store is moved aside and replaced by an empty one.
    ///
    /// # Errors
    /// Fails if the folder cannot be used.
    pub fn open(path: &Path) -> Result<(Self, Option<DamagedKeyedStore>), KeyedStoreError> {
        let unusable = |error: io::Error| KeyedStoreError::Unusable {
            path: path.to_owned(),
            message: error.to_string(),
        };
        let mut damaged = None;
        if path.try_exists().map_err(unusable)? {
            match Self::open_existing(path) {
                Ok(store) => return Ok((store, None)),
                Err(KeyedStoreError::Damaged { message, .. }) => {
                    let folder = put_aside(path).map_err(unusable)?;
                    damaged = Some(DamagedKeyedStore { folder, error: message });
                }
                Err(error) => return Err(error),
            }
        }
        Log::create(path, SETTINGS).map_err(unusable)?;
        Ok((Self::open_existing(path)?, damaged))
    }

    /// Passes every key and value of an owner to `each`, in the order of the keys.
    ///
    /// # Errors
    /// Fails if they cannot be read.
    pub fn load(
        &self,
        owner: &str,
        each: &mut dyn FnMut(&str, KeyedValue<'_>),
    ) -> Result<(), KeyedStoreError> {
        let prefix = name(owner, "");
        let mut values = BTreeMap::new();
        self.scan(|name, value| {
            if let Some(key) = name.0.strip_prefix(&*prefix) {
                values.insert(Box::<[u8]>::from(key), value.to_vec());
            }
            Ok(())
        })?;
        for (key, record) in &values {
            let (key, value) = read(key, record).map_err(|message| self.damaged(message))?;
            each(key, value);
        }
        Ok(())
    }

    /// The owners that have at least one value.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub fn owners(&self) -> Result<BTreeSet<Box<str>>, KeyedStoreError> {
        let mut owners = BTreeSet::new();
        self.scan(|name, _| {
            let owner = name.0.split(|octet| *octet == SEPARATOR).next().unwrap_or_default();
            let owner =
                std::str::from_utf8(owner).map_err(|_| "an owner is not UTF-8 text".to_owned())?;
            if !owners.contains(owner) {
                owners.insert(owner.into());
            }
            Ok(())
        })?;
        Ok(owners)
    }

    /// Makes changes durable, all or none. Each is an owner, a key and a value, which is `None` to
    /// remove the key. An owner must not contain a zero octet.
    ///
    /// # Errors
    /// Fails if the changes could not be written; the next call tries again.
    pub fn write<'a>(
        &self,
        changes: impl Iterator<Item = (&'a str, &'a str, Option<KeyedValue<'a>>)>,
    ) -> Result<(), KeyedStoreError> {
        // If a key is changed twice, the last change counts.
        let changes: BTreeMap<Box<[u8]>, Option<KeyedValue<'_>>> =
            changes.map(|(owner, key, value)| (name(owner, key), value)).collect();
        let mut batch = Batch::new();
        let mut record = Vec::new();
        for (name, value) in changes {
            match value {
                Some(KeyedValue { value, at_ms, tag }) => {
                    record.clear();
                    record.push(VERSION);
                    record.extend(at_ms.to_be_bytes());
                    record.extend(tag.to_be_bytes());
                    record.extend(value);
                    batch.put(Name(name.clone()), &name, &record, 0);
                }
                None => batch.remove(Name(name.clone()), &name),
            }
        }
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.retry_now();
        table.write(&mut batch).map_err(|error| KeyedStoreError::Unusable {
            path: self.path.clone(),
            message: error.to_string(),
        })
    }

    /// Opens the existing store in `path` and reads it completely.
    fn open_existing(path: &Path) -> Result<Self, KeyedStoreError> {
        let unusable =
            |message: String| KeyedStoreError::Unusable { path: path.to_owned(), message };
        let damaged = |message: String| KeyedStoreError::Damaged { path: path.to_owned(), message };
        let Some(lock) = folder::lock(path).map_err(|error| unusable(error.to_string()))? else {
            return Err(unusable("another process uses it".to_owned()));
        };
        let table = LogTable::open(path, SETTINGS, &mut |_| {}).map_err(|error| match error {
            OpenError::Unusable(error) => unusable(error.to_string()),
            OpenError::Damaged(survey) => damaged(first_damage(&survey)),
            OpenError::Former => damaged("it is a database of an earlier version".to_owned()),
            OpenError::Format(found) => {
                damaged(format!("it has format {found}; this server knows format {FORMAT}"))
            }
        })?;
        let store = Self { path: path.to_owned(), table: Mutex::new(table), _lock: lock };
        store.scan(|name, record| {
            let separator = name.0.iter().position(|octet| *octet == SEPARATOR);
            let key = separator.and_then(|at| name.0.get(at + 1..));
            read(key.ok_or("a key has no owner")?, record).map(drop)
        })?;
        Ok(store)
    }

    /// Passes every value to `each`, which returns an error if the value is invalid.
    fn scan(
        &self,
        mut each: impl FnMut(&Name, &[u8]) -> Result<(), String>,
    ) -> Result<(), KeyedStoreError> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let scanned = table.scan(|name, value| each(name, value).map(|()| 0));
        scanned.map_err(|error| match error {
            ScanError::Io(error) => {
                KeyedStoreError::Unusable { path: self.path.clone(), message: error.to_string() }
            }
            ScanError::Value(message) => self.damaged(message),
        })
    }

    fn damaged(&self, message: String) -> KeyedStoreError {
        KeyedStoreError::Damaged { path: self.path.clone(), message }
    }
}

fn name(owner: &str, key: &str) -> Box<[u8]> {
    [owner.as_bytes(), &[SEPARATOR], key.as_bytes()].concat().into()
}

/// A key and the value of a record.
fn read<'a>(key: &'a [u8], record: &'a [u8]) -> Result<(&'a str, KeyedValue<'a>), String> {
    let key = std::str::from_utf8(key).map_err(|_| "a key is not UTF-8 text".to_owned())?;
    match record.split_first() {
        Some((&FORMER_VERSION, value)) => Ok((key, KeyedValue { value, at_ms: 0, tag: 0 })),
        Some((&VERSION, rest)) => {
            let numbers = rest.split_first_chunk().and_then(|(at_ms, rest)| {
                let (tag, value) = rest.split_first_chunk()?;
                let (at_ms, tag) = (u64::from_be_bytes(*at_ms), u64::from_be_bytes(*tag));
                Some(KeyedValue { value, at_ms, tag })
            });
            Ok((key, numbers.ok_or("a record is too short")?))
        }
        Some((version, _)) => {
            Err(format!("a record has version {version}; this server reads version {VERSION}"))
        }
        None => Err("a record is empty".to_owned()),
    }
}

fn first_damage(survey: &Survey) -> String {
    survey.damage.first().map_or_else(String::new, |damage| {
        format!("{}, octet {}: {}", damage.file.display(), damage.offset, damage.found)
    })
}

fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut aside = path.file_name().unwrap_or_default().to_owned();
    aside.push(format!(".damaged-{now}"));
    let aside = path.with_file_name(aside);
    fs::rename(path, &aside)?;
    Ok(aside)
}
