//! The slots of the keys of a table, in memory: where the value of each key is on the log.
//!
//! Addresses are kept in pages, because bindings are neighbours: a page of 32 addresses takes
//! little more than their slots, and no insertion moves more than a page. Other keys are kept in a
//! hash table. Invariant: a key has at most one slot.

use std::net::Ipv4Addr;

use hashbrown::HashMap;

type Hasher = foldhash::fast::RandomState;

/// The part of a value that is kept in memory: 20 octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) octets: u32,
    pub(crate) revision: [u32; 2],
}

impl Slot {
    /// Whether the value is in the frame at this place.
    pub(crate) fn is_at(&self, segment: u32, offset: u32) -> bool {
        (self.segment, self.offset) == (segment, offset)
    }
}

/// Slots by key.
pub(crate) trait Slots<K>: Default {
    fn get(&self, key: &K) -> Option<&Slot>;

    fn get_mut(&mut self, key: &K) -> Option<&mut Slot>;

    /// Sets the slot of a key and returns the former one.
    fn insert(&mut self, key: K, slot: Slot) -> Option<Slot>;

    /// Removes the slot of a key and returns it.
    fn remove(&mut self, key: &K) -> Option<Slot>;

    fn len(&self) -> usize;
}

/// The slots of keys of any kind.
pub(crate) type Hashed<K> = HashMap<K, Slot, Hasher>;

impl<K: Eq + std::hash::Hash> Slots<K> for Hashed<K> {
    fn get(&self, key: &K) -> Option<&Slot> {
        Self::get(self, key)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut Slot> {
        Self::get_mut(self, key)
    }

    fn insert(&mut self, key: K, slot: Slot) -> Option<Slot> {
        Self::insert(self, key, slot)
    }

    fn remove(&mut self, key: &K) -> Option<Slot> {
        Self::remove(self, key)
    }

    fn len(&self) -> usize {
        Self::len(self)
    }
}

/// The slots of addresses.
#[derive(Default)]
pub(crate) struct Paged {
    pages: HashMap<u32, Page, Hasher>,
    len: usize,
}

/// The slots of 32 neighboring addresses, in order of address.
#[derive(Default)]
struct Page {
    /// A bit for each address that has a slot.
    present: u32,
    slots: Vec<Slot>,
}

/// The number of slots that a page gets room for at a time.
const ROOM: usize = 8;

impl Slots<Ipv4Addr> for Paged {
    fn get(&self, key: &Ipv4Addr) -> Option<&Slot> {
        let (page, bit) = place(*key);
        let page = self.pages.get(&page)?;
        page.slots.get(page.position(bit)?)
    }

    fn get_mut(&mut self, key: &Ipv4Addr) -> Option<&mut Slot> {
        let (page, bit) = place(*key);
        let page = self.pages.get_mut(&page)?;
        let position = page.position(bit)?;
        page.slots.get_mut(position)
    }

    fn insert(&mut self, key: Ipv4Addr, slot: Slot) -> Option<Slot> {
        if let Some(found) = self.get_mut(&key) {
            return Some(std::mem::replace(found, slot));
        }
        let (page, bit) = place(key);
        let page = self.pages.entry(page).or_default();
        if page.slots.len() == page.slots.capacity() {
            page.slots.reserve_exact(ROOM);
        }
        page.slots.insert(page.rank(bit), slot);
        page.present |= bit;
        self.len += 1;
        None
    }

    fn remove(&mut self, key: &Ipv4Addr) -> Option<Slot> {
        let (number, bit) = place(*key);
        let page = self.pages.get_mut(&number)?;
        let position = page.position(bit)?;
        let removed = page.slots.remove(position);
        page.present &= !bit;
        if page.present == 0 {
            self.pages.remove(&number);
        }
        self.len -= 1;
        Some(removed)
    }

    fn len(&self) -> usize {
        self.len
    }
}

impl Page {
    /// The position of an address in `slots`, if it has a slot.
    fn position(&self, bit: u32) -> Option<usize> {
        (self.present & bit != 0).then(|| self.rank(bit))
    }

    /// The number of slots of lower addresses.
    fn rank(&self, bit: u32) -> usize {
        (self.present & (bit - 1)).count_ones() as usize
    }
}

/// The page of an address, and its bit there.
fn place(address: Ipv4Addr) -> (u32, u32) {
    let number = u32::from(address);
    (number / u32::BITS, 1 << (number % u32::BITS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u32, u32),
        Remove(u32),
        Change(u32, u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        // Addresses at both ends of the number space, in few pages.
        let address = || prop_oneof![0_u32..70, (u32::MAX - 40)..=u32::MAX];
        prop_oneof![
            3 => (address(), any::<u32>()).prop_map(|(at, offset)| Step::Insert(at, offset)),
            2 => address().prop_map(Step::Remove),
            1 => (address(), any::<u32>()).prop_map(|(at, offset)| Step::Change(at, offset)),
        ]
    }

    fn slot(offset: u32) -> Slot {
        Slot { segment: 1, offset, octets: 3, revision: [0, offset] }
    }

    proptest! {
        #[test]
        fn pages_agree_with_a_hash_table(steps in prop::collection::vec(step(), 0..400)) {
            let (mut paged, mut hashed) = (Paged::default(), Hashed::<Ipv4Addr>::default());
            let offset = |slot: Option<Slot>| slot.map(|slot| slot.offset);
            for step in steps {
                match step {
                    Step::Insert(at, to) => {
                        let one = paged.insert(at.into(), slot(to));
                        let other = Slots::insert(&mut hashed, at.into(), slot(to));
                        prop_assert_eq!(offset(one), offset(other));
                    }
                    Step::Remove(at) => {
                        let address = at.into();
                        let other = Slots::remove(&mut hashed, &address);
                        prop_assert_eq!(offset(paged.remove(&address)), offset(other));
                    }
                    Step::Change(at, to) => {
                        let address = at.into();
                        let both =
                            [paged.get_mut(&address), Slots::get_mut(&mut hashed, &address)];
                        for slot in both.into_iter().flatten() {
                            slot.offset = to;
                        }
                    }
                }
                prop_assert_eq!(paged.len(), Slots::len(&hashed));
                for at in (0..70).chain(u32::MAX - 40..=u32::MAX) {
                    let address = at.into();
                    let found = [paged.get(&address), Slots::get(&hashed, &address)];
                    prop_assert_eq!(offset(found[0].copied()), offset(found[1].copied()));
                }
            }
            for at in (0..70).chain(u32::MAX - 40..=u32::MAX) {
                paged.remove(&at.into());
            }
            prop_assert!(paged.pages.is_empty());
        }
    }
}
