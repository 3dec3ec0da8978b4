//! Values of options in the settings of policies and in scripts, and what policies do with them.
//!
//! [`Catalogue`](crate::Catalogue) encodes and decodes them.

mod json;
mod layout;
mod named;

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, net::Ipv4Addr};

use crate::{
    Ipv4Prefix, OptionDefinition, OptionKind, OptionValue,
    hexadecimal::{self, HEX},
    option::SubOption,
    value::ForClass,
};

pub(crate) use self::named::Named;

/// The value of an option as a person writes it. Addresses, prefixes and domain names are texts;
/// for any option, a text that begins with `hex:` gives the octets of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OptionSetting {
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<OptionSetting>),
    Table(Vec<(String, OptionSetting)>),
    /// Something that no option takes, described for a message.
    Other(String),
}

impl OptionSetting {
    /// Returns octets of option `code` as a person would write them. Printable ASCII is written as
    /// text, and octets that are not valid for the option as `hex:` and digits.
    pub fn decode(code: u8, octets: &[u8]) -> Self {
        let definition = OptionDefinition::by_code(code);
        Self::decode_as(definition.map(|definition| &definition.kind), octets)
    }

    /// Does the same for an option whose value is of this kind, if that is known.
    pub(crate) fn decode_as(kind: Option<&OptionKind>, octets: &[u8]) -> Self {
        let value = match kind {
            // As the whole value, a text that begins with `hex:` would mean all of its octets.
            Some(kind) if kind.is_layout() => layout::read(kind, octets)
                .filter(|value| !matches!(value, Self::Text(text) if text.starts_with(HEX))),
            kind => match kind.and_then(|kind| kind.decode(octets)) {
                None | Some(OptionValue::Text(_) | OptionValue::Octets(_)) => None,
                Some(value) => Some(Self::from(&value)),
            },
        };
        value.unwrap_or_else(|| Self::Text(hexadecimal::plain_or_hex(octets)))
    }

    /// The sub-options of these kinds that the octets are; `None` if they are none.
    pub(crate) fn decode_sub_options(options: &[SubOption], octets: &[u8]) -> Option<Self> {
        layout::sub_options(options, octets)
    }

    /// A list of octets as numbers becomes their text, unless an option of this kind takes
    /// lists of numbers.
    #[must_use]
    pub fn with_numbers_as_octets(self, kind: Option<&OptionKind>) -> Self {
        let Self::List(items) = &self else { return self };
        if items.is_empty() || kind.is_some_and(OptionKind::takes_lists_of_numbers) {
            return self;
        }
        let octet = |item: &Self| match item {
            Self::Number(number) => u8::try_from(*number).ok(),
            _ => None,
        };
        let octets: Option<Vec<u8>> = items.iter().map(octet).collect();
        octets.map_or(self, |octets| Self::Text(hexadecimal::text(&octets)))
    }

    /// Describes the value, for messages.
    pub fn described(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("{text:?}"),
            Self::List(items) if items.is_empty() => "an empty list".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Other(described) => described.clone(),
        }
    }

    fn member(&self, key: &str) -> Option<&Self> {
        let Self::Table(members) = self else { return None };
        members.iter().find(|(found, _)| found == key).map(|(_, value)| value)
    }
}

macro_rules! from {
    ($($(#[$about:meta])* $Type:ty => |$value:ident| $written:expr;)+) => {$(
        $(#[$about])*
        impl From<$Type> for OptionSetting {
            fn from($value: $Type) -> Self {
                $written
            }
        }
    )+};
}

from! {
    bool => |flag| Self::Flag(flag);
    u8 => |number| Self::Number(number.into());
    u16 => |number| Self::Number(number.into());
    u32 => |number| Self::Number(number.into());
    i32 => |number| Self::Number(number.into());
    i64 => |number| Self::Number(number);
    &str => |text| Self::Text(text.to_owned());
    String => |text| Self::Text(text);
    &String => |text| Self::Text(text.clone());
    Ipv4Addr => |address| Self::Text(address.to_string());
    /// The destination and the router of a route.
    (Ipv4Prefix, Ipv4Addr) => |route| {
        let (to, via) = (route.0.to_string(), route.1.to_string());
        let members = [("to", to), ("via", via)];
        Self::Table(members.map(|(key, text)| (key.to_owned(), Self::Text(text))).into())
    };
}

impl<T: Into<Self>> From<Vec<T>> for OptionSetting {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Self>, const N: usize> From<[T; N]> for OptionSetting {
    fn from(items: [T; N]) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<&OptionValue> for OptionSetting {
    fn from(value: &OptionValue) -> Self {
        match value {
            OptionValue::Address(address) => (*address).into(),
            OptionValue::Addresses(addresses) => addresses.clone().into(),
            OptionValue::Flag(flag) => (*flag).into(),
            OptionValue::U8(number) => (*number).into(),
            OptionValue::U16(number) => (*number).into(),
            OptionValue::U16s(numbers) => numbers.clone().into(),
            OptionValue::U32(number) => (*number).into(),
            OptionValue::I32(number) => (*number).into(),
            OptionValue::Text(text) => text.into(),
            OptionValue::DomainNames(names) => names.clone().into(),
            OptionValue::Routes(routes) => routes.clone().into(),
            OptionValue::Octets(octets) => hexadecimal::text(octets).into(),
            OptionValue::ByClass(values) => {
                let member = |value: &ForClass| {
                    (value.class.clone(), hexadecimal::text(&value.octets).into())
                };
                Self::Table(values.iter().map(member).collect())
            }
            OptionValue::ByEnterprise(parts) => {
                let octets: Vec<u8> = parts.iter().flat_map(|part| part.octets.clone()).collect();
                hexadecimal::text(&octets).into()
            }
        }
    }
}

/// Displays the value on one line: `{ priority = 1, addresses = [192.0.2.1] }`.
impl fmt::Display for OptionSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) | Self::Other(text) => write!(f, "{}", text.escape_debug()),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Table(members) => {
                let member = |(key, value): &(String, Self)| format!("{key} = {value}");
                write!(f, "{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode_option;

    fn text(text: &str) -> OptionSetting {
        OptionSetting::Text(text.to_owned())
    }

    fn texts(texts: &[&str]) -> OptionSetting {
        OptionSetting::List(texts.iter().map(|found| text(found)).collect())
    }

    fn route(to: &str, via: &str) -> OptionSetting {
        OptionSetting::Table([("to".to_owned(), text(to)), ("via".to_owned(), text(via))].into())
    }

    #[test]
    fn values_are_read_back_as_they_are_written() {
        for (name, value, octets) in [
            ("subnet-mask", text("255.255.0.0"), &[255, 255, 0, 0][..]),
            ("domain-name-servers", texts(&["192.0.2.53"]), &[192, 0, 2, 53]),
            ("ip-forwarding", OptionSetting::Flag(true), &[1]),
            ("default-ip-ttl", OptionSetting::Number(64), &[64]),
            ("interface-mtu", OptionSetting::Number(1492), &[5, 212]),
            ("108", OptionSetting::Number(1800), &[0, 0, 7, 8]),
            ("time-offset", OptionSetting::Number(-1), &[255; 4]),
            ("domain-name", text("example.net"), b"example.net"),
            (
                "domain-search",
                texts(&["a.example", "b.example"]),
                b"\x01a\x07example\0\x01b\xc0\x02",
            ),
            (
                "classless-static-routes",
                OptionSetting::List([route("0.0.0.0/0", "100.64.0.1")].into()),
                &[0, 100, 64, 0, 1],
            ),
            ("43", text("hex:0104ff"), &[1, 4, 255]),
            ("43", text("abc"), b"abc"),
            ("224", text("abc"), b"abc"),
            ("80", text("hex:"), &[]),
        ] {
            let (code, found) = encode_option(name, &value).unwrap();
            assert_eq!(found, octets, "{name}");
            if !octets.is_empty() {
                assert_eq!(OptionSetting::decode(code, octets), value, "{name}");
            }
        }
        assert_eq!(encode_option("routers", &text("192.0.2.1")).unwrap().1, [192, 0, 2, 1]);
        assert_eq!(encode_option("routers", &text("hex:c0000235")).unwrap().1, [192, 0, 2, 53]);
        let routes = encode_option("routes", &route("0.0.0.0/0", "100.64.0.1"));
        assert!(routes.unwrap_err().contains("did you mean `classless-static-routes`?"));
        assert_eq!(OptionSetting::decode(12, "é".as_bytes()), text("hex:c3a9"));
        assert_eq!(OptionSetting::decode(6, &[1, 2, 3]), text("hex:010203"));
    }

    #[test]
    fn every_option_of_the_catalogue_can_be_written() {
        for definition in OptionDefinition::all() {
            let Some(value) = sample(&definition.kind) else { continue };
            let (code, octets) = encode_option(definition.name, &value).unwrap();
            assert_eq!(code, definition.code);
            assert_eq!(OptionSetting::decode(code, &octets), value, "{}", definition.name);
        }
    }

    /// A value of a kind; `None` for those that `tests/kinds.rs` makes.
    fn sample(kind: &OptionKind) -> Option<OptionSetting> {
        Some(match kind {
            OptionKind::Address => text("192.0.2.1"),
            OptionKind::Addresses => texts(&["192.0.2.1", "192.0.2.2"]),
            OptionKind::Flag => OptionSetting::Flag(true),
            OptionKind::U8 | OptionKind::U16 | OptionKind::U32 | OptionKind::I32 => {
                OptionSetting::Number(7)
            }
            OptionKind::U16s => {
                OptionSetting::List([OptionSetting::Number(7), OptionSetting::Number(300)].into())
            }
            OptionKind::Text => text("a b"),
            OptionKind::DomainNames => texts(&["a.example"]),
            OptionKind::Routes => OptionSetting::List([route("10.0.0.0/8", "192.0.2.1")].into()),
            OptionKind::Octets => text("hex:00ff"),
            _ => return None,
        })
    }

    #[test]
    fn mistakes_name_the_option_what_was_wanted_and_what_was_found() {
        let long = texts(&["192.0.2.1"; 256]);
        for (name, value, sentence) in [
            ("dns", text("192.0.2.53"), "no option is named `dns`; did you mean"),
            ("51", OptionSetting::Number(1), "option 51 is set only by the server; remove it"),
            ("lease-time", OptionSetting::Number(1), "option lease-time is set only by the server"),
            (
                "routers",
                text("here"),
                "option routers: wanted an IPv4 address, such as \"192.0.2.1\", found \"here\"",
            ),
            ("routers", text("2001:db8::1"), "option routers: wanted an IPv4 address, such as"),
            (
                "routers",
                OptionSetting::List(Vec::new()),
                "option routers: wanted at least an address, found an empty list; remove the option",
            ),
            ("routers", OptionSetting::Number(5), "option routers: wanted an IPv4 address"),
            ("routers", long, "option routers takes 1024 octets; wanted at most 1020"),
            (
                "interface-mtu",
                OptionSetting::Number(70_000),
                "option interface-mtu: wanted a number from 0 to 65535, found 70000",
            ),
            (
                "43",
                text("hex:0"),
                "option 43: wanted octets, such as \"hex:0a0b\", found \"hex:0\"",
            ),
            ("43", OptionSetting::Number(5), "option 43: wanted a text, or octets such as"),
            (
                "ip-forwarding",
                text("yes"),
                "option ip-forwarding: wanted true or false, found \"yes\"; write true",
            ),
            ("domain-search", text("a b"), "option domain-search: wanted a domain name"),
            ("domain-name", text(""), "option domain-name: wanted a text of at least one"),
            (
                "classless-static-routes",
                text("0.0.0.0/0"),
                "option classless-static-routes: wanted a route with its destination",
            ),
            (
                "classless-static-routes",
                route("10.1.0.0/8", "192.0.2.1"),
                "option classless-static-routes: wanted the first address of the prefix, found \
                 \"10.1.0.0/8\"; did you mean \"10.0.0.0/8\"?",
            ),
            (
                "6",
                OptionSetting::Other("a missing value".to_owned()),
                "option 6: wanted an IPv4 address",
            ),
        ] {
            let said = encode_option(name, &value).unwrap_err();
            assert!(said.starts_with(sentence), "{name}: {said}");
        }
    }
}
