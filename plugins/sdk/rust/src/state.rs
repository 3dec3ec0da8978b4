//! Capability `state`: what a policy remembers, shared by all of its instances and kept over restarts
//! and reloads, for as long as the policy keeps its name.
//!
//! A key has 1 to 255 octets, a value at most 4,096; a policy has at most 65,536 keys and 16 MiB in
//! all, of which messages of one line add at most 1,024 keys. The file beside the policy can set other
//! numbers, for how long a key is kept after it was last set, and that the oldest key goes first where
//! there is no room (`[state]`). Reads are answered from memory; changes are on disk within a second.
//!
//! Other instances change the same keys at the same time: where a new value depends on the old one,
//! use [`replace`] and try again if it says no.
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

/// The value of a key; none if it has none.
///
/// # Errors
/// If the key is unusable.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, CapabilityError> {
    state::get(key).map_err(CapabilityError::from)
}

/// Sets the value of a key.
///
/// # Errors
/// If key or value are unusable, or there is no room.
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<(), CapabilityError> {
    state::set(key, Some(value.as_ref())).map_err(CapabilityError::from)
}

/// Removes a key. Removing one that is not there is no error.
///
/// # Errors
/// If the key is unusable, or too many removals wait for the disk.
pub fn remove(key: &str) -> Result<(), CapabilityError> {
    state::set(key, None).map_err(CapabilityError::from)
}

/// Sets the value of a key, or with none removes it, if its value is `expected` (none: it has none);
/// says whether it was.
///
/// # Errors
/// As [`set`] and [`remove`].
pub fn replace(
    key: &str,
    expected: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<bool, CapabilityError> {
    state::replace(key, expected, value).map_err(CapabilityError::from)
}
