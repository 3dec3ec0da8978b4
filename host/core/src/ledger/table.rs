//! A table of things that are found by a key which they carry. The key is not stored a second
//! time: it is read from the thing itself.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::hash_table;

use super::spread::{Hashed, Spread};

/// Something that carries its key.
pub(super) trait Keyed {
    type Key: ?Sized + Eq + Hash;

    /// What it is found by.
    fn key(&self) -> &Self::Key;
}

/// At most one thing for each key.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    entries: Spread<Entry<T>>,
    hasher: FixedState,
}

/// A thing and the hash of its key, so that a growing table need not look at the thing.
#[derive(Clone, Debug)]
struct Entry<T> {
    hash: u64,
    /// In an allocation of its own: up to half of the places of a table are empty.
    thing: Box<T>,
}

impl<T> Hashed for Entry<T> {
    fn hash(&self) -> u64 {
        self.hash
    }
}

impl<T: Keyed> Table<T> {
    /// An empty table.
    pub(super) fn new(hasher: &FixedState) -> Self {
        Self { entries: Spread::new(), hasher: hasher.clone() }
    }

    /// What is there for `key`.
    pub(super) fn get(&self, key: &T::Key) -> Option<&T> {
        let hash = self.hasher.hash_one(key);
        let entry = self.entries.table(hash)?.find(hash, |entry| entry.is(hash, key))?;
        Some(&entry.thing)
    }

    /// Puts `thing` in the place of what is there for its key.
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

    /// Changes what is there for `key`, made by `new` if there is nothing, and takes it out if
    /// `change` says that nothing is left of it.
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

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// What a change leaves of a thing.
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
