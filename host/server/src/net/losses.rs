//! Counting what the system dropped before the server could read it.

/// What an endpoint lost since it was opened, and how much of that was passed on.
#[derive(Debug, Default)]
pub(super) struct Losses {
    total: u64,
    /// The system's count when it last told; it wraps.
    counted: u32,
    passed_on: u64,
}

impl Losses {
    /// Takes over the system's count.
    pub(super) fn note(&mut self, counted: u32) {
        self.total += u64::from(counted.wrapping_sub(self.counted));
        self.counted = counted;
    }

    /// How many were lost since this was last asked.
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
