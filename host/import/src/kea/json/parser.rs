//! Reads JSON as Kea writes it.
//!
//! Invariant: any text is a value or a refusal with its line, within [`DEPTH_MAX`] and the limits
//! of the [`Reader`].

use super::{Member, Node, Value};
use crate::{
    input::{Reader, Text, beside},
    place::{Place, Refusal},
};

/// How deeply lists and objects may be nested. Kea's own configurations need eight.
const DEPTH_MAX: usize = 32;
/// The maximum number of members of an object.
const MEMBERS_MAX: usize = 500;

/// Parses a file, and what it includes.
///
/// # Errors
/// Refuses what is not JSON.
pub(in crate::kea) fn parse(text: &Text, reader: &mut Reader) -> Result<Node, Refusal> {
    let mut nested = 0;
    parse_at(text, reader, &mut nested, 0)
}

fn parse_at(
    text: &Text,
    reader: &mut Reader,
    nested: &mut usize,
    depth: usize,
) -> Result<Node, Refusal> {
    let mut parser = Parser { text, rest: &text.contents, line: 1, reader, nested: *nested, depth };
    parser.skip()?;
    let node = parser.value()?;
    parser.skip()?;
    match parser.rest.chars().next() {
        None => Ok(node),
        Some(found) => Err(parser.refuse(
            format!("{found:?} follows the end of the value"),
            "a file has one value; remove what follows",
        )),
    }
}

struct Parser<'t, 'r> {
    text: &'t Text,
    rest: &'t str,
    line: usize,
    reader: &'r mut Reader,
    /// How deep the current value is.
    nested: usize,
    /// How many includes deep the file is.
    depth: usize,
}

impl Parser<'_, '_> {
    fn place(&self) -> Place {
        self.text.place(self.line)
    }

    fn refuse(&self, found: impl Into<String>, help: &str) -> Refusal {
        self.place().refuse(found, help)
    }

    fn cut_off(&self, wanted: &str) -> Refusal {
        self.refuse(format!("the file ends where {wanted} was wanted"), "complete the file")
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn advance(&mut self, octets: usize) {
        let (skipped, rest) = self.rest.split_at_checked(octets).unwrap_or((self.rest, ""));
        self.line += skipped.bytes().filter(|octet| *octet == b'\n').count();
        self.rest = rest;
    }

    fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest.starts_with(prefix);
        if found {
            self.advance(prefix.len());
        }
        found
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), Refusal> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            if self.rest.starts_with('#') || self.rest.starts_with("//") {
                let line = self.rest.find('\n').unwrap_or(self.rest.len());
                self.advance(line);
            } else if self.rest.starts_with("/*") {
                match self.rest.find("*/") {
                    Some(end) => self.advance(end + 2),
                    None => {
                        return Err(self.refuse("the comment does not end", "write */ behind it"));
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self) -> Result<Node, Refusal> {
        let place = self.place();
        let value = match self.peek() {
            None => return Err(self.cut_off("a value")),
            Some('{') => self.object()?,
            Some('[') => self.list()?,
            Some('"') => Value::Text(self.string()?),
            Some('<') => {
                let included = self.included()?;
                let mut nested = self.nested + 1;
                return parse_at(&included, self.reader, &mut nested, self.depth + 1);
            }
            Some(_) => self.word()?,
        };
        Ok(Node { place, value })
    }

    /// The file of `<?include "file"?>`.
    fn included(&mut self) -> Result<Text, Refusal> {
        let place = self.place();
        let wanted = "wanted <?include \"file\"?>";
        if !self.take("<?include") {
            return Err(self.refuse("`<` begins no value", wanted));
        }
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.advance(blank);
        let name = self.string()?;
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.advance(blank);
        if !self.take("?>") {
            return Err(self.refuse("the include does not end", wanted));
        }
        if self.nested >= DEPTH_MAX {
            return Err(self.too_deep());
        }
        self.reader.include(&beside(self.text, &name), &place, self.depth + 1)
    }

    fn too_deep(&self) -> Refusal {
        let found = format!("values are nested more than {DEPTH_MAX} deep");
        self.refuse(found, "no configuration of Kea is; check the file")
    }

    fn enter(&mut self) -> Result<(), Refusal> {
        self.nested += 1;
        if self.nested > DEPTH_MAX {
            return Err(self.too_deep());
        }
        self.advance(1);
        self.skip()
    }

    fn list(&mut self) -> Result<Value, Refusal> {
        self.enter()?;
        let mut items = Vec::new();
        while !self.ends(']')? {
            items.push(self.value()?);
            self.separate(']')?;
        }
        Ok(Value::List(items))
    }

    fn object(&mut self) -> Result<Value, Refusal> {
        self.enter()?;
        let mut members: Vec<Member> = Vec::new();
        while !self.ends('}')? {
            if self.peek() == Some('<') {
                self.include_members(&mut members)?;
                self.separate('}')?;
                continue;
            }
            let place = self.place();
            if self.peek() != Some('"') {
                return Err(self.refuse("this is not a key", "write keys in double quotes"));
            }
            let key = self.string()?;
            self.skip()?;
            if !self.take(":") {
                let found = format!("no colon follows the key {key:?}");
                return Err(self.refuse(found, "write a colon between key and value"));
            }
            self.skip()?;
            let node = self.value()?;
            add(&mut members, Member { key, place, node })?;
            self.separate('}')?;
        }
        Ok(Value::Object(members))
    }

    /// Reads a file with members of the current object.
    fn include_members(&mut self, members: &mut Vec<Member>) -> Result<(), Refusal> {
        let included = self.included()?;
        let line = included.place(1);
        let contents = format!("{{{}\n}}", included.contents);
        let whole = Text { contents, ..included };
        let mut nested = self.nested;
        let node = parse_at(&whole, self.reader, &mut nested, self.depth + 1)?;
        let Value::Object(included) = node.value else {
            return Err(line.refuse("the file has no members of an object", "check the include"));
        };
        included.into_iter().try_for_each(|member| add(members, member))
    }

    fn ends(&mut self, bracket: char) -> Result<bool, Refusal> {
        match self.peek() {
            None => Err(self.cut_off(&format!("`{bracket}`"))),
            Some(found) if found == bracket => {
                self.nested -= 1;
                self.advance(1);
                Ok(true)
            }
            Some(_) => Ok(false),
        }
    }

    fn separate(&mut self, bracket: char) -> Result<(), Refusal> {
        self.skip()?;
        if self.take(",") {
            return self.skip();
        }
        match self.peek() {
            None => Err(self.cut_off(&format!("`{bracket}`"))),
            Some(found) if found == bracket => Ok(()),
            Some(found) => {
                Err(self
                    .refuse(format!("{found:?} follows a value"), "write a comma between values"))
            }
        }
    }

    fn word(&mut self) -> Result<Value, Refusal> {
        let end = self.rest.find(|letter: char| !is_of_word(letter)).unwrap_or(self.rest.len());
        let word = self.rest.get(..end).unwrap_or_default();
        let value = match word {
            "true" => Value::Flag(true),
            "false" => Value::Flag(false),
            "null" => Value::Null,
            word if word.parse::<f64>().is_ok_and(f64::is_finite) => Value::Number(word.to_owned()),
            word => {
                let found = crate::place::shown(if word.is_empty() { self.rest } else { word }, 20);
                return Err(self.refuse(format!("{found:?} is no value"), "write a JSON value"));
            }
        };
        self.advance(end);
        Ok(value)
    }

    fn string(&mut self) -> Result<String, Refusal> {
        if !self.rest.starts_with('"') {
            return Err(self.refuse("this is not a text", "write it in double quotes"));
        }
        self.advance(1);
        let mut text = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.advance(at + 1);
                    return Ok(text);
                }
                '\n' => break,
                '\\' => {
                    let escape = letters.next().map(|(_, escape)| escape);
                    let plain = match escape {
                        Some('n') => '\n',
                        Some('t') => '\t',
                        Some('r') => '\r',
                        Some('b') => '\u{8}',
                        Some('f') => '\u{c}',
                        Some('u') => {
                            let mut digits = || letters.next().and_then(|(_, d)| d.to_digit(16));
                            let code = (0..4).try_fold(0, |code, _| Some(code * 16 + digits()?));
                            match code.and_then(char::from_u32) {
                                Some(letter) => letter,
                                None => break,
                            }
                        }
                        Some(plain @ ('"' | '\\' | '/')) => plain,
                        _ => break,
                    };
                    text.push(plain);
                }
                letter => text.push(letter),
            }
        }
        Err(self.refuse("the text does not end", "write a double quote behind it, on its line"))
    }
}

fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '+' | '.')
}

fn add(members: &mut Vec<Member>, member: Member) -> Result<(), Refusal> {
    if let Some(first) = members.iter().find(|known| known.key == member.key) {
        let found = format!("{:?} is there twice; the first is {}", member.key, first.place);
        return Err(member.place.refuse(found, "remove one of them"));
    }
    if members.len() >= MEMBERS_MAX {
        let found = format!("an object has more than {MEMBERS_MAX} members");
        return Err(member.place.refuse(found, "no configuration of Kea has; check the file"));
    }
    members.push(member);
    Ok(())
}
