//! Which addresses concern which client: those of its records, of the offer to it, and those that a
//! decision about it is taking to storage.
//!
//! Not here: what a client has at these addresses; [`super::bindings`] reads that from their slots. An
//! entry is a hash and an address, because the slot has the key already. Invariant: an address is
//! listed once for each client of its slot (see [`super::slot::Slot::clients`]), except the addresses
//! of old records that [`super::bindings`] drops.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::ClientKey;

use super::spread::{Hashed, Spread};

/// The addresses of clients.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    entries: Spread<Entry>,
    hasher: FixedState,
}

/// That an address concerns the client whose key has this hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    hash: u32,
    address: u32,
}

impl Hashed for Entry {
    fn hash(&self) -> u64 {
        u64::from(self.hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Clients {
    /// No client.
    pub(super) fn new(hasher: &FixedState) -> Self {
        Self { entries: Spread::new(), hasher: hasher.clone() }
    }

    /// The addresses that may concern `client`, in no particular order: all that do, and perhaps those
    /// of another client whose key has the same hash.
    pub(super) fn addresses(&self, client: &ClientKey) -> impl Iterator<Item = u32> {
        let wanted = self.entry(client, 0);
        let hash = wanted.hash();
        let found = self.entries.table(hash).map(|table| table.iter_hash(hash));
        let found = found.into_iter().flatten().filter(move |entry| entry.hash == wanted.hash);
        found.map(|entry| entry.address)
    }

    /// Lists `address` for `client`, unless it is listed.
    pub(super) fn insert(&mut self, client: &ClientKey, address: u32) {
        let entry = self.entry(client, address);
        let hash = entry.hash();
        if let Some(table) = self.entries.table_for(hash) {
            table.entry(hash, |found| *found == entry, Hashed::hash).or_insert(entry);
        }
    }

    /// Strikes `address` off the list of `client`, if it is on it.
    pub(super) fn remove(&mut self, client: &ClientKey, address: u32) {
        let entry = self.entry(client, address);
        let Some(table) = self.entries.table_mut(entry.hash()) else { return };
        if let Ok(found) = table.find_entry(entry.hash(), |found| *found == entry) {
            found.remove();
        }
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn entry(&self, client: &ClientKey, address: u32) -> Entry {
        Entry { hash: (self.hasher.hash_one(client) >> 32) as u32, address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HardwareAddress;

    fn client(number: u32) -> ClientKey {
        let [a, b, c, d] = number.to_be_bytes();
        ClientKey::Hardware(HardwareAddress::ethernet([2, 0, a, b, c, d]))
    }

    #[test]
    fn each_client_has_its_addresses_once() {
        let mut clients = Clients::new(&FixedState::default());
        for number in 0..10_000 {
            clients.insert(&client(number), number);
            clients.insert(&client(number), number + 1_000_000);
            clients.insert(&client(number), number);
        }
        assert_eq!(clients.len(), 20_000);
        for number in 0..10_000 {
            let mut found: Vec<u32> = clients.addresses(&client(number)).collect();
            found.sort_unstable();
            assert_eq!(found, [number, number + 1_000_000]);
            clients.remove(&client(number), number);
            clients.remove(&client(number), number);
            assert_eq!(
                clients.addresses(&client(number)).collect::<Vec<_>>(),
                [number + 1_000_000]
            );
        }
        assert_eq!(clients.len(), 10_000);
    }
}
