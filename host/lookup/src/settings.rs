//! What sources are made of.

use std::{path::PathBuf, time::Duration};

/// A source: its name, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// What policies call it.
    pub name: String,
    /// Where it is.
    pub place: Place,
}

/// Where a source is, and how it is asked there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file of comma-separated values with a header, held in memory.
    Csv {
        /// The file.
        file: FileSettings,
        /// What stands between two values: one ASCII character.
        delimiter: char,
    },
    /// A file of JSON, held in memory: with a key field an array of objects or one object a line;
    /// without one, an object of key and object.
    Json(FileSettings),
    /// An SQLite database.
    Sqlite(SqliteSettings, RemoteLimits),
    /// A PostgreSQL server.
    Postgresql(PostgresqlSettings, RemoteLimits),
    /// A web service that answers in JSON.
    Http(HttpSettings, RemoteLimits),
    /// A RADIUS server, asked by Access-Request (RFC 2865).
    Radius(RadiusSettings, RemoteLimits),
}

/// A file that is held in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    /// The file.
    pub path: PathBuf,
    /// The field that holds the key. A CSV file needs one.
    pub key: Option<String>,
    /// A file with fewer rows is refused. Without this, one that is read again is refused if it has
    /// almost none of the rows that it had.
    pub rows_min: Option<u64>,
}

/// An SQLite database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The database file.
    pub path: PathBuf,
    /// One SELECT with one parameter, the key.
    pub query: String,
}

/// A PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresqlSettings {
    /// `postgresql://user@host:port/database`, or what libpq calls a connection string; without a
    /// password.
    pub url: String,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// The certificates to trust (PEM), in place of those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// One SELECT with one parameter, the key, as text: `$1`.
    pub query: String,
}

/// A web service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// `http://` or `https://`, with `{key}` where the percent-encoded key goes.
    pub url: String,
    /// Headers to send: name and value.
    pub headers: Vec<(String, String)>,
    /// The file with the token to send as `Authorization: Bearer`.
    pub bearer_token_file: Option<PathBuf>,
    /// The certificates to trust (PEM), in place of those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

/// A RADIUS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadiusSettings {
    /// Host and port.
    pub server: String,
    /// The file with the secret that it shares with this server.
    pub secret_file: PathBuf,
    /// The file with the password to send (User-Password); without one it is the key, which is also
    /// the user's name.
    pub password_file: Option<PathBuf>,
    /// What this server calls itself (NAS-Identifier).
    pub nas_identifier: String,
    /// Whether an answer without Message-Authenticator is discarded. Without that an attacker on the
    /// path can forge answers (CVE-2024-3596).
    pub require_message_authenticator: bool,
}

/// The limits of a source that takes time to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteLimits {
    /// How long a question may take, waiting for its turn included; that is half of it at most.
    pub deadline: Duration,
    /// Questions at the source at a time.
    pub concurrency_max: usize,
    /// Questions that wait for their turn; more are refused.
    pub queue_max: usize,
    /// How long a row that was found is answered again without asking.
    pub cache_ttl: Duration,
    /// How long it is remembered that there is no row.
    pub negative_ttl: Duration,
    /// For how long after that an answer still serves while the source fails.
    pub stale_for: Duration,
    /// Answers in the cache; one of more than a kilobyte counts as several.
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

impl Place {
    /// What kind of source it is, as configuration and status call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Csv { .. } => "csv",
            Self::Json(_) => "json",
            Self::Sqlite(..) => "sqlite",
            Self::Postgresql(..) => "postgresql",
            Self::Http(..) => "http",
            Self::Radius(..) => "radius",
        }
    }

    /// Where it is, for people.
    pub(crate) fn location(&self) -> String {
        match self {
            Self::Csv { file, .. } | Self::Json(file) => file.path.display().to_string(),
            Self::Sqlite(settings, _) => settings.path.display().to_string(),
            Self::Postgresql(settings, _) => settings.url.clone(),
            Self::Http(settings, _) => settings.url.clone(),
            Self::Radius(settings, _) => settings.server.clone(),
        }
    }

    /// The limits, if the source takes time to answer.
    pub(crate) fn limits(&self) -> Option<&RemoteLimits> {
        match self {
            Self::Csv { .. } | Self::Json(_) => None,
            Self::Sqlite(_, limits)
            | Self::Postgresql(_, limits)
            | Self::Http(_, limits)
            | Self::Radius(_, limits) => Some(limits),
        }
    }
}
