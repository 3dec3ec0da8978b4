//! Where the state of plugins is stored: beside the leases, in a separate database, which is opened
//! when the first plugin needs it.
//!
//! Invariant: no problem with it keeps clients from being served. A damaged database is moved
//! aside; if the database cannot be used, plugins keep their state in memory only.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use lessor_config::Configuration;
use lessor_policy_host::{KeptValue, StateChange, StateStore, StateStoreError};
use lessor_store::{KeyedStore, KeyedValue};

/// The folder of the database, beside that of the leases.
const FOLDER: &str = "plugin-state";

/// Returns the store for the state of plugins, or `None` if leases are kept in memory, because then
/// the state is, too.
pub(crate) fn store(configuration: &Configuration) -> Option<Arc<dyn StateStore>> {
    let path = configuration.store.backend.folder()?.with_file_name(FOLDER);
    Some(Arc::new(PluginState { path, opened: OnceLock::new() }))
}

struct PluginState {
    path: PathBuf,
    opened: OnceLock<Result<KeyedStore, String>>,
}

impl PluginState {
    fn opened(&self) -> Result<&KeyedStore, StateStoreError> {
        let opened = self.opened.get_or_init(|| match KeyedStore::open(&self.path) {
            Ok((store, None)) => Ok(store),
            Ok((store, Some(damaged))) => {
                tracing::error!(
                    damaged = %damaged.folder.display(),
                    error = %damaged.error,
                    "the stored state of plugins was damaged and is moved aside; they start \
                     without it. Remove the folder when it is no longer needed for an investigation"
                );
                Ok(store)
            }
            Err(error) => Err(error.to_string()),
        });
        opened.as_ref().map_err(|error| error.clone().into())
    }
}

impl StateStore for PluginState {
    fn load(
        &self,
        plugin: &str,
        each: &mut dyn FnMut(&str, KeptValue),
    ) -> Result<(), StateStoreError> {
        Ok(self.opened()?.load(plugin, &mut |key, KeyedValue { value, at_ms, tag }| {
            each(key, KeptValue { value: value.into(), set_at_ms: at_ms, line: tag });
        })?)
    }

    fn owners(&self) -> Result<Vec<Arc<str>>, StateStoreError> {
        Ok(self.opened()?.owners()?.into_iter().map(Arc::from).collect())
    }

    fn write(&self, changes: &[StateChange]) -> Result<(), StateStoreError> {
        let changes = changes
            .iter()
            .map(|change| (&*change.plugin, &*change.key, change.value.as_ref().map(kept)));
        Ok(self.opened()?.write(changes)?)
    }
}

fn kept(found: &KeptValue) -> KeyedValue<'_> {
    KeyedValue { value: &found.value, at_ms: found.set_at_ms, tag: found.line }
}

impl fmt::Debug for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginState({})", self.path.display())
    }
}
