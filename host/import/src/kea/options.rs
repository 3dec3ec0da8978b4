//! Options of Kea: definitions and data.

use lessor_core::OptionKind;

use crate::{
    model::Options,
    option_names,
    option_value::{self, Item},
    place::Refusal,
    report::Report,
};

use super::json::Node;

/// The option spaces of DHCPv4 itself.
const SPACE: &str = "dhcp4";

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
    /// One of these, or a list of them.
    Kind(OptionKind),
    /// A number of so many octets.
    Integer(usize),
    /// Numbers of so many octets.
    Integers(usize),
    /// One field after the other.
    Record(Vec<Form>),
}

/// All options that the configuration defines.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions(Vec<Definition>);

impl Definitions {
    /// Reads `option-def`.
    pub(super) fn read(&mut self, node: &Node, report: &mut Report) -> Result<(), Refusal> {
        let list = node.list().ok_or_else(|| {
            node.place.refuse("`option-def` is not a list", "write a list of definitions")
        })?;
        for item in list {
            match Definition::read(item) {
                Ok(definition) => {
                    self.0.push(definition);
                    report.carried(&item.place, &item.shown());
                }
                Err(why) => report.not_carried(&item.place, &item.shown(), why),
            }
        }
        Ok(())
    }

    /// Reads `option-data`.
    pub(super) fn options(
        &self,
        node: &Node,
        options: &mut Options,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        let list = node.list().ok_or_else(|| {
            node.place.refuse("`option-data` is not a list", "write a list of options")
        })?;
        for item in list {
            let statement = item.shown();
            let set = self
                .encoded(item)
                .and_then(|(code, octets)| option_value::set(options, code, octets));
            let is_always_sent = item.get("always-send").and_then(Node::flag) == Some(true);
            match set {
                Err(why) => report.not_carried(&item.place, &statement, why),
                Ok(()) if is_always_sent => {
                    report.changed(&item.place, &statement, "sent to clients that ask for it");
                }
                Ok(()) => {
                    report.carried(&item.place, &statement);
                }
            }
        }
        Ok(())
    }

    fn encoded(&self, item: &Node) -> Result<(u8, Vec<u8>), String> {
        if let Some(space) = item.get("space").and_then(Node::text).filter(|name| *name != SPACE) {
            return Err(format!("options of the space {space:?} are not carried"));
        }
        if item.get("client-classes").is_some() {
            return Err("options for classes are for policies: see docs/policies.md".to_owned());
        }
        if item.get("never-send").and_then(Node::flag) == Some(true) {
            return Err("an option is left out by not writing it".to_owned());
        }
        let name = item.get("name").and_then(Node::text);
        let number = item.get("code").and_then(Node::number::<u8>);
        let (code, form) = self.find(name, number)?;
        let data = item.get("data").and_then(Node::text).unwrap_or_default();
        let is_csv = item.get("csv-format").and_then(Node::flag);
        let is_hexadecimal = data.starts_with("0x") || data.starts_with("0X");
        let octets = match form.filter(|_| is_csv.unwrap_or(!is_hexadecimal)) {
            Some(form) => form.encode(&values(data))?,
            None => hexadecimal(data)?,
        };
        Ok((code, octets))
    }

    fn find(&self, name: Option<&str>, number: Option<u8>) -> Result<(u8, Option<Form>), String> {
        let defined = self.0.iter().find(|definition| {
            name.map_or(Some(definition.code) == number, |name| definition.name == name)
        });
        if let Some(defined) = defined {
            return Ok((defined.code, Some(defined.form.clone())));
        }
        match (name, number) {
            (Some(name), number) => match option_names::isc(name) {
                Some((code, kind)) => Ok((code, Some(Form::Kind(kind)))),
                None => match number {
                    Some(code) => Ok((code, option_names::kind(code).map(Form::Kind))),
                    None => Err(format!("no option is named {name:?}")),
                },
            },
            (None, Some(code)) => Ok((code, option_names::kind(code).map(Form::Kind))),
            (None, None) => Err("it has neither a name nor a code".to_owned()),
        }
    }
}

impl Definition {
    fn read(item: &Node) -> Result<Self, String> {
        let text = |key| item.get(key).and_then(Node::text);
        if let Some(space) = text("space").filter(|space| *space != SPACE) {
            return Err(format!("options of the space {space:?} are not carried"));
        }
        if let Some(space) = text("encapsulate").filter(|space| !space.is_empty()) {
            return Err(format!("options that contain the space {space:?} are not carried"));
        }
        let name = text("name").ok_or("it has no name")?.to_owned();
        let code = item.get("code").and_then(Node::number::<u8>).ok_or("it has no code")?;
        let is_array = item.get("array").and_then(Node::flag) == Some(true);
        let form = match text("type").unwrap_or_default() {
            "record" => {
                let types = text("record-types").ok_or("it has no record-types")?;
                let forms = types.split(',').map(|kind| Form::read(kind.trim(), false));
                Form::Record(forms.collect::<Result<_, _>>()?)
            }
            kind => Form::read(kind, is_array)?,
        };
        Ok(Self { name, code, form })
    }
}

impl Form {
    fn read(kind: &str, is_array: bool) -> Result<Self, String> {
        let integer =
            |length| if is_array { Self::Integers(length) } else { Self::Integer(length) };
        Ok(match kind {
            "uint8" | "int8" => integer(1),
            "uint16" | "int16" => integer(2),
            "uint32" | "int32" => integer(4),
            "ipv4-address" => Self::Kind(OptionKind::Addresses),
            "boolean" => Self::Kind(OptionKind::Flag),
            "string" => Self::Kind(OptionKind::Text),
            "binary" | "empty" => Self::Kind(OptionKind::Octets),
            "fqdn" => Self::Kind(OptionKind::DomainNames),
            kind => return Err(format!("values of the type {kind:?} are not carried")),
        })
    }

    fn encode(&self, values: &[String]) -> Result<Vec<u8>, String> {
        let items = || values.iter().map(Item::bare).collect::<Vec<Item>>();
        match self {
            Self::Kind(OptionKind::Text) => Ok(values.join(",").into_bytes()),
            Self::Kind(OptionKind::Octets) => hexadecimal(&values.concat()),
            Self::Kind(kind) => option_value::encode(*kind, &items()),
            Self::Integer(length) => match values {
                [value] => option_value::integer(value, *length),
                values => Err(format!("the option takes one number; found {}", values.len())),
            },
            Self::Integers(length) => {
                let octets = values.iter().map(|value| option_value::integer(value, *length));
                Ok(octets.collect::<Result<Vec<_>, _>>()?.concat())
            }
            Self::Record(forms) if forms.len() == values.len() => {
                let fields = forms.iter().zip(values.chunks(1));
                let octets = fields.map(|(form, value)| form.encode(value));
                Ok(octets.collect::<Result<Vec<_>, _>>()?.concat())
            }
            Self::Record(forms) => {
                Err(format!("the option takes {} values; found {}", forms.len(), values.len()))
            }
        }
    }
}

/// The values between commas; `\,` is a comma of a value.
fn values(data: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut letters = data.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&',') => {
                letters.next();
                values.last_mut().into_iter().for_each(|value| value.push(','));
            }
            ',' => values.push(String::new()),
            letter => values.last_mut().into_iter().for_each(|value| value.push(letter)),
        }
    }
    values.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}

/// Data that is not comma-separated: hexadecimal digits, or a text in single quotes.
fn hexadecimal(data: &str) -> Result<Vec<u8>, String> {
    if let Some(text) = data.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Ok(text.as_bytes().to_vec());
    }
    let digits: String = data.chars().filter(|letter| *letter != ' ').collect();
    let octets = option_value::hexadecimal_octets(&digits);
    octets.ok_or_else(|| format!("{data:?} are not hexadecimal digits"))
}
