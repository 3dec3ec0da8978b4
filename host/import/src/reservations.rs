//! Reservations as a file of their own, CSV as `lessor.toml` can name it.
//!
//! Reservations whose options are tables are left to the configuration. Invariant: the columns are
//! the owners that occur, the address, and the options that occur.

use std::collections::BTreeSet;

use csv_core::{WriteResult, Writer, WriterBuilder};
use lessor_vocabulary::{Catalogue, Written, hexadecimal};

use crate::{
    expressing,
    model::{Reservation, Site, Value},
    toml,
};

/// The reservations that can be in the file.
pub(crate) fn fitting(site: &Site) -> impl Iterator<Item = &Reservation> {
    let all = site.subnets.iter().flat_map(|subnet| &subnet.reservations);
    all.filter(|reservation| expressing::fit_cells(&site.catalogue, &reservation.options))
}

/// The text of the file.
pub(crate) fn csv(site: &Site) -> String {
    let all: Vec<&Reservation> = fitting(site).collect();
    let owners: BTreeSet<&str> =
        all.iter().map(|reservation| toml::owner(&reservation.owner).0).collect();
    let codes: BTreeSet<u8> =
        all.iter().flat_map(|reservation| reservation.options.keys().copied()).collect();
    let mut rows = Rows::new();
    let names = codes
        .iter()
        .map(|code| format!("options.{}", expressing::option_name(&site.catalogue, *code)));
    let header = owners.iter().map(|owner| (*owner).to_owned()).chain(["address".to_owned()]);
    rows.push(header.chain(names));
    for reservation in all {
        let (key, owner) = toml::owner(&reservation.owner);
        let owned =
            owners.iter().map(|name| if *name == key { owner.clone() } else { String::new() });
        let address = reservation.address.to_string();
        let options = codes.iter().map(|code| {
            let value = reservation.options.get(code);
            value.map(|value| cell(&site.catalogue, *code, value)).unwrap_or_default()
        });
        rows.push(owned.chain([address]).chain(options));
    }
    rows.finish()
}

/// A value as a cell. What has no plain form there is written as octets.
fn cell(catalogue: &Catalogue, code: u8, value: &Value) -> String {
    match expressing::value(catalogue, code, value) {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
        Written::Flag(flag) => flag.to_string(),
        Written::List(items) if items.iter().all(|value| item(value).is_some()) => {
            items.iter().filter_map(item).collect::<Vec<String>>().join(" ")
        }
        // A reservation has no sub-options for several vendors once it is settled.
        _ => hexadecimal::text(value.octets().unwrap_or_default()),
    }
}

/// An item of a list, which stands between spaces.
fn item(value: &Written) -> Option<String> {
    match value {
        Written::Text(text) => (!text.contains(char::is_whitespace)).then(|| text.clone()),
        Written::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Rows of comma-separated values.
struct Rows {
    writer: Writer,
    octets: Vec<u8>,
}

impl Rows {
    fn new() -> Self {
        Self { writer: WriterBuilder::new().build(), octets: Vec::new() }
    }

    fn push(&mut self, cells: impl Iterator<Item = String>) {
        for (position, cell) in cells.enumerate() {
            if position > 0 {
                self.put(|writer, room| writer.delimiter(room));
            }
            let mut rest = cell.as_bytes();
            self.put(|writer, room| {
                let (result, read, written) = writer.field(rest, room);
                rest = rest.get(read..).unwrap_or_default();
                (result, written)
            });
        }
        self.put(|writer, room| writer.terminator(room));
    }

    /// Writes until the writer needs no more room.
    fn put(&mut self, mut write: impl FnMut(&mut Writer, &mut [u8]) -> (WriteResult, usize)) {
        let mut room = [0; 512];
        loop {
            let (result, written) = write(&mut self.writer, &mut room);
            self.octets.extend(room.iter().take(written));
            if result == WriteResult::InputEmpty {
                return;
            }
        }
    }

    fn finish(mut self) -> String {
        self.put(|writer, room| writer.finish(room));
        String::from_utf8_lossy(&self.octets).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let mut rows = Rows::new();
        rows.push(["a".to_owned(), "b,c".to_owned(), "d\"e".to_owned()].into_iter());
        rows.push(["x".repeat(600), String::new(), String::new()].into_iter());
        let text = rows.finish();
        assert_eq!(text.lines().next(), Some("a,\"b,c\",\"d\"\"e\""));
        assert_eq!(text.lines().nth(1).map(str::len), Some(602));
    }
}
