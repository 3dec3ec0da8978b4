//! Lines of dnsmasq: `key=value` or `key`, with comments, quotes and included files.
//!
//! Knows no keys but those that include. Invariant: each line that is returned has a key.

use std::path::{Path, PathBuf};

use crate::{
    input::{Reader, Text, beside},
    option_value::Item,
    place::{Place, Refusal},
    report::Report,
};

use super::spelling;

/// The maximum number of files in a folder that a configuration includes.
const FOLDER_FILES_MAX: usize = 1_000;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) place: Place,
    pub(super) key: String,
    pub(super) value: String,
}

impl Line {
    /// The line as it is, for the report.
    pub(super) fn shown(&self) -> String {
        match self.value.as_str() {
            "" => self.key.clone(),
            value => format!("{}={value}", self.key),
        }
    }

    /// The parts of the value between commas, with tags in their current spelling.
    pub(super) fn parts(&self) -> Vec<String> {
        self.items().into_iter().map(|item| item.text).collect()
    }

    /// The parts of the value, and whether they have quotes. A comma in quotes belongs to its part.
    pub(super) fn items(&self) -> Vec<Item> {
        let mut items = vec![Item::bare("")];
        let mut is_quoted = false;
        // The end of what is not white space outside of quotes.
        let mut end = 0;
        let mut letters = self.value.chars().peekable();
        while let Some(letter) = letters.next() {
            let Some(item) = items.last_mut() else { break };
            match letter {
                '"' => {
                    is_quoted = !is_quoted;
                    item.is_quoted = true;
                }
                '\\' if is_quoted => {
                    let meant = letters.peek().copied().and_then(escaped);
                    if meant.is_some() {
                        letters.next();
                    }
                    item.text.push(meant.unwrap_or(letter));
                }
                ',' if !is_quoted => {
                    item.text.truncate(end);
                    items.push(Item::bare(""));
                    end = 0;
                    continue;
                }
                letter if !is_quoted && letter.is_whitespace() => {
                    if end > 0 {
                        item.text.push(letter);
                    }
                    continue;
                }
                letter => item.text.push(letter),
            }
            end = item.text.len();
        }
        items.last_mut().into_iter().for_each(|item| item.text.truncate(end));
        spelling::current(&self.key, &mut items);
        items
    }
}

/// The character that a letter behind a backslash stands for.
fn escaped(letter: char) -> Option<char> {
    match letter {
        '"' | '\\' => Some(letter),
        't' => Some('\t'),
        'n' => Some('\n'),
        'e' => Some('\u{1b}'),
        'b' => Some('\u{8}'),
        'r' => Some('\r'),
        _ => None,
    }
}

/// The lines of a file, with those of the files that it includes, in the order in which dnsmasq
/// reads them.
///
/// # Errors
/// Refuses what cannot be read.
pub(super) fn all(
    text: &Text,
    reader: &mut Reader,
    report: &mut Report,
) -> Result<Vec<Line>, Refusal> {
    let mut later = Later::default();
    let mut lines = included(text, reader, 0, report, &mut later)?;
    lines.extend(later.files.into_iter().rev().chain(later.folders).flatten());
    Ok(lines)
}

/// Files with the values of one key, which dnsmasq reads after all others wherever they are named:
/// first the files, from the last to the first, and then the folders.
#[derive(Default)]
struct Later {
    files: Vec<Vec<Line>>,
    folders: Vec<Vec<Line>>,
}

/// The lines of a file, with those of other configurations that it includes in their places.
fn included(
    text: &Text,
    reader: &mut Reader,
    depth: usize,
    report: &mut Report,
    later: &mut Later,
) -> Result<Vec<Line>, Refusal> {
    let mut lines = Vec::new();
    for (number, written) in (1..).zip(text.contents.lines()) {
        let place = text.place(number);
        let Some((key, value)) = split(written) else { continue };
        let line = Line { place: place.clone(), key, value };
        let form = match line.key.as_str() {
            "conf-file" => None,
            "conf-dir" => None,
            "dhcp-hostsfile" | "dhcp-hostsdir" => Some("dhcp-host"),
            "dhcp-optsfile" | "dhcp-optsdir" => Some("dhcp-option"),
            _ => {
                lines.push(line);
                continue;
            }
        };
        let files = files(text, &line)?;
        report.carried(&place, &line.shown());
        let mut of_files = Vec::new();
        for file in files {
            let file = reader.include(&file, &place, depth + 1)?;
            match form {
                None => lines.extend(included(&file, reader, depth + 1, report, later)?),
                Some(key) => of_files.extend(values(&file, key)),
            }
        }
        match line.key.ends_with("dir") {
            true => later.folders.push(of_files),
            false => later.files.push(of_files),
        }
    }
    Ok(lines)
}

/// The lines of a file that has the values of one key only.
fn values(text: &Text, key: &str) -> Vec<Line> {
    let lines = (1..).zip(text.contents.lines());
    let lines = lines.map(|(number, line)| (number, without_comment(line).trim().to_owned()));
    let lines = lines.filter(|(_, value)| !value.is_empty());
    let line = |(number, value)| Line { place: text.place(number), key: key.to_owned(), value };
    lines.map(line).collect()
}

fn split(line: &str) -> Option<(String, String)> {
    let line = without_comment(line).trim();
    if line.is_empty() {
        return None;
    }
    let (key, value) = line.split_once('=').unwrap_or((line, ""));
    Some((key.trim().to_owned(), value.trim().to_owned()))
}

/// A comment begins with `#` at the beginning of a line or behind white space, not in quotes.
fn without_comment(line: &str) -> &str {
    let mut is_quoted = false;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        match letter {
            // A quote behind a backslash belongs to the text.
            '"' if !is_quoted || before != '\\' => is_quoted = !is_quoted,
            '#' if !is_quoted && before.is_whitespace() => return line.get(..at).unwrap_or(line),
            _ => {}
        }
        before = match (before, letter) {
            ('\\', '\\') => ' ',
            _ => letter,
        };
    }
    line
}

/// The files that a line includes: one, or those of a folder. Only `conf-dir` names suffixes, and
/// only `conf-file` cannot be a folder.
fn files(text: &Text, line: &Line) -> Result<Vec<PathBuf>, Refusal> {
    let whole = beside(text, &line.value);
    match line.key.as_str() {
        "conf-dir" => {
            let parts = line.parts();
            let mut parts = parts.iter().map(String::as_str);
            let path = beside(text, parts.next().unwrap_or_default());
            folder(&path, &parts.collect::<Vec<&str>>(), &line.place)
        }
        "conf-file" => Ok(vec![whole]),
        key if key.ends_with("dir") || whole.is_dir() => folder(&whole, &[], &line.place),
        _ => Ok(vec![whole]),
    }
}

/// The files of a folder: those that dnsmasq would read, in order of name.
///
/// # Errors
/// Refuses a folder that cannot be read or has too many files, which is named at `place`.
pub(super) fn folder(
    path: &Path,
    suffixes: &[&str],
    place: &Place,
) -> Result<Vec<PathBuf>, Refusal> {
    let entries = std::fs::read_dir(path).map_err(|error| {
        let found = format!("{} cannot be read: {error}", path.display());
        place.refuse(found, "check the path")
    })?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|file| file.is_file() && is_read(file, suffixes))
        .take(FOLDER_FILES_MAX + 1)
        .collect();
    if files.len() > FOLDER_FILES_MAX {
        let found = format!("{} has more than {FOLDER_FILES_MAX} files", path.display());
        return Err(place.refuse(found, "join some of them"));
    }
    files.sort();
    Ok(files)
}

/// Whether dnsmasq reads a file of a folder: not a backup, and with a suffix that is wanted
/// (`*.conf`) or without one that is not (`.bak`).
fn is_read(file: &Path, suffixes: &[&str]) -> bool {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return false };
    let is_backup = name.ends_with('~') || name.starts_with('.');
    let is_hidden = is_backup || (name.starts_with('#') && name.ends_with('#'));
    let wanted: Vec<&str> = suffixes.iter().filter_map(|text| text.strip_prefix('*')).collect();
    // A name is more than its suffix.
    let has = |suffix: &str| name.len() > suffix.len() && name.ends_with(suffix);
    let mut unwanted = suffixes.iter().filter(|text| !text.starts_with('*'));
    let is_unwanted = unwanted.any(|suffix| !suffix.is_empty() && has(suffix));
    let is_wanted = wanted.is_empty() || wanted.iter().any(|suffix| has(suffix));
    !is_hidden && !is_unwanted && is_wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_quotes_and_parts_are_distinguished() {
        assert_eq!(split("  # a"), None);
        let (key, value) = split("dhcp-option=option:domain-name,\"a # b, c\" # d").unwrap();
        let place = Place::new(&"f".into(), 1);
        let line = Line { place, key, value };
        assert_eq!(line.parts(), ["option:domain-name", "a # b, c"]);
        assert_eq!(split("no-resolv"), Some(("no-resolv".to_owned(), String::new())));
        assert_eq!(split("a=b#c"), Some(("a".to_owned(), "b#c".to_owned())));
    }

    #[test]
    fn quotes_keep_white_space_and_escapes() {
        let parts = |value: &str| {
            let place = Place::new(&"f".into(), 1);
            let (key, value) = split(&format!("x={value}")).unwrap();
            let items = Line { place, key, value }.items();
            items.into_iter().map(|item| (item.text, item.is_quoted)).collect::<Vec<_>>()
        };
        let bare = |text: &str| (text.to_owned(), false);
        let quoted = |text: &str| (text.to_owned(), true);
        assert_eq!(parts("252,\"\\n\""), [bare("252"), quoted("\n")]);
        assert_eq!(parts(" a b , \" c \" ,"), [bare("a b"), quoted(" c "), bare("")]);
        assert_eq!(parts("\"a\\\"b # c\" # d"), [quoted("a\"b # c")]);
        assert_eq!(parts("\"a\\\\\",b # d"), [quoted("a\\"), bare("b")]);
        assert_eq!(parts("\"\\t\\x\""), [quoted("\t\\x")]);
        assert_eq!(parts("\\\\a\\n"), [bare("\\\\a\\n")]);
    }

    #[test]
    fn a_folder_may_stand_where_a_file_of_values_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for (name, contents) in [
            ("hosts/b", "02:00:00:00:00:02,192.0.2.2\n"),
            ("hosts/a", "02:00:00:00:00:01,192.0.2.1\n"),
            ("hosts/a~", "x\n"),
            ("hosts/#a#", "x\n"),
            ("hosts/.a", "x\n"),
            ("options/a", "3,192.0.2.9\n"),
            ("c.conf", "a=1\n"),
            ("d.old", "b=1\n"),
            ("e.conf", "c=1\n"),
            ("top", "dhcp-hostsfile=hosts\ndhcp-optsdir=options\nconf-dir=.,*.conf\n"),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
        }
        let mut reader = Reader::of_configuration();
        let text = reader.read(&folder.path().join("top")).unwrap();
        let lines = all(&text, &mut reader, &mut Report::default()).unwrap();
        let shown: Vec<String> = lines.iter().map(Line::shown).collect();
        let hosts = [1, 2].map(|n| format!("dhcp-host=02:00:00:00:00:0{n},192.0.2.{n}"));
        assert_eq!(shown[..2], ["a=1", "c=1"]);
        assert_eq!(shown[2..4], hosts);
        assert_eq!(shown[4..], ["dhcp-option=3,192.0.2.9"]);
    }

    #[test]
    fn folders_are_read_in_order_and_without_backups() {
        let folder = tempfile::tempdir().unwrap();
        for (name, contents) in
            [("b.conf", "b=2\n"), ("a.conf", "a=1\n"), ("a.conf~", "x\n"), ("c.bak", "y\n")]
        {
            std::fs::write(folder.path().join(name), contents).unwrap();
        }
        std::fs::write(folder.path().join("a.hosts"), "02:00:00:00:00:01,192.0.2.9 # c\n").unwrap();
        std::fs::write(folder.path().join("hosts"), "c=3\n").unwrap();
        let top = "conf-dir=.,.bak,hosts,.top\ndhcp-hostsfile=a.hosts\n";
        std::fs::write(folder.path().join("a.top"), top).unwrap();
        let mut reader = Reader::of_configuration();
        let text = reader.read(&folder.path().join("a.top")).unwrap();
        let lines = all(&text, &mut reader, &mut Report::default()).unwrap();
        let shown: Vec<String> = lines.iter().map(Line::shown).collect();
        assert_eq!(shown, ["a=1", "b=2", "c=3", "dhcp-host=02:00:00:00:00:01,192.0.2.9"]);
    }
}
