//! IPv4 prefixes.

use core::{fmt, net::Ipv4Addr, str::FromStr};

/// A range of addresses that have their first bits in common, such as 192.0.2.0/24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv4Prefix {
    /// The first address.
    pub address: Ipv4Addr,
    /// The number of bits that the addresses have in common, 0 to 32.
    pub length: u8,
}

/// A text is not a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPrefix;

impl Ipv4Prefix {
    /// Returns whether `address` is in the range.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        let mask = self.mask();
        u32::from(address) & mask == u32::from(self.address) & mask
    }

    /// Returns the prefix with the first address of its range.
    pub fn trunc(self) -> Self {
        Self { address: (u32::from(self.address) & self.mask()).into(), length: self.length }
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.length.min(32))).unwrap_or_default()
    }
}

impl fmt::Display for Ipv4Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Ipv4Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let (address, length) = text.split_once('/').ok_or(NotAPrefix)?;
        let is_number = (1..=2).contains(&length.len()) && length.bytes().all(is_digit);
        let length = length.parse().ok().filter(|length| is_number && *length <= 32);
        Ok(Self {
            address: address.parse().map_err(|_| NotAPrefix)?,
            length: length.ok_or(NotAPrefix)?,
        })
    }
}

const fn is_digit(octet: u8) -> bool {
    octet.is_ascii_digit()
}

impl fmt::Display for NotAPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wanted an IPv4 prefix, such as 192.0.2.0/24")
    }
}

impl core::error::Error for NotAPrefix {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn prefixes_are_read_and_contain_their_addresses() {
        let prefix: Ipv4Prefix = "192.0.2.128/25".parse().unwrap();
        assert_eq!(prefix.to_string(), "192.0.2.128/25");
        assert!(prefix.contains(Ipv4Addr::new(192, 0, 2, 200)));
        assert!(!prefix.contains(Ipv4Addr::new(192, 0, 2, 1)));
        let all: Ipv4Prefix = "10.0.0.0/0".parse().unwrap();
        assert!(all.contains(Ipv4Addr::new(1, 2, 3, 4)));
        assert_eq!(all.trunc().to_string(), "0.0.0.0/0");
        assert_eq!("10.1.2.3/9".parse::<Ipv4Prefix>().unwrap().trunc().to_string(), "10.0.0.0/9");
        for text in ["192.0.2.0", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/+8", "192.0.2/24", ""] {
            assert_eq!(text.parse::<Ipv4Prefix>(), Err(NotAPrefix), "{text}");
        }
    }
}
