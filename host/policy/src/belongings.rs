//! Belongings: the data that belongs to a plugin rather than to one of its instances. All instances
//! of plugins with the same name share it, including those of the next generation.

mod log;
mod metrics;
mod state;
mod writer;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use lessor_settings::{Capability, Grants};

use self::writer::Writer;
pub(crate) use self::{
    log::LogBudget,
    metrics::{MetricCell, MetricError, Metrics},
    state::{KeptState, LineTag, Occasion, StateError},
};
pub use self::{
    metrics::Metric,
    state::{StateEntry, StateStatus},
    writer::{KeptValue, StateChange, StateStore, StateStoreError},
};

/// The data that belongs to one plugin.
pub(crate) struct Belongings {
    pub(crate) log: LogBudget,
    pub(crate) metrics: Metrics,
    pub(crate) state: KeptState,
}

impl Belongings {
    /// Copies the belongings for a rehearsal. The copy starts with the same state, but none of its
    /// logs, metrics or changes are written anywhere.
    pub(crate) fn rehearsed(&self) -> Self {
        Self {
            log: LogBudget::none(),
            metrics: Metrics::default(),
            state: self.state.copy_in_memory(),
        }
    }
}

/// The belongings of all plugins of a process.
pub(crate) struct Registry {
    known: Mutex<HashMap<Arc<str>, Weak<Belongings>>>,
    /// `None` if the state of plugins is kept in memory only.
    writer: Option<Arc<Writer>>,
}

impl Registry {
    pub(crate) fn new(store: Option<Arc<dyn StateStore>>) -> Self {
        Self { known: Mutex::default(), writer: store.map(Writer::new) }
    }

    /// Returns the belongings of the plugin with this name. If the plugin is granted state, its
    /// state is read from disk, so call this off the packet path.
    pub(crate) fn of(&self, plugin: &Arc<str>, grants: Grants) -> Arc<Belongings> {
        let belongings = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            match known.get(plugin).and_then(Weak::upgrade) {
                Some(belongings) => belongings,
                None => {
                    let belongings = Arc::new(Belongings {
                        log: LogBudget::default(),
                        metrics: Metrics::default(),
                        state: KeptState::new(Arc::clone(plugin), self.writer.clone()),
                    });
                    known.retain(|_, belongings| belongings.strong_count() > 0);
                    known.insert(Arc::clone(plugin), Arc::downgrade(&belongings));
                    belongings
                }
            }
        };
        if grants.contains(Capability::State) {
            belongings.state.open();
            if let Some(writer) = &self.writer {
                writer.watch(&belongings);
            }
        }
        belongings
    }

    /// Returns the names of all plugins that have state: those that are loaded, and those that only
    /// have state on disk.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub(crate) fn owners(&self) -> Result<BTreeSet<Arc<str>>, StateStoreError> {
        let mut owners = BTreeSet::new();
        if let Some(writer) = &self.writer {
            writer.flush();
            owners.extend(writer.owners()?);
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = known.iter().filter_map(|(name, known)| Some((name, known.upgrade()?)));
        owners.extend(
            loaded.filter(|(_, known)| known.state.is_open()).map(|(name, _)| Arc::clone(name)),
        );
        Ok(owners)
    }

    /// Writes all pending changes and waits until they are on disk. Returns `false` if the write
    /// failed.
    pub(crate) fn flush(&self) -> bool {
        self.writer.as_ref().is_none_or(|writer| writer.flush())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(writer) = &self.writer {
            writer.close();
        }
    }
}
