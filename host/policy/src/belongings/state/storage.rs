//! The state on disk: it is read when a plugin is first granted state, and the [`Writer`] takes
//! what changed since.
//!
//! [`Writer`]: super::super::writer::Writer

use std::sync::{Arc, atomic::Ordering};

use super::{
    super::writer::{KeptValue, StateChange},
    KeptState,
    lines::LineTag,
    lock,
};

impl KeptState {
    /// Reads the state from disk on the first call. If it cannot be read, the plugin starts without
    /// state, and the data on disk is left unchanged.
    pub(crate) fn open(&self) {
        self.opened.call_once(|| {
            let plugin = &*self.plugin;
            let Some(writer) = &self.writer else {
                tracing::info!(
                    plugin,
                    "the plugin's state is kept in memory only and is lost when the server stops"
                );
                return;
            };
            let mut found = Vec::new();
            let loaded = writer.load(plugin, &mut |key, remembered| {
                found.push((Arc::<str>::from(key), remembered));
            });
            match loaded {
                Ok(()) => {
                    found.sort_by_key(|(_, remembered)| remembered.set_at_ms);
                    found.into_iter().for_each(|(key, value)| self.put_loaded(key, value));
                    self.is_durable.store(true, Ordering::Relaxed);
                }
                Err(error) => tracing::error!(
                    plugin,
                    %error,
                    "the plugin's state cannot be read from disk and is left there unchanged; the \
                     plugin starts without state, which is kept in memory only until the server \
                     is restarted"
                ),
            }
        });
    }

    /// Whether the state was opened: a plugin with this name was granted state at some time.
    pub(crate) fn is_open(&self) -> bool {
        self.opened.is_completed()
    }

    /// Passes every change that is to be written to `each`, and marks it as written.
    pub(crate) fn take_unwritten(&self, each: &mut dyn FnMut(StateChange)) {
        for shard in &self.shards {
            let keys = lock(shard).take_unwritten_keys();
            for key in keys {
                // The lock is taken for each key, so that a packet waits for one change at most.
                let Some((key, entry)) = lock(shard).take_unwritten(&key) else { continue };
                let value = entry.map(|entry| KeptValue {
                    value: entry.value,
                    set_at_ms: entry.set_at_ms,
                    line: entry.line.map_or(0, LineTag::stored),
                });
                each(StateChange { plugin: Arc::clone(&self.plugin), key, value });
            }
        }
    }

    /// Frees the place of a removed key, after its removal was written to disk.
    pub(crate) fn settle_removal(&self, key: &str) {
        if self.shard(key).settle_removal(key) {
            self.removals.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn put_loaded(&self, key: Arc<str>, remembered: KeptValue) {
        let KeptValue { value, set_at_ms, line } = remembered;
        let line = LineTag::from_stored(line);
        self.keys.fetch_add(1, Ordering::Relaxed);
        self.octets.fetch_add(key.len() + value.len(), Ordering::Relaxed);
        if let Some(line) = line {
            self.lines.add(line, &key, usize::MAX);
        }
        let mut shard = self.shard(&key);
        shard.put_kept(key, value, set_at_ms, line);
    }
}

/// Passes unwritten changes to the writer.
impl Drop for KeptState {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            let mut left = Vec::new();
            self.take_unwritten(&mut |change| left.push(change));
            writer.leave(left);
        }
    }
}
