//! The parameters of a service (RFC 9460 section 2.2) that have a name.
//!
//! Those for addresses (`ipv4hint` and `ipv6hint`) have none, because RFC 9463 does not
//! allow them in an option. Invariant: the keys ascend.

use alloc::{format, string::String};

use super::{
    kind::OptionKind::{self, Empty, Octets, Text, U16},
    layouts::USER_CLASS,
};

/// The key of the parameter that lists those which a client has to know (RFC 9460 section 8).
pub(crate) const MANDATORY: u16 = 0;
/// The key of the protocols (RFC 9460 section 7.1).
pub(crate) const ALPN: u16 = 1;
/// The key of the parameter that excludes the default protocol, which needs [`ALPN`].
pub(crate) const NO_DEFAULT_ALPN: u16 = 2;

/// What the name of a parameter without its own begins with; its number follows (RFC 9460 section
/// 2.1).
const NUMBERED: &str = "key";

/// The named parameters: key, name and kind of value.
static PARAMETERS: [(u16, &str, OptionKind); 7] = [
    // Its value is read apart from the others: see `read::layout`.
    (MANDATORY, "mandatory", Octets),
    // The protocols are texts, each after its length, like user classes.
    (ALPN, "alpn", USER_CLASS),
    (NO_DEFAULT_ALPN, "no-default-alpn", Empty),
    (3, "port", U16),
    (5, "ech", Octets),
    // RFC 9461.
    (7, "dohpath", Text),
    // RFC 9540.
    (8, "ohttp", Empty),
];

/// The kind of value of a parameter without a name.
static OTHER: OptionKind = Octets;

/// The names, in the order of the keys.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    PARAMETERS.iter().map(|(_, name, _)| *name)
}

/// The key that a name stands for.
pub(crate) fn key(name: &str) -> Option<u16> {
    let named = PARAMETERS.iter().find(|(_, found, _)| *found == name).map(|(key, ..)| *key);
    let number = || {
        let digits = name.strip_prefix(NUMBERED)?;
        let is_number = digits.bytes().all(|octet| octet.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number)
    };
    named.or_else(number)
}

/// The name of a parameter, if it has one; otherwise its number follows `key`.
pub(crate) fn name(key: u16) -> String {
    let named = PARAMETERS.iter().find(|(found, ..)| *found == key);
    named.map_or_else(|| format!("{NUMBERED}{key}"), |(_, name, _)| (*name).into())
}

/// The kind of value of a parameter; octets if it has no name.
pub(crate) fn kind(key: u16) -> &'static OptionKind {
    let named = PARAMETERS.iter().find(|(found, ..)| *found == key);
    named.map_or(&OTHER, |(_, _, kind)| kind)
}

/// Returns whether a list of the keys that a client has to know is as RFC 9460 section 8 demands:
/// not empty, ascending, without itself, and of parameters that are present.
pub(crate) fn is_mandatory_list(listed: &[u16], present: &[u16]) -> bool {
    !listed.is_empty()
        && listed.is_sorted_by(|one, other| one < other)
        && listed.iter().all(|key| *key != MANDATORY && present.contains(key))
}
