//! Suggestions for misspelt names.

/// The candidate that `found` was most likely meant to be, if one is close enough.
pub fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance_max = (found.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(found, candidate), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Does the same for keys, which are in lower case with hyphens.
pub(crate) fn closest<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    nearest(&found.to_lowercase().replace('_', "-"), candidates)
}

/// Joins names for a sentence: "`a`, `b`, `c`".
pub(crate) fn joined<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Joins items for a sentence: "a, b and c".
pub(crate) fn listed(things: &[String]) -> String {
    match things {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => things.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
