//! What is done beside packets and must not be in their way: threads of low priority, and lines of
//! the log that come now and then only.
//!
//! Not here: what the threads do and what the lines say. The invariant: nothing of this makes a
//! packet wait.

mod threads;
mod throttle;

pub use threads::{lower_priority, spawn, thread_name};
pub use throttle::Throttle;
