//! Settings: deserializes what the operator wrote for the policy into the policy's own type.

use serde::{Deserialize, de::DeserializeOwned};

/// Deserializes settings. Put `#[serde(deny_unknown_fields)]` on the type, so that a misspelt key
/// is refused rather than ignored.
///
/// # Errors
/// Returns a description of the mistake for the operator.
pub fn read<T: DeserializeOwned>(settings: &str) -> Result<T, String> {
    serde_json::from_str(settings).map_err(|error| {
        // The operator wrote TOML, so a line and a column of the JSON would be misleading.
        let text = error.to_string();
        match text.rfind(" at line ") {
            Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
            None => text,
        }
    })
}

/// Refuses any settings, for a policy that has none.
///
/// # Errors
/// Returns an error if there are settings.
pub fn none(settings: &str) -> Result<(), String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    read::<Nothing>(settings)
        .map(|Nothing {}| ())
        .map_err(|error| format!("this policy takes no settings: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_mistakes_are_reported_without_a_place() {
        #[derive(Debug, Deserialize, PartialEq)]
        #[serde(deny_unknown_fields)]
        struct Settings {
            pool: String,
        }
        let read = read::<Settings>;
        assert_eq!(read(r#"{"pool":"garden"}"#), Ok(Settings { pool: "garden".to_owned() }));
        assert_eq!(read("{}"), Err("missing field `pool`".to_owned()));
        assert_eq!(
            read(r#"{"pol":"garden"}"#),
            Err("unknown field `pol`, expected `pool`".to_owned())
        );
    }

    #[test]
    fn a_policy_without_settings_refuses_any() {
        assert_eq!(none("{}"), Ok(()));
        assert!(none(r#"{"pool":"x"}"#).unwrap_err().starts_with("this policy takes no settings"));
    }
}
