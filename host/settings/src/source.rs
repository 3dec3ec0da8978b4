//! What an operator says about one source of lookups.

use std::{path::PathBuf, time::Duration};

/// A source that policies may query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// The name of the source in policies; unique among all sources.
    pub name: String,
    /// The kind of source, with the settings of that kind.
    pub kind: SourceKind,
    /// What happens to a request when the source does not answer.
    pub on_failure: OnSourceFailure,
}

/// The kinds of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A file of comma-separated values with a header, held in memory.
    Csv(CsvSettings),
    /// A JSON file, held in memory.
    Json(JsonSettings),
    /// An SQLite database.
    Sqlite(SqliteSettings, RemoteLimits),
    /// A PostgreSQL server.
    Postgresql(PostgresqlSettings, RemoteLimits),
    /// A web service that answers in JSON.
    Http(HttpSettings, RemoteLimits),
    /// A RADIUS server, asked by Access-Request (RFC 2865).
    Radius(RadiusSettings, RemoteLimits),
}

/// What happens to a request when a source does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSourceFailure {
    /// The policy is called, and reads that the source is unavailable.
    #[default]
    Proceed,
    /// The request gets no answer.
    Drop,
}

/// A file of comma-separated values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvSettings {
    /// The file.
    pub path: PathBuf,
    /// The column that holds the key.
    pub key: String,
    /// The separator between two values: an ASCII character.
    pub delimiter: char,
    /// The minimum number of rows; a file with fewer is refused. Without this, a file that is read
    /// again is refused if it has lost almost all of its rows.
    pub rows_min: Option<u64>,
}

/// A JSON file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonSettings {
    /// The file.
    pub path: PathBuf,
    /// The field that holds the key: the file is an array of objects or has one object per line.
    /// `None` if it is an object that maps keys to objects.
    pub key: Option<String>,
    /// The minimum number of rows, as in [`CsvSettings::rows_min`].
    pub rows_min: Option<u64>,
}

/// An SQLite database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The database file.
    pub path: PathBuf,
    /// A SELECT statement with one parameter, the key.
    pub query: String,
}

/// A PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresqlSettings {
    /// `postgresql://user@host:port/database`, or another connection string of libpq, without a
    /// password.
    pub url: String,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// The certificates to trust (PEM), instead of those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// A SELECT statement with one parameter, the key as text: `$1`.
    pub query: String,
}

/// A web service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// `http://` or `https://`, with `{key}` in place of the percent-encoded key.
    pub url: String,
    /// The names and values of headers to send.
    pub headers: Vec<(String, String)>,
    /// The file with the token to send as `Authorization: Bearer`.
    pub bearer_token_file: Option<PathBuf>,
    /// The certificates to trust (PEM), instead of those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

/// A RADIUS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadiusSettings {
    /// Host and port.
    pub server: String,
    /// The file with the shared secret.
    pub secret_file: PathBuf,
    /// The file with the password to send (User-Password); without it, the key is sent, which is
    /// also the user name.
    pub password_file: Option<PathBuf>,
    /// The name of this server (NAS-Identifier).
    pub nas_identifier: String,
    /// Whether an answer without Message-Authenticator is discarded. Otherwise an attacker on the
    /// path can forge answers (CVE-2024-3596).
    pub require_message_authenticator: bool,
}

/// The limits of a source that takes time to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteLimits {
    /// The maximum duration of a query, including the wait for its turn, which is at most half of
    /// it.
    pub deadline: Duration,
    /// The maximum number of concurrent queries.
    pub concurrency_max: usize,
    /// The maximum number of queries that wait for their turn; more are refused.
    pub queue_max: usize,
    /// How long a row is cached.
    pub cache_ttl: Duration,
    /// How long the absence of a row is cached.
    pub negative_ttl: Duration,
    /// How long after that a cached row is still used while the source fails.
    pub stale_for: Duration,
    /// The maximum number of answers in the cache; one of more than a kilobyte counts as several.
    pub cache_entries_max: usize,
}

impl Default for RemoteLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(1000),
            concurrency_max: 16,
            queue_max: 1024,
            cache_ttl: Duration::from_secs(300),
            negative_ttl: Duration::from_secs(30),
            stale_for: Duration::from_secs(3600),
            cache_entries_max: 100_000,
        }
    }
}

impl SourceKind {
    /// The name of the kind, as in configuration and status.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Json(_) => "json",
            Self::Sqlite(..) => "sqlite",
            Self::Postgresql(..) => "postgresql",
            Self::Http(..) => "http",
            Self::Radius(..) => "radius",
        }
    }
}
