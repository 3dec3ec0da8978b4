//! Names of files that can be shown: in a log, in an answer, on a terminal.
//!
//! Does not open files. Invariant: a name that passes [`check_name`] cannot control a terminal.

use std::{fmt, path::Path};

/// Why a name cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameProblem {
    /// The name is not UTF-8.
    NotText,
    /// The name has characters that control a terminal, end a line or change the direction of text.
    ControlCharacters,
}

/// Returns a path as text, if it can be shown unchanged.
///
/// # Errors
/// Returns the reason why it cannot be shown. The `Debug` form of a path can always be shown.
pub fn check_name(path: &Path) -> Result<&str, NameProblem> {
    let text = path.to_str().ok_or(NameProblem::NotText)?;
    match text.chars().any(controls) {
        true => Err(NameProblem::ControlCharacters),
        false => Ok(text),
    }
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotText => "its name is not UTF-8",
            Self::ControlCharacters => "its name has control characters",
        })
    }
}

impl std::error::Error for NameProblem {}

/// Returns whether a character is a control character according to Unicode, separates lines, or
/// changes the direction of text.
fn controls(found: char) -> bool {
    found.is_control()
        || matches!(
            found,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn names_that_a_terminal_would_obey_cannot_be_shown() {
        for name in ["10-garden.rhai", "/etc/lessor/Gästenetz.toml", "a b", "日本"] {
            assert_eq!(check_name(Path::new(name)), Ok(name));
        }
        for name in ["a\nb", "\u{1b}[31m", "\u{85}", "\u{202e}iahr", "a\u{7f}"] {
            assert_eq!(check_name(Path::new(name)), Err(NameProblem::ControlCharacters));
        }
        let octets = Path::new(OsStr::from_bytes(b"10-\xff.rhai"));
        assert_eq!(check_name(octets), Err(NameProblem::NotText));
        assert_eq!(format!("{octets:?}"), r#""10-\xFF.rhai""#);
    }
}
