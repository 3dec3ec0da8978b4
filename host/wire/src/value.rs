//! Values of options as octets (RFC 2132, RFC 3397, RFC 3442).
//!
//! Does not write codes and lengths. Invariant: compression pointers stay within the value.

use dhcproto::Name;
use lessor_core::OptionValue;
use smallvec::SmallVec;

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

/// Appends the octets of an option's value, without code and length.
///
/// Domain names may end in a dot and may contain letters beyond ASCII (IDNA). A name that is
/// invalid according to RFC 1035 (an empty label, a label of more than 63 octets, more than 255
/// octets in total) is skipped.
pub fn encode_value(value: &OptionValue, octets: &mut Vec<u8>) {
    match value {
        OptionValue::Address(address) => octets.extend_from_slice(&address.octets()),
        OptionValue::Addresses(addresses) => {
            octets.extend(addresses.iter().flat_map(|address| address.octets()));
        }
        OptionValue::Flag(flag) => octets.push(u8::from(*flag)),
        OptionValue::U8(number) => octets.push(*number),
        OptionValue::U16(number) => octets.extend_from_slice(&number.to_be_bytes()),
        OptionValue::U16s(numbers) => {
            octets.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        }
        OptionValue::U32(number) => octets.extend_from_slice(&number.to_be_bytes()),
        OptionValue::I32(number) => octets.extend_from_slice(&number.to_be_bytes()),
        OptionValue::Text(text) => octets.extend_from_slice(text.as_bytes()),
        OptionValue::DomainNames(names) => {
            let mut list = NameList { start: octets.len(), octets, goals: SmallVec::new() };
            for name in names {
                list.append(name);
            }
        }
        OptionValue::Routes(routes) => {
            for (destination, router) in routes {
                let significant = usize::from(destination.prefix_len()).div_ceil(8);
                octets.push(destination.prefix_len());
                octets.extend(destination.network().octets().iter().take(significant));
                octets.extend_from_slice(&router.octets());
            }
        }
        OptionValue::Octets(value) => octets.extend_from_slice(value),
    }
}

/// Returns whether the value is of a kind that has at least one item (RFC 2132). If it has none,
/// the option is left out instead of sent empty.
pub(crate) fn needs_items(value: &OptionValue) -> bool {
    matches!(
        value,
        OptionValue::Addresses(_)
            | OptionValue::U16s(_)
            | OptionValue::DomainNames(_)
            | OptionValue::Routes(_)
    )
}

/// The labels of one name, each after its length, without the root label.
type Labels = SmallVec<[u8; 64]>;

/// Domain names with pointers to earlier names in the same option (RFC 3397 section 2).
///
/// dhcproto's encoder compresses too, but requires its own type of name, converted from every text
/// first. That takes four times as long, which is more than everything else in a reply.
struct NameList<'a> {
    octets: &'a mut Vec<u8>,
    /// The beginning of the option, from which pointers count.
    start: usize,
    /// The offsets of the labels that pointers may lead to, counted from `start`.
    goals: SmallVec<[u16; 16]>,
}

impl NameList<'_> {
    fn append(&mut self, name: &str) {
        let Some(labels) = plain_labels(name).or_else(|| international_labels(name)) else {
            return;
        };
        let mut rest: &[u8] = &labels;
        while let [length, tail @ ..] = rest {
            if let Some(goal) = self.goals.iter().find(|goal| self.stands_at(**goal, rest)) {
                self.octets.extend_from_slice(&(POINTER | goal).to_be_bytes());
                return;
            }
            let offset = self.octets.len() - self.start;
            if offset <= POINTER_OFFSET_MAX && self.goals.len() < POINTER_GOALS_MAX {
                self.goals.push(offset as u16);
            }
            let (label, after) = tail.split_at_checked(usize::from(*length)).unwrap_or_default();
            self.octets.push(*length);
            self.octets.extend_from_slice(label);
            rest = after;
        }
        self.octets.push(0);
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
/// name does.
fn plain_labels(name: &str) -> Option<Labels> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut labels = Labels::new();
    for label in name.split('.') {
        let is_plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if label.is_empty()
            || label.len() > LABEL_OCTETS_MAX
            || !label.as_bytes().iter().all(is_plain)
        {
            return None;
        }
        labels.push(label.len() as u8);
        labels.extend_from_slice(label.as_bytes());
    }
    (labels.len() <= NAME_OCTETS_MAX).then_some(labels)
}

/// The labels of any other name: with letters beyond ASCII, or with escapes as in zone files.
fn international_labels(name: &str) -> Option<Labels> {
    let name = Name::from_utf8(name).ok()?;
    let mut labels = Labels::new();
    for label in &name {
        labels.push(u8::try_from(label.len()).ok()?);
        labels.extend_from_slice(label);
    }
    (1..=NAME_OCTETS_MAX).contains(&labels.len()).then_some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain_names(names: &[&str]) -> Vec<u8> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        // The octets before the value show that pointers count from the value.
        let mut octets = vec![119, 0];
        encode_value(&OptionValue::DomainNames(names), &mut octets);
        octets.split_off(2)
    }

    #[test]
    fn rfc3397_a_search_list_points_back_within_its_option() {
        // The example of RFC 3397 section 2.
        assert_eq!(
            domain_names(&["eng.apple.com.", "marketing.apple.com."]),
            b"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04"
        );
    }

    #[test]
    fn rfc3397_pointers_lead_to_pointers_and_to_whole_names() {
        assert_eq!(
            domain_names(&[
                "a.example.com",
                "b.example.com",
                "b.example.com",
                "com",
                "example.org"
            ]),
            b"\x01a\x07example\x03com\x00\x01b\xc0\x02\xc0\x0f\xc0\x0a\x07example\x03org\x00"
        );
    }

    #[test]
    fn names_that_repeat_a_label_do_not_point_into_themselves() {
        assert_eq!(domain_names(&["a.a.a"]), b"\x01a\x01a\x01a\x00");
    }

    #[test]
    fn what_is_no_domain_name_is_passed_over() {
        let label = "x".repeat(64);
        let long = ["y".repeat(63).as_str(); 4].join(".");
        assert_eq!(
            domain_names(&["", ".", "a..b", "a b", "example.com", &label, &long]),
            b"\x07example\x03com\x00"
        );
        let longest = [&"y".repeat(63), &"y".repeat(63), &"y".repeat(63), &"y".repeat(61)];
        assert_eq!(domain_names(&[&longest.map(String::as_str).join(".")]).len(), 255);
    }

    #[test]
    fn names_beyond_ascii_become_idna_labels() {
        assert_eq!(domain_names(&["münchen.example"]), b"\x0exn--mnchen-3ya\x07example\x00");
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

    /// RFC 3442.
    #[test]
    fn routes_carry_the_significant_octets_only() {
        // RFC 3442, the table in "Classless Route Option Format", with routers added.
        let router = "10.0.0.1".parse().unwrap();
        for (destination, expected) in [
            ("0.0.0.0/0", &b"\x00"[..]),
            ("10.0.0.0/8", b"\x08\x0a"),
            ("10.0.0.0/24", b"\x18\x0a\x00\x00"),
            ("10.17.0.0/16", b"\x10\x0a\x11"),
            ("10.27.129.0/24", b"\x18\x0a\x1b\x81"),
            ("10.229.0.128/25", b"\x19\x0a\xe5\x00\x80"),
            ("10.198.122.47/32", b"\x20\x0a\xc6\x7a\x2f"),
            // Octets beyond the prefix are not sent.
            ("10.255.255.255/9", b"\x09\x0a\x80"),
        ] {
            let value = OptionValue::Routes(vec![(destination.parse().unwrap(), router)]);
            let mut octets = Vec::new();
            encode_value(&value, &mut octets);
            assert_eq!(octets, [expected, &[10, 0, 0, 1]].concat(), "{destination}");
        }
    }

    #[test]
    fn plain_values_are_in_network_order() {
        let address = [192, 0, 2, 1].into();
        for (value, expected) in [
            (OptionValue::Address(address), &b"\xc0\x00\x02\x01"[..]),
            (OptionValue::Addresses(vec![address; 2]), b"\xc0\x00\x02\x01\xc0\x00\x02\x01"),
            (OptionValue::Flag(true), b"\x01"),
            (OptionValue::Flag(false), b"\x00"),
            (OptionValue::U8(7), b"\x07"),
            (OptionValue::U16(1500), b"\x05\xdc"),
            (OptionValue::U16s(vec![68, 296]), b"\x00\x44\x01\x28"),
            (OptionValue::U32(3600), b"\x00\x00\x0e\x10"),
            (OptionValue::I32(-1), b"\xff\xff\xff\xff"),
            (OptionValue::Text("a".into()), b"a"),
            (OptionValue::Octets(vec![0, 255]), b"\x00\xff"),
        ] {
            let mut octets = Vec::new();
            encode_value(&value, &mut octets);
            assert_eq!(octets, expected, "{value:?}");
        }
    }
}
