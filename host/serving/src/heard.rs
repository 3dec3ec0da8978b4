//! Remembers where lines and clients were last heard, answered or not: through which relay, with
//! which link selection, or on which link. `lessor explain` uses it for lines that have no lease.
//!
//! A table of fixed size without locks: a new entry may replace an older entry of another name.
//! Does not know leases. Invariant: an entry that is found belongs to the name that was looked up,
//! unless two names agree in 47 bits of a hash.

use std::{
    hash::BuildHasher,
    net::Ipv4Addr,
    sync::atomic::{AtomicU64, Ordering},
};

use foldhash::quality::RandomState;
use lessor_core::{HardwareAddress, Request, relay};

/// The number of slots in the table; a name takes three at most.
const SLOTS: usize = 1 << 16;

/// The table.
#[derive(Debug)]
pub struct Heard {
    /// The upper half of each slot identifies its name, the lower half is an address. The slots of
    /// a name are neighbours, so that they share a cache line.
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// A name by which a line or client is known.
#[derive(Clone, Copy, Debug)]
pub enum Name<'a> {
    /// The circuit id of the line.
    CircuitId(&'a [u8]),
    /// The remote id of the line.
    RemoteId(&'a [u8]),
    /// The hardware address of the client.
    HardwareAddress(HardwareAddress),
}

/// Where a line or client was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeardAt {
    /// Through this relay, with this link selection, if there was one.
    Relay {
        /// The address of the relay (giaddr).
        relay_address: Ipv4Addr,
        /// The link that the relay selected.
        link_selection: Option<Ipv4Addr>,
    },
    /// On the link where the server has this address.
    Link(Ipv4Addr),
}

/// The meaning of an address in the table: the position of its slot among those of its name.
#[derive(Clone, Copy)]
enum Meaning {
    Relay = 0,
    LinkSelection = 1,
    Link = 2,
}

/// The hash of a name.
#[derive(Clone, Copy)]
struct Key(u64);

impl Heard {
    /// Creates an empty table.
    pub(crate) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { slots, hasher: RandomState::default() }
    }

    /// Remembers where the sender of a request was heard.
    pub(crate) fn note(&self, request: &Request) {
        let information = request.relay_information.as_ref();
        let line = [
            information.and_then(|found| found.circuit_id()).map(Name::CircuitId),
            information.and_then(|found| found.remote_id()).map(Name::RemoteId),
        ];
        if request.is_relayed() {
            let link_selection = information
                .and_then(|found| found.sub_option(relay::LINK_SELECTION))
                .and_then(|octets| <[u8; 4]>::try_from(octets).ok())
                .map_or(Ipv4Addr::UNSPECIFIED, Ipv4Addr::from);
            let device = Name::HardwareAddress(request.hardware_address);
            for name in line.into_iter().flatten().chain([device]) {
                let key = self.key(name);
                self.put(key, Meaning::Relay, request.relay_address);
                let known = self.get(key, Meaning::LinkSelection);
                if !link_selection.is_unspecified() || known.is_some() {
                    self.put(key, Meaning::LinkSelection, link_selection);
                }
            }
        } else if let Some(link_addresses) = &request.arrival.link_addresses {
            let Some(link_address) = link_addresses.first().copied() else { return };
            let device = self.key(Name::HardwareAddress(request.hardware_address));
            self.put(device, Meaning::Relay, Ipv4Addr::UNSPECIFIED);
            self.put(device, Meaning::Link, link_address);
        }
    }

    /// Returns where `name` was last heard, if that is remembered.
    pub fn find(&self, name: Name<'_>) -> Option<HeardAt> {
        let key = self.key(name);
        let relay_address = self.get(key, Meaning::Relay)?;
        if relay_address.is_unspecified() {
            return self.get(key, Meaning::Link).map(HeardAt::Link);
        }
        let selected = self.get(key, Meaning::LinkSelection);
        let link_selection = selected.filter(|address| !address.is_unspecified());
        Some(HeardAt::Relay { relay_address, link_selection })
    }

    fn put(&self, key: Key, meaning: Meaning, address: Ipv4Addr) {
        if let Some(slot) = self.slot(key, meaning) {
            slot.store(key.tag() | u64::from(u32::from(address)), Ordering::Relaxed);
        }
    }

    fn get(&self, key: Key, meaning: Meaning) -> Option<Ipv4Addr> {
        let found = self.slot(key, meaning)?.load(Ordering::Relaxed);
        (found & TAG == key.tag()).then_some(Ipv4Addr::from(found as u32))
    }

    fn slot(&self, Key(hash): Key, meaning: Meaning) -> Option<&AtomicU64> {
        self.slots.get((hash as usize).wrapping_add(meaning as usize) % SLOTS)
    }

    fn key(&self, name: Name<'_>) -> Key {
        let (kind, octets) = match &name {
            Name::CircuitId(octets) => (1_u8, *octets),
            Name::RemoteId(octets) => (2, *octets),
            Name::HardwareAddress(address) => (3, address.octets()),
        };
        Key(self.hasher.hash_one((kind, octets)))
    }
}

impl Key {
    /// What a slot that belongs to the name has in its upper half. A slot that was never written
    /// has none.
    const fn tag(self) -> u64 {
        (self.0 & TAG) | OCCUPIED
    }
}

/// The bits of a slot that identify its name.
const TAG: u64 = 0xffff_ffff_0000_0000;
const OCCUPIED: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use lessor_load::dhcproto::v4::{DhcpOption, MessageType};

    use super::*;
    use crate::testing::{packet, received};

    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 200);

    fn relayed(client: u8, relay: Ipv4Addr, information: &[u8]) -> Request {
        let mut octets = packet(MessageType::Discover, client, relay, Vec::<DhcpOption>::new());
        let end = octets.iter().rposition(|octet| *octet == 255).unwrap();
        let option = [&[82, information.len() as u8], information].concat();
        octets.splice(end..end, option);
        lessor_wire::parse(&octets, received(&octets, relay).arrival).unwrap()
    }

    fn device(client: u8) -> Name<'static> {
        Name::HardwareAddress(HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, client]))
    }

    #[test]
    fn a_line_is_found_by_every_name_that_it_has() {
        let heard = Heard::new();
        let selecting = relayed(1, RELAY, b"\x01\x01c\x02\x01r\x05\x04\x64\x40\x00\x01");
        heard.note(&selecting);
        let link_selection = Some(Ipv4Addr::new(100, 64, 0, 1));
        let found = HeardAt::Relay { relay_address: RELAY, link_selection };
        for name in [Name::CircuitId(b"c"), Name::RemoteId(b"r"), device(1)] {
            assert_eq!(heard.find(name), Some(found), "{name:?}");
        }
        for name in [Name::CircuitId(b"r"), Name::RemoteId(b"c"), device(2)] {
            assert_eq!(heard.find(name), None, "{name:?}");
        }
        // The relay has another address now, and no link selection.
        heard.note(&relayed(1, Ipv4Addr::new(10, 0, 0, 201), b"\x01\x01c"));
        let relay_address = Ipv4Addr::new(10, 0, 0, 201);
        let found = HeardAt::Relay { relay_address, link_selection: None };
        assert_eq!(heard.find(Name::CircuitId(b"c")), Some(found));
    }

    #[test]
    fn a_client_on_a_link_is_found_there() {
        let heard = Heard::new();
        let mut request = relayed(1, Ipv4Addr::UNSPECIFIED, b"");
        let link_address = Ipv4Addr::new(192, 0, 2, 1);
        request.arrival.link_addresses = Some([link_address].into());
        heard.note(&request);
        assert_eq!(heard.find(device(1)), Some(HeardAt::Link(link_address)));
    }

    #[test]
    fn any_number_of_lines_takes_no_more_memory_and_the_last_are_known() {
        let heard = Heard::new();
        let name = |number: u32| number.to_be_bytes();
        let many = 3 * SLOTS as u32;
        for number in 0..many {
            heard.put(heard.key(Name::CircuitId(&name(number))), Meaning::Relay, RELAY);
        }
        assert_eq!(heard.slots.len(), SLOTS);
        let last = heard.find(Name::CircuitId(&name(many - 1)));
        assert_eq!(last, Some(HeardAt::Relay { relay_address: RELAY, link_selection: None }));
        let known = (0..many).filter(|n| heard.find(Name::CircuitId(&name(*n))).is_some()).count();
        assert!(known <= SLOTS, "{known}");
    }
}
