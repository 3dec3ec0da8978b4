//! Converts values between Rhai and the script API. Nothing is `()`, and a table is an object map.

use lessor_policy::Verdict;
use lessor_script::Value;
use rhai::{Array, Blob, Dynamic, Map};

use crate::api;

/// Converts a value of the script API to Rhai.
pub(crate) fn to_script(value: Value) -> Dynamic {
    match value {
        Value::Nothing => Dynamic::UNIT,
        Value::Flag(flag) => flag.into(),
        Value::Number(number) => number.into(),
        Value::Fraction(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::List(items) => items.into_iter().map(to_script).collect::<Array>().into(),
        Value::Table(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name.into(), to_script(value)));
            fields.collect::<Map>().into()
        }
        Value::Verdict(verdict) => Dynamic::from(verdict),
        Value::Object(object, this) => api::handle(object, this),
    }
}

/// Converts a value to the script API. A value of any other type becomes a table with the name of
/// its type.
pub(crate) fn of_script(value: &Dynamic) -> Value {
    if let Ok(flag) = value.as_bool() {
        return Value::Flag(flag);
    }
    if let Ok(number) = value.as_int() {
        return Value::Number(number);
    }
    if let Ok(number) = value.as_float() {
        return Value::Fraction(number);
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Value::Text(text.to_string());
    }
    if let Some(items) = value.read_lock::<Array>() {
        return Value::List(items.iter().map(of_script).collect());
    }
    if let Some(octets) = value.read_lock::<Blob>() {
        return Value::List(octets.iter().map(|octet| Value::Number((*octet).into())).collect());
    }
    if let Some(fields) = value.read_lock::<Map>() {
        let fields = fields.iter().map(|(name, value)| (name.to_string(), of_script(value)));
        return Value::Table(fields.collect());
    }
    match value.read_lock::<Verdict>() {
        Some(verdict) => Value::Verdict(verdict.clone()),
        None if value.is_unit() => Value::Nothing,
        None => Value::Table(vec![("type".to_owned(), Value::Text(value.type_name().to_owned()))]),
    }
}
