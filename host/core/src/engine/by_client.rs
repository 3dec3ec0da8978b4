//! A table of things that belong to clients, found by client key. The key is not stored a second
//! time: it is read from the thing itself.

use std::{hash::BuildHasher, sync::Arc};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::{ClientKey, Lease};

use super::bindings::Offer;

/// Something that belongs to one client.
pub(super) trait OfClient {
    /// Whose it is.
    fn client(&self) -> &ClientKey;
}

/// At most one thing for each client.
#[derive(Debug)]
pub(super) struct ByClient<T> {
    table: HashTable<Arc<T>>,
    hasher: FixedState,
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
        Self { table: HashTable::new(), hasher: hasher.clone() }
    }

    /// What `client` has.
    pub(super) fn get(&self, client: &ClientKey) -> Option<&Arc<T>> {
        self.table.find(self.hasher.hash_one(client), |found| found.client() == client)
    }

    /// Puts `thing` in the place of what its client has.
    pub(super) fn put(&mut self, thing: Arc<T>) {
        let hash = self.hasher.hash_one(thing.client());
        match self.table.find_mut(hash, |found| found.client() == thing.client()) {
            Some(found) => *found = thing,
            None => {
                let hasher = &self.hasher;
                self.table.insert_unique(hash, thing, |found| hasher.hash_one(found.client()));
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
        let entry = self.table.find_entry(hash, |found| found.client() == client).ok()?;
        condition(entry.get()).then(|| entry.remove().0)
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
