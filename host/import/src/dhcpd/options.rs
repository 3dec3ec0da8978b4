//! Options of `dhcpd.conf`: definitions and values.

use lessor_core::OptionKind;

use crate::{
    model::Options,
    option_names,
    option_value::{self, Item},
};

use super::grammar::{Statement, Token};

/// The option space of DHCPv4 itself.
const SPACE: &str = "dhcp.";

/// An option that the configuration defines.
#[derive(Clone, Debug)]
struct Definition {
    name: String,
    code: u8,
    form: Form,
}

/// What a value consists of.
#[derive(Clone, Debug)]
enum Form {
    Kind(OptionKind),
    Integer(usize),
    Array(Box<Form>),
    Record(Vec<Form>),
}

/// All options that the configuration defines.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions(Vec<Definition>);

/// Whether a statement defines an option or an option space.
pub(super) fn is_definition(statement: &Statement) -> bool {
    let is_option = statement.word(0) == Some("option");
    is_option && (statement.word(2) == Some("code") || statement.word(1) == Some("space"))
}

impl Definitions {
    /// Reads `option NAME code NUMBER = TYPE;`.
    ///
    /// # Errors
    /// Returns why it is not carried.
    pub(super) fn define(&mut self, statement: &Statement) -> Result<(), String> {
        if statement.word(1) == Some("space") {
            return Err("vendor spaces are not carried".to_owned());
        }
        let name = statement.word(1).unwrap_or_default();
        let name = name.strip_prefix(SPACE).unwrap_or(name);
        if name.contains('.') {
            return Err("vendor spaces are not carried".to_owned());
        }
        let code = statement.word(3).and_then(|code| code.parse::<u8>().ok());
        let code = code.ok_or("its code is not a number up to 254")?;
        let equals = statement.tokens.iter().position(|token| *token == Token::Mark('='));
        let kind = statement.after(equals.map_or(usize::MAX, |at| at + 1));
        let form = Form::read(kind)?;
        self.0.push(Definition { name: name.to_owned(), code, form });
        Ok(())
    }

    /// Reads `option NAME VALUE, …;` into `options`.
    ///
    /// # Errors
    /// Returns why it is not carried.
    pub(super) fn set(&self, statement: &Statement, options: &mut Options) -> Result<(), String> {
        let name = statement.word(1).unwrap_or_default();
        let name = name.strip_prefix(SPACE).unwrap_or(name);
        let value = statement.after(2);
        if value.first() == Some(&Token::Mark('=')) {
            return Err("expressions are for policies: see docs/policies.md".to_owned());
        }
        let defined = self.0.iter().find(|definition| definition.name == name);
        let (code, form) = match defined {
            Some(defined) => (defined.code, defined.form.clone()),
            None => match option_names::isc(name) {
                Some((code, kind)) => (code, Form::Kind(kind)),
                None if name.contains('.') => {
                    return Err("options of vendor spaces are not carried".to_owned());
                }
                None => return Err(format!("no option is named {name:?}")),
            },
        };
        option_value::set(options, code, form.encode(value)?)
    }
}

impl Form {
    fn read(kind: &[Token]) -> Result<Self, String> {
        if let [Token::Mark('{'), fields @ .., Token::Mark('}')] = kind {
            let fields = fields.split(|token| *token == Token::Mark(','));
            return Ok(Self::Record(fields.map(Self::read).collect::<Result<_, _>>()?));
        }
        let words: Vec<&str> = kind.iter().filter_map(Token::word).collect();
        Ok(match words.as_slice() {
            ["array", "of", ..] => Self::Array(Box::new(Self::read(kind.get(2..).unwrap_or(&[]))?)),
            ["signed" | "unsigned", "integer", width] | ["integer", width] => match *width {
                "8" => Self::Integer(1),
                "16" => Self::Integer(2),
                "32" => Self::Integer(4),
                width => return Err(format!("there are no integers of {width} bits")),
            },
            ["ip-address"] => Self::Kind(OptionKind::Address),
            ["boolean"] => Self::Kind(OptionKind::Flag),
            ["text"] => Self::Kind(OptionKind::Text),
            ["string"] => Self::Kind(OptionKind::Octets),
            ["domain-name"] | ["domain-list", ..] => Self::Kind(OptionKind::DomainNames),
            words => {
                return Err(format!("values of the type {:?} are not carried", words.join(" ")));
            }
        })
    }

    fn encode(&self, value: &[Token]) -> Result<Vec<u8>, String> {
        let parts = value.split(|token| *token == Token::Mark(',')).map(<[Token]>::to_vec);
        let parts: Vec<Vec<Token>> = parts.filter(|part| !part.is_empty()).collect();
        match self {
            Self::Kind(kind) => encode_kind(*kind, value, &parts),
            Self::Integer(length) => match parts.as_slice() {
                [part] => option_value::integer(&word(part)?, *length),
                parts => Err(format!("the option takes one number; found {}", parts.len())),
            },
            Self::Array(form) => {
                // The fields of records in an array are separated by spaces.
                let octets = parts.iter().map(|part| form.encode(part));
                Ok(octets.collect::<Result<Vec<_>, _>>()?.concat())
            }
            Self::Record(forms) => {
                let fields: Vec<&Token> = parts.iter().flatten().collect();
                if fields.len() != forms.len() {
                    let (wanted, found) = (forms.len(), fields.len());
                    return Err(format!("the option takes {wanted} values; found {found}"));
                }
                let octets = forms
                    .iter()
                    .zip(fields)
                    .map(|(form, field)| form.encode(std::slice::from_ref(field)));
                Ok(octets.collect::<Result<Vec<_>, _>>()?.concat())
            }
        }
    }
}

fn encode_kind(kind: OptionKind, value: &[Token], parts: &[Vec<Token>]) -> Result<Vec<u8>, String> {
    let quoted: Vec<u8> = value
        .iter()
        .filter_map(|token| match token {
            Token::Quoted(octets) => Some(octets.clone()),
            _ => None,
        })
        .collect::<Vec<_>>()
        .concat();
    match (kind, value) {
        (OptionKind::Text | OptionKind::Octets, [Token::Quoted(_)]) => Ok(quoted),
        (OptionKind::DomainNames, _) => {
            let names = parts.iter().map(|part| Ok(Item::bare(word(part)?)));
            option_value::domain_names(&names.collect::<Result<Vec<_>, String>>()?)
        }
        _ => {
            let items = parts.iter().map(|part| {
                let words: Option<Vec<String>> = part.iter().map(Token::text).collect();
                Ok(Item::bare(words.ok_or("the value is not text in UTF-8")?.join(" ")))
            });
            option_value::encode(kind, &items.collect::<Result<Vec<_>, String>>()?)
        }
    }
}

/// The only word of a part.
fn word(part: &[Token]) -> Result<String, String> {
    match part {
        [token] => token.text().ok_or_else(|| "the value is not text in UTF-8".to_owned()),
        _ => Err("the value is an expression, and expressions are for policies".to_owned()),
    }
}
