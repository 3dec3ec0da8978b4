//! Reads the file of a table within limits: no row is longer than the maximum, and the file cannot
//! grow without limit while it is read.
//!
//! Does not parse rows. Invariant: the data that a reader holds besides the table is bounded,
//! because it gets a limited number of octets for each row.

use std::{
    cell::Cell,
    io::{self, BufRead, BufReader, Read},
    rc::Rc,
};

use crate::limits::{FILE_OCTETS_MAX, HEADER_OCTETS_MAX, ROW_IN_FILE_OCTETS_MAX};

/// The number of octets that are read at a time.
const READ_OCTETS: usize = 256 * 1024;

/// A file that is being read.
pub(super) struct TableFile<R> {
    file: BufReader<R>,
    progress: Rc<Progress>,
}

/// The progress of reading.
pub(super) struct Progress {
    octets: Cell<u64>,
    lines: Cell<u64>,
    rows: Cell<u64>,
    /// The number of octets that may be read before the next row.
    left: Cell<u64>,
}

impl<R: Read> TableFile<R> {
    pub(super) fn new(file: R) -> Self {
        let progress = Progress {
            octets: Cell::new(0),
            lines: Cell::new(0),
            rows: Cell::new(0),
            left: Cell::new(HEADER_OCTETS_MAX),
        };
        Self { file: BufReader::with_capacity(READ_OCTETS, file), progress: Rc::new(progress) }
    }

    pub(super) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// The number of octets that may be read now.
    fn allowed(&mut self) -> io::Result<usize> {
        let Progress { octets, rows, left, .. } = &*self.progress;
        let (left, to_the_end) = (left.get(), FILE_OCTETS_MAX.saturating_sub(octets.get()));
        let allowed = left.min(to_the_end);
        if allowed > 0 || self.file.fill_buf()?.is_empty() {
            return Ok(usize::try_from(allowed).unwrap_or(usize::MAX));
        }
        Err(io::Error::other(match (to_the_end, rows.get()) {
            (0, _) => format!("it now has more than {FILE_OCTETS_MAX} octets; split it"),
            (_, 0) => format!(
                "there is no row in the first {HEADER_OCTETS_MAX} octets; check for a quote or \
                 bracket that is not closed"
            ),
            _ => format!(
                "the row has more than {ROW_IN_FILE_OCTETS_MAX} octets; check for a quote or \
                 bracket that is not closed"
            ),
        }))
    }
}

impl Progress {
    /// Records that a row was passed on.
    pub(super) fn has_row(&self) {
        self.rows.set(self.rows.get() + 1);
        self.left.set(ROW_IN_FILE_OCTETS_MAX);
    }

    /// The number of octets that were read.
    pub(super) fn octets(&self) -> u64 {
        self.octets.get()
    }

    /// The current line, from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines.get() + 1
    }

    fn took(&self, octets: &[u8]) {
        let (count, lines) =
            (octets.len() as u64, octets.iter().filter(|octet| **octet == b'\n').count() as u64);
        self.octets.set(self.octets.get() + count);
        self.lines.set(self.lines.get() + lines);
        self.left.set(self.left.get().saturating_sub(count));
    }
}

impl<R: Read> Read for TableFile<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowed = self.allowed()?.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..allowed) else { return Ok(0) };
        let read = self.file.read(buffer)?;
        self.progress.took(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<R: Read> BufRead for TableFile<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let allowed = self.allowed()?;
        let octets = self.file.fill_buf()?;
        Ok(octets.get(..allowed).unwrap_or(octets))
    }

    fn consume(&mut self, count: usize) {
        self.progress.took(self.file.buffer().get(..count).unwrap_or_default());
        self.file.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_without_a_row_than_allowed() {
        let mut input = TableFile::new(io::repeat(b'\n'));
        let progress = input.progress();
        let error = io::copy(&mut input, &mut io::sink()).unwrap_err().to_string();
        assert!(error.contains("no row in the first 4194304 octets"), "{error}");
        assert_eq!(
            (progress.octets(), progress.line()),
            (HEADER_OCTETS_MAX, HEADER_OCTETS_MAX + 1)
        );
        progress.has_row();
        let error = input.read_until(b'x', &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("the row has more than 524288 octets"), "{error}");
        assert_eq!(progress.octets(), HEADER_OCTETS_MAX + ROW_IN_FILE_OCTETS_MAX);
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_comes_to_an_end() {
        let mut input = TableFile::new(io::repeat(b'x'));
        input.progress.octets.set(FILE_OCTETS_MAX - 10);
        let mut octets = Vec::new();
        let error = input.read_to_end(&mut octets).unwrap_err().to_string();
        assert!(error.contains("now has more than 1073741824 octets"), "{error}");
        assert_eq!(octets.len(), 10);
    }

    #[test]
    fn a_file_that_fills_the_bound_is_read() {
        let mut input = TableFile::new(io::repeat(b'x').take(HEADER_OCTETS_MAX));
        assert_eq!(io::copy(&mut input, &mut io::sink()).unwrap(), HEADER_OCTETS_MAX);
    }
}
