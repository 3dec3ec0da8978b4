//! Domain names in DNS wire format (RFC 1035 section 3.1), with pointers to earlier names in the
//! same option (RFC 3397 section 2).
//!
//! Invariant: pointers stay within the value and lead backwards.

use alloc::{string::String, vec::Vec};

/// The maximum length of a name: 255 octets with the root label (RFC 1035 section 2.3.4), which is
/// not counted here.
const NAME_OCTETS_MAX: usize = 254;
/// The maximum length of a label (RFC 1035 section 2.3.4).
const LABEL_OCTETS_MAX: usize = 63;
/// How many labels of one option are kept as targets of pointers; later ones are written out. This
/// limits the time that a long list takes.
const POINTER_GOALS_MAX: usize = 64;
/// The bits that mark two octets as a pointer, and the highest offset in a pointer (RFC 1035
/// section 4.1.4).
const POINTER: u16 = 0xc000;
const POINTER_OFFSET_MAX: usize = 0x3fff;

/// Writes domain names one after the other.
///
/// Nothing is allocated, because this runs for every reply with such an option.
pub(super) struct NameList<'a> {
    octets: &'a mut Vec<u8>,
    /// The beginning of the option, from which pointers count.
    start: usize,
    /// The offsets of the labels that pointers may lead to, counted from `start`.
    goals: [u16; POINTER_GOALS_MAX],
    goals_len: usize,
}

impl<'a> NameList<'a> {
    pub(super) fn new(octets: &'a mut Vec<u8>) -> Self {
        let start = octets.len();
        Self { octets, start, goals: [0; POINTER_GOALS_MAX], goals_len: 0 }
    }

    /// Appends a name, which may end in a dot. A name that is not plain is appended if `unusual`
    /// returns its labels.
    pub(super) fn append(&mut self, name: &str, unusual: impl Fn(&str) -> Option<Vec<u8>>) {
        let mut plain = Labels::new();
        if plain.read(name).is_some() {
            self.append_labels(plain.written());
        } else if let Some(labels) = unusual(name) {
            self.append_labels(&labels);
        }
    }

    fn append_labels(&mut self, labels: &[u8]) {
        let mut rest = labels;
        while let [length, tail @ ..] = rest {
            if let Some(goal) = self.goals().iter().find(|goal| self.stands_at(**goal, rest)) {
                let pointer = POINTER | goal;
                self.octets.extend_from_slice(&pointer.to_be_bytes());
                return;
            }
            let offset = self.octets.len() - self.start;
            if let Some(place) = self.goals.get_mut(self.goals_len)
                && offset <= POINTER_OFFSET_MAX
            {
                *place = offset as u16;
                self.goals_len += 1;
            }
            let (label, after) = tail.split_at_checked(usize::from(*length)).unwrap_or_default();
            self.octets.push(*length);
            self.octets.extend_from_slice(label);
            rest = after;
        }
        self.octets.push(0);
    }

    fn goals(&self) -> &[u16] {
        self.goals.get(..self.goals_len).unwrap_or_default()
    }

    /// Returns whether the name at `goal` consists of `labels` and the root. The name that is being
    /// written never does, because its root is missing. Pointers only lead backwards, so the loop
    /// ends.
    fn stands_at(&self, goal: u16, mut labels: &[u8]) -> bool {
        let written = self.octets.get(self.start..).unwrap_or_default();
        let mut at = written.get(usize::from(goal)..).unwrap_or_default();
        loop {
            match at {
                [0, ..] => return labels.is_empty(),
                [high, low, ..] if *high >= (POINTER >> 8) as u8 => {
                    let goal = u16::from_be_bytes([*high, *low]) & !POINTER;
                    at = written.get(usize::from(goal)..).unwrap_or_default();
                }
                [length, ..] => {
                    let (label, after) =
                        at.split_at_checked(1 + usize::from(*length)).unwrap_or_default();
                    match labels.strip_prefix(label) {
                        Some(rest) if !label.is_empty() => (at, labels) = (after, rest),
                        _ => return false,
                    }
                }
                [] => return false,
            }
        }
    }
}

/// The labels of a name that consists of letters, digits, hyphens and underscores, as nearly every
/// name does: each after its length, without the root label.
struct Labels {
    octets: [u8; NAME_OCTETS_MAX],
    len: usize,
}

impl Labels {
    const fn new() -> Self {
        Self { octets: [0; NAME_OCTETS_MAX], len: 0 }
    }

    /// Reads a name; `None` if it is not plain or too long.
    fn read(&mut self, name: &str) -> Option<()> {
        let name = name.strip_suffix('.').unwrap_or(name);
        for label in name.split('.') {
            if label.is_empty() || label.len() > LABEL_OCTETS_MAX || !label.bytes().all(is_plain) {
                return None;
            }
            let room = self.octets.get_mut(self.len..=self.len + label.len())?;
            let (length, octets) = room.split_first_mut()?;
            *length = label.len() as u8;
            octets.copy_from_slice(label.as_bytes());
            self.len += 1 + label.len();
        }
        Some(())
    }

    fn written(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

/// Returns whether a text is a domain name of letters, digits, `-` and `_`, within the limits of
/// RFC 1035 section 2.3.4.
pub(crate) fn is_domain_name(name: &str) -> bool {
    Labels::new().read(name).is_some()
}

fn is_plain(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

/// Reads domain names, which may contain pointers to earlier names (RFC 1035 section 4.1.4);
/// `None` if one of them is not plain.
pub(super) fn decode(octets: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut place = 0;
    while place < octets.len() {
        let (name, after) = name_at(octets, place)?;
        names.push(name);
        place = after;
    }
    (!names.is_empty()).then_some(names)
}

/// Reads a name and returns the position after it. Pointers may only lead backwards, so this ends.
fn name_at(octets: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut name, mut place, mut after) = (String::new(), start, None);
    loop {
        match octets.get(place..)? {
            [0, ..] => {
                let found = is_domain_name(&name).then_some(name)?;
                return Some((found, after.unwrap_or(place + 1)));
            }
            [high, low, ..] if *high >= (POINTER >> 8) as u8 => {
                let goal = usize::from(u16::from_be_bytes([*high, *low]) & !POINTER);
                after.get_or_insert(place + 2);
                place = if goal < place { goal } else { return None };
            }
            [length, rest @ ..] => {
                let label = rest.get(..usize::from(*length))?;
                if label.iter().any(|octet| !is_plain(*octet)) || name.len() > NAME_OCTETS_MAX {
                    return None;
                }
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(core::str::from_utf8(label).ok()?);
                place += 1 + label.len();
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{borrow::ToOwned, format, vec};

    use super::*;
    use crate::{OptionKind, OptionValue};

    fn domain_names(names: &[&str]) -> Vec<u8> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        // The octets before the value show that pointers count from the value.
        let mut octets = vec![119, 0];
        OptionValue::DomainNames(names).encode(&mut octets);
        octets.split_off(2)
    }

    #[test]
    fn rfc3397_a_search_list_points_back_within_its_option() {
        // The example of RFC 3397 section 2.
        let octets = domain_names(&["eng.apple.com.", "marketing.apple.com."]);
        assert_eq!(octets, b"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04");
        let names = ["eng.apple.com", "marketing.apple.com"].map(str::to_owned).to_vec();
        let decoded = OptionKind::DomainNames.decode(&octets);
        assert_eq!(decoded, Some(OptionValue::DomainNames(names)));
    }

    #[test]
    fn rfc3397_pointers_lead_to_pointers_and_to_whole_names() {
        let names = ["a.example.com", "b.example.com", "b.example.com", "com", "example.org"];
        let octets = domain_names(&names);
        assert_eq!(
            octets,
            b"\x01a\x07example\x03com\x00\x01b\xc0\x02\xc0\x0f\xc0\x0a\x07example\x03org\x00"
        );
        assert_eq!(decode(&octets), Some(names.map(str::to_owned).to_vec()));
    }

    #[test]
    fn names_that_repeat_a_label_do_not_point_into_themselves() {
        assert_eq!(domain_names(&["a.a.a"]), b"\x01a\x01a\x01a\x00");
    }

    #[test]
    fn what_is_no_plain_domain_name_is_passed_over_both_ways() {
        let label = "x".repeat(64);
        let long = ["y".repeat(63).as_str(); 4].join(".");
        assert_eq!(
            domain_names(&["", ".", "a..b", "a b", "é.example", "example.com", &label, &long]),
            b"\x07example\x03com\x00"
        );
        let longest = [&"y".repeat(63), &"y".repeat(63), &"y".repeat(63), &"y".repeat(61)];
        assert_eq!(domain_names(&[&longest.map(String::as_str).join(".")]).len(), 255);
        for octets in [&b""[..], b"\0", b"\x01a", b"\x01 \0", b"\x01.\0", b"\xc0\x00", b"\x01a\xc0"]
        {
            assert_eq!(decode(octets), None, "{octets:?}");
        }
        assert_eq!(decode(&[[0x3f].as_slice(), &[b'y'; 63]].concat().repeat(5)), None);
    }

    #[test]
    fn pointer_goals_are_bounded_and_names_beyond_are_written_out() {
        let names: Vec<String> =
            (0..POINTER_GOALS_MAX + 2).map(|number| format!("n{number}")).collect();
        let last = names.last().unwrap().as_str();
        let mut texts: Vec<&str> = names.iter().map(String::as_str).collect();
        texts.extend([last, "n0"]);
        let octets = domain_names(&texts);
        assert!(octets.ends_with(b"\x03n65\x00\x03n65\x00\xc0\x00"), "{octets:x?}");
    }

    #[test]
    fn labels_of_unusual_names_come_from_the_caller() {
        let mut octets = Vec::new();
        let value = OptionValue::DomainNames(vec!["é".to_owned(), "ü".to_owned()]);
        value.encode_with(&mut octets, |name| (name == "é").then(|| b"\x02\xc3\xa9".to_vec()));
        assert_eq!(octets, b"\x02\xc3\xa9\0");
    }
}
