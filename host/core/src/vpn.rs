//! Virtual private networks (RFC 6607): their names, and the octets that select one.
//!
//! Does not look one up; [`crate::Topology`] does. Does not know where messages have these octets;
//! `vpn_selection` does. Invariant: a name consists of characters that a
//! relay can send and a terminal can show.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A VPN as configured. Its addresses are an address space of their own: the same address in two
/// VPNs is two addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Vpn {
    /// The name, which is also what selects the VPN as NVT ASCII.
    pub name: VpnName,
    /// The identifier that selects it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<VpnId>,
}

/// The name of a VPN: 1 to 254 printable ASCII characters, which is what one option can carry.
/// Records of its addresses have it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VpnName(Arc<str>);

/// A VPN-ID of RFC 2685: three octets of the organisation, four of the VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VpnId(pub [u8; 7]);

/// What a message selects, in the form of option 221 and sub-option 151.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VpnSelector<'r> {
    /// Type 0: the name of a VPN, which may not be one.
    Name(&'r [u8]),
    /// Type 1: the identifier of a VPN.
    Id(VpnId),
    /// Type 255: the addresses that are in no VPN.
    Global,
    /// Octets that have none of these forms.
    Malformed,
}

/// The property of a message that selects a VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VpnSelectedBy {
    /// The relay, with sub-option 151 of option 82.
    Relay,
    /// The address of the relay (giaddr), which only subnets of one VPN name.
    RelayAddress,
    /// The interface on which the message arrived, which subnets of the VPN name.
    Interface,
    /// The client, with option 221.
    Client,
}

const NAME: u8 = 0;
const ID: u8 = 1;
const GLOBAL: u8 = 255;

impl VpnName {
    /// The largest number of characters.
    pub const OCTETS_MAX: usize = 254;

    /// The name `text`, or `None` if it is none.
    pub fn new(text: &str) -> Option<Self> {
        let is_printable = text.bytes().all(|octet| (0x20..=0x7e).contains(&octet));
        let fits = (1..=Self::OCTETS_MAX).contains(&text.len());
        (is_printable && fits).then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Vpn {
    /// Returns whether `selector` selects this VPN.
    pub fn is_selected_by(&self, selector: VpnSelector<'_>) -> bool {
        match selector {
            VpnSelector::Name(name) => self.name.as_str().as_bytes() == name,
            VpnSelector::Id(id) => self.id == Some(id),
            VpnSelector::Global | VpnSelector::Malformed => false,
        }
    }
}

impl<'r> VpnSelector<'r> {
    /// The selector in the octets of option 221 or sub-option 151.
    pub fn of(octets: &'r [u8]) -> Self {
        match octets {
            [NAME, name @ ..] if !name.is_empty() => Self::Name(name),
            [ID, id @ ..] => id.try_into().map_or(Self::Malformed, |id| Self::Id(VpnId(id))),
            [GLOBAL] => Self::Global,
            _ => Self::Malformed,
        }
    }

    /// The octets of the option or sub-option.
    pub fn octets(&self) -> Vec<u8> {
        match self {
            Self::Name(name) => [&[NAME], *name].concat(),
            Self::Id(VpnId(id)) => [&[ID], &id[..]].concat(),
            Self::Global => vec![GLOBAL],
            Self::Malformed => Vec::new(),
        }
    }

    /// Returns whether this selects the address space of `vpn`, or that outside of all VPNs.
    pub fn selects(self, vpn: Option<&Vpn>) -> bool {
        vpn.map_or(self == Self::Global, |vpn| vpn.is_selected_by(self))
    }
}

impl Borrow<str> for VpnName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VpnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<VpnName> for String {
    fn from(name: VpnName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl TryFrom<String> for VpnName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("the name of a VPN has 1 to 254 printable ASCII characters")
    }
}

/// As routers write it: both parts in hexadecimal.
impl fmt::Display for VpnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, rest @ ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}:{:08x}", u32::from_be_bytes(rest))
    }
}

impl FromStr for VpnId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "a VPN-ID has the form organisation:index, both in hexadecimal";
        let part = |text: &str, digits_max| {
            let is_digits = text.bytes().all(|octet| octet.is_ascii_hexdigit());
            let fits = (1..=digits_max).contains(&text.len());
            u32::from_str_radix(text, 16).ok().filter(|_| is_digits && fits)
        };
        let (organisation, index) = text.split_once(':').ok_or(WANTED)?;
        let organisation = part(organisation, 6).ok_or(WANTED)?.to_be_bytes();
        let [d, e, f, g] = part(index, 8).ok_or(WANTED)?.to_be_bytes();
        let [_, a, b, c] = organisation;
        Ok(Self([a, b, c, d, e, f, g]))
    }
}

impl From<VpnId> for String {
    fn from(id: VpnId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for VpnId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_and_everything_else_is_malformed() {
        let id = VpnId([0, 3, 0x6b, 0, 0, 0, 0x10]);
        for (octets, expected) in [
            (&b"\x00green"[..], VpnSelector::Name(b"green")),
            (b"\x01\x00\x03\x6b\x00\x00\x00\x10", VpnSelector::Id(id)),
            (b"\xff", VpnSelector::Global),
        ] {
            assert_eq!(VpnSelector::of(octets), expected);
            assert_eq!(expected.octets(), octets);
        }
        for octets in [&b""[..], b"\x00", b"\x01", b"\x01\x00\x03\x6b\x00\x00\x00", b"\x02a"] {
            assert_eq!(VpnSelector::of(octets), VpnSelector::Malformed, "{octets:?}");
        }
        assert_eq!(VpnSelector::of(b"\xffgreen"), VpnSelector::Malformed);
        assert_eq!(VpnSelector::of(&[1; 300]), VpnSelector::Malformed);
    }

    #[test]
    fn a_vpn_is_selected_by_its_name_and_its_id() {
        let id = "36b:10".parse::<VpnId>().unwrap();
        assert_eq!(id.to_string(), "00036b:00000010");
        let vpn = Vpn { name: VpnName::new("green").unwrap(), id: Some(id) };
        assert!(VpnSelector::Name(b"green").selects(Some(&vpn)));
        assert!(VpnSelector::Id(id).selects(Some(&vpn)));
        assert!(VpnSelector::Global.selects(None));
        for other in [VpnSelector::Name(b"Green"), VpnSelector::Global, VpnSelector::Malformed] {
            assert!(!other.selects(Some(&vpn)), "{other:?}");
        }
        assert!(!VpnSelector::Malformed.selects(None));
    }

    #[test]
    fn names_and_identifiers_that_are_none_are_refused() {
        assert!(VpnName::new("Customer 7: green").is_some());
        assert!(VpnName::new(&"a".repeat(VpnName::OCTETS_MAX)).is_some());
        for text in ["", "grün", "a\0", "tab\t", &"a".repeat(VpnName::OCTETS_MAX + 1)] {
            assert_eq!(VpnName::new(text), None, "{text:?}");
        }
        for text in ["", "36b", "36b:", ":10", "36b:100000000", "1000000:1", "+1:1", "g:1"] {
            assert!(text.parse::<VpnId>().is_err(), "{text:?}");
        }
    }
}
