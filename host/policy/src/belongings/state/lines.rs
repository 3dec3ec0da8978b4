//! Records which line added each key, so that one line cannot take the room of all others.
//!
//! Does not hold the values of the keys. Invariant: a line has exactly the keys that it added and
//! that still exist; a line without keys takes no memory.

use std::{
    collections::HashMap,
    num::NonZeroU64,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hashlink::LinkedHashSet;
use lessor_core::Origin;
use sha2::{Digest, Sha256};

/// A line, as a 64-bit hash that is stable across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LineTag(NonZeroU64);

/// The keys by the line that added them, least recently set first.
#[derive(Default)]
pub(super) struct KeysByLine(Mutex<HashMap<LineTag, LinkedHashSet<Arc<str>>>>);

impl LineTag {
    /// The line that a message came from; `None` if no relay agent named one.
    pub(crate) fn of(origin: &Origin) -> Option<Self> {
        if !origin.names_line() {
            return None;
        }
        let mut hash = Sha256::new();
        hash.update(format!("{:?}", origin.link));
        for part in [&origin.circuit_id, &origin.remote_id] {
            let part = part.as_deref().unwrap_or_default();
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let [a, b, c, d, e, f, g, h, ..] = hash.finalize().0;
        Self::from_stored(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// The line with a stored number; 0 stands for no line.
    pub(super) fn from_stored(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number to store.
    pub(super) fn stored(self) -> u64 {
        self.0.get()
    }
}

impl KeysByLine {
    /// Records that the line added a key. Returns `false` if the line has `max` keys already.
    pub(super) fn add(&self, line: LineTag, key: &Arc<str>, max: usize) -> bool {
        let mut lines = self.lines();
        let keys = lines.entry(line).or_default();
        let fits = keys.len() < max;
        if fits {
            keys.insert(Arc::clone(key));
        } else if keys.is_empty() {
            lines.remove(&line);
        }
        fits
    }

    /// Removes a key that the line had added.
    pub(super) fn remove(&self, line: LineTag, key: &str) {
        let mut lines = self.lines();
        if let Some(keys) = lines.get_mut(&line) {
            keys.remove(key);
            if keys.is_empty() {
                lines.remove(&line);
            }
        }
    }

    /// The key of the line that was set longest ago.
    pub(super) fn oldest_of(&self, line: LineTag) -> Option<Arc<str>> {
        self.lines().get(&line)?.front().cloned()
    }

    /// Moves a key to the end of the line's keys, because it was set again.
    pub(super) fn refresh(&self, line: LineTag, key: &str) {
        if let Some(keys) = self.lines().get_mut(&line) {
            keys.to_back(key);
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<LineTag, LinkedHashSet<Arc<str>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
