//! Tables and colours for terminals.

use std::io::IsTerminal;

use lessor_core::Timestamp;
use lessor_terminal::Table;

/// The meaning of a text, which determines its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Quiet,
}

/// Whether output to standard error may be coloured.
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

/// A table whose columns from `numbers_from` on contain numbers.
pub(crate) fn table(header: &[&str], numbers_from: usize) -> Table {
    let mut table = lessor_terminal::table(header);
    lessor_terminal::right_align(&mut table, numbers_from..header.len());
    table
}

/// `1 case`, `2 cases`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A time in RFC 3339 format in UTC, to the second.
pub(crate) fn written(time: Timestamp) -> String {
    let secs = time.unix_ms() / 1_000;
    // Years begin in March, so that the leap day is the last day of a year; 400 years are an era.
    let days = secs / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (secs / 3_600 % 24, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A size in octets with a suitable unit.
pub(crate) fn size(octets: u64) -> String {
    match octets {
        0..=9_999 => format!("{octets} octets"),
        10_000..=9_999_999 => format!("{:.1} KiB", octets as f64 / 1_024.0),
        _ => format!("{:.1} MiB", octets as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_read_them() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(written(Timestamp::from_unix_ms(secs * 1_000)), text);
        }
    }
}
