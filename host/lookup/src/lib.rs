//! Lookups: queries sources outside the server about a client, by the name of a source and a key.
//! Sources are files held in memory, databases, web services and RADIUS servers.
//!
//! Does not know the callers (policies, through the server) or where the settings come from.
//! Invariants: **the key is always passed as a parameter, never inserted into the text of a
//! query**; **[`Sources::ask`] always answers**, within the source's deadline; and however a source
//! behaves, memory, connections and pending queries are bounded.
//!
//! ```text
//!               ┌─ file ──── Table: rows in memory ───────────────────────────────▶ at once
//! name, key ──▶ │
//!               └─ remote ── cache ──▶ failed keys ──▶ back-off ──▶ flights ──▶ queue ──▶ source
//!                              └────── fresh, or stale while the source fails ──────────────┘
//! ```

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]
#![cfg_attr(not(feature = "remote"), allow(dead_code, reason = "remote sources use the rest"))]

#[cfg(feature = "remote")]
mod cause;
mod error;
mod failure_log;
mod limits;
#[cfg(not(feature = "remote"))]
mod no_remote;
#[cfg(feature = "remote")]
mod remote;
mod row;
mod secret;
mod source;
mod sources;
mod status;
mod table;
#[cfg(feature = "remote")]
mod tls;

pub use error::{SourceError, SourceProblem};
pub use limits::{
    COLUMNS_MAX, COMPUTING_THREADS_MAX, FAILED_KEY_FOR, FAILED_KEYS_IN_A_ROW_MAX, FAILED_KEYS_MAX,
    FILE_OCTETS_MAX, HEADER_OCTETS_MAX, KEY_OCTETS_MAX, LOG_LINE_EVERY, RETRY_AFTER_MAX,
    RETRY_AFTER_MIN, ROW_IN_FILE_OCTETS_MAX, ROW_OCTETS_MAX, SAME_ERROR_EVERY, SECRET_OCTETS_MAX,
    SHRINKS_TO_ONE_IN, SQLITE_STEPS_MAX, TABLE_OCTETS_FREE,
};
pub use sources::Sources;
pub use status::SourceStatus;
pub use table::LookupTable;
