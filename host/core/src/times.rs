//! Lease times and the times at which clients extend a lease (T1 and T2).
//!
//! Does not know scopes; see `scope`. Invariant: a [`Fraction`] is more than nothing and less than
//! the whole.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::INFINITE_SECS;

/// The lease times of a scope, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseTime {
    /// The lease time for a client that asks for none, under terms that name none.
    pub default_secs: u32,
    /// The shortest lease time that is granted.
    pub min_secs: u32,
    /// The longest lease time that is granted.
    pub max_secs: u32,
}

/// What a scope sets of the lease times, in seconds, and when its clients extend their leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LeaseTimes {
    /// The lease time for a client that asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_secs: Option<u32>,
    /// The shortest lease time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_secs: Option<u32>,
    /// The longest lease time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_secs: Option<u32>,
    /// T1, when a client extends its lease with the server that granted it (option 58).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewal: Option<LeasePart>,
    /// T2, when a client extends its lease with any server (option 59).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebinding: Option<LeasePart>,
    /// The part of a lease within which an extension changes nothing: the client gets the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_threshold: Option<CacheThreshold>,
}

/// Within which part of a lease an extension changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheThreshold {
    /// Every extension is written.
    Never,
    /// An extension before this part of the lease time has passed is not written.
    Within(Fraction),
}

/// A time within a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeasePart {
    /// Seconds from the start of the lease.
    Secs(u32),
    /// A part of the lease time.
    Fraction(Fraction),
}

/// A number between 0 and 1, neither included, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Fraction(u32);

/// T1 and T2 of a lease, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RenewalTimes {
    pub(crate) renewal_secs: u32,
    pub(crate) rebinding_secs: u32,
}

const WHOLE: u32 = 1_000_000;
/// The default of T1 (RFC 2131 section 4.4.5).
const RENEWAL: LeasePart = LeasePart::Fraction(Fraction(500_000));
/// The default of T2 (RFC 2131 section 4.4.5).
const REBINDING: LeasePart = LeasePart::Fraction(Fraction(875_000));

impl LeaseTime {
    /// These lease times with those of a more specific scope, which take precedence. Those that the
    /// scope does not set are adapted to those that it sets.
    #[must_use]
    pub fn within(self, scope: &LeaseTimes) -> Self {
        let lowest = scope.min_secs.unwrap_or(0);
        let highest = scope.max_secs.unwrap_or(u32::MAX).max(lowest);
        let default_secs = scope.default_secs.unwrap_or(self.default_secs.clamp(lowest, highest));
        Self {
            default_secs,
            min_secs: scope.min_secs.unwrap_or(self.min_secs.min(default_secs)),
            max_secs: scope.max_secs.unwrap_or(self.max_secs.max(default_secs)),
        }
    }
}

impl LeaseTimes {
    /// Times that say nothing.
    pub(crate) const NOTHING: Self = Self {
        default_secs: None,
        min_secs: None,
        max_secs: None,
        renewal: None,
        rebinding: None,
        cache_threshold: None,
    };

    /// The times to extend leases of this scope and, where it says nothing, those of a scope around
    /// it. The lease times themselves are not joined: see [`LeaseTime::within`].
    #[must_use]
    pub fn or(self, outer: &Self) -> Self {
        Self {
            renewal: self.renewal.or(outer.renewal),
            rebinding: self.rebinding.or(outer.rebinding),
            cache_threshold: self.cache_threshold.or(outer.cache_threshold),
            ..self
        }
    }
}

impl LeasePart {
    /// The time in a lease of `lease_time_secs`, rounded down to a second. A part of an infinite
    /// lease is infinite.
    pub fn of_secs(self, lease_time_secs: u32) -> u32 {
        match self {
            Self::Secs(secs) => secs,
            Self::Fraction(_) if lease_time_secs == INFINITE_SECS => INFINITE_SECS,
            Self::Fraction(Fraction(millionths)) => {
                let product = u64::from(lease_time_secs) * u64::from(millionths);
                u32::try_from(product / u64::from(WHOLE)).unwrap_or(INFINITE_SECS)
            }
        }
    }
}

impl Fraction {
    /// A fraction of so many millionths; `None` unless it is between 0 and 1.
    pub fn from_millionths(millionths: u32) -> Option<Self> {
        (0 < millionths && millionths < WHOLE).then_some(Self(millionths))
    }

    /// A fraction, rounded to millionths; `None` unless it is then between 0 and 1.
    pub fn from_number(number: f64) -> Option<Self> {
        let millionths = (number * f64::from(WHOLE)).round();
        let is_fraction = 0.0 < millionths && millionths < f64::from(WHOLE);
        is_fraction.then_some(Self(millionths as u32))
    }

    /// The fraction as a number.
    pub fn number(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }

    /// Returns whether the fraction of `whole` is less than `part`.
    pub(crate) fn is_less_than(self, part: u64, whole: u64) -> bool {
        u128::from(part) * u128::from(WHOLE) > u128::from(whole) * u128::from(self.0)
    }

    /// Returns whether the fraction of `whole` is more than `part`.
    pub(crate) fn is_more_than(self, part: u64, whole: u64) -> bool {
        u128::from(part) * u128::from(WHOLE) < u128::from(whole) * u128::from(self.0)
    }

    /// The fraction in millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Fraction {
    type Error = String;

    fn try_from(millionths: u32) -> Result<Self, String> {
        let wanted = || format!("{millionths} millionths are not between nothing and the whole");
        Self::from_millionths(millionths).ok_or_else(wanted)
    }
}

impl From<Fraction> for u32 {
    fn from(fraction: Fraction) -> Self {
        fraction.0
    }
}

/// As a decimal number: `0.875`.
impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:06}", self.0);
        write!(f, "0.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Display for LeasePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secs(secs) => write!(f, "{secs} s"),
            Self::Fraction(fraction) => fraction.fmt(f),
        }
    }
}

impl RenewalTimes {
    /// T1 and T2 of a lease (RFC 2131 section 4.4.5): T1 comes before T2, and T2 before the end. A
    /// configured time that does not is replaced: T2 by its default, T1 by its default or, if that
    /// is not before T2 either, by the same part of T2. Returns `None` if the lease is too short to
    /// have both.
    pub(crate) fn of(
        lease_time_secs: u32,
        renewal: Option<LeasePart>,
        rebinding: Option<LeasePart>,
    ) -> Option<Self> {
        let is_infinite = lease_time_secs == INFINITE_SECS;
        let comes_before =
            |secs: u32, end: u32| 0 < secs && (secs < end || (is_infinite && end == INFINITE_SECS));
        let fits = |part: LeasePart, end: u32| {
            Some(part.of_secs(lease_time_secs)).filter(|secs| comes_before(*secs, end))
        };
        let rebinding_secs = rebinding
            .and_then(|part| fits(part, lease_time_secs))
            .or_else(|| fits(REBINDING, lease_time_secs))?;
        let renewal_secs = renewal
            .and_then(|part| fits(part, rebinding_secs))
            .or_else(|| fits(RENEWAL, rebinding_secs))
            .or_else(|| Some(four_sevenths(rebinding_secs)).filter(|secs| 0 < *secs))?;
        Some(Self { renewal_secs, rebinding_secs })
    }
}

/// The part of T2 that T1 is by default.
fn four_sevenths(secs: u32) -> u32 {
    u32::try_from(u64::from(secs) * 4 / 7).unwrap_or(secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn fraction(millionths: u32) -> Option<LeasePart> {
        Some(LeasePart::Fraction(Fraction(millionths)))
    }

    fn times(
        lease_time_secs: u32,
        renewal: Option<LeasePart>,
        rebinding: Option<LeasePart>,
    ) -> Option<(u32, u32)> {
        let found = RenewalTimes::of(lease_time_secs, renewal, rebinding)?;
        Some((found.renewal_secs, found.rebinding_secs))
    }

    #[test]
    fn renewal_comes_before_rebinding_before_the_end() {
        assert_eq!(times(3600, None, None), Some((1800, 3150)));
        assert_eq!(times(INFINITE_SECS, None, None), Some((INFINITE_SECS, INFINITE_SECS)));
        assert_eq!((times(1, None, None), times(2, None, None)), (None, None));
        let parts = [None, fraction(1), fraction(300_000), fraction(999_999)];
        let secs = [1, 2, 900, INFINITE_SECS].map(|secs| Some(LeasePart::Secs(secs)));
        let parts = || parts.into_iter().chain(secs);
        for lease_time_secs in 3..1000 {
            for (renewal, rebinding) in parts().flat_map(|one| parts().map(move |two| (one, two))) {
                if let Some((t1, t2)) = times(lease_time_secs, renewal, rebinding) {
                    assert!(0 < t1 && t1 < t2 && t2 < lease_time_secs);
                }
            }
            assert!(times(lease_time_secs, None, None).is_some());
        }
    }

    #[test]
    fn configured_times_are_kept_where_they_fit() {
        let secs = |secs| Some(LeasePart::Secs(secs));
        assert_eq!(times(3600, fraction(250_000), fraction(750_000)), Some((900, 2700)));
        assert_eq!(times(3600, secs(600), secs(1200)), Some((600, 1200)));
        // A lease that is shorter than they are has the defaults.
        assert_eq!(times(600, secs(600), secs(1200)), Some((300, 525)));
        assert_eq!(times(3600, secs(3200), None), Some((1800, 3150)));
        assert_eq!(times(3600, None, secs(700)), Some((400, 700)));
        // An infinite lease can be extended nevertheless.
        let infinite = times(INFINITE_SECS, secs(86_400), None);
        assert_eq!(infinite, Some((86_400, INFINITE_SECS)));
        assert_eq!(times(INFINITE_SECS, None, secs(70_000)), Some((40_000, 70_000)));
    }

    #[test]
    fn a_fraction_is_between_nothing_and_the_whole() {
        for number in [0.0, 1.0, -0.5, 0.000_000_4, 0.999_999_9, f64::NAN, f64::INFINITY] {
            assert_eq!(Fraction::from_number(number), None, "{number}");
        }
        let fraction = Fraction::from_number(0.875).unwrap();
        assert_eq!((fraction.millionths(), fraction.to_string()), (875_000, "0.875".to_owned()));
        assert_eq!(serde_json::from_str::<Fraction>("875000").unwrap(), fraction);
        assert!(serde_json::from_str::<Fraction>("0").is_err());
    }

    #[test]
    fn a_scope_changes_what_it_sets_and_adapts_the_rest() {
        let subnet = LeaseTime { default_secs: 3600, min_secs: 60, max_secs: 86_400 };
        let within = |default_secs, min_secs, max_secs| {
            let scope = LeaseTimes { default_secs, min_secs, max_secs, ..LeaseTimes::default() };
            let found = subnet.within(&scope);
            (found.default_secs, found.min_secs, found.max_secs)
        };
        assert_eq!(within(None, None, None), (3600, 60, 86_400));
        assert_eq!(within(Some(30), None, None), (30, 30, 86_400));
        assert_eq!(within(Some(100_000), None, None), (100_000, 60, 100_000));
        assert_eq!(within(None, None, Some(600)), (600, 60, 600));
        assert_eq!(within(None, Some(7200), None), (7200, 7200, 86_400));
    }
}
