//! Messages: which exchanges a scope allows besides the four messages of RFC 2131.
//!
//! Invariant: a scope that says nothing allows none of them.

use serde::{Deserialize, Serialize};

/// The exchanges that a scope allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Messages {
    /// Which BOOTP clients are served. Only a subnet says so, because it is known before the
    /// address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootp: Option<BootpClients>,
    /// The lease time of a BOOTP client in seconds; infinite if no scope sets one, because such a
    /// client extends no lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootp_lease_secs: Option<u32>,
    /// Whether a DISCOVER of a client that wants so is answered with an ACK (RFC 4039).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rapid_commit: Option<bool>,
}

/// The BOOTP clients that are served (RFC 1534 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootpClients {
    /// None.
    Off,
    /// Those for which an address is reserved, or to which a policy gives one.
    Reserved,
    /// All of them. The others get addresses of pools.
    Dynamic,
}

impl BootpClients {
    /// Returns whether any BOOTP client is served.
    pub const fn serves(self) -> bool {
        !matches!(self, Self::Off)
    }
}

impl Messages {
    /// Settings that say nothing.
    pub(crate) const NOTHING: Self =
        Self { bootp: None, bootp_lease_secs: None, rapid_commit: None };

    /// These settings and, where they say nothing, those of a scope around this one.
    #[must_use]
    pub fn or(self, outer: &Self) -> Self {
        Self {
            bootp: self.bootp.or(outer.bootp),
            bootp_lease_secs: self.bootp_lease_secs.or(outer.bootp_lease_secs),
            rapid_commit: self.rapid_commit.or(outer.rapid_commit),
        }
    }
}
