//! A hash table made of many small ones. A single table moves all entries when it grows, which
//! would cause a pause if it is large. A table with few entries stays one table, because most
//! networks are small.
//!
//! Does not define equality; the caller compares. Invariant: an entry is in the table that its hash
//! selects.

use hashbrown::HashTable;

/// The number of tables in a large one. At a million entries, growth of one of them moves 4096
/// entries.
const TABLES: usize = 256;
/// With this many entries, one table is split into many.
const ONE_TABLE_MAX: usize = 4096;

/// An entry that knows its hash, all bits of which differ between different entries.
pub(super) trait Hashed {
    /// The hash of the entry.
    fn hash(&self) -> u64;
}

/// Entries by hash.
#[derive(Clone, Debug)]
pub(super) struct Spread<E> {
    /// No table, one table, or [`TABLES`] of them.
    tables: Box<[HashTable<E>]>,
}

impl<E: Hashed> Spread<E> {
    /// Creates an empty table.
    pub(super) fn new() -> Self {
        Self { tables: Box::default() }
    }

    /// The table for entries with a hash, or `None` if there are no entries at all.
    pub(super) fn table(&self, hash: u64) -> Option<&HashTable<E>> {
        self.tables.get(place_of(hash, self.tables.len()))
    }

    /// The table for entries with a hash, to remove an entry from it.
    pub(super) fn table_mut(&mut self, hash: u64) -> Option<&mut HashTable<E>> {
        let place = place_of(hash, self.tables.len());
        self.tables.get_mut(place)
    }

    /// The table for entries with a hash, to insert an entry. Creates or splits tables if
    /// necessary.
    pub(super) fn table_for(&mut self, hash: u64) -> Option<&mut HashTable<E>> {
        match &mut *self.tables {
            [] => self.tables = Box::new([HashTable::new()]),
            [one] if one.len() >= ONE_TABLE_MAX => {
                let mut tables: Box<[HashTable<E>]> =
                    (0..TABLES).map(|_| HashTable::new()).collect();
                for entry in std::mem::take(one) {
                    let hash = entry.hash();
                    if let Some(table) = tables.get_mut(place_of(hash, TABLES)) {
                        table.insert_unique(hash, entry, Hashed::hash);
                    }
                }
                self.tables = tables;
            }
            _ => {}
        }
        self.table_mut(hash)
    }

    /// The number of entries.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(HashTable::len).sum()
    }
}

/// Uses bits from the middle of the hash: the table itself uses the first and last ones.
fn place_of(hash: u64, tables: usize) -> usize {
    if tables == TABLES { (hash >> 32) as usize % TABLES } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Hashed for u64 {
        fn hash(&self) -> u64 {
            self.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        }
    }

    #[test]
    fn every_entry_is_found_before_and_after_one_table_becomes_many() {
        let mut spread = Spread::new();
        assert!(spread.table(7).is_none());
        let entries = 0..3 * ONE_TABLE_MAX as u64;
        for entry in entries.clone() {
            let hash = entry.hash();
            spread.table_for(hash).unwrap().insert_unique(hash, entry, Hashed::hash);
            assert!(spread.table(hash).unwrap().find(hash, |found| *found == entry).is_some());
        }
        assert_eq!((spread.len(), spread.tables.len()), (3 * ONE_TABLE_MAX, TABLES));
        for entry in entries {
            let hash = entry.hash();
            assert!(spread.table(hash).unwrap().find(hash, |found| *found == entry).is_some());
        }
    }
}
