//! Options as an operator writes them in settings, read into what [`crate::Terms`] takes.
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

/// Options by name or number, with their values made into octets. A name that is not known, or a
/// value that does not fit the option, is refused when the settings are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionTable(Vec<(u8, Vec<u8>)>);

#[derive(Clone, Copy)]
enum Kind {
    Addresses,
    Text,
    U16,
    U32,
}

/// The names that settings may use; all other options go by number.
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

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Number(u32),
    Text(String),
    Texts(Vec<String>),
}

impl OptionTable {
    /// Sets every option of the table.
    ///
    /// # Errors
    /// The code that the server refused, and why.
    pub fn set_on(&self, terms: &Terms) -> Result<(), (u8, OptionError)> {
        for (code, value) in &self.0 {
            terms.set_option(*code, value).map_err(|error| (*code, error))?;
        }
        Ok(())
    }

    /// Codes and values.
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
    let named = NAMES.iter().find(|(known, _, _)| *known == name);
    let (code, octets) = match named {
        Some((_, code, kind)) => (*code, of_kind(*kind, value)),
        None => {
            let code = name.parse().map_err(|_| {
                let names: Vec<&str> = NAMES.iter().map(|(known, _, _)| *known).collect();
                Mistake(format!(
                    "{name:?} is no option; wanted its number or one of {}",
                    names.join(", ")
                ))
            })?;
            (code, by_number(value))
        }
    };
    if is_reserved(code) {
        return Err(Mistake(format!("option {name} is set by the server alone; leave it out")));
    }
    octets
        .map(|octets| (code, octets))
        .map_err(|wanted| Mistake(format!("option {name}: {wanted}")))
}

/// Those that the server refuses from policies; refused here as well, so that the operator hears of
/// it when the settings are read and not from the first packet.
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
    fn mistakes_name_the_option_and_what_was_wanted() {
        for (settings, wanted) in [
            (r#"{"dns": "192.0.2.53"}"#, "\"dns\" is no option"),
            (r#"{"routers": "here"}"#, "option routers: wanted an address"),
            (r#"{"routers": []}"#, "option routers: wanted one or more addresses"),
            (r#"{"interface-mtu": 70000}"#, "option interface-mtu: wanted a number up to 65535"),
            (r#"{"51": "hex:00000001"}"#, "option 51 is set by the server alone"),
            (r#"{"43": "hex:0"}"#, "option 43: "),
            (r#"{"43": 5}"#, "option 43: an option by number"),
        ] {
            let error = read::<OptionTable>(settings).unwrap_err();
            assert!(error.starts_with(wanted), "{settings}: {error}");
        }
    }
}
