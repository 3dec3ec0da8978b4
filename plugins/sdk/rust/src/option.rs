//! Options: their codes, and their values as octets.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use lessor_policy::option;
//!
//! // Two name servers, and an ACS URL as sub-option 1 of the vendor's own information.
//! let servers = option::addresses([Ipv4Addr::new(192, 0, 2, 53), Ipv4Addr::new(192, 0, 2, 54)]);
//! let vendor = option::sub_options([(1, "http://acs.example.net/")]);
//! # assert_eq!(servers, [192, 0, 2, 53, 192, 0, 2, 54]);
//! # assert_eq!(vendor.unwrap()[..4], [1, 23, b'h', b't']);
//! ```

use std::{error, fmt, net::Ipv4Addr};

use crate::Ipv4Prefix;

/// Codes of options that policies often set (RFC 2132 unless noted otherwise).
#[allow(missing_docs, reason = "the names are those of the RFC")]
pub mod code {
    pub const ROUTERS: u8 = 3;
    pub const DOMAIN_NAME_SERVERS: u8 = 6;
    pub const LOG_SERVERS: u8 = 7;
    pub const HOST_NAME: u8 = 12;
    pub const DOMAIN_NAME: u8 = 15;
    pub const INTERFACE_MTU: u8 = 26;
    pub const NTP_SERVERS: u8 = 42;
    pub const VENDOR_SPECIFIC_INFORMATION: u8 = 43;
    pub const VENDOR_CLASS: u8 = 60;
    pub const TFTP_SERVER_NAME: u8 = 66;
    pub const BOOT_FILE_NAME: u8 = 67;
    pub const USER_CLASS: u8 = 77;
    pub const RELAY_AGENT_INFORMATION: u8 = 82;
    /// RFC 8925.
    pub const IPV6_ONLY_PREFERRED: u8 = 108;
    /// RFC 8910.
    pub const CAPTIVE_PORTAL: u8 = 114;
    /// RFC 3397.
    pub const DOMAIN_SEARCH: u8 = 119;
    /// RFC 3442.
    pub const CLASSLESS_STATIC_ROUTES: u8 = 121;
    /// RFC 3925.
    pub const VENDOR_IDENTIFYING_VENDOR_SPECIFIC: u8 = 125;
    /// RFC 5859.
    pub const TFTP_SERVERS: u8 = 150;
}

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
    addresses.into_iter().flat_map(|address| address.octets()).collect()
}

/// Encodes routes for option 121, each with its destination and router (RFC 3442). A client that
/// reads this option ignores option 3, so include the default route.
pub fn routes(routes: impl IntoIterator<Item = (Ipv4Prefix, Ipv4Addr)>) -> Vec<u8> {
    let mut octets = Vec::new();
    for (destination, router) in routes {
        let length = destination.length.min(32);
        octets.push(length);
        let significant = usize::from(length.div_ceil(8));
        octets.extend(destination.address.octets().iter().take(significant));
        octets.extend(router.octets());
    }
    octets
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
/// octets, and any other text means the octets of the text. Use it for circuit ids and similar
/// values in settings.
///
/// # Errors
/// Returns an error if the text after `hex:` is not an even number of hexadecimal digits.
pub fn octets_from_text(text: &str) -> Result<Vec<u8>, ValueError> {
    let Some(digits) = text.strip_prefix("hex:") else {
        return Ok(text.as_bytes().to_vec());
    };
    let refused = || ValueError::NotHexadecimal { found: text.to_owned() };
    let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.ok_or_else(refused)?;
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Ok((high << 4 | low) as u8),
            _ => Err(refused()),
        })
        .collect()
}

/// The reverse of [`octets_from_text`]: returns printable ASCII unchanged, and other octets as
/// `hex:` and hexadecimal digits.
pub fn octets_to_text(octets: &[u8]) -> String {
    let is_plain = octets.iter().all(|octet| octet.is_ascii_graphic() || *octet == b' ');
    if is_plain && !octets.starts_with(b"hex:") {
        return String::from_utf8_lossy(octets).into_owned();
    }
    let mut text = String::from("hex:");
    for octet in octets {
        text.push_str(&format!("{octet:02x}"));
    }
    text
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
