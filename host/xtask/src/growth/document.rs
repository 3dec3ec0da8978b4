//! Writes the tables of `docs/performance.md`, each between two marks.

use std::path::Path;

use anyhow::{Context, bail};
use lessor_terminal::right_align;

/// A table with its name and title.
pub(super) struct Section {
    /// The name in the marks of the document.
    pub(super) name: &'static str,
    /// The title for the terminal, one line.
    pub(super) title: &'static str,
    pub(super) header: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Section {
    /// Formats the table for a terminal.
    pub(super) fn table(&self) -> String {
        let mut table = lessor_terminal::table(&self.header);
        for row in &self.rows {
            table.add_row(row);
        }
        right_align(&mut table, 0..self.header.len());
        table.to_string()
    }

    fn markdown(&self) -> String {
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let cells: Vec<&str> = cells.collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut text = line(&mut self.header.iter().copied());
        text += &line(&mut self.header.iter().map(|_| "---:"));
        for row in &self.rows {
            text += &line(&mut row.iter().map(String::as_str));
        }
        text
    }
}

/// Writes the tables between their marks.
///
/// # Errors
/// Returns an error if the document does not exist, or if it lacks the marks of a table.
pub(super) fn put_into(path: &Path, sections: &[Section]) -> anyhow::Result<()> {
    let cannot = || format!("cannot write the tables into {}", path.display());
    let mut text = std::fs::read_to_string(path).with_context(cannot)?;
    for section in sections {
        text = with_table(&text, section.name, &section.markdown()).with_context(cannot)?;
    }
    std::fs::write(path, text).with_context(cannot)
}

fn with_table(text: &str, name: &str, table: &str) -> anyhow::Result<String> {
    let [begin, end] = ["begin", "end"].map(|word| format!("<!-- {word} {name} -->"));
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        bail!("it lacks the lines {begin} and {end}, between which the table is written");
    };
    Ok(format!("{before}{begin}\n{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
        let new = with_table(text, "x", "| new |\n").unwrap();
        assert_eq!(new, "a\n<!-- begin x -->\n| new |\n<!-- end x -->\nb\n");
        assert_eq!(with_table(&new, "x", "| new |\n").unwrap(), new);
        assert!(with_table(text, "y", "").unwrap_err().to_string().contains("begin y"));
    }
}
