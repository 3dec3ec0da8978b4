//! What a scope says about the names of its clients.

use serde::{Deserialize, Serialize};

use super::HostName;

/// The beginning of generated names if no scope sets one.
pub(super) const PREFIX: &str = "host";
/// The maximum length of the beginning of generated names, in octets: an address and its hyphens
/// fit into the same label.
pub(super) const PREFIX_OCTETS_MAX: usize = HostNameSettings::PREFIX_OCTETS_MAX;

/// Which names clients have that the configuration or a policy does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostNameRule {
    /// The name that the client states.
    #[default]
    Client,
    /// That name, or one that the server makes from the address if the client states none.
    ClientOrGenerated,
    /// Always one that the server makes from the address.
    Generated,
    /// None.
    Given,
}

/// What one scope sets about the names of its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct HostNameSettings {
    /// Which names clients have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<HostNameRule>,
    /// The beginning of generated names, one label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<HostName>,
}

impl HostNameRule {
    /// Every rule, in the order of the documentation.
    pub const ALL: [Self; 4] =
        [Self::Client, Self::ClientOrGenerated, Self::Generated, Self::Given];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::ClientOrGenerated => "client-or-generated",
            Self::Generated => "generated",
            Self::Given => "given",
        }
    }

    /// Returns whether the name that a client states counts.
    pub(crate) const fn takes_stated(self) -> bool {
        matches!(self, Self::Client | Self::ClientOrGenerated)
    }

    /// Returns whether a client without another name gets a generated one.
    pub(crate) const fn generates(self) -> bool {
        matches!(self, Self::Generated | Self::ClientOrGenerated)
    }
}

impl HostNameSettings {
    /// The maximum length of the beginning of generated names, in octets.
    pub const PREFIX_OCTETS_MAX: usize = 47;

    /// Settings that say nothing.
    pub(crate) const NOTHING: Self = Self { rule: None, prefix: None };

    /// These settings and, where they say nothing, those of a scope around this one.
    #[must_use]
    pub fn or(self, outer: &Self) -> Self {
        Self {
            rule: self.rule.or(outer.rule),
            prefix: self.prefix.or_else(|| outer.prefix.clone()),
        }
    }
}
