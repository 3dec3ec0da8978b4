//! A connection to a database, kept until another file replaces the database, for one query at a
//! time.
//!
//! Does not manage threads. Invariant: a query ends at its deadline, or earlier when it has taken
//! [`SQLITE_STEPS_MAX`] steps.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use lessor_core::SourceRow;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, types::ValueRef};

use super::{
    super::{
        left,
        question::{Failure, several_rows},
    },
    Shared,
};
use crate::{
    limits::{ROW_OCTETS_MAX, SQLITE_STEPS_MAX},
    row,
};

/// The number of virtual machine steps between two checks of the clock.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// Queries a database over its own connection.
pub(super) struct Asker {
    shared: Arc<Shared>,
    open: Option<Open>,
}

/// The identity of a file, independent of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

/// A connection, and the file that it reads.
struct Open {
    connection: Connection,
    identity: Identity,
}

impl Identity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        // SQLite would block on a pipe.
        let metadata = lessor_files::check(path)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

impl Asker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, open: None }
    }

    pub(super) fn ask(
        &mut self,
        key: &str,
        deadline: Instant,
    ) -> Result<Option<SourceRow>, Failure> {
        if Instant::now() >= deadline {
            return Err(Failure::Down("no thread was free for the query in time".to_owned()));
        }
        let query = self.shared.query.clone();
        let connection = self.connected()?;
        let steps = Arc::new(AtomicU64::new(0));
        let row = limited(connection, deadline, &steps)
            .map_err(|error| failure(&error, &steps))
            .and_then(|()| ask(connection, &query, key, &steps));
        // The connection may have caused the failure, so the next query opens another.
        if matches!(row, Err(Failure::Down(_))) {
            self.open = None;
        }
        row
    }

    /// The connection to the current file at the path.
    pub(super) fn connected(&mut self) -> Result<&mut Connection, Failure> {
        let path = &self.shared.path;
        let identity = Identity::of(path)
            .map_err(|error| Failure::Down(format!("cannot read {}: {error}", path.display())))?;
        let open = match self.open.take().filter(|open| open.identity == identity) {
            Some(open) => open,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(path, flags)
                    .map_err(|error| Failure::Down(error.to_string()))?;
                self.shared.opened(identity);
                Open { connection, identity }
            }
        };
        Ok(&mut self.open.insert(open).connection)
    }
}

impl Shared {
    /// Logs when another file has replaced the database.
    fn opened(&self, identity: Identity) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.replace(identity).is_some_and(|before| before != identity) {
            let what = "the database file was replaced; queries use the new one from now on";
            tracing::info!(path = %self.path.display(), "{what}");
        }
    }
}

/// Makes queries end at the deadline, or when they have taken too many steps.
fn limited(
    connection: &mut Connection,
    deadline: Instant,
    steps: &Arc<AtomicU64>,
) -> rusqlite::Result<()> {
    let steps = Arc::clone(steps);
    let is_over = move || {
        let taken = steps.fetch_add(STEPS_BETWEEN_LOOKS as u64, Ordering::Relaxed);
        taken >= SQLITE_STEPS_MAX || Instant::now() >= deadline
    };
    connection.busy_timeout(left(deadline))?;
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_over))
}

fn ask(
    connection: &Connection,
    query: &str,
    key: &str,
    steps: &AtomicU64,
) -> Result<Option<SourceRow>, Failure> {
    // If a query can no longer be prepared, the key is not the cause.
    let prepared = connection.prepare_cached(query);
    let mut statement = prepared.map_err(|error| match failure(&error, steps) {
        Failure::BadAnswer(why) | Failure::Down(why) => Failure::Down(why),
    })?;
    let names: Vec<Arc<str>> = statement.column_names().map(Arc::from).collect();
    first_row(&mut statement, &names, key, steps)
}

fn first_row(
    statement: &mut Statement<'_>,
    names: &[Arc<str>],
    key: &str,
    steps: &AtomicU64,
) -> Result<Option<SourceRow>, Failure> {
    let failure = |error: rusqlite::Error| failure(&error, steps);
    let mut rows = statement.query([key]).map_err(failure)?;
    let Some(found) = rows.next().map_err(failure)? else { return Ok(None) };
    let mut fields = Vec::with_capacity(names.len());
    for (column, name) in names.iter().enumerate() {
        let value = found.get_ref(column).map_err(failure)?;
        fields.push((Arc::clone(name), text(value).into_boxed_str()));
    }
    if fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > ROW_OCTETS_MAX {
        return Err(Failure::BadAnswer(row::too_long()));
    }
    match rows.next().map_err(failure)? {
        None => Ok(Some(fields.into_iter().collect())),
        Some(_) => Err(several_rows()),
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(octets) => String::from_utf8_lossy(octets).into_owned(),
        ValueRef::Blob(octets) => match std::str::from_utf8(octets) {
            Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
            _ => {
                octets.iter().fold("hex:".to_owned(), |text, octet| text + &format!("{octet:02x}"))
            }
        },
    }
}

/// Most SQLite errors are caused by the key in the query.
fn failure(error: &rusqlite::Error, steps: &AtomicU64) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            Failure::Down(match steps.load(Ordering::Relaxed) > SQLITE_STEPS_MAX {
                true => format!(
                    "the query was stopped after {SQLITE_STEPS_MAX} steps: it reads too much for \
                     one key; create an index, see lessor check"
                ),
                false => "the query takes too long; check that it uses an index".to_owned(),
            })
        }
        Some(ErrorCode::DatabaseBusy) => {
            Failure::Down("another process has locked the database".to_owned())
        }
        Some(
            ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase,
        ) => Failure::Down(error.to_string()),
        _ => Failure::BadAnswer(error.to_string()),
    }
}
