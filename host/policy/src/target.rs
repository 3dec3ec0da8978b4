//! What code is compiled for: processors like this one, or every processor of an architecture.
//!
//! Does not compile. Invariant: code for [`Target::Baseline`] of an architecture runs on each of
//! its processors.

use std::{env::consts, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::processor;

/// The processors that code is compiled for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Processors that have every feature of this one.
    #[default]
    Here,
    /// Every processor of an architecture.
    Baseline(Architecture),
}

/// An architecture that policies can be compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the architectures")]
pub enum Architecture {
    Aarch64,
    X86_64,
}

/// A text that names no target.
#[derive(Debug, Error)]
#[error("found {found:?}, wanted one of {}", Architecture::ALL.map(Architecture::triple).join(", "))]
pub struct UnknownTarget {
    found: String,
}

impl Target {
    /// Every processor of this architecture; `None` if policies cannot be compiled for it.
    pub(crate) fn baseline() -> Option<Self> {
        Architecture::ALL.into_iter().find(|one| one.name() == consts::ARCH).map(Self::Baseline)
    }

    /// The triple for the compiler; `None` makes it find out what this processor has.
    #[cfg(feature = "compile")]
    pub(crate) const fn triple(self) -> Option<&'static str> {
        match self {
            Self::Here => None,
            Self::Baseline(architecture) => Some(architecture.triple()),
        }
    }

    /// The name of the architecture.
    pub(crate) const fn architecture(self) -> &'static str {
        match self {
            Self::Here => consts::ARCH,
            Self::Baseline(architecture) => architecture.name(),
        }
    }

    /// The features of processors that code for this target may use.
    pub(crate) fn features(self) -> Vec<&'static str> {
        match self {
            Self::Here => processor::features().collect(),
            Self::Baseline(_) => Vec::new(),
        }
    }
}

impl Architecture {
    pub(crate) const ALL: [Self; 2] = [Self::Aarch64, Self::X86_64];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64",
            Self::X86_64 => "x86_64",
        }
    }

    const fn triple(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }
}

/// Reads a triple. The C library makes no difference to compiled policies.
impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let same_code = text.replace("-linux-musl", "-linux-gnu");
        let named = Architecture::ALL.into_iter().find(|one| one.triple() == same_code);
        named.map(Self::Baseline).ok_or_else(|| UnknownTarget { found: text.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("processors like this one"),
            Self::Baseline(architecture) => write!(f, "every {} processor", architecture.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triples_of_both_libraries_are_known_and_others_are_explained() {
        for (text, wanted) in [
            ("x86_64-unknown-linux-gnu", Architecture::X86_64),
            ("x86_64-unknown-linux-musl", Architecture::X86_64),
            ("aarch64-unknown-linux-musl", Architecture::Aarch64),
        ] {
            assert_eq!(text.parse::<Target>().unwrap(), Target::Baseline(wanted));
        }
        let said = "riscv64gc-unknown-linux-gnu".parse::<Target>().unwrap_err().to_string();
        assert!(said.contains("riscv64gc") && said.contains("aarch64-unknown-linux-gnu"), "{said}");
    }
}
