//! Why a capability did not do what it was asked to do.

use std::fmt;

use crate::__bindings::capabilities;

/// The reason why a call of a capability failed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapabilityError {
    /// The sidecar file of the policy does not grant this capability. Only scripts can get this
    /// error: a component that uses a capability without its grant is not loaded.
    NotGranted,
    /// There is no table of this name.
    UnknownTable,
    /// A name or a key is empty, too long, or has characters that are not allowed.
    UnusableName,
    /// The value is longer than allowed.
    ValueTooLong,
    /// The policy has reached a limit of this capability.
    LimitReached,
    /// Another reason, as text.
    Other(Option<String>),
}

impl fmt::Display for CapabilityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotGranted => "the sidecar file of the policy does not grant this",
            Self::UnknownTable => "the server has no table of this name",
            Self::UnusableName => "the name or key is empty, too long, or has unusable characters",
            Self::ValueTooLong => "the value is longer than allowed",
            Self::LimitReached => {
                "the policy has reached a limit: 64 names for `metrics`; for `state` the keys-max \
                 or line-keys-max below [state] in its sidecar file, or 16 MiB. The log names the \
                 limit"
            }
            Self::Other(None) => "the server refused this",
            Self::Other(Some(text)) => text,
        })
    }
}

impl std::error::Error for CapabilityError {}

impl From<capabilities::CapabilityError> for CapabilityError {
    fn from(error: capabilities::CapabilityError) -> Self {
        match error {
            capabilities::CapabilityError::NotGranted => Self::NotGranted,
            capabilities::CapabilityError::UnknownTable => Self::UnknownTable,
            capabilities::CapabilityError::UnusableName => Self::UnusableName,
            capabilities::CapabilityError::ValueTooLong => Self::ValueTooLong,
            capabilities::CapabilityError::LimitReached => Self::LimitReached,
            capabilities::CapabilityError::Other(text) => Self::Other(text),
        }
    }
}
