//! Sources of lookups as the configuration declares them.

use std::path::PathBuf;

/// A `[[lookup]]`: a source that policies may have asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupSettings {
    /// What policies call it; no other has the name.
    pub name: String,
    /// Where it is.
    pub place: LookupPlace,
    /// What becomes of a request when the source does not answer.
    pub on_failure: LookupFailure,
}

/// Where a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupPlace {
    /// A file of comma-separated values with a header, held in memory.
    Csv {
        /// The file.
        path: PathBuf,
        /// The column that holds the key.
        key: String,
        /// What stands between two values: an ASCII character.
        delimiter: char,
        /// A file with fewer rows is refused.
        rows_min: Option<u32>,
    },
    /// A file of JSON, held in memory.
    Json {
        /// The file.
        path: PathBuf,
        /// The field that holds the key; none for an object of key and object.
        key: Option<String>,
        /// A file with fewer rows is refused.
        rows_min: Option<u32>,
    },
    /// An SQLite database.
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// One SELECT with one parameter.
        query: String,
        /// Its limits.
        limits: LookupLimits,
    },
    /// A PostgreSQL server.
    Postgresql {
        /// A connection string without a password.
        url: String,
        /// One SELECT with one parameter.
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
        /// With `{key}` where the key goes.
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
        /// The file with the password to send; without one it is the key.
        password_file: Option<PathBuf>,
        /// What the server calls itself.
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
    /// How long a question may take, waiting for its turn included.
    pub deadline_ms: u32,
    /// Questions at the source at a time.
    pub concurrency_max: usize,
    /// Questions that wait for their turn.
    pub queue_max: usize,
    /// How long a row is answered again without asking.
    pub cache_ttl_secs: u32,
    /// How long it is remembered that there is no row.
    pub negative_ttl_secs: u32,
    /// For how long after that a row still serves while the source fails.
    pub stale_for_secs: u32,
    /// Answers in the cache.
    pub cache_entries_max: usize,
}

/// What becomes of a request when a source does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LookupFailure {
    /// The policy is asked, and told that the source is unavailable.
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
