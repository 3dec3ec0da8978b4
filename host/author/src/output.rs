//! Tables and colours for people.

use std::io::IsTerminal;

use comfy_table::{CellAlignment, Table, presets};

/// What a text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Quiet,
}

/// Whether what goes to standard error may be coloured.
pub(crate) fn colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Colours a text if standard output is a terminal.
pub(crate) fn toned(text: &str, tone: Tone) -> String {
    if !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Good => 32,
        Tone::Bad => 31,
        Tone::Quiet => 2,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// A table whose columns from `numbers_from` on hold numbers.
pub(crate) fn table(header: &[&str], numbers_from: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    for column in numbers_from..header.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// `1 case`, `2 cases`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Octets in the unit that people read.
pub(crate) fn size(octets: u64) -> String {
    match octets {
        0..=9_999 => format!("{octets} octets"),
        10_000..=9_999_999 => format!("{:.1} KiB", octets as f64 / 1_024.0),
        _ => format!("{:.1} MiB", octets as f64 / 1_048_576.0),
    }
}
