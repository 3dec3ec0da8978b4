//! Tables of options: by name or by number, each with a value of the option's type, or octets.

use std::{ops::Range, sync::Arc};

use lessor_core::{OptionDefinition, OptionKind, OptionSet, OptionValue, option::code};
pub use lessor_vocabulary::option::OPTION_OCTETS_MAX;
use lessor_vocabulary::{
    hexadecimal::HEX,
    option::{Unrecognised, is_reserved_for_engine},
    read::ValueWriter,
};

use crate::{
    collector::Collector,
    mistake::Draft,
    option_rules,
    reader::{Placed, Value},
};

/// The options of one table.
#[derive(Clone, Default)]
pub(crate) struct Options(Vec<(u8, Placed<Arc<OptionValue>>)>);

impl Options {
    /// Reads a table of options and reports mistakes. Any value may be written as octets.
    pub(crate) fn read(table: &Value) -> Self {
        Self::read_as(table, &CONFIGURED)
    }

    /// Reads a table of options as they may occur in a reply, except the server's own. Values are
    /// written as policies write them.
    pub(crate) fn read_lenient(table: &Value) -> Self {
        Self::read_as(table, &REPLIED)
    }

    /// Reads a table of options as clients send them. Values are written as policies write them.
    pub(crate) fn read_of_client(table: &Value) -> Self {
        Self::read_as(table, &OF_CLIENT)
    }

    fn read_as(table: &Value, rules: &Rules) -> Self {
        let wanted = "a table of options, such as { routers = [\"100.64.0.1\"] }";
        let mut options: Vec<(u8, Placed<Arc<OptionValue>>)> = Vec::new();
        let mut places: Vec<(u8, Range<usize>)> = Vec::new();
        for entry in table.entries(wanted) {
            let Some(code) = recognise(&entry.key, table.collector(), rules) else {
                continue;
            };
            if let Some((_, first)) = places.iter().find(|(found, _)| *found == code) {
                let draft = Draft::found(format!("option {code} is set twice"))
                    .wanted("the second time")
                    .related(first, "the first time")
                    .help("set each option once, by name or by number");
                table.collector().report(&entry.key.span, draft);
                continue;
            }
            places.push((code, entry.key.span.clone()));
            let read = table.collector().catalogue().value(&entry.value, code, rules.writer);
            if let Some(value) = read {
                if matches!(rules.writer, ValueWriter::Configuration) && !is_octets(&entry.value) {
                    option_rules::check(&entry.value, code, &value);
                }
                options.push((code, entry.value.place(Arc::new(value))));
            }
        }
        Self(options)
    }

    /// These options, and those of `defaults` that are not among them.
    pub(crate) fn or(mut self, defaults: &Self) -> Self {
        for (code, value) in &defaults.0 {
            if !self.0.iter().any(|(found, _)| found == code) {
                self.0.push((*code, value.clone()));
            }
        }
        self
    }

    /// These options without those for which `is_left_out` returns true.
    pub(crate) fn without(&self, is_left_out: impl Fn(u8) -> bool) -> Self {
        Self(self.0.iter().filter(|(code, _)| !is_left_out(*code)).cloned().collect())
    }

    /// The value of option `code`.
    pub(crate) fn get(&self, code: u8) -> Option<&Placed<Arc<OptionValue>>> {
        self.0.iter().find(|(found, _)| *found == code).map(|(_, value)| value)
    }

    /// The code and value of each option, in the order of the file.
    pub(crate) fn into_pairs(self) -> Vec<(u8, OptionValue)> {
        let value = |placed: Placed<Arc<OptionValue>>| Arc::unwrap_or_clone(placed.value);
        self.0.into_iter().map(|(code, placed)| (code, value(placed))).collect()
    }

    pub(crate) fn into_set(self) -> OptionSet {
        self.0.into_iter().map(|(code, placed)| (code, placed.value)).collect()
    }
}

/// Returns whether a value is written as octets.
fn is_octets(value: &Value) -> bool {
    value.as_text().is_some_and(|text| text.starts_with(HEX))
}

/// The code of an option that a text identifies by name or number.
pub(crate) fn recognise_code(value: &Value) -> Option<u8> {
    let name = value.text("the name or the number of an option")?;
    let key = Placed { value: name, span: value.span().clone() };
    recognise(&key, value.collector(), &ANY)
}

/// The code of an option that a client or a relay may send, by its name or number.
pub(crate) fn recognise_received(key: &Placed<&str>, collector: &Collector) -> Option<u8> {
    recognise(key, collector, &ANY)
}

/// The code of an option in `always-send` or `never-send`, by its name or number.
pub(crate) fn recognise_rule(value: &Value) -> Option<Placed<u8>> {
    const WANTED: &str = "the name or the number of an option, such as \"routers\"";
    let name = match value.integer() {
        Some(number) => number.to_string(),
        None => value.text(WANTED)?.to_owned(),
    };
    let key = Placed { value: name.as_str(), span: value.span().clone() };
    recognise(&key, value.collector(), &LISTED).map(|code| value.place(code))
}

/// The type of an option that a text identifies by name or number, if it can be configured. The
/// inner `Option` is `None` if only its number is known.
pub(crate) fn recognise_configured(
    collector: &Collector,
    name: &str,
    span: &Range<usize>,
) -> Option<Option<OptionKind>> {
    let key = Placed { value: name, span: span.clone() };
    let code = recognise(&key, collector, &CONFIGURED)?;
    Some(collector.catalogue().kind(code).cloned())
}

/// The options that a table may contain.
struct Rules {
    /// Why an option is not allowed and what to do instead, by its code.
    refused: fn(u8) -> Option<&'static str>,
    /// The verb phrase of the message about them.
    refusal: &'static str,
    /// Who writes the values.
    writer: ValueWriter,
}

static CONFIGURED: Rules = Rules {
    refused: |code| OptionDefinition::by_code(code)?.refused,
    refusal: "cannot be set in the configuration",
    writer: ValueWriter::Configuration,
};
static LISTED: Rules = Rules {
    refused: |code| OptionDefinition::by_code(code)?.refused,
    refusal: "cannot be listed here",
    writer: ValueWriter::Configuration,
};
static REPLIED: Rules =
    Rules { refused: of_engine, refusal: "cannot be set by a policy", writer: ValueWriter::Policy };
static OF_CLIENT: Rules =
    Rules { refused: own_key, refusal: "cannot be set here", writer: ValueWriter::Policy };
static ANY: Rules = Rules { refused: |_| None, refusal: "", writer: ValueWriter::Policy };

/// What to do instead of setting an option that only the engine sets.
fn of_engine(code: u8) -> Option<&'static str> {
    OptionDefinition::by_code(code)?.refused.filter(|_| is_reserved_for_engine(code))
}

/// What to do instead of setting an option of a client that a described request has a separate key
/// for, or that is not a real option.
fn own_key(code: u8) -> Option<&'static str> {
    Some(match code {
        code::PAD => "it is only padding",
        code::REQUESTED_ADDRESS => "write requested-address = … below [request]",
        code::LEASE_TIME => "write lease-time-secs = … below [request]",
        code::OVERLOAD => "policies do not see how a message is encoded",
        code::MESSAGE_TYPE => "write kind = … below [request]",
        code::SERVER_IDENTIFIER => "write server-identifier = … below [request]",
        code::PARAMETER_REQUEST_LIST => "write parameter-request-list = … below [request]",
        code::CLIENT_IDENTIFIER => "write client-identifier = … below [request]",
        code::RELAY_AGENT_INFORMATION => {
            "write circuit-id, remote-id and relay-sub-options = … below [request]"
        }
        code::END => "it ends every message",
        _ => return None,
    })
}

/// The code of the option that a key identifies.
fn recognise(key: &Placed<&str>, collector: &Collector, rules: &Rules) -> Option<u8> {
    let Placed { value: key, span } = key;
    let draft = match collector.catalogue().recognise(key) {
        Ok(code) => match (rules.refused)(code) {
            Some(why) => refused(key, code, why, rules),
            None => return Some(code),
        },
        Err(Unrecognised::Name { found, meant }) => {
            let draft = Draft::found(format!("no option is named `{found}`"));
            match meant {
                Some(name) => draft.wanted(format!("did you mean `{name}`?")),
                None => draft.wanted("unknown").help(Unrecognised::ADVICE),
            }
        }
        Err(Unrecognised::Number { found }) => {
            Draft::found(format!("there is no option {found}")).wanted(Unrecognised::WANTED_NUMBER)
        }
    };
    collector.report(span, draft);
    None
}

fn refused(key: &str, code: u8, why: &str, rules: &Rules) -> Draft {
    let found = match key.parse::<u8>() {
        Ok(_) => format!("option {code} {}", rules.refusal),
        Err(_) => format!("`{key}` (option {code}) {}", rules.refusal),
    };
    Draft::found(found).wanted("remove this").help(why)
}
