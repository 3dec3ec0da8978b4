//! Reads what octets of a message must be: a value, several alternatives, or a table that says how
//! they are compared.
//!
//! Values have the type of their option. Those of an option that is a list are its items: one of
//! the items in the message has to fit. Invariant: some octets fit, unless a file is empty.

use lessor_core::{Fitting, OctetReading, OctetSet, OptionKind};
use lessor_vocabulary::{
    hexadecimal::HEX,
    option::Width,
    read::{self, ValueWriter},
};
use toml::de::DeValue;

use crate::{
    mistake::Draft,
    reader::{KeyValue, Value},
    suggest::{closest, joined},
};

use super::{reading::ConditionReader, set_file};

/// The ways to compare. A table with one of these keys says how; any other has parts.
const OPERATORS: [&str; 4] = ["equals", "starts-with", "in-file", "present"];

/// What is wanted of octets.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'k> {
    /// The kind of a value, or of an item if the option is a list.
    pub(super) kind: Option<&'k OptionKind>,
    /// How octets are read.
    pub(super) reading: OctetReading,
}

impl<'k> Wanted<'k> {
    /// What is wanted of an option of this kind.
    pub(super) fn of(kind: Option<&'k OptionKind>) -> Self {
        let item = match kind {
            Some(OptionKind::Addresses) => Some((&OptionKind::Address, 4)),
            Some(OptionKind::U16s) => Some((&OptionKind::U16, 2)),
            Some(OptionKind::List(item)) => match &**item {
                OptionKind::Counted(Width::One, text) if **text == OptionKind::Text => {
                    return Self { kind: Some(&OptionKind::Text), reading: OctetReading::Texts };
                }
                item => width(item).map(|width| (item, width)),
            },
            _ => None,
        };
        match (item, kind) {
            (Some((item, width)), _) => {
                Self { kind: Some(item), reading: OctetReading::Items(width) }
            }
            (None, Some(OptionKind::Text)) => Self { kind, reading: OctetReading::Text },
            (None, kind) => Self { kind, reading: OctetReading::Octets },
        }
    }

    /// The octets of a value.
    fn octets(self, value: &Value) -> Option<Vec<u8>> {
        let is_in_hexadecimal = value.as_text().is_some_and(|text| text.starts_with(HEX));
        match self.kind {
            None | Some(OptionKind::Text | OptionKind::Octets) => value.identifier().map(Vec::from),
            Some(kind) if has_parts(kind) && !is_in_hexadecimal => {
                value.refuse_with_help(
                    "octets, such as \"hex:0a0b\"",
                    "a value with parts is compared as octets; write its sub-options, if it has \
                     some, as a table",
                );
                None
            }
            kind => {
                read::value(value, kind, ValueWriter::Configuration).map(|value| value.to_octets())
            }
        }
    }
}

/// Whether a table says how to compare, rather than naming parts.
pub(super) fn has_operators(value: &Value) -> bool {
    let DeValue::Table(entries) = value.raw() else { return false };
    entries.keys().any(|key| OPERATORS.contains(&key.get_ref().as_ref()))
}

impl ConditionReader<'_> {
    /// Reads what fits. Returns `None` if there are mistakes, which are reported.
    pub(super) fn fitting(&mut self, value: &Value, wanted: Wanted) -> Option<Fitting> {
        if !matches!(value.raw(), DeValue::Table(_)) {
            let equal = all(value, |item| wanted.octets(item))?;
            return Some(Fitting { equal, ..Fitting::default() });
        }
        let mut fitting = Fitting::default();
        let mut is_right = true;
        let entries = value.entries("a table");
        if entries.is_empty() {
            value.refuse(&format!("at least one of {}", joined(OPERATORS)));
            return None;
        }
        for KeyValue { key, value } in entries {
            match key.value {
                "equals" => match all(&value, |item| wanted.octets(item)) {
                    Some(set) => fitting.equal = joined_sets(&fitting.equal, set),
                    None => is_right = false,
                },
                "starts-with" => match all(&value, |item| item.identifier().map(Vec::from)) {
                    Some(set) => fitting.starting = set,
                    None => is_right = false,
                },
                "in-file" => match self.in_file(&value, wanted) {
                    Some(set) => fitting.equal = joined_sets(&fitting.equal, set),
                    None => is_right = false,
                },
                "present" => match value.flag() {
                    Some(true) => fitting.anything = true,
                    Some(false) => {
                        let help = "write not = { … = { present = true } } for messages without it";
                        value.refuse_with_help("true", help);
                        is_right = false;
                    }
                    None => is_right = false,
                },
                other => {
                    let draft = Draft::found(format!("`{other}` is no way to compare"));
                    let draft = match closest(other, OPERATORS) {
                        Some(meant) => draft.wanted(format!("did you mean `{meant}`?")),
                        None => draft.wanted("unknown"),
                    };
                    let help = format!("the ways are {}", joined(OPERATORS));
                    value.collector().report(&key.span, draft.help(help));
                    is_right = false;
                }
            }
        }
        is_right.then_some(fitting)
    }

    fn in_file(&mut self, value: &Value, wanted: Wanted) -> Option<OctetSet> {
        if !matches!(wanted.kind, None | Some(OptionKind::Text | OptionKind::Octets)) {
            value.report(
                Draft::found("the values of this option cannot be in a file")
                    .wanted("wanted them here")
                    .help("a file can contain texts, octets and hardware addresses"),
            );
            return None;
        }
        set_file::read(value, self.surroundings, self.files, &set_file::IDENTIFIERS)
    }
}

/// Reads every item of a list that must not be empty.
pub(super) fn all(value: &Value, read: impl Fn(&Value) -> Option<Vec<u8>>) -> Option<OctetSet> {
    let items = value.items();
    if items.is_empty() {
        value.refuse("at least one value");
        return None;
    }
    // All items are read, so that all mistakes are reported.
    let read: Vec<Option<Vec<u8>>> = items.iter().map(read).collect();
    let read: Option<Vec<Vec<u8>>> = read.into_iter().collect();
    Some(read?.into_iter().collect())
}

/// The values of both sets.
pub(super) fn joined_sets(one: &OctetSet, other: OctetSet) -> OctetSet {
    match one.is_empty() {
        true => other,
        false => one.iter().chain(other.iter()).collect(),
    }
}

/// The number of octets of every value of a kind, if that is fixed.
const fn width(kind: &OptionKind) -> Option<u8> {
    Some(match kind {
        OptionKind::Flag | OptionKind::U8 | OptionKind::I8 => 1,
        OptionKind::U16 | OptionKind::I16 => 2,
        OptionKind::Address | OptionKind::U32 | OptionKind::I32 => 4,
        OptionKind::Ipv6Address => 16,
        OptionKind::Fixed(width) => *width,
        _ => return None,
    })
}

/// Whether a value can only be compared as octets.
const fn has_parts(kind: &OptionKind) -> bool {
    matches!(
        kind,
        OptionKind::Addresses
            | OptionKind::U16s
            | OptionKind::DomainNames
            | OptionKind::Routes
            | OptionKind::Server
            | OptionKind::Servers
            | OptionKind::List(_)
            | OptionKind::Record(_)
            | OptionKind::Counted(..)
            | OptionKind::SubOptions(_)
    )
}
