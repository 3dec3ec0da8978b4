//! Options: their codes, and their values as octets.
//!
//! Every option that the server's configuration can set by name can be set by the same name here,
//! with the value in the same form:
//!
//! ```
//! use std::net::Ipv4Addr;
//! use lessor_policy::option;
//!
//! let (code, octets) = option::encode("domain-search", ["example.net", "example.org"])?;
//! # assert_eq!((code, octets.len()), (119, 26));
//!
//! // Two name servers, and an ACS URL as sub-option 1 of the vendor's own information.
//! let servers = option::addresses([Ipv4Addr::new(192, 0, 2, 53), Ipv4Addr::new(192, 0, 2, 54)]);
//! let vendor = option::sub_options([(1, "http://acs.example.net/")]);
//! # assert_eq!(servers, [192, 0, 2, 53, 192, 0, 2, 54]);
//! # assert_eq!(vendor.unwrap()[..4], [1, 23, b'h', b't']);
//! # Ok::<(), String>(())
//! ```

use std::{error, fmt, net::Ipv4Addr};

/// The codes of all options that have a name, and of some others.
pub use lessor_vocabulary::option::code;
use lessor_vocabulary::{OptionDefinition, OptionValue, encode_option, hexadecimal, option};

use crate::{__bindings::options, Ipv4Prefix, OptionSetting};

/// Returns the code of the option with this name or number, and its value as octets. Names and
/// values are those of the server's configuration, including the options and the vendors that it
/// declares.
///
/// # Errors
/// Returns a sentence if no option has this name, if only the server sets the option, or if the
/// value is not what the option takes.
pub fn encode(name: &str, value: impl Into<OptionSetting>) -> Result<(u8, Vec<u8>), String> {
    let value = value.into();
    match is_declared(name) {
        true => options::encode(name, &value.to_json()),
        false => encode_option(name, &value),
    }
}

/// Returns the code of the option with this name or number.
///
/// # Errors
/// Returns a sentence if no option has this name.
pub fn code_of(name: &str) -> Result<u8, String> {
    match option::recognise(name) {
        Ok((code, _)) => Ok(code),
        Err(_) if HAS_SERVER => options::code(name),
        Err(unrecognised) => Err(unrecognised.to_string()),
    }
}

/// Returns the value of an option from its octets, as an operator would write it. In a call about a
/// message, the sub-options of option 43 are those of the client's vendor.
#[cfg(feature = "settings")]
pub fn decode(code: u8, octets: &[u8]) -> OptionSetting {
    if is_declared(&code.to_string()) {
        let json = options::decode(code, octets);
        if let Ok(value) = serde_json::from_str(&json) {
            return crate::json_value::setting(value);
        }
    }
    OptionSetting::decode(code, octets)
}

/// Whether there is a server to ask: in tests of a policy there is none.
const HAS_SERVER: bool = cfg!(target_family = "wasm");

/// Whether the configuration can declare what the value of an option consists of.
fn is_declared(name: &str) -> bool {
    let is_known = match option::recognise(name) {
        Ok((code, _)) => !VENDORS.contains(&code) && OptionDefinition::by_code(code).is_some(),
        Err(_) => false,
    };
    HAS_SERVER && !is_known
}

/// The options whose values consist of what vendors define.
const VENDORS: [u8; 2] =
    [code::VENDOR_SPECIFIC_INFORMATION, code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC];

/// The reason why octets or text could not be converted into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// A sub-option has more than 255 octets.
    SubOptionTooLong {
        /// The code of the sub-option.
        code: u8,
        /// The number of its octets.
        octets: usize,
    },
    /// The text after `hex:` is not hexadecimal.
    NotHexadecimal {
        /// The text.
        found: String,
    },
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SubOptionTooLong { code, octets } => write!(
                f,
                "sub-option {code} has {octets} octets, but its length is one octet: at most 255"
            ),
            Self::NotHexadecimal { found } => write!(
                f,
                "{found:?} is not hexadecimal; wanted an even number of hexadecimal digits after \
                 hex:"
            ),
        }
    }
}

impl error::Error for ValueError {}

/// Encodes a list of addresses, as for options 3, 6 and 42.
pub fn addresses(addresses: impl IntoIterator<Item = Ipv4Addr>) -> Vec<u8> {
    OptionValue::Addresses(addresses.into_iter().collect()).to_octets()
}

/// Encodes routes for option 121, each with its destination and router (RFC 3442). A client that
/// reads this option ignores option 3, so include the default route.
pub fn routes(routes: impl IntoIterator<Item = (Ipv4Prefix, Ipv4Addr)>) -> Vec<u8> {
    OptionValue::Routes(routes.into_iter().collect()).to_octets()
}

/// Encodes sub-options, each with code and length: the usual form of option 43 (RFC 2132 section
/// 8.4).
///
/// # Errors
/// Returns an error if a sub-option has more than 255 octets.
pub fn sub_options<T: AsRef<[u8]>>(
    sub_options: impl IntoIterator<Item = (u8, T)>,
) -> Result<Vec<u8>, ValueError> {
    let mut octets = Vec::new();
    for (code, value) in sub_options {
        let value = value.as_ref();
        let too_long = |_| ValueError::SubOptionTooLong { code, octets: value.len() };
        octets.push(code);
        octets.push(u8::try_from(value.len()).map_err(too_long)?);
        octets.extend(value);
    }
    Ok(octets)
}

/// Returns the octets that an operator wrote as text: `hex:` and hexadecimal digits mean those
/// octets, and any other text means the octets of the text. The digits may be grouped by `:`, `-`
/// and spaces. Use it for circuit ids and similar values in settings.
///
/// # Errors
/// Returns an error if the text after `hex:` is not an even number of hexadecimal digits.
pub fn octets_from_text(text: &str) -> Result<Vec<u8>, ValueError> {
    match hexadecimal::of_text(text) {
        None => Ok(text.as_bytes().to_vec()),
        Some(octets) => octets.map_err(|_| ValueError::NotHexadecimal { found: text.to_owned() }),
    }
}

/// The reverse of [`octets_from_text`]: returns printable ASCII unchanged, and other octets as
/// `hex:` and hexadecimal digits.
pub fn octets_to_text(octets: &[u8]) -> String {
    hexadecimal::plain_or_hex(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_carry_only_the_significant_octets() {
        let prefix = |a, b, c, d, length| Ipv4Prefix { address: Ipv4Addr::new(a, b, c, d), length };
        let router = Ipv4Addr::new(192, 0, 2, 1);
        let octets = routes([
            (prefix(0, 0, 0, 0, 0), router),
            (prefix(10, 17, 0, 0, 16), router),
            (prefix(10, 27, 129, 0, 25), router),
        ]);
        let wanted = [
            &[0, 192, 0, 2, 1][..],
            &[16, 10, 17, 192, 0, 2, 1],
            &[25, 10, 27, 129, 0, 192, 0, 2, 1],
        ];
        assert_eq!(octets, wanted.concat());
    }

    #[test]
    fn sub_options_over_their_length_are_refused() {
        assert_eq!(sub_options([(1, vec![0; 255])]).unwrap().len(), 257);
        assert_eq!(
            sub_options([(2, vec![0; 256])]),
            Err(ValueError::SubOptionTooLong { code: 2, octets: 256 })
        );
    }

    #[test]
    fn octets_read_as_they_are_written() {
        for octets in [&b"olt1/1/3 onu17"[..], b"\x00\x04\x00\x01", b"hex:no digits", b"", b"\xff"]
        {
            assert_eq!(octets_from_text(&octets_to_text(octets)).unwrap(), octets);
        }
        for text in ["hex:0", "hex:gg", "hex:00é"] {
            assert!(octets_from_text(text).is_err(), "{text}");
        }
    }
}
