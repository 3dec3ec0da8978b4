//! Single values of a file of TOML, whatever else is wrong with the file.

use toml::de::{DeTable, DeValue};

/// What stands in a file of TOML where it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A text.
    Text(String),
    /// True or false.
    Flag(bool),
    /// Anything else.
    Other,
}

/// What stands under `key` of `[table]`. Mistakes elsewhere, of syntax too, do not matter.
pub fn look_up(text: &str, table: &str, key: &str) -> Found {
    let (document, _) = DeTable::parse_recoverable(text);
    let Some(value) = document.get_ref().get(table) else { return Found::Nothing };
    let Some(table) = value.get_ref().as_table() else { return Found::Other };
    match table.get(key).map(|value| value.get_ref()) {
        None => Found::Nothing,
        Some(DeValue::String(text)) => Found::Text(text.to_string()),
        Some(DeValue::Boolean(flag)) => Found::Flag(*flag),
        Some(_) => Found::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_whatever_else_is_wrong() {
        let text = "[store]\npath = \"/srv\"\nx = [1\n[control]\nenabled = false\nsocket = 7\n";
        assert_eq!(look_up(text, "store", "path"), Found::Text("/srv".to_owned()));
        assert_eq!(look_up(text, "store", "backend"), Found::Nothing);
        let text = "[control]\nenabled = false\nsocket = 7\n[[subnet]]\nprefix = no\n";
        assert_eq!(look_up(text, "control", "enabled"), Found::Flag(false));
        assert_eq!(look_up(text, "control", "socket"), Found::Other);
        assert_eq!(look_up(text, "store", "path"), Found::Nothing);
    }
}
