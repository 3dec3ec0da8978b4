//! The architectures of clients that boot over the network (RFC 4578 section 2.1 and the registry
//! "Processor Architecture Types" of IANA).
//!
//! Invariant: a number has one name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ReceivedOptions, option::code};

/// A number in option 93.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientArchitecture(pub u16);

/// The names of the registered numbers, except those that IANA lists as deprecated.
const NAMES: &[(&str, u16)] = &[
    ("x86-bios", 0),
    ("itanium", 2),
    ("x86-uefi", 6),
    ("x64-uefi", 7),
    ("ebc", 9),
    ("arm32-uefi", 10),
    ("arm64-uefi", 11),
    ("powerpc-open-firmware", 12),
    ("powerpc-epapr", 13),
    ("power-opal", 14),
    ("x86-uefi-http", 15),
    ("x64-uefi-http", 16),
    ("ebc-http", 17),
    ("arm32-uefi-http", 18),
    ("arm64-uefi-http", 19),
    ("x86-bios-http", 20),
    ("arm32-uboot", 21),
    ("arm64-uboot", 22),
    ("arm32-uboot-http", 23),
    ("arm64-uboot-http", 24),
    ("riscv32-uefi", 25),
    ("riscv32-uefi-http", 26),
    ("riscv64-uefi", 27),
    ("riscv64-uefi-http", 28),
    ("riscv128-uefi", 29),
    ("riscv128-uefi-http", 30),
    ("s390-basic", 31),
    ("s390-extended", 32),
    ("mips32-uefi", 33),
    ("mips64-uefi", 34),
    ("sunway32-uefi", 35),
    ("sunway64-uefi", 36),
    ("loongarch32-uefi", 37),
    ("loongarch32-uefi-http", 38),
    ("loongarch64-uefi", 39),
    ("loongarch64-uefi-http", 40),
    ("arm-rpiboot", 41),
];

/// The most architectures of one client that are considered; firmware sends one or two.
const CONSIDERED_MAX: usize = 8;

impl ClientArchitecture {
    const X64_UEFI: Self = Self(7);
    const EBC: Self = Self(9);

    /// The architecture with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(found, _)| *found == name).map(|(_, number)| Self(*number))
    }

    /// The name, if the number has one.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(_, number)| *number == self.0).map(|(name, _)| *name)
    }

    /// The names of all architectures, in order of number.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The architectures that a client names, in its order of preference. An odd last octet is
    /// ignored. RFC 4578 calls 9 "EFI x86-64", and firmware of its time sends it; IANA has called
    /// 7 so since, so 9 is followed by 7.
    pub(crate) fn of(sent: &ReceivedOptions) -> impl Iterator<Item = Self> {
        let octets = sent.get(code::CLIENT_ARCHITECTURE).unwrap_or_default();
        let numbers = octets.chunks_exact(2).take(CONSIDERED_MAX);
        let numbers = numbers.filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
        numbers.flat_map(|number| {
            let own = Self(number);
            [Some(own), (own == Self::EBC).then_some(Self::X64_UEFI)].into_iter().flatten()
        })
    }
}

impl fmt::Display for ClientArchitecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_in_order_and_unique() {
        let numbers: Vec<u16> = NAMES.iter().map(|(_, number)| *number).collect();
        assert!(numbers.is_sorted_by(|one, other| one < other));
        for name in ClientArchitecture::names() {
            let found = ClientArchitecture::by_name(name).unwrap();
            assert_eq!((found.name(), found.to_string()), (Some(name), name.to_owned()));
        }
        assert_eq!(ClientArchitecture(999).to_string(), "999");
    }
}
