//! Waits with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// A timeout that is long enough for anything that should happen at once, even on a busy machine.
pub const SOON: Duration = Duration::from_secs(10);

/// The interval between two calls of `look`.
const INTERVAL: Duration = Duration::from_millis(20);

/// Calls `look` until it returns a value, at most for [`SOON`].
///
/// # Panics
/// Panics with `what` if `look` returns no value in time.
#[track_caller]
pub fn soon<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(SOON, what, look)
}

/// Calls `look` until it returns a value, at most for `patience`.
///
/// # Panics
/// Panics with `what` if `look` returns no value in time.
#[track_caller]
pub fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} for {what}");
        thread::sleep(INTERVAL);
    }
}
