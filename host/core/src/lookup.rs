//! Lookups: what sources outside the server returned about a client, in the form that policies
//! read.
//!
//! The core makes no decision based on it. It is defined here because it arrives with a request,
//! and is recorded and replayed with it. Invariant: an answer is read back from JSON as the same
//! answer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The answer of a source for one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupAnswer {
    /// The source has a row for the key.
    Found {
        /// The row.
        row: SourceRow,
        /// Whether the row is older than it should be, because the source does not answer.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_stale: bool,
    },
    /// The source has no row for the key.
    NotFound,
    /// The source could not be queried or did not answer in time. Contains the cause, for the
    /// operator.
    Unavailable(String),
}

/// A row of a source: text fields by name, in the order of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceRow(Arc<[(Arc<str>, Box<str>)]>);

impl SourceRow {
    /// The value of a field; `None` if the row has no such field, or the field is empty.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields().find(|(field, _)| *field == name);
        found.map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// All fields, including empty ones.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl FromIterator<(Arc<str>, Box<str>)> for SourceRow {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Box<str>)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_its_fields_and_nothing_for_empty_ones() {
        let row: SourceRow = [("plan", "fast"), ("address", "")]
            .map(|(name, value)| (Arc::from(name), Box::from(value)))
            .into_iter()
            .collect();
        assert_eq!(row.field("plan"), Some("fast"));
        assert_eq!(row.field("address"), None);
        assert_eq!(row.field("nothing"), None);
        let answer = LookupAnswer::Found { row, is_stale: false };
        let written = serde_json::to_string(&answer).unwrap();
        assert_eq!(written, r#"{"found":{"row":[["plan","fast"],["address",""]]}}"#);
        assert_eq!(serde_json::from_str::<LookupAnswer>(&written).unwrap(), answer);
    }
}
