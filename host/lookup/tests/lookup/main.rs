//! Queries sources as the server does: real files, databases, web services and RADIUS servers.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod files;
mod limits;
mod postgresql;
mod radius;
mod reload;
mod sqlite;
mod support;
mod web_service;
