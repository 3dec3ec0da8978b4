//! Tables of options: by name or by number, each with a value of the option's type, or octets.

use std::{ops::Range, sync::Arc};

use ipnet::Ipv4Net;
use lessor_core::{OptionDefinition, OptionKind, OptionSet, OptionValue};

use crate::{
    collector::Collector,
    mistake::Draft,
    reader::{Placed, Value},
    shapes::ROUTE,
    suggest::closest,
    values::HEX,
};

/// The maximum length of an option: four parts of 255 octets (RFC 3396). A reply has little more
/// room.
pub const OPTION_OCTETS_MAX: usize = 4 * 255;

/// The options of one table.
#[derive(Clone, Default)]
pub(crate) struct Options(Vec<(u8, Placed<Arc<OptionValue>>)>);

impl Options {
    /// Reads a table of options and reports mistakes. Any value may be written as octets.
    pub(crate) fn read(table: &Value) -> Self {
        Self::read_as(table, &CONFIGURED)
    }

    /// Reads a table of options as they may occur in a reply, except the server's own. Any value
    /// may be written as octets, which may be empty.
    pub(crate) fn read_lenient(table: &Value) -> Self {
        Self::read_as(table, &REPLIED)
    }

    /// Reads a table of options as clients send them. Any value may be written as octets, which may
    /// be empty.
    pub(crate) fn read_of_client(table: &Value) -> Self {
        Self::read_as(table, &OF_CLIENT)
    }

    fn read_as(table: &Value, rules: &Rules) -> Self {
        let wanted = "a table of options, such as { routers = [\"100.64.0.1\"] }";
        let mut options: Vec<(u8, Placed<Arc<OptionValue>>)> = Vec::new();
        let mut places: Vec<(u8, Range<usize>)> = Vec::new();
        for entry in table.entries(wanted) {
            let Some((code, kind)) = recognise(&entry.key, table.collector(), rules) else {
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
            let is_octets = entry.value.as_text().is_some_and(|text| text.starts_with(HEX));
            let read = match (is_octets, rules.may_be_empty) {
                (true, true) => entry.value.octets().map(OptionValue::Octets),
                (true, false) => octets(&entry.value)
                    .and_then(|octets| fits(&entry.value, OptionValue::Octets(octets))),
                (false, _) => read_value(&entry.value, kind),
            };
            if let Some(value) = read {
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

/// The code of an option that a text identifies by name or number.
pub(crate) fn recognise_code(value: &Value) -> Option<u8> {
    let name = value.text("the name or the number of an option")?;
    let key = Placed { value: name, span: value.span().clone() };
    recognise(&key, value.collector(), &ANY).map(|(code, _)| code)
}

/// The type of an option that a text identifies by name or number, if it can be configured. The
/// inner `Option` is `None` if only its number is known.
pub(crate) fn recognise_configured(
    collector: &Collector,
    name: &str,
    span: &Range<usize>,
) -> Option<Option<OptionKind>> {
    let key = Placed { value: name, span: span.clone() };
    recognise(&key, collector, &CONFIGURED).map(|(_, kind)| kind)
}

/// The options that a table may contain.
struct Rules {
    /// The options that are not allowed: name, code, and what to do instead.
    reserved: &'static [(&'static str, u8, &'static str)],
    /// The verb phrase of the message about them.
    refusal: &'static str,
    /// Whether an option may be empty.
    may_be_empty: bool,
}

static CONFIGURED: Rules = Rules {
    reserved: RESERVED,
    refusal: "cannot be set in the configuration",
    may_be_empty: false,
};
static REPLIED: Rules =
    Rules { reserved: RESERVED, refusal: "cannot be set by a policy", may_be_empty: true };
static OF_CLIENT: Rules =
    Rules { reserved: OWN_KEYS, refusal: "cannot be set here", may_be_empty: true };
static ANY: Rules = Rules { reserved: &[], refusal: "", may_be_empty: false };

/// The code and type of the option that a key identifies; the type is `None` if only its number is
/// known.
fn recognise(
    key: &Placed<&str>,
    collector: &Collector,
    rules: &Rules,
) -> Option<(u8, Option<OptionKind>)> {
    let Placed { value: key, span } = key;
    let report = |draft: Draft| {
        collector.report(span, draft);
        None
    };
    if let Some(definition) = OptionDefinition::by_name(key) {
        return Some((definition.code, Some(definition.kind)));
    }
    if let Some((_, code, why)) = rules.reserved.iter().find(|(name, _, _)| name == key) {
        return report(reserved(key, *code, why, rules));
    }
    if key.bytes().all(|octet| octet.is_ascii_digit()) && !key.is_empty() {
        return match key.parse::<u8>() {
            Ok(code) => match rules.reserved.iter().find(|(_, found, _)| *found == code) {
                Some((_, _, why)) => report(reserved(key, code, why, rules)),
                None => Some((code, OptionDefinition::by_code(code).map(|found| found.kind))),
            },
            Err(_) => report(
                Draft::found(format!("there is no option {key}"))
                    .wanted("wanted a number from 1 to 254"),
            ),
        };
    }
    let draft = Draft::found(format!("no option is named `{key}`"));
    let synonym = SYNONYMS.iter().find(|(synonym, _)| synonym == key).map(|(_, name)| *name);
    let names = OptionDefinition::all().iter().map(|definition| definition.name);
    match synonym.or_else(|| closest(key, names)) {
        Some(name) => report(draft.wanted(format!("did you mean `{name}`?"))),
        None => {
            report(draft.wanted("unknown").help(
                "write an option without a name by its number, such as \"224\" = \"hex:0a0b\"",
            ))
        }
    }
}

fn reserved(key: &str, code: u8, why: &str, rules: &Rules) -> Draft {
    let found = match key.parse::<u8>() {
        Ok(_) => format!("option {code} {}", rules.refusal),
        Err(_) => format!("`{key}` (option {code}) {}", rules.refusal),
    };
    Draft::found(found).wanted("remove this").help(why)
}

/// Common names of options, and their names here.
const SYNONYMS: &[(&str, &str)] = &[
    ("gateway", "routers"),
    ("default-gateway", "routers"),
    ("dns", "domain-name-servers"),
    ("dns-servers", "domain-name-servers"),
    ("nameservers", "domain-name-servers"),
    ("netmask", "subnet-mask"),
    ("domain", "domain-name"),
    ("search", "domain-search"),
    ("mtu", "interface-mtu"),
    ("ntp", "ntp-servers"),
    ("broadcast", "broadcast-address"),
    ("routes", "classless-static-routes"),
    ("hostname", "host-name"),
    ("tftp-server", "tftp-server-name"),
    ("bootfile", "boot-file-name"),
    ("filename", "boot-file-name"),
];

/// Options that only the server sets: name, code, and what to do instead.
const RESERVED: &[(&str, u8, &str)] = &[
    ("pad", 0, "it is only padding"),
    (
        "requested-address",
        50,
        "only clients send it; to fix an address, write a [[subnet.reservation]]",
    ),
    ("lease-time", 51, "set lease-time of the [[subnet]], which the server grants and records"),
    ("overload", 52, "the server uses it when a reply is too long"),
    ("message-type", 53, "the server sets the type of every reply"),
    ("server-identifier", 54, "set server-identifier below [server]"),
    ("parameter-request-list", 55, "only clients send it"),
    ("message", 56, "the server uses it to explain a refusal"),
    ("max-message-size", 57, "only clients send it"),
    ("renewal-time", 58, "the server sends half of the lease time"),
    ("rebinding-time", 59, "the server sends seven eighths of the lease time"),
    ("client-identifier", 61, "the server returns what the client sent (RFC 6842)"),
    ("relay-agent-information", 82, "the server returns what the relay sent (RFC 3046)"),
    ("subnet-selection", 118, "the server returns what the client sent (RFC 3011)"),
    ("end", 255, "the server ends every reply with it"),
];

/// Options of a client that a described request has separate keys for, or that are not real
/// options.
const OWN_KEYS: &[(&str, u8, &str)] = &[
    ("pad", 0, "it is only padding"),
    ("host-name", 12, "write host-name = … below [request]"),
    ("requested-address", 50, "write requested-address = … below [request]"),
    ("lease-time", 51, "write lease-time-secs = … below [request]"),
    ("overload", 52, "policies do not see how a message is encoded"),
    ("message-type", 53, "write kind = … below [request]"),
    ("server-identifier", 54, "write server-identifier = … below [request]"),
    ("parameter-request-list", 55, "write parameter-request-list = … below [request]"),
    ("vendor-class-identifier", 60, "write vendor-class = … below [request]"),
    ("client-identifier", 61, "write client-identifier = … below [request]"),
    (
        "relay-agent-information",
        82,
        "write circuit-id, remote-id and relay-sub-options = … below [request]",
    ),
    ("end", 255, "it ends every message"),
];

/// Reads a value of this type that can be sent.
fn read_value(value: &Value, kind: Option<OptionKind>) -> Option<OptionValue> {
    let Some(kind) = kind else { return fits(value, text_or_octets(value)?) };
    let read = match kind {
        OptionKind::Address => OptionValue::Address(value.address()?),
        OptionKind::Addresses => OptionValue::Addresses(all(value, "an address", Value::address)?),
        OptionKind::Flag => OptionValue::Flag(value.flag()?),
        OptionKind::U8 => OptionValue::U8(value.number(0, u8::MAX)?),
        OptionKind::U16 => OptionValue::U16(value.number(0, u16::MAX)?),
        OptionKind::U16s => {
            OptionValue::U16s(all(value, "a number", |item| item.number(0, u16::MAX))?)
        }
        OptionKind::U32 => OptionValue::U32(value.number(0, u32::MAX)?),
        OptionKind::I32 => OptionValue::I32(value.number(i32::MIN, i32::MAX)?),
        OptionKind::Text => OptionValue::Text(text(value)?),
        OptionKind::DomainNames => {
            OptionValue::DomainNames(all(value, "a domain name", domain_name)?)
        }
        OptionKind::Routes => OptionValue::Routes(all(value, "a route", route)?),
        OptionKind::Octets => OptionValue::Octets(octets(value)?),
    };
    fits(value, read)
}

/// Returns the value, unless it is longer than an option may be.
fn fits(value: &Value, read: OptionValue) -> Option<OptionValue> {
    let octets = encoded_octets(&read);
    if octets > OPTION_OCTETS_MAX {
        let draft = Draft::found(format!("the option takes {octets} octets"))
            .wanted(format!("wanted at most {OPTION_OCTETS_MAX} octets"))
            .help("a reply has no room for more; shorten the value");
        value.report(draft);
        return None;
    }
    Some(read)
}

/// Reads every item of a list that must not be empty. Returns `None` if an item is not valid.
fn all<'a, T>(
    value: &Value<'a>,
    noun: &str,
    read: impl Fn(&Value<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let items = value.items();
    if items.is_empty() {
        let help = "remove the option if there is nothing to send";
        value.refuse_with_help(&format!("at least {noun}"), help);
        return None;
    }
    let read: Vec<Option<T>> = items.iter().map(read).collect();
    read.into_iter().collect()
}

fn text(value: &Value) -> Option<String> {
    const WANTED: &str = "a text of at least one character, without NUL characters";
    let text = value.text(WANTED)?;
    if text.is_empty() || text.contains('\0') {
        value.refuse(WANTED);
        return None;
    }
    Some(text.to_owned())
}

fn octets(value: &Value) -> Option<Vec<u8>> {
    let octets = value.octets()?;
    if octets.is_empty() {
        value.refuse("at least one octet, such as \"hex:0a\"");
        return None;
    }
    Some(octets)
}

/// Reads the value of an option without a name. Its type is unknown, so the file writes text or
/// octets.
fn text_or_octets(value: &Value) -> Option<OptionValue> {
    match value.text("a text, or octets such as \"hex:0a0b\"")? {
        text_or_hex if text_or_hex.starts_with(HEX) => Some(OptionValue::Octets(octets(value)?)),
        _ => Some(OptionValue::Text(text(value)?)),
    }
}

/// A domain name within the limits of RFC 1035 section 2.3.4, without the dot at its end.
fn domain_name(value: &Value) -> Option<String> {
    const WANTED: &str = "a domain name, such as \"example.net\"";
    let name = value.text(WANTED)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        let is_label_char = |found: char| found.is_ascii_alphanumeric() || "-_".contains(found);
        (1..=63).contains(&label.len()) && label.chars().all(is_label_char)
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        let help = "labels of 1 to 63 letters, digits, `-` and `_`, with dots between them, \
                    253 characters in all";
        value.refuse_with_help(WANTED, help);
        return None;
    }
    Some(name.to_owned())
}

fn route(value: &Value) -> Option<(Ipv4Net, std::net::Ipv4Addr)> {
    let table = value.table(&ROUTE)?;
    let to = table.require("to", "\"0.0.0.0/0\"").and_then(|to| to.prefix());
    let via = table.require("via", "\"100.64.0.1\"").and_then(|via| via.address());
    Some((to?, via?))
}

/// The length of the value in a packet in octets, without compression of names.
fn encoded_octets(value: &OptionValue) -> usize {
    match value {
        OptionValue::Flag(_) | OptionValue::U8(_) => 1,
        OptionValue::U16(_) => 2,
        OptionValue::Address(_) | OptionValue::U32(_) | OptionValue::I32(_) => 4,
        OptionValue::Addresses(addresses) => addresses.len() * 4,
        OptionValue::U16s(numbers) => numbers.len() * 2,
        OptionValue::Text(text) => text.len(),
        OptionValue::DomainNames(names) => names.iter().map(|name| name.len() + 2).sum(),
        OptionValue::Routes(routes) => {
            routes.iter().map(|(to, _)| 5 + usize::from(to.prefix_len().div_ceil(8))).sum()
        }
        OptionValue::Octets(octets) => octets.len(),
    }
}

#[cfg(test)]
mod tests {
    use lessor_core::option;

    use super::*;

    #[test]
    fn every_reserved_option_is_explained_and_every_synonym_is_an_option() {
        for code in 0..=u8::MAX {
            let is_explained = CONFIGURED.reserved.iter().any(|(_, found, _)| *found == code);
            assert_eq!(is_explained, option::is_reserved_for_engine(code), "option {code}");
        }
        for (synonym, name) in SYNONYMS {
            let is_name = |name| OptionDefinition::by_name(name).is_some();
            assert!(is_name(name) && !is_name(synonym), "{synonym} for {name}");
        }
    }
}
