//! The backends of remote sources.

use lessor_core::{LookupAnswer, Row};

use super::{
    http::{self, Http},
    postgresql::Postgresql,
    question::{Failure, Question},
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
