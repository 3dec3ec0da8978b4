//! Suggestions for misspelt names.

pub(crate) use lessor_vocabulary::near::closest;
pub use lessor_vocabulary::near::nearest;

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
