//! Tables and lines for people: the only place where they are formatted.
//!
//! Does not know their contents. Invariant: output to a terminal is not wider than the terminal;
//! output to a file or a program is not folded.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::{
    io::{self, Write},
    ops::Range,
};

use comfy_table::{CellAlignment, ContentArrangement, presets};
use terminal_size::{Width, terminal_size_of};
use textwrap::{Options, WordSplitter};

pub use comfy_table::Table;

/// The minimum width of folded output; a narrower terminal folds the lines itself.
const WIDTH_MIN: usize = 20;

/// The width of standard output in columns; `None` if it is not a terminal.
pub fn width() -> Option<usize> {
    let (Width(columns), _) = terminal_size_of(io::stdout())?;
    Some(usize::from(columns).max(WIDTH_MIN))
}

/// An empty table with this header, at most as wide as standard output.
pub fn table(header: &[&str]) -> Table {
    indented_table(header, 0)
}

/// An empty table that is printed after `indent` columns.
pub fn indented_table(header: &[&str], indent: usize) -> Table {
    table_within(header, width().map(|width| width.saturating_sub(indent)))
}

/// Aligns the cells in these columns of a table to the right.
pub fn right_align(table: &mut Table, columns: Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Standard output for people. Lines are folded to its width, except those of tables; the
/// continuation of a line is indented by two more columns.
pub fn stdout() -> Folded<io::StdoutLock<'static>> {
    Folded { out: io::stdout().lock(), width: width(), line: Vec::new() }
}

/// Folds the lines that are written to it.
#[derive(Debug)]
pub struct Folded<W: Write> {
    out: W,
    width: Option<usize>,
    /// The beginning of an unfinished line.
    line: Vec<u8>,
}

impl<W: Write> Write for Folded<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let Some(width) = self.width else { return self.out.write(octets) };
        for part in octets.split_inclusive(|octet| *octet == b'\n') {
            self.line.extend(part);
            if part.ends_with(b"\n") {
                let line = folded(&String::from_utf8_lossy(&self.line), width);
                self.line.clear();
                self.out.write_all(line.as_bytes())?;
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&std::mem::take(&mut self.line))?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Folded<W> {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// A name and a value in columns. The value is folded in its own column.
pub fn named(indent: usize, name: &str, name_width: usize, value: &str) -> String {
    named_within(indent, name, name_width, value, width())
}

fn table_within(header: &[&str], width: Option<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    }
    table
}

fn folded(text: &str, width: usize) -> String {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let content = line.trim_start();
        if textwrap::core::display_width(line) <= width || is_of_table(content) {
            lines.push(line.to_owned());
            continue;
        }
        let indent = line.len() - content.len();
        let first = " ".repeat(indent.min(width / 2));
        let others = " ".repeat((indent + 2).min(width / 2));
        let options = options(width).initial_indent(&first).subsequent_indent(&others);
        lines.extend(textwrap::wrap(content, options).into_iter().map(String::from));
    }
    lines.join("\n")
}

fn named_within(
    indent: usize,
    name: &str,
    name_width: usize,
    value: &str,
    width: Option<usize>,
) -> String {
    let before = format!("{}{name:<name_width$} ", " ".repeat(indent));
    let Some(width) = width else { return format!("{before}{value}") };
    let behind = " ".repeat((indent + name_width + 1).min(width / 2));
    let options = options(width).initial_indent(&before).subsequent_indent(&behind);
    let mut lines = Vec::new();
    for line in value.split('\n') {
        lines.extend(textwrap::wrap(line, options.clone()).into_iter().map(String::from));
    }
    lines.join("\n").trim_end().to_owned()
}

/// Words are broken only if they are longer than a line.
fn options<'a>(width: usize) -> Options<'a> {
    Options::new(width).word_splitter(WordSplitter::NoHyphenation)
}

/// Returns whether a line belongs to a table, judged by its first character.
fn is_of_table(content: &str) -> bool {
    content.starts_with(|first: char| ('\u{2500}'..='\u{257f}').contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widest(text: &str) -> usize {
        text.lines().map(textwrap::core::display_width).max().unwrap_or(0)
    }

    #[test]
    fn a_table_is_as_wide_as_its_terminal_and_says_all() {
        for width in [40, 60, 80] {
            let mut table = table_within(&["address", "client", "meaning"], Some(width));
            let meaning = "the address was offered and is kept for the client for a while";
            table.add_row(["100.64.250.255", "hw:02:00:5e:00:53:01", meaning]);
            let text = table.to_string();
            assert!(widest(&text) <= width, "{text}");
            for word in meaning.split(' ') {
                assert!(text.contains(word), "{word} in\n{text}");
            }
        }
    }

    #[test]
    fn what_is_no_terminal_gets_whole_rows() {
        let mut table = table_within(&["meaning"], None);
        table.add_row(["word ".repeat(100)]);
        // Three lines of the frame, the header and the row.
        assert_eq!(table.lines().count(), 5);
        let long = "word ".repeat(100);
        assert_eq!(named_within(2, "name", 10, &long, None), format!("  name       {long}"));
    }

    #[test]
    fn lines_are_folded_behind_where_they_began() {
        let text = "  short\n  a line that is longer than that\n│ a row of a table is left │";
        let wanted =
            "  short\n  a line that is\n    longer than that\n│ a row of a table is left │";
        assert_eq!(folded(text, 20), wanted);
        let word = "x".repeat(50);
        assert!(widest(&folded(&word, 20)) <= 20);
    }

    #[test]
    fn a_line_may_come_in_parts() {
        let mut out = Folded { out: Vec::new(), width: Some(20), line: Vec::new() };
        for part in ["one two ", "three four five\nsix", " seven\n", "rest"] {
            out.write_all(part.as_bytes()).unwrap();
        }
        assert_eq!(out.out, b"one two three four\n  five\nsix seven\n");
        out.flush().unwrap();
        assert!(out.out.ends_with(b"rest"));
    }

    #[test]
    fn a_value_is_folded_beside_its_name() {
        let text = named_within(2, "detail", 8, "no subnet for this relay", Some(24));
        assert_eq!(text, "  detail   no subnet for\n           this relay");
        assert_eq!(named_within(2, "reply", 8, "", Some(24)), "  reply");
    }
}
