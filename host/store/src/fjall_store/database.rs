//! One open `fjall` database: its keyspaces, their settings, and what is asked of them.

use std::{
    error::Error,
    fs::{self, File},
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use fjall::{
    AbstractTree, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode,
    config::{BlockSizePolicy, CompressionPolicy, FilterPolicy},
};
use lessor_core::Lease;

use crate::{StoreError, record};

/// The folder of the database, within that of the store.
const FOLDER: &str = "leases";
/// The folder in which it is created.
const INCOMPLETE_FOLDER: &str = "leases.incomplete";

/// One record per address.
const LEASES: &str = "leases";
/// What is known of the store as a whole.
const META: &str = "meta";
/// The key of the format number, four octets in network order, in `meta`.
const FORMAT_KEY: &str = "format";
/// Raised when a server of another release must not open the store at all; the version of a single
/// record is another matter (see [`record`]).
const FORMAT: u32 = 1;

/// The engine holds writers up for as long as it has four full memtables to write out, or thirty
/// runs to merge; for ever, if its workers have died of an error. So the committer waits before it
/// gets there, and not for ever.
const WAITING_MEMTABLES_MAX: usize = 2;
const RUNS_MAX: usize = 25;
const ROOM_WAIT_MAX_MS: u64 = 1_000;
const ROOM_WAIT_STEP_MS: u64 = 2;

/// A database that is open and of the right format.
pub(super) struct Database {
    leases: Keyspace,
    database: fjall::Database,
}

impl Database {
    /// Opens the database of the store in `path`. If there is none it is created under another
    /// name first, so that one which bears its name is whole.
    pub(super) fn open_or_create(path: &Path) -> Result<Self, StoreError> {
        let folder = path.join(FOLDER);
        let create = || -> Result<(), Cause> {
            if folder.try_exists()? {
                return Ok(());
            }
            let incomplete = path.join(INCOMPLETE_FOLDER);
            if incomplete.try_exists()? {
                fs::remove_dir_all(&incomplete)?;
            }
            create(&incomplete)?;
            fs::rename(&incomplete, &folder)?;
            File::open(path)?.sync_all()?;
            Ok(())
        };
        create().map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        Self::open(path)
    }

    /// Opens the database of the store in `path`, which must be there.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let folder = path.join(FOLDER);
        let cannot = |source| StoreError::Open { path: path.to_owned(), source };
        let incomplete = |found| StoreError::Incomplete { path: path.to_owned(), found };
        if let Some(missing) = missing_file(&folder).map_err(|error| cannot(error.into()))? {
            return Err(incomplete(format!("{} is missing", missing.display())));
        }
        let database = builder(&folder).open().map_err(|error| cannot(cause(error)))?;
        let keyspace = |name| {
            if !database.keyspace_exists(name) {
                return Err(incomplete(format!("the database has no keyspace {name:?}")));
            }
            database.keyspace(name, keyspace_options).map_err(|error| cannot(cause(error)))
        };
        let format = keyspace(META)?.get(FORMAT_KEY).map_err(|error| cannot(cause(error)))?;
        match format.as_deref().map(<[u8; 4]>::try_from) {
            Some(Ok(octets)) => match u32::from_be_bytes(octets) {
                FORMAT => {}
                found => {
                    let path = path.to_owned();
                    return Err(StoreError::Format { path, found, known: FORMAT });
                }
            },
            _ => return Err(incomplete("the database has no format number".to_owned())),
        }
        Ok(Self { leases: keyspace(LEASES)?, database })
    }

    /// Hands every record to `each`, in order of address.
    pub(super) fn scan(&self, each: &mut dyn FnMut(Lease)) -> Result<(), StoreError> {
        for record in self.leases.iter() {
            let (key, value) = record.into_inner().map_err(read_error)?;
            each(record::decode(&key, &value)?);
        }
        Ok(())
    }

    /// The record of `address`.
    pub(super) fn lease(&self, address: Ipv4Addr) -> Result<Option<Lease>, StoreError> {
        let key = record::key(address);
        let value = self.leases.get(key).map_err(read_error)?;
        value.map(|value| record::decode(&key, &value)).transpose()
    }

    /// Writes records, all or none, and waits until they are on the disk.
    pub(super) fn write(&self, leases: &[&Arc<Lease>]) -> Result<(), StoreError> {
        self.wait_for_room()?;
        // A plain write would stay with the system; the flush is asked for here.
        let mut batch = OwnedWriteBatch::with_capacity(self.database.clone(), leases.len())
            .durability(Some(PersistMode::SyncData));
        let mut value = Vec::new();
        for lease in leases {
            record::encode(lease, &mut value);
            batch.insert(&self.leases, record::key(lease.address), value.as_slice());
        }
        batch.commit().map_err(write_error)
    }

    #[cfg(test)]
    pub(super) fn leases(&self) -> &Keyspace {
        &self.leases
    }

    fn wait_for_room(&self) -> Result<(), StoreError> {
        let tree = &self.leases.tree;
        let mut waited_ms = 0;
        while tree.sealed_memtable_count() > WAITING_MEMTABLES_MAX || tree.l0_run_count() > RUNS_MAX
        {
            // Nobody makes room if the workers have died, which this tells.
            self.database.persist(PersistMode::Buffer).map_err(write_error)?;
            if waited_ms >= ROOM_WAIT_MAX_MS {
                return Err(StoreError::Overloaded { waited_ms });
            }
            thread::sleep(Duration::from_millis(ROOM_WAIT_STEP_MS));
            waited_ms += ROOM_WAIT_STEP_MS;
        }
        Ok(())
    }
}

/// The journals of the store in `path`.
pub(super) fn journals(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(path.join(FOLDER))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "jnl") {
            journals.push(file);
        }
    }
    Ok(journals)
}

type Cause = Box<dyn Error + Send + Sync>;

/// Settings of the engine.
fn builder(folder: &Path) -> fjall::DatabaseBuilder<fjall::Database> {
    fjall::Database::builder(folder)
        // Reads are the one scan at start and the owner named in a conflict: there is nothing to
        // keep at hand. Memory is better spent on the revisions.
        .cache_size(8 << 20)
        // A journal is sealed at 64 MB and removed once its leases stand in tables. The limit only
        // matters if that lags behind, and it bounds how much there is to read at start.
        .max_journaling_size(128 << 20)
        // One worker writes full memtables out, the other merges tables; with a single one, writers
        // would wait for the merge.
        .worker_threads(2)
}

/// Settings of a keyspace. They are stored with it: other settings hold for stores created later.
fn keyspace_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        // About 100,000 leases. While a memtable is written out and freed, commits wait for locks
        // and the allocator, the longer the larger it is; smaller ones are merged more often.
        .max_memtable_size(16 << 20)
        // Larger than the default of 4 KiB, since tables are read from end to end, at start and
        // when they are merged.
        .data_block_size_policy(BlockSizePolicy::all(16 << 10))
        // A lease is some hundred octets of numbers and identifiers: little to gain, and it would
        // cost the processor at every merge.
        .data_block_compression_policy(CompressionPolicy::disabled())
        // Filters answer "is this key absent?", which the revisions in memory know.
        .filter_policy(FilterPolicy::disabled())
}

/// Creates an empty database of the current format.
fn create(folder: &Path) -> Result<(), Cause> {
    let database = builder(folder).open().map_err(cause)?;
    database.keyspace(LEASES, keyspace_options).map_err(cause)?;
    let meta = database.keyspace(META, keyspace_options).map_err(cause)?;
    // Written as a table. In the journal it would keep the journal from being removed: nothing
    // else is ever written to this keyspace, so its memtable would never be written out.
    let mut tables = meta.start_ingestion().map_err(cause)?;
    tables.write(FORMAT_KEY, FORMAT.to_be_bytes()).map_err(cause)?;
    tables.finish().map_err(cause)
}

/// The first of the files without which the engine would take the database, or a part of it, for
/// one that it never finished creating, and start it afresh.
fn missing_file(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut wanted = vec![folder.join("version")];
    for keyspace in fs::read_dir(folder.join("keyspaces"))? {
        wanted.push(keyspace?.path().join("current"));
    }
    for file in wanted {
        if !file.try_exists()? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn read_error(error: fjall::Error) -> StoreError {
    StoreError::Read { source: cause(error) }
}

fn write_error(error: fjall::Error) -> StoreError {
    StoreError::Write { source: cause(error) }
}

/// The engine's error in an operator's words.
fn cause(error: fjall::Error) -> Cause {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => error.into(),
        fjall::Error::Poisoned => {
            "writing in the background failed; the log says how, under \"fjall\"".into()
        }
        fjall::Error::Locked => "another program has opened the database inside it".into(),
        error => error.into(),
    }
}
