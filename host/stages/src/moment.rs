//! The time of a decision, as the server counts it and as policies see it.

use std::sync::Arc;

use lessor_core::{Binding, Timestamp};

/// The time of a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The server time.
    pub at: Timestamp,
    /// How far the clock that policies see is ahead of server time, in milliseconds.
    pub clock_offset_ms: i64,
}

impl Moment {
    /// The time by the clock that policies see.
    pub fn in_clock_time(&self) -> Timestamp {
        self.at.moved_by_ms(self.clock_offset_ms)
    }
}

/// Returns a binding as policies see it.
pub fn in_clock_time(binding: &Arc<Binding>, clock_offset_ms: i64) -> Arc<Binding> {
    match clock_offset_ms {
        0 => Arc::clone(binding),
        offset_ms => Arc::new(binding.moved_by_ms(offset_ms)),
    }
}
