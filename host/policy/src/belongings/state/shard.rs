//! Shards: a part of a plugin's state, under one lock.
//!
//! Does not limit the number of keys. Invariant: the entries are in the order in which they were
//! last set; a key is an entry, or its removal waits to be written, or neither; `unwritten` has
//! each key once.

use std::{collections::HashMap, sync::Arc};

use hashlink::LinkedHashMap;

use super::lines::LineTag;

#[derive(Default)]
pub(super) struct Shard {
    entries: LinkedHashMap<Arc<str>, StateValue>,
    /// Keys whose removal is not on disk yet, and whether the removal is listed in `unwritten`.
    removed: HashMap<Arc<str>, bool>,
    /// The keys whose changes are to be written.
    unwritten: Vec<Arc<str>>,
}

/// A value and the time at which it was set.
#[derive(Clone, Debug)]
pub(super) struct StateValue {
    pub(super) value: Arc<[u8]>,
    /// In milliseconds since the Unix epoch, in server time.
    pub(super) set_at_ms: u64,
    /// The time that is stored on disk, which is not updated at every refresh.
    pub(super) kept_at_ms: u64,
    /// The line that added the key.
    pub(super) line: Option<LineTag>,
    is_unwritten: bool,
}

/// A key and its new entry, or `None` if its removal is to be written.
pub(super) type Unwritten = (Arc<str>, Option<StateValue>);

impl Shard {
    pub(super) fn get(&self, key: &str) -> Option<&StateValue> {
        self.entries.get(key)
    }

    /// The entry that was set longest ago.
    pub(super) fn oldest(&self) -> Option<(&Arc<str>, &StateValue)> {
        self.entries.front()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &StateValue)> {
        self.entries.iter()
    }

    /// Whether the removal of a key is not on disk yet.
    pub(super) fn is_removal_waiting(&self, key: &str) -> bool {
        self.removed.contains_key(key)
    }

    /// Appends an entry that is on disk already or is not to be written.
    pub(super) fn put_kept(
        &mut self,
        key: Arc<str>,
        value: Arc<[u8]>,
        set_at_ms: u64,
        line: Option<LineTag>,
    ) {
        let kept_at_ms = set_at_ms;
        self.entries.remove(&key);
        let entry = StateValue { value, set_at_ms, kept_at_ms, line, is_unwritten: false };
        self.entries.insert(key, entry);
    }

    /// Appends an entry that is to be written.
    pub(super) fn put(
        &mut self,
        key: Arc<str>,
        value: Arc<[u8]>,
        set_at_ms: u64,
        line: Option<LineTag>,
    ) {
        let before = self.entries.remove(&key).map(|entry| entry.is_unwritten);
        let is_listed = before.or_else(|| self.removed.remove(&key)).unwrap_or(false);
        if !is_listed {
            self.unwritten.push(Arc::clone(&key));
        }
        let kept_at_ms = set_at_ms;
        let entry = StateValue { value, set_at_ms, kept_at_ms, line, is_unwritten: true };
        self.entries.insert(key, entry);
    }

    /// Moves an entry to the end, because it was set to the value that it has. Returns the time
    /// that is stored on disk.
    pub(super) fn refresh(&mut self, key: &str, set_at_ms: u64) -> Option<u64> {
        self.entries.to_back(key);
        let entry = self.entries.get_mut(key)?;
        entry.set_at_ms = set_at_ms;
        Some(entry.kept_at_ms)
    }

    /// Removes an entry without writing the removal.
    pub(super) fn remove_kept(&mut self, key: &str) -> Option<StateValue> {
        self.entries.remove(key)
    }

    /// Removes an entry, and marks the removal as unwritten.
    pub(super) fn remove(&mut self, key: &Arc<str>) -> Option<StateValue> {
        let entry = self.entries.remove(key)?;
        if !entry.is_unwritten {
            self.unwritten.push(Arc::clone(key));
        }
        self.removed.insert(Arc::clone(key), true);
        Some(entry)
    }

    /// Returns the keys that are to be written. The caller takes each with
    /// [`Shard::take_unwritten`].
    pub(super) fn take_unwritten_keys(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.unwritten)
    }

    /// Returns the change of a key that is to be written, and marks it as written.
    pub(super) fn take_unwritten(&mut self, key: &Arc<str>) -> Option<Unwritten> {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.is_unwritten = false;
            return Some((Arc::clone(key), Some(entry.clone())));
        }
        let is_listed = self.removed.get_mut(key)?;
        *is_listed = false;
        Some((Arc::clone(key), None))
    }

    /// Records that a removal is on disk. Returns whether the key has not changed since.
    pub(super) fn settle_removal(&mut self, key: &str) -> bool {
        let is_settled = self.removed.get(key).is_some_and(|is_listed| !is_listed);
        if is_settled {
            self.removed.remove(key);
        }
        is_settled
    }
}
