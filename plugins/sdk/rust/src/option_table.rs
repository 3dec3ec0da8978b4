//! Options as an operator writes them in settings, converted to the codes and octets that
//! [`crate::Terms`] uses.
//!
//! ```toml
//! [settings.options]
//! domain-name-servers = ["192.0.2.53", "192.0.2.54"]
//! captive-portal = "https://portal.example.net/"
//! interface-mtu = 1492
//! 43 = "hex:0104c0000201"
//! ```

use std::{collections::BTreeMap, fmt, net::Ipv4Addr};

use serde::{Deserialize, Deserializer, de};

use crate::{OptionError, Terms, option};

/// Options by name or number, with their values converted to octets. An unknown name, or a value of
/// the wrong type for the option, is refused when the settings are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionTable(Vec<(u8, Vec<u8>)>);

#[derive(Clone, Copy)]
enum Kind {
    Addresses,
    Text,
    U16,
    U32,
}

/// The names that settings may use; all other options are written by number.
const NAMES: [(&str, u8, Kind); 16] = [
    ("routers", 3, Kind::Addresses),
    ("domain-name-servers", 6, Kind::Addresses),
    ("log-servers", 7, Kind::Addresses),
    ("host-name", 12, Kind::Text),
    ("domain-name", 15, Kind::Text),
    ("root-path", 17, Kind::Text),
    ("interface-mtu", 26, Kind::U16),
    ("ntp-servers", 42, Kind::Addresses),
    ("vendor-class-identifier", 60, Kind::Text),
    ("tftp-server-name", 66, Kind::Text),
    ("boot-file-name", 67, Kind::Text),
    ("posix-timezone", 100, Kind::Text),
    ("tzdb-timezone", 101, Kind::Text),
    ("ipv6-only-preferred", 108, Kind::U32),
    ("captive-portal", 114, Kind::Text),
    ("tftp-servers", 150, Kind::Addresses),
];

/// The value of an option as an operator writes it: a number, a text, or several texts. Addresses
/// are texts. For any option, a text that begins with `hex:` gives the octets of the value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OptionSetting {
    Number(u32),
    Text(String),
    Texts(Vec<String>),
}
use OptionSetting as Value;

impl OptionSetting {
    /// Returns the code of the option with this name or number, and this value as octets.
    ///
    /// # Errors
    /// Returns a sentence if the option does not exist, if only the server sets it, or if the value
    /// has the wrong type.
    pub fn encode(&self, name: &str) -> Result<(u8, Vec<u8>), String> {
        entry(name, self).map_err(|Mistake(sentence)| sentence)
    }

    /// The reverse of [`Self::encode`]: returns the octets as an operator would write them for the
    /// option `code`.
    pub fn decode(code: u8, octets: &[u8]) -> Self {
        let kind = NAMES.iter().find(|(_, known, _)| *known == code).map(|(_, _, kind)| *kind);
        let text = || Self::Text(option::octets_to_text(octets));
        match kind {
            Some(Kind::Addresses) if octets.len().is_multiple_of(4) => {
                let addresses =
                    octets.chunks(4).filter_map(|octets| <[u8; 4]>::try_from(octets).ok());
                Self::Texts(addresses.map(|octets| Ipv4Addr::from(octets).to_string()).collect())
            }
            Some(Kind::U16) => match octets.try_into() {
                Ok(octets) => Self::Number(u16::from_be_bytes(octets).into()),
                Err(_) => text(),
            },
            Some(Kind::U32) => octets
                .try_into()
                .map_or_else(|_| text(), |octets| Self::Number(u32::from_be_bytes(octets))),
            _ => text(),
        }
    }

    /// Returns the code of the option with this name or number.
    ///
    /// # Errors
    /// Returns a sentence that lists the known names.
    pub fn code(name: &str) -> Result<u8, String> {
        known(name).map(|(code, _)| code).map_err(|Mistake(sentence)| sentence)
    }
}

impl OptionTable {
    /// Sets every option of the table on `terms`.
    ///
    /// # Errors
    /// Returns the code that the server refused, and the reason.
    pub fn set_on(&self, terms: &Terms) -> Result<(), (u8, OptionError)> {
        for (code, value) in &self.0 {
            terms.set_option(*code, value).map_err(|error| (*code, error))?;
        }
        Ok(())
    }

    /// Iterates over the codes and values.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(code, value)| (*code, value.as_slice()))
    }
}

impl<'de> Deserialize<'de> for OptionTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let read = written.iter().map(|(name, value)| entry(name, value));
        read.collect::<Result<_, _>>().map(Self).map_err(de::Error::custom)
    }
}

/// A mistake in one option, for the operator.
struct Mistake(String);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn entry(name: &str, value: &Value) -> Result<(u8, Vec<u8>), Mistake> {
    let (code, kind) = known(name)?;
    let octets = match (kind, value) {
        (_, Value::Text(text)) if text.starts_with("hex:") => by_number(value),
        (Some(kind), _) => of_kind(kind, value),
        (None, _) => by_number(value),
    };
    if is_reserved(code) {
        return Err(Mistake(format!("option {name} is set only by the server; remove it")));
    }
    octets
        .map(|octets| (code, octets))
        .map_err(|wanted| Mistake(format!("option {name}: {wanted}")))
}

/// Returns the code of an option by its name or number, and the kind of its values if that is
/// known.
fn known(name: &str) -> Result<(u8, Option<Kind>), Mistake> {
    let number = name.parse::<u8>().ok();
    let is_meant = |(known, code, _): &&(&str, u8, Kind)| *known == name || Some(*code) == number;
    match (NAMES.iter().find(is_meant), number) {
        (Some((_, code, kind)), _) => Ok((*code, Some(*kind))),
        (None, Some(code)) => Ok((code, None)),
        (None, None) => {
            let names: Vec<&str> = NAMES.iter().map(|(known, _, _)| *known).collect();
            Err(Mistake(format!(
                "{name:?} is not an option; wanted its number or one of {}",
                names.join(", ")
            )))
        }
    }
}

/// Whether the server refuses this option from policies. The settings refuse it as well, so that
/// the operator sees the mistake when the settings are read and not at the first packet.
fn is_reserved(code: u8) -> bool {
    matches!(code, 0 | 50..=59 | 61 | 82 | 118 | 255)
}

fn of_kind(kind: Kind, value: &Value) -> Result<Vec<u8>, String> {
    match (kind, value) {
        (Kind::Addresses, Value::Text(text)) => parse_addresses([text]),
        (Kind::Addresses, Value::Texts(texts)) if !texts.is_empty() => parse_addresses(texts),
        (Kind::Addresses, _) => Err("wanted one or more addresses".to_owned()),
        (Kind::Text, Value::Text(text)) if !text.is_empty() => Ok(text.clone().into_bytes()),
        (Kind::Text, _) => Err("wanted a text".to_owned()),
        (Kind::U16, Value::Number(number)) => u16::try_from(*number)
            .map(|number| number.to_be_bytes().to_vec())
            .map_err(|_| format!("wanted a number up to 65535, found {number}")),
        (Kind::U32, Value::Number(number)) => Ok(number.to_be_bytes().to_vec()),
        (Kind::U16 | Kind::U32, _) => Err("wanted a number".to_owned()),
    }
}

fn by_number(value: &Value) -> Result<Vec<u8>, String> {
    match value {
        Value::Text(text) => option::octets_from_text(text).map_err(|error| error.to_string()),
        _ => Err("an option by number takes a text, or hex: and hexadecimal digits".to_owned()),
    }
}

fn parse_addresses<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Vec<u8>, String> {
    let parsed: Result<Vec<Ipv4Addr>, String> = texts
        .into_iter()
        .map(|text| {
            let text = text.as_ref();
            text.parse()
                .map_err(|_| format!("wanted an address such as 192.0.2.53, found {text:?}"))
        })
        .collect();
    parsed.map(option::addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::read;

    #[test]
    fn names_numbers_and_all_kinds_of_value_are_read() {
        let table: OptionTable = read(
            r#"{"domain-name-servers": ["192.0.2.53", "192.0.2.54"], "routers": "192.0.2.1",
                "interface-mtu": 1492, "captive-portal": "https://p.example/", "43": "hex:0101ff"}"#,
        )
        .unwrap();
        let entries: Vec<(u8, &[u8])> = table.iter().collect();
        assert_eq!(
            entries,
            [
                (43, &[1, 1, 255][..]),
                (114, b"https://p.example/"),
                (6, &[192, 0, 2, 53, 192, 0, 2, 54]),
                (26, &[5, 212]),
                (3, &[192, 0, 2, 1]),
            ]
        );
    }

    #[test]
    fn values_read_back_as_they_were_written() {
        let texts =
            |texts: &[&str]| OptionSetting::Texts(texts.iter().map(|&text| text.into()).collect());
        for (name, setting) in [
            ("domain-name-servers", texts(&["192.0.2.53", "192.0.2.54"])),
            ("6", texts(&["192.0.2.53"])),
            ("interface-mtu", OptionSetting::Number(1492)),
            ("108", OptionSetting::Number(1800)),
            ("domain-name", OptionSetting::Text("example.net".to_owned())),
            ("43", OptionSetting::Text("hex:0104ff".to_owned())),
        ] {
            let (code, octets) = setting.encode(name).unwrap();
            assert_eq!(OptionSetting::decode(code, &octets), setting, "{name}");
        }
        let octets = OptionSetting::Text("hex:c0000235".to_owned()).encode("routers").unwrap();
        assert_eq!(octets, (3, vec![192, 0, 2, 53]));
    }

    #[test]
    fn mistakes_name_the_option_and_what_was_wanted() {
        for (settings, wanted) in [
            (r#"{"dns": "192.0.2.53"}"#, "\"dns\" is not an option"),
            (r#"{"routers": "here"}"#, "option routers: wanted an address"),
            (r#"{"routers": []}"#, "option routers: wanted one or more addresses"),
            (r#"{"interface-mtu": 70000}"#, "option interface-mtu: wanted a number up to 65535"),
            (r#"{"51": "hex:00000001"}"#, "option 51 is set only by the server"),
            (r#"{"43": "hex:0"}"#, "option 43: "),
            (r#"{"43": 5}"#, "option 43: an option by number"),
        ] {
            let error = read::<OptionTable>(settings).unwrap_err();
            assert!(error.starts_with(wanted), "{settings}: {error}");
        }
    }
}
