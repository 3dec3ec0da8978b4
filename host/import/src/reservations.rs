//! Reservations as a separate file, CSV as `lessor.toml` can name it.
//!
//! Reservations that no row can express are left to the configuration. Invariant: the columns are
//! the identifiers that occur, the address, and the settings and options that occur.

use std::collections::BTreeSet;

use csv_core::{WriteResult, Writer, WriterBuilder};
use lessor_core::{IdentifierKind, ReservationOwner};
use lessor_vocabulary::{Catalogue, OptionSetting, hexadecimal};

use crate::{
    expressing,
    model::{Reservation, Site, Value},
    toml,
};

/// The reservations that can be in the file.
pub(crate) fn fitting(site: &Site) -> impl Iterator<Item = &Reservation> {
    site.all_reservations().filter(|reservation| expressing::fits_row(site, reservation))
}

/// The text of the file.
pub(crate) fn csv(site: &Site) -> String {
    let all: Vec<&Reservation> = fitting(site).collect();
    let owners = all.iter().flat_map(|reservation| &reservation.owners);
    let kinds: BTreeSet<IdentifierKind> = owners.map(ReservationOwner::kind).collect();
    let codes: BTreeSet<u8> =
        all.iter().flat_map(|reservation| reservation.options.keys().copied()).collect();
    let has = |is_set: fn(&Reservation) -> bool| all.iter().any(|found| is_set(found));
    let with_time = has(|found| found.lease_time.is_some());
    let with_classes = has(|found| !found.classes.is_empty());
    let with_server = has(|found| found.next_server.is_some());
    let mut rows = Rows::new();
    let names = codes
        .iter()
        .map(|code| format!("options.{}", expressing::option_name(&site.catalogue, *code)));
    let settings =
        [(with_classes, "classes"), (with_server, "next-server"), (with_time, "lease-time")];
    let settings = settings.into_iter().filter(|(is_there, _)| *is_there);
    let settings = settings.map(|(_, name)| name.to_owned());
    let header = kinds.iter().map(IdentifierKind::to_string).chain(["address".to_owned()]);
    rows.push(header.chain(settings).chain(names));
    for reservation in all {
        let owned = kinds.iter().map(|kind| {
            let owners = reservation.owners.iter().filter(|owner| owner.kind() == *kind);
            owners.map(toml::identifier).collect::<Vec<String>>().join(" ")
        });
        let address = shown(reservation.address.as_ref());
        let classes = with_classes.then(|| reservation.classes.join(" "));
        let next_server = with_server.then(|| shown(reservation.next_server.as_ref()));
        let lease_time =
            with_time.then(|| reservation.lease_time.map(toml::duration).unwrap_or_default());
        let options = codes.iter().map(|code| {
            let value = reservation.options.get(code);
            value.map(|value| cell(&site.catalogue, *code, value)).unwrap_or_default()
        });
        let settings = [classes, next_server, lease_time].into_iter().flatten();
        rows.push(owned.chain([address]).chain(settings).chain(options));
    }
    rows.finish()
}

fn shown(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// A value as a cell. What has no plain form there is written as octets.
fn cell(catalogue: &Catalogue, code: u8, value: &Value) -> String {
    match expressing::value(catalogue, code, value) {
        OptionSetting::Text(text) => text,
        OptionSetting::Number(number) => number.to_string(),
        OptionSetting::Flag(flag) => flag.to_string(),
        OptionSetting::List(items) if items.iter().all(|value| item(value).is_some()) => {
            items.iter().filter_map(item).collect::<Vec<String>>().join(" ")
        }
        // A reservation has no sub-options for several vendors once it is settled.
        _ => hexadecimal::text(value.octets().unwrap_or_default()),
    }
}

/// An item of a list, which stands between spaces.
fn item(value: &OptionSetting) -> Option<String> {
    match value {
        OptionSetting::Text(text) => (!text.contains(char::is_whitespace)).then(|| text.clone()),
        OptionSetting::Number(number) => Some(number.to_string()),
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
