//! What another generation serves for until it is compiled, and how that is shown.
//!
//! Compiles nothing. Invariant: it is shown until what it waits for serves, or something else that
//! a reload has brought.

use lessor_core::Timestamp;
use lessor_generation::{Candidate, NotCompiled, Opened, StandIn};
use lessor_policy_host::Runtime;
use serde::{Deserialize, Serialize};

use crate::clock::{self, written};

/// What another generation serves for.
pub(crate) struct Awaited {
    /// What was chosen to start with.
    pub(crate) candidate: Candidate,
    /// Its policies that were not compiled.
    pub(crate) waits_for: NotCompiled,
    /// Whether the last accepted generation must not serve in their place.
    pub(crate) strict: bool,
    pub(crate) stand_in: StandIn,
    /// When the generation that serves meanwhile was accepted, if that is known.
    pub(crate) accepted_at: Option<String>,
    pub(crate) since: Timestamp,
}

/// That another generation serves until policies are compiled, for `lessor status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Meanwhile {
    /// What serves.
    pub serves: StandIn,
    /// When it was accepted: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<String>,
    /// Since when it has served: RFC 3339, UTC.
    pub since: String,
    /// The policies that were not compiled at the start, and why.
    pub waits_for: Vec<String>,
    /// The file that is being compiled, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiling: Option<String>,
    /// How long that has taken, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiling_secs: Option<u64>,
}

impl Awaited {
    pub(crate) fn new(
        candidate: Candidate,
        waits_for: NotCompiled,
        strict: bool,
        opened: &Opened,
    ) -> Self {
        let (stand_in, accepted_at) = (opened.stand_in, opened.accepted_at.clone());
        Self { candidate, waits_for, strict, stand_in, accepted_at, since: clock::now() }
    }

    /// Logs what serves meanwhile, and why.
    pub(crate) fn say(&self) {
        for policy in &self.waits_for.policies {
            tracing::warn!("{policy}");
        }
        let (serves, accepted_at) = (self.stand_in.meaning(), self.accepted_at.as_deref());
        tracing::warn!(serves, accepted_at, "ANOTHER GENERATION SERVES until these are compiled");
    }

    /// What `lessor status` shows.
    pub(crate) fn shown(&self, runtime: &Runtime) -> Meanwhile {
        let (compiling, compiling_secs) = compiling(runtime).unzip();
        Meanwhile {
            serves: self.stand_in,
            accepted_at: self.accepted_at.clone(),
            since: written(clock::shown(self.since)),
            waits_for: self.waits_for.policies.clone(),
            compiling,
            compiling_secs,
        }
    }
}

/// Returns the file that is being compiled, if one is, and for how many seconds.
pub(crate) fn compiling(runtime: &Runtime) -> Option<(String, u64)> {
    let compiling = runtime.compiling()?;
    Some((compiling.file.display().to_string(), compiling.since.elapsed().as_secs()))
}
