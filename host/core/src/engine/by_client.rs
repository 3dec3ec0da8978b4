//! A table of things that belong to clients, found by client key. The key is not stored a second
//! time: it is read from the thing itself.
//!
//! It is made of many small tables, because a table moves all that it holds when it grows, and a
//! large one would be a pause.

use std::{hash::BuildHasher, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::{ClientKey, Lease};

use super::slot::Offer;

/// How many tables there are. At a million clients one of them moves 4096 entries when it grows.
const TABLES: usize = 256;

/// Something that belongs to one client.
pub(super) trait OfClient {
    /// Whose it is.
    fn client(&self) -> &ClientKey;
}

/// At most one thing for each client.
#[derive(Debug)]
pub(super) struct ByClient<T> {
    tables: Box<[HashTable<Entry<T>>]>,
    hasher: FixedState,
}

/// A thing and the hash of its client's key, so that a growing table need not look at the thing.
#[derive(Debug)]
struct Entry<T> {
    hash: u64,
    thing: Arc<T>,
}

impl OfClient for Lease {
    fn client(&self) -> &ClientKey {
        &self.client
    }
}

impl OfClient for Offer {
    fn client(&self) -> &ClientKey {
        &self.client
    }
}

impl<T: OfClient> ByClient<T> {
    /// An empty table.
    pub(super) fn new(hasher: &FixedState) -> Self {
        let tables = (0..TABLES).map(|_| HashTable::new()).collect();
        Self { tables, hasher: hasher.clone() }
    }

    /// What `client` has.
    pub(super) fn get(&self, client: &ClientKey) -> Option<&Arc<T>> {
        let hash = self.hasher.hash_one(client);
        let entry = self.tables.get(table_of(hash))?.find(hash, |entry| entry.is(hash, client))?;
        Some(&entry.thing)
    }

    /// Puts `thing` in the place of what its client has.
    pub(super) fn put(&mut self, thing: Arc<T>) {
        let hash = self.hasher.hash_one(thing.client());
        let Some(table) = self.tables.get_mut(table_of(hash)) else { return };
        match table.find_mut(hash, |entry| entry.is(hash, thing.client())) {
            Some(entry) => entry.thing = thing,
            None => {
                table.insert_unique(hash, Entry { hash, thing }, |entry| entry.hash);
            }
        }
    }

    /// Takes out what `client` has if `condition` holds for it.
    pub(super) fn remove_if(
        &mut self,
        client: &ClientKey,
        condition: impl FnOnce(&T) -> bool,
    ) -> Option<Arc<T>> {
        let hash = self.hasher.hash_one(client);
        let table = self.tables.get_mut(table_of(hash))?;
        let entry = table.find_entry(hash, |entry| entry.is(hash, client)).ok()?;
        condition(&entry.get().thing).then(|| entry.remove().0.thing)
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(HashTable::len).sum()
    }
}

impl<T: OfClient> Entry<T> {
    fn is(&self, hash: u64, client: &ClientKey) -> bool {
        self.hash == hash && self.thing.client() == client
    }
}

/// From the middle of the hash: a table itself goes by the first and last bits.
const fn table_of(hash: u64) -> usize {
    (hash >> 32) as usize % TABLES
}
