//! Reads a file line by line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Take},
    str,
};

use super::{RESERVATION_FILE_OCTETS_MAX, RESERVATION_ROW_OCTETS_MAX};

/// The number of octets that are read at a time.
const BUFFER_OCTETS: usize = 256 << 10;
/// The mark that some editors and spreadsheets write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub(crate) struct Lines<'f> {
    reader: BufReader<Take<&'f File>>,
    octets: Vec<u8>,
    number: usize,
}

/// A line without its line ending.
pub(crate) enum Line<'l> {
    /// The line number from 1, and the text.
    Text(usize, &'l str),
    /// A line that is not UTF-8: its number, its text with replacement characters, and the offset
    /// of the first invalid octet.
    NotText(usize, String, usize),
    /// A line that is too long; the rest of the file is not read.
    TooLong(usize),
}

impl<'f> Lines<'f> {
    pub(crate) fn new(file: &'f File) -> Self {
        let reader =
            BufReader::with_capacity(BUFFER_OCTETS, file.take(RESERVATION_FILE_OCTETS_MAX));
        Self { reader, octets: Vec::new(), number: 0 }
    }

    /// Returns the next line that is not blank.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.octets.clear();
            let octets_max = RESERVATION_ROW_OCTETS_MAX as u64 + 2;
            let mut line = self.reader.by_ref().take(octets_max);
            if line.read_until(b'\n', &mut self.octets)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.number == 1 && self.octets.starts_with(BYTE_ORDER_MARK) {
                self.octets.drain(..BYTE_ORDER_MARK.len());
            }
            while self.octets.last().is_some_and(|last| b"\r\n".contains(last)) {
                self.octets.pop();
            }
            if !self.octets.trim_ascii().is_empty() {
                break;
            }
        }
        if self.octets.len() > RESERVATION_ROW_OCTETS_MAX {
            return Ok(Some(Line::TooLong(self.number)));
        }
        Ok(Some(match str::from_utf8(&self.octets) {
            Ok(text) => Line::Text(self.number, text),
            Err(error) => {
                let text = String::from_utf8_lossy(&self.octets).into_owned();
                Line::NotText(self.number, text, error.valid_up_to())
            }
        }))
    }
}
