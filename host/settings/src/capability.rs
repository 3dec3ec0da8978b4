//! Capabilities: what a policy can be granted besides the request, each an interface of the
//! contract.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A capability that a policy can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Lines in the server's log.
    Log,
    /// Counters and gauges, exported with the server's metrics.
    Metrics,
    /// State that all of its instances share and that is kept over restarts.
    State,
    /// Tables that the server holds in memory for lookups.
    Tables,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 4] = [Self::Log, Self::Metrics, Self::State, Self::Tables];

    /// The name of its interface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Metrics => "metrics",
            Self::State => "state",
            Self::Tables => "tables",
        }
    }

    /// The capability whose interface has this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.name() == name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The capabilities that a policy is granted, written as in its sidecar file: `["log", "state"]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants(u8);

impl Grants {
    /// All capabilities.
    pub fn all() -> Self {
        Capability::ALL.into_iter().collect()
    }

    /// Whether this capability is granted.
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }

    /// These capabilities and one more.
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability as u8)
    }

    /// The granted capabilities, in the order of [`Capability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.contains(*capability))
    }
}

impl FromIterator<Capability> for Grants {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Capability::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_written_as_operators_write_them() {
        let grants: Grants = [Capability::State, Capability::Log].into_iter().collect();
        assert_eq!(grants.to_string(), r#"["log", "state"]"#);
        assert_eq!(Grants::default().to_string(), "[]");
        assert!(!grants.contains(Capability::Tables) && Grants::all().contains(Capability::Tables));
    }
}
