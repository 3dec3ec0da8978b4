//! Capability `metrics`: counters and gauges in the server's metrics, labelled with the policy's
//! name and shared by all of its instances.
//!
//! A name has 1 to 64 characters of `a-z`, `0-9` and `_` and begins with a letter. A name that was
//! used for a counter cannot become a gauge, or the reverse. A policy has at most 64 names.
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
/// Returns an error if the name is unusable, is the name of a gauge, or is new and the policy
/// already has 64 names.
pub fn add(name: &str, more: u64) -> Result<(), CapabilityError> {
    metrics::add(name, more).map_err(CapabilityError::from)
}

/// Sets a gauge.
///
/// # Errors
/// Returns an error if the name is unusable, is the name of a counter, or is new and the policy
/// already has 64 names.
pub fn set(name: &str, value: f64) -> Result<(), CapabilityError> {
    metrics::set(name, value).map_err(CapabilityError::from)
}
