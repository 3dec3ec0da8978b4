//! Places in files, and refusals that name them.
//!
//! Invariant: what a place or a refusal shows can be printed to a terminal.

use std::{error::Error, fmt, sync::Arc};

use serde::{Serialize, Serializer};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    file: Arc<str>,
    line: usize,
}

impl Place {
    /// Line `line` of a file, counted from 1.
    pub fn new(file: &Arc<str>, line: usize) -> Self {
        Self { file: Arc::clone(file), line }
    }

    /// The file as the operator named it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The number of the line, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The place without the folders of its file, for comments.
    pub fn short(&self) -> String {
        let name = self.file.rsplit('/').next().unwrap_or_default();
        format!("{name}:{}", self.line)
    }

    /// A refusal of what is at this place.
    pub fn refuse(&self, found: impl Into<String>, help: impl Into<String>) -> Refusal {
        Refusal { place: Some(self.clone()), found: found.into(), help: help.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why nothing is imported: where, what was found, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    place: Option<Place>,
    found: String,
    help: String,
}

impl Refusal {
    /// A refusal that is about no line.
    pub fn new(found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { place: None, found: found.into(), help: help.into() }
    }

    /// The line that it is about.
    pub const fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}; {}", self.found, self.help)
    }
}

impl Error for Refusal {}

/// A piece of a file as it can be shown on one line: at most `letters_max` characters, without
/// control characters.
pub(crate) fn shown(text: &str, letters_max: usize) -> String {
    let mut shown = String::new();
    for word in text.split_whitespace() {
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.extend(word.chars().map(|letter| if is_shown(letter) { letter } else { '?' }));
        if shown.chars().count() > letters_max {
            let kept: String = shown.chars().take(letters_max).collect();
            return kept.trim_end().to_owned() + "…";
        }
    }
    shown
}

fn is_shown(letter: char) -> bool {
    let mut octets = [0; 4];
    lessor_files::check_name(std::path::Path::new(letter.encode_utf8(&mut octets))).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_file_is_one_short_line_that_a_terminal_does_not_obey() {
        assert_eq!(shown("a\n  b\u{1b}[31m c", 60), "a b?[31m c");
        assert_eq!(shown(&"word ".repeat(20), 12), "word word wo…");
    }

    #[test]
    fn a_refusal_begins_with_its_line() {
        let file: Arc<str> = "/etc/dhcp/dhcpd.conf".into();
        let place = Place::new(&file, 7);
        let refusal = place.refuse("`}` is missing", "complete the file");
        assert_eq!(
            refusal.to_string(),
            "/etc/dhcp/dhcpd.conf:7: `}` is missing; complete the file"
        );
        assert_eq!(place.short(), "dhcpd.conf:7");
    }
}
