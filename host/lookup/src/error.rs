//! Errors of sources, worded so that an operator can act on them.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A source that cannot be used as it is configured.
#[derive(Debug, Error)]
#[error("lookup source `{source_name}`: {problem}")]
pub struct SourceError {
    /// The name of the source in policies.
    pub source_name: String,
    /// The problem.
    #[source]
    pub problem: SourceProblem,
}

/// The problem of a source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceProblem {
    /// Two sources have the same name.
    #[error("another source has the same name; give each source its own name")]
    NameTaken,

    /// The source is remote, and this program has none of these.
    #[error(
        "its type is {kind:?}, and this program was built without the feature `lookups-remote`, \
         so it has only \"csv\" and \"json\". Use a lessor that has the feature (`lessor \
         --version` lists features), or remove the source"
    )]
    NotBuiltIn {
        /// The type of source, as in the configuration.
        kind: &'static str,
    },

    /// A file cannot be read.
    #[error("cannot read {path}: {error}; check that the file exists and that lessor may read it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },

    /// A file is too long.
    #[error("{path} has {octets} octets; at most {octets_max} are read")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        octets: u64,
        /// The limit.
        octets_max: u64,
    },

    /// The content of a file is not valid.
    #[error("{path}:{line}: {message}")]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The message: what was found, what was wanted and what to do.
        message: String,
    },

    /// A file has fewer rows than the minimum.
    #[error("{path} has {rows} rows; wanted at least {rows_min}, as `rows-min` says")]
    TooFewRows {
        /// The file.
        path: PathBuf,
        /// The number of its rows.
        rows: u64,
        /// The minimum number of rows.
        rows_min: u64,
    },

    /// A file has lost almost all of its rows.
    #[error(
        "{path} has {rows} rows, and {serving} rows of it are in use. So few rows look like a \
         mistake; if they are right, set `rows-min = {rows}`"
    )]
    Shrunk {
        /// The file.
        path: PathBuf,
        /// The number of its rows.
        rows: u64,
        /// The number of rows of the version in use.
        serving: u64,
    },

    /// Every user of the machine can read a secret.
    #[error("other users can read the secret in {path}; run chmod o-rwx {path}")]
    SecretForAll {
        /// The file.
        path: PathBuf,
    },

    /// A file that should hold a secret or certificates has other content.
    #[error("{path} contains {found}; wanted {wanted}")]
    Secret {
        /// The file.
        path: PathBuf,
        /// The content that was found.
        found: String,
        /// The content that was wanted.
        wanted: &'static str,
    },

    /// A setting is not valid.
    #[error("{setting} = {found:?}: {message}")]
    Setting {
        /// Its key.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The problem, and what was wanted.
        message: String,
    },

    /// TLS connections are not possible.
    #[error("{0}")]
    Tls(String),
}

impl SourceProblem {
    pub(crate) fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Unreadable { path, error }
    }

    pub(crate) fn setting(
        setting: &'static str,
        found: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::Setting { setting, found: found.into(), message: message.into() }
    }
}
