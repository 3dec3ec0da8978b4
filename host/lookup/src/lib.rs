//! Lookups: what sources outside the server know about a client, asked by the name of a source and
//! a key. Files that are held in memory, databases, web services, RADIUS servers.
//!
//! Not here: who asks and why (policies, through the server), and where the settings come from.
//! The invariants: **a source is asked by parameter, never by a query pasted together from a key**;
//! **[`Sources::ask`] always answers**, within the source's deadline; and whatever a source does,
//! memory, connections and questions under way are bounded.
//!
//! ```text
//!               ┌─ file ──── Table: rows in memory ──────────────────────────────▶ at once
//! name, key ──▶ │
//!               └─ remote ── cache ──▶ failed keys ──▶ back-off ──▶ one flight a key ──▶ queue ──▶ source
//!                              └─────────── fresh, or stale while the source fails ───────────────┘
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod cause;
mod error;
mod failure_log;
mod limits;
mod remote;
mod row;
mod secret;
mod settings;
mod source;
mod sources;
mod status;
mod table;
mod tls;

pub use error::{Problem, SourceError};
pub use limits::{
    COLUMNS_MAX, COMPUTING_THREADS_MAX, FAILED_KEY_FOR, FAILED_KEYS_IN_A_ROW_MAX, FAILED_KEYS_MAX,
    FILE_OCTETS_MAX, HEADER_OCTETS_MAX, KEY_OCTETS_MAX, LOG_LINE_EVERY, RETRY_AFTER_MAX,
    RETRY_AFTER_MIN, ROW_IN_FILE_OCTETS_MAX, ROW_OCTETS_MAX, SAME_ERROR_EVERY, SECRET_OCTETS_MAX,
    SHRINKS_TO_ONE_IN, SQLITE_STEPS_MAX, TABLE_OCTETS_FREE,
};
pub use settings::{
    FileSettings, HttpSettings, Place, PostgresqlSettings, RadiusSettings, RemoteLimits,
    SourceSettings, SqliteSettings,
};
pub use sources::Sources;
pub use status::SourceStatus;
pub use table::Table;
