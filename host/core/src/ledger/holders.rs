//! The resources that concern each holder: those of its records, of the offer to it, and of changes
//! for it in flight to storage.
//!
//! Does not know in what way a resource concerns a holder; [`super::bindings`] reads that from the
//! slot. An entry is a hash and a resource, because the slot already contains the holder.
//! Invariant: a resource is listed once for each holder of its slot (see
//! [`super::slot::SlotView::holders`]), except the resources of old records that
//! [`super::bindings`] drops.

use std::hash::BuildHasher;

use crate::keyed_hash::KeyedState;

use super::spread::{Hashed, Spread};

/// Resources by holder.
#[derive(Clone, Debug)]
pub(super) struct Holders<R> {
    entries: Spread<Entry<R>>,
    hasher: KeyedState,
}

/// An entry: a resource concerns a holder whose key has this hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry<R> {
    hash: u32,
    resource: R,
}

impl<R> Hashed for Entry<R> {
    fn hash(&self) -> u64 {
        spread_out(self.hash)
    }
}

impl<R: Copy + Eq> Holders<R> {
    /// Creates an empty collection.
    pub(super) fn new(hasher: &KeyedState) -> Self {
        Self { entries: Spread::new(), hasher: hasher.clone() }
    }

    /// The resources that may concern `holder`, in no particular order: all that do, and possibly
    /// those of another holder whose key has the same hash.
    pub(super) fn resources<'s>(&'s self, holder: &[u8]) -> impl Iterator<Item = R> + use<'s, R> {
        let wanted = self.short_hash(holder);
        let hash = spread_out(wanted);
        let found = self.entries.table(hash).map(|table| table.iter_hash(hash));
        let found = found.into_iter().flatten().filter(move |entry| entry.hash == wanted);
        found.map(|entry| entry.resource)
    }

    /// Adds `resource` to the list of `holder`, unless it is already listed.
    pub(super) fn insert(&mut self, holder: &[u8], resource: R) {
        let entry = self.entry(holder, resource);
        let hash = entry.hash();
        if let Some(table) = self.entries.table_for(hash) {
            table.entry(hash, |found| *found == entry, Hashed::hash).or_insert(entry);
        }
    }

    /// Removes `resource` from the list of `holder`, if it is listed.
    pub(super) fn remove(&mut self, holder: &[u8], resource: R) {
        let entry = self.entry(holder, resource);
        let Some(table) = self.entries.table_mut(entry.hash()) else { return };
        if let Ok(found) = table.find_entry(entry.hash(), |found| *found == entry) {
            found.remove();
        }
    }

    /// The number of entries.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn entry(&self, holder: &[u8], resource: R) -> Entry<R> {
        Entry { hash: self.short_hash(holder), resource }
    }

    fn short_hash(&self, holder: &[u8]) -> u32 {
        (self.hasher.hash_one(holder) >> 32) as u32
    }
}

/// Extends a hash to twice its length, so that all bits differ between different hashes.
fn spread_out(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holder_has_its_resources_once() {
        let mut holders = Holders::new(&KeyedState::with_seed(0));
        let octets = |number: u32| number.to_be_bytes();
        for number in 0..10_000_u32 {
            holders.insert(&octets(number), number);
            holders.insert(&octets(number), number + 1_000_000);
            holders.insert(&octets(number), number);
        }
        assert_eq!(holders.len(), 20_000);
        for number in 0..10_000 {
            let mut found: Vec<u32> = holders.resources(&octets(number)).collect();
            found.sort_unstable();
            assert_eq!(found, [number, number + 1_000_000]);
            holders.remove(&octets(number), number);
            holders.remove(&octets(number), number);
            let left: Vec<u32> = holders.resources(&octets(number)).collect();
            assert_eq!(left, [number + 1_000_000]);
        }
        assert_eq!(holders.len(), 10_000);
    }
}
