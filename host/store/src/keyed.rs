//! Small values on stable storage, each under an owner and a key: what plugins remember. Unlike
//! leases, nobody is harmed if they are lost, so what is damaged is put aside.
//!
//! ```text
//! <path>/                     the database
//! <path>.incomplete/          one that was being created when the process ended; removed
//! <path>.damaged-<unix secs>/ one that could not be read
//! ```
//!
//! Invariant: what [`KeyedStore::write`] said to have written survives the death of the process and
//! the loss of power.

use std::{
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use fjall::{Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use thiserror::Error;

use crate::committer::panic_text;

const KEYSPACE: &str = "values";
/// What stands between owner and key; neither has it.
const SEPARATOR: u8 = 0;
/// The first octet of every value: the version of the record.
const VERSION: u8 = 1;

/// Small values on stable storage.
pub struct KeyedStore {
    path: PathBuf,
    /// Nothing after a write that failed, until it is opened again.
    database: Mutex<Option<Database>>,
}

/// A database that was put aside.
#[derive(Debug)]
pub struct DamagedKeyedStore {
    /// Where it lies now.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub error: String,
}

/// Why values could not be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyedStoreError {
    /// The folder cannot be used.
    #[error(
        "{} cannot be used: {message}; wanted a folder that this user may read and write, on a disk \
         with space left, for this server alone",
        path.display()
    )]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system or the storage engine said.
        message: String,
    },
    /// It does not hold what this server writes.
    #[error(
        "{} is damaged, or another version's: {message}; restore it from a backup, or move it aside \
         to begin with nothing",
        path.display()
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

struct Database {
    values: Keyspace,
    database: fjall::Database,
}

impl KeyedStore {
    /// Opens the database in the folder `path` and reads all of it once; it is created if it is not
    /// there. One that is damaged is put aside, and an empty one takes its place.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub fn open(path: &Path) -> Result<(Self, Option<DamagedKeyedStore>), KeyedStoreError> {
        let unusable = |error: io::Error| KeyedStoreError::Unusable {
            path: path.to_owned(),
            message: error.to_string(),
        };
        let mut damaged = None;
        if path.try_exists().map_err(unusable)? {
            match Database::open(path) {
                Ok(database) => return Ok((Self::new(path, database), None)),
                Err(KeyedStoreError::Damaged { message, .. }) => {
                    let folder = put_aside(path).map_err(unusable)?;
                    damaged = Some(DamagedKeyedStore { folder, error: message });
                }
                Err(error) => return Err(error),
            }
        }
        Database::create(path)?;
        Ok((Self::new(path, Database::open(path)?), damaged))
    }

    fn new(path: &Path, database: Database) -> Self {
        Self { path: path.to_owned(), database: Mutex::new(Some(database)) }
    }

    /// Hands every key and value of an owner to `each`, in the order of the keys.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn load(
        &self,
        owner: &str,
        each: &mut dyn FnMut(&str, &[u8]),
    ) -> Result<(), KeyedStoreError> {
        self.with_database(|database| {
            let prefix = key(owner, "");
            for record in database.values.prefix(&prefix) {
                let (key, value) = record.into_inner().map_err(|error| error.to_string())?;
                let (key, value) = read(key.get(prefix.len()..).unwrap_or_default(), &value)?;
                each(key, value);
            }
            Ok(())
        })
    }

    /// Makes changes durable, all or none: owner, key and value, which is none to remove the key. An
    /// owner must not have a zero octet in it.
    ///
    /// # Errors
    /// If they could not be written. The database is then opened again at the next call.
    pub fn write<'a>(
        &self,
        changes: impl Iterator<Item = (&'a str, &'a str, Option<&'a [u8]>)>,
    ) -> Result<(), KeyedStoreError> {
        self.with_database(|database| {
            let mut batch = OwnedWriteBatch::with_capacity(database.database.clone(), 64)
                .durability(Some(PersistMode::SyncData));
            let mut record = Vec::new();
            for (owner, name, value) in changes {
                match value {
                    Some(value) => {
                        record.clear();
                        record.push(VERSION);
                        record.extend(value);
                        batch.insert(&database.values, key(owner, name), record.as_slice());
                    }
                    None => batch.remove(&database.values, key(owner, name)),
                }
            }
            batch.commit().map_err(|error| error.to_string())
        })
    }

    fn with_database(
        &self,
        work: impl FnOnce(&Database) -> Result<(), String>,
    ) -> Result<(), KeyedStoreError> {
        let mut place = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match place.take() {
            Some(database) => database,
            None => Database::open(&self.path)?,
        };
        let done = catching(|| work(&database));
        match done {
            Ok(()) => {
                *place = Some(database);
                Ok(())
            }
            Err(message) => Err(KeyedStoreError::Unusable { path: self.path.clone(), message }),
        }
    }
}

impl Database {
    /// Opens the database in `path`, which must be there, and reads all of it.
    fn open(path: &Path) -> Result<Self, KeyedStoreError> {
        let damaged = |message| KeyedStoreError::Damaged { path: path.to_owned(), message };
        let opened = catching(|| Ok(try_open(path))).map_err(damaged)?;
        let database = opened.map_err(|refusal| match refusal {
            Refusal::Unusable(message) => {
                KeyedStoreError::Unusable { path: path.to_owned(), message }
            }
            Refusal::Damaged(message) => damaged(message),
        })?;
        catching(|| database.read_all()).map_err(damaged)?;
        Ok(database)
    }

    /// Creates an empty one, under another name first, so that one which bears its name is whole.
    fn create(path: &Path) -> Result<(), KeyedStoreError> {
        let incomplete = beside(path, "incomplete");
        let create = || -> Result<(), String> {
            let say = |error: io::Error| error.to_string();
            if incomplete.try_exists().map_err(say)? {
                fs::remove_dir_all(&incomplete).map_err(say)?;
            }
            let parent = path.parent().unwrap_or(path);
            fs::create_dir_all(parent).map_err(say)?;
            let engine = builder(&incomplete).open().map_err(|error| error.to_string())?;
            engine.keyspace(KEYSPACE, keyspace_options).map_err(|error| error.to_string())?;
            engine.persist(PersistMode::SyncAll).map_err(|error| error.to_string())?;
            drop(engine);
            fs::rename(&incomplete, path).map_err(say)?;
            File::open(parent).and_then(|folder| folder.sync_all()).map_err(say)
        };
        catching(create)
            .map_err(|message| KeyedStoreError::Unusable { path: path.to_owned(), message })
    }

    fn read_all(&self) -> Result<(), String> {
        for record in self.values.iter() {
            let (key, value) = record.into_inner().map_err(|error| error.to_string())?;
            read(&key, &value)?;
        }
        Ok(())
    }
}

enum Refusal {
    Unusable(String),
    Damaged(String),
}

fn try_open(path: &Path) -> Result<Database, Refusal> {
    let refusal = |error: fjall::Error| {
        let kind = match &error {
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
                Some(error.kind())
            }
            _ => None,
        };
        let is_unusable = matches!(
            kind,
            Some(
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::OutOfMemory
            )
        );
        match matches!(error, fjall::Error::Locked) || is_unusable {
            true => Refusal::Unusable(error.to_string()),
            false => Refusal::Damaged(error.to_string()),
        }
    };
    // Without these the engine would take the database for one that it never finished creating, and
    // start it afresh.
    for wanted in [path.join("version"), path.join("keyspaces")] {
        match wanted.try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(Refusal::Damaged(format!("{} is missing", wanted.display()))),
            Err(error) => return Err(Refusal::Unusable(error.to_string())),
        }
    }
    let database = builder(path).open().map_err(refusal)?;
    if !database.keyspace_exists(KEYSPACE) {
        return Err(Refusal::Damaged(format!("there is no keyspace {KEYSPACE:?}")));
    }
    let values = database.keyspace(KEYSPACE, keyspace_options).map_err(refusal)?;
    Ok(Database { values, database })
}

/// Settings of the engine: everything is in memory, and read once.
fn builder(path: &Path) -> fjall::DatabaseBuilder<fjall::Database> {
    fjall::Database::builder(path)
        .cache_size(1 << 20)
        .max_journaling_size(64 << 20)
        .worker_threads(1)
}

fn keyspace_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(8 << 20)
}

fn key(owner: &str, name: &str) -> Vec<u8> {
    [owner.as_bytes(), &[SEPARATOR], name.as_bytes()].concat()
}

/// A key and the value of a record.
fn read<'a>(key: &'a [u8], record: &'a [u8]) -> Result<(&'a str, &'a [u8]), String> {
    let key = std::str::from_utf8(key).map_err(|_| "a key is no text".to_owned())?;
    match record.split_first() {
        Some((&VERSION, value)) => Ok((key, value)),
        Some((version, _)) => {
            Err(format!("a record has version {version}; this server reads version {VERSION}"))
        }
        None => Err("a record is empty".to_owned()),
    }
}

fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let aside = beside(path, &format!("damaged-{now}"));
    fs::rename(path, &aside)?;
    Ok(aside)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// The engine panics over some kinds of damage.
fn catching<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(format!("the storage engine gave up: {}", panic_text(&*panic))))
}
