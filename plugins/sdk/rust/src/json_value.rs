//! JSON as values of options.

use serde_json::Value;

use crate::OptionSetting;

/// The value that JSON has.
pub(crate) fn setting(value: Value) -> OptionSetting {
    match value {
        Value::Bool(flag) => OptionSetting::Flag(flag),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| OptionSetting::Other(number.to_string()), OptionSetting::Number),
        Value::String(text) => OptionSetting::Text(text),
        Value::Array(items) => OptionSetting::List(items.into_iter().map(setting).collect()),
        Value::Object(members) => OptionSetting::Table(
            members.into_iter().map(|(key, value)| (key, setting(value))).collect(),
        ),
        Value::Null => OptionSetting::Other("nothing".to_owned()),
    }
}
