//! Typed values: addresses, prefixes, durations, paths, choices, octets.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use ipnet::Ipv4Net;
use lessor_core::INFINITE_SECS;
use lessor_vocabulary::{
    hexadecimal::{self, HEX},
    read,
};

use crate::{
    reader::Value,
    suggest::{closest, joined},
};

/// The maximum length of an identifier or name in packets, in octets: the length of an option or
/// sub-option is one octet.
pub(crate) const IDENTIFIER_OCTETS_MAX: usize = 255;

/// The maximum length of names of pools and shared networks, which appear in logs, metrics and
/// policies.
pub(crate) const NAME_CHARS_MAX: usize = 64;

impl<'a> Value<'a> {
    /// Reads an IPv4 address.
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        read::address(self)
    }

    /// Reads an IPv4 prefix whose host bits are zero.
    pub(crate) fn prefix(&self) -> Option<Ipv4Net> {
        let prefix = read::prefix(self)?;
        Ipv4Net::new(prefix.address, prefix.length).ok()
    }

    /// Reads a list of IPv4 prefixes, leaving out invalid ones.
    pub(crate) fn prefixes(&self) -> Vec<Ipv4Net> {
        self.items().iter().filter_map(Self::prefix).collect()
    }

    /// Reads a duration of at least a second: a number of seconds, or a text with a unit.
    pub(crate) fn duration_secs(&self) -> Option<u32> {
        const WANTED: &str = "a duration, such as \"90s\", \"10m\", \"1h\", \"7d\" or \"infinite\"";
        let secs = match (self.as_text(), self.integer()) {
            (Some(text), _) => parse_duration(text),
            (None, number) => number.and_then(|secs| u64::try_from(secs).ok()),
        };
        match secs.map(u32::try_from) {
            Some(Ok(0)) => self.refuse_with_help(WANTED, "the minimum is one second"),
            Some(Ok(secs)) => return Some(secs),
            Some(Err(_)) => {
                let help = format!(
                    "the maximum is {} seconds; for more, write \"infinite\"",
                    u32::MAX - 1
                );
                self.refuse_with_help(WANTED, help);
            }
            None => match self.as_text().and_then(guess_duration) {
                Some(guess) => {
                    self.refuse_with_help(WANTED, format!("did you mean \"{guess}\"?"));
                }
                None => self.refuse(WANTED),
            },
        }
        None
    }

    /// Reads a path; a relative one starts at `base`.
    pub(crate) fn path(&self, base: &Path) -> Option<PathBuf> {
        const WANTED: &str = "a path";
        let text = self.text(WANTED)?;
        if text.is_empty() {
            self.refuse(WANTED);
            return None;
        }
        if lessor_files::check_name(Path::new(text)).is_err() {
            let help = "logs and terminals cannot show control characters: rename the file";
            self.refuse_with_help("a path without control characters", help);
            return None;
        }
        Some(base.join(text))
    }

    /// Reads one of several words.
    pub(crate) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let words = || choices.iter().map(|(word, _)| *word);
        let wanted = format!("one of {}", joined(words()));
        let text = self.text(&wanted)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        match closest(text, words()) {
            Some(word) => self.refuse_with_help(&wanted, format!("did you mean \"{word}\"?")),
            None => self.refuse(&wanted),
        }
        None
    }

    /// Reads a name for a pool or a shared network.
    pub(crate) fn name(&self) -> Option<&'a str> {
        const WANTED: &str = "a name of letters, digits, `-`, `_` and `.`";
        let name = self.text(WANTED)?;
        let is_name_char = |found: char| found.is_ascii_alphanumeric() || "-_.".contains(found);
        if name.len() > NAME_CHARS_MAX {
            self.refuse_with_help(WANTED, format!("use at most {NAME_CHARS_MAX} characters"));
        } else if name.is_empty() || !name.chars().all(is_name_char) {
            self.refuse(WANTED);
        } else {
            return Some(name);
        }
        None
    }

    /// Reads octets that identify a client or line: a text, or `hex:` and hexadecimal digits.
    pub(crate) fn identifier(&self) -> Option<Box<[u8]>> {
        const WANTED: &str = "a text, or octets such as \"hex:0a0b\"";
        let text = self.text(WANTED)?;
        if let Some(octets) = identifier(text) {
            return Some(octets);
        }
        let octets = match text.strip_prefix(HEX) {
            Some(_) => self.octets()?,
            None => text.as_bytes().to_vec(),
        };
        if octets.is_empty() || octets.len() > IDENTIFIER_OCTETS_MAX {
            let help = format!("it has {} octets; 1 to 255 can be sent", octets.len());
            self.refuse_with_help(WANTED, help);
        }
        None
    }

    /// Reads octets: `hex:` and hexadecimal digits, which may be grouped by `:`, `-` and spaces.
    pub(crate) fn octets(&self) -> Option<Vec<u8>> {
        read::octets(self)
    }
}

/// The octets that a text represents, if they can identify a client or line.
pub(crate) fn identifier(text: &str) -> Option<Box<[u8]>> {
    let octets: Box<[u8]> = match hexadecimal::of_text(text) {
        Some(octets) => octets.ok()?.into(),
        None => text.as_bytes().into(),
    };
    (1..=IDENTIFIER_OCTETS_MAX).contains(&octets.len()).then_some(octets)
}

/// The duration in seconds, which may exceed 32 bits, of a text such as `10m` or `infinite`; `None`
/// if it is none.
pub fn parse_duration(text: &str) -> Option<u64> {
    if text == "infinite" {
        return Some(u64::from(INFINITE_SECS));
    }
    let unit_start = text.find(|found: char| !found.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit_start)?;
    let unit_secs: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    if number.is_empty() {
        return None;
    }
    Some(number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit_secs))
}

/// A valid duration that the text was probably meant to be.
fn guess_duration(text: &str) -> Option<String> {
    let text: String = text.to_ascii_lowercase().split_whitespace().collect();
    if matches!(text.as_str(), "infinity" | "forever" | "never" | "unlimited" | "inf") {
        return Some("infinite".to_owned());
    }
    let unit_start = text.find(|found: char| !found.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit_start)?;
    let unit = match unit {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "w",
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("{number}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        for (text, secs) in [
            ("1s", 1),
            ("90s", 90),
            ("10m", 600),
            ("1h", 3_600),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("infinite", u64::from(u32::MAX)),
            ("99999999999999999999h", u64::MAX),
        ] {
            assert_eq!(parse_duration(text), Some(secs), "{text}");
        }
        for text in ["", "1", "h", "1 h", "1h30m", "-1h", "1.5h", "1H", "Infinite"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn near_misses_of_durations_are_understood() {
        assert_eq!(guess_duration("1 hour").as_deref(), Some("1h"));
        assert_eq!(guess_duration("3600").as_deref(), Some("3600s"));
        assert_eq!(guess_duration("10 Min").as_deref(), Some("10m"));
        assert_eq!(guess_duration("forever").as_deref(), Some("infinite"));
        assert_eq!(guess_duration("soon"), None);
        assert_eq!(guess_duration("h"), None);
    }
}
