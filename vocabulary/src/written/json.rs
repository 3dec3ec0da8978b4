//! Settings as JSON.

use alloc::{
    format,
    string::{String, ToString},
};

use super::OptionSetting;

impl OptionSetting {
    /// Returns the value as JSON.
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        self.push_json(&mut json);
        json
    }

    fn push_json(&self, json: &mut String) {
        match self {
            Self::Flag(flag) => json.push_str(if *flag { "true" } else { "false" }),
            Self::Number(number) => json.push_str(&number.to_string()),
            Self::Text(text) => push_json_text(text, json),
            Self::List(items) => {
                json.push('[');
                for (place, item) in items.iter().enumerate() {
                    json.push_str(if place == 0 { "" } else { "," });
                    item.push_json(json);
                }
                json.push(']');
            }
            Self::Table(members) => {
                json.push('{');
                for (place, (key, value)) in members.iter().enumerate() {
                    json.push_str(if place == 0 { "" } else { "," });
                    push_json_text(key, json);
                    json.push(':');
                    value.push_json(json);
                }
                json.push('}');
            }
            Self::Other(_) => json.push_str("null"),
        }
    }
}

fn push_json_text(text: &str, json: &mut String) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            control if control < ' ' => {
                json.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}
