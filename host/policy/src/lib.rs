//! Runs policies: WebAssembly components that decide, at fixed points of a packet's life, what the
//! server does for a client. The contract with them is the package `lessor:policy` in `/wit`.
//!
//! Knows neither sockets nor configuration files nor messages: of `lessor-wire` it uses the
//! encoding of values. Decides nothing about leases: policies say what they want
//! ([`lessor_core::Terms`]), and the core checks it and decides.
//!
//! - [`Runtime`]: one per process: the engine, the clock that stops guests, and the cache of
//!   compiled code.
//! - [`Chain`]: the plugins of one generation of the configuration, in order. It is created as a
//!   whole or not at all, and every mistake is explained ([`PluginError`]).
//! - [`Runner`]: the instances of one worker thread. [`LeaseEventRunner`]: those of the thread that
//!   notifies plugins of lease events.
//! - [`Shadows`], [`ShadowRunner`]: plugins that run on live traffic and decide nothing.
//! - [`compile_child`]: the main function of a program that was started to compile one file.
//!
//! # Isolation
//!
//! A plugin can slow down or fail only itself. Each thread has its own instance of every plugin,
//! with its own memory and no locks. Before every call, including `configure` and instantiation,
//! the deadline is reset. A call that traps, takes too long or returns an answer that is not valid
//! costs that one call: what it set is discarded, the failure policy decides about the packet
//! ([`FailurePolicy`](lessor_settings::FailurePolicy)), the instance is dropped, and a spare one
//! that was prepared off the packet path takes over at the next call. Clients, lines and links
//! whose faults cost more processor time than allowed are shut out: the plugin is not called for
//! them for some time. If the faults of many clients cost more than [`limits::FAULT_MS_PER_SEC`],
//! the plugin is suspended for all packets. All limits are in [`limits`].
//!
//! # Cost
//!
//! A hook that no plugin exports costs nothing: check [`Chain::has_hook_for`] and similar methods.
//! Otherwise a call takes some 200 ns and each getter about 100 ns. Plugins are compiled one after
//! another by a child process of low priority with its own limits, so that neither packets nor the
//! server suffer. Compiled code is cached in a folder; a chain can be made of compiled code only
//! ([`Runtime::ready_chain`]).

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod allocation;
mod artifact;
mod background;
mod belongings;
mod cache;
mod chain;
mod clock;
mod compiler;
mod contract;
mod error;
mod fault;
mod fault_advice;
mod health;
mod hook;
mod host;
mod instance;
mod instance_count;
mod keeper;
pub mod limits;
mod longest_wait;
mod lookups;
mod plugin;
mod precompile;
mod prepare;
mod processor;
mod program;
mod progress;
mod runner;
mod runtime;
mod script;
mod seat;
mod shadow;
mod source;
mod status;
mod stopwatch;
mod target;
mod timing;
mod trace;
mod trusted;
mod view;

pub use allocation::Allocation;
pub use belongings::{
    KeptValue, Metric, StateChange, StateEntry, StateStatus, StateStore, StateStoreError,
};
pub use cache::user_cache;
pub use chain::{Chain, Unready};
pub use compiler::{COMPILE_COMMAND, CompileLimits, CompilerSettings, compile_child};
pub use error::{
    CompileLimit, CompileProblem, PluginError, PluginProblem, RuntimeError, ScriptProblem,
};
pub use fault::FaultKind;
pub use health::{LastFault, Offender, OffenderStatus, Suspension};
pub use hook::Hook;
pub use longest_wait::{LongestWait, WaitPart};
pub use lookups::{LookupSources, NoLookupSources};
pub use precompile::precompile;
pub use progress::Compiling;
pub use runner::{LeaseEventRunner, Runner};
pub use runtime::{Runtime, RuntimeSettings};
pub use script::{Named, NamedKind};
pub use shadow::{
    Difference, DifferenceKind, Rehearse, SampledAnswers, SampledReply, ShadowDifference,
    ShadowRunner, ShadowSample, ShadowStatus, ShadowThread, Shadows, ShadowsStatus, Understudy,
};
pub use source::{PluginReport, PluginSource};
pub use status::PluginStatus;
pub use target::{Architecture, Target, UnknownTarget};
pub use trace::{
    EditOutcome, EventPlan, PolicyOutcome, RequestPlan, Setting, ShownEntry, TraceEntry,
};
pub use view::{Absent, AnsweredLookup, LeaseEvent, Lookups, PlannedLookup, Pools, View};
