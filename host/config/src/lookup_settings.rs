//! The sources of lookups that the configuration declares.

use std::path::PathBuf;

/// A `[[lookup]]`: a source that policies may query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupSettings {
    /// The name for policies; unique among all sources.
    pub name: String,
    /// The kind and location of the source.
    pub place: LookupPlace,
    /// What happens to a request when the source does not answer.
    pub on_failure: LookupFailure,
}

/// The kind and location of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupPlace {
    /// A file of comma-separated values with a header, held in memory.
    Csv {
        /// The file.
        path: PathBuf,
        /// The column that holds the key.
        key: String,
        /// The separator between two values: an ASCII character.
        delimiter: char,
        /// The minimum number of rows; a file with fewer is refused.
        rows_min: Option<u32>,
    },
    /// A file of JSON, held in memory.
    Json {
        /// The file.
        path: PathBuf,
        /// The field that holds the key; `None` for an object that maps keys to objects.
        key: Option<String>,
        /// The minimum number of rows; a file with fewer is refused.
        rows_min: Option<u32>,
    },
    /// An SQLite database.
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// A SELECT statement with one parameter.
        query: String,
        /// Its limits.
        limits: LookupLimits,
    },
    /// A PostgreSQL server.
    Postgresql {
        /// A connection string without a password.
        url: String,
        /// A SELECT statement with one parameter.
        query: String,
        /// The file with the password.
        password_file: Option<PathBuf>,
        /// The certificates to trust.
        ca_file: Option<PathBuf>,
        /// Its limits.
        limits: LookupLimits,
    },
    /// A web service that answers in JSON.
    Http {
        /// The URL, with `{key}` in place of the key.
        url: String,
        /// Names and values of headers.
        headers: Vec<(String, String)>,
        /// The file with a bearer token.
        bearer_token_file: Option<PathBuf>,
        /// The certificates to trust.
        ca_file: Option<PathBuf>,
        /// Its limits.
        limits: LookupLimits,
    },
    /// A RADIUS server.
    Radius {
        /// Host and port.
        server: String,
        /// The file with the shared secret.
        secret_file: PathBuf,
        /// The file with the password to send; without it, the key is sent.
        password_file: Option<PathBuf>,
        /// The NAS-Identifier that is sent.
        nas_identifier: String,
        /// Whether answers without Message-Authenticator are discarded.
        require_message_authenticator: bool,
        /// Its limits.
        limits: LookupLimits,
    },
}

/// The limits of a source that takes time to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupLimits {
    /// The maximum duration of a query in milliseconds, including the wait for its turn.
    pub deadline_ms: u32,
    /// The maximum number of concurrent queries.
    pub concurrency_max: usize,
    /// The maximum number of queries that wait for their turn.
    pub queue_max: usize,
    /// How long a row is cached, in seconds.
    pub cache_ttl_secs: u32,
    /// How long the absence of a row is cached, in seconds.
    pub negative_ttl_secs: u32,
    /// How long after that a cached row is still used while the source fails, in seconds.
    pub stale_for_secs: u32,
    /// The maximum number of answers in the cache.
    pub cache_entries_max: usize,
}

/// What happens to a request when a source does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LookupFailure {
    /// The policy is called, and reads that the source is unavailable.
    #[default]
    Proceed,
    /// The request gets no answer.
    Drop,
}

impl Default for LookupLimits {
    fn default() -> Self {
        Self {
            deadline_ms: 1000,
            concurrency_max: 16,
            queue_max: 1024,
            cache_ttl_secs: 300,
            negative_ttl_secs: 30,
            stale_for_secs: 3600,
            cache_entries_max: 100_000,
        }
    }
}
