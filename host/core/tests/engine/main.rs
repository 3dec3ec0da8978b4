//! Tests of the engine from outside: the requirements of RFC 2131 row by row, which client gets
//! which address, and what happens when storage fails.

mod addresses;
mod at_once;
mod bounds;
mod by_hand;
mod classes;
mod conformance;
mod drained;
mod host_names;
mod http_boot;
mod identifiers;
mod identity;
mod locating;
mod messages;
mod own_addresses;
mod pools;
mod pools_in_order;
mod preview;
mod probes;
mod reconfigure;
mod remembered_relays;
mod reservations;
mod reserved_classes;
mod scopes;
mod selecting;
mod settle;
mod subscribers;
#[path = "../common/support.rs"]
mod support;
mod taken_over;
mod terms;
mod unknown_clients;
