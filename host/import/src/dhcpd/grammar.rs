//! The grammar that `dhcpd.conf` and `dhcpd.leases` share: statements of words, which end with `;`
//! or a block of statements.
//!
//! Knows no statements. Invariant: the parser is total: any text is statements or a refusal with
//! its line.

use crate::{
    input::Text,
    place::{Place, Refusal},
};

use super::word::Word;

/// How deeply blocks may be nested.
const DEPTH_MAX: usize = 32;
/// The maximum number of words of a statement.
const WORDS_MAX: usize = 10_000;

/// A part of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// A text in quotes, as octets.
    Quoted(Vec<u8>),
    /// One of `,` `=` `(` `)` `{` `}`.
    Mark(char),
}

/// A statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) place: Place,
    pub(super) tokens: Vec<Token>,
    pub(super) block: Option<Vec<Statement>>,
}

impl Token {
    /// The word in small letters; `None` for a text in quotes.
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(&**word),
            _ => None,
        }
    }

    /// A word as it was written, or a text in quotes: for names and values.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.written().to_owned()),
            Self::Quoted(octets) => String::from_utf8(octets.clone()).ok(),
            Self::Mark(_) => None,
        }
    }
}

impl Statement {
    /// The word at a position, in small letters.
    pub(super) fn word(&self, position: usize) -> Option<&str> {
        self.tokens.get(position)?.word()
    }

    /// The words after the first `count`.
    pub(super) fn after(&self, count: usize) -> &[Token] {
        self.tokens.get(count..).unwrap_or_default()
    }

    /// The statement as it would be written on one line, for the report.
    pub(super) fn shown(&self) -> String {
        const TOKENS_MAX: usize = 40;
        let mut text = String::new();
        for token in self.tokens.iter().take(TOKENS_MAX) {
            let word = match token {
                Token::Word(word) => word.written().to_owned(),
                Token::Quoted(octets) => format!("{:?}", String::from_utf8_lossy(octets)),
                Token::Mark(mark) => mark.to_string(),
            };
            if !text.is_empty() && *token != Token::Mark(',') {
                text.push(' ');
            }
            text.push_str(&word);
        }
        match self.block {
            Some(_) => text + " {}",
            None => text + ";",
        }
    }

    /// The number of this statement and those in it.
    pub(super) fn size(&self) -> usize {
        1 + self.block.iter().flatten().map(Self::size).sum::<usize>()
    }
}

/// Parses a text.
#[derive(Clone, Debug)]
pub(super) struct Parser<'t> {
    text: &'t Text,
    rest: &'t str,
    line: usize,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t Text) -> Self {
        Self { text, rest: &text.contents, line: 1 }
    }

    /// Returns the next statement of the file; `None` at its end.
    ///
    /// # Errors
    /// Refuses what is not a statement.
    pub(super) fn next_statement(&mut self) -> Result<Option<Statement>, Refusal> {
        loop {
            match self.peek() {
                None => return Ok(None),
                Some(';') => self.advance(1),
                Some('}') => {
                    let place = self.place();
                    return Err(place.refuse("`}` ends no block", "remove it, or write its `{`"));
                }
                Some(_) => return self.statement(0).map(Some),
            }
        }
    }

    /// Returns every statement of the file.
    ///
    /// # Errors
    /// Refuses what is not a statement.
    pub(super) fn all(mut self) -> Result<Vec<Statement>, Refusal> {
        let mut statements = Vec::new();
        while let Some(statement) = self.next_statement()? {
            statements.push(statement);
        }
        Ok(statements)
    }

    fn place(&self) -> Place {
        self.text.place(self.line)
    }

    fn advance(&mut self, octets: usize) {
        let (skipped, rest) = self.rest.split_at_checked(octets).unwrap_or((self.rest, ""));
        self.line += skipped.bytes().filter(|octet| *octet == b'\n').count();
        self.rest = rest;
    }

    /// Skips white space and comments. Returns the next character.
    fn peek(&mut self) -> Option<char> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            if !self.rest.starts_with('#') {
                return self.rest.chars().next();
            }
            let line = self.rest.find('\n').unwrap_or(self.rest.len());
            self.advance(line);
        }
    }

    fn statement(&mut self, depth: usize) -> Result<Statement, Refusal> {
        self.peek();
        let place = self.place();
        let mut tokens = Vec::new();
        let cut_off = |place: &Place| {
            place.refuse("the file ends within this statement", "complete the file")
        };
        loop {
            if tokens.len() >= WORDS_MAX {
                let found = format!("the statement has more than {WORDS_MAX} words");
                return Err(place.refuse(found, "write a `;` behind each statement"));
            }
            match self.peek() {
                None => return Err(cut_off(&place)),
                Some(';') => {
                    self.advance(1);
                    return Ok(Statement { place, tokens, block: None });
                }
                Some('{') if begins_record(&tokens) => {
                    self.advance(1);
                    tokens.push(Token::Mark('{'));
                }
                Some('}') if tokens.contains(&Token::Mark('{')) => {
                    self.advance(1);
                    tokens.push(Token::Mark('}'));
                }
                Some('{') => {
                    self.advance(1);
                    let block = Some(self.block(&place, depth + 1)?);
                    return Ok(Statement { place, tokens, block });
                }
                Some('}') => {
                    let found = "the block ends within this statement";
                    return Err(place.refuse(found, "write a `;` behind the statement"));
                }
                Some(mark @ (',' | '=' | '(' | ')')) => {
                    self.advance(1);
                    tokens.push(Token::Mark(mark));
                }
                Some('"') => tokens.push(Token::Quoted(self.quoted()?)),
                Some(_) => {
                    let end = self.rest.find(ends_word).unwrap_or(self.rest.len());
                    tokens.push(Token::Word(Word::new(self.rest.get(..end).unwrap_or_default())));
                    self.advance(end);
                }
            }
        }
    }

    fn block(&mut self, opened: &Place, depth: usize) -> Result<Vec<Statement>, Refusal> {
        if depth > DEPTH_MAX {
            let found = format!("blocks are nested more than {DEPTH_MAX} deep");
            return Err(opened.refuse(found, "no configuration is; check the file"));
        }
        let mut statements = Vec::new();
        loop {
            match self.peek() {
                None => {
                    let found = "the file ends within this block";
                    return Err(opened.refuse(found, "complete the file with its `}`"));
                }
                Some('}') => {
                    self.advance(1);
                    return Ok(statements);
                }
                Some(';') => self.advance(1),
                Some(_) => statements.push(self.statement(depth)?),
            }
        }
    }

    /// Reads a text in quotes, with escapes.
    fn quoted(&mut self) -> Result<Vec<u8>, Refusal> {
        let place = self.place();
        let octets = self.rest.as_bytes();
        let mut text = Vec::new();
        let mut at = 1;
        let octet = |at: usize| octets.get(at).copied();
        while let Some(found) = octet(at) {
            at += 1;
            match found {
                b'"' => {
                    self.advance(at);
                    return Ok(text);
                }
                b'\\' => {
                    let Some(escape) = octet(at) else { break };
                    at += 1;
                    match escape {
                        b'n' => text.push(b'\n'),
                        b't' => text.push(b'\t'),
                        b'r' => text.push(b'\r'),
                        b'b' => text.push(8),
                        b'0'..=b'3' => {
                            let digits = octets.get(at - 1..at + 2).unwrap_or_default();
                            let octal = std::str::from_utf8(digits).ok();
                            let value = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
                            let Some(value) = value.filter(|_| digits.len() == 3) else {
                                return Err(place.refuse(
                                    "an escape in the text is not three octal digits",
                                    "write the octet as \\ooo",
                                ));
                            };
                            at += 2;
                            text.push(value);
                        }
                        b'x' => {
                            let digits = octets.get(at..at + 2).unwrap_or_default();
                            let digits = std::str::from_utf8(digits).ok();
                            let value = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
                            let Some(value) = value else {
                                return Err(place.refuse(
                                    "an escape in the text is not two hexadecimal digits",
                                    "write the octet as \\xhh",
                                ));
                            };
                            at += 2;
                            text.push(value);
                        }
                        plain => text.push(plain),
                    }
                }
                b'\n' => break,
                plain => text.push(plain),
            }
        }
        Err(place.refuse("the text does not end", "write a double quote behind it, on its line"))
    }
}

/// Whether a brace begins the fields of an option's definition and not a block.
fn begins_record(tokens: &[Token]) -> bool {
    let is_definition = tokens.first().and_then(Token::word) == Some("option");
    let last_word = tokens.last().and_then(Token::word);
    is_definition && (tokens.last() == Some(&Token::Mark('=')) || last_word == Some("of"))
}

fn ends_word(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, ';' | '{' | '}' | ',' | '=' | '(' | ')' | '"' | '#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(contents: &str) -> Result<Vec<Statement>, Refusal> {
        let text = Text { name: "dhcpd.conf".into(), contents: contents.to_owned() };
        Parser::new(&text).all()
    }

    #[test]
    fn statements_and_blocks_are_read_with_their_lines() {
        let read = read(
            "# c\noption a.b \"x\\\"y\\001\", 2; # d\nsubnet 192.0.2.0 netmask 255.0.0.0 {\n \
             pool { range 192.0.2.1; }\n}\noption z code 9 = { integer 8, text };\n\
             key \"k\" { secret abc==; };",
        )
        .unwrap();
        assert_eq!(read.len(), 4);
        assert_eq!(read[0].shown(), "option a.b \"x\\\"y\\u{1}\", 2;");
        let subnet = &read[1];
        assert_eq!((subnet.place.line(), subnet.size()), (3, 3));
        assert_eq!(subnet.shown(), "subnet 192.0.2.0 netmask 255.0.0.0 {}");
        assert!(read[2].block.is_none());
        assert_eq!(read[3].block.as_ref().unwrap().len(), 1);
    }

    #[test]
    fn words_have_no_case_but_texts_and_names_do() {
        let read = read("Option ACME.Fields Code 9 = { Integer 8 }; Host Ab \"Cd\" { Range X; }");
        let read = read.unwrap();
        assert_eq!((read[0].word(0), read[0].word(1)), (Some("option"), Some("acme.fields")));
        assert!(read[0].block.is_none(), "{:?}", read[0]);
        assert_eq!(read[0].shown(), "Option ACME.Fields Code 9 = { Integer 8 };");
        assert_eq!(read[1].tokens[1].text().as_deref(), Some("Ab"));
        assert_eq!(read[1].tokens[2], Token::Quoted(b"Cd".to_vec()));
        assert_eq!(read[1].block.as_ref().unwrap()[0].word(0), Some("range"));
    }

    #[test]
    fn what_is_no_statement_is_refused_with_its_line() {
        for (text, said) in [
            ("a;\nsubnet x {\n b;", "dhcpd.conf:2: the file ends within this block"),
            ("a\nb", "dhcpd.conf:1: the file ends within this statement"),
            ("a;\n}", "dhcpd.conf:2: `}` ends no block"),
            ("a { b }", "dhcpd.conf:1: the block ends within this statement"),
            ("a \"b\nc\";", "dhcpd.conf:1: the text does not end"),
            ("a \"\\9\"", "dhcpd.conf:1: the file ends within this statement"),
            ("a \"\\08\"", "dhcpd.conf:1: an escape"),
        ] {
            let refusal = read(text).unwrap_err().to_string();
            assert!(refusal.starts_with(said), "{text:?}: {refusal}");
        }
        let deep = "a {".repeat(100_000);
        assert!(read(&deep).unwrap_err().to_string().contains("more than 32 deep"));
        let long = "a ".repeat(20_000);
        assert!(read(&long).unwrap_err().to_string().contains("more than 10000 words"));
    }
}
