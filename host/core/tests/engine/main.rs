//! The engine, asked from outside: what RFC 2131 demands row by row, who gets which address, what
//! happens when storage does not go along.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod addresses;
mod bounds;
mod conformance;
mod identity;
mod locating;
mod preview;
mod reconfigure;
mod reservations;
mod settle;
mod subscribers;
#[path = "../common/support.rs"]
mod support;
mod terms;
mod unknown_clients;
