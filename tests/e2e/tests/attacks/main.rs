//! What the server must survive: floods, dead neighbours, damage and nonsense, each as a test that
//! reports what was served, refused or lost.
//!
//! The tests run small here and in full length under `cargo xtask attack`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod mutations;
mod policies;
