//! Packed rows: the format of a row in a table's memory.
//!
//! A packed row has the number of its layout and, for each column, the length of the value and its
//! octets. Numbers have seven bits per octet, the lowest first; the eighth bit is set if more
//! octets follow.

use std::sync::Arc;

/// The columns of some rows of a table.
pub(super) struct PackedLayout {
    /// The names; `None` for the column of a key that is not a field.
    pub(super) columns: Box<[Option<Arc<str>>]>,
    /// The column that holds the key.
    pub(super) key_at: usize,
}

/// The remaining values of a row.
pub(super) struct Values<'a> {
    rest: &'a [u8],
    columns: usize,
}

impl PackedLayout {
    pub(super) fn is(&self, columns: &[Option<String>], key_at: usize) -> bool {
        let own = self.columns.iter().map(|name| name.as_deref());
        self.key_at == key_at && own.eq(columns.iter().map(|name| name.as_deref()))
    }
}

/// Writes a row.
pub(super) fn write(octets: &mut Vec<u8>, layout: usize, values: &[&str]) {
    write_number(octets, layout);
    for value in values {
        write_number(octets, value.len());
        octets.extend_from_slice(value.as_bytes());
    }
}

/// Reads the row at an offset.
pub(super) fn open<'a, 'b>(
    octets: &'a [u8],
    offset: u32,
    layouts: &'b [PackedLayout],
) -> Option<(&'b PackedLayout, Values<'a>)> {
    let mut rest = octets.get(offset as usize..)?;
    let layout = layouts.get(read_number(&mut rest)?)?;
    Some((layout, Values { rest, columns: layout.columns.len() }))
}

/// The key of the row at an offset.
pub(super) fn key<'a>(octets: &'a [u8], offset: u32, layouts: &[PackedLayout]) -> &'a str {
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
