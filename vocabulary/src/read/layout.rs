//! Makes octets of a value that consists of parts.
//!
//! Does not look at the values of leaves that have a variant of [`OptionValue`]; the module above
//! reads those. Invariant: what is written for a kind is read back by `written::layout` as the same
//! value.

mod service_parameters;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    OptionKind, OptionValue,
    hexadecimal::HEX,
    near,
    option::{Field, MEMBERS_MAX, SubOption},
};

use super::{
    ValueForm, ValueRefusal, ValueSource, all, domain_name, filled_text, fits, flag, number,
    octets, text,
};

/// Appends the octets of a value of this kind.
pub(super) fn write<S: ValueSource>(
    source: &S,
    kind: &OptionKind,
    out: &mut Vec<u8>,
) -> Option<()> {
    match kind {
        OptionKind::Text => out.extend(text_or_hex(source)?),
        OptionKind::Fixed(length) => fixed(source, usize::from(*length), out)?,
        OptionKind::Empty => empty(source)?,
        OptionKind::I8 => out.extend(number(source, i8::MIN, i8::MAX)?.to_be_bytes()),
        OptionKind::I16 => out.extend(number(source, i16::MIN, i16::MAX)?.to_be_bytes()),
        OptionKind::Ipv6Address => out.extend(ipv6_address(source)?.octets()),
        OptionKind::DomainName => write_name(domain_name(source)?, out),
        OptionKind::Server => servers(source, core::slice::from_ref(source), out)?,
        OptionKind::Servers => servers(source, &source.items(), out)?,
        OptionKind::ServiceParameters => service_parameters::write(source, out)?,
        OptionKind::List(item) if is_flat(source, item) => flat(source, item, out)?,
        OptionKind::List(item) => {
            let items = all(source, "an item", |found| {
                let mut octets = Vec::new();
                write(found, item, &mut octets).map(|()| octets)
            })?;
            out.extend(items.concat());
        }
        OptionKind::Record(fields) => record(source, fields, out)?,
        OptionKind::Counted(width, kind) => {
            let mut octets = Vec::new();
            delimited(source, kind, &mut octets)?;
            fits(source, octets.len(), width.octets_max())?;
            let length = (octets.len() as u16).to_be_bytes();
            match width {
                crate::option::Width::One => out.extend(length.iter().skip(1)),
                crate::option::Width::Two => out.extend(length),
            }
            out.extend(octets);
        }
        OptionKind::SubOptions(options) => write_sub_options(source, options, out)?,
        leaf => super::of_kind(source, leaf)?.encode(out),
    }
    Some(())
}

/// Appends the octets of a value whose length is written beside it, so that a text that begins with
/// `hex:` can give any octets.
fn delimited<S: ValueSource>(source: &S, kind: &OptionKind, out: &mut Vec<u8>) -> Option<()> {
    match source.form() {
        ValueForm::Text(text) if text.starts_with(HEX) => out.extend(octets(source)?),
        _ => write(source, kind, out)?,
    }
    Some(())
}

pub(super) fn write_sub_options<S: ValueSource>(
    source: &S,
    options: &[SubOption],
    out: &mut Vec<u8>,
) -> Option<()> {
    let names = || options.iter().map(|option| &*option.name);
    let Some(members) = source.members() else {
        source.refuse(wanted_table("sub-options", names()));
        return None;
    };
    if members.is_empty() {
        let help = "remove the option if there is nothing to send";
        source.refuse(ValueRefusal::wanted("at least one sub-option").help(help));
        return None;
    }
    if members.len() > MEMBERS_MAX {
        source.refuse(ValueRefusal::wanted(format!("at most {MEMBERS_MAX} sub-options")));
        return None;
    }
    let mut codes = Vec::with_capacity(members.len());
    let mut is_right = true;
    for (key, value) in &members {
        let Some((code, kind)) = recognise(key, options) else {
            value.refuse(unknown("a sub-option", key, names()));
            is_right = false;
            continue;
        };
        if codes.contains(&code) {
            value.refuse(ValueRefusal::wanted("each sub-option once, by name or by number"));
            is_right = false;
        }
        codes.push(code);
        let mut octets = Vec::new();
        let written = delimited(value, kind.unwrap_or(&OptionKind::Octets), &mut octets)
            .and_then(|()| fits(value, octets.len(), usize::from(u8::MAX)));
        is_right &= written.is_some();
        out.push(code);
        out.push(octets.len() as u8);
        out.extend(octets);
    }
    is_right.then_some(())
}

/// The code of a sub-option by its name or number, and the kind of its value if that is known.
fn recognise<'o>(key: &str, options: &'o [SubOption]) -> Option<(u8, Option<&'o OptionKind>)> {
    let named = options.iter().find(|option| &*option.name == key);
    if let Some(option) = named {
        return Some((option.code, Some(&option.kind)));
    }
    let is_number = key.bytes().all(|octet| octet.is_ascii_digit());
    let code = key.parse::<u8>().ok().filter(|_| is_number)?;
    let option = options.iter().find(|option| option.code == code);
    Some((code, option.map(|option| &option.kind)))
}

fn record<S: ValueSource>(source: &S, fields: &[Field], out: &mut Vec<u8>) -> Option<()> {
    let names = || fields.iter().map(|field| &*field.name);
    let Some(members) = source.members() else {
        source.refuse(wanted_table("the fields", names()));
        return None;
    };
    if members.len() > MEMBERS_MAX {
        source.refuse(wanted_table("the fields", names()));
        return None;
    }
    let mut is_right = true;
    for (key, value) in &members {
        if !names().any(|name| name == key) {
            value.refuse(unknown("a field", key, names()));
            is_right = false;
        }
    }
    let value =
        |field: &Field| members.iter().find(|(key, _)| *key == *field.name).map(|(_, value)| value);
    let is_missing = |field: &&Field| !field.is_optional && value(field).is_none();
    let missing = || fields.iter().filter(is_missing).map(|field| &*field.name);
    if missing().next().is_some() {
        let help = format!("add {}", joined(missing()));
        source.refuse(wanted_table("the fields", names()).help(help));
        is_right = false;
    }
    let mut left_out = None;
    for field in fields {
        let Some(value) = value(field) else {
            left_out = left_out.or_else(|| field.is_optional.then_some(&*field.name));
            continue;
        };
        if let Some(left_out) = left_out {
            let found = &*field.name;
            value.refuse(ValueRefusal::wanted(format!(
                "`{left_out}` as well, which stands before `{found}`"
            )));
            is_right = false;
        }
        is_right &= write(value, &field.kind, out).is_some();
    }
    is_right.then_some(())
}

/// Returns whether a list of records of addresses is written as addresses one after the other, as
/// other servers write it.
fn is_flat<S: ValueSource>(source: &S, item: &OptionKind) -> bool {
    let is_text = |item: &S| matches!(item.form(), ValueForm::Text(_));
    item.fields_of_addresses().is_some() && source.items().iter().any(is_text)
}

fn flat<S: ValueSource>(source: &S, item: &OptionKind, out: &mut Vec<u8>) -> Option<()> {
    let fields = item.fields_of_addresses()?;
    let addresses = all(source, "an address", super::address)?;
    if !addresses.len().is_multiple_of(fields.len()) {
        let names = joined(fields.iter().map(|field| &*field.name));
        let wanted = format!("{} addresses for each item: {names}", fields.len());
        source.refuse(ValueRefusal::wanted(wanted));
        return None;
    }
    out.extend(addresses.iter().flat_map(|address| address.octets()));
    Some(())
}

fn wanted_table<'n>(what: &str, names: impl Iterator<Item = &'n str>) -> ValueRefusal {
    ValueRefusal::wanted(format!("a table with {what} {}", joined(names)))
}

fn unknown<'n>(
    noun: &'static str,
    found: &str,
    names: impl Iterator<Item = &'n str> + Clone,
) -> ValueRefusal {
    ValueRefusal::Unknown {
        noun,
        found: found.to_string(),
        meant: near::closest(found, names.clone()).map(ToString::to_string),
        known: names.map(ToString::to_string).collect(),
    }
}

fn joined<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => {
            format!("{} and {last}", before.join(", "))
        }
        _ => names.join(", "),
    }
}

/// Reads a text, or the octets of one.
fn text_or_hex<S: ValueSource>(source: &S) -> Option<Vec<u8>> {
    match source.form() {
        ValueForm::Text(text) if text.starts_with(HEX) => octets(source),
        _ => filled_text(source).map(|text| text.as_bytes().to_vec()),
    }
}

fn fixed<S: ValueSource>(source: &S, length: usize, out: &mut Vec<u8>) -> Option<()> {
    let octets = text_or_hex(source)?;
    if octets.len() != length {
        source.refuse(ValueRefusal::wanted(format!("{length} octets, as a text or as \"hex:…\"")));
        return None;
    }
    out.extend(octets);
    Some(())
}

/// An option without octets is written as `true`.
fn empty<S: ValueSource>(source: &S) -> Option<()> {
    if flag(source)? {
        return Some(());
    }
    source.refuse(ValueRefusal::wanted("true").help("remove the key to leave it out"));
    None
}

fn ipv6_address<S: ValueSource>(source: &S) -> Option<Ipv6Addr> {
    const WANTED: &str = "an IPv6 address, such as \"2001:db8::1\"";
    let address = text(source, WANTED)?.parse().ok();
    if address.is_none() {
        source.refuse(ValueRefusal::wanted(WANTED));
    }
    address
}

fn write_name(name: String, out: &mut Vec<u8>) {
    OptionValue::DomainNames([name].into()).encode(out);
}

/// Appends servers: an octet that says what they are, and their addresses or their names.
fn servers<S: ValueSource>(source: &S, items: &[S], out: &mut Vec<u8>) -> Option<()> {
    const WANTED: &str = "an IPv4 address or a domain name, such as \"192.0.2.1\"";
    let texts: Option<Vec<&str>> = items.iter().map(|item| text(item, WANTED)).collect();
    let texts = texts?;
    let addresses: Vec<Ipv4Addr> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    if texts.is_empty() {
        source.refuse(ValueRefusal::wanted("at least one server"));
        return None;
    }
    if addresses.len() == texts.len() {
        out.push(1);
        out.extend(addresses.iter().flat_map(|address| address.octets()));
        return Some(());
    }
    if !addresses.is_empty() {
        source.refuse(ValueRefusal::wanted("only addresses or only domain names"));
        return None;
    }
    let names: Option<Vec<String>> = items.iter().map(domain_name).collect();
    out.push(0);
    names?.into_iter().for_each(|name| write_name(name, out));
    Some(())
}
