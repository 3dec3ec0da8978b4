//! The backends of remote sources.

use lessor_core::{LookupAnswer, SourceRow};
use lessor_settings::{
    HttpSettings, PostgresqlSettings, RadiusSettings, RemoteLimits, SqliteSettings,
};

use super::{
    http::{self, Http},
    postgresql::Postgresql,
    question::{Failure, SourceQuery},
    radius::Radius,
    sqlite::{self, Sqlite},
};
use crate::{SourceProblem, secret::Secrets};

/// The backend of a remote source.
pub(crate) enum Backend {
    Sqlite(Sqlite),
    Postgresql(Box<Postgresql>),
    Http(Box<Http>),
    Radius(Radius),
}

impl Backend {
    pub(crate) fn sqlite(
        database: &SqliteSettings,
        limits: &RemoteLimits,
    ) -> Result<Self, SourceProblem> {
        Ok(Self::Sqlite(Sqlite::open(database, limits.concurrency_max)?))
    }

    pub(crate) fn postgresql(
        database: &PostgresqlSettings,
        limits: &RemoteLimits,
        secrets: &Secrets,
    ) -> Result<Self, SourceProblem> {
        Ok(Self::Postgresql(Box::new(Postgresql::open(database, limits, secrets)?)))
    }

    pub(crate) fn http(
        service: &HttpSettings,
        limits: &RemoteLimits,
        secrets: &Secrets,
    ) -> Result<Self, SourceProblem> {
        Ok(Self::Http(Box::new(Http::open(service, limits, secrets)?)))
    }

    pub(crate) fn radius(
        server: &RadiusSettings,
        limits: &RemoteLimits,
        secrets: &Secrets,
    ) -> Result<Self, SourceProblem> {
        Ok(Self::Radius(Radius::open(server, limits, secrets)?))
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

    pub(super) async fn fetch(&self, question: SourceQuery) -> Result<Option<SourceRow>, Failure> {
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
