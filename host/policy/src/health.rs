//! Health: how a plugin behaves, in all of its instances together, and when it is suspended.
//!
//! [`FAULTS_MAX`] faults within [`FAULT_WINDOW_MS`] suspend it for a second. When the suspension ends
//! it is on probation for one more window: the first fault suspends it again, for twice as long, up
//! to a minute. A window without faults clears its record.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    FaultKind,
    fault::Fault,
    limits::{FAULT_WINDOW_MS, FAULTS_MAX, SUSPENSION_MS_MAX, SUSPENSION_MS_MIN},
};

/// How a plugin behaves.
pub(crate) struct Health {
    began: Instant,
    faults: [AtomicU64; FaultKind::ALL.len()],
    /// In milliseconds since `began`; 0 if it is not.
    suspended_until_ms: AtomicU64,
    /// Whether faults suspend it at all.
    suspends: bool,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    /// The faults within the window.
    recent: Vec<Instant>,
    /// How often it was suspended without a clear window in between.
    suspensions_in_a_row: u32,
    suspensions: u64,
    probation_until: Option<Instant>,
    last_fault: Option<(Instant, Fault)>,
}

/// A plugin's last fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastFault {
    /// What it was.
    pub kind: FaultKind,
    /// What happened.
    pub message: String,
    /// How long ago.
    #[serde(rename = "ago-ms", with = "milliseconds")]
    pub ago: Duration,
}

impl Health {
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            began,
            faults: Default::default(),
            suspended_until_ms: AtomicU64::new(0),
            suspends: true,
            record: Mutex::default(),
        }
    }

    /// A record of its own for a rehearsal: suspended as long as this one is, and not again.
    pub(crate) fn rehearsed(&self) -> Self {
        let until_ms = self.suspended_until_ms.load(Ordering::Relaxed);
        Self {
            suspended_until_ms: AtomicU64::new(until_ms),
            suspends: false,
            ..Self::new(self.began)
        }
    }

    /// Whether it is of a rehearsal, whose faults are nobody's business but of who asked for it.
    pub(crate) fn is_rehearsal(&self) -> bool {
        !self.suspends
    }

    /// Whether the plugin must not be called at `now`.
    pub(crate) fn is_suspended(&self, now: Instant) -> bool {
        let until = self.suspended_until_ms.load(Ordering::Relaxed);
        until != 0 && self.since_start_ms(now) < until
    }

    /// Counts a call that was not made.
    pub(crate) fn count(&self, kind: FaultKind) {
        if let Some(count) = self.faults.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a fault; says for how long the plugin is suspended, if that is what follows.
    pub(crate) fn record(&self, now: Instant, fault: Fault) -> Option<Duration> {
        self.count(fault.kind);
        let window = Duration::from_millis(FAULT_WINDOW_MS);
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        record.last_fault = Some((now, fault));
        if self.is_suspended(now) || !self.suspends {
            // A call that was under way when the plugin was suspended.
            return None;
        }
        record.recent.retain(|then| now.duration_since(*then) < window);
        record.recent.push(now);
        let on_probation = record.probation_until.is_some_and(|until| now < until);
        if !on_probation {
            record.suspensions_in_a_row = 0;
        }
        if !on_probation && record.recent.len() < FAULTS_MAX {
            return None;
        }
        let doubled = SUSPENSION_MS_MIN.saturating_mul(1 << record.suspensions_in_a_row.min(16));
        let pause = Duration::from_millis(doubled.min(SUSPENSION_MS_MAX));
        record.suspensions_in_a_row += 1;
        record.suspensions += 1;
        record.recent.clear();
        record.probation_until = Some(now + pause + window);
        self.suspended_until_ms.store(self.since_start_ms(now + pause), Ordering::Relaxed);
        Some(pause)
    }

    /// How often each kind of fault was seen.
    pub(crate) fn faults(&self) -> BTreeMap<FaultKind, u64> {
        let counts = self.faults.iter().map(|count| count.load(Ordering::Relaxed));
        FaultKind::ALL.into_iter().zip(counts).collect()
    }

    /// For how much longer the plugin is suspended, if it is.
    pub(crate) fn suspended_for(&self, now: Instant) -> Option<Duration> {
        let until = self.suspended_until_ms.load(Ordering::Relaxed);
        let rest = until.saturating_sub(self.since_start_ms(now));
        (rest > 0).then(|| Duration::from_millis(rest))
    }

    /// How often it was suspended.
    pub(crate) fn suspensions(&self) -> u64 {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).suspensions
    }

    pub(crate) fn last_fault(&self, now: Instant) -> Option<LastFault> {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, fault) = record.last_fault.as_ref()?;
        Some(LastFault {
            kind: fault.kind,
            message: fault.message.clone(),
            ago: now.saturating_duration_since(*then),
        })
    }

    fn since_start_ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

/// A duration as whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Fault {
        Fault::new(FaultKind::Trap, "test")
    }

    /// Health, and a function from milliseconds to points in time.
    fn healthy() -> (Health, impl Fn(u64) -> Instant) {
        let began = Instant::now();
        (Health::new(began), move |ms| began + Duration::from_millis(ms))
    }

    #[test]
    fn many_faults_within_the_window_suspend() {
        let (health, at) = healthy();
        for ms in 0..FAULTS_MAX as u64 - 1 {
            assert_eq!(health.record(at(ms), fault()), None);
        }
        assert!(!health.is_suspended(at(4)));
        let pause = Duration::from_millis(SUSPENSION_MS_MIN);
        assert_eq!(health.record(at(4), fault()), Some(pause));
        assert!(health.is_suspended(at(5)));
        assert_eq!(health.suspended_for(at(504)), Some(pause / 2));
        assert!(!health.is_suspended(at(4) + pause));
        assert_eq!(health.suspended_for(at(4) + pause), None);
        assert_eq!(health.suspensions(), 1);
    }

    #[test]
    fn faults_far_apart_do_not_suspend() {
        let (health, at) = healthy();
        for count in 0..100 {
            let apart = FAULT_WINDOW_MS / (FAULTS_MAX as u64 - 1);
            assert_eq!(health.record(at(count * apart), fault()), None);
        }
        assert_eq!(health.faults()[&FaultKind::Trap], 100);
    }

    #[test]
    fn a_fault_on_probation_doubles_the_suspension_up_to_the_longest() {
        let (health, at) = healthy();
        let mut now = at(0);
        for _ in 1..FAULTS_MAX {
            health.record(now, fault());
        }
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let pause = health.record(now, fault()).unwrap();
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_window_without_faults_clears_the_record() {
        let (health, at) = healthy();
        let mut now = at(0);
        let mut pause = None;
        for _ in 0..FAULTS_MAX {
            pause = health.record(now, fault());
        }
        now += pause.unwrap() + Duration::from_millis(FAULT_WINDOW_MS);
        for _ in 1..FAULTS_MAX {
            assert_eq!(health.record(now, fault()), None);
        }
        assert_eq!(health.record(now, fault()).unwrap().as_millis(), 1_000);
    }

    #[test]
    fn calls_under_way_when_it_is_suspended_do_not_count_twice() {
        let (health, at) = healthy();
        for _ in 0..FAULTS_MAX {
            health.record(at(0), fault());
        }
        assert_eq!(health.record(at(1), fault()), None);
        assert_eq!(health.suspensions(), 1);
        let last = health.last_fault(at(11)).unwrap();
        assert_eq!((last.kind, last.ago), (FaultKind::Trap, Duration::from_millis(10)));
    }
}
