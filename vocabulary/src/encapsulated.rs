//! The options of a vendor as option 43 encapsulates them (RFC 2132 section 8.4): code, length and
//! value, with PAD between them and END after the last one.
//!
//! Does not know what they mean. Invariant: what is read ends with the octets.

use alloc::vec::Vec;

use crate::option::code::{END, PAD};

/// The value of the first option `code` in the octets of option 43.
pub fn encapsulated_option(octets: &[u8], code: u8) -> Option<&[u8]> {
    let mut rest = octets;
    while let Some((found, value, after)) = next(rest) {
        if found == code {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// The octets of option 43 without PAD and END; `None` if they are not whole options.
pub(crate) fn without_padding(octets: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((code, value, after)) = next(rest) {
        plain.extend([code, value.len() as u8]);
        plain.extend(value);
        rest = after;
    }
    let rest = unpadded(rest);
    (rest.is_empty() || rest.first() == Some(&END)).then_some(plain)
}

/// The next option, and the octets after it; `None` at the end, and before an option that is cut
/// off.
fn next(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    match unpadded(octets) {
        [END, ..] => None,
        [code, length, rest @ ..] => {
            let (value, after) = rest.split_at_checked(usize::from(*length))?;
            Some((*code, value, after))
        }
        _ => None,
    }
}

fn unpadded(octets: &[u8]) -> &[u8] {
    let start = octets.iter().position(|octet| *octet != PAD).unwrap_or(octets.len());
    octets.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_stands_between_options_and_nothing_after_the_end_counts() {
        let octets = b"\0\x01\x01a\0\0\x02\x02\0b\xff\x03\x01c";
        assert_eq!(encapsulated_option(octets, 1), Some(&b"a"[..]));
        assert_eq!(encapsulated_option(octets, 2), Some(&b"\0b"[..]));
        for code in [0, 3, 255] {
            assert_eq!(encapsulated_option(octets, code), None, "{code}");
        }
        assert_eq!(without_padding(octets).unwrap(), b"\x01\x01a\x02\x02\0b");
        assert_eq!(without_padding(b"\0\0").unwrap(), b"");
    }

    #[test]
    fn what_is_cut_off_is_no_option() {
        for octets in [&b"\x01"[..], b"\x01\x02a", b"\0\x01\xff", b"\x02\x01a\x01\x09"] {
            assert_eq!(encapsulated_option(octets, 1), None, "{octets:?}");
            assert_eq!(without_padding(octets), None, "{octets:?}");
        }
    }
}
