//! What an import keeps of the configuration that it replaces: the tables about the program, such
//! as its policies, its journal and its metrics. The other server knows nothing of them.
//!
//! Does not read what they say. Invariant: their text stays, with its comments.

use std::{io, path::Path, sync::Arc};

use toml_edit::{DocumentMut, Item, Table, Value};

use crate::{
    input::CONFIGURATION_OCTETS_MAX,
    place::{Place, Refusal},
};

/// The tables that are kept. Policies name sources of lookups.
const TABLES: [&str; 7] = ["plugins", "lookup", "control", "journal", "hosts", "metrics", "log"];
/// The table of the store, which is kept unless another folder is named.
const STORE: &str = "store";

/// Tables of a configuration that is replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Their headers, such as `[journal]`, in the order of the file.
    pub(crate) headers: Vec<String>,
    /// The tables, as TOML without keys above its first header.
    pub(crate) text: String,
}

/// Reads what is kept of the file at `path`; nothing, if there is none.
///
/// # Errors
/// Refuses a file that cannot be read, or that is not TOML.
pub(crate) fn read(path: &Path, with_store: bool) -> Result<Kept, Refusal> {
    let name = path.display();
    let text = match lessor_files::read_text(path, CONFIGURATION_OCTETS_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => {
            return Err(Refusal::new(
                format!("{name} is to be replaced, but cannot be read: {error}"),
                "its [plugins], [journal] and the like are kept: let the command read it, or \
                 move it away",
            ));
        }
    };
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        let file: Arc<str> = name.to_string().into();
        Place::new(&file, line).refuse(
            format!("the file is to be replaced, but it is not TOML: {}", error.message()),
            "its [plugins], [journal] and the like are kept: correct the line, or move the file \
             away",
        )
    })?;
    Ok(of(document, with_store))
}

fn of(document: DocumentMut, with_store: bool) -> Kept {
    let is_kept = |key: &str| TABLES.contains(&key) || (with_store && key == STORE);
    let mut kept = DocumentMut::new();
    let mut headers = Vec::new();
    for (key, item) in document.as_table().iter().filter(|(key, _)| is_kept(key)) {
        let item = below_header(item.clone());
        headers.push(match item.is_array_of_tables() {
            true => format!("[[{key}]]"),
            false => format!("[{key}]"),
        });
        kept.insert(key, item);
    }
    Kept { headers, text: kept.to_string().trim().to_owned() }
}

/// A table that is written in one line, or key by key, as one with a header.
fn below_header(item: Item) -> Item {
    match item {
        Item::Table(mut table) if table.is_dotted() => {
            table.set_dotted(false);
            table.set_implicit(false);
            Item::Table(table)
        }
        Item::Value(Value::InlineTable(table)) => Item::Table(table.into_table()),
        Item::Value(value) => match Item::Value(value).into_array_of_tables() {
            Ok(tables) => Item::ArrayOfTables(tables),
            // No table, which the server refuses as well.
            Err(_) => Item::Table(Table::new()),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Kept {
        of(text.parse().unwrap(), true)
    }

    #[test]
    fn tables_about_the_program_stay_with_their_comments() {
        let text = "# The file.\n[server]\nlisten = []\n\n[store]\npath = \"x\"   # where\n\n\
                    # Scripts.\n[plugins]\ndirectory = \"p\"\n\n[plugins.rollback]\nfaults-max = 3\n\n\
                    [[lookup]]\nname = \"a\"\n\n[[subnet]]\nprefix = \"192.0.2.0/24\"\n\n\
                    [[lookup]]\nname = \"b\"\n\n[[subnet.pool]]\nname = \"x\"\n# The end.\n";
        let found = kept(text);
        assert_eq!(found.headers, ["[store]", "[plugins]", "[[lookup]]"]);
        assert_eq!(
            found.text,
            "[store]\npath = \"x\"   # where\n\n# Scripts.\n[plugins]\ndirectory = \"p\"\n\n\
             [plugins.rollback]\nfaults-max = 3\n\n[[lookup]]\nname = \"a\"\n\n\
             [[lookup]]\nname = \"b\""
        );
        assert_eq!(kept(&found.text), found, "another import keeps the same");
        let without = of(text.parse().unwrap(), false);
        assert_eq!(without.headers, ["[plugins]", "[[lookup]]"]);
        assert!(!without.text.contains("where"), "{}", without.text);
    }

    #[test]
    fn tables_without_a_header_get_one() {
        let text = "# Lines.\njournal = { path = \"j\", files-max = 4 }\nplugins.directory = \"p\"\n\
                    plugins.rollback.faults-max = 3\nlookup = [{ name = \"a\" }]\nlog = 5\n";
        let found = kept(text);
        let again: DocumentMut = found.text.parse().unwrap();
        assert!(found.text.starts_with('['), "{}", found.text);
        assert_eq!(again["journal"]["path"].as_str(), Some("j"));
        assert_eq!(again["plugins"]["directory"].as_str(), Some("p"));
        assert_eq!(again["plugins"]["rollback"]["faults-max"].as_integer(), Some(3));
        assert_eq!(again["lookup"][0]["name"].as_str(), Some("a"));
        assert!(again["log"].is_table());
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lessor.toml");
        assert_eq!(read(&path, true).unwrap(), Kept::default());
        std::fs::write(&path, "[server]\nlisten = [\n\n[journal\n").unwrap();
        let refusal = read(&path, true).unwrap_err();
        let line = refusal.place().unwrap().line();
        assert!((2..=5).contains(&line), "{refusal}");
        assert!(refusal.to_string().contains("move the file away"), "{refusal}");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(read(&path, true).unwrap_err().to_string().contains("cannot be read"));
    }
}
