//! Finds places in a text that look like secrets, so that no mistake shows them.
//!
//! Searches the text instead of the parsed values, because a secret must not be shown either if the
//! text is not TOML. Hides too much rather than too little. Does not hide the secrets, and does not
//! show mistakes.

use std::ops::Range;

/// Parts of the names of secrets, without `-` and `_`.
const WORDS: [&str; 13] = [
    "apikey",
    "authorization",
    "bearer",
    "community",
    "cookie",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "token",
];
/// Names of secrets that are too short to be searched for within others.
const SHORT: [&str; 3] = ["pass", "psk", "pw"];

/// Whether a key with this name holds a secret. The path of a file that holds one is not a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '_'], "");
    let is_place = ["file", "path", "folder"].iter().any(|ending| name.ends_with(ending));
    !is_place && (SHORT.contains(&&*name) || WORDS.iter().any(|word| name.contains(word)))
}

/// The values of keys that name secrets, and the users and passwords in URLs, in the order of the
/// text.
pub(crate) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut hidden_to = 0;
    let mut start = 0;
    let mut is_secret_table = false;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            let names = |c: char| !is_name_char(c) || c == '.';
            is_secret_table = line.split(names).any(is_secret);
        } else {
            for (at, _) in line.match_indices(['=', ':']) {
                let at = start + at;
                let is_named = is_secret_table || is_secret(name_before(text, start, at));
                if at >= hidden_to && is_named {
                    let value = value_after(text, at + 1);
                    hidden_to = value.end;
                    found.push(value);
                }
            }
        }
        found.extend(users(line).map(|user| start + user.start..start + user.end));
        start += line.len();
    }
    found
}

/// The last part of the key that ends before the `=` at this place, without quotes.
fn name_before(text: &str, line: usize, at: usize) -> &str {
    let before = text.get(line..at).unwrap_or_default().trim_end().trim_end_matches(['"', '\'']);
    before.rsplit(|c| !is_name_char(c) || c == '.').next().unwrap_or_default()
}

fn is_name_char(found: char) -> bool {
    found.is_alphanumeric() || "-_.".contains(found)
}

/// The value that begins after `at`: up to its closing quote or bracket, or the end of its line.
fn value_after(text: &str, at: usize) -> Range<usize> {
    let rest = text.get(at..).unwrap_or_default();
    let start = at + (rest.len() - rest.trim_start_matches([' ', '\t']).len());
    let value = text.get(start..).unwrap_or_default();
    let line = value.find('\n').unwrap_or(value.len());
    let closed = |opening: &str, closing: &str, limit: usize| {
        let within = value.get(opening.len()..limit).unwrap_or_default();
        let end = closing_at(within, closing).map(|end| end + opening.len() + closing.len());
        end.unwrap_or(limit)
    };
    let length = match value {
        value if value.starts_with("\"\"\"") => closed("\"\"\"", "\"\"\"", value.len()),
        value if value.starts_with("'''") => closed("'''", "'''", value.len()),
        value if value.starts_with('"') => closed("\"", "\"", line),
        value if value.starts_with('\'') => closed("'", "'", line),
        value if value.starts_with('[') => closed("[", "]", value.len()),
        value if value.starts_with('{') => closed("{", "}", value.len()),
        value => value.find(['\n', ',', '}', '#', '&', '"', '\'']).unwrap_or(value.len()),
    };
    start..start + length
}

/// The position of `closing` that is not escaped by a backslash.
fn closing_at(text: &str, closing: &str) -> Option<usize> {
    let is_escaped = |at: &usize| {
        let before = text.get(..*at).unwrap_or_default();
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        closing.starts_with('"') && backslashes % 2 == 1
    };
    text.match_indices(closing).map(|(at, _)| at).find(|at| !is_escaped(at))
}

/// The text between `://` and `@` in the URLs of a line.
fn users(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("://").filter_map(|(at, separator)| {
        let start = at + separator.len();
        let rest = line.get(start..)?;
        let authority = rest.split(['/', '?', '"', '\'', ' ', '\n']).next()?;
        Some(start..start + authority.rfind('@')?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_whatever_else_the_text_is() {
        for (text, secrets) in [
            ("password = \"hunter2\" # of the CRM", vec!["\"hunter2\""]),
            ("password = hunter2\nuser = \"x\"", vec!["hunter2"]),
            ("password = \"hunter2\nuser = \"x\"", vec!["\"hunter2"]),
            ("api_key='a\\'\nb = 'c'", vec!["'a\\'"]),
            ("\"X-Api-Key\" = \"a\\\"b\"", vec!["\"a\\\"b\""]),
            ("crm.Token = \"\"\"one\ntwo\"\"\"\nb = 1", vec!["\"\"\"one\ntwo\"\"\""]),
            ("secrets = [\n\"one\",\n\"two\",\n]\nb = 1", vec!["[\n\"one\",\n\"two\",\n]"]),
            ("crm = { user = \"x\", pass = \"y\", n = 1 }", vec!["\"y\""]),
            ("{ \"token\": \"x\" }", vec!["\"x\""]),
            ("[settings.credentials]\ncrm = \"x\"\n[limits]\nb = 1", vec!["\"x\""]),
            ("url = \"http://user:word@crm.example.net/\"", vec!["user:word"]),
            ("url = \"postgres://db/x?password=y&z=1\"", vec!["y"]),
            ("password-file = \"/etc/lessor/password\"\nkey = \"line\"", vec![]),
            ("url = \"http://crm.example.net/@\"", vec![]),
        ] {
            let found: Vec<&str> = find(text).into_iter().map(|span| &text[span]).collect();
            assert_eq!(found, secrets, "{text}");
        }
    }
}
