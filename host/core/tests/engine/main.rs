//! Tests of the engine from outside: the requirements of RFC 2131 row by row, which client gets
//! which address, and what happens when storage fails.

mod addresses;
mod bounds;
mod conformance;
mod host_names;
mod identity;
mod locating;
mod preview;
mod reconfigure;
mod reservations;
mod scopes;
mod settle;
mod subscribers;
#[path = "../common/support.rs"]
mod support;
mod terms;
mod unknown_clients;
