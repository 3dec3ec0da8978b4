//! Why the state of a plugin is not changed.

use crate::limits::{STATE_KEY_OCTETS_MAX, STATE_VALUE_OCTETS_MAX};

/// Why the state was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateError {
    UnusableKey,
    ValueTooLong,
    /// The maximum number of keys is reached.
    KeysFull,
    /// The maximum size of all keys and values is reached.
    OctetsFull,
    /// The line has added its maximum number of keys.
    LineFull,
    /// Too many removals wait to be written to disk.
    RemovalsFull,
}

impl StateError {
    /// Whether a limit was reached, as opposed to a key or value that is never valid.
    pub(crate) fn is_limit(self) -> bool {
        !matches!(self, Self::UnusableKey | Self::ValueTooLong)
    }
}

pub(super) fn check_key(key: &str) -> Result<(), StateError> {
    match (1..=STATE_KEY_OCTETS_MAX).contains(&key.len()) {
        true => Ok(()),
        false => Err(StateError::UnusableKey),
    }
}

pub(super) fn check_value(value: Option<&[u8]>) -> Result<(), StateError> {
    match value.is_some_and(|value| value.len() > STATE_VALUE_OCTETS_MAX) {
        true => Err(StateError::ValueTooLong),
        false => Ok(()),
    }
}
