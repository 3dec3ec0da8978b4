//! Why a source cannot be used, in words that an operator can act upon.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A source that cannot be used as it is configured.
#[derive(Debug, Error)]
#[error("lookup source `{source_name}`: {problem}")]
pub struct SourceError {
    /// What policies call the source.
    pub source_name: String,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// Two sources have the same name.
    #[error("another source has the same name; give each its own")]
    NameTaken,

    /// A file cannot be read.
    #[error("cannot read {path}: {error}; see to it that the file is there and lessor may read it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },

    /// A file has more octets than are read.
    #[error("{path} has {octets} octets; at most {octets_max} are read")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        octets: u64,
        /// The limit.
        octets_max: u64,
    },

    /// What stands in a file is not as wanted.
    #[error("{path}:{line}: {message}")]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was found, what was wanted and what to do.
        message: String,
    },

    /// A file has fewer rows than there should be.
    #[error("{path} has {rows} rows; wanted at least {rows_min}, as `rows-min` says")]
    TooFewRows {
        /// The file.
        path: PathBuf,
        /// Its rows.
        rows: u64,
        /// What is wanted.
        rows_min: u64,
    },

    /// A file has lost almost all of its rows.
    #[error(
        "{path} has {rows} rows, and {serving} of it serve: so few are taken for a mistake; if they \
         are right, set `rows-min = {rows}`"
    )]
    Shrunk {
        /// The file.
        path: PathBuf,
        /// Its rows.
        rows: u64,
        /// The rows that serve.
        serving: u64,
    },

    /// Everybody on the machine can read a secret.
    #[error("everybody can read the secret in {path}; say chmod o-rwx {path}")]
    SecretForAll {
        /// The file.
        path: PathBuf,
    },

    /// A file that should hold a secret or certificates does not.
    #[error("{path} holds {found}; wanted {wanted}")]
    Secret {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What it should hold.
        wanted: &'static str,
    },

    /// A setting cannot be used.
    #[error("{setting} = {found:?}: {message}")]
    Setting {
        /// Its key.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What is wrong and what was wanted.
        message: String,
    },

    /// Encrypted connections cannot be made.
    #[error("{0}")]
    Tls(String),
}

impl Problem {
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
