//! Boot fields: from which server and which file a client boots, in the header of a reply.
//!
//! Does not write them; the `wire` crate does. Invariant: a text that the header has no room for
//! does not exist as a [`HeaderText`].

mod architecture;
mod files;

use std::{net::Ipv4Addr, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::{
    architecture::ClientArchitecture,
    files::{BootClient, BootFiles},
};

/// A text for a field of the header: at most `OCTETS_MAX` octets, so that a final zero fits behind
/// it, and none of them is zero. An empty text leaves the field empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct HeaderText<const OCTETS_MAX: usize>(Arc<str>);

/// sname: the name of the server that a client boots from.
pub type ServerName = HeaderText<63>;

/// file: the path or the URL of the file that a client boots.
pub type BootFileName = HeaderText<127>;

/// The error for a text that is not a [`HeaderText`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HeaderTextError {
    /// The text is too long.
    #[error("it has {found} octets; the header has room for {wanted}")]
    TooLong {
        /// The length of the text in octets.
        found: usize,
        /// The room in octets.
        wanted: usize,
    },
    /// The text contains a zero octet, at which a client stops reading.
    #[error("it contains a zero octet, at which a client would stop reading")]
    Zero,
}

/// The boot fields that one scope sets. A field that no scope sets stays empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Boot {
    /// siaddr: the server that the client boots from; 0.0.0.0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_server: Option<Ipv4Addr>,
    /// sname, and option 66 for a client that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<ServerName>,
    /// file, and option 67 for a client that asks for it.
    #[serde(skip_serializing_if = "BootFiles::is_empty")]
    pub files: BootFiles,
    /// Whether options 66 and 67 end in a zero octet. If no scope says, they do for a client whose
    /// own texts do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_zero: Option<bool>,
}

impl Boot {
    /// Settings that say nothing.
    pub(crate) const NOTHING: Self =
        Self { next_server: None, server_name: None, files: BootFiles::NONE, final_zero: None };

    /// These settings and, where they say nothing, those of a scope around this one.
    #[must_use]
    pub fn or(self, outer: &Self) -> Self {
        Self {
            next_server: self.next_server.or(outer.next_server),
            server_name: self.server_name.or_else(|| outer.server_name.clone()),
            files: self.files.or(&outer.files),
            final_zero: self.final_zero.or(outer.final_zero),
        }
    }
}

impl<const OCTETS_MAX: usize> HeaderText<OCTETS_MAX> {
    /// The length of the longest text in octets.
    pub const OCTETS_MAX: usize = OCTETS_MAX;

    /// A text for the header.
    ///
    /// # Errors
    /// If the text is too long or contains a zero octet.
    pub fn new(text: &str) -> Result<Self, HeaderTextError> {
        Arc::<str>::from(text).try_into()
    }

    /// Returns whether the field stays empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const OCTETS_MAX: usize> TryFrom<Arc<str>> for HeaderText<OCTETS_MAX> {
    type Error = HeaderTextError;

    fn try_from(text: Arc<str>) -> Result<Self, HeaderTextError> {
        let found = text.len();
        if text.contains('\0') {
            return Err(HeaderTextError::Zero);
        }
        if found > OCTETS_MAX {
            return Err(HeaderTextError::TooLong { found, wanted: OCTETS_MAX });
        }
        Ok(Self(text))
    }
}

impl<const OCTETS_MAX: usize> From<HeaderText<OCTETS_MAX>> for Arc<str> {
    fn from(text: HeaderText<OCTETS_MAX>) -> Self {
        text.0
    }
}

impl<const OCTETS_MAX: usize> Default for HeaderText<OCTETS_MAX> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<const OCTETS_MAX: usize> Deref for HeaderText<OCTETS_MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_zero_fits_behind_every_text() {
        assert_eq!(BootFileName::new(&"x".repeat(127)).unwrap().len(), 127);
        let too_long = HeaderTextError::TooLong { found: 128, wanted: 127 };
        assert_eq!(BootFileName::new(&"x".repeat(128)), Err(too_long));
        assert_eq!(ServerName::new("a\0b"), Err(HeaderTextError::Zero));
        assert!(ServerName::new(&"é".repeat(32)).is_err());
        assert!(ServerName::new("").unwrap().is_empty());
    }

    #[test]
    fn a_recorded_text_is_checked_again() {
        let name: ServerName = serde_json::from_str("\"boot.example\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"boot.example\"");
        let text = format!("\"{}\"", "x".repeat(64));
        assert!(serde_json::from_str::<ServerName>(&text).is_err());
    }
}
