//! Work outside of packet processing that must not delay it: threads of low priority, and log lines
//! that are limited in rate.
//!
//! Does not know what the threads do or what the lines say. Invariant: nothing here makes a packet
//! wait.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod threads;
mod throttle;

pub use threads::{lower_priority, spawn, thread_name};
pub use throttle::Throttle;
