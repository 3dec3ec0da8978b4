//! Rows of comma-separated values (RFC 4180) with a header.

use std::{collections::HashSet, io::Read};

use csv::{ErrorKind, ReaderBuilder, StringRecord};
use lessor_settings::CsvSettings;

use super::{Parsed, Sink, file::TableMistake};
use crate::{
    limits::{COLUMNS_MAX, ROW_OCTETS_MAX},
    row,
};

/// The number of columns that a message lists.
const NAMES_LISTED_MAX: usize = 20;

pub(super) fn read(
    input: impl Read,
    file: &CsvSettings,
    sink: &mut Sink<'_>,
) -> Result<(), TableMistake> {
    let delimiter = u8::try_from(file.delimiter).unwrap_or(b',');
    // Rows with a wrong number of values get our own message.
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(input);
    let header = reader.headers().map_err(mistake)?.clone();
    let key_at = key_column(&header, &file.key)?;
    let columns: Vec<Option<String>> = header.iter().map(|name| Some(name.to_owned())).collect();
    let mut row = StringRecord::new();
    loop {
        match reader.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(broken_off(error, &row)),
        }
        let line = line_of(&row, reader.position());
        let refuse = |message| TableMistake { line, message };
        if row.len() != columns.len() {
            return Err(refuse(format!(
                "the row has {} values and the header has {} names; wanted the same number. A \
                 value that contains {:?} must be in quotes",
                row.len(),
                columns.len(),
                char::from(delimiter)
            )));
        }
        if row.as_slice().len() > ROW_OCTETS_MAX {
            return Err(refuse(row::too_long()));
        }
        let values: Vec<&str> = row.iter().collect();
        sink(Parsed { columns: &columns, key_at, values: &values }).map_err(refuse)?;
    }
}

/// The line that a row begins on, given the position of the reader after it. The row itself
/// counts preceding blank lines as its own.
fn line_of(row: &StringRecord, behind: &csv::Position) -> u64 {
    let within = row.as_slice().bytes().filter(|octet| *octet == b'\n').count() as u64;
    let begun = row.position().map_or(0, csv::Position::line);
    begun.max(behind.line().saturating_sub(within + 1))
}

fn key_column(header: &StringRecord, key: &str) -> Result<usize, TableMistake> {
    let refuse = |message| Err(TableMistake { line: 1, message });
    if header.is_empty() {
        return refuse(
            "the file is empty; wanted a first line with the names of the columns".into(),
        );
    }
    if header.len() > COLUMNS_MAX {
        let columns = header.len();
        return refuse(format!("the header has {columns} columns; at most {COLUMNS_MAX} are read"));
    }
    let mut known = HashSet::with_capacity(header.len());
    if let Some(name) = header.iter().find(|name| !known.insert(*name)) {
        return refuse(format!(
            "two columns have the name {name:?}; give each column its own name"
        ));
    }
    let found = header.iter().position(|name| name == key);
    let Some(found) = found else {
        let names = header.iter().take(NAMES_LISTED_MAX).map(|name| format!("{name:?}"));
        let mut names = names.collect::<Vec<_>>().join(", ");
        if let Some(more) = header.len().checked_sub(NAMES_LISTED_MAX).filter(|more| *more > 0) {
            names.push_str(&format!(" and {more} more"));
        }
        return refuse(format!(
            "there is no column {key:?} for the key; set `key` to one of {names}"
        ));
    };
    Ok(found)
}

/// The mistake for a row that could not be read completely, at the line where it begins.
fn broken_off(error: csv::Error, row: &StringRecord) -> TableMistake {
    let begun = row.position().map_or(0, csv::Position::line);
    let TableMistake { line, message } = mistake(error);
    TableMistake { line: if line == 0 { begun } else { line }, message }
}

fn mistake(error: csv::Error) -> TableMistake {
    let line = error.position().map_or(0, csv::Position::line);
    let message = match error.into_kind() {
        ErrorKind::Utf8 { err, .. } => {
            format!("column {} is not UTF-8; save the file as UTF-8", err.field() + 1)
        }
        ErrorKind::Io(error) => format!("the rest of the file cannot be read: {error}"),
        other => format!("{other:?}"),
    };
    TableMistake { line, message }
}
