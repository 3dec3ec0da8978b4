//! Options: received ones as octets, and how sent ones are recorded. Their names, codes and values
//! are in the crate `lessor-vocabulary`.
//!
//! Neither parses nor writes messages; the `wire` crate does.

pub(crate) mod recorded;

pub use lessor_vocabulary::{
    OptionDefinition, OptionKind, OptionValue,
    option::{code, is_reserved_for_engine, recognise, shown_name},
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Returns whether only DHCP messages have option `code` (RFC 1533 section 9), so that no reply to
/// a BOOTP client has it (RFC 1534 section 2).
pub const fn is_of_dhcp_only(code: u8) -> bool {
    matches!(code, code::REQUESTED_ADDRESS..=code::CLIENT_IDENTIFIER)
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
}
