//! Generations: from files to what can serve, which is a configuration with its sources of lookups
//! and its policies.
//!
//! A generation is built completely before any part of it serves: the configuration is parsed, and
//! the plugins are compiled, linked and configured. If any of that fails there is no generation,
//! only a list of mistakes ([`ConfigurationRefused`]). What was accepted last is kept as a copy
//! ([`last_accepted`]), and a start can serve with it ([`Candidate`]), also while the policies of
//! the configuration are compiled ([`open`]).
//!
//! Does not serve, and has no engines: they are state, and belong to no generation. Invariant: a
//! generation is complete or absent.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

pub mod last_accepted;
mod lookups;
pub mod named;
pub mod never_apply;
mod opening;
pub mod patience;
mod plugin_folder;
mod reading;
mod ready;
mod scripts;
mod stand_in;
mod starting;

pub use lookups::GenerationSources;
pub use opening::{Opened, Opening, compiled_folders, installed_compiled, open};
pub use reading::{
    ConfigurationRefused, Generation, GenerationParts, build, complete, description, hook_names,
    load_configuration, plugin_source, read, read_with_plugins,
};
pub use ready::NotCompiled;
pub use stand_in::StandIn;
pub use starting::Candidate;
