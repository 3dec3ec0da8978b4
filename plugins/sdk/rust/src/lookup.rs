//! Lookups that a policy plans, and their results.

use std::fmt;

use crate::__bindings::types;
pub use crate::__bindings::types::LookupStatus;

/// The lookups that a policy needs before it decides about a request, or is notified of a lease
/// event.
#[derive(Debug)]
pub struct LookupPlan<'call>(pub(crate) &'call types::LookupPlan);

impl LookupPlan<'_> {
    /// Plans a lookup of `key` in the source of this name, which the server's configuration
    /// declares. The answer is available under `name`. If the same name is planned twice, the later
    /// lookup counts.
    ///
    /// # Errors
    /// Returns a [`LookupError`] if the server refuses the lookup.
    pub fn add(&self, name: &str, source: &str, key: &str) -> Result<(), LookupError> {
        self.0.add(name, source, key).map_err(LookupError::from)
    }
}

/// The result of a lookup. Each method makes a call to the server, so keep values that are needed
/// more than once.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'call> {
    pub(crate) subject: Subject<'call>,
    pub(crate) name: &'call str,
}

/// What a lookup was made for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'call> {
    Request(&'call types::Request),
    Event(&'call types::LeaseEvent),
}

impl Lookup<'_> {
    /// Whether the source has a row for the key, has none, or was unavailable.
    pub fn status(&self) -> LookupStatus {
        match self.subject {
            Subject::Request(request) => request.lookup_status(self.name),
            Subject::Event(event) => event.lookup_status(self.name),
        }
    }

    /// Whether the source has a row for the key.
    pub fn is_found(&self) -> bool {
        self.status() == LookupStatus::Found
    }

    /// A field of the row as text, or `None` if there is no row or the field is missing or empty.
    pub fn field(&self, field: &str) -> Option<String> {
        match self.subject {
            Subject::Request(request) => request.lookup_field(self.name, field),
            Subject::Event(event) => event.lookup_field(self.name, field),
        }
    }

    /// The whole row as a JSON object of texts, or `None` if there is no row.
    pub fn row_json(&self) -> Option<String> {
        match self.subject {
            Subject::Request(request) => request.lookup_row(self.name),
            Subject::Event(event) => event.lookup_row(self.name),
        }
    }

    /// The whole row, deserialized into a type of the policy, or `None` if there is no row.
    ///
    /// # Errors
    /// Returns a sentence that describes what does not match the type.
    #[cfg(feature = "settings")]
    pub fn row<T: serde::de::DeserializeOwned>(&self) -> Result<Option<T>, String> {
        let Some(row) = self.row_json() else { return Ok(None) };
        let read = serde_json::from_str(&row);
        read.map(Some).map_err(|error| format!("the row of lookup {}: {error}", self.name))
    }

    /// Whether the row is older than its cache time because its source does not answer.
    pub fn is_stale(&self) -> bool {
        match self.subject {
            Subject::Request(request) => request.lookup_is_stale(self.name),
            Subject::Event(event) => event.lookup_is_stale(self.name),
        }
    }
}

/// The reason why a lookup was not planned. Lookups that were planned before remain planned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// The server has no source of this name.
    UnknownSource,
    /// The name has more than 64 octets or the key more than 1,024, or one of them is empty.
    UnusableKey,
    /// 8 lookups are planned already, by this call and that of the round before.
    TooManyLookups,
    /// Another reason, as text.
    Other(Option<String>),
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownSource => "the server has no source of this name",
            Self::UnusableKey => {
                "the name has more than 64 octets or the key more than 1,024, or one is empty"
            }
            Self::TooManyLookups => "more lookups than may be planned, in both rounds together",
            Self::Other(None) => "the server refused the lookup",
            Self::Other(Some(text)) => text,
        })
    }
}

impl std::error::Error for LookupError {}

impl From<types::LookupError> for LookupError {
    fn from(error: types::LookupError) -> Self {
        match error {
            types::LookupError::UnknownSource => Self::UnknownSource,
            types::LookupError::UnusableKey => Self::UnusableKey,
            types::LookupError::TooManyLookups => Self::TooManyLookups,
            types::LookupError::Other(text) => Self::Other(text),
        }
    }
}
