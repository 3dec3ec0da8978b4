//! Words of `dhcpd.conf` and `dhcpd.leases`, in which capital letters mean the same as small ones.
//!
//! Knows no statements; texts in quotes are no words. Invariant: two words that dhcpd takes for the
//! same are equal, and a word is shown as it was written.

use std::{fmt, ops::Deref};

/// A word, which derefs to its text in small letters.
#[derive(Clone)]
pub(super) struct Word {
    small: String,
    /// As it was written, if that differs.
    written: Option<Box<str>>,
}

impl Word {
    pub(super) fn new(written: &str) -> Self {
        let small = written.to_ascii_lowercase();
        let written = (small != written).then(|| written.into());
        Self { small, written }
    }

    /// The word as it was written, for names and values.
    pub(super) fn written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.small)
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.small
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.small == other.small
    }
}

impl Eq for Word {}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.written(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_compared_without_case_and_shown_as_written() {
        let word = Word::new("Range");
        assert_eq!((word == Word::new("rANGE"), &*word), (true, "range"));
        assert_eq!((word.written(), format!("{word:?}").as_str()), ("Range", "\"Range\""));
        assert_ne!(word, Word::new("ranges"));
    }
}
