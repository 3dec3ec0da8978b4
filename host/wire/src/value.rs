//! Values of options as octets (RFC 2132, RFC 3397, RFC 3442).
//!
//! Does not write codes and lengths. The encodings are in the crate `lessor-vocabulary`, which
//! policies use too; here they are joined by domain names in other scripts than Latin.

use dhcproto::Name;
use lessor_core::OptionValue;

/// The maximum length of a name: 255 octets with the root label (RFC 1035 section 2.3.4), which is
/// not counted here.
const NAME_OCTETS_MAX: usize = 254;

/// Appends the octets of an option's value, without code and length.
///
/// Domain names may end in a dot and may contain letters beyond ASCII (IDNA). A name that is
/// invalid according to RFC 1035 (an empty label, a label of more than 63 octets, more than 255
/// octets in total) is skipped.
pub fn encode_value(value: &OptionValue, octets: &mut Vec<u8>) {
    value.encode_with(octets, international_labels);
}

/// The labels of a name with letters beyond ASCII, or with escapes as in zone files: each label
/// after its length, without the root label.
fn international_labels(name: &str) -> Option<Vec<u8>> {
    let name = Name::from_utf8(name).ok()?;
    let mut labels = Vec::new();
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
    fn names_beyond_ascii_become_idna_labels_and_are_compressed_with_others() {
        assert_eq!(domain_names(&["münchen.example"]), b"\x0exn--mnchen-3ya\x07example\x00");
        assert_eq!(
            domain_names(&["a.example", "münchen.example"]),
            b"\x01a\x07example\x00\x0exn--mnchen-3ya\xc0\x02"
        );
    }
}
