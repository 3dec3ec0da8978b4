//! Relay agent information, option 82 (RFC 3046): how the relay describes the line.
//!
//! Does not decide what the line means. Invariant: the octets are those that the relay sent, or
//! those of a relay that a command imitates.

use serde::{Deserialize, Serialize};

/// Sub-option 1: the circuit on which the request arrived (RFC 3046 section 3.1).
pub const CIRCUIT_ID: u8 = 1;
/// Sub-option 2: the remote end of the circuit (RFC 3046 section 3.2).
pub const REMOTE_ID: u8 = 2;
/// Sub-option 5: the subnet to choose an address from (RFC 3527).
pub const LINK_SELECTION: u8 = 5;
/// Sub-option 6: the provider's name of the subscriber (RFC 3993).
pub const SUBSCRIBER_ID: u8 = 6;
/// Sub-option 10: how the client sent the message that the relay forwarded (RFC 5010).
pub const RELAY_FLAGS: u8 = 10;
/// Sub-option 11: the server identifier to answer with (RFC 5107).
pub const SERVER_IDENTIFIER_OVERRIDE: u8 = 11;
/// Sub-option 19: the relay sends from its own port and wants replies there (RFC 8357).
pub const SOURCE_PORT: u8 = 19;
/// Sub-option 151: the VPN to choose an address from (RFC 6607 section 3.2).
pub const VPN_SELECTION: u8 = 151;
/// Sub-option 152: asks whether the server used sub-option 151 (RFC 6607 section 3.3).
pub const VPN_SELECTION_CONTROL: u8 = 152;

/// The octets of option 82 exactly as the relay sent them, so that a reply can return them
/// unchanged. Sub-options are read on request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RelayInformation(#[serde(with = "crate::octets")] Box<[u8]>);

impl RelayInformation {
    /// Creates it from the octets of the option, all of its parts joined, without code and length.
    pub fn from_octets(octets: impl Into<Box<[u8]>>) -> Self {
        Self(octets.into())
    }

    /// Creates it from sub-options. A value ends after 255 octets, which is what its length can
    /// say.
    pub fn from_sub_options<'o>(sub_options: impl IntoIterator<Item = (u8, &'o [u8])>) -> Self {
        let mut octets = Vec::new();
        for (code, value) in sub_options {
            let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
            octets.extend([code, length]);
            octets.extend(value.iter().take(usize::from(length)));
        }
        Self::from_octets(octets)
    }

    /// The octets as received.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The octets of the first sub-option `code`. They are binary and may contain zero octets.
    pub fn sub_option(&self, code: u8) -> Option<&[u8]> {
        sub_option(&self.0, code)
    }

    /// Sub-options in the order of the packet. The iterator ends before a sub-option that is
    /// truncated: what comes before a damaged tail still identifies the line.
    pub fn sub_options(&self) -> impl Iterator<Item = (u8, &[u8])> {
        sub_options(&self.0)
    }

    /// The octets without the sub-options `code`. Everything else stays as the relay sent it, a
    /// damaged tail too.
    pub(crate) fn octets_without(&self, code: u8) -> Vec<u8> {
        let mut kept = Vec::with_capacity(self.0.len());
        let mut rest = &*self.0;
        for (found, value) in self.sub_options() {
            let (whole, after) = rest.split_at_checked(2 + value.len()).unwrap_or((rest, &[]));
            if found != code {
                kept.extend_from_slice(whole);
            }
            rest = after;
        }
        kept.extend_from_slice(rest);
        kept
    }

    /// Returns whether `octets` consist of whole sub-options, at least one.
    pub fn is_whole(octets: &[u8]) -> bool {
        let mut rest = octets;
        while let [_, length, tail @ ..] = rest {
            let Some((_, after)) = tail.split_at_checked(usize::from(*length)) else {
                return false;
            };
            rest = after;
        }
        rest.is_empty() && !octets.is_empty()
    }

    /// Sub-option 1, the circuit id.
    pub fn circuit_id(&self) -> Option<&[u8]> {
        self.sub_option(CIRCUIT_ID)
    }

    /// Sub-option 2, the remote id.
    pub fn remote_id(&self) -> Option<&[u8]> {
        self.sub_option(REMOTE_ID)
    }
}

/// Returns whether the client sent its message by unicast according to the octets of sub-option 10
/// (RFC 5010 section 4); `None` if they do not say so.
pub(crate) fn is_unicast(octets: &[u8]) -> Option<bool> {
    const UNICAST: u8 = 0x80;
    octets.first().map(|flags| flags & UNICAST != 0)
}

/// The value of the first sub-option `code` in `octets`.
pub(crate) fn sub_option(octets: &[u8], code: u8) -> Option<&[u8]> {
    sub_options(octets).find(|(found, _)| *found == code).map(|(_, octets)| octets)
}

fn sub_options(mut rest: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (code, length, tail) = match rest {
            [code, length, tail @ ..] => (*code, usize::from(*length), tail),
            _ => return None,
        };
        let (octets, after) = tail.split_at_checked(length)?;
        rest = after;
        Some((code, octets))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_options_are_found_in_any_order_and_keep_zero_octets() {
        let relay = RelayInformation::from_octets(*b"\x02\x02\x00b\x01\x03a\x00c");
        assert_eq!(relay.circuit_id(), Some(&b"a\x00c"[..]));
        assert_eq!(relay.remote_id(), Some(&b"\x00b"[..]));
    }

    #[test]
    fn the_relay_may_say_how_the_client_sent_its_message() {
        assert_eq!(is_unicast(&[0x80]), Some(true));
        assert_eq!(is_unicast(&[0]), Some(false));
        assert_eq!(is_unicast(&[]), None);
    }

    #[test]
    fn what_is_whole_ends_with_a_sub_option() {
        for whole in [&b"\x01\x01a"[..], b"\x01\x00", b"\x01\x02ab\x02\x01c"] {
            assert!(RelayInformation::is_whole(whole), "{whole:?}");
        }
        for part in [&b""[..], b"\x01", b"\x01\x02a", b"\x01\x01a\x02"] {
            assert!(!RelayInformation::is_whole(part), "{part:?}");
        }
    }

    #[test]
    fn sub_options_that_were_written_are_read_back() {
        let long = [b'x'; 300];
        let written = [(CIRCUIT_ID, &b"olt1/1"[..]), (SOURCE_PORT, b""), (REMOTE_ID, &long)];
        let relay = RelayInformation::from_sub_options(written);
        let read: Vec<(u8, &[u8])> = relay.sub_options().collect();
        assert_eq!(read, [written[0], written[1], (REMOTE_ID, &long[..255])]);
        assert!(RelayInformation::is_whole(relay.octets()));
    }

    #[test]
    fn without_a_sub_option_everything_else_stays() {
        for (octets, expected) in [
            (&b"\x01\x01a\x98\x00\x02\x01b"[..], &b"\x01\x01a\x02\x01b"[..]),
            (b"\x98\x00\x98\x02xy\x01\x09a", b"\x01\x09a"),
            (b"\x98\x00", b""),
            (b"\x01\x01a\x98", b"\x01\x01a\x98"),
        ] {
            let relay = RelayInformation::from_octets(octets);
            assert_eq!(relay.octets_without(VPN_SELECTION_CONTROL), expected, "{octets:?}");
        }
    }

    #[test]
    fn a_damaged_tail_hides_nothing_before_it() {
        let relay = RelayInformation::from_octets(*b"\x01\x01a\x02\x09b");
        assert_eq!(relay.circuit_id(), Some(&b"a"[..]));
        assert_eq!(relay.remote_id(), None);
    }
}
