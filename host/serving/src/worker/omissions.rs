//! Chooses which messages that are dropped undecided get a line in the journal: a few each second.
//! The others are only counted, because a flood that cannot be decided cannot be written down
//! either.
//!
//! Does not decide why a message is dropped. Invariant: every message without a line is counted in
//! the next line.

use std::time::{Duration, Instant};

/// The number of lines of one worker each second.
const LINES_PER_SEC: u32 = 20;

#[derive(Debug, Default)]
pub(super) struct Omissions {
    second_began: Option<Instant>,
    lines: u32,
    untold: u64,
}

impl Omissions {
    /// Notes a message that is dropped at `now`. If it gets a line, returns how many messages had
    /// none since the last line.
    pub(super) fn note(&mut self, now: Instant) -> Option<u64> {
        let has_passed =
            |began: Instant| now.saturating_duration_since(began) >= Duration::from_secs(1);
        if self.second_began.is_none_or(has_passed) {
            self.second_began = Some(now);
            self.lines = 0;
        }
        if self.lines >= LINES_PER_SEC {
            self.untold += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_a_second_have_a_line_and_the_next_one_tells_of_the_others() {
        let start = Instant::now();
        let mut omissions = Omissions::default();
        let told = (0..100).filter_map(|_| omissions.note(start)).count();
        assert_eq!(told, LINES_PER_SEC as usize);
        let later = start + Duration::from_secs(1);
        assert_eq!(omissions.note(later), Some(100 - u64::from(LINES_PER_SEC)));
        assert_eq!(omissions.note(later), Some(0));
    }
}
