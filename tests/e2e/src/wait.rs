//! Waiting, with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Long enough for anything that should happen at once, on a busy machine too.
pub const SOON: Duration = Duration::from_secs(10);

/// How long to sleep between two looks.
const INTERVAL: Duration = Duration::from_millis(20);

/// Looks until there is something to see, at most for [`SOON`].
///
/// # Panics
/// With `what` was waited for, if it does not show up.
#[track_caller]
pub fn soon<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(SOON, what, look)
}

/// Looks until there is something to see, at most for `patience`.
///
/// # Panics
/// With `what` was waited for, if it does not show up.
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
