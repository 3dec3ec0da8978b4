//! The values of one line of comma-separated values, and their places.

use std::{ops::Range, str};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// The values of one line.
pub(super) struct Cells {
    reader: Reader,
    delimiter: u8,
    /// The line with its line ending.
    line: Vec<u8>,
    octets: Vec<u8>,
    ends: Vec<usize>,
    /// The number of values.
    pub(super) count: usize,
}

impl Cells {
    pub(super) fn new(delimiter: u8) -> Self {
        let mut reader = ReaderBuilder::new();
        let reader = reader.terminator(Terminator::Any(b'\n')).delimiter(delimiter).build();
        let ends = vec![0; 16];
        Self { reader, delimiter, line: Vec::new(), octets: Vec::new(), ends, count: 0 }
    }

    /// The places of the values in a line, including their quotes.
    pub(super) fn places(&self, text: &str) -> Vec<Range<usize>> {
        let (mut places, mut start, mut is_quoted) = (Vec::new(), 0, false);
        for (offset, octet) in text.bytes().enumerate() {
            match octet {
                b'"' => is_quoted = !is_quoted,
                octet if octet == self.delimiter && !is_quoted => {
                    places.push(start..offset);
                    start = offset + 1;
                }
                _ => {}
            }
        }
        places.push(start..text.len());
        places
    }

    /// Splits a line. Returns whether every quote in it is closed.
    pub(super) fn split(&mut self, text: &str) -> bool {
        self.reader.reset();
        self.line.clear();
        self.line.extend_from_slice(text.as_bytes());
        self.line.push(b'\n');
        // All values together are no longer than the line.
        self.octets.resize(self.line.len(), 0);
        self.count = 0;
        let mut written = 0;
        let mut rest = self.line.as_slice();
        loop {
            let octets = self.octets.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(self.count..).unwrap_or_default();
            let (result, read, wrote, ended) = self.reader.read_record(rest, octets, ends);
            rest = rest.get(read..).unwrap_or_default();
            written += wrote;
            self.count += ended;
            match result {
                ReadRecordResult::Record => return true,
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return false,
                ReadRecordResult::OutputFull => self.octets.push(0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let ends = self.ends.get(..self.count).unwrap_or_default();
        let starts = std::iter::once(&0).chain(ends);
        starts.zip(ends).map(|(start, end)| {
            let octets = self.octets.get(*start..*end).unwrap_or_default();
            str::from_utf8(octets).unwrap_or_default()
        })
    }
}
