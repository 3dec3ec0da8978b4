//! The limit of instances of a process.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// Counts instances, so that there is one limit for both allocations.
#[derive(Clone)]
pub(crate) struct InstanceCount {
    used: Arc<AtomicU32>,
    max: u32,
}

/// An instance, which is counted until this is dropped.
pub(crate) struct Counted(Arc<AtomicU32>);

impl InstanceCount {
    pub(crate) fn new(max: u32) -> Self {
        Self { used: Arc::default(), max }
    }

    pub(crate) fn max(&self) -> u32 {
        self.max
    }

    /// Counts one more instance. Returns `None` if the limit is reached.
    pub(crate) fn take(&self) -> Option<Counted> {
        let add = |used| (used < self.max).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Counted(Arc::clone(&self.used)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
