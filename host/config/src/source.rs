//! The text that mistakes point into.

use std::{fmt, ops::Range, sync::Arc};

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// One configuration file: its name, its text and where its lines start. Cheap to clone.
///
/// Lines are looked up, not counted, so that a hundred mistakes in a file of 64 MiB are rendered
/// at once.
#[derive(Clone)]
pub(crate) struct Source(Arc<Inner>);

struct Inner {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let after_newlines = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let line_starts =
            std::iter::once(0).chain(after_newlines.map(|(offset, _)| offset + 1)).collect();
        Self(Arc::new(Inner { name: name.to_owned(), text: text.to_owned(), line_starts }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }

    /// Line and column of an offset in octets, both from 1; columns count characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_of(offset);
        let before = self.0.text.get(self.line_start(line)..offset).unwrap_or_default();
        (line + 1, before.chars().count() + 1)
    }

    /// The line (from 1), without its end.
    pub(crate) fn line(&self, line: usize) -> &str {
        let line = line.saturating_sub(1);
        let text = self.0.text.get(self.line_start(line)..self.line_start(line + 1));
        text.unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// The line (from 0) that an offset lies on.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.0.line_starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Where a line (from 0) starts; the end of the text for lines behind it.
    fn line_start(&self, line: usize) -> usize {
        self.0.line_starts.get(line).copied().unwrap_or(self.0.text.len())
    }

    /// The part of `span` that lies on its first line.
    pub(crate) fn first_line_of(&self, span: &Range<usize>) -> Range<usize> {
        let line = self.line_of(span.start);
        let end = self.line_start(line) + self.line(line + 1).len();
        span.start..span.end.min(end).max(span.start)
    }
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let last = self.line_of((span.offset() + span.len().saturating_sub(1)).max(span.offset()));
        let first = self.line_of(span.offset()).saturating_sub(context_lines_before);
        let after = last + context_lines_after + 1;
        let (start, end) = (self.line_start(first), self.line_start(after));
        let text = self.0.text.as_bytes().get(start..end).ok_or(MietteError::OutOfBounds)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name.clone(),
            text,
            (start, end - start).into(),
            first,
            0,
            after.min(self.0.line_starts.len()),
        )))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.0.name).finish()
    }
}
