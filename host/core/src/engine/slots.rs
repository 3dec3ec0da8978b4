//! Slots by address, in pages of 256 neighbours: addresses are dense, so pages are small for what
//! they hold, and no growth ever moves all slots at once, which would be a pause.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::slot::Slot;

/// The addresses of one page: those that share their first 24 bits.
const PAGE_SIZE: u32 = 256;

/// What is known of addresses.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pages: HashMap<u32, Page, FixedState>,
}

#[derive(Clone, Debug)]
struct Page {
    known: usize,
    slots: Box<[Slot]>,
}

impl Slots {
    /// Nothing is known.
    pub(super) fn new(hasher: &FixedState) -> Self {
        Self { pages: HashMap::with_hasher(hasher.clone()) }
    }

    /// What is known of `address`, if anything is.
    pub(super) fn get(&self, address: u32) -> Option<&Slot> {
        let page = self.pages.get(&(address / PAGE_SIZE))?;
        page.slots.get((address % PAGE_SIZE) as usize).filter(|slot| slot.is_known())
    }

    /// Changes what is known of `address`.
    pub(super) fn change(&mut self, address: u32, change: impl FnOnce(&mut Slot)) {
        let number = address / PAGE_SIZE;
        let page = self.pages.entry(number).or_insert_with(Page::new);
        let Some(slot) = page.slots.get_mut((address % PAGE_SIZE) as usize) else { return };
        let was_known = slot.is_known();
        change(slot);
        match (was_known, slot.is_known()) {
            (false, true) => page.known += 1,
            (true, false) => page.known -= 1,
            _ => {}
        }
        if page.known == 0 {
            self.pages.remove(&number);
        }
    }

    /// Every slot of which something is known, in order of address.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Slot)> {
        let mut pages: Vec<_> = self.pages.iter().collect();
        pages.sort_unstable_by_key(|(number, _)| **number);
        pages.into_iter().flat_map(|(number, page)| {
            let first = number * PAGE_SIZE;
            let addresses = first..=first + (PAGE_SIZE - 1);
            addresses.zip(page.slots.iter()).filter(|(_, slot)| slot.is_known())
        })
    }

    /// The same, with the slots themselves.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (u32, Slot)> {
        let mut pages: Vec<_> = self.pages.into_iter().collect();
        pages.sort_unstable_by_key(|(number, _)| *number);
        pages.into_iter().flat_map(|(number, page)| {
            let first = number * PAGE_SIZE;
            let addresses = first..=first + (PAGE_SIZE - 1);
            addresses.zip(page.slots).filter(|(_, slot)| slot.is_known())
        })
    }

    /// The hasher, for tables that take part in the same seed.
    pub(super) fn hasher(&self) -> &FixedState {
        self.pages.hasher()
    }
}

impl Page {
    fn new() -> Self {
        Self { known: 0, slots: (0..PAGE_SIZE).map(|_| Slot::UNKNOWN).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ClientKey, HardwareAddress, Timestamp,
        engine::slot::{Claim, Offer},
    };

    fn set(slots: &mut Slots, address: u32, is_known: bool) {
        let client = ClientKey::Hardware(HardwareAddress::ethernet([0; 6]));
        let link = crate::Link::Relay(std::net::Ipv4Addr::LOCALHOST);
        let origin = crate::Origin { link, circuit_id: None, remote_id: None }.into();
        let (subscriber, expires_at) = (None, Timestamp::NEVER);
        let offer = Offer { address, client, subscriber, origin, expires_at };
        slots.change(address, |slot| {
            slot.claim = if is_known { Claim::Offer(offer.into()) } else { Claim::None };
        });
    }

    #[test]
    fn slots_come_in_order_of_address_and_empty_pages_go() {
        let mut slots = Slots::new(&FixedState::default());
        for address in [u32::MAX, 256, 0, 255] {
            set(&mut slots, address, true);
        }
        let addresses: Vec<u32> = slots.iter().map(|(address, _)| address).collect();
        assert_eq!(addresses, [0, 255, 256, u32::MAX]);
        assert_eq!(slots.pages.len(), 3);
        for address in [0, 255, 256] {
            set(&mut slots, address, false);
        }
        assert!(slots.get(255).is_none());
        assert_eq!(slots.pages.len(), 1);
        assert_eq!(slots.into_iter().count(), 1);
    }
}
