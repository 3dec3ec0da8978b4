//! Converts JSON objects to rows with text fields. A string becomes its content, numbers and
//! booleans are kept as written, null becomes empty, and nested values stay JSON.

use std::{fmt, sync::Arc};

use lessor_core::SourceRow;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::limits::ROW_OCTETS_MAX;

/// The fields of one JSON object, in their order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    pub(crate) fn into_row(self) -> SourceRow {
        self.0.into_iter().map(|(name, value)| (Arc::from(name), value.into_boxed_str())).collect()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut octets = 0;
        while let Some(name) = map.next_key::<String>()? {
            let value = text(&map.next_value::<Box<RawValue>>()?).map_err(A::Error::custom)?;
            octets += name.len() + value.len();
            if octets > ROW_OCTETS_MAX {
                return Err(A::Error::custom(too_long()));
            }
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format!("the field {name:?} occurs twice")));
            }
            fields.push((name, value));
        }
        Ok(Fields(fields))
    }
}

/// The message for a row that is too long.
pub(crate) fn too_long() -> String {
    format!("a row has more than {ROW_OCTETS_MAX} octets")
}

fn text(value: &RawValue) -> serde_json::Result<String> {
    match value.get() {
        "null" => Ok(String::new()),
        quoted if quoted.starts_with('"') => serde_json::from_str(quoted),
        literal => Ok(literal.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_text_as_they_are_written() {
        let json = r#"{"plan":"f\u00e4st","price":12.50,"big":123456789012345678901234567890,
            "on":true,"none":null,"tags":["a", 1]}"#;
        let Fields(fields) = serde_json::from_str(json).unwrap();
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(
            fields,
            [
                ("plan", "fäst"),
                ("price", "12.50"),
                ("big", "123456789012345678901234567890"),
                ("on", "true"),
                ("none", ""),
                ("tags", r#"["a", 1]"#),
            ]
        );
    }

    #[test]
    fn a_row_is_bounded_and_names_each_field_once() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(ROW_OCTETS_MAX));
        let error = serde_json::from_str::<Fields>(&long).unwrap_err().to_string();
        assert!(error.contains("65536 octets"), "{error}");
        let error = serde_json::from_str::<Fields>(r#"{"a":1,"a":2}"#).unwrap_err().to_string();
        assert!(error.contains("\"a\" occurs twice"), "{error}");
    }
}
