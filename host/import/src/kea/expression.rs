//! The expressions of Kea's classes, as conditions.
//!
//! Reads what a condition can say: comparisons of options, of sub-options of option 82, of the
//! hardware address, of the relay and of the interface with constants. Invariant: an expression is
//! a condition that means the same, or there is a reason why it is none.

use lessor_core::{option::code, relay};

use crate::{
    condition::{self, Condition, Data, Fact},
    expression::{Cursor, Expression, ExpressionToken, relay_sub_option},
    option_value,
    pattern::{self, Extent},
};

/// What an expression can refer to.
pub(super) trait Names {
    /// The code of an option.
    fn option(&self, name: &str) -> Option<u8>;

    /// The condition of a class that stands before.
    fn class(&self, name: &str) -> Option<Condition>;
}

/// Reads an expression.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn read(text: &str, names: &dyn Names) -> Result<Condition, String> {
    let tokens = tokens(text)?;
    Parser { cursor: Cursor::new(&tokens), names }.whole()
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A name, a number or an address.
    Word(String),
    Text(String),
    Mark(char),
    Equals,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' => {
                let inner = rest.get(1..).unwrap_or_default();
                let end = inner.find('\'').ok_or("a text in the expression does not end")?;
                (Token::Text(inner.get(..end).unwrap_or_default().to_owned()), end + 2)
            }
            '=' if rest.starts_with("==") => (Token::Equals, 2),
            '(' | ')' | '[' | ']' | ',' | '.' | '*' | '+' => (Token::Mark(first), 1),
            _ => {
                let is_word = |letter: char| {
                    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | ':')
                };
                let length = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
                if length == 0 {
                    return Err(format!("{first:?} in the expression is not known"));
                }
                (Token::Word(rest.get(..length).unwrap_or_default().to_owned()), length)
            }
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

struct Parser<'e> {
    cursor: Cursor<'e, Token>,
    names: &'e dyn Names,
}

impl<'e> Expression<'e> for Parser<'e> {
    type Token = Token;

    const TO_THE_END: Option<&'static str> = Some("all");
    const AND_BINDS_TIGHTER: bool = true;

    fn cursor(&mut self) -> &mut Cursor<'e, Token> {
        &mut self.cursor
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        if self.cursor.takes_word("member") {
            return self.member();
        }
        if self.cursor.takes_word("match") {
            return self.matching();
        }
        let data = self.data()?;
        if self.cursor.takes(&Token::Mark('.')) {
            self.cursor.expect(&Token::Word("exists".to_owned()))?;
            return data.exists();
        }
        self.cursor.expect(&Token::Equals)?;
        data.equals(self.data()?)
    }

    fn data(&mut self) -> Result<Data, String> {
        let constant = |octets: Vec<u8>| Ok(Data::Constant(octets));
        let word = match self.cursor.next()? {
            Token::Text(text) => return constant(text.into_bytes()),
            Token::Word(word) => word,
            token => return Err(format!("the expression has {token:?} instead of a value")),
        };
        match word.as_str() {
            "substring" => self.substring(),
            "option" => {
                let option = self.option()?;
                if option != code::RELAY_AGENT_INFORMATION || !self.is_behind_dot("option") {
                    return self.part(Fact::Option(option));
                }
                self.cursor.expect_mark('.')?;
                self.cursor.next()?;
                let sub_option = self.sub_option()?;
                self.part(Fact::RelaySubOption(sub_option))
            }
            "relay4" => {
                let sub_option = self.sub_option()?;
                self.part(Fact::RelaySubOption(sub_option))
            }
            "pkt4" => {
                self.cursor.expect_mark('.')?;
                match self.cursor.word()?.as_str() {
                    "mac" => Ok(Data::Address),
                    "giaddr" => Ok(Data::Fact(Fact::Relay)),
                    name => Err(format!("conditions do not know the field {name:?}")),
                }
            }
            "pkt" => {
                self.cursor.expect_mark('.')?;
                match self.cursor.word()?.as_str() {
                    "iface" => Ok(Data::Fact(Fact::Interface)),
                    name => Err(format!("conditions do not know the field {name:?}")),
                }
            }
            word => match option_value::hexadecimal_octets(word) {
                Some(octets) if word.starts_with("0x") => constant(octets),
                // The dots of an address are marks.
                _ => self.address(word).map(|address| Data::Constant(condition::relay(address))),
            },
        }
    }
}

impl ExpressionToken for Token {
    fn word(word: &str) -> Self {
        Self::Word(word.to_owned())
    }

    fn mark(mark: char) -> Self {
        Self::Mark(mark)
    }

    fn into_word(self) -> Result<String, Self> {
        match self {
            Self::Word(word) => Ok(word),
            token => Err(token),
        }
    }
}

impl Parser<'_> {
    fn member(&mut self) -> Result<Condition, String> {
        self.cursor.expect_mark('(')?;
        let name = self.text()?;
        self.cursor.expect_mark(')')?;
        if let Some(class) = of_vendor(&name) {
            return Ok(class);
        }
        let class = self.names.class(&name);
        class.ok_or_else(|| format!("the class {name:?} is not one that is carried before"))
    }

    /// `match('EXPRESSION', VALUE)`.
    fn matching(&mut self) -> Result<Condition, String> {
        self.cursor.expect_mark('(')?;
        let pattern = self.text()?;
        self.cursor.expect_mark(',')?;
        let data = self.data()?;
        self.cursor.expect_mark(')')?;
        pattern::read(&data, pattern.as_bytes(), Extent::Whole, false)
    }

    /// `[60]` or `[vendor-class-identifier]`.
    fn option(&mut self) -> Result<u8, String> {
        let name = self.in_brackets()?;
        let code = name.parse().ok().or_else(|| self.names.option(&name));
        code.ok_or_else(|| format!("no option is named {name:?}"))
    }

    fn sub_option(&mut self) -> Result<u8, String> {
        let name = self.in_brackets()?;
        match (name.as_str(), name.parse()) {
            (_, Ok(code)) => Ok(code),
            ("agent-circuit-id", _) => Ok(relay::CIRCUIT_ID),
            ("agent-remote-id", _) => Ok(relay::REMOTE_ID),
            (name, _) => relay_sub_option(name),
        }
    }

    fn in_brackets(&mut self) -> Result<String, String> {
        self.cursor.expect_mark('[')?;
        let name = self.cursor.word()?;
        self.cursor.expect_mark(']')?;
        Ok(name)
    }

    /// A part with the form in which it is read, unless `.exists` follows.
    fn part(&mut self, fact: Fact) -> Result<Data, String> {
        if self.is_behind_dot("hex") || self.is_behind_dot("text") {
            self.cursor.next()?;
            self.cursor.next()?;
        } else if !self.is_behind_dot("exists") {
            return Err("sub-options of options are not compared".to_owned());
        }
        Ok(Data::Fact(fact))
    }

    fn address(&mut self, first: &str) -> Result<std::net::Ipv4Addr, String> {
        let mut text = first.to_owned();
        while first.parse::<u8>().is_ok() && self.cursor.takes(&Token::Mark('.')) {
            text = format!("{text}.{}", self.cursor.word()?);
        }
        text.parse().map_err(|_| format!("conditions do not know {first:?}"))
    }

    fn is_behind_dot(&self, word: &str) -> bool {
        matches!(self.cursor.rest(), [Token::Mark('.'), Token::Word(found), ..] if found == word)
    }

    fn text(&mut self) -> Result<String, String> {
        match self.cursor.next()? {
            Token::Text(text) => Ok(text),
            token => Err(format!("the expression has {token:?} instead of a text")),
        }
    }
}

/// The class that every client with a vendor class is in.
pub(super) fn of_vendor(name: &str) -> Option<Condition> {
    let vendor = Data::Fact(Fact::Option(code::VENDOR_CLASS));
    let value = name.strip_prefix("VENDOR_CLASS_").filter(|value| !value.is_empty())?;
    vendor.equals(Data::Constant(value.as_bytes().to_vec())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{condition::Comparison, option_names};

    struct Some;

    impl Names for Some {
        fn option(&self, name: &str) -> Option<u8> {
            option_names::kea(name).map(|(code, _)| code)
        }

        fn class(&self, name: &str) -> Option<Condition> {
            (name == "phones").then(|| test(60, Comparison::Present))
        }
    }

    fn test(option: u8, comparison: Comparison) -> Condition {
        Condition::Test(Fact::Option(option), comparison)
    }

    #[test]
    fn expressions_are_conditions() {
        let equals = |text: &str| Comparison::Equals(text.as_bytes().to_vec());
        let starts = |octets: &[u8]| Comparison::StartsWith(octets.to_vec());
        for (text, wanted) in [
            ("substring(option[60].hex,0,6) == 'Aastra'", test(60, starts(b"Aastra"))),
            ("option[vendor-class-identifier].text == 'x'", test(60, equals("x"))),
            ("'x' == option[60].text", test(60, equals("x"))),
            ("option[93].hex == 0x0007", test(93, Comparison::Equals(vec![0, 7]))),
            ("option[12].exists", test(12, Comparison::Present)),
            ("relay4[2].hex == 'onu'", Condition::Test(Fact::RelaySubOption(2), equals("onu"))),
            (
                "option[82].option[1].exists",
                Condition::Test(Fact::RelaySubOption(1), Comparison::Present),
            ),
            (
                "substring(pkt4.mac, 0, 3) == 0x0004f2",
                Condition::Test(Fact::HardwareAddress, starts(&[1, 0, 4, 0xf2])),
            ),
            (
                "pkt4.giaddr == 10.64.0.1",
                Condition::Test(Fact::Relay, Comparison::Equals(vec![10, 64, 0, 1])),
            ),
            ("pkt4.giaddr == 0.0.0.0", Condition::Test(Fact::Relay, Comparison::Present).not()),
            ("pkt.iface == 'eth1'", Condition::Test(Fact::Interface, equals("eth1"))),
            ("match('Aastra.*', option[60].text)", test(60, starts(b"Aastra"))),
            ("match('x', option[60].text)", test(60, equals("x"))),
            ("not member('phones')", test(60, Comparison::Present).not()),
            ("member('VENDOR_CLASS_docsis3.0')", test(60, equals("docsis3.0"))),
            (
                "option[60].exists and not (option[12].exists or option[77].exists)",
                Condition::All(vec![
                    test(60, Comparison::Present),
                    Condition::Any(vec![
                        test(12, Comparison::Present),
                        test(77, Comparison::Present),
                    ])
                    .not(),
                ]),
            ),
        ] {
            assert_eq!(read(text, &Some), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn other_expressions_are_not_carried() {
        let deep = format!("{}option[60].exists", "not ".repeat(40));
        for text in [
            "",
            "member('KNOWN')",
            "match('.*Aastra', option[60].text)",
            "match(option[60].text, 'x')",
            "match('x', option[60].text",
            "member('UNKNOWN')",
            "substring(option[60].hex,3,6) == 'Aastra'",
            "substring(option[60].hex,0,3) == 'Aastra'",
            "option[60].hex == option[77].hex",
            "'a' == 'a'",
            "option[zebra].exists",
            "option[43].option[1].exists",
            "vendor[4491].exists",
            "pkt4.hlen == 6",
            "concat('a', 'b') == option[60].hex",
            "option[60].exists and",
            "option[60].exists option[77].exists",
            "option[60].hex == 'Aastra",
            "(option[60].exists",
            "option[60].hex != 'x'",
            &deep,
        ] {
            assert!(read(text, &Some).is_err(), "{text}");
        }
    }
}
