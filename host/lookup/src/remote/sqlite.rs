//! SQLite. A file, but one whose reading may wait for a lock or a disk: so it is asked like a
//! server, on threads that may block.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use lessor_core::Row;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, types::ValueRef};

use super::{
    backend::{Failure, Question, several_rows},
    left,
};
use crate::{Problem, limits::ROW_OCTETS_MAX, row, settings::SqliteSettings};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// Connections to one database; as many as there are questions at a time.
pub(super) struct Sqlite(Arc<Shared>);

struct Shared {
    path: PathBuf,
    query: String,
    idle: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Opens the database, to see whether the query can be asked.
    pub(super) fn open(settings: &SqliteSettings) -> Result<Self, Problem> {
        let shared = Shared {
            path: settings.path.clone(),
            query: settings.query.clone(),
            idle: Mutex::default(),
        };
        std::fs::metadata(&shared.path).map_err(Problem::unreadable(&shared.path))?;
        let connection = shared.connect().map_err(|error| {
            Problem::setting("path", shared.path.display().to_string(), format!("{error}"))
        })?;
        check(&connection, &shared.query)?;
        shared.put_back(connection);
        Ok(Self(Arc::new(shared)))
    }

    pub(super) async fn fetch(&self, question: Question) -> Result<Option<Row>, Failure> {
        let shared = Arc::clone(&self.0);
        let asked = tokio::task::spawn_blocking(move || {
            let row = shared.fetch(&question.key, question.deadline);
            drop(question.place);
            row
        });
        asked.await.unwrap_or_else(|_| Err(Failure::Down("the query was given up".to_owned())))
    }
}

impl Shared {
    fn fetch(&self, key: &str, deadline: Instant) -> Result<Option<Row>, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().map_err(|error| failure(&error))?,
        };
        let out_of_time = move || Instant::now() >= deadline;
        let row = connection
            .busy_timeout(left(deadline))
            .and_then(|()| connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(out_of_time)))
            .map_err(|error| failure(&error))
            .and_then(|()| ask(&connection, &self.query, key));
        // A connection that failed may be the reason; the next question opens another.
        if !matches!(row, Err(Failure::Down(_))) {
            self.put_back(connection);
        }
        row
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&self.path, flags)
    }

    fn put_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// Whether a query can be asked: it reads, and has one parameter.
fn check(connection: &Connection, query: &str) -> Result<(), Problem> {
    let refuse = |message: String| Problem::setting("query", query, message);
    let statement = connection.prepare(query).map_err(|error| refuse(error.to_string()))?;
    if !statement.readonly() || statement.column_count() == 0 {
        return Err(refuse("wanted a query that reads: SELECT … FROM … WHERE … = $1".to_owned()));
    }
    match statement.parameter_count() {
        1 => Ok(()),
        count => Err(refuse(format!("it has {count} parameters; wanted one, $1: the key"))),
    }
}

fn ask(connection: &Connection, query: &str, key: &str) -> Result<Option<Row>, Failure> {
    let mut statement = connection.prepare_cached(query).map_err(|error| failure(&error))?;
    let names: Vec<Arc<str>> = statement.column_names().map(Arc::from).collect();
    first_row(&mut statement, &names, key)
}

fn first_row(
    statement: &mut Statement<'_>,
    names: &[Arc<str>],
    key: &str,
) -> Result<Option<Row>, Failure> {
    let mut rows = statement.query([key]).map_err(|error| failure(&error))?;
    let Some(found) = rows.next().map_err(|error| failure(&error))? else { return Ok(None) };
    let mut fields = Vec::with_capacity(names.len());
    for (column, name) in names.iter().enumerate() {
        let value = found.get_ref(column).map_err(|error| failure(&error))?;
        fields.push((Arc::clone(name), text(value).into_boxed_str()));
    }
    if fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > ROW_OCTETS_MAX {
        return Err(Failure::BadAnswer(row::too_long()));
    }
    match rows.next().map_err(|error| failure(&error))? {
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

/// Most of what SQLite complains of has to do with the key, as a query takes it.
fn failure(error: &rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            Failure::Down("the query takes too long; has it an index?".to_owned())
        }
        Some(ErrorCode::DatabaseBusy) => {
            Failure::Down("somebody else has the database locked".to_owned())
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
