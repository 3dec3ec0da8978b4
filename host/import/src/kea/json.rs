//! JSON as Kea reads it: with comments (`//`, `#`, `/* */`), commas before a closing bracket, and
//! `<?include "file"?>`. Every value has its line.
//!
//! Knows no keys of Kea.

mod parser;

use crate::place::Place;

pub(super) use self::parser::parse;

/// A value with its line.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Flag(bool),
    /// The digits as they were written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) node: Node,
}

impl Node {
    /// The value as it would be written on one line, for the report.
    pub(super) fn shown(&self) -> String {
        let mut text = String::new();
        self.show(&mut text);
        text
    }

    fn show(&self, out: &mut String) {
        const OCTETS_MAX: usize = 200;
        if out.len() > OCTETS_MAX {
            return;
        }
        match &self.value {
            Value::Null => out.push_str("null"),
            Value::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Value::Number(digits) => out.push_str(digits),
            Value::Text(text) => out.push_str(&format!("{text:?}")),
            Value::List(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    out.push_str(if position == 0 { " " } else { ", " });
                    item.show(out);
                }
                out.push_str(" ]");
            }
            Value::Object(members) => {
                out.push('{');
                for (position, member) in members.iter().enumerate() {
                    out.push_str(if position == 0 { " " } else { ", " });
                    out.push_str(&format!("{:?}: ", member.key));
                    member.node.show(out);
                }
                out.push_str(" }");
            }
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) const fn flag(&self) -> Option<bool> {
        match &self.value {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    pub(super) fn number<T: std::str::FromStr>(&self) -> Option<T> {
        match &self.value {
            Value::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn object(&self) -> Option<&[Member]> {
        match &self.value {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of an object.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.object()?.iter().find(|member| member.key == key).map(|member| &member.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        input::{Reader, Text},
        place::Refusal,
    };

    fn read(contents: &str) -> Result<Node, Refusal> {
        let text = Text { name: "kea.json".into(), contents: contents.to_owned() };
        parse(&text, &mut Reader::of_configuration())
    }

    fn refused(contents: &str) -> String {
        read(contents).unwrap_err().to_string()
    }

    #[test]
    fn comments_and_trailing_commas_are_read_and_lines_are_counted() {
        let text =
            "// a\n# b\n{ /* c\n c */ \"a\": [1, -2.5e3, true, null,], \"b\": \"x\\\"\\u00e9\", }";
        let node = read(text).unwrap();
        assert_eq!(node.place.line(), 3);
        assert_eq!(node.get("b").unwrap().place.line(), 4);
        assert_eq!(node.shown(), "{ \"a\": [ 1, -2.5e3, true, null ], \"b\": \"x\\\"é\" }");
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_line() {
        for (text, said) in [
            ("", "kea.json:1: the file ends where a value was wanted"),
            ("{\n\"a\": 1", "kea.json:2: the file ends where `}` was wanted"),
            ("[1\n2]", "kea.json:2: '2' follows a value"),
            ("{\"a\": 1,\n\"a\": 2}", "kea.json:2: \"a\" is there twice"),
            ("{a: 1}", "kea.json:1: this is not a key"),
            ("[nan]", "kea.json:1: \"nan\" is no value"),
            ("\"a\nb\"", "kea.json:1: the text does not end"),
            ("\"\\ud800\"", "kea.json:1: the text does not end"),
            ("/* a", "kea.json:1: the comment does not end"),
            ("{} {}", "kea.json:1: '{' follows the end"),
        ] {
            let refusal = refused(text);
            assert!(refusal.starts_with(said), "{text:?}: {refusal}");
        }
        let deep = "[".repeat(100_000);
        assert!(refused(&deep).contains("more than 32 deep"));
    }

    #[test]
    fn values_and_members_are_included_and_includes_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("list.json"), "[ 1,\n 2 ]").unwrap();
        std::fs::write(path("members.json"), "\"x\": 1,\n\"y\": 2").unwrap();
        std::fs::write(path("loop.json"), "{ \"a\": <?include \"loop.json\"?> }").unwrap();
        let top = "{ \"l\": <?include \"list.json\"?>,\n<?include \"members.json\"?> }";
        std::fs::write(path("top.json"), top).unwrap();
        let mut reader = Reader::of_configuration();
        let text = reader.read(&path("top.json")).unwrap();
        let node = parse(&text, &mut reader).unwrap();
        assert_eq!(node.shown(), "{ \"l\": [ 1, 2 ], \"x\": 1, \"y\": 2 }");
        let included = node.get("y").unwrap().place.to_string();
        assert!(included.ends_with("members.json:2"), "{included}");
        let text = reader.read(&path("loop.json")).unwrap();
        assert!(parse(&text, &mut reader).unwrap_err().to_string().contains("include each other"));
    }
}
