//! Host names: what a client, the configuration or a policy calls a host.
//!
//! Does not choose among several names; the engine does. Every name that enters the server passes
//! one function, so it can be written into a log, a table or a hosts file. Invariant: a
//! [`HostName`] consists of labels that a host may have (RFC 1123 section 2.1): 1 to 63 lower-case
//! letters, digits and hyphens, with no hyphen at either end; 253 octets in all.

mod client_fqdn;
mod rule;
mod stated;

use std::{fmt, net::Ipv4Addr, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::OptionValue;

pub use self::{
    client_fqdn::ClientFqdn,
    rule::{HostNameRule, HostNameSettings},
    stated::StatedNames,
};

/// The maximum length of a name in octets (RFC 1123 section 2.1, RFC 1035 section 2.3.4).
const NAME_OCTETS_MAX: usize = 253;
/// The maximum length of a label in octets.
const LABEL_OCTETS_MAX: usize = 63;
/// Names by which a host finds a service of its network. A client with such a name would receive
/// what others send to the service.
const NAMES_OF_SERVICES: [&str; 2] = ["wpad", "isatap"];
/// The name of every host for itself (RFC 6761 section 6.3).
const LOCALHOST: &str = "localhost";

/// A host name, with or without a domain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct HostName(Arc<str>);

/// Why a text is not a host name.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameFault {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// The option ends within the name or its flags.
    #[error("the option ends too early")]
    Truncated,
    /// Octets follow the end of the name.
    #[error("octets follow the end of the name")]
    Trailing,
    /// It contains a control character.
    #[error("it contains a control character")]
    ControlCharacter,
    /// It contains a character outside ASCII.
    #[error("it contains a character outside ASCII")]
    NotAscii,
    /// It contains a character that no host name has.
    #[error("it contains a character other than letters, digits, hyphens and dots")]
    Character,
    /// One of its labels has no letter and no digit.
    #[error("it has an empty label")]
    EmptyLabel,
    /// One of its labels is too long.
    #[error("a label has more than 63 octets")]
    LongLabel,
    /// It is too long, with its domain.
    #[error("it has more than 253 octets")]
    TooLong,
    /// Its last label is a number, so programs would read it as an address.
    #[error("it looks like an address")]
    Address,
    /// It is the name of every host for itself, or of a service that hosts look for.
    #[error("it is `localhost`, or the name of a service that hosts look for")]
    Reserved,
}

impl NameFault {
    /// The name of the fault in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::ControlCharacter => "control-character",
            Self::NotAscii => "not-ascii",
            Self::Character => "character",
            Self::EmptyLabel => "empty-label",
            Self::LongLabel => "long-label",
            Self::TooLong => "too-long",
            Self::Address => "address",
            Self::Reserved => "reserved",
        }
    }
}

impl HostName {
    /// The host name that `octets` mean, which may come from any client: final zeros, a final dot
    /// and surrounding spaces are removed, upper-case letters become lower-case, spaces and
    /// underscores become hyphens, and hyphens at the ends of labels are removed.
    ///
    /// # Errors
    /// If that does not make a name that a client may have.
    pub fn sanitised(octets: &[u8]) -> Result<Self, NameFault> {
        let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        let octets = octets.get(..end).unwrap_or_default().trim_ascii();
        let octets = octets.strip_suffix(b".").unwrap_or(octets);
        let name = labels(octets)?;
        let has_reserved = |label: &str| NAMES_OF_SERVICES.contains(&label) || label == LOCALHOST;
        let last = name.rsplit('.').next();
        if has_reserved(first_label(&name)) || last == Some(LOCALHOST) {
            return Err(NameFault::Reserved);
        }
        Ok(Self(name.into()))
    }

    /// The host name that is written as `text`, upper-case letters and a final dot apart.
    ///
    /// # Errors
    /// If `text` would have to be changed to be a name.
    pub fn read(text: &str) -> Result<Self, NameFault> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let name = labels(text.as_bytes())?;
        match name.eq_ignore_ascii_case(text) {
            true => Ok(Self(name.into())),
            false => Err(NameFault::Character),
        }
    }

    /// The domain in the value of option 15; `None` if it is not one name.
    pub fn of_domain(value: &OptionValue) -> Option<Self> {
        let octets = match value {
            OptionValue::Text(text) => text.as_bytes(),
            OptionValue::Octets(octets) => octets,
            _ => return None,
        };
        let text = std::str::from_utf8(octets).ok()?;
        Self::read(text.trim_end_matches('\0')).ok()
    }

    /// The name made of `prefix` and an address, such as `host-192-0-2-1`.
    pub fn generated(prefix: Option<&Self>, address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        let prefix = prefix.map_or(rule::PREFIX, |prefix| prefix.first_label());
        let prefix = prefix.get(..rule::PREFIX_OCTETS_MAX).unwrap_or(prefix);
        Self(format!("{}-{a}-{b}-{c}-{d}", prefix.trim_end_matches('-')).into())
    }

    /// The first label: the name of the host without its domain.
    pub fn first_label(&self) -> &str {
        first_label(&self.0)
    }

    /// Returns whether the name has a domain.
    pub fn has_domain(&self) -> bool {
        self.0.contains('.')
    }

    /// Returns whether the name is in `domain`: it ends in a dot and the domain.
    pub fn is_in(&self, domain: &Self) -> bool {
        self.0.strip_suffix(&*domain.0).is_some_and(|host| host.ends_with('.'))
    }

    /// The name that a client which calls itself so has in `domain`. A client may choose names
    /// within the domain only: of any other name, its first label counts.
    ///
    /// # Errors
    /// If the name is too long with the domain.
    pub fn of_client_in(&self, domain: Option<&Self>) -> Result<Self, NameFault> {
        match domain {
            Some(domain) if self.is_in(domain) => Ok(self.clone()),
            _ if !self.has_domain() => self.completed(domain),
            _ => Self(self.first_label().into()).completed(domain),
        }
    }

    /// The name with `domain`, unless it has a domain.
    ///
    /// # Errors
    /// If the name is too long with the domain.
    pub fn completed(&self, domain: Option<&Self>) -> Result<Self, NameFault> {
        let Some(domain) = domain.filter(|_| !self.has_domain()) else { return Ok(self.clone()) };
        match self.0.len() + 1 + domain.0.len() {
            0..=NAME_OCTETS_MAX => Ok(Self(format!("{}.{}", self.0, domain.0).into())),
            _ => Err(NameFault::TooLong),
        }
    }

    /// The name that [`HostName`] already was when it was stored.
    pub(crate) fn from_own_octets(octets: &[u8]) -> Option<Self> {
        std::str::from_utf8(octets).ok().map(|text| Self(text.into()))
    }
}

fn first_label(name: &str) -> &str {
    name.split_once('.').map_or(name, |(label, _)| label)
}

/// The labels of a name, made what labels may be.
fn labels(octets: &[u8]) -> Result<String, NameFault> {
    if octets.is_empty() {
        return Err(NameFault::Empty);
    }
    let mut name = String::new();
    let mut is_number = false;
    for label in octets.split(|octet| *octet == b'.') {
        // A longer name is refused before it takes memory.
        if name.len() + label.len() > 2 * NAME_OCTETS_MAX {
            return Err(NameFault::TooLong);
        }
        if !name.is_empty() {
            name.push('.');
        }
        let start = name.len();
        for octet in label {
            name.push(plain(*octet)?);
        }
        let written = name.get(start..).unwrap_or_default();
        let label = written.trim_matches('-');
        let (skipped, len) = (written.len() - written.trim_start_matches('-').len(), label.len());
        is_number = label.bytes().all(|octet| octet.is_ascii_digit());
        match len {
            0 => return Err(NameFault::EmptyLabel),
            1..=LABEL_OCTETS_MAX => {}
            _ => return Err(NameFault::LongLabel),
        }
        name.truncate(start + skipped + len);
        name.drain(start..start + skipped);
    }
    match name.len() {
        ..=NAME_OCTETS_MAX if is_number && name.contains('.') => Err(NameFault::Address),
        ..=NAME_OCTETS_MAX => Ok(name),
        _ => Err(NameFault::TooLong),
    }
}

/// The character of a label that an octet means.
fn plain(octet: u8) -> Result<char, NameFault> {
    match octet {
        b'a'..=b'z' | b'0'..=b'9' | b'-' => Ok(char::from(octet)),
        b'A'..=b'Z' => Ok(char::from(octet.to_ascii_lowercase())),
        b' ' | b'_' => Ok('-'),
        0..=0x1f | 0x7f => Err(NameFault::ControlCharacter),
        0x80.. => Err(NameFault::NotAscii),
        _ => Err(NameFault::Character),
    }
}

impl Deref for HostName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<Arc<str>> for HostName {
    type Error = NameFault;

    fn try_from(text: Arc<str>) -> Result<Self, NameFault> {
        Self::read(&text)
    }
}

impl From<HostName> for Arc<str> {
    fn from(name: HostName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests;
