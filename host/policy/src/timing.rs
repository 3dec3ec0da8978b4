//! Call times, counted by each thread separately and added up on request.
//!
//! Times are counted in buckets, four per doubling, so that a quantile is accurate to within a
//! quarter; counting a call costs a load and a store.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The number of buckets per doubling.
const QUARTERS: usize = 4;
/// The first bucket takes everything below 80 ns, the last everything from 7.5 s on.
const FIRST_EXPONENT: u32 = 6;
/// See [`FIRST_EXPONENT`].
const BUCKETS: usize = 27 * QUARTERS;

/// The calls of one plugin.
#[derive(Default)]
pub(crate) struct Calls(Mutex<AllThreads>);

#[derive(Default)]
struct AllThreads {
    counters: Vec<Arc<CallCounters>>,
    /// The counts of threads that have ended.
    ended: CallTotals,
}

/// The counts of one thread, which is the only writer.
pub(crate) struct CallCounters {
    total_ns: AtomicU64,
    max_ns: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// The counts of all threads together.
#[derive(Clone)]
pub(crate) struct CallTotals {
    total_ns: u64,
    max_ns: u64,
    buckets: [u64; BUCKETS],
}

impl Calls {
    /// Creates counters for one more thread.
    pub(crate) fn counters(&self) -> Arc<CallCounters> {
        let counters = Arc::<CallCounters>::default();
        self.lock().counters.push(Arc::clone(&counters));
        counters
    }

    /// Adds the counts of a thread that is about to end to the total.
    pub(crate) fn retire(&self, counters: &Arc<CallCounters>) {
        let mut all = self.lock();
        all.counters.retain(|other| !Arc::ptr_eq(other, counters));
        all.ended.add(counters);
    }

    /// The counts of all threads so far.
    pub(crate) fn totals(&self) -> CallTotals {
        let all = self.lock();
        let mut totals = all.ended.clone();
        all.counters.iter().for_each(|counters| totals.add(counters));
        totals
    }

    fn lock(&self) -> MutexGuard<'_, AllThreads> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallCounters {
    /// Counts one call. Only one thread writes, so no atomic read-modify-write is needed.
    pub(crate) fn count(&self, duration: Duration) {
        let add = |counter: &AtomicU64, more| {
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        };
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        add(&self.total_ns, ns);
        if let Some(bucket) = self.buckets.get(bucket_of(ns)) {
            add(bucket, 1);
        }
        if ns > self.max_ns.load(Ordering::Relaxed) {
            self.max_ns.store(ns, Ordering::Relaxed);
        }
    }
}

impl Default for CallCounters {
    fn default() -> Self {
        Self {
            total_ns: AtomicU64::new(0),
            max_ns: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl CallTotals {
    fn add(&mut self, counters: &CallCounters) {
        self.total_ns = self.total_ns.saturating_add(counters.total_ns.load(Ordering::Relaxed));
        self.max_ns = self.max_ns.max(counters.max_ns.load(Ordering::Relaxed));
        for (total, bucket) in self.buckets.iter_mut().zip(&counters.buckets) {
            *total += bucket.load(Ordering::Relaxed);
        }
    }

    /// The number of calls.
    pub(crate) fn calls(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The total time of all calls.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.total_ns)
    }

    /// The time of the longest call.
    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.max_ns)
    }

    /// The time within which `per_mille` of a thousand calls ended; zero without calls.
    pub(crate) fn quantile(&self, per_mille: u64) -> Duration {
        let wanted = self.calls().saturating_mul(per_mille).div_ceil(1_000);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                return Duration::from_nanos(end_of(bucket).min(self.max_ns));
            }
        }
        Duration::ZERO
    }
}

impl Default for CallTotals {
    fn default() -> Self {
        Self { total_ns: 0, max_ns: 0, buckets: [0; BUCKETS] }
    }
}

fn bucket_of(ns: u64) -> usize {
    let ns = ns.max(1 << FIRST_EXPONENT);
    let exponent = ns.ilog2();
    let quarter = (ns >> (exponent - 2)) as usize % QUARTERS;
    ((exponent - FIRST_EXPONENT) as usize * QUARTERS + quarter).min(BUCKETS - 1)
}

/// The first nanosecond beyond a bucket.
fn end_of(bucket: usize) -> u64 {
    let exponent = FIRST_EXPONENT as usize + bucket / QUARTERS;
    ((QUARTERS + bucket % QUARTERS + 1) as u64) << (exponent - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_within_a_quarter_of_its_bucket() {
        for ns in [80, 100, 127, 128, 1_000, 5_555, 1_000_000, 999_999_999, 7_000_000_000] {
            let bucket = bucket_of(ns);
            assert!(bucket_of(ns - 1) <= bucket, "{ns}");
            let end = end_of(bucket);
            assert!(end > ns && end - ns <= ns / 4, "{ns} is in a bucket that ends at {end}");
        }
        assert_eq!((bucket_of(0), bucket_of(79)), (0, 0));
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn threads_add_up_and_those_that_are_gone_are_remembered() {
        let calls = Calls::default();
        let (one, two) = (calls.counters(), calls.counters());
        for _ in 0..98 {
            one.count(Duration::from_micros(1));
        }
        two.count(Duration::from_micros(100));
        calls.retire(&two);
        two.count(Duration::from_secs(1));
        one.count(Duration::from_millis(1));
        let totals = calls.totals();
        assert_eq!(totals.calls(), 100);
        assert_eq!(totals.total(), Duration::from_micros(98 + 100 + 1_000));
        assert_eq!(totals.max(), Duration::from_millis(1));
        let micros = |per_mille| totals.quantile(per_mille).as_micros();
        assert_eq!((micros(500), micros(980)), (1, 1));
        assert!((100..=125).contains(&micros(990)), "{}", micros(990));
        assert_eq!(micros(1_000), 1_000);
        assert_eq!(Calls::default().totals().quantile(990), Duration::ZERO);
    }
}
