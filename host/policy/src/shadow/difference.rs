//! Differences between a shadow's decision and the decision that was made.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The aspect in which two decisions differ. Written as text: `lease-time`, `option-6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DifferenceKind {
    /// Whether the client gets an answer. If this differs, nothing else is compared.
    Verdict,
    /// The pool that the address is to come from.
    Pool,
    /// The address.
    Address,
    /// The lease time.
    LeaseTime,
    /// When the client extends its lease with this server.
    RenewalTime,
    /// When the client extends its lease with any server.
    RebindingTime,
    /// The server that the client boots from.
    NextServer,
    /// The name of that server.
    ServerName,
    /// What the client boots.
    BootFile,
    /// The subscriber that the lease is counted against, or the limit.
    Subscriber,
    /// The value of this option, or whether it is sent.
    Option(u8),
    /// The shadow failed or was not called, so its decision is unknown.
    Fault,
}

/// One difference, with both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The aspect in which they differ.
    pub kind: DifferenceKind,
    /// The decision that was made; `None` if nothing was set.
    pub live: Option<String>,
    /// The decision of the shadow; `None` if nothing was set.
    pub shadow: Option<String>,
}

const NAMED: [(DifferenceKind, &str); 11] = [
    (DifferenceKind::Verdict, "verdict"),
    (DifferenceKind::Pool, "pool"),
    (DifferenceKind::Address, "address"),
    (DifferenceKind::LeaseTime, "lease-time"),
    (DifferenceKind::RenewalTime, "renewal-time"),
    (DifferenceKind::RebindingTime, "rebinding-time"),
    (DifferenceKind::NextServer, "next-server"),
    (DifferenceKind::ServerName, "server-name"),
    (DifferenceKind::BootFile, "boot-file"),
    (DifferenceKind::Subscriber, "subscriber"),
    (DifferenceKind::Fault, "fault"),
];
const OPTION: &str = "option-";

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, NAMED.iter().find(|(kind, _)| kind == self)) {
            (Self::Option(code), _) => f.pad(&format!("{OPTION}{code}")),
            (_, named) => f.pad(named.map_or("", |(_, name)| name)),
        }
    }
}

impl From<DifferenceKind> for String {
    fn from(kind: DifferenceKind) -> Self {
        kind.to_string()
    }
}

impl FromStr for DifferenceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = NAMED.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind);
        let option = || text.strip_prefix(OPTION)?.parse().ok().map(Self::Option);
        named.or_else(option).ok_or_else(|| format!("{text:?} is not a kind of difference"))
    }
}

impl TryFrom<String> for DifferenceKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_back_as_they_were_written() {
        let kinds = NAMED.map(|(kind, _)| kind).into_iter().chain([DifferenceKind::Option(224)]);
        for kind in kinds {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for text in ["", "option", "option-", "option-256", "Pool"] {
            assert!(text.parse::<DifferenceKind>().is_err(), "{text}");
        }
    }
}
