//! The rows of a file, whatever its form.
//!
//! Does not know what cells mean. Invariant: a file whose last row does not say that it is the end
//! is refused.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    input::Text,
    place::{Place, Refusal, shown},
    report::Report,
};

use super::{END, Form, column};

/// What to do about a file that is not what was written.
pub(super) const HELP: &str = "correct the line, or export the leases again";
const CUT_OFF: &str = "the file is cut off: copy it again. If it is complete, add a last line `end` \
                       to CSV, or {\"end\":true} to JSON lines";

/// The number of characters of a name that are shown.
const NAME_LETTERS_MAX: usize = 60;

/// A row: its cells by the names of their columns.
pub(super) struct Row {
    pub(super) place: Place,
    cells: Vec<(String, String)>,
}

impl Row {
    /// The cell of a column; empty if there is none.
    pub(super) fn cell(&self, name: &str) -> &str {
        let mut cells = self.cells.iter();
        cells.find(|(found, _)| found == name).map_or("", |(_, cell)| cell)
    }
}

/// Passes each row of a file to `each`, and reports columns that are not known.
pub(super) fn rows(
    text: &Text,
    report: &mut Report,
    each: &mut dyn FnMut(Row) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let form = match text.contents.trim_start().starts_with('{') {
        true => Form::JsonLines,
        false => Form::Csv,
    };
    let mut rows = Rows { report, unknown: Vec::new(), each };
    match form {
        Form::Csv => rows.csv(text),
        Form::JsonLines => rows.json_lines(text),
    }
}

struct Rows<'r> {
    report: &'r mut Report,
    /// Columns that were reported.
    unknown: Vec<String>,
    each: &'r mut dyn FnMut(Row) -> Result<(), Refusal>,
}

impl Rows<'_> {
    fn csv(&mut self, text: &Text) -> Result<(), Refusal> {
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).from_reader(text.contents.as_bytes());
        let names: Vec<String> = match reader.headers() {
            Ok(names) => names.iter().map(str::to_owned).collect(),
            Err(error) => return Err(text.place(1).refuse(error.to_string(), HELP)),
        };
        if !names.iter().any(|name| name == column::ADDRESS) {
            let found = "the first line does not name the column `address`";
            return Err(text.place(1).refuse(found, "name a file of `lessor leases export`"));
        }
        refuse_twice(&text.place(1), names.iter())?;
        let mut line = 1;
        let mut ended = None;
        for record in reader.records() {
            let record =
                record.map_err(|error| text.place(line + 1).refuse(error.to_string(), HELP))?;
            line = record.position().map_or(line, |at| at.line() as usize);
            let place = text.place(line);
            refuse_behind(ended, &place)?;
            let is_end = record.iter().enumerate().all(|(at, cell)| match at {
                0 => cell == END,
                _ => cell.is_empty(),
            });
            if is_end {
                ended = Some(line);
                continue;
            }
            if record.len() != names.len() {
                let found = format!("the line has {} columns, not {}", record.len(), names.len());
                return Err(place.refuse(found, HELP));
            }
            let cells = names.iter().cloned().zip(record.iter().map(str::to_owned));
            self.take(place, cells.collect())?;
        }
        ended.map(drop).ok_or_else(|| cut_off(text))
    }

    fn json_lines(&mut self, text: &Text) -> Result<(), Refusal> {
        let mut ended = None;
        for (line, object) in (1..).zip(text.contents.lines()) {
            let place = text.place(line);
            if object.trim().is_empty() {
                continue;
            }
            refuse_behind(ended, &place)?;
            let Members(members) = serde_json::from_str(object).map_err(|error| {
                place.refuse(format!("the line is no JSON object: {error}"), HELP)
            })?;
            if matches!(members.as_slice(), [(name, Value::Bool(true))] if name == END) {
                ended = Some(line);
                continue;
            }
            refuse_twice(&place, members.iter().map(|(name, _)| name))?;
            let cells = members.into_iter().map(|(name, value)| match value {
                Value::String(text) => Ok((name, text)),
                Value::Null => Ok((name, String::new())),
                value => {
                    Err(place.refuse(format!("{name:?} is {value}, which is not a text"), HELP))
                }
            });
            let cells = cells.collect::<Result<_, _>>()?;
            self.take(place, cells)?;
        }
        ended.map(drop).ok_or_else(|| cut_off(text))
    }

    fn take(&mut self, place: Place, cells: Vec<(String, String)>) -> Result<(), Refusal> {
        for (name, cell) in &cells {
            let is_known = column::ALL.contains(&name.as_str()) || self.unknown.contains(name);
            if !is_known && !cell.is_empty() {
                let why = "this release has no such property of leases";
                self.report.not_carried(&place, &format!("column {name}"), why);
                self.unknown.push(name.clone());
            }
        }
        (self.each)(Row { place, cells })
    }
}

/// The members of an object, also those that it has twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;
        impl<'de> Visitor<'de> for OfObject {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
                let mut all = Vec::new();
                while let Some(member) = members.next_entry()? {
                    all.push(member);
                }
                Ok(Members(all))
            }
        }
        deserializer.deserialize_map(OfObject)
    }
}

fn refuse_twice<'n>(place: &Place, names: impl Iterator<Item = &'n String>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            let found = format!("{:?} is there twice", shown(name, NAME_LETTERS_MAX));
            return Err(place.refuse(found, "leave one of them"));
        }
    }
    Ok(())
}

fn refuse_behind(ended: Option<usize>, place: &Place) -> Result<(), Refusal> {
    let Some(end) = ended else { return Ok(()) };
    Err(place.refuse(format!("the line stands behind the end of the file in line {end}"), HELP))
}

fn cut_off(text: &Text) -> Refusal {
    let last = text.contents.lines().count().max(1);
    text.place(last).refuse("the last line does not say that it is the end", CUT_OFF)
}
