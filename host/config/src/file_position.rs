//! Positions of text in the files of one configuration, small enough to keep a million of them.

use std::ops::Range;

/// A position in the document, or a line of a file that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FilePosition {
    /// 0 for the document, otherwise the number of a file, from 1.
    file: u32,
    /// An offset in the document, otherwise a line, from 1.
    start: u32,
    end: u32,
}

impl FilePosition {
    /// A position in the document, whose offsets always fit.
    pub(crate) fn in_document(span: &Range<usize>) -> Self {
        let fit = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file: 0, start: fit(span.start), end: fit(span.end) }
    }

    /// A line (from 1) of the file with this number (from 1).
    pub(crate) fn on_line(file: u32, line: usize) -> Self {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        Self { file, start: line, end: line }
    }

    /// The position, if it is in the document.
    pub(crate) fn span(&self) -> Option<Range<usize>> {
        (self.file == 0).then_some(self.start as usize..self.end as usize)
    }

    /// A key by which positions are in order of the files, and in order within each.
    pub(crate) const fn order(&self) -> (u32, u32) {
        (self.file, self.start)
    }

    /// The number of the file (from 1) and the line, if it is not in the document.
    pub(crate) fn line(&self) -> Option<(u32, u32)> {
        (self.file != 0).then_some((self.file, self.start))
    }
}
