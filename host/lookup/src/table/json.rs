//! Rows in JSON: an object that maps keys to objects, or objects with a key field, in an array or
//! one per line. They are read as a stream; at most one row is held besides the table.

use std::{
    fmt,
    io::{BufRead, Read},
};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::error::Category;

use super::{Parsed, Sink, file::TableMistake};
use crate::{limits::ROW_IN_FILE_OCTETS_MAX, row::Fields};

pub(super) fn read(
    mut input: impl BufRead,
    key: Option<&str>,
    sink: &mut Sink<'_>,
) -> Result<(), TableMistake> {
    let (first, line) = first_octet(&mut input).map_err(|error| TableMistake {
        line: 1,
        message: format!("the file cannot be read: {error}"),
    })?;
    if let (Some(b'{'), Some(key)) = (first, key) {
        return lines(input, key, sink, line);
    }
    let mut json = serde_json::Deserializer::from_reader(input);
    let read = match (first, key) {
        (None, _) => {
            let message = "the file is empty; wanted rows, or {} for none".to_owned();
            return Err(TableMistake { line: 1, message });
        }
        (Some(b'['), Some(key)) => {
            json.deserialize_seq(Array { key, sink }).and_then(|()| json.end())
        }
        (Some(b'{'), None) => json.deserialize_map(Object { sink }).and_then(|()| json.end()),
        (Some(b'['), None) => {
            let message = "the file is an array; set the field of its objects that contains the \
                 key: key = \"…\"";
            return Err(TableMistake { line, message: message.to_owned() });
        }
        (Some(_), _) => {
            let message = "wanted an object, or an array of objects";
            return Err(TableMistake { line, message: message.to_owned() });
        }
    };
    // `first_octet` consumed the preceding line breaks.
    read.map_err(|error| mistake(&error, line - 1))
}

/// Reads one object per line.
fn lines(
    mut input: impl BufRead,
    key: &str,
    sink: &mut Sink<'_>,
    first: u64,
) -> Result<(), TableMistake> {
    let mut octets = Vec::new();
    for line in first.. {
        let refuse = |message| TableMistake { line, message };
        octets.clear();
        let mut bounded = (&mut input).take(ROW_IN_FILE_OCTETS_MAX);
        let read = bounded.read_until(b'\n', &mut octets);
        match read
            .map_err(|error| refuse(format!("the rest of the file cannot be read: {error}")))?
            as u64
        {
            0 => break,
            ROW_IN_FILE_OCTETS_MAX => {
                return Err(refuse(format!(
                    "the line has more than {ROW_IN_FILE_OCTETS_MAX} octets; wanted one object per \
                     line. Leave `key` out if the file is one object of key and object"
                )));
            }
            _ if octets.trim_ascii().is_empty() => continue,
            _ => {}
        }
        let mut json = serde_json::Deserializer::from_slice(&octets);
        let row = KeyedRow { key, sink }.deserialize(&mut json).and_then(|()| json.end());
        row.map_err(|error| {
            let TableMistake { message, .. } = mistake(&error, 0);
            let hint = if error.is_data() { "" } else { "; wanted one object per line" };
            refuse(message + hint)
        })?;
    }
    Ok(())
}

/// A row with its key in a field.
struct KeyedRow<'a, 'b> {
    key: &'a str,
    sink: &'a mut Sink<'b>,
}

impl<'de> DeserializeSeed<'de> for KeyedRow<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Fields(fields) = serde::Deserialize::deserialize(deserializer)?;
        let Some(key_at) = fields.iter().position(|(name, _)| name == self.key) else {
            return Err(D::Error::custom(format!(
                "the row has no field {:?} for the key; correct `key`, or leave it out if the file \
                 is one object of key and object",
                self.key
            )));
        };
        let (columns, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
        let columns: Vec<Option<String>> = columns.into_iter().map(Some).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let row = Parsed { columns: &columns, key_at, values: &values };
        (self.sink)(row).map_err(D::Error::custom)
    }
}

struct Array<'a, 'b> {
    key: &'a str,
    sink: &'a mut Sink<'b>,
}

impl<'de> Visitor<'de> for Array<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(KeyedRow { key: self.key, sink: self.sink })?.is_some() {}
        Ok(())
    }
}

struct Object<'a, 'b> {
    sink: &'a mut Sink<'b>,
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of key and object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(key) = rows.next_key::<String>()? {
            let Fields(fields) = rows.next_value()?;
            let names = fields.iter().map(|(name, _)| Some(name.clone()));
            let columns: Vec<Option<String>> = std::iter::once(None).chain(names).collect();
            let texts = fields.iter().map(|(_, value)| value.as_str());
            let values: Vec<&str> = std::iter::once(key.as_str()).chain(texts).collect();
            let row = Parsed { columns: &columns, key_at: 0, values: &values };
            (self.sink)(row).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// The first octet that is not white space, which is not consumed, and its line.
fn first_octet(input: &mut impl BufRead) -> std::io::Result<(Option<u8>, u64)> {
    let mut line = 1;
    loop {
        match input.fill_buf()?.first().copied() {
            Some(b'\n') => line += 1,
            Some(b' ' | b'\t' | b'\r') => {}
            found => return Ok((found, line)),
        }
        input.consume(1);
    }
}

fn mistake(error: &serde_json::Error, lines_before: u64) -> TableMistake {
    let line = lines_before + error.line() as u64;
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let found = text.strip_suffix(&place).unwrap_or(&text);
    let message = match error.classify() {
        Category::Data => found.to_owned(),
        Category::Io => format!("the rest of the file cannot be read: {found}"),
        Category::Syntax | Category::Eof => {
            format!("this is not JSON: {found} (column {})", error.column())
        }
    };
    TableMistake { line, message }
}
