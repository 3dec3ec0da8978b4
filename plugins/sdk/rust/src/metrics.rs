//! Capability `metrics`: numbers beside the server's own, named after the policy and shared by all of
//! its instances.
//!
//! A name has 1 to 64 characters of `a-z`, `0-9` and `_`, begins with a letter, and is a counter or a
//! gauge for good; a policy has at most 64 names.
//!
//! ```no_run
//! # fn main() -> Result<(), lessor_policy::CapabilityError> {
//! lessor_policy::metrics::add("sent_to_garden", 1)?;
//! lessor_policy::metrics::set("unpaid_lines", 217.0)?;
//! # Ok(())
//! # }
//! ```

use crate::{__bindings::metrics, CapabilityError};

/// Adds to a counter.
///
/// # Errors
/// If the name is unusable or is that of a gauge, or there are 64 others.
pub fn add(name: &str, more: u64) -> Result<(), CapabilityError> {
    metrics::add(name, more).map_err(CapabilityError::from)
}

/// Sets a gauge.
///
/// # Errors
/// If the name is unusable or is that of a counter, or there are 64 others.
pub fn set(name: &str, value: f64) -> Result<(), CapabilityError> {
    metrics::set(name, value).map_err(CapabilityError::from)
}
