//! IPv4 addresses as a family of resources.
//!
//! Decides nothing. Invariant: a value that is written as octets is read back as the same value.

use std::{net::Ipv4Addr, sync::Arc};

use roaring::RoaringBitmap;
use smallvec::SmallVec;

use crate::{
    Binding, ClientKey, HardwareAddress, HostName, Line, Link, Origin, RelayInformation, Request,
    RequestKind, UnknownFields, VpnName,
    ledger::{
        BindingRecord, Family, FreeSet, Holder, Layout, MessageSource, OctetReader, Octets,
        PAGE_SIZE, Record, Resource, Tenure, put_part,
    },
};

use super::{
    plan::Plan,
    quarantine::{self, Account},
};

/// IPv4 addresses, each as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ipv4;

/// Bindings of IPv4 addresses.
pub(super) type Bindings = crate::ledger::Bindings<Ipv4>;
/// A borrowed view of what is known of an address.
pub(super) type SlotView<'s> = crate::ledger::SlotView<'s, Ipv4>;
/// The addresses of the records of one client.
pub(super) type AddressesOfClient = crate::ledger::ResourcesOfHolder<Ipv4>;
/// An address that is held for a client that may request it.
pub(super) type Offer = crate::ledger::Offer<Ipv4>;

/// The message that a decision answers. Some relays forward a renewal that the client also sends
/// past them; those are two messages, and each is answered the way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    transaction_id: u32,
    /// `None` without a message.
    kind: Option<RequestKind>,
    relay_address: Ipv4Addr,
}

impl Cause {
    /// The cause of what no message of a client asked for: a change by hand, or the answer to a
    /// probe.
    pub(super) const NO_MESSAGE: Self =
        Self { transaction_id: 0, kind: None, relay_address: Ipv4Addr::UNSPECIFIED };

    /// The properties that distinguish a message from others of its client.
    pub(super) const fn of(request: &Request) -> Self {
        let Request { transaction_id, kind, relay_address, .. } = *request;
        Self { transaction_id, kind: Some(kind), relay_address }
    }
}

impl Family for Ipv4 {
    type Resource = u32;
    type Holder = ClientKey;
    type Binding = Binding;
    type Cause = Cause;
    type Source = Origin;
    type Account = Account;
    type Free = RoaringBitmap;
    type Layout = Plan;

    fn accounts(record: &Binding) -> SmallVec<[Account; 3]> {
        quarantine::accounts_of(record)
    }
}

impl Layout<Ipv4> for Plan {
    fn spans(&self, address: u32) -> bool {
        Self::spans(self, address)
    }

    fn giving_pool_of(&self, address: u32) -> Option<usize> {
        Self::giving_pool_of(self, address)
    }

    fn pools(&self) -> Vec<RoaringBitmap> {
        self.given_by_pools()
    }

    fn offers_max(&self, origin: &Origin) -> usize {
        self.network().bounds.offers_max.of(origin)
    }
}

impl Resource for u32 {
    type Page = u32;

    fn page(self) -> (u32, usize) {
        (self / PAGE_SIZE as u32, (self % PAGE_SIZE as u32) as usize)
    }

    fn at(page: u32, place: usize) -> Option<Self> {
        page.checked_mul(PAGE_SIZE as u32)?.checked_add(u32::try_from(place).ok()?)
    }
}

impl MessageSource for Origin {
    type Link = Link;

    fn link(&self) -> &Link {
        &self.link
    }
}

impl FreeSet<u32> for RoaringBitmap {
    fn of(addresses: impl IntoIterator<Item = u32>) -> Self {
        addresses.into_iter().collect()
    }

    fn len(&self) -> u64 {
        RoaringBitmap::len(self)
    }

    fn insert(&mut self, address: u32) {
        RoaringBitmap::insert(self, address);
    }

    fn remove(&mut self, address: u32) {
        RoaringBitmap::remove(self, address);
    }

    fn first(&self) -> Option<u32> {
        self.min()
    }

    fn at_or_after(&self, address: u32) -> Option<u32> {
        let mut rest = RoaringBitmap::iter(self);
        rest.advance_to(address);
        rest.next()
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        RoaringBitmap::iter(self)
    }
}

const IDENTIFIER: u8 = 0;
const HARDWARE: u8 = 1;
const LINE: u8 = 2;
const LINE_AND_HARDWARE: u8 = 3;

impl Holder for ClientKey {
    fn octets(&self) -> Octets {
        let mut octets = Octets::new();
        match self {
            Self::Identifier(identifier) => {
                octets.push(IDENTIFIER);
                octets.extend_from_slice(identifier);
            }
            Self::Hardware(address) => {
                octets.push(HARDWARE);
                put_hardware_address(&mut octets, *address);
            }
            Self::Line(line) => {
                octets.push(LINE);
                octets.extend_from_slice(line.octets());
            }
            Self::LineAndHardware(both) => {
                octets.push(LINE_AND_HARDWARE);
                put_hardware_address(&mut octets, both.1);
                octets.extend_from_slice(both.0.octets());
            }
        }
        octets
    }

    fn from_octets(octets: &[u8]) -> Self {
        let mut rest = OctetReader(octets);
        match rest.octet() {
            IDENTIFIER => Self::Identifier(rest.0.into()),
            HARDWARE => Self::Hardware(hardware_address(&mut rest)),
            LINE => Self::Line(Line::from_own_octets(rest.0)),
            _ => {
                let address = hardware_address(&mut rest);
                Self::LineAndHardware(Box::new((Line::from_own_octets(rest.0), address)))
            }
        }
    }
}

impl BindingRecord<Ipv4> for Binding {
    fn resource(&self) -> u32 {
        self.address.into()
    }

    fn holder(&self) -> &ClientKey {
        &self.client
    }

    fn tenure(&self) -> Tenure {
        let Self { state, began_at, changed_at, expires_at, revision, .. } = *self;
        Tenure { state, began_at, changed_at, expires_at, revision }
    }

    fn with_revision(self, revision: u64) -> Self {
        Self { revision, ..self }
    }

    fn subscriber(&self) -> Option<&Arc<str>> {
        self.subscriber.as_ref()
    }

    fn put_facts(&self, octets: &mut Octets) {
        put_hardware_address(octets, self.hardware_address);
        let information = self.relay_information.as_ref().map(|found| (RELAYED, found.octets()));
        let relay = self.relay_address.map(|found| found.octets());
        let relay = relay.as_ref().map(|found| (THROUGH, found.as_slice()));
        let vpn = self.vpn.as_ref().map(|found| (IN_VPN, found.as_str().as_bytes()));
        let name = self.host_name.as_ref().map(|found| (NAMED, found.as_bytes()));
        let parts = [information, vpn, name, relay].into_iter().flatten();
        let parts: SmallVec<[(u8, &[u8]); 4]> = parts.collect();
        // What a record does not have takes no memory.
        if !parts.is_empty() || !self.unknown_fields.is_empty() {
            octets.push(parts.iter().fold(0, |present, (part, _)| present | part));
        }
        parts.iter().for_each(|(_, part)| put_part(octets, part));
        octets.extend_from_slice(self.unknown_fields.octets());
    }

    fn from_parts(
        address: u32,
        tenure: Tenure,
        client: ClientKey,
        subscriber: Option<Arc<str>>,
        facts: &[u8],
    ) -> Self {
        let facts = Facts::read(facts);
        let Tenure { state, began_at, changed_at, expires_at, revision } = tenure;
        Self {
            address: address.into(),
            vpn: facts.vpn(),
            client,
            hardware_address: facts.hardware_address,
            state,
            began_at,
            changed_at,
            expires_at,
            subscriber,
            relay_information: facts.relay_information.map(RelayInformation::from_octets),
            relay_address: facts.relay_address,
            host_name: facts.host_name.and_then(HostName::from_own_octets),
            revision,
            unknown_fields: facts.unknown_fields(),
        }
    }
}

/// What a record contains in addition to the binding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'r> {
    /// The client's hardware address in its last message.
    pub(super) hardware_address: HardwareAddress,
    /// The octets of the relay agent information of its last relayed message.
    pub(super) relay_information: Option<&'r [u8]>,
    vpn: Option<&'r [u8]>,
    /// The octets of the client's name.
    pub(super) host_name: Option<&'r [u8]>,
    /// giaddr of its last message that did not come directly.
    pub(super) relay_address: Option<Ipv4Addr>,
    unknown_fields: &'r [u8],
}

/// The optional facts of a record, as bits of the octet before them.
const RELAYED: u8 = 1;
const IN_VPN: u8 = 2;
const NAMED: u8 = 4;
const THROUGH: u8 = 8;

impl<'r> Facts<'r> {
    /// The fields that a newer server wrote.
    pub(super) fn unknown_fields(&self) -> UnknownFields {
        UnknownFields::from_octets(self.unknown_fields)
    }

    /// The VPN whose address it is.
    fn vpn(&self) -> Option<VpnName> {
        VpnName::new(std::str::from_utf8(self.vpn?).ok()?)
    }

    /// The facts of a record.
    pub(super) fn of(record: &'r Record<Ipv4>) -> Self {
        Self::read(record.facts())
    }

    fn read(octets: &'r [u8]) -> Self {
        let mut rest = OctetReader(octets);
        let hardware_address = hardware_address(&mut rest);
        let present = rest.octet();
        let relay_information = (present & RELAYED != 0).then(|| rest.part());
        let vpn = (present & IN_VPN != 0).then(|| rest.part());
        let host_name = (present & NAMED != 0).then(|| rest.part());
        let relay = (present & THROUGH != 0).then(|| rest.part());
        let relay_address = relay.and_then(|octets| Some(<[u8; 4]>::try_from(octets).ok()?.into()));
        let unknown_fields = rest.0;
        Self { hardware_address, relay_information, vpn, host_name, relay_address, unknown_fields }
    }
}

fn put_hardware_address(octets: &mut Octets, address: HardwareAddress) {
    octets.push(address.kind());
    put_part(octets, address.octets());
}

fn hardware_address(octets: &mut OctetReader<'_>) -> HardwareAddress {
    let kind = octets.octet();
    HardwareAddress::new(kind, octets.part()).unwrap_or_else(|| HardwareAddress::ethernet([0; 6]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BindingState, Timestamp};

    #[test]
    fn a_record_says_what_its_lease_says() {
        let hardware = HardwareAddress::new(32, &[7; 16]).unwrap();
        let line = Line::from_octets(b"\x01\x02ab").unwrap();
        for client in [
            ClientKey::Identifier([1; 255].into()),
            ClientKey::Hardware(hardware),
            ClientKey::Line(line.clone()),
            ClientKey::LineAndHardware(Box::new((line, hardware))),
        ] {
            let vpn = || VpnName::new("green");
            let name = |text| Some(HostName::read(text).unwrap());
            let relay = |last| Some(Ipv4Addr::new(10, 0, 0, last));
            for (information, vpn, host_name, relay_address, unknown) in [
                (None, None, None, None, vec![]),
                (Some(vec![]), None, None, None, vec![]),
                (Some(vec![9; 300]), None, name("pc.example"), None, vec![1]),
                (None, None, name("pc"), None, vec![]),
                (None, None, None, None, vec![0]),
                (None, vpn(), None, None, vec![]),
                (None, None, None, Some(Ipv4Addr::UNSPECIFIED), vec![]),
                (None, None, name("pc"), relay(3), vec![0]),
                (Some(vec![9; 300]), vpn(), name("pc.example"), relay(255), vec![1]),
            ] {
                let binding = Binding {
                    address: Ipv4Addr::new(10, 0, 0, 1),
                    vpn: vpn.clone(),
                    client: client.clone(),
                    hardware_address: hardware,
                    state: BindingState::Released,
                    began_at: Timestamp::from_unix_ms(1),
                    changed_at: Timestamp::from_unix_ms(2),
                    expires_at: Timestamp::NEVER,
                    subscriber: None,
                    relay_information: information.map(RelayInformation::from_octets),
                    relay_address,
                    host_name,
                    revision: 7,
                    unknown_fields: UnknownFields::from_octets(unknown),
                };
                let record = Record::<Ipv4>::new(&binding, false);
                assert_eq!(record.binding(binding.address.into()), binding);
                assert!(record.is_of(&client));
            }
        }
    }
}
