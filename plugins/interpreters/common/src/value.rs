//! Values that scripts and the server exchange.

pub(crate) mod object;

use std::net::Ipv4Addr;

use lessor_policy::{OptionSetting, Verdict, option};

use crate::Object;

/// A value that a script and the server exchange. Addresses are texts such as `192.0.2.1`. Octets
/// are texts, too: unchanged if they are printable ASCII, otherwise `hex:` and hexadecimal digits.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Value {
    Nothing,
    Flag(bool),
    Number(i64),
    Fraction(f64),
    Text(String),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
    Verdict(Verdict),
    /// An object of the script API, and the name that selects one of its kind.
    Object(&'static Object, String),
}

/// Converts settings or a row from JSON.
///
/// # Errors
/// Returns an error if the text is not JSON, which the server never sends.
pub fn settings(json: &str) -> Result<Value, String> {
    let json: serde_json::Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(of_json(json))
}

fn of_json(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nothing,
        serde_json::Value::Bool(flag) => Value::Flag(flag),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Number(number),
            (None, Some(number)) => Value::Fraction(number),
            (None, None) => Value::Nothing,
        },
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(of_json).collect()),
        serde_json::Value::Object(fields) => {
            Value::Table(fields.into_iter().map(|(name, value)| (name, of_json(value))).collect())
        }
    }
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn octets(octets: &[u8]) -> Self {
        Self::Text(option::octets_to_text(octets))
    }

    pub(crate) fn address(address: Ipv4Addr) -> Self {
        Self::Text(address.to_string())
    }

    /// Converts a number; a number that is too large becomes `i64::MAX`.
    pub(crate) fn number(number: impl TryInto<i64>) -> Self {
        Self::Number(number.try_into().unwrap_or(i64::MAX))
    }

    pub(crate) fn numbers(octets: &[u8]) -> Self {
        Self::List(octets.iter().map(|octet| Self::Number(i64::from(*octet))).collect())
    }

    /// The value or nothing.
    pub(crate) fn or_nothing<T>(value: Option<T>, make: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Nothing, make)
    }

    /// Describes the value, for messages.
    pub fn described(&self) -> String {
        match self {
            Self::Nothing => "a missing value".to_owned(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Fraction(number) => number.to_string(),
            Self::Text(text) => format!("{text:?}"),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "an object".to_owned(),
            Self::Verdict(_) => "a verdict".to_owned(),
            Self::Object(object, _) => format!("the object {}", object.name),
        }
    }

    pub(crate) fn as_text(&self, what: &str) -> Result<&str, String> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(wanted(what, "a text", other)),
        }
    }

    pub(crate) fn as_address(&self, what: &str) -> Result<Ipv4Addr, String> {
        let text = match self {
            Self::Text(text) => text.parse().ok(),
            _ => None,
        };
        text.ok_or_else(|| wanted(what, "an address such as \"192.0.2.1\"", self))
    }

    pub(crate) fn as_number<T: TryFrom<i64>>(&self, what: &str, kind: &str) -> Result<T, String> {
        let number = match self {
            Self::Number(number) => T::try_from(*number).ok(),
            _ => None,
        };
        number.ok_or_else(|| wanted(what, kind, self))
    }

    /// Returns the name or number of an option as text.
    pub(crate) fn as_option_name(&self) -> Result<String, String> {
        match self {
            Self::Text(name) => Ok(name.clone()),
            Self::Number(code) => Ok(code.to_string()),
            other => Err(wanted("option", "its name or number", other)),
        }
    }

    /// Returns the code of an option and its value in octets.
    pub(crate) fn as_encoded_option(&self, option: &str) -> Result<(u8, Vec<u8>), String> {
        let encoded = self.as_option_setting(option)?.encode(option);
        // The error already names an unknown option, but not a value of the wrong type.
        encoded.map_err(|error| match error.contains("wanted") && !error.contains("found") {
            true if error.starts_with("option") => format!("{error}, found {}", self.described()),
            _ => error,
        })
    }

    /// Returns the value as the setting of an option.
    pub(crate) fn as_option_setting(&self, option: &str) -> Result<OptionSetting, String> {
        const KINDS: &str = "a text, a number, a list of texts, or a list of octets";
        let refused = |found: &Self| wanted(&format!("option {option}"), KINDS, found);
        match self {
            Self::Text(text) => Ok(OptionSetting::Text(text.clone())),
            Self::Number(number) => {
                u32::try_from(*number).map(OptionSetting::Number).map_err(|_| refused(self))
            }
            Self::List(items) => {
                let texts: Option<Vec<String>> = items.iter().map(text_of).collect();
                let octets: Option<Vec<u8>> = items.iter().map(octet_of).collect();
                match (texts, octets) {
                    (Some(texts), _) => Ok(OptionSetting::Texts(texts)),
                    (None, Some(octets)) => Ok(OptionSetting::Text(hexadecimal(&octets))),
                    (None, None) => Err(refused(self)),
                }
            }
            other => Err(refused(other)),
        }
    }
}

/// Returns a message such as `pool: wanted a text, found 5`.
pub(crate) fn wanted(what: &str, wanted: &str, found: &Value) -> String {
    format!("{what}: wanted {wanted}, found {}", found.described())
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn octet_of(value: &Value) -> Option<u8> {
    match value {
        Value::Number(number) => u8::try_from(*number).ok(),
        _ => None,
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold("hex:".to_owned(), |text, octet| format!("{text}{octet:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_in_every_form_and_nothing_else() {
        let texts = Value::List(vec![Value::text("192.0.2.53")]);
        let octets = Value::List(vec![Value::Number(1), Value::Number(255)]);
        for (value, wanted) in [
            (Value::text("a"), OptionSetting::Text("a".to_owned())),
            (Value::Number(1492), OptionSetting::Number(1492)),
            (texts, OptionSetting::Texts(vec!["192.0.2.53".to_owned()])),
            (octets, OptionSetting::Text("hex:01ff".to_owned())),
        ] {
            assert_eq!(value.as_option_setting("43"), Ok(wanted));
        }
        for value in [
            Value::Number(-1),
            Value::Flag(true),
            Value::Nothing,
            Value::List(vec![Value::Number(256)]),
            Value::List(vec![Value::text("a"), Value::Number(1)]),
        ] {
            let refused = value.as_option_setting("43").unwrap_err();
            assert!(refused.starts_with("option 43: wanted a text, a number"), "{refused}");
        }
    }

    #[test]
    fn settings_keep_their_kinds() {
        let Value::Table(fields) = settings(r#"{"a": [1, 1.5, null], "b": {"c": true}}"#).unwrap()
        else {
            panic!("no table")
        };
        assert!(matches!(&fields[0].1, Value::List(items) if matches!(
            items[..], [Value::Number(1), Value::Fraction(_), Value::Nothing])));
        assert!(
            matches!(&fields[1].1, Value::Table(inner) if matches!(inner[0].1, Value::Flag(true)))
        );
    }
}
