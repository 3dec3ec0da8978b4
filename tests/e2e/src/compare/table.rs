//! The table in the operators' guide.

use std::iter;

/// The marks before and after the table.
const BEGIN: &str = "<!-- Made by `cargo xtask compare --write`; do not edit. -->";
const END: &str = "<!-- End of what is made. -->";

/// The answers of the servers in one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The name of the case.
    pub case: String,
    /// The answer of each server, in the order of the columns.
    pub answers: Vec<String>,
}

/// Formats the table in Markdown, with a title for each server.
pub fn in_guide(titles: &[String], outcomes: &[Outcome]) -> String {
    let row = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<&str> = cells.collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = row(&mut iter::once("Case").chain(titles.iter().map(String::as_str)));
    text.push_str(&format!("|{}\n", "---|".repeat(titles.len() + 1)));
    for Outcome { case, answers } in outcomes {
        text.push_str(&row(
            &mut iter::once(case.as_str()).chain(answers.iter().map(String::as_str))
        ));
    }
    text
}

/// Returns the guide with its table replaced by this one.
///
/// # Panics
/// Panics if the guide has no marks for the table.
pub fn put_into_guide(guide: &str, table: &str) -> String {
    let (before, _, after) = parts(guide);
    format!("{before}{BEGIN}\n{table}{END}{after}")
}

/// Returns the rows of the guide's table.
///
/// # Panics
/// Panics if the guide has no marks for the table.
pub fn rows_of_guide(guide: &str) -> Vec<Outcome> {
    let (_, table, _) = parts(guide);
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let outcome = |row: &str| {
        let mut cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        Outcome { case: cells.next().unwrap_or_default(), answers: cells.collect() }
    };
    rows.map(outcome).collect()
}

/// Returns the text before the table, the table, and the text after it.
fn parts(guide: &str) -> (&str, &str, &str) {
    let found = guide.split_once(BEGIN).and_then(|(before, rest)| {
        let (table, after) = rest.split_once(END)?;
        Some((before, table, after))
    });
    found.unwrap_or_else(|| panic!("docs/operators.md has no lines {BEGIN} and {END}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_again_where_it_was_put() {
        let outcome = |case: &str, answers: &[&str]| Outcome {
            case: case.to_owned(),
            answers: answers.iter().map(|answer| (*answer).to_owned()).collect(),
        };
        let outcomes = [outcome("one, two", &["OFFER", "nothing"]), outcome("three", &["a", "b"])];
        let titles = ["Lessor".to_owned(), "Kea 2".to_owned()];
        let guide = format!("# Guide\n\n{BEGIN}\n| old |\n{END}\n\nMore.\n");
        let guide = put_into_guide(&guide, &in_guide(&titles, &outcomes));
        assert_eq!(rows_of_guide(&guide), outcomes);
        assert!(guide.starts_with("# Guide\n") && guide.ends_with("\n\nMore.\n"), "{guide}");
        assert_eq!(put_into_guide(&guide, &in_guide(&titles, &outcomes)), guide);
    }
}
