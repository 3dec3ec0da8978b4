//! Clients: lines, and the keys that bindings are indexed by.
//!
//! Does not look up records. Invariant: a key identifies one client of a network.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{HardwareAddress, RelayInformation, relay};

/// The key that bindings are indexed by (RFC 2131 section 4.2), which distinguishes one client of a
/// network from another. The network determines the kind of key ([`ClientKeyKind`]). Keys are
/// unique within a network.
///
/// An identifier is opaque: its octets are not interpreted (RFC 4361 section 6).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientKey {
    /// The octets of option 61.
    Identifier(#[serde(with = "crate::octets")] Box<[u8]>),
    /// The type and octets of the hardware address.
    Hardware(HardwareAddress),
    /// The line, regardless of the device on it.
    Line(Line),
    /// A device on a line.
    LineAndHardware(Box<(Line, HardwareAddress)>),
}

/// The line on which a message arrived: the circuit id and the remote id of option 82 (RFC 3046),
/// at least one of them. Other sub-options describe how the message travelled, not where it came
/// from, so they are not part of the line.
///
/// Stored as the two sub-options in this order, each with code and length.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line(Box<[u8]>);

/// The property by which a network distinguishes its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientKeyKind {
    /// The client identifier, or the hardware address of a client that sends none.
    #[default]
    ClientIdentifier,
    /// The hardware address, regardless of the client identifier.
    HardwareAddress,
    /// The line, regardless of the device on it.
    Line,
    /// The line and the hardware address.
    LineAndHardwareAddress,
}

impl ClientKeyKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 4] =
        [Self::ClientIdentifier, Self::HardwareAddress, Self::Line, Self::LineAndHardwareAddress];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientIdentifier => "client-identifier",
            Self::HardwareAddress => "hardware-address",
            Self::Line => "line",
            Self::LineAndHardwareAddress => "line-and-hardware-address",
        }
    }

    /// The key of a client with these properties; `None` if they do not identify one.
    ///
    /// An empty client identifier identifies no client, and neither does a hardware address that is
    /// empty or all zeros. Interfaces without a hardware address send it (tunnels; RFC 2855 and RFC
    /// 4390 require a client identifier instead), and so do devices that lost theirs.
    pub fn key_from(
        self,
        identifier: Option<&[u8]>,
        hardware: Option<HardwareAddress>,
        information: Option<&RelayInformation>,
    ) -> Option<ClientKey> {
        let hardware = hardware.filter(HardwareAddress::is_anybody);
        let line = || information.and_then(Line::of);
        match self {
            Self::ClientIdentifier => {
                let identifier = identifier.filter(|octets| !octets.is_empty());
                let identifier = identifier.map(|octets| ClientKey::Identifier(octets.into()));
                identifier.or(hardware.map(ClientKey::Hardware))
            }
            Self::HardwareAddress => hardware.map(ClientKey::Hardware),
            Self::Line => line().map(ClientKey::Line),
            Self::LineAndHardwareAddress => {
                Some(ClientKey::LineAndHardware(Box::new((line()?, hardware?))))
            }
        }
    }

    /// Returns whether option 82 is needed to identify a client.
    pub const fn needs_line(self) -> bool {
        matches!(self, Self::Line | Self::LineAndHardwareAddress)
    }
}

impl Line {
    /// The line in `information`, or `None` if it names none.
    pub fn of(information: &RelayInformation) -> Option<Self> {
        Self::from_parts(information.circuit_id(), information.remote_id())
    }

    /// The line with this circuit id and remote id, or `None` if it has neither.
    pub(crate) fn from_parts(circuit_id: Option<&[u8]>, remote_id: Option<&[u8]>) -> Option<Self> {
        let mut octets = Vec::new();
        for (code, part) in [(relay::CIRCUIT_ID, circuit_id), (relay::REMOTE_ID, remote_id)] {
            if let Some(part) = part.filter(|part| !part.is_empty()) {
                octets.extend([code, part.len() as u8]);
                octets.extend_from_slice(part);
            }
        }
        (!octets.is_empty()).then(|| Self(octets.into()))
    }

    /// Circuit id and remote id, as the sub-options 1 and 2 of option 82.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The line with these octets, which [`Line::octets`] must have returned.
    pub(crate) fn from_own_octets(octets: &[u8]) -> Self {
        Self(octets.into())
    }

    /// The line with these octets, or `None` if [`Line::octets`] cannot have returned them.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let line = Self::of(&RelayInformation::from_octets(octets))?;
        (*line.0 == *octets).then_some(line)
    }
}

impl TryFrom<String> for Line {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let octets = hex::decode(&text).ok();
        octets.and_then(|octets| Self::from_octets(&octets)).ok_or_else(|| {
            format!(
                "{text:?} is not a line; wanted circuit id and remote id in hexadecimal, as the \
                 sub-options 1 and 2 of option 82"
            )
        })
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        line.to_string()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier(octets) => write!(f, "id:{}", hex::encode(octets)),
            Self::Hardware(address) => write!(f, "hw:{address}"),
            Self::Line(line) => write!(f, "line:{line}"),
            Self::LineAndHardware(both) => write!(f, "line:{},hw:{}", both.0, both.1),
        }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
