//! Attacks that the server must survive: floods, dead neighbours, damage and malformed input. Each
//! test reports what was served, refused or lost.
//!
//! The tests run in a short version here and in full length under `cargo xtask attack`.

mod mutations;
mod policies;
