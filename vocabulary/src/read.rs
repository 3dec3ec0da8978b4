//! Reads values of options, and the simpler values that they consist of, as people write them.
//!
//! The format is not known here: a [`ValueSource`] is a value in a configuration file, in the
//! settings of a policy or in a script, and knows how to report its mistakes. So the syntax of
//! values and the words of the mistakes are the same in every place.

use alloc::{
    borrow::{Cow, ToOwned},
    format,
    string::String,
    vec::Vec,
};
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

mod layout;

use crate::{
    Ipv4Prefix, OptionKind, OptionValue,
    hexadecimal::{self, HEX, HexError},
    option::{COUNTED_TEXTS, OPTION_OCTETS_MAX, SubOption},
    value::is_domain_name,
};

/// A written value.
pub trait ValueSource: Sized {
    /// What the value is.
    fn form(&self) -> ValueForm<'_>;

    /// The items of a list; a value that is not a list counts as a list with one item.
    fn items(&self) -> Vec<Self>;

    /// The destination and the router of a route, a table with the keys `to` and `via`. Reports a
    /// mistake if the value is not such a table, or if a key is missing.
    fn route(&self) -> (Option<Self>, Option<Self>);

    /// The members of a table in their order, each with its key; `None` if the value is not a
    /// table.
    fn members(&self) -> Option<Vec<(String, Self)>>;

    /// Reports that the value is not what was wanted.
    fn refuse(&self, refusal: ValueRefusal);
}

/// The forms of written values that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ValueForm<'a> {
    Flag(bool),
    Number(i128),
    Text(&'a str),
    /// A list, a table, or anything else.
    Other,
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueRefusal {
    /// It is not what was wanted.
    Wanted {
        /// What was wanted: "an IPv4 address, such as …".
        wanted: Cow<'static, str>,
        /// What to do.
        help: Option<Cow<'static, str>>,
    },
    /// It takes more octets than there is room for.
    TooLong {
        /// How many it takes.
        octets: usize,
        /// How many it may take.
        octets_max: usize,
    },
    /// It is the member of a table that has no member of this name.
    Unknown {
        /// What the members of the table are: "a field" or "a sub-option".
        noun: &'static str,
        /// The key.
        found: String,
        /// The key that was probably meant.
        meant: Option<String>,
        /// The keys that the table may have.
        known: Vec<String>,
    },
}

/// Who writes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueWriter {
    /// The configuration. Values are never empty.
    Configuration,
    /// A policy, or the description of what a policy sees or sets. A value may be empty octets, and
    /// octets may be written as the text that they are.
    Policy,
}

/// Reads the value of an option of this kind. Without a kind, it is text or octets. A text that
/// begins with `hex:` gives the octets of the value, whatever the kind.
pub fn value<S: ValueSource>(
    source: &S,
    kind: Option<&OptionKind>,
    writer: ValueWriter,
) -> Option<OptionValue> {
    if let ValueForm::Text(text) = source.form()
        && text.starts_with(HEX)
    {
        let octets = octets(source)?;
        return match writer {
            ValueWriter::Policy => Some(OptionValue::Octets(octets)),
            ValueWriter::Configuration if octets.is_empty() => {
                source.refuse(ValueRefusal::wanted("at least one octet, such as \"hex:0a\""));
                None
            }
            ValueWriter::Configuration => fitting(source, OptionValue::Octets(octets)),
        };
    }
    let value = match (kind, writer) {
        (None, _) => OptionValue::Text(text_or_octets(source)?.to_owned()),
        (Some(OptionKind::Octets), ValueWriter::Policy) => {
            OptionValue::Octets(text_or_octets(source)?.as_bytes().to_vec())
        }
        (Some(kind), _) => of_kind(source, kind)?,
    };
    fitting(source, value)
}

fn of_kind<S: ValueSource>(source: &S, kind: &OptionKind) -> Option<OptionValue> {
    Some(match kind {
        OptionKind::Address => OptionValue::Address(address(source)?),
        OptionKind::Addresses => OptionValue::Addresses(all(source, "an address", address)?),
        OptionKind::Flag => OptionValue::Flag(flag(source)?),
        OptionKind::U8 => OptionValue::U8(number(source, 0, u8::MAX)?),
        OptionKind::U16 => OptionValue::U16(number(source, 0, u16::MAX)?),
        OptionKind::U16s => {
            OptionValue::U16s(all(source, "a number", |item| number(item, 0, u16::MAX))?)
        }
        OptionKind::U32 => OptionValue::U32(number(source, 0, u32::MAX)?),
        OptionKind::I32 => OptionValue::I32(number(source, i32::MIN, i32::MAX)?),
        OptionKind::Text => OptionValue::Text(filled_text(source)?.to_owned()),
        OptionKind::DomainNames => {
            OptionValue::DomainNames(all(source, "a domain name", domain_name)?)
        }
        OptionKind::Routes => OptionValue::Routes(all(source, "a route", route)?),
        OptionKind::Octets => OptionValue::Octets(octets(source)?),
        layout => {
            let mut octets = Vec::new();
            layout::write(source, layout, &mut octets)?;
            OptionValue::Octets(octets)
        }
    })
}

/// Returns the value, unless it is longer than an option may be.
pub(crate) fn fitting<S: ValueSource>(source: &S, value: OptionValue) -> Option<OptionValue> {
    fits(source, value.uncompressed_len(), OPTION_OCTETS_MAX)?;
    Some(value)
}

/// Reports a value that takes more octets than it may.
pub(crate) fn fits<S: ValueSource>(source: &S, octets: usize, octets_max: usize) -> Option<()> {
    if octets > octets_max {
        source.refuse(ValueRefusal::TooLong { octets, octets_max });
        return None;
    }
    Some(())
}

/// Appends the octets of sub-options, a table with their names or codes as keys.
pub(crate) fn sub_options<S: ValueSource>(
    source: &S,
    options: &[SubOption],
    octets: &mut Vec<u8>,
) -> Option<()> {
    layout::write_sub_options(source, options, octets)
}

/// Appends the octets of one or more texts, each after its length.
pub(crate) fn counted_texts<S: ValueSource>(source: &S, octets: &mut Vec<u8>) -> Option<()> {
    layout::write(source, &COUNTED_TEXTS, octets)
}

/// Reads every item of a list that must not be empty. Returns `None` if an item is not valid.
fn all<S: ValueSource, T>(
    source: &S,
    noun: &str,
    read: impl Fn(&S) -> Option<T>,
) -> Option<Vec<T>> {
    let items = source.items();
    if items.is_empty() {
        let help = "remove the option if there is nothing to send";
        source.refuse(ValueRefusal::wanted(format!("at least {noun}")).help(help));
        return None;
    }
    // All items are read, so that all mistakes are reported.
    let read: Vec<Option<T>> = items.iter().map(read).collect();
    read.into_iter().collect()
}

/// Reads an IPv4 address.
pub fn address<S: ValueSource>(source: &S) -> Option<Ipv4Addr> {
    const WANTED: &str = "an IPv4 address, such as \"192.0.2.1\"";
    let text = text(source, WANTED)?;
    let address = text.parse().ok();
    if address.is_none() {
        let refusal = ValueRefusal::wanted(WANTED);
        source.refuse(match text.parse::<Ipv6Addr>() {
            Ok(_) => refusal.help("DHCPv4 does not support IPv6 addresses"),
            Err(_) if text.trim().parse::<Ipv4Addr>().is_ok() => {
                refusal.help("remove the spaces around it")
            }
            Err(_) => refusal,
        });
    }
    address
}

/// Reads an IPv4 prefix whose host bits are zero.
pub fn prefix<S: ValueSource>(source: &S) -> Option<Ipv4Prefix> {
    const WANTED: &str = "an IPv4 prefix, such as \"100.64.0.0/16\"";
    let text = text(source, WANTED)?;
    let refusal = match text.parse::<Ipv4Prefix>() {
        Ok(prefix) if prefix == prefix.trunc() => return Some(prefix),
        Ok(prefix) => {
            let help = format!("did you mean \"{}\"?", prefix.trunc());
            ValueRefusal::wanted("the first address of the prefix").help(help)
        }
        Err(_) if text.parse::<Ipv4Addr>().is_ok() => {
            ValueRefusal::wanted(WANTED).help("add the length of the prefix, such as /24")
        }
        Err(_) => ValueRefusal::wanted(WANTED),
    };
    source.refuse(refusal);
    None
}

/// Reads a flag.
pub fn flag<S: ValueSource>(source: &S) -> Option<bool> {
    let help = match source.form() {
        ValueForm::Flag(flag) => return Some(flag),
        ValueForm::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => "write true, without quotes",
            "false" | "no" | "off" | "0" => "write false, without quotes",
            _ => EITHER,
        },
        _ => EITHER,
    };
    const EITHER: &str = "write true or false, without quotes";
    source.refuse(ValueRefusal::wanted("true or false").help(help));
    None
}

/// Reads a whole number from `min` to `max`.
pub fn number<S: ValueSource, N>(source: &S, min: N, max: N) -> Option<N>
where
    N: Copy + fmt::Display + PartialOrd + TryFrom<i128>,
{
    let number = match source.form() {
        ValueForm::Number(number) => N::try_from(number).ok(),
        _ => None,
    };
    let number = number.filter(|number| (min..=max).contains(number));
    if number.is_none() {
        source.refuse(ValueRefusal::wanted(format!("a number from {min} to {max}")));
    }
    number
}

/// Reads a text; `wanted` describes its content.
pub fn text<'s, S: ValueSource>(source: &'s S, wanted: &'static str) -> Option<&'s str> {
    match source.form() {
        ValueForm::Text(text) => Some(text),
        _ => {
            source.refuse(ValueRefusal::wanted(wanted));
            None
        }
    }
}

/// Reads octets: `hex:` and hexadecimal digits, which may be grouped by `:`, `-` and spaces.
pub fn octets<S: ValueSource>(source: &S) -> Option<Vec<u8>> {
    const WANTED: &str = "octets, such as \"hex:0a0b\"";
    let text = text(source, WANTED)?;
    let refusal = ValueRefusal::wanted(WANTED);
    source.refuse(match hexadecimal::of_text(text) {
        Some(Ok(octets)) => return Some(octets),
        Some(Err(HexError::OddLength)) => refusal.help("write two digits for every octet"),
        Some(Err(HexError::NoDigit)) => refusal.help("the digits are 0 to 9 and a to f"),
        None => match meant_digits(text) {
            Some(digits) => refusal.help(format!("write \"{HEX}{digits}\"")),
            None => refusal,
        },
    });
    None
}

/// The digits that a text without `hex:` was most likely meant to be, if they can be shown.
fn meant_digits(text: &str) -> Option<String> {
    /// The maximum length of a suggestion, in digits.
    const SUGGESTED_DIGITS_MAX: usize = 64;

    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_plain =
        digits.bytes().all(|octet| octet.is_ascii_hexdigit()) && digits.len().is_multiple_of(2);
    let meant = if is_plain { digits.to_owned() } else { hexadecimal::digits(digits.as_bytes()) };
    (meant.len() <= SUGGESTED_DIGITS_MAX && !meant.is_empty()).then_some(meant)
}

/// Reads a text that can be sent.
fn filled_text<S: ValueSource>(source: &S) -> Option<&str> {
    const WANTED: &str = "a text of at least one character, without NUL characters";
    let text = text(source, WANTED)?;
    if text.is_empty() || text.contains('\0') {
        source.refuse(ValueRefusal::wanted(WANTED));
        return None;
    }
    Some(text)
}

/// Reads the text of a value that may also be written as octets.
fn text_or_octets<S: ValueSource>(source: &S) -> Option<&str> {
    text(source, "a text, or octets such as \"hex:0a0b\"")?;
    filled_text(source)
}

/// Reads a domain name, without the dot at its end.
fn domain_name<S: ValueSource>(source: &S) -> Option<String> {
    const WANTED: &str = "a domain name, such as \"example.net\"";
    let name = text(source, WANTED)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    if !is_domain_name(name) {
        let help = "labels of 1 to 63 letters, digits, `-` and `_`, with dots between them, \
                    253 characters in all";
        source.refuse(ValueRefusal::wanted(WANTED).help(help));
        return None;
    }
    Some(name.to_owned())
}

fn route<S: ValueSource>(source: &S) -> Option<(Ipv4Prefix, Ipv4Addr)> {
    let (to, via) = source.route();
    // Both are read, so that the mistakes in both are reported.
    let (to, via) = (to.and_then(|to| prefix(&to)), via.and_then(|via| address(&via)));
    Some((to?, via?))
}

impl ValueRefusal {
    /// The value is not what was wanted.
    pub fn wanted(wanted: impl Into<Cow<'static, str>>) -> Self {
        Self::Wanted { wanted: wanted.into(), help: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(self, help: impl Into<Cow<'static, str>>) -> Self {
        match self {
            Self::Wanted { wanted, .. } => Self::Wanted { wanted, help: Some(help.into()) },
            other => other,
        }
    }
}
