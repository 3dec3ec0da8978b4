//! Runs policies: WebAssembly components that decide, at fixed points of a packet's life, what the
//! server does for a client. The contract with them is the package `lessor:policy` in `/wit`.
//!
//! What this crate is not: it knows neither sockets nor configuration files nor the wire format, and
//! it decides nothing about leases. Policies say what they want ([`lessor_core::Terms`]); the core
//! checks it and decides.
//!
//! - [`Runtime`]: one for a process: the engine, the clock that stops guests, the cache of compiled
//!   code.
//! - [`Chain`]: the plugins of one generation of the configuration, in order; made as a whole or not
//!   at all, with every mistake explained ([`PluginError`]).
//! - [`Runner`]: the instances of one worker thread. [`Observer`]: those of the thread that tells
//!   plugins what happens to leases.
//! - [`Shadows`], [`ShadowRunner`]: plugins that run on live traffic and decide nothing.
//! - [`compile_child`]: what a program does that was started to compile one file.
//!
//! # Isolation
//!
//! A plugin can slow down or kill nothing but itself. Each thread has an instance of its own of every
//! plugin, with its own memory and no locks. Before every call, `configure` and instantiation
//! included, its deadline is set anew. A call that traps, takes too long or gives an answer that
//! cannot be taken costs that one call: what it set is discarded, the failure policy decides about
//! the packet ([`FailurePolicy`]), the instance is thrown away, and a spare one that was prepared
//! beside the packet path takes over at the next call. Clients, lines and links whose faults cost more
//! processor time than they may are shut out: the plugin is not asked about them for a while. If the
//! faults of many cost more than [`limits::FAULT_MS_PER_SEC`], the plugin is suspended for all. All
//! limits stand in [`limits`].
//!
//! # Cost
//!
//! A hook that no plugin exports costs nothing: ask [`Chain::has_hook_for`] and its like. Otherwise a
//! call is some 200 ns and each getter about 100 ns. Plugins are compiled one after another by a child
//! process of low priority with limits of its own, so that neither packets nor the server suffer;
//! what was compiled is kept in a folder.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod artifact;
mod background;
mod belongings;
mod cache;
mod capability;
mod chain;
mod clock;
mod compiler;
mod contract;
mod error;
mod fault;
mod health;
mod hook;
mod host;
mod instance;
mod keeper;
pub mod limits;
mod longest_wait;
mod lookups;
mod plugin;
mod prepare;
mod runner;
mod runtime;
mod script;
mod seat;
mod shadow;
mod source;
mod status;
mod stopwatch;
mod timing;
mod trace;
mod trusted;
mod view;

pub use belongings::{
    Metric, Remembered, StateChange, StateEntry, StateRules, StateStatus, StateStore,
    StateStoreError, WhenFull,
};
pub use capability::{Capability, Grants};
pub use chain::Chain;
pub use compiler::{COMPILE_COMMAND, CompileLimits, CompilerSettings, compile_child};
pub use error::{CompileLimit, PluginError, Problem, RuntimeError};
pub use fault::FaultKind;
pub use health::{LastFault, Offender, OffenderStatus, Suspension};
pub use hook::Hook;
pub use host::Encode;
pub use limits::{FailurePolicy, Limits};
pub use longest_wait::{LongestWait, WaitPart};
pub use lookups::{LookupSources, NoLookupSources};
pub use runner::{Observer, Runner};
pub use runtime::{Allocation, Runtime, RuntimeSettings};
pub use script::{Named, NamedKind};
pub use shadow::{
    Difference, DifferenceKind, SampledReply, ShadowDifference, ShadowRunner, ShadowSample,
    ShadowStatus, ShadowThread, Shadows, ShadowsStatus,
};
pub use source::{Mode, PluginReport, PluginSource};
pub use status::PluginStatus;
pub use trace::{EditOutcome, Plan, PolicyOutcome, Setting, TraceEntry};
pub use view::{Absent, LeaseEvent, LeaseEventKind, Lookup, Lookups, PlannedLookup, View};
