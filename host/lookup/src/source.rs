//! A source: its kind, and the table or remote source that was opened from them.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lessor_core::LookupAnswer;
use lessor_settings::{
    CsvSettings, JsonSettings, RemoteLimits, SourceKind, SourceSettings, SqliteSettings,
};

#[cfg(not(feature = "remote"))]
use crate::no_remote::{Backend, Remote};
#[cfg(feature = "remote")]
use crate::remote::{Backend, Remote};
use crate::{
    LookupTable, SourceProblem, SourceStatus,
    limits::SHRINKS_TO_ONE_IN,
    secret::{Secret, Secrets, read_certificates},
    status::Counters,
    table::Stamp,
};

/// A source that can be queried.
pub(crate) struct Source {
    pub(crate) name: String,
    kind: SourceKind,
    secrets: Secrets,
    body: Body,
    /// The version of the source's file.
    stamp: Option<Stamp>,
    /// A number that is unique to this source, and changes when the same source is reopened.
    pub(crate) version: u64,
}

enum Body {
    File { table: LookupTable, counters: Box<Counters> },
    Remote(Arc<Remote>),
}

impl Source {
    /// Opens a source. `old` is the one in use under its name, if there is one.
    pub(crate) fn open(
        settings: &SourceSettings,
        old: Option<&Self>,
    ) -> Result<Self, SourceProblem> {
        let SourceSettings { name, kind, .. } = settings.clone();
        let secrets = secrets(&kind)?;
        let serving = old.and_then(Self::table);
        let of_file = |path: &Path, rows_min, (table, stamp): (LookupTable, Stamp)| {
            check_rows(path, rows_min, &table, serving)?;
            Ok((Body::File { table, counters: Box::default() }, Some(stamp)))
        };
        let remote = |backend: Backend, limits: &RemoteLimits| {
            Body::Remote(Arc::new(Remote::new(&name, backend, *limits)))
        };
        let (body, stamp) = match &kind {
            SourceKind::Csv(file) => of_file(&file.path, file.rows_min, LookupTable::csv(file)?)?,
            SourceKind::Json(file) => of_file(&file.path, file.rows_min, LookupTable::json(file)?)?,
            SourceKind::Sqlite(database, limits) => {
                let stamp = stamp_of_database(&database.path)?;
                (remote(Backend::sqlite(database, limits)?, limits), Some(stamp))
            }
            SourceKind::Postgresql(database, limits) => {
                (remote(Backend::postgresql(database, limits, &secrets)?, limits), None)
            }
            SourceKind::Http(service, limits) => {
                (remote(Backend::http(service, limits, &secrets)?, limits), None)
            }
            SourceKind::Radius(server, limits) => {
                (remote(Backend::radius(server, limits, &secrets)?, limits), None)
            }
        };
        static VERSION: AtomicU64 = AtomicU64::new(0);
        let version = VERSION.fetch_add(1, Ordering::Relaxed);
        Ok(Self { name, kind, secrets, body, stamp, version })
    }

    /// Whether reopening the source as this kind would give the same result.
    pub(crate) fn still_serves(&self, kind: &SourceKind) -> bool {
        let is_same_file = match (&self.kind, &self.stamp) {
            (SourceKind::Csv(CsvSettings { path, .. }), Some(stamp))
            | (SourceKind::Json(JsonSettings { path, .. }), Some(stamp)) => stamp.still_holds(path),
            (SourceKind::Sqlite(database, _), Some(stamp)) => stamp.is_of_same_file(&database.path),
            _ => true,
        };
        self.kind == *kind
            && is_same_file
            && secrets(kind).is_ok_and(|secrets| secrets == self.secrets)
    }

    /// Returns the answer if it is available at once.
    pub(crate) fn now(&self, key: &str) -> Option<LookupAnswer> {
        match &self.body {
            Body::Remote(remote) => remote.now(key),
            Body::File { table, counters } => {
                Counters::count(&counters.asked);
                let Some(row) = table.row(key) else {
                    Counters::count(&counters.negative_hits);
                    return Some(LookupAnswer::NotFound);
                };
                Counters::count(&counters.hits);
                Some(LookupAnswer::Found { row, is_stale: false })
            }
        }
    }

    /// Waits for the answer.
    pub(crate) async fn ask(&self, key: &str) -> LookupAnswer {
        match &self.body {
            Body::Remote(remote) => remote.ask(key).await,
            Body::File { .. } => self.now(key).unwrap_or(LookupAnswer::NotFound),
        }
    }

    /// How long the answer can take.
    pub(crate) fn deadline(&self) -> Duration {
        match &self.body {
            Body::Remote(remote) => remote.deadline(),
            Body::File { .. } => Duration::ZERO,
        }
    }

    pub(crate) fn table(&self) -> Option<&LookupTable> {
        match &self.body {
            Body::File { table, .. } => Some(table),
            Body::Remote(_) => None,
        }
    }

    /// Warnings about the configuration, before the first query.
    pub(crate) fn warnings(&self) -> Vec<String> {
        match &self.body {
            Body::File { .. } => Vec::new(),
            Body::Remote(remote) => remote.warnings(),
        }
    }

    pub(crate) fn status(&self) -> SourceStatus {
        let status = match &self.body {
            Body::Remote(remote) => remote.status(),
            Body::File { table, counters } => {
                SourceStatus { rows: table.rows() as u64, ..counters.status() }
            }
        };
        SourceStatus {
            name: self.name.clone(),
            kind: self.kind.name().to_owned(),
            location: location(&self.kind),
            ..status
        }
    }
}

/// Refuses a file with fewer rows than the minimum, or one that has lost almost all rows of the
/// version in use: it was probably truncated during a copy.
fn check_rows(
    path: &Path,
    rows_min: Option<u64>,
    table: &LookupTable,
    old: Option<&LookupTable>,
) -> Result<(), SourceProblem> {
    let (path, rows) = (path.to_owned(), table.rows() as u64);
    match (rows_min, old.map(|old| old.rows() as u64)) {
        (Some(rows_min), _) if rows < rows_min => {
            Err(SourceProblem::TooFewRows { path, rows, rows_min })
        }
        (None, Some(serving)) if rows * SHRINKS_TO_ONE_IN < serving => {
            Err(SourceProblem::Shrunk { path, rows, serving })
        }
        _ => Ok(()),
    }
}

/// Reads the files with secrets and certificates that a source needs.
fn secrets(kind: &SourceKind) -> Result<Secrets, SourceProblem> {
    let certificates = |path: Option<&Path>| path.map(read_certificates).transpose();
    Ok(match kind {
        SourceKind::Csv(_) | SourceKind::Json(_) | SourceKind::Sqlite(..) => Secrets::default(),
        SourceKind::Postgresql(settings, _) => Secrets {
            main: Secret::read_if_any(settings.password_file.as_deref())?,
            password: None,
            certificates: certificates(settings.ca_file.as_deref())?,
        },
        SourceKind::Http(settings, _) => Secrets {
            main: Secret::read_if_any(settings.bearer_token_file.as_deref())?,
            password: None,
            certificates: certificates(settings.ca_file.as_deref())?,
        },
        SourceKind::Radius(settings, _) => Secrets {
            main: Some(Secret::read(&settings.secret_file)?),
            password: Secret::read_if_any(settings.password_file.as_deref())?,
            certificates: None,
        },
    })
}

/// A database is kept open and its content may change; a replaced file is another source.
fn stamp_of_database(path: &Path) -> Result<Stamp, SourceProblem> {
    let metadata = lessor_files::check(path).map_err(SourceProblem::unreadable(path))?;
    Ok(Stamp::of(&metadata))
}

/// Where the source is, for display.
fn location(kind: &SourceKind) -> String {
    match kind {
        SourceKind::Csv(CsvSettings { path, .. })
        | SourceKind::Json(JsonSettings { path, .. })
        | SourceKind::Sqlite(SqliteSettings { path, .. }, _) => path.display().to_string(),
        SourceKind::Postgresql(database, _) => database.url.clone(),
        SourceKind::Http(service, _) => service.url.clone(),
        SourceKind::Radius(server, _) => server.server.clone(),
    }
}
