//! Everything that serves: workers between sockets and storage, the engines of all networks, the
//! generations of configuration and policies, and what is reported of each input.
//!
//! Does not parse a command line, print for people or know the questions on the control socket:
//! [`serve`] passes each question to its caller's function, with the [`Reloader`] as the handle to
//! the server that runs. Decides nothing itself: `lessor_core` decides, and an exchange goes
//! through the stages of [`lessor_stages`]. A [`replica::Replica`] is the same server in memory,
//! without sockets, clock and storage.
//!
//! Invariant: a reply leaves only after every change that it rests on is durable, and every input
//! ends in exactly one reason.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod alarms;
mod backlog;
pub mod clock;
mod counters;
mod endpoints;
mod event;
mod exchange;
mod exit;
pub mod generation;
mod heard;
mod held;
mod holds;
mod journal;
mod last_accepted;
pub mod leases;
mod limits;
mod logging;
mod lookups;
pub mod memory;
pub mod metrics;
mod named;
mod observer;
mod order;
mod parking;
mod patience;
mod plugin_folder;
mod plugin_state;
mod privileges;
mod reclaimer;
pub mod recorder;
mod reload;
pub mod replica;
mod rollback;
mod sampling;
mod scripts;
mod serve;
mod serving;
mod shadow_journal;
mod shadow_summary;
mod shards;
mod shared;
mod starting;
pub mod state;
mod status;
mod stopping;
pub mod stored;
#[cfg(test)]
mod testing;
mod ticket;
mod vital;
mod waiting;
mod worker;

pub use endpoints::{EndpointState, EndpointStatus};
pub use exchange::Reach;
pub use heard::{Heard, HeardAt, Name};
pub use last_accepted::Fallback;
pub use limits::Limit;
pub use lookups::LookupSet;
pub use named::unknown as unknown_names;
pub use patience::warning as patience_warning;
pub use reload::{ReloadReport, Reloader};
pub use sampling::LeftOut;
pub use serve::serve;
pub use shadow_summary::ShadowSummary;
pub use shards::Shards;
pub use starting::Candidate;
pub use status::{HoldRow, PoolRow, Status, StoreStatus};
pub use worker::workers_of;
