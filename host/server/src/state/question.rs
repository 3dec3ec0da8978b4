//! What is asked of the stored state of policies.

use serde::{Deserialize, Serialize};

/// The requests to the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StateQuestion {
    /// List the keys of policies; a line for each key.
    List { policy: Option<String> },
    /// Remove these keys; one line.
    Remove { policy: String, keys: Vec<String> },
    /// Remove every key; one line.
    Clear { policy: String },
}
