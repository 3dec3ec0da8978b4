//! The types of options in `dhcpd.conf`, and their values as octets.

use lessor_core::OptionKind;

use crate::{
    declaring,
    option_value::{self, Item},
};

use super::grammar::Token;

/// What a value consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A value of this kind.
    Kind(OptionKind),
    /// The options of a space.
    Space(String),
    /// Something else, and why it is not carried.
    Other(String),
}

impl Form {
    /// Reads a type.
    pub(super) fn read(kind: &[Token]) -> Self {
        let words: Vec<&str> = kind.iter().filter_map(Token::word).collect();
        match words.as_slice() {
            ["encapsulate", space] => Self::Space((*space).to_owned()),
            _ => read(kind).map_or_else(Self::Other, Self::Kind),
        }
    }

    /// The octets of a value.
    ///
    /// # Errors
    /// Returns what was wanted.
    pub(super) fn encode(&self, value: &[Token]) -> Result<Vec<u8>, String> {
        match self {
            Self::Kind(kind) => encode(kind, value),
            Self::Space(_) => encode(&OptionKind::Octets, value),
            Self::Other(why) => Err(why.clone()),
        }
    }
}

fn read(kind: &[Token]) -> Result<OptionKind, String> {
    if let [Token::Mark('{'), fields @ .., Token::Mark('}')] = kind {
        let fields = fields.split(|token| *token == Token::Mark(','));
        return declaring::record(fields.map(read).collect::<Result<_, _>>()?);
    }
    let words: Vec<&str> = kind.iter().filter_map(Token::word).collect();
    Ok(match words.as_slice() {
        ["array", "of", ..] => {
            let item = read(kind.get(2..).unwrap_or_default())?;
            OptionKind::list(item).map_err(|mistake| mistake.to_string())?
        }
        ["signed", "integer", width] => match *width {
            "8" => OptionKind::I8,
            "16" => OptionKind::I16,
            "32" => OptionKind::I32,
            width => return Err(format!("there are no integers of {width} bits")),
        },
        ["unsigned", "integer", width] | ["integer", width] => match *width {
            "8" => OptionKind::U8,
            "16" => OptionKind::U16,
            "32" => OptionKind::U32,
            width => return Err(format!("there are no integers of {width} bits")),
        },
        ["ip-address"] => OptionKind::Address,
        ["ip6-address"] => OptionKind::Ipv6Address,
        ["boolean"] => OptionKind::Flag,
        ["text"] => OptionKind::Text,
        ["string"] => OptionKind::Octets,
        ["domain-name"] => OptionKind::DomainName,
        ["domain-list", "compressed"] => OptionKind::DomainNames,
        ["domain-list"] => {
            OptionKind::list(OptionKind::DomainName).map_err(|mistake| mistake.to_string())?
        }
        words => return Err(format!("values of the type {:?} are not carried", words.join(" "))),
    })
}

fn encode(kind: &OptionKind, value: &[Token]) -> Result<Vec<u8>, String> {
    match (kind, value) {
        (OptionKind::Text | OptionKind::Octets, [Token::Quoted(octets)]) => Ok(octets.clone()),
        (OptionKind::List(_) | OptionKind::Record(_), _) => {
            // The fields of a record are separated by spaces, those of an array by commas.
            let tokens = value.iter().filter(|token| **token != Token::Mark(','));
            let items: Result<Vec<Item>, String> = tokens.map(item).collect();
            option_value::encode(kind, &items?)
        }
        _ => {
            let parts = value.split(|token| *token == Token::Mark(','));
            let items = parts.filter(|part| !part.is_empty()).map(part);
            option_value::encode(kind, &items.collect::<Result<Vec<Item>, String>>()?)
        }
    }
}

/// The only token of a part.
fn part(part: &[Token]) -> Result<Item, String> {
    match part {
        [token] => item(token),
        _ => Err("the value is an expression, and expressions are for policies".to_owned()),
    }
}

fn item(token: &Token) -> Result<Item, String> {
    let text = token.text().ok_or("the value is not text in UTF-8")?;
    Ok(match token {
        Token::Quoted(_) => Item::quoted(text),
        _ => Item::bare(text),
    })
}
