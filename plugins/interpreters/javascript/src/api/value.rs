//! Converts values between JavaScript and the script API. Nothing is `null`. A table is an object
//! without a prototype, so it has only its own names.

use boa_engine::{
    Context, JsObject, JsResult, JsString, JsValue, js_string,
    object::builtins::{JsArray, JsPromise, JsUint8Array},
    property::PropertyKey,
};
use lessor_policy::Verdict;
use lessor_script::Value;

use crate::api;

/// The maximum length of a list; the script API accepts no longer ones.
const LIST_ITEMS_MAX: u64 = 65_536;

/// The maximum number of fields of a table; the script API knows no larger ones.
const TABLE_FIELDS_MAX: usize = 16;
/// How deep lists and tables are nested at most: a list of routes, each a table.
const LEVELS_MAX: usize = 2;

/// Converts a value of the script API to JavaScript.
pub(crate) fn to_script(value: Value, context: &mut Context) -> JsResult<JsValue> {
    Ok(match value {
        Value::Nothing => JsValue::null(),
        Value::Flag(flag) => flag.into(),
        Value::Number(number) => match i32::try_from(number) {
            Ok(number) => number.into(),
            Err(_) => (number as f64).into(),
        },
        Value::Fraction(number) => number.into(),
        Value::Text(text) => JsString::from(text).into(),
        Value::List(items) => {
            let items: JsResult<Vec<JsValue>> =
                items.into_iter().map(|item| to_script(item, context)).collect();
            JsArray::from_iter(items?, context).into()
        }
        Value::Table(fields) => {
            let object = JsObject::with_null_proto();
            for (name, field) in fields {
                let field = to_script(field, context)?;
                object.create_data_property_or_throw(JsString::from(name), field, context)?;
            }
            object.into()
        }
        Value::Verdict(verdict) => {
            let (name, reason) = match verdict {
                Verdict::Proceed => ("proceed", String::new()),
                Verdict::Ignore(reason) => ("ignore", reason),
                Verdict::Refuse(reason) => ("refuse", reason),
            };
            let fields = [("verdict", name.to_owned()), ("reason", reason)];
            let fields = fields.map(|(name, text)| (name.to_owned(), Value::Text(text)));
            to_script(Value::Table(fields.to_vec()), context)?
        }
        Value::Object(object, this) => api::make(object, &this, context)?.into(),
    })
}

/// Returns the verdict that a function returned, if the value is a verdict.
pub(crate) fn verdict(value: &JsValue, context: &mut Context) -> Option<Verdict> {
    let object = value.as_object()?;
    let mut text = |name: &str| {
        let found = object.get(JsString::from(name), context).ok()?;
        Some(found.as_string()?.to_std_string_lossy())
    };
    match text("verdict")?.as_str() {
        "proceed" => Some(Verdict::Proceed),
        "ignore" => Some(Verdict::Ignore(text("reason")?)),
        "refuse" => Some(Verdict::Refuse(text("reason")?)),
        _ => None,
    }
}

/// Describes a value, for a message about a hook that returned it.
pub(crate) fn described(value: &JsValue, context: &mut Context) -> String {
    let is_promise = value.as_object().is_some_and(|object| JsPromise::from_object(object).is_ok());
    if is_promise {
        return "a promise, because the function is `async`: remove that word".to_owned();
    }
    if value.is_callable() {
        return "a function".to_owned();
    }
    of_script(value, context).described()
}

/// Converts a value to the script API. Objects of the API and functions become empty tables.
pub(crate) fn of_script(value: &JsValue, context: &mut Context) -> Value {
    of_nested(value, LEVELS_MAX, context)
}

/// Converts a value in which lists and objects are nested as many levels deep. Deeper ones become
/// empty tables.
fn of_nested(value: &JsValue, levels: usize, context: &mut Context) -> Value {
    if let Some(flag) = value.as_boolean() {
        return Value::Flag(flag);
    }
    if let Some(number) = value.as_number() {
        let is_whole = number.trunc() == number && number.abs() < i64::MAX as f64;
        return if is_whole { Value::Number(number as i64) } else { Value::Fraction(number) };
    }
    if let Some(text) = value.as_string() {
        return Value::Text(text.to_std_string_lossy());
    }
    let Some(object) = value.as_object() else { return Value::Nothing };
    let Some(levels) = levels.checked_sub(1) else { return Value::Table(Vec::new()) };
    match list(&object, levels, context) {
        Some(items) => Value::List(items),
        None => Value::Table(table(&object, levels, context).unwrap_or_default()),
    }
}

/// Returns the items of an array, or of a `Uint8Array`.
fn list(object: &JsObject, levels: usize, context: &mut Context) -> Option<Vec<Value>> {
    let is_octets = JsUint8Array::from_object(object.clone()).is_ok();
    if !object.is_array() && !is_octets {
        return None;
    }
    let length = object.get(js_string!("length"), context).ok()?.as_number()? as u64;
    let items = (0..length.min(LIST_ITEMS_MAX)).map(|at| {
        let item = object.get(PropertyKey::from(at), context).ok()?;
        Some(of_nested(&item, levels, context))
    });
    items.collect()
}

/// Returns the fields of an object that is only data.
fn table(object: &JsObject, levels: usize, context: &mut Context) -> Option<Vec<(String, Value)>> {
    if object.is_callable() || api::is_of_api(object, context) {
        return None;
    }
    let keys = object.own_property_keys(context).ok()?;
    let names = keys.into_iter().filter_map(|key| match key {
        PropertyKey::String(name) => Some(name),
        _ => None,
    });
    let fields = names.take(TABLE_FIELDS_MAX).map(|name| {
        let field = object.get(name.clone(), context).ok()?;
        Some((name.to_std_string_lossy(), of_nested(&field, levels, context)))
    });
    fields.collect()
}
