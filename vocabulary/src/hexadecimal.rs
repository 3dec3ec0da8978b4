//! Octets as text: `hex:` and hexadecimal digits mean octets, and any other text means the octets
//! of the text.

use alloc::{string::String, vec::Vec};
use core::fmt::Write;

/// The prefix of octets that are written as hexadecimal digits.
pub const HEX: &str = "hex:";

/// The reason why hexadecimal digits could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HexError {
    /// The number of digits is odd.
    OddLength,
    /// A character is not a digit.
    NoDigit,
}

/// Reads hexadecimal digits, which may be grouped by `:`, `-` and spaces.
///
/// # Errors
/// Returns an error if a character is not a digit, or if the number of digits is odd.
pub fn octets(digits: &str) -> Result<Vec<u8>, HexError> {
    let mut octets = Vec::with_capacity(digits.len() / 2);
    let mut high = None;
    let is_digit = |letter: &char| !matches!(letter, ':' | '-' | ' ');
    let is_odd = digits.chars().filter(is_digit).count() % 2 == 1;
    if is_odd {
        return Err(HexError::OddLength);
    }
    for letter in digits.chars().filter(is_digit) {
        let digit = letter.to_digit(16).ok_or(HexError::NoDigit)? as u8;
        match high.take() {
            None => high = Some(digit << 4),
            Some(high) => octets.push(high | digit),
        }
    }
    Ok(octets)
}

/// The octets of a text with the prefix [`HEX`]; `None` without the prefix.
pub fn of_text(text: &str) -> Option<Result<Vec<u8>, HexError>> {
    text.strip_prefix(HEX).map(octets)
}

/// Returns the octets as `hex:` and digits.
pub fn text(octets: &[u8]) -> String {
    let mut text = String::with_capacity(HEX.len() + 2 * octets.len());
    text.push_str(HEX);
    push_digits(octets, &mut text);
    text
}

/// Returns the octets as digits.
pub fn digits(octets: &[u8]) -> String {
    let mut text = String::with_capacity(2 * octets.len());
    push_digits(octets, &mut text);
    text
}

fn push_digits(octets: &[u8], text: &mut String) {
    for octet in octets {
        // Writing to a text does not fail.
        let _ = write!(text, "{octet:02x}");
    }
}

/// Returns printable ASCII unchanged, and other octets as `hex:` and digits. A text that begins
/// with `hex:` is written as digits too, so that it is read as the same octets.
pub fn plain_or_hex(octets: &[u8]) -> String {
    let is_plain = octets.iter().all(|octet| matches!(octet, b' '..=b'~'));
    match core::str::from_utf8(octets) {
        Ok(plain) if is_plain && !plain.starts_with(HEX) => plain.into(),
        _ => text(octets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_read_as_they_are_written() {
        for sample in [&b""[..], b"\x00", b"\xff\x0a", b"hex:00"] {
            assert_eq!(of_text(&text(sample)), Some(Ok(sample.to_vec())));
        }
        assert_eq!(octets("0a:0B-0c 0d"), Ok([10, 11, 12, 13].into()));
        assert_eq!(octets("0"), Err(HexError::OddLength));
        assert_eq!(octets("0g"), Err(HexError::NoDigit));
        assert_eq!(octets("00é0"), Err(HexError::NoDigit));
        assert_eq!(of_text("00"), None);
        assert_eq!(plain_or_hex(b"olt1/1 onu"), "olt1/1 onu");
        assert_eq!(plain_or_hex(b"hex:00"), "hex:6865783a3030");
        assert_eq!(plain_or_hex(b"\x7f"), "hex:7f");
        assert_eq!(digits(b"\x01\xab"), "01ab");
    }
}
