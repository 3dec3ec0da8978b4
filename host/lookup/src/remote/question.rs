//! A query to a remote source, and why it has no answer.

use std::{sync::Arc, time::Instant};

use tokio::sync::OwnedSemaphorePermit;

/// A query to a source.
pub(super) struct SourceQuery {
    pub(super) key: Arc<str>,
    /// The time after which no caller waits for the answer.
    pub(super) deadline: Instant,
    /// Held while the source works on the query, even if no caller waits any more.
    pub(super) place: OwnedSemaphorePermit,
}

/// Why a query has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The source does not work.
    Down(String),
    /// The source works, but its answer for this key is not valid.
    BadAnswer(String),
}

impl Failure {
    pub(super) fn into_words(self) -> String {
        match self {
            Self::Down(why) | Self::BadAnswer(why) => why,
        }
    }
}

/// The failure of a query that returns more than one row.
pub(super) fn several_rows() -> Failure {
    let why = "the query returns more than one row for the key; wanted at most one";
    Failure::BadAnswer(why.to_owned())
}
