//! Values that scripts and the server exchange.

pub(crate) mod object;

use std::net::Ipv4Addr;

use lessor_policy::{Verdict, option};
use lessor_vocabulary::{OptionSetting, option::recognise};

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

    /// Returns a list of 1 to `count_max` texts.
    pub(crate) fn as_texts(&self, what: &str, count_max: usize) -> Result<Vec<String>, String> {
        let refused = || wanted(what, &format!("a list of 1 to {count_max} texts"), self);
        match self {
            Self::List(items) if (1..=count_max).contains(&items.len()) => {
                let texts = items.iter().map(|item| item.as_text(what).map(str::to_owned));
                texts.collect()
            }
            _ => Err(refused()),
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

    /// Returns a part of the lease time.
    pub(crate) fn as_fraction(&self, what: &str) -> Result<f64, String> {
        match self {
            Self::Fraction(number) if 0.0 < *number && *number < 1.0 => Ok(*number),
            other => Err(wanted(what, "a number between 0 and 1, such as 0.5", other)),
        }
    }

    /// Returns a text for a field of the header, which ends at a zero octet.
    pub(crate) fn as_header_text(&self, what: &str, octets_max: usize) -> Result<&str, String> {
        match self {
            Self::Text(text) if text.len() <= octets_max && !text.contains('\0') => Ok(text),
            Self::Text(text) if text.len() > octets_max => {
                let found = text.len();
                Err(format!("{what}: wanted at most {octets_max} octets, found {found}"))
            }
            other => Err(wanted(what, "a text without a zero octet", other)),
        }
    }

    /// Returns the name or number of an option as text.
    pub(crate) fn as_option_name(&self) -> Result<String, String> {
        match self {
            Self::Text(name) => Ok(name.clone()),
            Self::Number(code) => Ok(code.to_string()),
            other => Err(wanted("option", "its name or number", other)),
        }
    }

    /// Returns the code of the option with this name or number.
    pub(crate) fn as_option_code(&self) -> Result<u8, String> {
        option::code_of(&self.as_option_name()?)
    }

    /// Returns the code of an option and its value in octets.
    pub(crate) fn as_encoded_option(&self, option: &str) -> Result<(u8, Vec<u8>), String> {
        // The server does the same for the options that it declares.
        let kind = recognise(option).map(|(_, kind)| kind);
        let written = match &kind {
            Ok(kind) => self.written().with_numbers_as_octets(kind.as_ref()),
            Err(_) => self.written(),
        };
        option::encode(option, written)
    }

    /// Converts the octets of an option to the form in which scripts set it.
    pub(crate) fn of_option(code: u8, octets: &[u8]) -> Self {
        option::decode(code, octets).into()
    }

    /// Returns the value as an operator would write it.
    fn written(&self) -> OptionSetting {
        match self {
            Self::Flag(flag) => OptionSetting::Flag(*flag),
            Self::Number(number) => OptionSetting::Number(*number),
            Self::Text(text) => OptionSetting::Text(text.clone()),
            Self::List(items) => OptionSetting::List(items.iter().map(Self::written).collect()),
            Self::Table(fields) => {
                let field = |(name, value): &(String, Self)| (name.clone(), value.written());
                OptionSetting::Table(fields.iter().map(field).collect())
            }
            Self::Nothing | Self::Fraction(_) | Self::Verdict(_) | Self::Object(..) => {
                OptionSetting::Other(self.described())
            }
        }
    }
}

impl From<OptionSetting> for Value {
    fn from(written: OptionSetting) -> Self {
        match written {
            OptionSetting::Flag(flag) => Self::Flag(flag),
            OptionSetting::Number(number) => Self::Number(number),
            OptionSetting::Text(text) | OptionSetting::Other(text) => Self::Text(text),
            OptionSetting::List(items) => Self::List(items.into_iter().map(Into::into).collect()),
            OptionSetting::Table(fields) => {
                Self::Table(fields.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

/// Returns a message such as `pool: wanted a text, found 5`.
pub(crate) fn wanted(what: &str, wanted: &str, found: &Value) -> String {
    format!("{what}: wanted {wanted}, found {}", found.described())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_in_every_form_and_nothing_else() {
        let texts =
            |texts: &[&str]| Value::List(texts.iter().map(|&found| Value::text(found)).collect());
        let octets = Value::List(vec![Value::Number(1), Value::Number(255)]);
        let route = Value::Table(vec![
            ("to".to_owned(), Value::text("0.0.0.0/0")),
            ("via".to_owned(), Value::text("192.0.2.1")),
        ]);
        for (name, value, wanted) in [
            ("43", Value::text("a"), &b"a"[..]),
            ("43", octets.clone(), b"\x01\xff"),
            ("interface-mtu", octets, b"\x01\xff"),
            ("interface-mtu", Value::Number(1492), &[5, 212]),
            ("time-offset", Value::Number(-1), &[255; 4]),
            ("ip-forwarding", Value::Flag(true), &[1]),
            ("routers", texts(&["192.0.2.53"]), &[192, 0, 2, 53]),
            ("domain-search", texts(&["a.example"]), b"\x01a\x07example\0"),
            ("classless-static-routes", route.clone(), &[0, 192, 0, 2, 1]),
            ("classless-static-routes", Value::List(vec![route]), &[0, 192, 0, 2, 1]),
        ] {
            assert_eq!(value.as_encoded_option(name).unwrap().1, wanted, "{name}");
        }
        for (value, found) in [
            (Value::Number(-1), "-1"),
            (Value::Flag(true), "true"),
            (Value::Fraction(1.5), "1.5"),
            (Value::Nothing, "a missing value"),
            (Value::List(vec![]), "an empty list"),
            (Value::List(vec![Value::Number(256)]), "a list"),
            (Value::List(vec![Value::text("a"), Value::Number(1)]), "a list"),
        ] {
            let refused = value.as_encoded_option("43").unwrap_err();
            let wanted = "option 43: wanted a text, or octets such as \"hex:0a0b\", found ";
            assert_eq!(refused, format!("{wanted}{found}"));
        }
    }

    #[test]
    fn options_are_read_in_the_form_in_which_they_are_set() {
        let read = |code, octets: &[u8]| Value::of_option(code, octets);
        assert!(matches!(read(19, &[1]), Value::Flag(true)));
        assert!(matches!(read(26, &[5, 212]), Value::Number(1492)));
        assert!(matches!(read(119, b"\x01a\0"), Value::List(names) if matches!(
            &names[..], [Value::Text(name)] if name == "a")));
        assert!(matches!(read(224, &[0]), Value::Text(text) if text == "hex:00"));
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
