//! What a plugin remembers: values by key, in memory, shared by all of its instances. Changes are
//! written to disk by the [`Writer`], later and together.
//!
//! Invariants: at most [`STATE_KEYS_MAX`] keys and [`STATE_OCTETS_MAX`] octets; a removed key keeps
//! its place until its removal is on disk, of which at most [`STATE_REMOVALS_MAX`] wait.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::{
        Arc, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::writer::{StateChange, Writer};
use crate::limits::{
    STATE_KEY_OCTETS_MAX, STATE_KEYS_MAX, STATE_OCTETS_MAX, STATE_REMOVALS_MAX,
    STATE_VALUE_OCTETS_MAX,
};

/// So many threads can change different keys at once.
const SHARDS: usize = 16;

/// What one plugin remembers.
pub(crate) struct State {
    plugin: Arc<str>,
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    keys: AtomicUsize,
    octets: AtomicUsize,
    removals: AtomicUsize,
    opened: Once,
    is_durable: AtomicBool,
    writer: Option<Arc<Writer>>,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<Box<str>, Entry>,
    /// The keys of entries that are to be written, each once.
    unwritten: Vec<Box<str>>,
}

struct Entry {
    /// Nothing if it was removed, which is to be written.
    value: Option<Arc<[u8]>>,
    is_unwritten: bool,
}

/// How much a plugin remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateStatus {
    /// How many keys.
    pub keys: usize,
    /// How many octets keys and values have in all.
    pub octets: usize,
    /// Whether it is kept over restarts.
    pub is_durable: bool,
}

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateError {
    UnusableKey,
    ValueTooLong,
    LimitReached,
}

impl State {
    pub(crate) fn new(plugin: Arc<str>, writer: Option<Arc<Writer>>) -> Self {
        Self {
            plugin,
            shards: Default::default(),
            hasher: RandomState::new(),
            keys: AtomicUsize::new(0),
            octets: AtomicUsize::new(0),
            removals: AtomicUsize::new(0),
            opened: Once::new(),
            is_durable: AtomicBool::new(false),
            writer,
        }
    }

    /// A copy of what is remembered now, in memory only.
    pub(crate) fn copy_in_memory(&self) -> Self {
        let copy = Self::new(Arc::clone(&self.plugin), None);
        copy.opened.call_once(|| ());
        for shard in self.shards() {
            for (key, entry) in &shard.entries {
                if let Some(value) = &entry.value {
                    copy.put_loaded(key, value);
                }
            }
        }
        copy
    }

    /// Reads what is on disk, the first time. If that cannot be read, the plugin starts with nothing,
    /// and what is on disk is left as it is.
    pub(crate) fn open(&self) {
        self.opened.call_once(|| {
            let plugin = &*self.plugin;
            let Some(writer) = &self.writer else {
                tracing::info!(plugin, "what it remembers is kept in memory only and does not outlive the server");
                return;
            };
            let loaded = writer.load(plugin, &mut |key, value| self.put_loaded(key, value));
            match loaded {
                Ok(()) => self.is_durable.store(true, Ordering::Relaxed),
                Err(error) => {
                    self.shards().for_each(|mut shard| shard.entries.clear());
                    self.keys.store(0, Ordering::Relaxed);
                    self.octets.store(0, Ordering::Relaxed);
                    tracing::error!(
                        plugin,
                        %error,
                        "what it remembers cannot be read from disk, and is left there as it is; it \
                         starts with nothing, kept in memory only until the server is started again"
                    );
                }
            }
        });
    }

    fn put_loaded(&self, key: &str, value: &[u8]) {
        self.keys.fetch_add(1, Ordering::Relaxed);
        self.octets.fetch_add(key.len() + value.len(), Ordering::Relaxed);
        let entry = Entry { value: Some(value.into()), is_unwritten: false };
        self.shard(key).entries.insert(key.into(), entry);
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        check_key(key)?;
        Ok(self.shard(key).value(key).map(<[u8]>::to_vec))
    }

    /// Sets the value of a key, or removes the key.
    pub(crate) fn set(&self, key: &str, value: Option<&[u8]>) -> Result<(), StateError> {
        check_key(key)?;
        check_value(value)?;
        let mut shard = self.shard(key);
        self.change(&mut shard, key, value)
    }

    /// The same if the value is `expected`; says whether it was.
    pub(crate) fn replace(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<bool, StateError> {
        check_key(key)?;
        check_value(value)?;
        let mut shard = self.shard(key);
        if shard.value(key) != expected {
            return Ok(false);
        }
        self.change(&mut shard, key, value).map(|()| true)
    }

    pub(crate) fn status(&self) -> StateStatus {
        StateStatus {
            keys: self.keys.load(Ordering::Relaxed),
            octets: self.octets.load(Ordering::Relaxed),
            is_durable: self.is_durable.load(Ordering::Relaxed),
        }
    }

    /// Hands out every change that is to be written, and takes it for written.
    pub(super) fn take_unwritten(&self, each: &mut dyn FnMut(StateChange)) {
        for shard in &self.shards {
            let keys = std::mem::take(&mut lock(shard).unwritten);
            for key in keys {
                // One lock for each: a packet that waits for it waits for one change.
                let mut shard = lock(shard);
                let Some(entry) = shard.entries.get_mut(&key) else { continue };
                entry.is_unwritten = false;
                let value = entry.value.clone();
                each(StateChange { plugin: Arc::clone(&self.plugin), key, value });
            }
        }
    }

    /// Hears that a removal is on disk: its place is free.
    pub(super) fn settle_removal(&self, key: &str) {
        let mut shard = self.shard(key);
        let is_gone = |entry: &Entry| entry.value.is_none() && !entry.is_unwritten;
        if shard.entries.get(key).is_some_and(is_gone) {
            shard.entries.remove(key);
            self.removals.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn plugin(&self) -> &Arc<str> {
        &self.plugin
    }

    fn change(&self, shard: &mut Shard, key: &str, value: Option<&[u8]>) -> Result<(), StateError> {
        if shard.value(key) == value {
            return Ok(());
        }
        let place = shard.entries.get(key);
        let is_removal_waiting = place.is_some_and(|entry| entry.value.is_none());
        let before = shard.value(key).map(|value| key.len() + value.len());
        let after = value.map(|value| key.len() + value.len());
        let is_durable = self.is_durable.load(Ordering::Relaxed);
        match (before, after) {
            (None, None) => {}
            (Some(before), Some(after)) => {
                take(&self.octets, after.saturating_sub(before), STATE_OCTETS_MAX)?;
                self.octets.fetch_sub(before.saturating_sub(after), Ordering::Relaxed);
            }
            (None, Some(after)) => {
                take(&self.keys, 1, STATE_KEYS_MAX)?;
                if let Err(error) = take(&self.octets, after, STATE_OCTETS_MAX) {
                    self.keys.fetch_sub(1, Ordering::Relaxed);
                    return Err(error);
                }
                if is_removal_waiting {
                    self.removals.fetch_sub(1, Ordering::Relaxed);
                }
            }
            (Some(before), None) => {
                if is_durable {
                    take(&self.removals, 1, STATE_REMOVALS_MAX)?;
                }
                self.keys.fetch_sub(1, Ordering::Relaxed);
                self.octets.fetch_sub(before, Ordering::Relaxed);
            }
        }
        if !is_durable {
            match value {
                Some(value) => {
                    let entry = Entry { value: Some(value.into()), is_unwritten: false };
                    shard.entries.insert(key.into(), entry);
                }
                None => {
                    shard.entries.remove(key);
                }
            }
            return Ok(());
        }
        let value = value.map(Arc::from);
        match shard.entries.get_mut(key) {
            Some(entry) => {
                entry.value = value;
                if std::mem::replace(&mut entry.is_unwritten, true) {
                    return Ok(());
                }
            }
            None => {
                shard.entries.insert(key.into(), Entry { value, is_unwritten: true });
            }
        }
        shard.unwritten.push(key.into());
        if let Some(writer) = &self.writer {
            writer.wake();
        }
        Ok(())
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let position = self.hasher.hash_one(key) as usize % SHARDS;
        // There are `SHARDS` of them, so the first is never taken for another.
        let [first, ..] = &self.shards;
        lock(self.shards.get(position).unwrap_or(first))
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }
}

/// What was not written yet is left to the writer.
impl Drop for State {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            let mut left = Vec::new();
            self.take_unwritten(&mut |change| left.push(change));
            writer.leave(left);
        }
    }
}

impl Shard {
    fn value(&self, key: &str) -> Option<&[u8]> {
        self.entries.get(key)?.value.as_deref()
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes so many of what there are at most `max` of.
fn take(used: &AtomicUsize, more: usize, max: usize) -> Result<(), StateError> {
    let add = |used: usize| (more == 0 || used + more <= max).then_some(used + more);
    let taken = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    taken.map(|_| ()).map_err(|_| StateError::LimitReached)
}

fn check_key(key: &str) -> Result<(), StateError> {
    match (1..=STATE_KEY_OCTETS_MAX).contains(&key.len()) {
        true => Ok(()),
        false => Err(StateError::UnusableKey),
    }
}

fn check_value(value: Option<&[u8]>) -> Result<(), StateError> {
    match value.is_some_and(|value| value.len() > STATE_VALUE_OCTETS_MAX) {
        true => Err(StateError::ValueTooLong),
        false => Ok(()),
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
