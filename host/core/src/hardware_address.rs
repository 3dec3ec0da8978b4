//! Hardware addresses.
//!
//! Invariant: the text of an address is read back as the same address.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de};
use thiserror::Error;

/// A hardware address as in the header (chaddr, RFC 2131 section 2): a type and up to 16 octets.
///
/// Written as `02:00:5e:00:53:01` for Ethernet, and otherwise with the type in front, `32/80:00:…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwareAddress {
    kind: u8,
    length: u8,
    octets: [u8; Self::OCTETS_MAX],
}

/// The error for a text that is not a hardware address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{found:?} is not a hardware address; wanted octets in hexadecimal such as 02:00:5e:00:53:01, \
     with the hardware type and a slash in front if it is not Ethernet"
)]
pub struct HardwareAddressError {
    found: String,
}

impl HardwareAddress {
    /// The maximum number of octets in the header.
    pub const OCTETS_MAX: usize = 16;
    /// The hardware type of Ethernet (RFC 1700, "Number Hardware Type").
    pub const ETHERNET: u8 = 1;

    /// The address of hardware type `kind`, or `None` if there are more than 16 octets.
    pub fn new(kind: u8, octets: &[u8]) -> Option<Self> {
        let mut padded = [0; Self::OCTETS_MAX];
        padded.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(Self { kind, length: octets.len() as u8, octets: padded })
    }

    /// An Ethernet address.
    pub const fn ethernet(octets: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = octets;
        Self {
            kind: Self::ETHERNET,
            length: 6,
            octets: [a, b, c, d, e, f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        }
    }

    /// The hardware type (htype).
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// Returns whether it can identify a client: it has octets, and not only zeros.
    pub fn is_anybody(&self) -> bool {
        self.octets().iter().any(|octet| *octet != 0)
    }

    /// The octets in use, as many as hlen specifies.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl fmt::Display for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != Self::ETHERNET {
            write!(f, "{}/", self.kind)?;
        }
        for (position, octet) in self.octets().iter().enumerate() {
            let separator = if position == 0 { "" } else { ":" };
            write!(f, "{separator}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for HardwareAddress {
    type Err = HardwareAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || HardwareAddressError { found: text.to_owned() };
        let (kind, octets) = match text.split_once('/') {
            Some((kind, octets)) => (kind.parse().map_err(|_| refused())?, octets),
            None => (Self::ETHERNET, text),
        };
        let octets: Vec<u8> = if octets.is_empty() {
            Vec::new()
        } else {
            octets
                .split([':', '-'])
                .map(|octet| match octet.len() {
                    2 => u8::from_str_radix(octet, 16).map_err(|_| refused()),
                    _ => Err(refused()),
                })
                .collect::<Result<_, _>>()?
        };
        Self::new(kind, &octets).ok_or_else(refused)
    }
}

impl Serialize for HardwareAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HardwareAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_read_as_they_are_written() {
        for text in ["02:00:5e:00:53:01", "32/80:00:02:08", "6/", "7/00"] {
            assert_eq!(text.parse::<HardwareAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn texts_that_are_no_hardware_address_are_refused() {
        for text in ["02:00:5e:0:53:01", "x", "256/00", "1/00:", &["00"; 17].join(":")] {
            assert!(text.parse::<HardwareAddress>().is_err(), "{text}");
        }
    }
}
