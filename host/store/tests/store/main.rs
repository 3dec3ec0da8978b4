//! The promises of every store, and how they hold when the process is killed, the disk is full or
//! too much is asked for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod answers;
mod battery;
mod committer;
mod crash;
mod disk_full;
mod keyed;
mod support;
