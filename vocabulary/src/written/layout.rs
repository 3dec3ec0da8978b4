//! Makes of octets what a person would write, for values that consist of parts.
//!
//! Never guesses: octets that are not exactly one value of the kind have no reading, and are shown
//! as octets. Every step takes octets or ends, and kinds are nested to a fixed depth, so the time
//! is bounded by the length.

mod service_parameters;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    OptionKind, OptionValue, hexadecimal,
    option::{Field, SubOption, Width},
    value_text,
};

use super::OptionSetting;

/// The value of this kind that the octets are; `None` if they are none.
pub(super) fn read(kind: &OptionKind, octets: &[u8]) -> Option<OptionSetting> {
    let (value, rest) = take(kind, octets)?;
    rest.is_empty().then_some(value)
}

/// Takes a value from the beginning of octets.
fn take<'o>(kind: &OptionKind, octets: &'o [u8]) -> Option<(OptionSetting, &'o [u8])> {
    const END: &[u8] = &[];
    Some(match kind {
        OptionKind::Text => (of_text(octets), END),
        OptionKind::Octets => (hexadecimal::text(octets).into(), END),
        OptionKind::Fixed(length) => {
            let (value, rest) = octets.split_at_checked(usize::from(*length))?;
            (of_text(value), rest)
        }
        OptionKind::Empty => (OptionSetting::Flag(true), octets),
        OptionKind::I8 => {
            let (value, rest) = octets.split_first_chunk::<1>()?;
            (OptionSetting::Number(i8::from_be_bytes(*value).into()), rest)
        }
        OptionKind::I16 => {
            let (value, rest) = octets.split_first_chunk::<2>()?;
            (OptionSetting::Number(i16::from_be_bytes(*value).into()), rest)
        }
        OptionKind::Ipv6Address => {
            let (value, rest) = octets.split_first_chunk::<16>()?;
            (Ipv6Addr::from(*value).to_string().into(), rest)
        }
        OptionKind::DomainName => {
            let (name, rest) = take_name(octets)?;
            (name.into(), rest)
        }
        OptionKind::Server => (only(servers(octets)?)?.into(), END),
        OptionKind::Servers => (servers(octets)?.into(), END),
        OptionKind::ServiceParameters => (service_parameters::read(octets)?, END),
        OptionKind::List(item) => (list(item, octets)?, END),
        OptionKind::Record(fields) => record(fields, octets)?,
        OptionKind::Counted(width, kind) => {
            let (counted, rest) = take_counted(*width, octets)?;
            (delimited(kind, counted), rest)
        }
        OptionKind::SubOptions(options) => (sub_options(options, octets)?, END),
        OptionKind::Flag | OptionKind::U8 => leaf(kind, octets.split_at_checked(1)?)?,
        OptionKind::U16 => leaf(kind, octets.split_at_checked(2)?)?,
        OptionKind::Address | OptionKind::U32 | OptionKind::I32 => {
            leaf(kind, octets.split_at_checked(4)?)?
        }
        OptionKind::Addresses | OptionKind::U16s | OptionKind::DomainNames | OptionKind::Routes => {
            leaf(kind, (octets, END))?
        }
    })
}

fn leaf<'o>(kind: &OptionKind, parts: (&[u8], &'o [u8])) -> Option<(OptionSetting, &'o [u8])> {
    Some((OptionSetting::from(&kind.decode(parts.0)?), parts.1))
}

/// The value of octets whose length is known: they are shown as octets if they are no value of the
/// kind.
fn delimited(kind: &OptionKind, octets: &[u8]) -> OptionSetting {
    read(kind, octets).unwrap_or_else(|| hexadecimal::text(octets).into())
}

/// A text that would be read as the same octets.
fn of_text(octets: &[u8]) -> OptionSetting {
    let plain = value_text(octets).map(OptionSetting::from);
    plain.unwrap_or_else(|| hexadecimal::text(octets).into())
}

fn take_counted(width: Width, octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match width {
        Width::One => {
            let (length, rest) = octets.split_first()?;
            (usize::from(*length), rest)
        }
        Width::Two => {
            let (length, rest) = octets.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
    };
    rest.split_at_checked(length)
}

/// Takes a domain name that is not compressed.
fn take_name(octets: &[u8]) -> Option<(String, &[u8])> {
    let mut length = 0;
    loop {
        // Longer labels do not exist, and pointers look like them.
        let label = usize::from(*octets.get(length).filter(|label| **label < 64)?);
        length += 1 + label;
        if label == 0 {
            break;
        }
    }
    let (name, rest) = octets.split_at_checked(length)?;
    match OptionKind::DomainNames.decode(name)? {
        OptionValue::DomainNames(names) => Some((only(names)?, rest)),
        _ => None,
    }
}

fn only<T>(items: Vec<T>) -> Option<T> {
    let mut items = items.into_iter();
    items.next().filter(|_| items.next().is_none())
}

/// The addresses or names of servers, after the octet that says what they are.
fn servers(octets: &[u8]) -> Option<Vec<String>> {
    match octets.split_first()? {
        (1, addresses) => {
            let (addresses, rest) = addresses.as_chunks::<4>();
            let is_list = rest.is_empty() && !addresses.is_empty();
            let text = |octets: &[u8; 4]| Ipv4Addr::from(*octets).to_string();
            is_list.then(|| addresses.iter().map(text).collect())
        }
        (0, mut names) => {
            let mut servers = Vec::new();
            while !names.is_empty() {
                let (name, rest) = take_name(names)?;
                // A name of four numbers would be read back as an address.
                servers.push(Some(name).filter(|name| name.parse::<Ipv4Addr>().is_err())?);
                names = rest;
            }
            (!servers.is_empty()).then_some(servers)
        }
        _ => None,
    }
}

fn list(item: &OptionKind, octets: &[u8]) -> Option<OptionSetting> {
    let mut items = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let (value, after) = take(item, rest)?;
        if after.len() == rest.len() {
            return None;
        }
        items.push(value);
        rest = after;
    }
    (!items.is_empty()).then_some(OptionSetting::List(items))
}

fn record<'o>(fields: &[Field], octets: &'o [u8]) -> Option<(OptionSetting, &'o [u8])> {
    let mut members = Vec::with_capacity(fields.len());
    let mut rest = octets;
    for field in fields {
        if rest.is_empty() && field.is_optional {
            break;
        }
        let (value, after) = take(&field.kind, rest)?;
        members.push((String::from(&*field.name), value));
        rest = after;
    }
    Some((OptionSetting::Table(members), rest))
}

/// The sub-options by name, or by number without a name; `None` if there is none, or if a code
/// occurs twice.
pub(super) fn sub_options(options: &[SubOption], octets: &[u8]) -> Option<OptionSetting> {
    let mut members: Vec<(String, OptionSetting)> = Vec::new();
    let mut rest = octets;
    while let Some((code, after)) = rest.split_first() {
        let (value, after) = take_counted(Width::One, after)?;
        let option = options.iter().find(|option| option.code == *code);
        let (name, value) = match option {
            Some(option) => (String::from(&*option.name), delimited(&option.kind, value)),
            None => (format!("{code}"), hexadecimal::text(value).into()),
        };
        if members.iter().any(|(found, _)| *found == name) {
            return None;
        }
        members.push((name, value));
        rest = after;
    }
    (!members.is_empty()).then_some(OptionSetting::Table(members))
}
