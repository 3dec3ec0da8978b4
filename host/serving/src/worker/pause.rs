//! Short pauses that gather messages into batches.
//!
//! A worker that reads each datagram as it arrives pays for a wait, a read, a flush and a send each
//! time. When messages arrive often, it pauses for a fraction of a millisecond before it reads
//! again, and pays once for all that arrived meanwhile. Does not wait itself. Invariant: a worker
//! that has little to do does not pause, and neither does one that is behind.

use std::time::{Duration, Instant};

/// The longest pause, and so the longest delay that a pause adds to a message.
const PAUSE_MAX: Duration = Duration::from_micros(500);

/// The number of messages that a pause should gather. A turn that read this many is not followed by
/// a pause.
const GATHERED: u32 = 32;

/// The rate below which there are no pauses.
const RATE_MIN_PER_SEC: f64 = 2_000.0;

/// How long messages are counted for one measurement of their rate.
const MEASURED_FOR: Duration = Duration::from_millis(4);

#[derive(Debug)]
pub(super) struct Pause {
    since: Instant,
    received: usize,
    rate_per_sec: f64,
    /// The number of messages of the last turn.
    last: usize,
}

impl Pause {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, received: 0, rate_per_sec: 0.0, last: 0 }
    }

    /// Notes how many messages a turn read.
    pub(super) fn note(&mut self, now: Instant, received: usize) {
        self.last = received;
        self.received += received;
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= MEASURED_FOR {
            self.rate_per_sec = self.received as f64 / elapsed.as_secs_f64();
            (self.since, self.received) = (now, 0);
        }
    }

    /// Returns how long to pause before the next turn, or `None` if the turn should begin as soon
    /// as a message arrives.
    pub(super) fn due(&self) -> Option<Duration> {
        if self.rate_per_sec < RATE_MIN_PER_SEC || self.last >= GATHERED as usize {
            return None;
        }
        Some(Duration::from_secs_f64(f64::from(GATHERED) / self.rate_per_sec).min(PAUSE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the pause after turns of `received` messages every `every_us` microseconds.
    fn after(received: usize, every_us: u64) -> Option<Duration> {
        let start = Instant::now();
        let mut pause = Pause::new(start);
        for turn in 1..=100 {
            pause.note(start + Duration::from_micros(turn * every_us), received);
        }
        pause.due()
    }

    #[test]
    fn messages_that_come_often_are_gathered() {
        assert_eq!(after(1, 100), Some(PAUSE_MAX));
        let pause = after(16, 160).unwrap();
        assert!(pause > PAUSE_MAX / 2 && pause < PAUSE_MAX, "{pause:?}");
    }

    #[test]
    fn who_has_little_or_much_to_do_does_not_pause() {
        assert_eq!(after(1, 1000), None);
        assert_eq!(after(64, 1000), None);
        assert_eq!(Pause::new(Instant::now()).due(), None);
    }

    #[test]
    fn the_first_message_after_a_quiet_time_is_not_kept_waiting() {
        let start = Instant::now();
        let mut pause = Pause::new(start);
        for turn in 1..=100 {
            pause.note(start + Duration::from_micros(turn * 100), 1);
        }
        pause.note(start + Duration::from_secs(10), 1);
        assert_eq!(pause.due(), None);
    }
}
