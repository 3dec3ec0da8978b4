//! Reads single values of a TOML file that may have mistakes elsewhere.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::sections::STATE_FOLDER;

/// The kind of value found in a TOML file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundValue {
    /// There is no value.
    Nothing,
    /// A text.
    Text(String),
    /// A boolean.
    Flag(bool),
    /// A value of another kind.
    Other,
}

/// Looks up `key` of `[table]`. Ignores mistakes elsewhere, including syntax errors.
pub fn look_up(text: &str, table: &str, key: &str) -> FoundValue {
    let (document, _) = DeTable::parse_recoverable(text);
    let Some(value) = document.get_ref().get(table) else { return FoundValue::Nothing };
    let Some(table) = value.get_ref().as_table() else { return FoundValue::Other };
    match table.get(key).map(|value| value.get_ref()) {
        None => FoundValue::Nothing,
        Some(DeValue::String(text)) => FoundValue::Text(text.to_string()),
        Some(DeValue::Boolean(flag)) => FoundValue::Flag(*flag),
        Some(_) => FoundValue::Other,
    }
}

/// Returns the folder that `store.path` names in a file with mistakes, provided that it is not
/// affected by them. Returns `None` if the file does not name it unambiguously, or keeps leases in
/// memory.
pub fn store_folder_despite_mistakes(text: &str, base: &Path) -> Option<PathBuf> {
    let (_, mistakes) = DeTable::parse_recoverable(text);
    let is_embedded = match look_up(text, "store", "backend") {
        FoundValue::Nothing => true,
        FoundValue::Text(name) => name == "embedded",
        FoundValue::Flag(_) | FoundValue::Other => false,
    };
    match look_up(text, "store", "path") {
        // A syntax error can truncate a text, so the file must contain it exactly as it was read.
        FoundValue::Text(folder) if is_embedded => {
            let is_whole = ['"', '\''].iter().any(|quote| {
                !folder.is_empty() && text.contains(&format!("{quote}{folder}{quote}"))
            });
            (mistakes.is_empty() || is_whole).then(|| base.join(folder))
        }
        // A syntax error can hide a table, so the file must not mention a store at all.
        FoundValue::Nothing if is_embedded && (mistakes.is_empty() || !text.contains("store")) => {
            Some(PathBuf::from(STATE_FOLDER))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_store_is_found_only_beyond_doubt() {
        let base = Path::new("/etc/lessor");
        let srv = Some(PathBuf::from("/srv"));
        let usual = Some(PathBuf::from(STATE_FOLDER));
        for (text, wanted) in [
            ("[store]\npath = \"/srv\"\n", &srv),
            ("[store]\npath = '/srv'\n[[subnet]\n", &srv),
            ("[store]\npath = \"state\"\n", &Some(base.join("state"))),
            ("", &usual),
            ("[[subnet]\n", &usual),
            ("[store\npath = \"/srv\"\n", &None),
            ("[store]\npath = \n", &None),
            ("[store]\npath = \"/srv\n", &None),
            ("[store]\npath = 5\n", &None),
            ("[store]\nbackend = \"memory\"\n", &None),
        ] {
            assert_eq!(&store_folder_despite_mistakes(text, base), wanted, "{text}");
        }
    }

    #[test]
    fn a_value_is_found_whatever_else_is_wrong() {
        let text = "[store]\npath = \"/srv\"\nx = [1\n[control]\nenabled = false\nsocket = 7\n";
        assert_eq!(look_up(text, "store", "path"), FoundValue::Text("/srv".to_owned()));
        assert_eq!(look_up(text, "store", "backend"), FoundValue::Nothing);
        let text = "[control]\nenabled = false\nsocket = 7\n[[subnet]]\nprefix = no\n";
        assert_eq!(look_up(text, "control", "enabled"), FoundValue::Flag(false));
        assert_eq!(look_up(text, "control", "socket"), FoundValue::Other);
        assert_eq!(look_up(text, "store", "path"), FoundValue::Nothing);
    }
}
