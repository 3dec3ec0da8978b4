//! `lessor status --wait`: asks until the server answers.
//!
//! Does not find out why a server does not start; its log says so. Invariant: it ends in time, also
//! if the server accepts the question and never answers.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use lessor_serving::Status;

use crate::{asking, questions::Question};

/// The pause between two questions.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// The longest time to wait, in seconds.
const WAIT_SECS_MAX: u64 = 24 * 60 * 60;

/// Returns the status as soon as there is one.
///
/// # Errors
/// If the server has not answered within this time, or does not answer to this user.
pub(super) fn ask(config: &Path, within: Duration) -> anyhow::Result<Status> {
    let socket = asking::socket_of(config)?;
    let deadline = Instant::now() + within;
    loop {
        let error = match lessor_control::ask_until(&socket, &Question::Status, deadline) {
            Ok(status) => return Ok(status),
            Err(error) if lessor_control::is_forbidden(&error) => return Err(error),
            Err(error) => error,
        };
        if Instant::now() + ASK_EVERY >= deadline {
            let secs = within.as_secs();
            return Err(error).with_context(|| {
                format!("the server did not answer within {secs} s; its log says what it waits for")
            });
        }
        thread::sleep(ASK_EVERY);
    }
}

/// Parses how long to wait.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let secs =
        lessor_config::parse_duration(text).filter(|secs| (1..=WAIT_SECS_MAX).contains(secs));
    secs.map(Duration::from_secs)
        .ok_or_else(|| "wanted a duration of 1s to 1d, such as 10s or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_wait_has_a_unit_and_a_limit() {
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(WAIT_SECS_MAX)));
        for wrong in ["", "0s", "2d", "infinite", "ten", "-1s"] {
            assert!(duration(wrong).unwrap_err().contains("wanted"), "{wrong}");
        }
    }
}
