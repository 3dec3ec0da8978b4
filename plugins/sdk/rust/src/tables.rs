//! Capability `tables`: looks up in the sources that the server holds in memory (CSV and JSON files),
//! at once and without a plan.
//!
//! ```no_run
//! # fn main() -> Result<(), lessor_policy::CapabilityError> {
//! let pool = lessor_policy::tables::field("subscribers", "olt1/3", "pool")?;
//! # Ok(())
//! # }
//! ```

use crate::{__bindings::tables, CapabilityError};

/// A field of the row with this key; none if there is no such row, or nothing in the field.
///
/// # Errors
/// If there is no such table, or the key is unusable.
pub fn field(table: &str, key: &str, field: &str) -> Result<Option<String>, CapabilityError> {
    tables::field(table, key, field).map_err(CapabilityError::from)
}

/// The whole row, as a JSON object of texts; none if there is no such row.
///
/// # Errors
/// If there is no such table, or the key is unusable.
pub fn row_json(table: &str, key: &str) -> Result<Option<String>, CapabilityError> {
    tables::row(table, key).map_err(CapabilityError::from)
}

/// The whole row, read into a type of the policy's own; none if there is no such row.
///
/// # Errors
/// If there is no such table, the key is unusable, or the row does not fit the type.
#[cfg(feature = "settings")]
pub fn row<T: serde::de::DeserializeOwned>(
    table: &str,
    key: &str,
) -> Result<Option<T>, CapabilityError> {
    let Some(row) = row_json(table, key)? else { return Ok(None) };
    let read = serde_json::from_str(&row).map(Some);
    read.map_err(|error| CapabilityError::Other(Some(format!("the row {key} of {table}: {error}"))))
}
