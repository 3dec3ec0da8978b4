//! Templates: how the number of a client determines its circuit id, remote id or host name.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A text with placeholders for the number and the hardware address of a client.
///
/// - `{n}`: the number in decimal;
/// - `{n/1024}`, `{n%32}`, `{n/32%32}`, `{n%32+1}`: the number after the operations, from left to
///   right (division, remainder, addition);
/// - `{mac}`: the hardware address, as `02:4c:00:00:00:07`.
///
/// For every number, the text fits into a sub-option of 255 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// Why a text is not a template.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// Braces contain something that is not a placeholder.
    #[error(
        "{{{found}}} is not a placeholder; wanted {{n}}, {{mac}}, or operations on n by a number \
         such as {{n/32%32}} or {{n%32+1}} (not a division by 0)"
    )]
    Placeholder {
        /// The text between the braces.
        found: String,
    },
    /// A brace is not paired.
    #[error("{found:?} has a brace that is not paired; wanted pairs such as {{n}}")]
    Brace {
        /// The whole text.
        found: String,
    },
    /// The text may become longer than an option.
    #[error(
        "{found:?} may become {octets} octets long, and an option has room for {max}; shorten it",
        max = Template::OCTETS_MAX
    )]
    TooLong {
        /// The whole text.
        found: String,
        /// The greatest length over all clients.
        octets: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Number(Vec<Operation>),
    HardwareAddress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Divide(u32),
    Remainder(u32),
    Add(u32),
}

impl Template {
    /// The largest length of a sub-option of option 82 (RFC 3046 section 2.0).
    pub const OCTETS_MAX: usize = 255;

    /// Returns the text for client `number`.
    pub fn expand(&self, number: u32, hardware_address: [u8; 6]) -> String {
        use fmt::Write;

        let mut text = String::new();
        for part in &self.parts {
            // Writing to a String cannot fail.
            let _ = match part {
                Part::Literal(literal) => text.write_str(literal),
                Part::Number(operations) => {
                    let value = operations.iter().fold(number, |value, step| step.apply(value));
                    write!(text, "{value}")
                }
                Part::HardwareAddress => {
                    text.push_str(&written_hardware_address(hardware_address));
                    Ok(())
                }
            };
        }
        text
    }

    fn octets_max(&self) -> usize {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => literal.len(),
                Part::Number(_) => "4294967295".len(),
                Part::HardwareAddress => "02:4c:00:00:00:07".len(),
            })
            .sum()
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lonely_brace = || TemplateError::Brace { found: text.to_owned() };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (placeholder, after) = after.split_once('}').ok_or_else(lonely_brace)?;
            if literal.contains('}') {
                return Err(lonely_brace());
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::from_placeholder(placeholder)?);
            rest = after;
        }
        if rest.contains('}') {
            return Err(lonely_brace());
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        let template = Self { parts };
        match template.octets_max() {
            octets if octets > Self::OCTETS_MAX => {
                Err(TemplateError::TooLong { found: text.to_owned(), octets })
            }
            _ => Ok(template),
        }
    }
}

impl Part {
    fn from_placeholder(placeholder: &str) -> Result<Self, TemplateError> {
        let refused = || TemplateError::Placeholder { found: placeholder.to_owned() };
        if placeholder == "mac" {
            return Ok(Self::HardwareAddress);
        }
        let mut rest = placeholder.strip_prefix('n').ok_or_else(refused)?;
        let mut operations = Vec::new();
        while let Some(operator) = rest.chars().next() {
            rest = rest.get(operator.len_utf8()..).unwrap_or_default();
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (operand, after) = rest.split_at(digits);
            let operand: u32 = operand.parse().map_err(|_| refused())?;
            operations.push(match operator {
                '/' if operand != 0 => Operation::Divide(operand),
                '%' if operand != 0 => Operation::Remainder(operand),
                '+' => Operation::Add(operand),
                _ => return Err(refused()),
            });
            rest = after;
        }
        Ok(Self::Number(operations))
    }
}

impl Operation {
    fn apply(self, value: u32) -> u32 {
        match self {
            Self::Divide(by) => value.checked_div(by).unwrap_or_default(),
            Self::Remainder(by) => value.checked_rem(by).unwrap_or_default(),
            Self::Add(what) => value.saturating_add(what),
        }
    }
}

fn written_hardware_address(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x02, 0x4c, 0, 0, 0x04, 0xd2];

    fn expanded(template: &str, number: u32) -> String {
        template.parse::<Template>().unwrap().expand(number, MAC)
    }

    #[test]
    fn placeholders_are_computed_from_left_to_right() {
        assert_eq!(expanded("olt{n/1024}/1/{n/32%32}/onu{n%32+1}", 1234), "olt1/1/6/onu19");
        assert_eq!(expanded("{n}", u32::MAX), "4294967295");
        assert_eq!(expanded("{n+1}", u32::MAX), "4294967295");
        assert_eq!(expanded("onu-{mac}!", 0), "onu-02:4c:00:00:04:d2!");
        assert_eq!(expanded("", 7), "");
        assert_eq!(expanded("plain", 7), "plain");
    }

    #[test]
    fn what_is_no_placeholder_is_refused_by_name() {
        for text in ["{}", "{m}", "{n/}", "{n/0}", "{n%0}", "{n*2}", "{n 1}", "{n/99999999999}"] {
            let error = text.parse::<Template>().unwrap_err();
            assert!(matches!(error, TemplateError::Placeholder { .. }), "{text}: {error}");
        }
        for text in ["{n", "n}", "a}{n}", "{n}}"] {
            let error = text.parse::<Template>().unwrap_err();
            assert!(matches!(error, TemplateError::Brace { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn no_client_gets_a_text_longer_than_a_sub_option() {
        let longest = format!("{}{{n}}", "x".repeat(245));
        assert_eq!(expanded(&longest, u32::MAX).len(), Template::OCTETS_MAX);
        let error = format!("{longest}x").parse::<Template>().unwrap_err();
        assert!(matches!(error, TemplateError::TooLong { octets: 256, .. }), "{error}");
    }
}
