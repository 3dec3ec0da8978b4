//! Values of options: as types, as octets (RFC 2132, RFC 3397, RFC 3442), and as text for people.
//!
//! Octets are those of the value, without code and length. Invariant: what [`OptionKind::decode`]
//! returns can be written in a configuration, and [`OptionValue::encode`] returns the same octets
//! unless names are compressed in another way.

mod names;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::Ipv4Addr;

use crate::{Ipv4Prefix, OptionDefinition, OptionKind, hexadecimal};

use names::NameList;
pub(crate) use names::is_domain_name;

/// The value of an option that the server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// One address.
    Address(Ipv4Addr),
    /// One or more addresses.
    Addresses(Vec<Ipv4Addr>),
    /// One octet, 0 or 1.
    Flag(bool),
    /// One octet.
    U8(u8),
    /// Two octets.
    U16(u16),
    /// A list of two-octet numbers.
    U16s(Vec<u16>),
    /// Four octets.
    U32(u32),
    /// Four octets, signed.
    I32(i32),
    /// Text without a terminating zero.
    Text(String),
    /// Domain names in DNS wire format (RFC 1035 section 3.1), compressed according to RFC 3397.
    DomainNames(Vec<String>),
    /// Destinations and their routers (RFC 3442).
    Routes(Vec<(Ipv4Prefix, Ipv4Addr)>),
    /// Any other value, in the form in which it is sent.
    Octets(Vec<u8>),
    /// Octets that depend on the vendor class of the client (option 60). The server chooses before
    /// it sends a reply: see [`ForClass::chosen`].
    ByClass(Vec<ForClass>),
    /// Octets that depend on the vendors that the client names (options 124 and 125). The server
    /// chooses before it sends a reply: see [`ForEnterprise::chosen`].
    ByEnterprise(Vec<ForEnterprise>),
}

/// The value of an option for the clients of one vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForClass {
    /// The beginning of their vendor class (option 60).
    pub class: String,
    /// The value.
    pub octets: Vec<u8>,
}

/// The part of an option that is for the clients of one enterprise (RFC 3925).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForEnterprise {
    /// The number of the enterprise.
    pub enterprise: u32,
    /// The beginning of the vendor class (option 60) of its clients, if it is known.
    pub class: Option<String>,
    /// The part, with the enterprise number and the length.
    pub octets: Vec<u8>,
}

impl ForClass {
    /// The value for a client with this vendor class: that with the longest beginning of the class.
    /// `None` if no beginning fits.
    pub fn chosen<'v>(values: &'v [Self], vendor_class: &[u8]) -> Option<&'v [u8]> {
        let fits = |value: &&Self| vendor_class.starts_with(value.class.as_bytes());
        let longest = values.iter().filter(fits).max_by_key(|value| value.class.len());
        longest.map(|value| &*value.octets)
    }
}

impl ForEnterprise {
    /// The parts for a client, joined; `None` if there are none. A client that names enterprises
    /// gets their parts. One that names none gets every part that is not bound to a vendor class.
    /// Both get the parts that are bound to their vendor class.
    pub fn chosen(
        parts: &[Self],
        vendor_class: Option<&[u8]>,
        enterprises: &[u32],
    ) -> Option<Vec<u8>> {
        let fits = |part: &&Self| {
            let names_class = part.class.as_ref().is_some_and(|class| {
                vendor_class.is_some_and(|found| found.starts_with(class.as_bytes()))
            });
            let is_for_all = enterprises.is_empty() && part.class.is_none();
            names_class || is_for_all || enterprises.contains(&part.enterprise)
        };
        let chosen: Vec<u8> =
            parts.iter().filter(fits).flat_map(|part| part.octets.iter().copied()).collect();
        (!chosen.is_empty()).then_some(chosen)
    }
}

/// The enterprise numbers in the octets of option 124 or 125 (RFC 3925); those before a place that
/// cannot be read.
pub fn enterprises(octets: &[u8]) -> Vec<u32> {
    blocks(octets).map(|(enterprise, _)| enterprise).collect()
}

/// The enterprise numbers and the octets of their parts, up to a place that cannot be read.
pub fn blocks(octets: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = octets;
    core::iter::from_fn(move || {
        let (number, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first()?;
        let (part, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        Some((u32::from_be_bytes(*number), part))
    })
}

impl OptionValue {
    /// Appends the octets of the value. Domain names that do not consist of letters, digits, `-`
    /// and `_` are skipped. A value that depends on the client has no octets before it is chosen.
    pub fn encode(&self, octets: &mut Vec<u8>) {
        self.encode_with(octets, |_| None);
    }

    /// Appends the octets of the value. `unusual` returns the labels of a domain name that does not
    /// consist of letters, digits, `-` and `_`: each label after its length, without that of the
    /// root. A name is skipped if it returns `None`.
    pub fn encode_with(&self, octets: &mut Vec<u8>, unusual: impl Fn(&str) -> Option<Vec<u8>>) {
        match self {
            Self::Address(address) => octets.extend_from_slice(&address.octets()),
            Self::Addresses(addresses) => {
                octets.extend(addresses.iter().flat_map(|address| address.octets()));
            }
            Self::Flag(flag) => octets.push(u8::from(*flag)),
            Self::U8(number) => octets.push(*number),
            Self::U16(number) => octets.extend_from_slice(&number.to_be_bytes()),
            Self::U16s(numbers) => {
                octets.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
            }
            Self::U32(number) => octets.extend_from_slice(&number.to_be_bytes()),
            Self::I32(number) => octets.extend_from_slice(&number.to_be_bytes()),
            Self::Text(text) => octets.extend_from_slice(text.as_bytes()),
            Self::DomainNames(names) => {
                let mut list = NameList::new(octets);
                names.iter().for_each(|name| list.append(name, &unusual));
            }
            Self::Routes(routes) => {
                for (destination, router) in routes {
                    let length = destination.length.min(32);
                    octets.push(length);
                    let significant = usize::from(length.div_ceil(8));
                    octets.extend(destination.trunc().address.octets().iter().take(significant));
                    octets.extend_from_slice(&router.octets());
                }
            }
            Self::Octets(value) => octets.extend_from_slice(value),
            Self::ByClass(_) | Self::ByEnterprise(_) => {}
        }
    }

    /// The octets of the value; see [`Self::encode`].
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        self.encode(&mut octets);
        octets
    }

    /// The length of the value in octets, without compression of names.
    pub fn uncompressed_len(&self) -> usize {
        match self {
            Self::Flag(_) | Self::U8(_) => 1,
            Self::U16(_) => 2,
            Self::Address(_) | Self::U32(_) | Self::I32(_) => 4,
            Self::Addresses(addresses) => addresses.len() * 4,
            Self::U16s(numbers) => numbers.len() * 2,
            Self::Text(text) => text.len(),
            Self::DomainNames(names) => names.iter().map(|name| name.len() + 2).sum(),
            Self::Routes(routes) => {
                routes.iter().map(|(to, _)| 5 + usize::from(to.length.div_ceil(8))).sum()
            }
            Self::Octets(octets) => octets.len(),
            Self::ByClass(values) => {
                values.iter().map(|value| value.octets.len()).max().unwrap_or_default()
            }
            Self::ByEnterprise(parts) => parts.iter().map(|part| part.octets.len()).sum(),
        }
    }

    /// Returns whether the value is of a kind that has at least one item (RFC 2132). If it has
    /// none, the option is left out instead of sent empty.
    pub const fn needs_items(&self) -> bool {
        matches!(self, Self::Addresses(_) | Self::U16s(_) | Self::DomainNames(_) | Self::Routes(_))
    }

    /// The value of option `code` in a form for people. Octets are shown as addresses if the option
    /// takes addresses, as text if they are text, and otherwise in hexadecimal.
    pub fn shown(&self, code: u8) -> String {
        let joined = |texts: Vec<String>| texts.join(",");
        match self {
            Self::Address(address) => address.to_string(),
            Self::Addresses(addresses) => {
                joined(addresses.iter().map(ToString::to_string).collect())
            }
            Self::Flag(flag) => flag.to_string(),
            Self::U8(number) => number.to_string(),
            Self::U16(number) => number.to_string(),
            Self::U16s(numbers) => joined(numbers.iter().map(ToString::to_string).collect()),
            Self::U32(number) => number.to_string(),
            Self::I32(number) => number.to_string(),
            Self::Text(text) => text.escape_debug().to_string(),
            Self::DomainNames(names) => joined(names.clone()),
            Self::Routes(routes) => joined(
                routes.iter().map(|(prefix, router)| format!("{prefix} by {router}")).collect(),
            ),
            Self::Octets(octets) => shown_addresses(code, octets).unwrap_or_else(|| {
                match core::str::from_utf8(octets) {
                    Ok(text) if octets.iter().all(|octet| matches!(octet, b' '..=b'~')) => {
                        text.to_string()
                    }
                    _ => hexadecimal::text(octets),
                }
            }),
            Self::ByClass(values) => joined(
                values
                    .iter()
                    .map(|value| {
                        format!("{} for {}", hexadecimal::text(&value.octets), value.class)
                    })
                    .collect(),
            ),
            Self::ByEnterprise(parts) => {
                joined(parts.iter().map(|part| hexadecimal::text(&part.octets)).collect())
            }
        }
    }
}

/// The octets of option `code` as addresses, separated by commas; `None` if they are none.
pub fn shown_addresses(code: u8, octets: &[u8]) -> Option<String> {
    let kind = &OptionDefinition::by_code(code)?.kind;
    let addresses = addresses(octets).filter(|_| kind.takes_addresses())?;
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Some(addresses.join(","))
}

impl OptionKind {
    /// Reads the octets of a value; `None` if a configuration cannot write them as a value of this
    /// kind.
    ///
    /// The parts of a value that has some are not checked: `OptionSetting::decode` reads them.
    pub fn decode(&self, octets: &[u8]) -> Option<OptionValue> {
        Some(match self {
            Self::Address => OptionValue::Address(<[u8; 4]>::try_from(octets).ok()?.into()),
            Self::Addresses => OptionValue::Addresses(addresses(octets)?),
            Self::Flag => match octets {
                [0] => OptionValue::Flag(false),
                [1] => OptionValue::Flag(true),
                _ => return None,
            },
            Self::U8 => OptionValue::U8(u8::from_be_bytes(octets.try_into().ok()?)),
            Self::U16 => OptionValue::U16(u16::from_be_bytes(octets.try_into().ok()?)),
            Self::U16s => {
                let (numbers, rest) = octets.as_chunks::<2>();
                if !rest.is_empty() || numbers.is_empty() {
                    return None;
                }
                OptionValue::U16s(numbers.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
            }
            Self::U32 => OptionValue::U32(u32::from_be_bytes(octets.try_into().ok()?)),
            Self::I32 => OptionValue::I32(i32::from_be_bytes(octets.try_into().ok()?)),
            Self::Text => OptionValue::Text(text(octets)?.into()),
            Self::DomainNames => OptionValue::DomainNames(names::decode(octets)?),
            Self::Routes => OptionValue::Routes(routes(octets)?),
            Self::Empty => OptionValue::Octets(octets.is_empty().then(Vec::new)?),
            _ if octets.is_empty() => return None,
            _ => OptionValue::Octets(octets.to_vec()),
        })
    }
}

/// Text that a configuration can write: it has no control characters, and `hex:` at its beginning
/// would mean octets.
pub fn text(octets: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(octets).ok()?;
    let is_plain =
        !text.is_empty() && !text.starts_with(hexadecimal::HEX) && !text.contains(char::is_control);
    is_plain.then_some(text)
}

/// Every address of a list; at least one.
fn addresses(octets: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let (addresses, rest) = octets.as_chunks::<4>();
    let is_list = rest.is_empty() && !addresses.is_empty();
    is_list.then(|| addresses.iter().map(|octets| Ipv4Addr::from(*octets)).collect())
}

fn routes(octets: &[u8]) -> Option<Vec<(Ipv4Prefix, Ipv4Addr)>> {
    let mut routes = Vec::new();
    let mut rest = octets;
    while let [length, tail @ ..] = rest {
        let significant = usize::from(*length).div_ceil(8);
        let (prefix, tail) = tail.split_at_checked(significant)?;
        let (router, tail) = tail.split_at_checked(4)?;
        let mut network = [0; 4];
        network.get_mut(..significant)?.copy_from_slice(prefix);
        let destination = Ipv4Prefix { address: network.into(), length: *length };
        if destination != destination.trunc() {
            return None;
        }
        routes.push((destination, <[u8; 4]>::try_from(router).ok()?.into()));
        rest = tail;
    }
    (!routes.is_empty()).then_some(routes)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// RFC 3442.
    #[test]
    fn routes_carry_the_significant_octets_only() {
        // RFC 3442, the table in "Classless Route Option Format", with routers added.
        let router = "10.0.0.1".parse().unwrap();
        for (destination, expected) in [
            ("0.0.0.0/0", &b"\x00"[..]),
            ("10.0.0.0/8", b"\x08\x0a"),
            ("10.0.0.0/24", b"\x18\x0a\x00\x00"),
            ("10.17.0.0/16", b"\x10\x0a\x11"),
            ("10.27.129.0/24", b"\x18\x0a\x1b\x81"),
            ("10.229.0.128/25", b"\x19\x0a\xe5\x00\x80"),
            ("10.198.122.47/32", b"\x20\x0a\xc6\x7a\x2f"),
        ] {
            let value = OptionValue::Routes(vec![(destination.parse().unwrap(), router)]);
            let octets = value.to_octets();
            assert_eq!(octets, [expected, &[10, 0, 0, 1]].concat(), "{destination}");
            assert_eq!(OptionKind::Routes.decode(&octets), Some(value));
        }
        // Octets beyond the prefix are not sent, and not accepted.
        let value = OptionValue::Routes(vec![("10.255.255.255/9".parse().unwrap(), router)]);
        assert_eq!(value.to_octets(), b"\x09\x0a\x80\x0a\x00\x00\x01");
        assert_eq!(OptionKind::Routes.decode(b"\x09\x0a\xff\x0a\x00\x00\x01"), None);
        assert_eq!(OptionKind::Routes.decode(&[33, 1, 2, 3, 4, 5, 1, 2, 3, 4]), None);
    }

    #[test]
    fn values_are_in_network_order_and_are_read_back() {
        let address = [192, 0, 2, 1].into();
        for (kind, value, expected) in [
            (OptionKind::Address, OptionValue::Address(address), &b"\xc0\x00\x02\x01"[..]),
            (
                OptionKind::Addresses,
                OptionValue::Addresses(vec![address; 2]),
                b"\xc0\x00\x02\x01\xc0\x00\x02\x01",
            ),
            (OptionKind::Flag, OptionValue::Flag(true), b"\x01"),
            (OptionKind::Flag, OptionValue::Flag(false), b"\x00"),
            (OptionKind::U8, OptionValue::U8(7), b"\x07"),
            (OptionKind::U16, OptionValue::U16(1500), b"\x05\xdc"),
            (OptionKind::U16s, OptionValue::U16s(vec![68, 296]), b"\x00\x44\x01\x28"),
            (OptionKind::U32, OptionValue::U32(3600), b"\x00\x00\x0e\x10"),
            (OptionKind::I32, OptionValue::I32(-1), b"\xff\xff\xff\xff"),
            (OptionKind::Text, OptionValue::Text("a".into()), b"a"),
            (OptionKind::Octets, OptionValue::Octets(vec![0, 255]), b"\x00\xff"),
        ] {
            assert_eq!(value.to_octets(), expected, "{value:?}");
            assert_eq!(value.uncompressed_len(), expected.len(), "{value:?}");
            assert_eq!(kind.decode(expected), Some(value));
            assert_eq!(kind.decode(b""), None, "{kind:?}");
        }
        for (kind, octets) in [
            (OptionKind::Address, &b"\x01\x02\x03"[..]),
            (OptionKind::Addresses, b"\x01\x02\x03\x04\x05"),
            (OptionKind::Flag, b"\x02"),
            (OptionKind::U16s, b"\x02"),
            (OptionKind::Text, b"hex:00"),
            (OptionKind::Text, b"a\0"),
        ] {
            assert_eq!(kind.decode(octets), None, "{kind:?} {octets:?}");
        }
    }

    #[test]
    fn octets_are_shown_as_what_the_option_takes() {
        let shown = |code, octets: &[u8]| OptionValue::Octets(octets.to_vec()).shown(code);
        assert_eq!(shown(6, &[192, 0, 2, 1, 192, 0, 2, 2]), "192.0.2.1,192.0.2.2");
        assert_eq!(shown(6, &[192, 0, 2]), "hex:c00002");
        assert_eq!(shown(15, b"example.net"), "example.net");
        assert_eq!(shown(224, b"\0"), "hex:00");
    }
}
