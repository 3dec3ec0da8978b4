//! A source: its settings, and the table or remote source that was opened from them.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use lessor_core::LookupAnswer;

use crate::{
    Problem, SourceStatus, Table,
    limits::SHRINKS_TO_ONE_IN,
    remote::Remote,
    secret::{Secret, Secrets, read_certificates},
    settings::{FileSettings, Place, SourceSettings},
    status::Counters,
    table::Stamp,
};

/// A source that can be queried.
pub(crate) struct Source {
    pub(crate) settings: SourceSettings,
    secrets: Secrets,
    body: Body,
    /// The version of the source's file.
    stamp: Option<Stamp>,
    /// A number that is unique to this source, and changes when the same source is reopened.
    pub(crate) version: u64,
}

enum Body {
    File { table: Table, counters: Box<Counters> },
    Remote(Arc<Remote>),
}

impl Source {
    /// Opens a source. `old` is the one in use under its name, if there is one.
    pub(crate) fn open(settings: &SourceSettings, old: Option<&Self>) -> Result<Self, Problem> {
        let secrets = secrets(&settings.place)?;
        let file = |settings: &FileSettings, (table, stamp): (Table, Stamp)| {
            check_rows(settings, &table, old.and_then(Self::table))?;
            Ok((Body::File { table, counters: Box::default() }, Some(stamp)))
        };
        let (body, stamp) = match &settings.place {
            Place::Csv { file: settings, delimiter } => {
                file(settings, Table::csv(settings, *delimiter)?)?
            }
            Place::Json(settings) => file(settings, Table::json(settings)?)?,
            place => {
                let limits = place.limits().cloned().unwrap_or_default();
                let stamp = stamp_of_database(place)?;
                let remote = Remote::open(&settings.name, place, &limits, &secrets)?;
                (Body::Remote(Arc::new(remote)), stamp)
            }
        };
        static VERSION: AtomicU64 = AtomicU64::new(0);
        let version = VERSION.fetch_add(1, Ordering::Relaxed);
        Ok(Self { settings: settings.clone(), secrets, body, stamp, version })
    }

    /// Whether reopening the source with these settings would give the same result.
    pub(crate) fn still_serves(&self, settings: &SourceSettings) -> bool {
        let is_same_file = match (&self.settings.place, &self.stamp) {
            (Place::Csv { file, .. } | Place::Json(file), Some(stamp)) => {
                stamp.still_holds(&file.path)
            }
            (Place::Sqlite(settings, _), Some(stamp)) => stamp.is_of_same_file(&settings.path),
            _ => true,
        };
        self.settings == *settings
            && is_same_file
            && secrets(&settings.place).is_ok_and(|secrets| secrets == self.secrets)
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

    pub(crate) fn table(&self) -> Option<&Table> {
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
            name: self.settings.name.clone(),
            kind: self.settings.place.kind().to_owned(),
            location: self.settings.place.location(),
            ..status
        }
    }
}

/// Refuses a file with fewer rows than the minimum, or one that has lost almost all rows of the
/// version in use: it was probably truncated during a copy.
fn check_rows(settings: &FileSettings, table: &Table, old: Option<&Table>) -> Result<(), Problem> {
    let (path, rows) = (settings.path.clone(), table.rows() as u64);
    match (settings.rows_min, old.map(|old| old.rows() as u64)) {
        (Some(rows_min), _) if rows < rows_min => Err(Problem::TooFewRows { path, rows, rows_min }),
        (None, Some(serving)) if rows * SHRINKS_TO_ONE_IN < serving => {
            Err(Problem::Shrunk { path, rows, serving })
        }
        _ => Ok(()),
    }
}

/// Reads the files with secrets and certificates that a source needs.
fn secrets(place: &Place) -> Result<Secrets, Problem> {
    let certificates = |path: Option<&Path>| path.map(read_certificates).transpose();
    Ok(match place {
        Place::Csv { .. } | Place::Json(_) | Place::Sqlite(..) => Secrets::default(),
        Place::Postgresql(settings, _) => Secrets {
            main: Secret::read_if_any(settings.password_file.as_deref())?,
            password: None,
            certificates: certificates(settings.ca_file.as_deref())?,
        },
        Place::Http(settings, _) => Secrets {
            main: Secret::read_if_any(settings.bearer_token_file.as_deref())?,
            password: None,
            certificates: certificates(settings.ca_file.as_deref())?,
        },
        Place::Radius(settings, _) => Secrets {
            main: Some(Secret::read(&settings.secret_file)?),
            password: Secret::read_if_any(settings.password_file.as_deref())?,
            certificates: None,
        },
    })
}

/// A database is kept open and its content may change; a replaced file is another source.
fn stamp_of_database(place: &Place) -> Result<Option<Stamp>, Problem> {
    let Place::Sqlite(settings, _) = place else { return Ok(None) };
    let metadata =
        lessor_files::check(&settings.path).map_err(Problem::unreadable(&settings.path))?;
    Ok(Some(Stamp::of(&metadata)))
}
