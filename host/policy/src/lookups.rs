//! Lookups: what the server can look up for plugins. The owner of the sources, which reads files
//! and queries databases, passes them to a chain; this crate only uses them.

use std::sync::{Arc, Mutex, PoisonError};

use lessor_core::SourceRow;

/// The sources of lookups that one generation of the configuration declares.
pub trait LookupSources: Send + Sync {
    /// Whether there is a source with this name, of any kind.
    fn has_source(&self, name: &str) -> bool;

    /// Returns the row with this key in a source that is held in memory: `None` if there is no such
    /// source, `Some(None)` if it has no such row. Called on the packet path, so it must not block.
    fn row(&self, source: &str, key: &str) -> Option<Option<SourceRow>>;

    /// The sources that are held in memory, each with a number that is unique to its version: sets
    /// with the same numbers have the same rows. By default there are none, and the rows never
    /// change.
    fn versions(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

/// The sources that a plugin can use now. A new generation replaces them, and instances that it
/// keeps use the new ones.
pub(crate) struct CurrentSources(Mutex<Arc<dyn LookupSources>>);

impl CurrentSources {
    pub(crate) fn new(sources: &Arc<dyn LookupSources>) -> Self {
        Self(Mutex::new(Arc::clone(sources)))
    }

    pub(crate) fn get(&self) -> Arc<dyn LookupSources> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, sources: &Arc<dyn LookupSources>) {
        let former = {
            let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, Arc::clone(sources))
        };
        // This may free a large table, so it is dropped after the lock is released.
        drop(former);
    }
}

/// No lookup sources.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLookupSources;

impl LookupSources for NoLookupSources {
    fn has_source(&self, _name: &str) -> bool {
        false
    }

    fn row(&self, _source: &str, _key: &str) -> Option<Option<SourceRow>> {
        None
    }
}
