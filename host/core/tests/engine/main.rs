//! The engine, asked from outside: what RFC 2131 demands row by row, who gets which address, what
//! happens when storage does not go along, and a long random run watched by an auditor.

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
mod simulation;
mod subscribers;
mod support;
mod terms;
mod unknown_clients;
