//! `metrics`, `state` and `tables`: the capabilities that the operator may grant.

use lessor_policy::{CapabilityError, metrics, state, tables};

use crate::{
    Function, Object, Value,
    value::object::argument,
    value::{settings, wanted},
};

pub(crate) static METRICS: Object = Object {
    name: "metrics",
    is_global: true,
    properties: &[],
    functions: &[
        Function::with_optional("add", (1, 2), |_, arguments| {
            let name = argument(arguments, 0).as_text("metrics.add")?;
            let more = match argument(arguments, 1) {
                Value::Nothing => 1,
                more => more.as_number("metrics.add", "a whole number from 0")?,
            };
            granted("metrics", metrics::add(name, more)).map(|()| Value::Nothing)
        }),
        Function::new("set", 2, |_, arguments| {
            let name = argument(arguments, 0).as_text("metrics.set")?;
            let value = match argument(arguments, 1) {
                Value::Number(number) => *number as f64,
                Value::Fraction(number) => *number,
                other => return Err(wanted("metrics.set", "a number", other)),
            };
            granted("metrics", metrics::set(name, value)).map(|()| Value::Nothing)
        }),
    ],
};

pub(crate) static STATE: Object = Object {
    name: "state",
    is_global: true,
    properties: &[],
    functions: &[
        Function::new("get", 1, |_, arguments| {
            let key = argument(arguments, 0).as_text("state.get")?;
            granted("state", state::get(key)).map(|found| Value::or_nothing(found, text))
        }),
        Function::new("set", 2, |_, arguments| {
            let key = argument(arguments, 0).as_text("state.set")?;
            let done = match optional_text(arguments, 1)? {
                Some(value) => state::set(key, value),
                None => state::remove(key),
            };
            granted("state", done).map(|()| Value::Nothing)
        }),
        Function::new("replace", 3, |_, arguments| {
            let key = argument(arguments, 0).as_text("state.replace")?;
            let octets = |position| Ok(optional_text(arguments, position)?.map(str::as_bytes));
            let (expected, value): (_, Result<_, String>) = (octets(1)?, octets(2));
            granted("state", state::replace(key, expected, value?)).map(Value::Flag)
        }),
    ],
};

pub(crate) static TABLES: Object = Object {
    name: "tables",
    is_global: true,
    properties: &[],
    functions: &[
        Function::new("field", 3, |_, arguments| {
            let text = |position| argument(arguments, position).as_text("tables.field");
            let found = tables::field(text(0)?, text(1)?, text(2)?);
            granted("tables", found).map(|found| Value::or_nothing(found, Value::Text))
        }),
        Function::new("row", 2, |_, arguments| {
            let text = |position| argument(arguments, position).as_text("tables.row");
            let row = granted("tables", tables::row_json(text(0)?, text(1)?))?;
            row.map_or(Ok(Value::Nothing), |row| settings(&row))
        }),
    ],
};

fn granted<T>(capability: &str, answer: Result<T, CapabilityError>) -> Result<T, String> {
    answer.map_err(|error| match error {
        CapabilityError::NotGranted => format!(
            "{capability} is not granted: write grants = [\"{capability}\"] in the sidecar file \
             of the script"
        ),
        other => format!("{capability}: {other}"),
    })
}

fn optional_text(arguments: &[Value], position: usize) -> Result<Option<&str>, String> {
    match argument(arguments, position) {
        Value::Nothing => Ok(None),
        value => value.as_text("state").map(Some),
    }
}

/// Converts a stored value. Scripts store only text; a value that is not text was stored by another
/// kind of policy of the same name.
fn text(octets: Vec<u8>) -> Value {
    String::from_utf8(octets).map_or_else(|error| Value::octets(error.as_bytes()), Value::Text)
}
