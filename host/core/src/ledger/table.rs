//! A table of values that are found by a key which they contain. The key is not stored a second
//! time.
//!
//! Does not interpret the values. Invariant: a key has at most one value.

use std::hash::{BuildHasher, Hash};

use hashbrown::hash_table;

use crate::keyed_hash::KeyedState;

use super::spread::{Hashed, Spread};

/// A value that contains its key.
pub(super) trait Keyed {
    type Key: ?Sized + Eq + Hash;

    /// The key of the value.
    fn key(&self) -> &Self::Key;
}

/// At most one value for each key.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    entries: Spread<Entry<T>>,
    hasher: KeyedState,
}

/// A value and the hash of its key, so that a growing table does not have to read the value.
#[derive(Clone, Debug)]
struct Entry<T> {
    hash: u64,
    /// In a separate allocation: up to half of the places of a table are empty.
    thing: Box<T>,
}

impl<T> Hashed for Entry<T> {
    fn hash(&self) -> u64 {
        self.hash
    }
}

impl<T: Keyed> Table<T> {
    /// Creates an empty table.
    pub(super) fn new(hasher: &KeyedState) -> Self {
        Self { entries: Spread::new(), hasher: hasher.clone() }
    }

    /// The value for `key`.
    pub(super) fn get(&self, key: &T::Key) -> Option<&T> {
        let hash = self.hasher.hash_one(key);
        let entry = self.entries.table(hash)?.find(hash, |entry| entry.is(hash, key))?;
        Some(&entry.thing)
    }

    /// Inserts `thing` and replaces any value with the same key.
    pub(super) fn put(&mut self, thing: T) {
        let hash = self.hasher.hash_one(thing.key());
        let Some(table) = self.entries.table_for(hash) else { return };
        match table.find_mut(hash, |entry| entry.is(hash, thing.key())) {
            Some(entry) => *entry.thing = thing,
            None => {
                let thing = Box::new(thing);
                table.insert_unique(hash, Entry { hash, thing }, |entry| entry.hash);
            }
        }
    }

    /// Changes the value for `key`, which `new` creates if there is none, and removes it if
    /// `change` returns [`Left::Nothing`].
    pub(super) fn change(
        &mut self,
        key: &T::Key,
        new: impl FnOnce() -> T,
        change: impl FnOnce(&mut T) -> Left,
    ) {
        let hash = self.hasher.hash_one(key);
        let Some(table) = self.entries.table_for(hash) else { return };
        let entry = table.entry(hash, |entry| entry.is(hash, key), |entry| entry.hash);
        let mut entry = match entry {
            hash_table::Entry::Occupied(entry) => entry,
            hash_table::Entry::Vacant(entry) => {
                entry.insert(Entry { hash, thing: Box::new(new()) })
            }
        };
        if change(&mut entry.get_mut().thing) == Left::Nothing {
            entry.remove();
        }
    }

    /// The number of values.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// What remains of a value after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Something,
    Nothing,
}

impl<T: Keyed> Entry<T> {
    fn is(&self, hash: u64, key: &T::Key) -> bool {
        self.hash == hash && self.thing.key() == key
    }
}
