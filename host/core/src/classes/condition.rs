//! The condition of a class: what a message must be like.
//!
//! Reads the octets of a message and allocates nothing. Invariant: a message is tested as it
//! arrived, except for its relay: a client that sends directly from the address that it leases is
//! tested with the relay that forwarded its last message, and with what that said. The
//! [`ClientPlace`] knows both. If the relay is not on record, each relay of the client's network
//! counts as its own.

use std::{net::Ipv4Addr, sync::Arc};

use ipnet::Ipv4Net;
use lessor_vocabulary::{encapsulated_option, value_blocks};

use crate::{HardwareAddress, RelayInformation, Request, VpnName, option::code, relay};

use super::{ClientPlace, OctetSet};

/// What a message must be like: every test holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(Box<[Test]>);

/// A property that a message has or does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Octets of the message fit.
    Octets(Fact, OctetReading, Fitting),
    /// The hardware address begins with one of these: the type, and octets of the address.
    HardwareAddress(OctetSet),
    /// One of these relays forwarded the message.
    Relay(Relays),
    /// The client is on the link of one of these interfaces, on which the message arrived.
    Interface(Box<[Arc<str>]>),
    /// One of these conditions is met.
    Any(Box<[Condition]>),
    /// This condition is not met.
    Not(Condition),
}

/// Relays by their addresses, and the clients behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relays {
    /// The addresses of the relays.
    pub addresses: Box<[Ipv4Net]>,
    /// The subnets of the networks that these addresses belong to, each with the VPN whose
    /// addresses it has. A client that renews its lease sends directly to the server; if its relay
    /// is not on record, only its own address shows where it is.
    pub subnets: Box<[SubnetBehind]>,
}

/// A subnet behind relays: its VPN, if it is in one, and its prefix.
pub type SubnetBehind = (Option<VpnName>, Ipv4Net);

/// Octets of a message: those of an option, or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The code of the option.
    pub option: u8,
    /// The way to the part: a part of the option, a part of that, and so on.
    pub parts: Box<[FactPart]>,
}

/// A part of octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactPart {
    /// The first sub-option with this code.
    SubOption(u8),
    /// The first part of this enterprise (RFC 3925).
    Enterprise(u32),
}

/// How octets are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OctetReading {
    /// As they are.
    Octets,
    /// As a text: zeros at its end do not count.
    Text,
    /// As they are or as items of this many octets, one of which has to fit.
    Items(u8),
    /// As a text or as texts, each after its length (RFC 3004), one of which has to fit.
    Texts,
}

/// The octets that fit: several are alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fitting {
    /// These.
    pub equal: OctetSet,
    /// Those that begin with one of these.
    pub starting: OctetSet,
    /// All: it is enough that the message has some.
    pub anything: bool,
}

impl Condition {
    /// A condition that is met if all of these tests hold.
    pub fn all(tests: Vec<Test>) -> Self {
        Self(tests.into())
    }

    /// The condition of a class to which only reservations send their owners: no message meets it.
    pub fn never() -> Self {
        Self([Test::Any(Box::default())].into())
    }

    /// The tests.
    pub fn tests(&self) -> &[Test] {
        &self.0
    }

    /// Returns whether a message of a client at this place is as it must be.
    pub fn is_met(&self, request: &Request, place: ClientPlace<'_>) -> bool {
        self.0.iter().all(|test| test.holds(request, place))
    }

    /// The same condition, in which relays have the subnets that `subnets_of` returns for their
    /// addresses.
    #[must_use]
    pub fn with_subnets(self, subnets_of: &dyn Fn(&[Ipv4Net]) -> Box<[SubnetBehind]>) -> Self {
        let with_subnets = |test: Test| match test {
            Test::Relay(Relays { addresses, .. }) => {
                let subnets = subnets_of(&addresses);
                Test::Relay(Relays { addresses, subnets })
            }
            Test::Any(conditions) => {
                let conditions = conditions.into_iter();
                Test::Any(conditions.map(|each| each.with_subnets(subnets_of)).collect())
            }
            Test::Not(condition) => Test::Not(condition.with_subnets(subnets_of)),
            test => test,
        };
        Self(self.0.into_iter().map(with_subnets).collect())
    }

    /// Returns whether a test is about option 82.
    pub(super) fn reads_relay_information(&self) -> bool {
        self.has_test(&|test| match test {
            Test::Octets(fact, ..) => fact.option == code::RELAY_AGENT_INFORMATION,
            _ => false,
        })
    }

    /// Returns whether a test is about the relay of the client, or the absence of one.
    pub(super) fn reads_relay(&self) -> bool {
        self.has_test(&|test| matches!(test, Test::Relay(_) | Test::Interface(_)))
    }

    /// Returns whether `is_wanted` returns true for a test, also for one within another.
    fn has_test(&self, is_wanted: &dyn Fn(&Test) -> bool) -> bool {
        self.0.iter().any(|test| match test {
            Test::Any(conditions) => conditions.iter().any(|each| each.has_test(is_wanted)),
            Test::Not(condition) => condition.has_test(is_wanted),
            test => is_wanted(test),
        })
    }
}

impl Test {
    fn holds(&self, request: &Request, place: ClientPlace<'_>) -> bool {
        let is_met = |condition: &Condition| condition.is_met(request, place);
        match self {
            Self::Octets(fact, reading, fitting) => {
                fact.of(request, place).is_some_and(|octets| fitting.fits_as(*reading, octets))
            }
            Self::HardwareAddress(set) => starts_in(set, &request.hardware_address),
            Self::Relay(relays) => relays.are_of(request, place),
            Self::Interface(names) => {
                let interface = request.arrival.interface.as_ref();
                interface.is_some_and(|interface| names.contains(interface))
                    && place.is_on_link_of_arrival(request)
            }
            Self::Any(conditions) => conditions.iter().any(is_met),
            Self::Not(condition) => !is_met(condition),
        }
    }

    /// A hardware address, or the beginning of one, as [`Test::HardwareAddress`] has it.
    pub fn hardware_octets(kind: u8, octets: &[u8]) -> Vec<u8> {
        [&[kind], octets].concat()
    }
}

impl OctetReading {
    /// Returns whether octets are several items, each of which may fit.
    pub const fn has_items(self) -> bool {
        matches!(self, Self::Items(_) | Self::Texts)
    }
}

impl Relays {
    fn are_of(&self, request: &Request, place: ClientPlace<'_>) -> bool {
        if let Some(relay) = place.relay_of(request) {
            let mut addresses = self.addresses.iter();
            return !relay.is_unspecified() && addresses.any(|prefix| prefix.contains(&relay));
        }
        let is_behind = |address: Ipv4Addr| {
            let mut subnets = self.subnets.iter();
            subnets.any(|(vpn, prefix)| prefix.contains(&address) && vpn.as_ref() == place.vpn())
        };
        request.address_in_use().is_some_and(is_behind)
    }
}

impl Fact {
    /// An option.
    pub fn option(option: u8) -> Self {
        Self { option, parts: Box::default() }
    }

    /// A sub-option of option 82.
    pub fn of_relay(code: u8) -> Self {
        let parts = [FactPart::SubOption(code)].into();
        Self { option: code::RELAY_AGENT_INFORMATION, parts }
    }

    fn of<'m>(&self, request: &'m Request, place: ClientPlace<'m>) -> Option<&'m [u8]> {
        let option = match self.option {
            code::RELAY_AGENT_INFORMATION => place.relay_information.map(RelayInformation::octets),
            option => request.options.get(option),
        };
        let mut is_whole = true;
        self.parts.iter().try_fold(option?, |octets, part| match part {
            FactPart::SubOption(code) => match std::mem::take(&mut is_whole) {
                // Only there, sub-options are padded.
                true if self.option == code::VENDOR_SPECIFIC_INFORMATION => {
                    encapsulated_option(octets, *code)
                }
                _ => relay::sub_option(octets, *code),
            },
            FactPart::Enterprise(number) => {
                let mut blocks = value_blocks(octets);
                blocks.find(|(found, _)| found == number).map(|(_, part)| part)
            }
        })
    }
}

impl Fitting {
    /// Returns whether octets fit if they are read in this way.
    pub fn fits_as(&self, reading: OctetReading, octets: &[u8]) -> bool {
        match reading {
            OctetReading::Octets => self.fits(octets),
            OctetReading::Items(width) => {
                let mut items = octets.chunks_exact(usize::from(width).max(1));
                self.fits(octets) || items.any(|item| self.fits(item))
            }
            OctetReading::Text => self.fits(without_final_zeros(octets)),
            OctetReading::Texts => {
                self.fits(without_final_zeros(octets)) || texts(octets).any(|text| self.fits(text))
            }
        }
    }

    fn fits(&self, octets: &[u8]) -> bool {
        self.anything || self.equal.contains(octets) || self.starting.contains_start_of(octets)
    }
}

fn starts_in(set: &OctetSet, address: &HardwareAddress) -> bool {
    let mut octets = [0; 1 + HardwareAddress::OCTETS_MAX];
    let found = address.octets();
    let length = 1 + found.len();
    let [kind, rest @ ..] = &mut octets;
    *kind = address.kind();
    rest.iter_mut().zip(found).for_each(|(to, from)| *to = *from);
    octets.get(..length).is_some_and(|octets| set.contains_start_of(octets))
}

fn without_final_zeros(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    octets.get(..end).unwrap_or_default()
}

/// The texts in octets that consist of texts, each after its length, up to a place that cannot be
/// read.
fn texts(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first()?;
        let (text, after) = tail.split_at_checked(usize::from(*length))?;
        rest = after;
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitting(equal: &[&str], starting: &[&str]) -> Fitting {
        Fitting {
            equal: equal.iter().collect(),
            starting: starting.iter().collect(),
            anything: false,
        }
    }

    #[test]
    fn texts_fit_with_and_without_zeros_and_lengths() {
        let found = fitting(&["iPXE"], &["docsis"]);
        for octets in [&b"iPXE"[..], b"iPXE\0", b"docsis", b"docsis3.0:", b"docsis\0\0"] {
            assert!(found.fits_as(OctetReading::Text, octets), "{octets:?}");
            assert!(found.fits_as(OctetReading::Texts, octets), "{octets:?}");
        }
        for octets in [&b"\x04iPXE"[..], b"\x03abc\x04iPXE", b"\x09docsis3.1", b"\x04iPXE\x09"] {
            assert!(!found.fits_as(OctetReading::Text, octets), "{octets:?}");
            assert!(found.fits_as(OctetReading::Texts, octets), "{octets:?}");
        }
        for octets in [&b""[..], b"ipxe", b"iPXE2", b"\x05iPXE", b"\x04iPX", b"\0"] {
            assert!(!found.fits_as(OctetReading::Texts, octets), "{octets:?}");
        }
        assert!(!found.fits_as(OctetReading::Octets, b"iPXE\0"));
        let anything = Fitting { anything: true, ..Fitting::default() };
        assert!(
            anything.fits_as(OctetReading::Octets, b"")
                && anything.fits_as(OctetReading::Texts, b"\xff")
        );
    }
}
