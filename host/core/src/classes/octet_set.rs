//! A set of octet strings that takes little more memory than the octets.
//!
//! Strings of one length are packed one after another in order, so that a string is found by a
//! binary search and a million hardware addresses take seven million octets. Invariant: the groups
//! are in order of length, the strings of a group are in order, and none occurs twice.

use std::fmt;

/// A set of octet strings. Cheap to search, not to change.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OctetSet(Box<[Group]>);

/// The strings of one length.
#[derive(Clone, PartialEq, Eq)]
struct Group {
    length: usize,
    packed: Box<[u8]>,
}

impl OctetSet {
    /// Returns whether it has no string.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of strings.
    pub fn len(&self) -> usize {
        self.0.iter().map(Group::len).sum()
    }

    /// Returns whether it has this string.
    pub fn contains(&self, octets: &[u8]) -> bool {
        let group = self.0.iter().find(|group| group.length == octets.len());
        group.is_some_and(|group| group.contains(octets))
    }

    /// Returns whether it has a string that `octets` begin with.
    pub fn contains_start_of(&self, octets: &[u8]) -> bool {
        let fits = |group: &Group| {
            octets.get(..group.length).is_some_and(|beginning| group.contains(beginning))
        };
        self.0.iter().any(fits)
    }

    /// Every string, the shortest first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().flat_map(|group| (0..group.len()).filter_map(|place| group.get(place)))
    }

    /// Creates a set of strings that were collected by length: those of each length are packed
    /// behind each other, in any order. Incomplete strings at the end are dropped.
    pub fn of_packed(groups: impl IntoIterator<Item = (usize, Vec<u8>)>) -> Self {
        let groups = groups.into_iter().filter_map(|(length, packed)| Group::of(length, packed));
        let mut groups: Vec<Group> = groups.collect();
        groups.sort_by_key(|group| group.length);
        Self(groups.into())
    }
}

impl Group {
    fn of(length: usize, mut packed: Vec<u8>) -> Option<Self> {
        if length == 0 {
            return Some(Self { length, packed: Box::default() });
        }
        sort_packed(&mut packed, length);
        let packed: Box<[u8]> = packed.into();
        (!packed.is_empty()).then_some(Self { length, packed })
    }

    fn len(&self) -> usize {
        self.packed.len().checked_div(self.length).unwrap_or(1)
    }

    fn get(&self, place: usize) -> Option<&[u8]> {
        let start = place.checked_mul(self.length)?;
        self.packed.get(start..start + self.length)
    }

    /// `octets` must have the length of the group.
    fn contains(&self, octets: &[u8]) -> bool {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(found) = self.get(middle) else { return false };
            match found.cmp(octets) {
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        false
    }
}

/// Sorts strings of one length and removes those that occur twice. Strings of up to 16 octets, as
/// hardware addresses are, are sorted as numbers.
fn sort_packed(packed: &mut Vec<u8>, length: usize) {
    let each = packed.chunks_exact(length);
    if length <= size_of::<u128>() {
        let number =
            |octets: &[u8]| octets.iter().fold(0, |sum: u128, o| (sum << 8) | u128::from(*o));
        let mut numbers: Vec<u128> = each.map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        packed.clear();
        for number in numbers {
            let octets = number.to_be_bytes();
            packed.extend(octets.iter().skip(octets.len() - length));
        }
    } else {
        let mut strings: Vec<&[u8]> = each.collect();
        strings.sort_unstable();
        strings.dedup();
        *packed = strings.concat();
    }
}

impl<O: AsRef<[u8]>> FromIterator<O> for OctetSet {
    fn from_iter<I: IntoIterator<Item = O>>(strings: I) -> Self {
        let mut groups: Vec<(usize, Vec<u8>)> = Vec::new();
        for string in strings {
            let string = string.as_ref();
            match groups.iter_mut().find(|(length, _)| *length == string.len()) {
                Some((_, packed)) => packed.extend_from_slice(string),
                None => groups.push((string.len(), string.to_vec())),
            }
        }
        Self::of_packed(groups)
    }
}

/// The number of strings: a set may have millions.
impl fmt::Debug for OctetSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OctetSet({} strings)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_whole_and_as_beginnings() {
        let set: OctetSet = ["ab", "b", "ab", "abc"].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [&b"b"[..], b"ab", b"abc"]);
        for (octets, is_whole, is_start) in [
            ("a", false, false),
            ("ab", true, true),
            ("abd", false, true),
            ("b", true, true),
            ("bx", false, true),
            ("", false, false),
        ] {
            let octets = octets.as_bytes();
            assert_eq!(set.contains(octets), is_whole, "{octets:?}");
            assert_eq!(set.contains_start_of(octets), is_start, "{octets:?}");
        }
        assert!(OctetSet::default().is_empty() && !OctetSet::default().contains(b""));
    }

    #[test]
    fn an_empty_string_is_a_string() {
        let set: OctetSet = [""].into_iter().collect();
        assert!(set.contains(b"") && !set.contains(b"a") && set.contains_start_of(b"a"));
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn strings_of_every_length_are_in_order() {
        for length in [1, 6, 7, 16, 17, 40] {
            let string = |number: u32| {
                let mut octets = vec![0x5a; length];
                let digits = number.wrapping_mul(2_654_435_761).to_be_bytes();
                octets.iter_mut().rev().zip(digits).for_each(|(octet, digit)| *octet = digit);
                octets
            };
            let set: OctetSet = (0..2_000).map(string).collect();
            assert!(set.iter().is_sorted());
            assert!((0..2_000).all(|number| set.contains(&string(number))));
            assert!(!set.contains(&vec![0x5b; length + 1]));
            let known: std::collections::BTreeSet<Vec<u8>> = (0..2_000).map(string).collect();
            assert_eq!(set.len(), known.len());
            assert_eq!(set.contains(&string(9_999)), known.contains(&string(9_999)));
        }
    }

    #[test]
    fn a_million_hardware_addresses_take_seven_million_octets() {
        let mut packed = Vec::with_capacity(7_000_000);
        for number in (0..1_000_000_u32).rev() {
            packed.extend([1, 2, 0]);
            packed.extend(number.to_be_bytes());
        }
        let set = OctetSet::of_packed([(7, packed)]);
        assert_eq!((set.len(), set.0.len()), (1_000_000, 1));
        assert_eq!(set.0[0].packed.len(), 7_000_000);
        assert!(set.contains(&[1, 2, 0, 0, 0x0f, 0x42, 0x3f]));
        assert!(!set.contains(&[1, 2, 0, 0, 0x0f, 0x42, 0x40]));
    }
}
