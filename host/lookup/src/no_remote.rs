//! The remote sources of a build without the feature `remote`: each is refused, so none exists.

use std::{convert::Infallible, sync::Arc, time::Duration};

use lessor_core::LookupAnswer;
use lessor_settings::{
    HttpSettings, PostgresqlSettings, RadiusSettings, RemoteLimits, SqliteSettings,
};

use crate::{SourceProblem, SourceStatus, secret::Secrets};

/// The backend of a remote source, of which there is none.
pub(crate) struct Backend(Infallible);

/// A source that takes time to answer, of which there is none.
pub(crate) struct Remote(Infallible);

impl Backend {
    pub(crate) fn sqlite(_: &SqliteSettings, _: &RemoteLimits) -> Result<Self, SourceProblem> {
        Err(SourceProblem::NotBuiltIn { kind: "sqlite" })
    }

    pub(crate) fn postgresql(
        _: &PostgresqlSettings,
        _: &RemoteLimits,
        _: &Secrets,
    ) -> Result<Self, SourceProblem> {
        Err(SourceProblem::NotBuiltIn { kind: "postgresql" })
    }

    pub(crate) fn http(
        _: &HttpSettings,
        _: &RemoteLimits,
        _: &Secrets,
    ) -> Result<Self, SourceProblem> {
        Err(SourceProblem::NotBuiltIn { kind: "http" })
    }

    pub(crate) fn radius(
        _: &RadiusSettings,
        _: &RemoteLimits,
        _: &Secrets,
    ) -> Result<Self, SourceProblem> {
        Err(SourceProblem::NotBuiltIn { kind: "radius" })
    }
}

impl Remote {
    pub(crate) fn new(_: &str, backend: Backend, _: RemoteLimits) -> Self {
        match backend.0 {}
    }

    pub(crate) fn now(&self, _: &str) -> Option<LookupAnswer> {
        match self.0 {}
    }

    pub(crate) async fn ask(self: &Arc<Self>, _: &str) -> LookupAnswer {
        match self.0 {}
    }

    pub(crate) fn deadline(&self) -> Duration {
        match self.0 {}
    }

    pub(crate) fn status(&self) -> SourceStatus {
        match self.0 {}
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        match self.0 {}
    }
}
