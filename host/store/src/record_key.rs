//! The key of a record: an address, and the VPN whose address it is.
//!
//! Does not know records. Invariant: the key of an address outside of all VPNs is written as before
//! there were VPNs, so that older stores are read and older servers read newer ones without VPNs.
//!
//! ```text
//! outside of all VPNs   address 4
//! in a VPN              address 4 · name of the VPN, in ASCII
//! ```

use std::{fmt, net::Ipv4Addr};

use hashbrown::HashMap;
use lessor_core::{Binding, VpnName};

use crate::log::{
    slots::{Paged, Slot, Slots},
    table::Key,
};

/// The key of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordKey {
    pub(crate) vpn: Option<VpnName>,
    pub(crate) address: Ipv4Addr,
}

/// The slots of keys: pages of neighbors for each address space.
#[derive(Default)]
pub(crate) struct SpacedSlots {
    global: Paged,
    of_vpns: HashMap<VpnName, Paged, foldhash::fast::RandomState>,
}

const ADDRESS_OCTETS: usize = 4;

impl RecordKey {
    /// The key of the record of a binding.
    pub(crate) fn of(binding: &Binding) -> Self {
        Self { vpn: binding.vpn.clone(), address: binding.address }
    }

    /// The key as it is written.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let name = self.vpn.as_ref().map(VpnName::as_str).unwrap_or_default();
        [&self.address.octets()[..], name.as_bytes()].concat()
    }
}

impl Key for RecordKey {
    type Slots = SpacedSlots;

    fn from_written(octets: &[u8]) -> Option<Self> {
        let (address, name) = octets.split_at_checked(ADDRESS_OCTETS)?;
        let address = <[u8; ADDRESS_OCTETS]>::try_from(address).ok()?.into();
        let vpn = match name {
            [] => None,
            name => Some(VpnName::new(std::str::from_utf8(name).ok()?)?),
        };
        Some(Self { vpn, address })
    }
}

impl Slots<RecordKey> for SpacedSlots {
    fn get(&self, key: &RecordKey) -> Option<&Slot> {
        match &key.vpn {
            None => self.global.get(&key.address),
            Some(vpn) => self.of_vpns.get(vpn)?.get(&key.address),
        }
    }

    fn get_mut(&mut self, key: &RecordKey) -> Option<&mut Slot> {
        match &key.vpn {
            None => self.global.get_mut(&key.address),
            Some(vpn) => self.of_vpns.get_mut(vpn)?.get_mut(&key.address),
        }
    }

    fn insert(&mut self, key: RecordKey, slot: Slot) -> Option<Slot> {
        match key.vpn {
            None => self.global.insert(key.address, slot),
            Some(vpn) => self.of_vpns.entry(vpn).or_default().insert(key.address, slot),
        }
    }

    fn remove(&mut self, key: &RecordKey) -> Option<Slot> {
        let Some(vpn) = &key.vpn else { return self.global.remove(&key.address) };
        let of_vpn = self.of_vpns.get_mut(vpn)?;
        let removed = of_vpn.remove(&key.address);
        if of_vpn.len() == 0 {
            self.of_vpns.remove(vpn);
        }
        removed
    }

    fn len(&self) -> usize {
        self.global.len() + self.of_vpns.values().map(Slots::len).sum::<usize>()
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        self.vpn.as_ref().map_or(Ok(()), |vpn| write!(f, " in VPN {vpn}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(vpn: Option<&str>, last: u8) -> RecordKey {
        let vpn = vpn.map(|name| VpnName::new(name).unwrap());
        RecordKey { vpn, address: Ipv4Addr::new(192, 0, 2, last) }
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_others_are_none() {
        assert_eq!(key(None, 1).octets(), [192, 0, 2, 1]);
        assert_eq!(key(Some("green"), 1).octets(), *b"\xc0\x00\x02\x01green");
        for key in [key(None, 1), key(Some("green"), 1), key(Some(&"a".repeat(254)), 255)] {
            assert_eq!(RecordKey::from_written(&key.octets()), Some(key));
        }
        for octets in [&b""[..], b"\x01\x02\x03", b"\x01\x02\x03\x04\x00", b"\x01\x02\x03\x04\xff"]
        {
            assert_eq!(RecordKey::from_written(octets), None, "{octets:?}");
        }
    }

    #[test]
    fn the_same_address_in_two_vpns_has_two_slots() {
        let mut slots = SpacedSlots::default();
        let slot = |offset| Slot { segment: 1, offset, octets: 3, revision: [0; 2] };
        let keys = [key(None, 1), key(Some("green"), 1), key(Some("red"), 1)];
        for (offset, key) in (0..).zip(&keys) {
            assert!(slots.insert(key.clone(), slot(offset)).is_none());
        }
        let offset = |found: Option<&Slot>| found.map(|slot| slot.offset);
        assert_eq!(slots.len(), 3);
        assert_eq!(offset(slots.get(&keys[1])), Some(1));
        assert_eq!(slots.remove(&keys[1]).map(|slot| slot.offset), Some(1));
        assert!(slots.remove(&keys[1]).is_none());
        assert_eq!([0, 1, 2].map(|at| offset(slots.get(&keys[at]))), [Some(0), None, Some(2)]);
        assert_eq!(slots.len(), 2);
    }
}
