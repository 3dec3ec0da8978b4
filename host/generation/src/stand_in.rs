//! What serves in the place of the configured generation.

use serde::{Deserialize, Serialize};

/// A generation that serves in the place of the configured one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StandIn {
    /// The copy of what the server accepted last.
    LastAccepted,
    /// The configuration without its policies.
    NoPolicies,
}

impl StandIn {
    /// What it is, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::LastAccepted => "the last accepted generation",
            Self::NoPolicies => "the configuration without policies",
        }
    }
}
