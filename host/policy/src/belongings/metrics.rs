//! Metrics that a plugin counts and measures under names that it chooses.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use crate::limits::{METRIC_NAME_OCTETS_MAX, METRICS_MAX};

/// A metric of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// A counter, which only grows.
    Counter(u64),
    /// A gauge, which has the value that it was last set to.
    Gauge(f64),
}

/// The metrics of one plugin.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<Arc<str>, Arc<MetricCell>>>);

/// The storage of one metric. Instances cache the cells that they have looked up, so that only the
/// first use of a name takes the lock.
pub(crate) struct MetricCell {
    is_gauge: bool,
    bits: AtomicU64,
}

/// Why a metric was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricError {
    UnusableName,
    TooMany,
    /// The metric is a counter and was used as a gauge, or vice versa.
    OtherKind,
    /// The value is infinite or not a number.
    NotFinite,
}

impl Metrics {
    /// Returns the metric with this name, and creates it with this kind if it does not exist.
    pub(crate) fn cell(&self, name: &str, is_gauge: bool) -> Result<Arc<MetricCell>, MetricError> {
        if !is_usable(name) {
            return Err(MetricError::UnusableName);
        }
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(name) {
            return Ok(Arc::clone(cell));
        }
        if cells.len() == METRICS_MAX {
            return Err(MetricError::TooMany);
        }
        let cell = Arc::new(MetricCell { is_gauge, bits: AtomicU64::new(0) });
        cells.insert(name.into(), Arc::clone(&cell));
        Ok(cell)
    }

    /// Returns all metrics by name.
    pub(crate) fn all(&self) -> BTreeMap<Arc<str>, Metric> {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.iter().map(|(name, cell)| (Arc::clone(name), cell.value())).collect()
    }
}

impl MetricCell {
    /// Adds to a counter.
    pub(crate) fn add(&self, more: u64) -> Result<(), MetricError> {
        if self.is_gauge {
            return Err(MetricError::OtherKind);
        }
        self.bits.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// Sets a gauge.
    pub(crate) fn set(&self, value: f64) -> Result<(), MetricError> {
        if !self.is_gauge {
            return Err(MetricError::OtherKind);
        }
        if !value.is_finite() {
            return Err(MetricError::NotFinite);
        }
        self.bits.store(value.to_bits(), Ordering::Relaxed);
        Ok(())
    }

    fn value(&self) -> Metric {
        let bits = self.bits.load(Ordering::Relaxed);
        if self.is_gauge { Metric::Gauge(f64::from_bits(bits)) } else { Metric::Counter(bits) }
    }
}

fn is_usable(name: &str) -> bool {
    let is_inner = |octet: &u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'_');
    name.len() <= METRIC_NAME_OCTETS_MAX
        && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && name.as_bytes().iter().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        for name in ["a", "lines_2", &"n".repeat(64)] {
            assert!(is_usable(name), "{name}");
        }
        for name in ["", "_a", "2a", "A", "a-b", "ä", "a b", "a\n", &"n".repeat(65)] {
            assert!(!is_usable(name), "{name}");
        }
    }

    #[test]
    fn a_name_is_of_one_kind_and_there_are_so_many() {
        let metrics = Metrics::default();
        metrics.cell("lines", false).unwrap().add(2).unwrap();
        metrics.cell("load", true).unwrap().set(0.5).unwrap();
        assert_eq!(metrics.cell("lines", true).unwrap().set(1.0), Err(MetricError::OtherKind));
        assert_eq!(metrics.cell("load", false).unwrap().add(1), Err(MetricError::OtherKind));
        for value in [f64::NAN, f64::INFINITY] {
            // JSON cannot represent any of these.
            assert_eq!(metrics.cell("load", true).unwrap().set(value), Err(MetricError::NotFinite));
        }
        for number in 2..METRICS_MAX {
            metrics.cell(&format!("n{number}"), false).unwrap();
        }
        assert_eq!(metrics.cell("one_more", true).err(), Some(MetricError::TooMany));
        metrics.cell("lines", false).unwrap().add(3).unwrap();
        let all = metrics.all();
        assert_eq!(all.len(), METRICS_MAX);
        assert_eq!((all["lines"], all["load"]), (Metric::Counter(5), Metric::Gauge(0.5)));
    }
}
