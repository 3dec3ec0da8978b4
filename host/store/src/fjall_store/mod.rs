//! Leases on disk, in a `fjall` database: a log-structured tree with a journal.
//!
//! Not here: waiting for company in a batch (see [`crate::Committer`]). Invariants:
//!
//! - The truth is on disk. What is held in memory (the revision of every record, so that a change
//!   needs no read) moves on only after the flush, and is read again where a flush failed.
//! - After a failed write nothing is written to the same open database: it is closed, its journal
//!   is brought back to a known state, and it is opened again.
//! - One process at a time: the lock is held as long as the store lives, also while the database
//!   itself is closed after a failure.
//!
//! ```text
//! <path>/lock               held by the process that uses the store
//! <path>/leases/            the database
//! <path>/leases.incomplete/ one that was being created when the process ended; removed
//! ```

mod database;
mod journal;
mod reopening;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, TryLockError},
    net::Ipv4Addr,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use hashbrown::HashMap;
use lessor_core::{Changes, Committed, Lease};

use crate::{Store, StoreError, committer::panic_text, compare};
use database::Database;
use reopening::Reopening;

/// Leases on disk.
///
/// When a write fails, commits answer [`Committed::Failed`] at once while the database is closed
/// and opened again in the background: [`FjallStore::REOPEN_DELAY_MIN_MS`] after the first
/// failure, twice as long after every further one, up to [`FjallStore::REOPEN_DELAY_MAX_MS`].
pub struct FjallStore {
    /// The folder that holds the database.
    path: PathBuf,
    /// Nothing while it is being reopened.
    database: Option<Database>,
    reopening: Option<Reopening>,
    /// Nothing before they are loaded. With a million leases, a batch of 256 takes 0.5 ms of the
    /// processor's time with them, and 2.5 to 5 ms if every revision is read from the tables.
    revisions: Option<Revisions>,
    /// Addresses of the batch that could not be written, or only perhaps: their revisions are read
    /// again before the next.
    doubtful: Vec<Ipv4Addr>,
    /// Failures since the last successful write.
    failures_in_a_row: u32,
    last_error: Option<String>,
    /// Released last: fields are dropped in this order.
    _lock: File,
}

/// The revision of every record: 20 to 40 octets for each.
type Revisions = HashMap<Ipv4Addr, u64, foldhash::fast::RandomState>;

impl FjallStore {
    /// How long after a first failure the database is opened again, in milliseconds.
    pub const REOPEN_DELAY_MIN_MS: u64 = 100;
    /// The longest time between two attempts to write, in milliseconds.
    pub const REOPEN_DELAY_MAX_MS: u64 = 5_000;

    /// Opens the store in the folder `path`, creating both where they do not exist.
    ///
    /// # Errors
    ///
    /// If another process uses the store, if it is of another format or incomplete, or if folder
    /// or disk do not do what they should.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        Ok(Self {
            path: path.to_owned(),
            database: Some(Database::open_or_create(path)?),
            reopening: None,
            revisions: None,
            doubtful: Vec::new(),
            failures_in_a_row: 0,
            last_error: None,
            _lock: lock,
        })
    }

    /// Commits, if the database is open.
    fn try_commit(&mut self, batch: &[Changes]) -> Result<Vec<Committed>, StoreError> {
        if self.revisions.is_none() {
            self.load(&mut |_| {})?;
        }
        let (Some(database), Some(revisions)) = (&self.database, &mut self.revisions) else {
            return Ok(failed(batch));
        };
        while let Some(address) = self.doubtful.last() {
            match database.lease(*address)? {
                Some(lease) => revisions.insert(*address, lease.revision),
                None => revisions.remove(address),
            };
            self.doubtful.pop();
        }
        let compared = compare::batch(batch, &Held { database, revisions })?;
        if !compared.writes.is_empty() {
            self.doubtful.extend(compared.writes.iter().map(|lease| lease.address));
            database.write(&compared.writes)?;
            self.doubtful.clear();
            self.failures_in_a_row = 0;
            for lease in compared.writes {
                revisions.insert(lease.address, lease.revision);
            }
        }
        Ok(compared.results)
    }

    /// Whether the database is open; takes it up if it has been reopened in the meantime.
    fn is_open(&mut self) -> bool {
        if let Some(reopening) = &mut self.reopening {
            match reopening.poll() {
                reopening::Progress::Waiting => {}
                reopening::Progress::Refused(error) => self.last_error = Some(error.to_string()),
                reopening::Progress::Open(database) => {
                    self.database = Some(*database);
                    self.reopening = None;
                }
                reopening::Progress::Ended => self.reopening = None,
            }
        }
        if self.database.is_none() && self.reopening.is_none() {
            self.reopen();
        }
        self.database.is_some()
    }

    /// Has the database closed, and opened again after a while; how long that is, in milliseconds.
    fn reopen(&mut self) -> u64 {
        let delay_ms = Self::REOPEN_DELAY_MIN_MS
            .saturating_mul(1 << self.failures_in_a_row.min(16))
            .min(Self::REOPEN_DELAY_MAX_MS);
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.reopening = Reopening::start(self.path.clone(), self.database.take(), delay_ms);
        delay_ms
    }
}

impl Store for FjallStore {
    fn load(&mut self, each: &mut dyn FnMut(Lease)) -> Result<u64, StoreError> {
        let Some(database) = &self.database else {
            return Err(StoreError::Read { source: "the database is being reopened".into() });
        };
        let mut revisions = Revisions::default();
        database.scan(&mut |lease| {
            revisions.insert(lease.address, lease.revision);
            each(lease);
        })?;
        let records = revisions.len() as u64;
        self.revisions = Some(revisions);
        Ok(records)
    }

    fn commit(&mut self, batch: &[Changes]) -> Vec<Committed> {
        if self.is_open() {
            let error = match catch_unwind(AssertUnwindSafe(|| self.try_commit(batch))) {
                Ok(Ok(results)) => {
                    self.last_error = None;
                    return results;
                }
                Ok(Err(error)) => error,
                Err(panic) => {
                    let said = format!("the storage engine panicked: {}", panic_text(&*panic));
                    StoreError::Write { source: said.into() }
                }
            };
            self.last_error = Some(match error {
                // Nothing is broken, and there may be room for the next batch.
                StoreError::Overloaded { .. } => error.to_string(),
                _ => format!("{error}; trying again in {} ms", self.reopen()),
            });
        }
        failed(batch)
    }

    fn last_error(&self) -> Option<String> {
        self.last_error.clone()
    }
}

/// What the database holds, as far as it is known to be durable.
struct Held<'a> {
    database: &'a Database,
    revisions: &'a Revisions,
}

impl compare::Records for Held<'_> {
    type Error = StoreError;

    fn revision(&self, address: Ipv4Addr) -> Result<u64, StoreError> {
        Ok(self.revisions.get(&address).copied().unwrap_or(0))
    }

    fn lease(&self, address: Ipv4Addr) -> Result<Option<Arc<Lease>>, StoreError> {
        Ok(self.database.lease(address)?.map(Arc::new))
    }
}

/// The results of a batch of which nothing is written.
fn failed(batch: &[Changes]) -> Vec<Committed> {
    batch.iter().flatten().map(|_| Committed::Failed).collect()
}

/// Takes the store for this process.
fn lock(path: &Path) -> Result<File, StoreError> {
    let cannot = |error| StoreError::Open {
        path: path.to_owned(),
        source: Box::<std::io::Error>::new(error),
    };
    fs::create_dir_all(path).map_err(cannot)?;
    let file = File::create(path.join("lock")).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}
