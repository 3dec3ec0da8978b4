//! Points in time.
//!
//! The core reads no clock: its caller passes the time. Invariant: [`Timestamp::NEVER`] is later
//! than every other timestamp.

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

/// The lease time that means "infinite" (RFC 2131 section 3.3), in seconds.
pub const INFINITE_SECS: u32 = u32::MAX;

impl Timestamp {
    /// Later than every other point in time: the end of an infinite lease.
    pub const NEVER: Self = Self(u64::MAX);

    /// The point `unix_ms` milliseconds after the Unix epoch.
    pub const fn from_unix_ms(unix_ms: u64) -> Self {
        Self(unix_ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_ms(self) -> u64 {
        self.0
    }

    /// The point `secs` seconds later; [`INFINITE_SECS`] leads to [`Timestamp::NEVER`].
    pub const fn after_secs(self, secs: u32) -> Self {
        if secs == INFINITE_SECS {
            Self::NEVER
        } else {
            Self(self.0.saturating_add(secs as u64 * 1000))
        }
    }

    /// The point `ms` milliseconds later, or earlier if `ms` is negative, limited to the range of
    /// timestamps. [`Timestamp::NEVER`] does not change.
    pub const fn moved_by_ms(self, ms: i64) -> Self {
        if self.0 == Self::NEVER.0 {
            return self;
        }
        let moved = self.0.saturating_add_signed(ms);
        if moved == Self::NEVER.0 { Self(moved - 1) } else { Self(moved) }
    }

    /// How many milliseconds `other` is later than `self`; negative if it is earlier.
    pub const fn ms_until(self, other: Self) -> i64 {
        other.0.wrapping_sub(self.0).cast_signed()
    }

    /// Whole seconds from `self` until `later`, rounded up so that a lease of an hour is shown as
    /// an hour within its first second. Returns zero if `later` has passed, and [`INFINITE_SECS`]
    /// for [`Timestamp::NEVER`].
    pub const fn secs_until(self, later: Self) -> u32 {
        if later.0 == Self::NEVER.0 {
            return INFINITE_SECS;
        }
        let secs = later.0.saturating_sub(self.0).div_ceil(1000);
        if secs >= INFINITE_SECS as u64 { INFINITE_SECS - 1 } else { secs as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_leases_never_end() {
        let now = Timestamp::from_unix_ms(5);
        assert_eq!(now.after_secs(INFINITE_SECS), Timestamp::NEVER);
        assert_eq!(now.secs_until(Timestamp::NEVER), INFINITE_SECS);
    }

    #[test]
    fn what_is_moved_stays_a_point_in_time_and_never_stays_never() {
        let moved = |unix_ms, ms| Timestamp::from_unix_ms(unix_ms).moved_by_ms(ms).unix_ms();
        assert_eq!((moved(10, 5), moved(10, -5), moved(10, -50)), (15, 5, 0));
        assert_eq!(Timestamp::NEVER.moved_by_ms(-1), Timestamp::NEVER);
        assert!(moved(u64::MAX - 1, 5) < Timestamp::NEVER.unix_ms());
        let (early, late) = (Timestamp::from_unix_ms(3), Timestamp::from_unix_ms(10));
        assert_eq!((early.ms_until(late), late.ms_until(early)), (7, -7));
    }

    #[test]
    fn remaining_time_rounds_up_and_stops_at_zero() {
        let now = Timestamp::from_unix_ms(10_000);
        assert_eq!(now.secs_until(Timestamp::from_unix_ms(10_001)), 1);
        assert_eq!(now.secs_until(Timestamp::from_unix_ms(9_000)), 0);
    }
}
