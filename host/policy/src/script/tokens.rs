//! The tokens of a script: words, texts and signs, as far as both languages have them in common.

/// A piece of a script's text.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// The word, the sign, or the content of a text.
    pub(super) text: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// The column in characters, from 1.
    pub(super) column: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    Text,
    Sign,
}

/// Signs of more than one character that must not be read as `=` or `?`.
const LONG_SIGNS: [&str; 14] =
    ["===", "!==", "??=", "==", "!=", "<=", ">=", "=>", "+=", "-=", "??", "?.", "||", "&&"];

/// Words after which a slash begins a regular expression in JavaScript.
const BEFORE_PATTERNS: [&str; 4] = ["return", "typeof", "case", "in"];

/// The tokens of a script, without comments.
pub(super) fn tokens(text: &str, is_javascript: bool) -> Vec<Token> {
    let mut scanner = Scanner { rest: text, line: 1, column: 1 };
    let mut tokens: Vec<Token> = Vec::new();
    while let Some(letter) = scanner.rest.chars().next() {
        let (line, column) = (scanner.line, scanner.column);
        let (kind, text) = if letter.is_whitespace() {
            scanner.take(letter.len_utf8());
            continue;
        } else if scanner.rest.starts_with("//") {
            scanner.take(scanner.rest.find('\n').unwrap_or(scanner.rest.len()));
            continue;
        } else if scanner.rest.starts_with("/*") {
            scanner.take(scanner.rest.find("*/").map_or(scanner.rest.len(), |end| end + 2));
            continue;
        } else if is_part_of_word(letter) {
            let end = scanner.rest.find(|letter| !is_part_of_word(letter));
            (TokenKind::Word, scanner.take(end.unwrap_or(scanner.rest.len())).to_owned())
        } else if matches!(letter, '"' | '\'' | '`') {
            match scanner.quoted(letter) {
                Some(text) => (TokenKind::Text, text),
                None => (TokenKind::Sign, letter.to_string()),
            }
        } else if letter == '/' && is_javascript && begins_pattern(tokens.last()) {
            scanner.pattern();
            (TokenKind::Sign, "/".to_owned())
        } else {
            let long = LONG_SIGNS.iter().find(|sign| scanner.rest.starts_with(**sign));
            let length = long.map_or(letter.len_utf8(), |sign| sign.len());
            (TokenKind::Sign, scanner.take(length).to_owned())
        };
        tokens.push(Token { kind, text, line, column });
    }
    tokens
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

impl<'a> Scanner<'a> {
    /// Takes this many octets, which must end at a character boundary.
    fn take(&mut self, octets: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(octets).unwrap_or((self.rest, ""));
        for letter in taken.chars() {
            match letter {
                '\n' => (self.line, self.column) = (self.line + 1, 1),
                _ => self.column += 1,
            }
        }
        self.rest = rest;
        taken
    }

    /// The content of a quoted text; `None` if it is a template with substitutions.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut said = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => said.extend(letters.next().map(|(_, escaped)| escaped)),
                _ if letter == quote => {
                    end = at + quote.len_utf8();
                    break;
                }
                '\n' if quote != '`' => {
                    // This is not a quotation mark but a lifetime or an apostrophe.
                    end = at;
                    break;
                }
                _ => said.push(letter),
            }
        }
        self.take(end);
        (quote != '`' || !said.contains("${")).then_some(said)
    }

    /// Skips a regular expression such as `/^olt[0-9]/`.
    fn pattern(&mut self) {
        let mut is_class = false;
        let mut letters = self.rest.char_indices().skip(1);
        let mut end = 1;
        while let Some((at, letter)) = letters.next() {
            end = at + letter.len_utf8();
            match letter {
                '\\' => drop(letters.next()),
                '[' => is_class = true,
                ']' => is_class = false,
                '/' if !is_class => break,
                '\n' => break,
                _ => {}
            }
        }
        self.take(end);
    }
}

fn is_part_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// Whether a slash after this token begins a regular expression rather than being a division.
fn begins_pattern(before: Option<&Token>) -> bool {
    before.is_none_or(|token| match token.kind {
        TokenKind::Word => BEFORE_PATTERNS.contains(&token.text.as_str()),
        TokenKind::Text => false,
        TokenKind::Sign => !matches!(token.text.as_str(), ")" | "]" | "}"),
    })
}
