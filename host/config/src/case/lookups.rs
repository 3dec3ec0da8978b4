//! What the sources of lookups answer in a case.

use std::sync::Arc;

use lessor_core::{LookupAnswer, SourceRow};
use toml::de::DeValue;

use crate::reader::{KeyValue, Table, Value};

/// The maximum number of answers of sources, and of rows of tables, in a request.
pub const LOOKUPS_MAX: usize = 1_000;

pub(super) fn lookups(table: &Table) -> Vec<(Arc<str>, LookupAnswer)> {
    let Some(value) = table.get("lookups") else { return Vec::new() };
    let stale: Vec<String> = table
        .get("stale-lookups")
        .map(|value| value.items())
        .unwrap_or_default()
        .iter()
        .filter_map(|item| item.text("the name of a lookup"))
        .map(str::to_owned)
        .collect();
    let entries = value.entries("a table of lookups, such as { plan = { pool = \"fast\" } }");
    if entries.len() > LOOKUPS_MAX {
        value.refuse(&format!("at most {LOOKUPS_MAX} lookups"));
        return Vec::new();
    }
    let words = [
        ("not-found", LookupAnswer::NotFound),
        ("unavailable", LookupAnswer::Unavailable("the case says so".to_owned())),
    ];
    let answer = |name: &str, value: &Value| match value.raw() {
        DeValue::Table(_) => {
            let is_stale = stale.iter().any(|stale| stale == name);
            Some(LookupAnswer::Found { row: row(value), is_stale })
        }
        DeValue::String(text) if words.iter().any(|(word, _)| word == text) => {
            words.iter().find(|(word, _)| word == text).map(|(_, answer)| answer.clone())
        }
        _ => {
            let wanted = "a table of fields, \"not-found\" or \"unavailable\"";
            value.refuse_with_help(wanted, "write a row as { pool = \"fast\" }");
            None
        }
    };
    let read = |entry: KeyValue| {
        Some((Arc::from(entry.key.value), answer(entry.key.value, &entry.value)?))
    };
    entries.into_iter().filter_map(read).collect()
}

pub(super) fn rows(table: &Table) -> Vec<(Arc<str>, Arc<str>, SourceRow)> {
    let Some(value) = table.get("tables") else { return Vec::new() };
    let mut rows = Vec::new();
    for source in value.entries("a table of sources") {
        for entry in source.value.entries("a table of rows, by key") {
            rows.push((source.key.value.into(), entry.key.value.into(), row(&entry.value)));
        }
    }
    if rows.len() > LOOKUPS_MAX {
        value.refuse(&format!("at most {LOOKUPS_MAX} rows"));
    }
    rows
}

/// Fields are texts; numbers and flags are converted as written.
fn row(value: &Value) -> SourceRow {
    let field = |entry: KeyValue| {
        let text = match entry.value.raw() {
            DeValue::String(text) => text.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            _ => {
                entry.value.refuse("a text");
                return None;
            }
        };
        Some((Arc::from(entry.key.value), Box::from(text)))
    };
    value.entries("a table of fields").into_iter().filter_map(field).collect()
}
