//! What a line that sets a tag tests: a condition on messages.
//!
//! Invariant: where the condition differs from the test of dnsmasq, a note says so.

use lessor_core::{HardwareAddress, OptionDefinition, OptionKind, option::code, relay};

use crate::{
    condition::{Comparison, Condition, Fact},
    dnsmasq::options::{self, Form},
    option_names,
    option_value::{self, Item},
};

const BEGINNING: &str = "dnsmasq finds the text anywhere in the value, Lessor at its beginning";
const FIRST: &str = "dnsmasq finds the number anywhere in the value, Lessor at its beginning";
const LAST_OCTETS: &str = "only the last octets may be wildcards";

/// A condition, and how it differs.
type Noted = (Condition, Option<&'static str>);

/// The condition of a line with this key, from its value without the tag.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn condition(key: &str, parts: &[&Item]) -> Result<Noted, String> {
    let only = || match parts {
        [only] if !only.text.is_empty() => Ok(only.text.as_str()),
        _ => Err("it does not name one value".to_owned()),
    };
    let is = |fact, comparison| Condition::Test(fact, comparison);
    let of_relay = |sub_option| {
        let text = only()?;
        let octets = option_value::hexadecimal_octets(text).filter(|_| text.contains(':'));
        let octets = octets.unwrap_or_else(|| text.as_bytes().to_vec());
        Ok((is(Fact::RelaySubOption(sub_option), Comparison::Equals(octets)), None))
    };
    let beginning = |option| {
        let text = only()?.as_bytes().to_vec();
        Ok((is(Fact::Option(option), Comparison::StartsWith(text)), Some(BEGINNING)))
    };
    match key {
        "dhcp-vendorclass" => beginning(code::VENDOR_CLASS),
        "dhcp-userclass" => beginning(code::USER_CLASS),
        "dhcp-circuitid" => of_relay(relay::CIRCUIT_ID),
        "dhcp-remoteid" => of_relay(relay::REMOTE_ID),
        "dhcp-subscrid" => of_relay(relay::SUBSCRIBER_ID),
        "dhcp-mac" => Ok((hardware(only()?)?, None)),
        _ => option(parts),
    }
}

/// A hardware address whose last octets may be wildcards.
fn hardware(text: &str) -> Result<Condition, String> {
    let (kind, digits) = match text.split_once('-') {
        Some((kind, digits)) => (u8::from_str_radix(kind, 16).map_err(|_| LAST_OCTETS)?, digits),
        None => (HardwareAddress::ETHERNET, text),
    };
    let octets = before_wildcards(digits).ok_or(LAST_OCTETS)?;
    if digits.split(':').count() > HardwareAddress::OCTETS_MAX {
        return Err(LAST_OCTETS.to_owned());
    }
    let octets = [&[kind], octets.as_slice()].concat();
    Ok(Condition::Test(Fact::HardwareAddress, Comparison::StartsWith(octets)))
}

/// Hexadecimal octets between colons, without the wildcards that follow them.
fn before_wildcards(text: &str) -> Option<Vec<u8>> {
    let groups: Vec<&str> = text.split(':').collect();
    let known = groups.iter().take_while(|group| **group != "*");
    let octets = known.map(|group| u8::from_str_radix(group, 16).ok());
    let octets: Vec<u8> = octets.collect::<Option<_>>()?;
    let are_wildcards = groups.iter().skip(octets.len()).all(|group| *group == "*");
    (!octets.is_empty() && are_wildcards).then_some(octets)
}

/// `dhcp-match=set:TAG,OPTION` or `dhcp-match=set:TAG,OPTION,VALUE`.
fn option(parts: &[&Item]) -> Result<Noted, String> {
    let (first, values) = parts.split_first().ok_or("it names no option")?;
    let name = first.text.strip_prefix("option:").unwrap_or(&first.text);
    if name.contains(':') {
        return Err("sub-options of options are not compared".to_owned());
    }
    let named = option_names::dnsmasq(name).map(|(code, _)| code);
    let option = name.parse().ok().or(named);
    let option: u8 = option.ok_or_else(|| format!("no option is named {name:?}"))?;
    let test = |comparison| Condition::Test(Fact::Option(option), comparison);
    if values.is_empty() {
        return Ok((test(Comparison::Present), None));
    }
    if let Some(octets) = octets(option, values)? {
        return Ok((test(Comparison::StartsWith(octets)), None));
    }
    let values: Vec<Item> = values.iter().map(|item| (*item).clone()).collect();
    let (_, octets, form) = options::value(name, false, &values)?;
    Ok(match form {
        Form::Octets => (test(Comparison::StartsWith(octets)), None),
        Form::Text => (test(Comparison::StartsWith(octets)), Some(BEGINNING)),
        // The server compares each item of a list.
        Form::Numbers if has_width(option, octets.len()) => {
            (test(Comparison::Equals(octets)), None)
        }
        Form::Numbers => (test(Comparison::StartsWith(octets)), Some(FIRST)),
    })
}

/// The octets of a value in hexadecimal, which begin the value of a message. dnsmasq reads numbers
/// in this form as well.
fn octets(option: u8, values: &[&Item]) -> Result<Option<Vec<u8>>, String> {
    let [item] = values else { return Ok(None) };
    let is_octet = |group: &str| {
        let is_hexadecimal = group.chars().all(|letter| letter.is_ascii_hexdigit());
        group == "*" || (1..=2).contains(&group.len()) && is_hexadecimal
    };
    let is_text = option_names::dnsmasq_form(option) == Some(OptionKind::Text);
    let has_octets = item.text.contains(':') && item.text.split(':').all(is_octet);
    if is_text || item.is_quoted || !has_octets {
        return Ok(None);
    }
    before_wildcards(&item.text).ok_or_else(|| LAST_OCTETS.to_owned()).map(Some)
}

/// Whether each value, or each item of the list, that an option has here has so many octets.
fn has_width(option: u8, count: usize) -> bool {
    let kind = OptionDefinition::by_code(option).map(|definition| &definition.kind);
    let width = match kind {
        Some(OptionKind::List(item)) => width(item),
        kind => kind.and_then(width),
    };
    width == Some(count)
}

fn width(kind: &OptionKind) -> Option<usize> {
    match kind {
        OptionKind::Flag | OptionKind::U8 | OptionKind::I8 => Some(1),
        OptionKind::U16 | OptionKind::I16 | OptionKind::U16s => Some(2),
        OptionKind::U32 | OptionKind::I32 | OptionKind::Address | OptionKind::Addresses => Some(4),
        _ => None,
    }
}
