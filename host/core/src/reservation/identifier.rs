//! What identifies the owner of a reservation, and where it is in a message.
//!
//! Invariant: kinds are ordered by precedence, the line before the device.

use std::fmt;

use lessor_vocabulary::{OptionDefinition, OptionKind, value_blocks};
use serde::{Deserialize, Serialize};

use crate::{
    HardwareAddress, RelayInformation, Request,
    option::code,
    readable,
    relay::{self, CIRCUIT_ID, REMOTE_ID},
};

/// An identifier of the owner of a reservation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReservationOwner {
    /// A sub-option of option 82, by its code.
    RelaySubOption(u8, #[serde(with = "crate::octets")] Box<[u8]>),
    /// A sub-option of option 125, by enterprise number and code.
    VendorSubOption(u32, u8, #[serde(with = "crate::octets")] Box<[u8]>),
    /// All octets of option 61.
    ClientIdentifier(#[serde(with = "crate::octets")] Box<[u8]>),
    /// The DUID in option 61, whichever interface the client uses (RFC 4361 section 6.1).
    Duid(#[serde(with = "crate::octets")] Box<[u8]>),
    /// The hardware address.
    HardwareAddress(HardwareAddress),
}

/// A kind of identifier, in descending precedence: if several reservations match a message, the one
/// whose identifier has the kind that is first in this order applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentifierKind {
    /// A sub-option of option 82. Of several, the one with the lowest code is first.
    RelaySubOption(u8),
    /// A sub-option of option 125.
    VendorSubOption(u32, u8),
    /// All octets of option 61.
    ClientIdentifier,
    /// The DUID in option 61.
    Duid,
    /// The hardware address.
    HardwareAddress,
}

/// An identifier, borrowed from a message, a record or a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identifier<'i> {
    kind: IdentifierKind,
    /// The hardware type; 0 if it is not a hardware address.
    hardware_type: u8,
    octets: &'i [u8],
}

impl ReservationOwner {
    /// The circuit id: sub-option 1 of option 82.
    pub fn circuit_id(octets: impl Into<Box<[u8]>>) -> Self {
        Self::RelaySubOption(CIRCUIT_ID, octets.into())
    }

    /// The remote id: sub-option 2 of option 82.
    pub fn remote_id(octets: impl Into<Box<[u8]>>) -> Self {
        Self::RelaySubOption(REMOTE_ID, octets.into())
    }

    /// Its kind.
    pub const fn kind(&self) -> IdentifierKind {
        match self {
            Self::RelaySubOption(code, _) => IdentifierKind::RelaySubOption(*code),
            Self::VendorSubOption(enterprise, code, _) => {
                IdentifierKind::VendorSubOption(*enterprise, *code)
            }
            Self::ClientIdentifier(_) => IdentifierKind::ClientIdentifier,
            Self::Duid(_) => IdentifierKind::Duid,
            Self::HardwareAddress(_) => IdentifierKind::HardwareAddress,
        }
    }

    /// Its value for people, in a form that the configuration accepts.
    pub fn value(&self) -> String {
        match self {
            Self::RelaySubOption(_, octets)
            | Self::VendorSubOption(_, _, octets)
            | Self::ClientIdentifier(octets) => readable(octets),
            Self::Duid(octets) => format!("hex:{}", hex::encode(octets)),
            Self::HardwareAddress(address) => address.to_string(),
        }
    }

    pub(crate) fn identifier(&self) -> Identifier<'_> {
        match self {
            Self::RelaySubOption(_, octets)
            | Self::VendorSubOption(_, _, octets)
            | Self::ClientIdentifier(octets)
            | Self::Duid(octets) => Identifier::new(self.kind(), octets),
            Self::HardwareAddress(address) => Identifier::of_hardware(address),
        }
    }
}

impl IdentifierKind {
    /// The identifier of this kind in a request that came over the line in `relay_information`.
    pub(crate) fn in_request<'r>(
        self,
        request: &'r Request,
        relay_information: Option<&'r RelayInformation>,
    ) -> Option<Identifier<'r>> {
        let octets = match self {
            Self::RelaySubOption(code) => relay_information?.sub_option(code)?,
            Self::VendorSubOption(enterprise, code) => {
                let sent = request.options.get(code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC)?;
                let mut parts = value_blocks(sent).filter(|(found, _)| *found == enterprise);
                parts.find_map(|(_, part)| relay::sub_option(part, code))?
            }
            Self::ClientIdentifier => request.client_identifier.as_deref()?,
            Self::Duid => duid_of(request.client_identifier.as_deref()?)?,
            Self::HardwareAddress => {
                let address = &request.hardware_address;
                return address.is_anybody().then(|| Identifier::of_hardware(address));
            }
        };
        Some(Identifier::new(self, octets))
    }

    /// The identifier of this kind of a client of which these facts are on record.
    pub(crate) fn in_record<'r>(
        self,
        hardware_address: &'r HardwareAddress,
        relay_information: Option<&'r [u8]>,
        client_identifier: Option<&'r [u8]>,
    ) -> Option<Identifier<'r>> {
        let octets = match self {
            Self::RelaySubOption(code) => relay::sub_option(relay_information?, code)?,
            Self::VendorSubOption(..) => return None,
            Self::ClientIdentifier => client_identifier?,
            Self::Duid => duid_of(client_identifier?)?,
            Self::HardwareAddress => return Some(Identifier::of_hardware(hardware_address)),
        };
        Some(Identifier::new(self, octets))
    }
}

impl<'i> Identifier<'i> {
    const fn new(kind: IdentifierKind, octets: &'i [u8]) -> Self {
        Self { kind, hardware_type: 0, octets }
    }

    fn of_hardware(address: &'i HardwareAddress) -> Self {
        let (kind, octets) = (IdentifierKind::HardwareAddress, address.octets());
        Self { kind, hardware_type: address.kind(), octets }
    }
}

/// The DUID in a client identifier: it follows the type 255 and the IAID (RFC 4361 section 6.1).
fn duid_of(client_identifier: &[u8]) -> Option<&[u8]> {
    const IAID_OCTETS: usize = 4;
    let (kind, rest) = client_identifier.split_first()?;
    let (_, duid) = rest.split_at_checked(IAID_OCTETS)?;
    (*kind == DUID_TYPE && !duid.is_empty()).then_some(duid)
}

/// The type of a client identifier that contains a DUID (RFC 4361 section 6.1).
const DUID_TYPE: u8 = 255;

/// The key in the configuration; parts of it are separated by dots.
impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RelaySubOption(CIRCUIT_ID) => f.write_str("circuit-id"),
            Self::RelaySubOption(REMOTE_ID) => f.write_str("remote-id"),
            Self::RelaySubOption(code) => match relay_sub_option_name(*code) {
                Some(name) => write!(f, "relay-sub-options.{name}"),
                None => write!(f, "relay-sub-options.{code}"),
            },
            Self::VendorSubOption(enterprise, code) => {
                write!(f, "vendor-sub-options.{enterprise}.{code}")
            }
            Self::ClientIdentifier => f.write_str("client-identifier"),
            Self::Duid => f.write_str("duid"),
            Self::HardwareAddress => f.write_str("hardware-address"),
        }
    }
}

impl fmt::Display for ReservationOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.value())
    }
}

/// The name of a sub-option of option 82.
fn relay_sub_option_name(code: u8) -> Option<&'static str> {
    relay_sub_options().find(|(found, _)| *found == code).map(|(_, name)| name)
}

/// The sub-options of option 82 that have names, each with its code.
pub fn relay_sub_options() -> impl Iterator<Item = (u8, &'static str)> {
    let definition = OptionDefinition::by_code(code::RELAY_AGENT_INFORMATION);
    let known = definition.and_then(|definition| match &definition.kind {
        OptionKind::SubOptions(known) => Some(known.iter()),
        _ => None,
    });
    known.into_iter().flatten().map(|sub| (sub.code, &*sub.name))
}
