//! A hash table made of many small ones, because a table moves all that it holds when it grows, and a
//! large one would be a pause. As long as it holds little it is one table: most networks are small.
//!
//! Not here: what equality is; the caller compares. Invariant: an entry is in the table that its hash
//! says.

use hashbrown::HashTable;

/// How many tables a large one is made of. At a million entries one of them moves 4096 when it grows.
const TABLES: usize = 256;
/// With so many entries, one table becomes many.
const ONE_TABLE_MAX: usize = 4096;

/// Something that knows its hash, all bits of which differ between different things.
pub(super) trait Hashed {
    /// Its hash.
    fn hash(&self) -> u64;
}

/// Entries by hash.
#[derive(Clone, Debug)]
pub(super) struct Spread<E> {
    /// None, one, or [`TABLES`].
    tables: Box<[HashTable<E>]>,
}

impl<E: Hashed> Spread<E> {
    /// No entry.
    pub(super) fn new() -> Self {
        Self { tables: Box::default() }
    }

    /// The table with the entries of a hash, if there is any entry.
    pub(super) fn table(&self, hash: u64) -> Option<&HashTable<E>> {
        self.tables.get(place_of(hash, self.tables.len()))
    }

    /// The same, to take entries out.
    pub(super) fn table_mut(&mut self, hash: u64) -> Option<&mut HashTable<E>> {
        let place = place_of(hash, self.tables.len());
        self.tables.get_mut(place)
    }

    /// The same, to put an entry in.
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

    /// How many entries there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(HashTable::len).sum()
    }
}

/// From the middle of the hash: a table itself goes by the first and last bits.
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
