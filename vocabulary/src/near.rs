//! Suggestions for misspelt names.

use alloc::{vec, vec::Vec};

/// The candidate that `found` was most likely meant to be, if one is close enough.
pub fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance_max = (found.chars().count() / 3).max(1);
    let length = found.chars().count();
    // Where the lengths differ by more, so do the texts: that takes no time to see.
    let is_as_long = |candidate: &&str| candidate.chars().count().abs_diff(length) <= distance_max;
    candidates
        .into_iter()
        .filter(is_as_long)
        .map(|candidate| (distance(found, candidate), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Does the same for keys, which are in lower case with hyphens.
pub fn closest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest(&found.to_lowercase().replace('_', "-"), candidates)
}

/// The number of letters that have to be inserted, removed, replaced or exchanged with their
/// neighbour to turn one text into the other. No letter is changed twice.
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // Of each prefix of `other`, the distance from the prefixes of `one` that end at the letter
    // before the last, at the last, and at this one.
    let mut earlier = vec![0; other.len() + 1];
    let mut before: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (row, letter) in one.chars().enumerate() {
        let mut now = Vec::with_capacity(before.len());
        now.push(row + 1);
        let mut left = row + 1;
        let mut last = None;
        for (column, candidate) in other.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or_default();
            let replaced = at(&before, column) + usize::from(letter != *candidate);
            let mut least = replaced.min(left + 1).min(at(&before, column + 1) + 1);
            if last == Some(letter) && previous == Some(*candidate) {
                least = least.min(at(&earlier, column - 1) + 1);
            }
            now.push(least);
            left = least;
            last = Some(*candidate);
        }
        earlier = before;
        before = now;
        previous = Some(letter);
    }
    before.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        for (one, other, wanted) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("routers", "routers", 0),
            ("router", "routers", 1),
            ("ruoters", "routers", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("münchen", "munchen", 1),
        ] {
            assert_eq!(distance(one, other), wanted, "{one} {other}");
            assert_eq!(distance(other, one), wanted, "{other} {one}");
        }
    }

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let keys = ["lease-time", "min-lease-time", "prefix", "pool"];
        assert_eq!(closest("lease_time", keys), Some("lease-time"));
        assert_eq!(closest("leaseTime", keys), Some("lease-time"));
        assert_eq!(closest("laese-time", keys), Some("lease-time"));
        assert_eq!(closest("pools", keys), Some("pool"));
        assert_eq!(closest("Prefix", keys), Some("prefix"));
        assert_eq!(closest("interface", keys), None);
        assert_eq!(closest("", keys), None);
    }
}
