//! Capability `state`: values that a policy stores. All of its instances share them, and they are
//! kept across restarts and reloads for as long as the policy keeps its name.
//!
//! A key has 1 to 255 octets, and a value at most 4,096. A policy has at most 65,536 keys and 16
//! MiB in total; messages of one line add at most 1,024 keys. The section `[state]` of the sidecar
//! file can change the limits of keys, set how long a key is kept after it was last set, and select
//! that the oldest key is deleted when there is no room. Reads are answered from memory; changes
//! are on disk within a second.
//!
//! Other instances change the same keys concurrently. If a new value depends on the old one, use
//! [`replace`] and retry if it returns `false`.
//!
//! ```no_run
//! use lessor_policy::{CapabilityError, state};
//!
//! /// Counts how often a line was seen.
//! fn count(line: &str) -> Result<u64, CapabilityError> {
//!     loop {
//!         let before = state::get(line)?;
//!         let octets = before.as_deref().and_then(|octets| octets.try_into().ok());
//!         let count = octets.map_or(0, u64::from_be_bytes) + 1;
//!         if state::replace(line, before.as_deref(), Some(&count.to_be_bytes()))? {
//!             return Ok(count);
//!         }
//!     }
//! }
//! ```

use crate::{__bindings::state, CapabilityError};

/// Returns the value of a key, or `None` if the key has no value.
///
/// # Errors
/// Returns an error if the key is unusable.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, CapabilityError> {
    state::get(key).map_err(CapabilityError::from)
}

/// Sets the value of a key.
///
/// # Errors
/// Returns an error if the key or the value is unusable, or if there is no room.
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<(), CapabilityError> {
    state::set(key, Some(value.as_ref())).map_err(CapabilityError::from)
}

/// Removes a key. Removing a key that does not exist is not an error.
///
/// # Errors
/// Returns an error if the key is unusable, or if too many removals wait for the disk.
pub fn remove(key: &str) -> Result<(), CapabilityError> {
    state::set(key, None).map_err(CapabilityError::from)
}

/// Sets the value of a key if its current value is `expected`, and returns whether it was. `None`
/// for `value` removes the key; `None` for `expected` means that the key has no value.
///
/// # Errors
/// Returns the errors of [`set`] and [`remove`].
pub fn replace(
    key: &str,
    expected: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<bool, CapabilityError> {
    state::replace(key, expected, value).map_err(CapabilityError::from)
}
