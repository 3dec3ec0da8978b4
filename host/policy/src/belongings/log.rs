//! Limits how much a plugin may log: a number of lines per second, with a burst of the same size.
//! Lines beyond the limit are counted and reported periodically.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often omitted lines are reported.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// The rate limit of one plugin's log.
#[derive(Default)]
pub(crate) struct LogBudget(Mutex<Bucket>);

#[derive(Default)]
struct Bucket {
    /// Whether every line is dropped without a report.
    is_silent: bool,
    /// `None` before the first line.
    filled_at: Option<Instant>,
    lines: f64,
    left_out: u64,
    unsaid: u64,
    said_at: Option<Instant>,
}

/// The decision about one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Whether the line is written.
    pub(crate) is_written: bool,
    /// The number of omitted lines that have not been reported yet, if a report is due now.
    pub(crate) to_say: Option<u64>,
}

impl LogBudget {
    /// Drops every line without a report.
    pub(crate) fn none() -> Self {
        Self(Mutex::new(Bucket { is_silent: true, ..Bucket::default() }))
    }

    /// Decides whether a line may be written at `now`.
    pub(crate) fn admit(&self, now: Instant, lines_per_sec_max: u32) -> Admission {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bucket.is_silent {
            return Admission { is_written: false, to_say: None };
        }
        let most = f64::from(lines_per_sec_max);
        bucket.lines = match bucket.filled_at {
            Some(then) => {
                let more = now.saturating_duration_since(then).as_secs_f64() * most;
                (bucket.lines + more).min(most)
            }
            None => most,
        };
        bucket.filled_at = Some(now);
        let is_written = bucket.lines >= 1.0;
        if is_written {
            bucket.lines -= 1.0;
        } else {
            bucket.left_out += 1;
            bucket.unsaid += 1;
        }
        let is_due =
            bucket.said_at.is_none_or(|then| now.saturating_duration_since(then) >= SAY_EVERY);
        let to_say = (bucket.unsaid > 0 && is_due).then(|| {
            bucket.said_at = Some(now);
            std::mem::take(&mut bucket.unsaid)
        });
        Admission { is_written, to_say }
    }

    /// The total number of omitted lines.
    pub(crate) fn left_out(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_per_second_are_written_and_the_rest_is_counted() {
        let (budget, began) = (LogBudget::default(), Instant::now());
        let at = |ms| began + Duration::from_millis(ms);
        let written = |ms, count| (0..count).filter(|_| budget.admit(at(ms), 5).is_written).count();
        assert_eq!(written(0, 100), 5);
        assert_eq!(written(100, 100), 0);
        assert_eq!(written(600, 100), 3);
        // Unused capacity does not accumulate beyond one second.
        assert_eq!(written(60_000, 100), 5);
        assert_eq!(budget.left_out(), 400 - 13);
    }

    #[test]
    fn what_is_left_out_is_said_at_once_and_then_every_now_and_then() {
        let (budget, began) = (LogBudget::default(), Instant::now());
        let say = |ms| budget.admit(began + Duration::from_millis(ms), 1).to_say;
        assert_eq!([say(0), say(1), say(2), say(3)], [None, Some(1), None, None]);
        assert_eq!([say(9_000), say(9_001)], [None, None]);
        assert_eq!(say(10_001), Some(3));
        assert_eq!(say(30_000), None);
    }
}
