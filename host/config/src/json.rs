//! Converts JSON to TOML of the same length in octets, so that positions are the same in both.

use crate::{collector::Collector, mistake::Draft};

/// The text that must be a JSON object, as mistakes describe it.
pub(crate) struct JsonDescription {
    /// Its name, such as "the file".
    pub(crate) noun: &'static str,
    /// What to do if it is not an object.
    pub(crate) help: &'static str,
}

/// Converts the object in the collector's source to a TOML document. Reports text that is not JSON.
pub(crate) fn as_toml(collector: &Collector, subject: &JsonDescription) -> Option<String> {
    let JsonDescription { noun, help } = subject;
    let text = collector.source().text();
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(_)) => Some(rewritten(text)),
        Ok(_) => {
            let draft = Draft::found(format!("{noun} is not a JSON object")).wanted("wanted { … }");
            collector.report(&(0..text.len()), draft.help(*help));
            None
        }
        Err(error) => {
            let message = error.to_string();
            let what = message.split(" at line ").next().unwrap_or_default();
            let place = offset(text, error.line(), error.column());
            collector.report_syntax(
                &(place..place + 1),
                Draft::found(format!("{noun} is not valid JSON: {what}")).wanted("here"),
            );
            None
        }
    }
}

/// The members of the object become lines, and nested objects inline tables.
fn rewritten(text: &str) -> String {
    let mut depth = 0_usize;
    let (mut is_text, mut is_escaped) = (false, false);
    let rewrite = |found: char| {
        if is_text {
            is_text = is_escaped || found != '"';
            is_escaped = found == '\\' && !is_escaped;
            return found;
        }
        match found {
            '"' => is_text = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match found {
            '{' if depth == 1 => ' ',
            '}' if depth == 0 => ' ',
            ',' if depth == 1 => '\n',
            ':' => '=',
            '\n' | '\r' | '\t' => ' ',
            other => other,
        }
    };
    text.chars().map(rewrite).collect()
}

/// The offset of a line and column from the parser (both from 1, columns in octets).
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let place = (before + column.saturating_sub(1)).min(text.len().saturating_sub(1));
    (0..=place).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_becomes_a_document_of_the_same_length() {
        let json = "{\n \"a\": \"x, {y}: \\\" ä\", \"b\"\n: { \"c\": [1,\n2] }\n}";
        let toml = rewritten(json);
        assert_eq!(toml.len(), json.len());
        let table: toml::Table = toml.parse().unwrap();
        assert_eq!(table["a"].as_str(), Some("x, {y}: \" ä"));
        assert_eq!(table["b"]["c"].as_array().unwrap().len(), 2);
    }
}
