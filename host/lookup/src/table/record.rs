//! Records: how a row lies in a table's memory.
//!
//! The number of its layout, then for each column the length of the value and its octets. Numbers
//! have seven bits an octet, the lowest first; the eighth says that more follow.

use std::sync::Arc;

/// The columns that some rows of a table have.
pub(super) struct Layout {
    /// The names; none for the column of a key that is no field.
    pub(super) columns: Box<[Option<Arc<str>>]>,
    /// Which of the columns holds the key.
    pub(super) key_at: usize,
}

/// The values of a record that were not taken yet.
pub(super) struct Values<'a> {
    rest: &'a [u8],
    columns: usize,
}

impl Layout {
    pub(super) fn is(&self, columns: &[Option<String>], key_at: usize) -> bool {
        let own = self.columns.iter().map(|name| name.as_deref());
        self.key_at == key_at && own.eq(columns.iter().map(|name| name.as_deref()))
    }
}

/// Writes a record.
pub(super) fn write(octets: &mut Vec<u8>, layout: usize, values: &[&str]) {
    write_number(octets, layout);
    for value in values {
        write_number(octets, value.len());
        octets.extend_from_slice(value.as_bytes());
    }
}

/// The record at an offset.
pub(super) fn open<'a, 'b>(
    octets: &'a [u8],
    offset: u32,
    layouts: &'b [Layout],
) -> Option<(&'b Layout, Values<'a>)> {
    let mut rest = octets.get(offset as usize..)?;
    let layout = layouts.get(read_number(&mut rest)?)?;
    Some((layout, Values { rest, columns: layout.columns.len() }))
}

/// The key of the record at an offset.
pub(super) fn key<'a>(octets: &'a [u8], offset: u32, layouts: &[Layout]) -> &'a str {
    let opened = open(octets, offset, layouts);
    opened.and_then(|(layout, mut values)| values.nth(layout.key_at)).unwrap_or_default()
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.columns = self.columns.checked_sub(1)?;
        let length = read_number(&mut self.rest)?;
        let (value, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(value).ok()
    }
}

fn write_number(octets: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        octets.push(number as u8 | 0x80);
        number >>= 7;
    }
    octets.push(number as u8);
}

fn read_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (octet, others) = rest.split_first()?;
        *rest = others;
        number |= usize::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
