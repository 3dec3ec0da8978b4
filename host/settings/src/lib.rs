//! What a configuration says about policies, sources of lookups and the store, as plain data: the
//! vocabulary that the crate which reads it shares with those that act on it.
//!
//! Reads no file and does nothing with the settings: `config` makes them; the policy host, `lookup`
//! and `store` act on them. Invariant: each setting is defined here once, with its default and its
//! range, and needs no conversion on its way.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

mod capability;
mod plugin;
mod source;
mod state;
mod store;

pub use capability::{Capability, Grants};
pub use plugin::{FailurePolicy, PluginLimits, PluginMode};
pub use source::{
    CsvSettings, HttpSettings, JsonSettings, OnSourceFailure, PostgresqlSettings, RadiusSettings,
    RemoteLimits, SourceKind, SourceSettings, SqliteSettings,
};
pub use state::{STATE_KEYS_MAX, STATE_LINE_KEYS_MAX, StateRules, WhenFull};
pub use store::StoreBackend;
