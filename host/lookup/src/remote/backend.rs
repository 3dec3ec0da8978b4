//! The backends of remote sources.

use std::{sync::Arc, time::Instant};

use lessor_core::{LookupAnswer, Row};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    http::{self, Http},
    postgresql::Postgresql,
    radius::Radius,
    sqlite::{self, Sqlite},
};
use crate::{
    Problem,
    secret::Secrets,
    settings::{Place, RemoteLimits},
};

/// The backend of a remote source.
pub(super) enum Backend {
    Sqlite(Sqlite),
    Postgresql(Box<Postgresql>),
    Http(Box<Http>),
    Radius(Radius),
}

/// A query to a source.
pub(super) struct Question {
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

impl Backend {
    pub(super) fn open(
        place: &Place,
        limits: &RemoteLimits,
        secrets: &Secrets,
    ) -> Result<Self, Problem> {
        Ok(match place {
            Place::Sqlite(settings, _) => {
                Self::Sqlite(Sqlite::open(settings, limits.concurrency_max)?)
            }
            Place::Postgresql(settings, _) => {
                Self::Postgresql(Box::new(Postgresql::open(settings, limits, secrets)?))
            }
            Place::Http(settings, _) => {
                Self::Http(Box::new(Http::open(settings, limits, secrets)?))
            }
            Place::Radius(settings, _) => Self::Radius(Radius::open(settings, limits, secrets)?),
            Place::Csv { .. } | Place::Json(_) => {
                let message = "a file is no remote source";
                return Err(Problem::setting("type", place.kind(), message));
            }
        })
    }

    /// The answer for a key that this source cannot be queried for.
    pub(super) fn refusal(&self, key: &str) -> Option<LookupAnswer> {
        match self {
            Self::Http(_) => http::climbs(key).then_some(LookupAnswer::NotFound),
            Self::Radius(source) => source.too_long(key).map(LookupAnswer::Unavailable),
            Self::Sqlite(_) | Self::Postgresql(_) => None,
        }
    }

    /// The number of concurrent queries.
    pub(super) fn concurrency_max(&self, limits: &RemoteLimits) -> usize {
        match self {
            Self::Sqlite(_) => sqlite::threads(limits.concurrency_max),
            Self::Postgresql(_) | Self::Http(_) | Self::Radius(_) => limits.concurrency_max,
        }
    }

    /// Warnings about the configuration, before the first query.
    pub(super) fn warnings(&self) -> Vec<String> {
        match self {
            Self::Sqlite(source) => source.warnings(),
            Self::Postgresql(_) | Self::Http(_) | Self::Radius(_) => Vec::new(),
        }
    }

    pub(super) async fn fetch(&self, question: Question) -> Result<Option<Row>, Failure> {
        match self {
            Self::Sqlite(source) => source.fetch(question).await,
            Self::Postgresql(source) => source.fetch(question).await,
            Self::Http(source) => source.fetch(question).await,
            Self::Radius(source) => source.fetch(question).await,
        }
    }

    /// Reacts to a timeout. Returns a possible cause, if the backend knows one.
    pub(super) fn fell_silent(&self) -> Option<String> {
        match self {
            Self::Postgresql(source) => source.forget_idle(),
            Self::Radius(source) => return source.silence_hint(),
            Self::Sqlite(_) | Self::Http(_) => {}
        }
        None
    }
}

/// The failure of a query that returns more than one row.
pub(super) fn several_rows() -> Failure {
    let why = "the query gives more than one row for the key; wanted at most one";
    Failure::BadAnswer(why.to_owned())
}
