//! Everything that serves: workers between sockets and storage, the engines of all networks, how
//! one generation of configuration and policies follows another, and what is reported of each
//! input.
//!
//! Does not parse a command line, print for people or know the questions on the control socket:
//! [`serve()`] passes each question to its caller's function, with the [`Reloader`] as the handle
//! to the server that runs. Decides nothing itself: `lessor_core` decides, and an exchange goes
//! through the stages of [`lessor_stages`]. A [`replica::Replica`] is the same server in memory,
//! without sockets, clock and storage.
//!
//! Invariant: a reply leaves only after every change that it rests on is durable, and every input
//! ends in exactly one reason.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod alarms;
mod awaited;
mod backlog;
pub mod by_hand;
mod class_counts;
pub mod clock;
mod counters;
mod drains;
mod endpoints;
mod event;
mod exchange;
mod exit;
mod first;
mod heard;
mod held;
mod holds;
mod hosts;
mod hosts_file;
mod in_use;
mod instances;
mod journal;
pub mod leases;
mod limits;
mod logging;
mod memory;
pub mod metrics;
mod observer;
pub mod operator;
mod order;
mod parking;
mod plugin_state;
mod privileges;
mod prober;
mod probes;
mod reclaimer;
pub mod recorder;
mod reload;
pub mod replica;
mod rollback;
mod sampling;
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
mod takeover;
#[cfg(test)]
mod testing;
mod ticket;
mod vital;
mod waiting;
mod watchers;
mod worker;

pub use awaited::Meanwhile;
pub use class_counts::ClassRow;
pub use drains::{DrainRow, drained_pools};
pub use endpoints::{EndpointState, EndpointStatus};
pub use exchange::Reach;
pub use heard::{Heard, HeardAt, Name};
pub use limits::Limit;
pub use privileges::become_owner;
pub use reload::{ReloadReport, Reloader};
pub use sampling::LeftOut;
pub use serve::serve;
pub use shadow_summary::ShadowSummary;
pub use shards::Shards;
pub use status::{HoldRow, PoolRow, Status, StoreStatus};
pub use worker::workers_of;
