//! Options: received ones as octets, sent ones as typed values, and the catalogue that maps each
//! code to a name and a kind.
//!
//! Neither parses nor writes messages; the `wire` crate does. Invariant: a code has at most one
//! name, and a name at most one code.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Codes of the options that the server itself reads or writes (RFC 2132 unless noted otherwise).
pub mod code {
    #![allow(missing_docs)]
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTERS: u8 = 3;
    pub const HOST_NAME: u8 = 12;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_IDENTIFIER: u8 = 54;
    pub const PARAMETER_REQUEST_LIST: u8 = 55;
    pub const MESSAGE: u8 = 56;
    pub const MAX_MESSAGE_SIZE: u8 = 57;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT_IDENTIFIER: u8 = 61;
    pub const USER_CLASS: u8 = 77;
    pub const RELAY_AGENT_INFORMATION: u8 = 82;
    /// RFC 8925.
    pub const IPV6_ONLY_PREFERRED: u8 = 108;
    /// RFC 3011.
    pub const SUBNET_SELECTION: u8 = 118;
    /// RFC 3442.
    pub const CLASSLESS_STATIC_ROUTES: u8 = 121;
    pub const END: u8 = 255;
}

/// Returns whether only the engine may set the option; configuration and policies may not.
pub const fn is_reserved_for_engine(option: u8) -> bool {
    matches!(
        option,
        code::PAD
            | code::REQUESTED_ADDRESS
            | code::LEASE_TIME
            | code::OVERLOAD
            | code::MESSAGE_TYPE
            | code::SERVER_IDENTIFIER
            | code::PARAMETER_REQUEST_LIST
            | code::MESSAGE
            | code::MAX_MESSAGE_SIZE
            | code::RENEWAL_TIME
            | code::REBINDING_TIME
            | code::CLIENT_IDENTIFIER
            | code::RELAY_AGENT_INFORMATION
            | code::SUBNET_SELECTION
            | code::END
    )
}

/// The options of a received message as octets. All parts of a split option are joined in the order
/// of the message (RFC 3396), and codes are in the order of their first part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedOptions {
    octets: Vec<u8>,
    entries: SmallVec<[Entry; 16]>,
    is_cut_short: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    code: u8,
    start: u32,
    end: u32,
}

impl ReceivedOptions {
    /// Creates an empty set with room for `octets` octets of values.
    pub fn with_capacity(octets: usize) -> Self {
        Self { octets: Vec::with_capacity(octets), ..Self::default() }
    }

    /// Records that a field ended within an option. What came before that option was read.
    pub fn cut_short(&mut self) {
        self.is_cut_short = true;
    }

    /// Returns whether a field of the message ended within an option, which is missing here.
    pub fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// Adds a part of option `code` and joins it to the previous parts.
    pub fn append(&mut self, code: u8, part: &[u8]) {
        let end_of_all = self.octets.len() as u32;
        match self.entries.iter_mut().find(|entry| entry.code == code) {
            None => {
                self.octets.extend_from_slice(part);
                let end = self.octets.len() as u32;
                self.entries.push(Entry { code, start: end_of_all, end });
            }
            Some(entry) => {
                if entry.end != end_of_all {
                    self.octets.extend_from_within(entry.start as usize..entry.end as usize);
                    entry.start = end_of_all;
                }
                self.octets.extend_from_slice(part);
                entry.end = self.octets.len() as u32;
            }
        }
    }

    /// The octets of option `code`, which may be empty; `None` if the message does not have the
    /// option.
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        let entry = self.entries.iter().find(|entry| entry.code == code)?;
        self.octets.get(entry.start as usize..entry.end as usize)
    }

    /// Every option once, code and octets.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.entries.iter().filter_map(|entry| {
            Some((entry.code, self.octets.get(entry.start as usize..entry.end as usize)?))
        })
    }
}

impl Serialize for ReceivedOptions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|(code, octets)| (code, hex::encode(octets))))
    }
}

impl<'de> Deserialize<'de> for ReceivedOptions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut options = Self::default();
        for (code, text) in Vec::<(u8, String)>::deserialize(deserializer)? {
            options.append(code, &hex::decode(text).map_err(serde::de::Error::custom)?);
        }
        Ok(options)
    }
}

/// The value of an option that the server sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    Routes(Vec<(Ipv4Net, Ipv4Addr)>),
    /// Any other value, in the form in which it is sent.
    Octets(#[serde(with = "crate::octets")] Vec<u8>),
}

impl OptionValue {
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
            Self::Octets(octets) => shown_octets(code, octets),
        }
    }
}

fn shown_octets(code: u8, octets: &[u8]) -> String {
    let kind = OptionDefinition::by_code(code).map(|definition| definition.kind);
    let takes_addresses = matches!(kind, Some(OptionKind::Address | OptionKind::Addresses));
    let (addresses, rest) = octets.as_chunks::<4>();
    if takes_addresses && rest.is_empty() && !addresses.is_empty() {
        let addresses = addresses.iter().map(|octets| Ipv4Addr::from(*octets).to_string());
        return addresses.collect::<Vec<_>>().join(",");
    }
    crate::readable(octets)
}

/// The kind of value of an option; one for each variant of [`OptionValue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OptionKind {
    Address,
    Addresses,
    Flag,
    U8,
    U16,
    U16s,
    U32,
    I32,
    Text,
    DomainNames,
    Routes,
    Octets,
}

/// An option that can be configured by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionDefinition {
    /// Its code.
    pub code: u8,
    /// Its name in configuration, policies and logs.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: OptionKind,
}

impl OptionDefinition {
    /// The option with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|definition| definition.name == name)
    }

    /// The option with this code.
    pub fn by_code(code: u8) -> Option<&'static Self> {
        CATALOGUE.iter().find(|definition| definition.code == code)
    }

    /// Every option that has a name, in order of code.
    pub fn all() -> &'static [Self] {
        CATALOGUE
    }
}

const fn define(code: u8, name: &'static str, kind: OptionKind) -> OptionDefinition {
    OptionDefinition { code, name, kind }
}

/// RFC 2132, and those options of later RFCs that access networks use.
const CATALOGUE: &[OptionDefinition] = &[
    define(1, "subnet-mask", OptionKind::Address),
    define(2, "time-offset", OptionKind::I32),
    define(3, "routers", OptionKind::Addresses),
    define(4, "time-servers", OptionKind::Addresses),
    define(5, "name-servers", OptionKind::Addresses),
    define(6, "domain-name-servers", OptionKind::Addresses),
    define(7, "log-servers", OptionKind::Addresses),
    define(8, "cookie-servers", OptionKind::Addresses),
    define(9, "lpr-servers", OptionKind::Addresses),
    define(12, "host-name", OptionKind::Text),
    define(13, "boot-file-size", OptionKind::U16),
    define(15, "domain-name", OptionKind::Text),
    define(17, "root-path", OptionKind::Text),
    define(19, "ip-forwarding", OptionKind::Flag),
    define(22, "max-datagram-reassembly", OptionKind::U16),
    define(23, "default-ip-ttl", OptionKind::U8),
    define(26, "interface-mtu", OptionKind::U16),
    define(28, "broadcast-address", OptionKind::Address),
    define(31, "router-discovery", OptionKind::Flag),
    define(33, "static-routes", OptionKind::Addresses),
    define(40, "nis-domain", OptionKind::Text),
    define(41, "nis-servers", OptionKind::Addresses),
    define(42, "ntp-servers", OptionKind::Addresses),
    define(43, "vendor-specific-information", OptionKind::Octets),
    define(44, "netbios-name-servers", OptionKind::Addresses),
    define(46, "netbios-node-type", OptionKind::U8),
    define(47, "netbios-scope", OptionKind::Text),
    define(48, "font-servers", OptionKind::Addresses),
    define(49, "x-display-managers", OptionKind::Addresses),
    define(60, "vendor-class-identifier", OptionKind::Text),
    define(64, "nisplus-domain", OptionKind::Text),
    define(65, "nisplus-servers", OptionKind::Addresses),
    define(66, "tftp-server-name", OptionKind::Text),
    define(67, "boot-file-name", OptionKind::Text),
    define(69, "smtp-servers", OptionKind::Addresses),
    define(70, "pop3-servers", OptionKind::Addresses),
    define(100, "posix-timezone", OptionKind::Text),
    define(101, "tzdb-timezone", OptionKind::Text),
    define(108, "ipv6-only-preferred", OptionKind::U32),
    define(114, "captive-portal", OptionKind::Text),
    define(119, "domain-search", OptionKind::DomainNames),
    define(120, "sip-servers", OptionKind::Octets),
    define(121, "classless-static-routes", OptionKind::Routes),
    define(125, "vendor-identifying-vendor-specific", OptionKind::Octets),
    define(138, "capwap-controllers", OptionKind::Addresses),
    define(150, "tftp-servers", OptionKind::Addresses),
    define(212, "6rd", OptionKind::Octets),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_option_are_joined_wherever_they_stand() {
        let mut options = ReceivedOptions::default();
        options.append(60, b"ab");
        options.append(12, b"host");
        options.append(60, b"cd");
        options.append(60, b"");
        options.append(60, b"e");
        assert_eq!(options.get(60), Some(&b"abcde"[..]));
        assert_eq!(options.get(12), Some(&b"host"[..]));
        assert_eq!(options.get(13), None);
        let codes: Vec<u8> = options.iter().map(|(code, _)| code).collect();
        assert_eq!(codes, [60, 12]);
    }

    #[test]
    fn received_options_can_be_written_down_and_read_back() {
        let mut options = ReceivedOptions::default();
        options.append(82, b"\x01\x02\x00\xff");
        options.append(80, b"");
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<ReceivedOptions>(&text).unwrap(), options);
    }

    #[test]
    fn the_catalogue_is_in_order_and_names_nothing_twice() {
        assert!(CATALOGUE.windows(2).all(|pair| pair[0].code < pair[1].code));
        for definition in CATALOGUE {
            assert_eq!(OptionDefinition::by_name(definition.name), Some(definition));
            assert!(!is_reserved_for_engine(definition.code));
        }
    }
}
