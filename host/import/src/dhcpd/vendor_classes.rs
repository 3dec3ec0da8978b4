//! Classes that select an option space by the beginning of the vendor class.

use super::grammar::{Statement, Token};

/// A class of clients that get the options of a space in option 43.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VendorClass {
    /// How their vendor class begins.
    pub(super) beginning: String,
    /// The space.
    pub(super) space: String,
}

/// Reads a class; `None` if it does not select a space, or if it selects clients in another way.
pub(super) fn read(statement: &Statement) -> Option<VendorClass> {
    let block = statement.block.as_deref().filter(|_| statement.word(0) == Some("class"))?;
    let mut matches = block.iter().filter(|inner| inner.word(0) == Some("match"));
    let condition = matches.next().filter(|_| matches.next().is_none())?;
    let selects = block.iter().find(|inner| inner.word(0) == Some("vendor-option-space"))?;
    let space = selects.word(1)?.to_owned();
    Some(VendorClass { beginning: beginning(condition.after(1))?, space })
}

/// The text in `if substring(option vendor-class-identifier, 0, 4) = "text"`.
fn beginning(condition: &[Token]) -> Option<String> {
    let [
        Token::Word(first),
        Token::Word(function),
        Token::Mark('('),
        Token::Word(option),
        Token::Word(name),
        Token::Mark(','),
        Token::Word(start),
        Token::Mark(','),
        Token::Word(length),
        Token::Mark(')'),
        Token::Mark('='),
        Token::Quoted(text),
    ] = condition
    else {
        return None;
    };
    let words = [first, function, option, name, start].map(|word| &**word);
    let is_beginning = words == ["if", "substring", "option", "vendor-class-identifier", "0"]
        && length.parse() == Ok(text.len());
    let text = String::from_utf8(text.clone()).ok().filter(|text| !text.is_empty());
    text.filter(|_| is_beginning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dhcpd::grammar::Parser, input::Text};

    fn read_class(block: &str) -> Option<VendorClass> {
        let contents = format!("class \"c\" {{ {block} vendor-option-space acme; }}");
        let text = Text { name: "f".into(), contents };
        read(&Parser::new(&text).all().unwrap()[0])
    }

    #[test]
    fn only_the_beginning_of_the_vendor_class_selects_a_vendor() {
        let class = "substring(option vendor-class-identifier, 0, 4) = \"ACME\"";
        let found = read_class(&format!("match if {class};")).unwrap();
        assert_eq!((found.beginning.as_str(), found.space.as_str()), ("ACME", "acme"));
        for other in [
            "",
            "match option vendor-class-identifier;",
            "match if option vendor-class-identifier = \"ACME\";",
            "match if substring(option vendor-class-identifier, 0, 5) = \"ACME\";",
            "match if substring(option vendor-class-identifier, 1, 4) = \"ACME\";",
            &format!("match if {class} and known;"),
            &format!("match if {class}; match hardware;"),
        ] {
            assert_eq!(read_class(other), None, "{other}");
        }
    }
}
