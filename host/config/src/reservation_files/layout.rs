//! How a CSV file of reservations is laid out, and which columns it is asked for.

use lessor_settings::{SourceKind, SourceSettings};

use crate::{
    mistake::Draft,
    reader::{KeyValue, Placed, Value},
    shapes::RESERVATION_SOURCE,
    suggest::closest,
};

/// The layout of a CSV file.
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// The columns that are read; `None` if the file has reservations only, and its columns have
    /// the names of keys.
    pub(super) columns: Option<Vec<Mapped>>,
}

/// A column of a table that has other purposes, too.
pub(super) struct Mapped {
    /// The name of the column in the file.
    pub(super) column: String,
    /// The name of the column as a file of reservations has it, with its place in the
    /// configuration.
    pub(super) meaning: Placed<String>,
}

impl Layout {
    /// The layout of a file of reservations.
    pub(super) const OF_RESERVATIONS: Self = Self { delimiter: b',', columns: None };
}

/// Reads `{ lookup = "…", columns = { … } }`: the table of a lookup source that is also a list of
/// reservations. Returns the source with the layout of its file.
pub(super) fn of_source<'l>(
    value: &Value,
    lookups: &'l [SourceSettings],
) -> Option<(&'l std::path::Path, Layout)> {
    let table = value.table(&RESERVATION_SOURCE)?;
    let named = table.require("lookup", "\"subscribers\"").and_then(|value| {
        let name = value.text("the name of a [[lookup]]")?;
        let found = lookups.iter().find(|source| source.name == name);
        if found.is_none() {
            let names = || lookups.iter().map(|source| source.name.as_str());
            let draft = Draft::found(format!("no [[lookup]] is named {name:?}"));
            value.report(match closest(name, names()) {
                Some(meant) => draft.wanted(format!("did you mean {meant:?}?")),
                None => draft.wanted("wanted the name of a [[lookup]] of type \"csv\""),
            });
        }
        Some((value.clone(), found?))
    });
    const WANTED: &str = "a table, such as { circuit-id = \"port\", address = \"ip\" }";
    let columns = table.require("columns", "{ circuit-id = \"port\", address = \"ip\" }")?;
    let mut mapped: Vec<Mapped> = Vec::new();
    for KeyValue { key, value } in columns.entries(WANTED) {
        let Some(column) = value.text("the name of a column of the file") else { continue };
        let meaning = Placed { value: key.value.to_owned(), span: key.span };
        mapped.push(Mapped { column: column.to_owned(), meaning });
    }
    let (value, source) = named?;
    match &source.kind {
        SourceKind::Csv(settings) => {
            let delimiter = u8::try_from(settings.delimiter).ok()?;
            Some((&settings.path, Layout { delimiter, columns: Some(mapped) }))
        }
        _ => {
            let draft =
                Draft::found(format!("the source {:?} is not of type \"csv\"", source.name));
            value.report(draft.wanted("wanted a table that is a file").help(
                "reservations are read at every start and reload, from a file; export a database \
                 to a file, or look its rows up in a policy",
            ));
            None
        }
    }
}
