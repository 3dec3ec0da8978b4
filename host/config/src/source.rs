//! The text that mistakes refer to.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::secrets;

/// Mistakes in a file with longer lines are described without showing the lines.
pub const SHOWN_LINE_OCTETS_MAX: usize = 1_000;

/// One configuration file: its name, its text and the offsets of its lines. Cheap to clone.
///
/// Lines are found by binary search instead of counting, so that a hundred mistakes in a file of 64
/// MiB are rendered quickly.
#[derive(Clone)]
pub(crate) struct SourceFile(Arc<Inner>);

struct Inner {
    name: String,
    text: String,
    /// The number of lines of the file before the text.
    lines_before: usize,
    line_starts: Vec<usize>,
    has_long_lines: bool,
    /// The places that look like secrets.
    secrets: OnceLock<Vec<Range<usize>>>,
}

impl SourceFile {
    pub(crate) fn new(name: &str, text: impl Into<String>) -> Self {
        Self::excerpt(name, text, 1)
    }

    /// A part of a file that begins at its line `first_line` (from 1).
    pub(crate) fn excerpt(name: &str, text: impl Into<String>, first_line: usize) -> Self {
        let text = text.into();
        let lines_before = first_line.saturating_sub(1);
        let after_newlines = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let line_starts =
            std::iter::once(0).chain(after_newlines.map(|(offset, _)| offset + 1)).collect();
        let has_long_lines = text.lines().any(|line| line.len() > SHOWN_LINE_OCTETS_MAX);
        let name = name.to_owned();
        let secrets = OnceLock::new();
        Self(Arc::new(Inner { name, text, lines_before, line_starts, has_long_lines, secrets }))
    }

    /// The same source with asterisks in place of its secrets and of the values at `spans`, keeping
    /// quotes.
    pub(crate) fn hiding(&self, spans: &[Range<usize>]) -> Self {
        let mut octets = self.0.text.clone().into_bytes();
        for span in spans.iter().chain(self.secrets()) {
            let hidden = octets.get_mut(span.clone()).into_iter().flatten();
            hidden.filter(|octet| !b"\"'\r\n".contains(octet)).for_each(|octet| *octet = b'*');
        }
        let text = String::from_utf8_lossy(&octets);
        Self::excerpt(&self.0.name, text, self.0.lines_before + 1)
    }

    /// Whether a value is or contains what looks like a secret.
    pub(crate) fn has_secret_at(&self, span: &Range<usize>) -> bool {
        self.secrets().iter().any(|secret| secret.start < span.end && span.start < secret.end)
    }

    fn secrets(&self) -> &[Range<usize>] {
        self.0.secrets.get_or_init(|| secrets::find(&self.0.text))
    }

    /// Whether some lines are too long to be shown.
    pub(crate) fn has_long_lines(&self) -> bool {
        self.0.has_long_lines
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }

    /// The line and column of an offset in octets, both from 1; columns count characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_of(offset);
        let before = self.0.text.get(self.line_start(line)..offset).unwrap_or_default();
        (self.0.lines_before + line + 1, before.chars().count() + 1)
    }

    /// The line (from 1) of the file, without its line ending.
    pub(crate) fn line(&self, line: usize) -> &str {
        let line = line.saturating_sub(self.0.lines_before + 1);
        let text = self.0.text.get(self.line_start(line)..self.line_start(line + 1));
        text.unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// The line (from 0) of the text that contains an offset.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.0.line_starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The offset of a line (from 0) of the text; the end of the text for lines beyond it.
    fn line_start(&self, line: usize) -> usize {
        self.0.line_starts.get(line).copied().unwrap_or(self.0.text.len())
    }

    /// The part of `span` on its first line.
    pub(crate) fn first_line_of(&self, span: &Range<usize>) -> Range<usize> {
        let line = self.line_of(span.start);
        let end = self.line_start(line) + self.line(self.0.lines_before + line + 1).len();
        span.start..span.end.min(end).max(span.start)
    }
}

/// Only the lines of a span are shown, and no neighbouring lines: those are not what a mistake is
/// about, and may contain secrets.
impl SourceCode for SourceFile {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        _context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let first = self.line_of(span.offset());
        let last_octet = span.offset() + span.len().saturating_sub(1);
        let after = self.line_of(last_octet) + 1;
        // Without context, miette asks for the position of the span, so the part starts at the span
        // itself.
        let (start, column) = match context_lines_before {
            0 => (span.offset(), self.position(span.offset()).1 - 1),
            _ => (self.line_start(first), 0),
        };
        let end = self.line_start(after);
        let text = self.0.text.as_bytes().get(start..end).ok_or(MietteError::OutOfBounds)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name.clone(),
            text,
            (start, end - start).into(),
            self.0.lines_before + first,
            column,
            after - first,
        )))
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.0.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = SourceFile::new("a.toml", "a = 1\r\nbß = 2\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(5), (1, 6));
        assert_eq!(source.position(7), (2, 1));
        assert_eq!(source.position(10), (2, 3));
        assert_eq!(source.position(16), (3, 1));
        assert_eq!(source.line(1), "a = 1");
        assert_eq!(source.line(2), "bß = 2");
        assert_eq!(source.line(3), "");
        assert_eq!(source.line(4), "");
    }

    #[test]
    fn an_excerpt_counts_the_lines_before_it() {
        let source = SourceFile::excerpt("a.csv", "a,b\n", 1_000);
        assert_eq!(source.position(2), (1_000, 3));
        assert_eq!(source.line(1_000), "a,b");
        assert_eq!(source.first_line_of(&(0..4)), 0..3);
        assert_eq!(source.hiding(&[0..1, 2..3]).position(2), (1_000, 3));
    }

    #[test]
    fn what_is_hidden_leaves_everything_in_its_place() {
        let source = SourceFile::new("a.toml", "a = \"säcret\"\nb = 1\n");
        let hidden = source.hiding(&[4..13, 18..19]);
        assert_eq!(hidden.text(), "a = \"*******\"\nb = *\n");
        assert_eq!(hidden.position(14), source.position(14));
    }

    #[test]
    fn a_span_over_several_lines_is_cut_to_its_first() {
        let source = SourceFile::new("a.toml", "a = [\r\n1\n]");
        assert_eq!(source.first_line_of(&(4..10)), 4..5);
        assert_eq!(source.first_line_of(&(7..8)), 7..8);
    }
}
