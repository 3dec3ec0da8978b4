//! What would happen: explanations of one message, and replays of recorded or captured traffic.
//!
//! Does not serve and does not print. Both take messages through the stages of `lessor_stages`, as
//! the server does, with the engines and policies of `lessor_serving`. Invariant: nothing here
//! changes a lease, a policy's state or a counter of a running server.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

pub mod explain;
pub mod replay;
