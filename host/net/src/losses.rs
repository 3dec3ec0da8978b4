//! Counts the datagrams that the system dropped before the server could read them.
//!
//! Does not know why they were dropped. Invariant: each is reported once, even when the system's
//! counter wraps.

/// How many datagrams an endpoint lost since it was opened, and how many of them were reported.
#[derive(Debug, Default)]
pub(super) struct Losses {
    total: u64,
    /// The latest count of the system; it wraps.
    counted: u32,
    passed_on: u64,
}

impl Losses {
    /// Notes the system's count.
    pub(super) fn note(&mut self, counted: u32) {
        self.total += u64::from(counted.wrapping_sub(self.counted));
        self.counted = counted;
    }

    /// Returns how many were lost since the last call.
    pub(super) fn take_new(&mut self) -> u64 {
        let new = self.total - self.passed_on;
        self.passed_on = self.total;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loss_is_passed_on_once() {
        let mut losses = Losses::default();
        assert_eq!(losses.take_new(), 0);
        losses.note(3);
        losses.note(5);
        assert_eq!((losses.take_new(), losses.take_new()), (5, 0));
        losses.note(7);
        assert_eq!((losses.take_new(), losses.total), (2, 7));
    }

    #[test]
    fn the_systems_count_may_wrap() {
        let mut losses = Losses::default();
        losses.note(u32::MAX);
        losses.note(4);
        assert_eq!(losses.take_new(), u64::from(u32::MAX) + 5);
    }
}
