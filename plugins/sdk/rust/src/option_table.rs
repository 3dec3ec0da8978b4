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

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::{OptionError, Terms, json_value::setting, option};

/// Options by name or number, with their values converted to octets. Names and values are those of
/// the server's configuration. An unknown name, or a value of the wrong type for the option, is
/// refused when the settings are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionTable(Vec<(u8, Vec<u8>)>);

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
        let encoded =
            written.into_iter().map(|(name, value)| option::encode(&name, setting(value)));
        encoded.collect::<Result<_, _>>().map(Self).map_err(de::Error::custom)
    }
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
    fn every_kind_of_value_is_that_of_the_configuration() {
        let table: OptionTable = read(
            r#"{"ip-forwarding": true, "time-offset": -1, "domain-search": ["a.example"],
                "classless-static-routes": [{"to": "0.0.0.0/0", "via": "192.0.2.1"}]}"#,
        )
        .unwrap();
        let entries: Vec<(u8, &[u8])> = table.iter().collect();
        assert_eq!(
            entries,
            [
                (121, &[0, 192, 0, 2, 1][..]),
                (119, b"\x01a\x07example\0"),
                (19, &[1]),
                (2, &[255; 4]),
            ]
        );
    }

    #[test]
    fn mistakes_name_the_option_and_what_was_wanted() {
        for (settings, wanted) in [
            (
                r#"{"dns": "192.0.2.53"}"#,
                "no option is named `dns`; did you mean `domain-name-servers`?",
            ),
            (r#"{"routers": "here"}"#, "option routers: wanted an IPv4 address"),
            (r#"{"routers": []}"#, "option routers: wanted at least an address"),
            (r#"{"routers": null}"#, "option routers: wanted an IPv4 address"),
            (
                r#"{"interface-mtu": 70000}"#,
                "option interface-mtu: wanted a number from 0 to 65535",
            ),
            (r#"{"interface-mtu": 1.5}"#, "option interface-mtu: wanted a number from 0 to 65535"),
            (r#"{"51": "hex:00000001"}"#, "option 51 is set only by the server"),
            (r#"{"43": "hex:0"}"#, "option 43: "),
            (r#"{"43": 5}"#, "option 43: wanted a text, or octets"),
        ] {
            let error = read::<OptionTable>(settings).unwrap_err();
            assert!(error.starts_with(wanted), "{settings}: {error}");
        }
    }
}
