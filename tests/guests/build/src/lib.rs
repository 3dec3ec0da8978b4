//! Runs cargo for tests and developers' tools: builds the policies of this workspace (the shipped
//! ones and the guests in the neighbouring folders), the interpreters, and the server.
//!
//! Policies are built from their sources into a separate target folder, so that a test never waits
//! for the cargo process that runs it. Cargo builds only what has changed, and reports its progress
//! on standard error. This crate has no dependencies, because `cargo xtask` waits for it.

mod error;
pub mod hostile;
mod policies;
mod toolchain;
mod workspace;

pub use error::BuildError;
pub use policies::{
    CORE, INTERPRETERS, POLICIES, RHAI, TEST_GUESTS, Target, build, build_command, build_exactly,
    file, interpreters, interpreters_of, policy,
};
pub use toolchain::{add_wasm_targets, is_installed};
pub use workspace::{
    authors_target_folder, cargo, programs_command, share_target_of, target_folder,
    without_package, workspace,
};
