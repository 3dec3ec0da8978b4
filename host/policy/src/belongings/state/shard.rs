//! Shards: a part of what a plugin remembers, under one lock.
//!
//! Not here: how many keys there may be. Invariant: the entries are in the order in which they were
//! last set; a key is an entry, or its removal waits for the disk, or neither; `unwritten` has each key
//! once.

use std::{collections::HashMap, sync::Arc};

use hashlink::LinkedHashMap;

use super::lines::LineTag;

#[derive(Default)]
pub(super) struct Shard {
    entries: LinkedHashMap<Arc<str>, Entry>,
    /// Keys whose removal waits for the disk, and whether it is among those to write.
    removed: HashMap<Arc<str>, bool>,
    /// The keys that are to be written.
    unwritten: Vec<Arc<str>>,
}

/// A value, and when it was set.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: Arc<[u8]>,
    /// In milliseconds since the Unix epoch, in the server's time.
    pub(super) set_at_ms: u64,
    /// What the disk has as the time, which is not written at every refresh.
    pub(super) kept_at_ms: u64,
    /// The line that added the key.
    pub(super) line: Option<LineTag>,
    is_unwritten: bool,
}

/// A key whose value is to be written, or its removal.
pub(super) type Unwritten = (Arc<str>, Option<Entry>);

impl Shard {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The entry that was set longest ago.
    pub(super) fn oldest(&self) -> Option<(&Arc<str>, &Entry)> {
        self.entries.front()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        self.entries.iter()
    }

    /// Whether the removal of a key waits for the disk.
    pub(super) fn is_removal_waiting(&self, key: &str) -> bool {
        self.removed.contains_key(key)
    }

    /// Puts an entry at the end that is on disk, or is not to be.
    pub(super) fn put_kept(
        &mut self,
        key: Arc<str>,
        value: Arc<[u8]>,
        set_at_ms: u64,
        line: Option<LineTag>,
    ) {
        let kept_at_ms = set_at_ms;
        self.entries.remove(&key);
        let entry = Entry { value, set_at_ms, kept_at_ms, line, is_unwritten: false };
        self.entries.insert(key, entry);
    }

    /// Puts an entry at the end that is to be written.
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
        let entry = Entry { value, set_at_ms, kept_at_ms, line, is_unwritten: true };
        self.entries.insert(key, entry);
    }

    /// Moves an entry to the end: it was set to what it is. Says when the disk has that it was set.
    pub(super) fn refresh(&mut self, key: &str, set_at_ms: u64) -> Option<u64> {
        self.entries.to_back(key);
        let entry = self.entries.get_mut(key)?;
        entry.set_at_ms = set_at_ms;
        Some(entry.kept_at_ms)
    }

    /// Removes an entry that is not on disk.
    pub(super) fn remove_kept(&mut self, key: &str) -> Option<Entry> {
        self.entries.remove(key)
    }

    /// Removes an entry, which is to be written.
    pub(super) fn remove(&mut self, key: &Arc<str>) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        if !entry.is_unwritten {
            self.unwritten.push(Arc::clone(key));
        }
        self.removed.insert(Arc::clone(key), true);
        Some(entry)
    }

    /// The keys that are to be written; the caller takes them for written one by one.
    pub(super) fn take_unwritten_keys(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.unwritten)
    }

    /// What is to be written of a key, which is written from now on.
    pub(super) fn take_unwritten(&mut self, key: &Arc<str>) -> Option<Unwritten> {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.is_unwritten = false;
            return Some((Arc::clone(key), Some(entry.clone())));
        }
        let is_listed = self.removed.get_mut(key)?;
        *is_listed = false;
        Some((Arc::clone(key), None))
    }

    /// Hears that a removal is on disk; says whether that still is the last word on the key.
    pub(super) fn settle_removal(&mut self, key: &str) -> bool {
        let is_settled = self.removed.get(key).is_some_and(|is_listed| !is_listed);
        if is_settled {
            self.removed.remove(key);
        }
        is_settled
    }
}
