//! Limits the memory and tables that a store may use, in all of its core instances together.

use lessor_settings::PluginLimits;
use wasmtime::ResourceLimiter;

use crate::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};

/// Counts the resources of a store. A guest that is denied memory may handle that; if it fails, the
/// denial is reported as the cause.
pub(crate) struct Limiter {
    memory: Budget,
    table: Budget,
    denied: Option<String>,
}

struct Budget {
    used: usize,
    max: usize,
    /// The size of the last grant, which is reverted if the growth fails.
    granted: usize,
}

impl Budget {
    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let more = desired.saturating_sub(current);
        let fits = self.used.saturating_add(more) <= self.max;
        self.granted = if fits { more } else { 0 };
        self.used += self.granted;
        fits
    }

    fn denial(&self, what: &str, current: usize, desired: usize) -> String {
        let more = desired.saturating_sub(current);
        format!("wanted {more} {what} on top of {}; the limit is {}", self.used, self.max)
    }

    fn failed(&mut self) {
        self.used = self.used.saturating_sub(self.granted);
        self.granted = 0;
    }
}

impl Limiter {
    pub(crate) fn new(limits: &PluginLimits) -> Self {
        let budget = |max| Budget { used: 0, max, granted: 0 };
        Self {
            memory: budget(limits.memory_bytes_max),
            table: budget(limits.table_elements_max),
            denied: None,
        }
    }

    /// The memory of the store, in octets.
    pub(crate) fn memory_octets(&self) -> usize {
        self.memory.used
    }

    /// Clears the last denial, before a call.
    pub(crate) fn forgive(&mut self) {
        self.denied = None;
    }

    /// The last denial during the call.
    pub(crate) fn denied(&self) -> Option<String> {
        self.denied.clone()
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = self.memory.grow(current, desired);
        if !fits {
            self.denied = Some(self.memory.denial("octets of memory", current, desired));
        }
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.failed();
        self.denied = Some(format!("wanted memory that could not be allocated: {error}"));
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = self.table.grow(current, desired);
        if !fits {
            self.denied = Some(self.table.denial("table elements", current, desired));
        }
        Ok(fits)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table.failed();
        self.denied = Some(format!("wanted table elements that could not be allocated: {error}"));
        Ok(())
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_of_a_store_share_one_limit() {
        let limits = PluginLimits { memory_bytes_max: 100, ..PluginLimits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 41, None).unwrap());
        assert!(limiter.denied().unwrap().contains("41 octets"));
        limiter.forgive();
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert_eq!(limiter.denied(), None);
    }

    #[test]
    fn a_growth_that_fails_after_all_does_not_count() {
        let limits = PluginLimits { memory_bytes_max: 100, ..PluginLimits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(limiter.memory_growing(0, 100, None).unwrap());
        limiter.memory_grow_failed(wasmtime::Error::msg("no luck")).unwrap();
        assert!(limiter.memory_growing(0, 100, None).unwrap());
    }
}
