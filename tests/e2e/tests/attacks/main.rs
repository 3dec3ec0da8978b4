//! Attacks that the server must survive: floods, dead neighbours, damage and malformed input. Each
//! test reports what was served, refused or lost.
//!
//! The tests run in a short version here and in full length under `cargo xtask attack`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod mutations;
mod policies;
