//! Lookups: what the server can look up for plugins. Whoever reads files and asks databases gives it
//! to a chain; this crate only asks.

use lessor_core::Row;

/// What the server can look up, as one generation of the configuration declares it.
pub trait LookupSources: Send + Sync {
    /// Whether there is a source of this name, of whatever kind.
    fn has_source(&self, name: &str) -> bool;

    /// The row with this key in a source that is held in memory, at once: nothing if there is no such
    /// source, nothing in it if it has no such row. Called on the packet path, so it must not wait.
    fn row(&self, source: &str, key: &str) -> Option<Option<Row>>;
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
