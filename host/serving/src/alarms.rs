//! Alarms: what an operator should know about pools before clients notice: addresses that clients
//! decline, and pools that fill up.
//!
//! Only warns: the engine has already decided. Invariant: the log gets at most one line a second of
//! each kind, however many packets there are.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use lessor_aside::Throttle;
use lessor_core::{Changes, PoolUsage, Reason, readable};

use crate::counters::{Counters, increment};

/// The shortest time between two lines of one kind.
const EVERY: Duration = Duration::from_secs(1);
/// The shortest time between two lines about the same level of the same pool.
const SAME_POOL_EVERY: Duration = Duration::from_secs(60);

/// Limits the lines about DECLINEs of all networks, because there is one log per process.
static DECLINES: Throttle = Throttle::new(EVERY);

/// Logs the end of an exchange if the client declined its address in it.
pub(crate) fn declined(reason: Reason, changes: &Changes) {
    let what = match reason {
        Reason::QuarantinedDeclined => {
            "a client declined its address, which is quarantined: another host seems to use it"
        }
        Reason::DeclinedBeyondLimit => {
            "a client declined its address, which is not quarantined: the client, its line or its \
             subscriber has as many quarantined addresses as `quarantine-max` allows"
        }
        _ => return,
    };
    let Some(left_out) = DECLINES.pass() else { return };
    let binding = changes.first().map(|change| &change.binding);
    let Some(binding) = binding else { return };
    let information = binding.relay_information.as_ref();
    tracing::warn!(
        address = %binding.address,
        client = %binding.client,
        hardware_address = %binding.hardware_address,
        circuit_id = information.and_then(|found| found.circuit_id()).map(readable),
        remote_id = information.and_then(|found| found.remote_id()).map(readable),
        subscriber = binding.subscriber.as_deref(),
        declines_left_out = left_out,
        "{what}"
    );
}

/// Limits the lines about addresses that answered a probe.
static IN_USE: Throttle = Throttle::new(EVERY);

/// Logs that an address answered a probe; `detail` says which host answered.
pub(crate) fn in_use(network: &str, changes: &Changes, detail: &str) {
    let Some(left_out) = IN_USE.pass() else { return };
    let Some(binding) = changes.first().map(|change| &change.binding) else { return };
    tracing::warn!(
        network,
        address = %binding.address,
        detail,
        left_out,
        "an address that was to be offered is in use, so it is quarantined"
    );
}

/// How full a pool is, in the levels that are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    #[default]
    Roomy,
    /// At least 90 % of its addresses are taken.
    NearlyFull,
    /// All of its addresses are taken.
    Full,
}

/// What was logged about one pool.
#[derive(Debug, Default)]
struct Told {
    level: Level,
    /// When each level was last logged.
    nearly_full_at: Option<Instant>,
    full_at: Option<Instant>,
}

/// Watches how full pools are.
#[derive(Debug)]
pub(crate) struct PoolWatch {
    told: HashMap<(Arc<str>, Arc<str>), Told>,
    throttle: Throttle,
    counters: Arc<Counters>,
}

impl PoolWatch {
    /// Creates a watch that has seen no pool yet.
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Self { told: HashMap::new(), throttle: Throttle::new(EVERY), counters }
    }

    /// Checks the pools of a network.
    pub(crate) fn look(&mut self, network: &Arc<str>, pools: &[PoolUsage]) {
        self.look_at(Instant::now(), network, pools);
    }

    /// Checks the pools at a point in time. Returns the number of lines that were written.
    fn look_at(&mut self, now: Instant, network: &Arc<str>, pools: &[PoolUsage]) -> usize {
        let mut lines = 0;
        for usage in pools.iter().filter(|usage| usage.size > 0) {
            let taken = usage.leased + usage.offered + usage.quarantined;
            let is_known =
                || self.told.contains_key(&(Arc::clone(network), Arc::clone(&usage.pool)));
            if level(Level::Roomy, taken, usage.size) == Level::Roomy && !is_known() {
                continue;
            }
            let key = (Arc::clone(network), Arc::clone(&usage.pool));
            let told = self.told.entry(key).or_default();
            let found = level(told.level, taken, usage.size);
            if found <= told.level {
                told.level = found;
                continue;
            }
            let told_at = match found {
                Level::Full => &mut told.full_at,
                _ => &mut told.nearly_full_at,
            };
            let is_lately =
                told_at.is_some_and(|at| now.saturating_duration_since(at) < SAME_POOL_EVERY);
            if !is_lately {
                // A line that has to wait is written at a later check, if the pool is still that
                // full.
                if self.throttle.pass().is_none() {
                    continue;
                }
                *told_at = Some(now);
                lines += 1;
                say(network, usage, found);
                increment(match found {
                    Level::Full => &self.counters.pools_full,
                    _ => &self.counters.pools_nearly_full,
                });
            }
            told.level = found;
        }
        lines
    }
}

/// Returns the level of a pool whose level was `before`. A pool has to empty a little before its
/// level drops, so that one lease that starts and ends repeatedly is logged once.
fn level(before: Level, taken: u64, size: u64) -> Level {
    let is_at_least = |percent: u64| taken.saturating_mul(100) >= size.saturating_mul(percent);
    match before {
        _ if is_at_least(100) => Level::Full,
        Level::Full if is_at_least(95) => Level::Full,
        Level::Roomy if is_at_least(90) => Level::NearlyFull,
        Level::Full | Level::NearlyFull if is_at_least(85) => Level::NearlyFull,
        _ => Level::Roomy,
    }
}

fn say(network: &str, usage: &PoolUsage, level: Level) {
    let PoolUsage { pool, size, leased, offered, quarantined } = usage;
    let pool = &**pool;
    match level {
        Level::Full => tracing::warn!(
            network,
            pool,
            size,
            leased,
            offered,
            quarantined,
            "a pool is full: it has no free address for new clients"
        ),
        _ => {
            tracing::warn!(network, pool, size, leased, offered, quarantined, "a pool is 90 % full")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(leased: u64) -> [PoolUsage; 1] {
        [PoolUsage { pool: "pool".into(), size: 20, leased, offered: 0, quarantined: 0 }]
    }

    #[test]
    fn a_pool_that_fills_up_is_reported_at_each_level_once() {
        let counters = Arc::new(Counters::new());
        let mut watch = PoolWatch::new(Arc::clone(&counters));
        watch.throttle = Throttle::new(Duration::ZERO);
        let network: Arc<str> = "network".into();
        let start = Instant::now();
        let mut lines = |secs, leased| {
            watch.look_at(start + Duration::from_secs(secs), &network, &usage(leased))
        };
        assert_eq!([lines(0, 17), lines(1, 18), lines(2, 19), lines(3, 20)], [0, 1, 0, 1]);
        // A lease ends and starts again.
        assert_eq!([lines(4, 19), lines(5, 20), lines(6, 17), lines(7, 20)], [0, 0, 0, 0]);
        assert_eq!([lines(90, 10), lines(91, 20)], [0, 1]);
        use std::sync::atomic::Ordering::Relaxed;
        let counted = (counters.pools_nearly_full.load(Relaxed), counters.pools_full.load(Relaxed));
        assert_eq!(counted, (1, 2));
    }

    #[test]
    fn many_pools_that_are_full_at_once_are_reported_one_after_the_other() {
        let mut watch = PoolWatch::new(Arc::new(Counters::new()));
        let now = Instant::now();
        let lines: usize = (0..100)
            .map(|number| watch.look_at(now, &format!("network {number}").into(), &usage(20)))
            .sum();
        assert!((1..100).contains(&lines), "{lines}");
    }
}
