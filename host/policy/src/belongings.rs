//! Belongings: what is a plugin's own and not one instance's. All instances of a plugin share them,
//! those of the next generation too: whoever has the name has the belongings.

mod log;
mod metrics;
mod state;
mod writer;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use self::writer::Writer;
pub(crate) use self::{
    log::LogBudget,
    metrics::{MetricCell, MetricError, Metrics},
    state::{LineTag, Occasion, State, StateError},
};
pub use self::{
    metrics::Metric,
    state::{StateEntry, StateRules, StateStatus, WhenFull},
    writer::{Remembered, StateChange, StateStore, StateStoreError},
};
use crate::{Capability, Grants};

/// What is one plugin's own.
pub(crate) struct Belongings {
    pub(crate) log: LogBudget,
    pub(crate) metrics: Metrics,
    pub(crate) state: State,
}

impl Belongings {
    /// A copy for a rehearsal: it remembers the same, and nothing of it is logged, measured or kept.
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
    /// Nothing if what plugins remember is kept in memory only.
    writer: Option<Arc<Writer>>,
}

impl Registry {
    pub(crate) fn new(store: Option<Arc<dyn StateStore>>) -> Self {
        Self { known: Mutex::default(), writer: store.map(Writer::new) }
    }

    /// The belongings of the plugin of this name. What it remembers is read from disk if it is granted
    /// that, so call this off the packet path.
    pub(crate) fn of(&self, plugin: &Arc<str>, grants: Grants) -> Arc<Belongings> {
        let belongings = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            match known.get(plugin).and_then(Weak::upgrade) {
                Some(belongings) => belongings,
                None => {
                    let belongings = Arc::new(Belongings {
                        log: LogBudget::default(),
                        metrics: Metrics::default(),
                        state: State::new(Arc::clone(plugin), self.writer.clone()),
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

    /// Everybody who remembers something: plugins that are loaded, and those that wait on disk.
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

    /// Writes what has not been written yet, and waits until it is on disk or cannot be; says
    /// which.
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
