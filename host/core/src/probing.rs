//! Probing: whether an address is probed before it is offered, in case a host uses it that no
//! record knows (RFC 2131 section 2.2), and what the server learns from that.
//!
//! Sends nothing and does not decide which address is probed. Invariant: a scope that says nothing
//! probes nothing.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::HardwareAddress;

/// How the addresses of a scope are probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Probing {
    /// With which messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<ProbeMethod>,
    /// How long an answer is waited for, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

/// With which messages addresses are probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeMethod {
    /// They are not probed.
    #[default]
    Off,
    /// With ARP, for clients on a link of the server. Other clients get addresses unprobed.
    Arp,
    /// With ICMP echo requests, wherever the client is.
    Icmp,
    /// With ARP on a link of the server, and otherwise with ICMP echo requests.
    Auto,
}

/// An address to probe before it is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Probe {
    /// The address.
    pub address: Ipv4Addr,
    /// With which message.
    pub by: ProbeMessage,
    /// How long an answer is waited for, in milliseconds.
    pub timeout_ms: u32,
    /// The hardware address of the client: if it answers itself, nobody else uses the address.
    pub client: HardwareAddress,
}

/// The message that probes an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeMessage {
    /// An ARP request on this interface (RFC 5227 section 2.1.1).
    Arp(Arc<str>),
    /// An ICMP echo request (RFC 792).
    Icmp,
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeResult {
    /// No host answered in time.
    Unanswered,
    /// A host answered. ARP says which.
    Answered(Option<HardwareAddress>),
    /// It could not be sent, or too many others were under way. The address is offered unprobed.
    NotSent,
}

impl Probing {
    /// How long an answer is waited for unless a scope says so, in milliseconds.
    pub const TIMEOUT_MS: u32 = 500;
    /// Settings that say nothing.
    pub(crate) const NOTHING: Self = Self { method: None, timeout_ms: None };

    /// These settings and, where they say nothing, those of a scope around this one.
    #[must_use]
    pub fn or(self, outer: &Self) -> Self {
        Self {
            method: self.method.or(outer.method),
            timeout_ms: self.timeout_ms.or(outer.timeout_ms),
        }
    }
}

impl ProbeMethod {
    /// Every method, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Off, Self::Arp, Self::Icmp, Self::Auto];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Arp => "arp",
            Self::Icmp => "icmp",
            Self::Auto => "auto",
        }
    }
}
