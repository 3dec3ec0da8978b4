//! The server's clock: wall-clock time that never jumps.
//!
//! Leases outlive the process, so they end at a wall-clock time; but a step of the system clock
//! must not end them all at once. The wall clock is read once, at start, and the monotonic clock
//! carries it on. The kernel disciplines the monotonic clock's rate, so the two part only by steps.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use lessor_core::Timestamp;

static STARTED: OnceLock<(Instant, u64)> = OnceLock::new();

/// What time it is.
pub(crate) fn now() -> Timestamp {
    let (started, started_unix_ms) = STARTED.get_or_init(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (Instant::now(), since_epoch.as_millis() as u64)
    });
    Timestamp::from_unix_ms(started_unix_ms + started.elapsed().as_millis() as u64)
}
