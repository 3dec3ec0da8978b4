//! Capability `tables`: immediate lookups, without a plan, in the sources that the server keeps in
//! memory (CSV and JSON files).
//!
//! ```no_run
//! # fn main() -> Result<(), lessor_policy::CapabilityError> {
//! let pool = lessor_policy::tables::field("subscribers", "olt1/3", "pool")?;
//! # Ok(())
//! # }
//! ```

use crate::{__bindings::tables, CapabilityError};

/// Returns a field of the row with this key, or `None` if there is no such row or the field is
/// empty.
///
/// # Errors
/// Returns an error if there is no such table, or if the key is unusable.
pub fn field(table: &str, key: &str, field: &str) -> Result<Option<String>, CapabilityError> {
    tables::field(table, key, field).map_err(CapabilityError::from)
}

/// Returns the whole row as a JSON object of texts, or `None` if there is no such row.
///
/// # Errors
/// Returns an error if there is no such table, or if the key is unusable.
pub fn row_json(table: &str, key: &str) -> Result<Option<String>, CapabilityError> {
    tables::row(table, key).map_err(CapabilityError::from)
}

/// Returns the whole row, deserialized into a type of the policy, or `None` if there is no such
/// row.
///
/// # Errors
/// Returns an error if there is no such table, the key is unusable, or the row does not match the
/// type.
#[cfg(feature = "settings")]
pub fn row<T: serde::de::DeserializeOwned>(
    table: &str,
    key: &str,
) -> Result<Option<T>, CapabilityError> {
    let Some(row) = row_json(table, key)? else { return Ok(None) };
    let read = serde_json::from_str(&row).map(Some);
    read.map_err(|error| CapabilityError::Other(Some(format!("the row {key} of {table}: {error}"))))
}
