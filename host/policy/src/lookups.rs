//! Lookups: what the server can look up for plugins. Whoever reads files and asks databases gives it
//! to a chain; this crate only asks.

use std::sync::{Arc, Mutex, PoisonError};

use lessor_core::Row;

/// What the server can look up, as one generation of the configuration declares it.
pub trait LookupSources: Send + Sync {
    /// Whether there is a source of this name, of whatever kind.
    fn has_source(&self, name: &str) -> bool;

    /// The row with this key in a source that is held in memory, at once: nothing if there is no such
    /// source, nothing in it if it has no such row. Called on the packet path, so it must not wait.
    fn row(&self, source: &str, key: &str) -> Option<Option<Row>>;

    /// The sources that are held in memory, each with a number that no other version of it has: sets
    /// with the same numbers have the same rows. Without any, the rows never change.
    fn versions(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

/// What a plugin can look up now. Another generation brings another set, and instances that are kept
/// for it see that one.
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
        // A large table may go with it: not while others wait for the lock.
        drop(former);
    }
}

/// Nothing to look up.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLookupSources;

impl LookupSources for NoLookupSources {
    fn has_source(&self, _name: &str) -> bool {
        false
    }

    fn row(&self, _source: &str, _key: &str) -> Option<Option<Row>> {
        None
    }
}
