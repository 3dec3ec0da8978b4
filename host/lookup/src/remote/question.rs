//! A question to a remote source, and why it was not answered.

use std::{sync::Arc, time::Instant};

use tokio::sync::OwnedSemaphorePermit;

/// A question to a source.
pub(super) struct Question {
    pub(super) key: Arc<str>,
    /// Nobody waits for the answer after this.
    pub(super) deadline: Instant,
    /// Kept for as long as the source works on the question, whether or not anybody still waits.
    pub(super) place: OwnedSemaphorePermit,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The source does not work.
    Down(String),
    /// The source works, but what it says of this key is no answer.
    BadAnswer(String),
}

impl Failure {
    pub(super) fn into_words(self) -> String {
        match self {
            Self::Down(why) | Self::BadAnswer(why) => why,
        }
    }
}

/// For queries: what is said if there is more than one row.
pub(super) fn several_rows() -> Failure {
    let why = "the query gives more than one row for the key; wanted at most one";
    Failure::BadAnswer(why.to_owned())
}
