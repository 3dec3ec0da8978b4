//! The expressions of `dhcpd.conf`, as conditions.
//!
//! Reads what a condition can say: comparisons of options, of sub-options of option 82 and of the
//! hardware address with constants. Invariant: an expression is a condition that means the same, or
//! there is a reason why it is none.

use crate::{
    condition::{Condition, Data, Fact},
    expression::{Cursor, Expression, ExpressionToken, relay_sub_option},
    option_value,
    pattern::{self, Extent},
};

use super::{
    definitions::{Definitions, SPACE, split},
    grammar::Token,
    word::Word,
};

/// Reads an expression that is true or false.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn read(tokens: &[Token], definitions: &Definitions) -> Result<Condition, String> {
    Parser { cursor: Cursor::new(tokens), definitions }.whole()
}

/// Reads an expression with a value.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn read_data(tokens: &[Token], definitions: &Definitions) -> Result<Data, String> {
    let mut parser = Parser { cursor: Cursor::new(tokens), definitions };
    let data = parser.data()?;
    parser.cursor.ended().map(|()| data)
}

struct Parser<'e> {
    cursor: Cursor<'e, Token>,
    definitions: &'e Definitions,
}

impl<'e> Expression<'e> for Parser<'e> {
    type Token = Token;

    const TO_THE_END: Option<&'static str> = None;
    const AND_BINDS_TIGHTER: bool = false;

    fn cursor(&mut self) -> &mut Cursor<'e, Token> {
        &mut self.cursor
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        if self.cursor.takes_word("exists") {
            let name = self.cursor.word()?;
            return self.option(&name)?.exists();
        }
        let data = self.data()?;
        // The grammar treats `~=` and `~~` as separate words.
        let ignores_case = self.cursor.takes_word("~~");
        if ignores_case || self.cursor.takes_word("~") {
            if !ignores_case {
                self.cursor.expect_mark('=')?;
            }
            let Token::Quoted(pattern) = self.cursor.next()? else {
                return Err("the regular expression is not a text".to_owned());
            };
            return pattern::read(&data, &pattern, Extent::Part, ignores_case);
        }
        let is_unequal = self.cursor.takes_word("!");
        self.cursor.expect_mark('=')?;
        let equals = data.equals(self.data()?)?;
        Ok(if is_unequal { equals.not() } else { equals })
    }

    fn data(&mut self) -> Result<Data, String> {
        let word = match self.cursor.next()? {
            Token::Quoted(octets) => return Ok(Data::Constant(octets)),
            Token::Word(word) => word,
            Token::Mark(mark) => return Err(format!("conditions do not know {mark:?} here")),
        };
        match &*word {
            "hardware" => Ok(Data::Fact(Fact::HardwareAddress)),
            "option" => {
                let name = self.cursor.word()?;
                self.option(&name)
            }
            "substring" => self.substring(),
            "binary-to-ascii" => self.numbers(),
            word => match option_value::hexadecimal_octets(word) {
                // A number alone would be an integer.
                Some(octets) if word.contains(':') => Ok(Data::Constant(octets)),
                _ => Err(format!("conditions do not know {word:?}")),
            },
        }
    }
}

impl ExpressionToken for Token {
    fn word(word: &str) -> Self {
        Self::Word(Word::new(word))
    }

    fn mark(mark: char) -> Self {
        Self::Mark(mark)
    }

    fn into_word(self) -> Result<String, Self> {
        match self {
            Self::Word(word) => Ok((*word).to_owned()),
            token => Err(token),
        }
    }
}

impl Parser<'_> {
    /// `binary-to-ascii(16, 8, ":", DATA)`.
    fn numbers(&mut self) -> Result<Data, String> {
        self.cursor.expect_mark('(')?;
        let base = self.cursor.number()?;
        self.cursor.expect_mark(',')?;
        let width = self.cursor.number()?;
        self.cursor.expect_mark(',')?;
        let Token::Quoted(separator) = self.cursor.next()? else {
            return Err("the separator is not a text".to_owned());
        };
        let separator = String::from_utf8(separator).map_err(|error| error.to_string())?;
        self.cursor.expect_mark(',')?;
        let data = self.data()?;
        self.cursor.expect_mark(')')?;
        match (base, width, separator.as_str()) {
            (16, 8, separator) if !separator.is_empty() => {
                Ok(Data::Numbers(Box::new(data), separator.to_owned()))
            }
            _ => Err("only octets in hexadecimal are compared as text".to_owned()),
        }
    }

    fn option(&self, name: &str) -> Result<Data, String> {
        let (space, name) = split(name);
        if space == "agent" {
            return Ok(Data::Fact(Fact::RelaySubOption(relay_sub_option(name)?)));
        }
        if space != SPACE {
            return Err("sub-options of options are not compared".to_owned());
        }
        let (code, _) = self.definitions.find(space, name)?;
        Ok(Data::Fact(Fact::Option(code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{condition::Comparison, dhcpd::grammar::Parser as Statements, input::Text};

    fn read_text(expression: &str) -> Result<Condition, String> {
        let contents = format!("if {expression} {{ }}");
        let text = Text { name: "f".into(), contents };
        let statement = Statements::new(&text).all().unwrap().remove(0);
        read(statement.after(1), &Definitions::default())
    }

    #[test]
    fn expressions_are_conditions() {
        let test = |option: u8, comparison| Condition::Test(Fact::Option(option), comparison);
        let equals = |text: &str| Comparison::Equals(text.as_bytes().to_vec());
        let starts = |octets: &[u8]| Comparison::StartsWith(octets.to_vec());
        let maker = Condition::Test(Fact::HardwareAddress, starts(&[1, 0, 4, 0xf2]));
        let circuit = |comparison| Condition::Test(Fact::RelaySubOption(1), comparison);
        for (text, wanted) in [
            (
                "substring (option vendor-class-identifier, 0, 9) = \"PXEClient\"",
                test(60, starts(b"PXEClient")),
            ),
            ("option vendor-class-identifier = \"x\"", test(60, equals("x"))),
            ("option vendor-class-identifier != \"x\"", test(60, equals("x")).not()),
            ("option vendor-class-identifier ~= \"^stb\"", test(60, starts(b"stb"))),
            (
                "option host-name ~~ \"^tv$\"",
                Condition::Any(
                    ["TV", "Tv", "tV", "tv"].map(|name| test(12, equals(name))).to_vec(),
                ),
            ),
            ("binary-to-ascii(16, 8, \":\", hardware) ~= \"^1:0:4:f2:\"", maker.clone()),
            ("binary-to-ascii(16, 8, \":\", hardware) ~~ \"^1:0:4:F2:\"", maker.clone()),
            ("Exists User-Class", test(77, Comparison::Present)),
            ("not exists agent.circuit-id", circuit(Comparison::Present).not()),
            (
                "option agent.circuit-id = 00:04:00:64",
                circuit(Comparison::Equals(vec![0, 4, 0, 100])),
            ),
            ("substring(hardware, 1, 3) = 00:04:f2", maker.clone()),
            ("substring(hardware, 0, 4) = 1:0:4:f2", maker.clone()),
            ("binary-to-ascii(16, 8, \":\", substring(hardware, 1, 3)) = \"0:4:f2\"", maker),
            (
                "(exists user-class or exists host-name) and not exists vendor-class-identifier",
                Condition::All(vec![
                    Condition::Any(vec![
                        test(77, Comparison::Present),
                        test(12, Comparison::Present),
                    ]),
                    test(60, Comparison::Present).not(),
                ]),
            ),
        ] {
            assert_eq!(read_text(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn and_and_or_group_from_the_left() {
        let [a, b, c, d] = [77, 12, 60, 17]
            .map(|option| Condition::Test(Fact::Option(option), Comparison::Present));
        let names = ["user-class", "host-name", "vendor-class-identifier", "root-path"];
        let text = |joins: [&str; 3]| {
            let parts = names.iter().zip(["", joins[0], joins[1], joins[2]]);
            parts.map(|(name, join)| format!("{join} exists {name} ")).collect::<String>()
        };
        let all = |parts: &[&Condition]| Condition::All(parts.iter().copied().cloned().collect());
        let any = |parts: &[&Condition]| Condition::Any(parts.iter().copied().cloned().collect());
        for (joins, wanted) in [
            (["and", "and", "and"], all(&[&a, &b, &c, &d])),
            (["or", "and", "and"], all(&[&any(&[&a, &b]), &c, &d])),
            (["or", "or", "and"], all(&[&any(&[&a, &b, &c]), &d])),
            (["and", "or", "and"], all(&[&any(&[&all(&[&a, &b]), &c]), &d])),
        ] {
            assert_eq!(read_text(&text(joins)), Ok(wanted), "{joins:?}");
        }
        let inner = "exists user-class or (exists host-name and exists vendor-class-identifier)";
        assert_eq!(read_text(inner), Ok(any(&[&a, &all(&[&b, &c])])));
        // `not` is for one comparison.
        let not = "not exists user-class and exists host-name";
        assert_eq!(read_text(not), Ok(all(&[&a.clone().not(), &b])));
        let alternating = |times: usize| {
            "exists user-class and exists host-name or ".repeat(times) + "exists root-path"
        };
        assert!(read_text(&alternating(10)).is_ok());
        assert!(read_text(&alternating(20)).unwrap_err().contains("nested more than 32 times"));
        let beside = format!("({}) and ({})", alternating(10), alternating(10));
        assert!(read_text(&beside).is_ok());
    }

    #[test]
    fn other_expressions_are_not_carried() {
        let deep = format!("{}exists user-class", "not ".repeat(40));
        for text in [
            "known",
            "static",
            "option host-name ~= \"x\"",
            "option host-name ~= ^x",
            "option host-name ~= \"^(x\"",
            "option host-name ~ \"^x\"",
            "suffix(option host-name, 3) = \"lan\"",
            "lcase(option host-name) = \"x\"",
            "option user-class = option host-name",
            "substring(hardware, 2, 3) = 04:f2:00",
            "binary-to-ascii(10, 8, \".\", hardware) = \"1.2\"",
            "exists zebra",
            "exists acme.model",
            "option user-class",
            "option user-class = ",
            "binary-to-ascii(16, 8, \":\", substring(hardware, 1, 3)) = \"00:04:f2\"",
            "binary-to-ascii(16, 8, \":\", substring(hardware, 1, 3)) = \"0:4:F2\"",
            "binary-to-ascii(16, 8, \":\", hardware) ~= \"^1:00:\"",
            "packet(24, 4) = 0a:00:00:01",
            &deep,
        ] {
            assert!(read_text(text).is_err(), "{text}");
        }
    }
}
