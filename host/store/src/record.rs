//! How a lease stands on disk: a key of four octets, the address in network order, so that records
//! are sorted by address; and a value of one version octet followed by a CBOR array (RFC 8949).
//!
//! Rules for whoever changes [`Record`], so that servers of different releases read each other's
//! records:
//!
//! - An index is never given another meaning or type, and never used again once retired.
//! - A new field is an `Option` with the next free index. An older server skips an index that it
//!   does not know (and leaves it out when it writes the record again); a newer one reads a missing
//!   index as `None`.
//! - The fields that are no `Option` stay for ever.
//! - [`VERSION`] is raised only when an older server must not read the record at all. This server
//!   then still reads the versions before it, each by a function of its own.

use std::net::Ipv4Addr;

use lessor_core::{ClientKey, HardwareAddress, Lease, LeaseState, RelayInformation, Timestamp};
use minicbor::{Decode, Encode, bytes::ByteSlice};

use crate::StoreError;

/// The version octet that this server writes.
const VERSION: u8 = 1;

#[derive(Encode, Decode)]
#[cbor(array)]
struct Record<'a> {
    #[n(0)]
    revision: u64,
    /// 0 leased, 1 released, 2 quarantined.
    #[n(1)]
    state: u8,
    /// Milliseconds since the Unix epoch, as the two below.
    #[n(2)]
    began_at: u64,
    #[n(3)]
    changed_at: u64,
    /// All bits set for an infinite lease.
    #[n(4)]
    expires_at: u64,
    #[b(5)]
    hardware_address: Hardware<'a>,
    /// The client's key if that is an identifier (option 61).
    #[b(6)]
    client_identifier: Option<&'a ByteSlice>,
    /// The client's key if that is a hardware address.
    #[b(7)]
    client_hardware_address: Option<Hardware<'a>>,
    /// Option 82 as received.
    #[b(8)]
    relay_information: Option<&'a ByteSlice>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Hardware<'a> {
    #[n(0)]
    kind: u8,
    #[b(1)]
    octets: &'a ByteSlice,
}

/// The key of a lease's record.
pub(crate) fn key(address: Ipv4Addr) -> [u8; 4] {
    address.octets()
}

/// The value of a lease's record.
pub(crate) fn encode(lease: &Lease) -> Vec<u8> {
    let (client_identifier, client_hardware_address) = match &lease.client {
        ClientKey::Identifier(octets) => (Some(<&ByteSlice>::from(&**octets)), None),
        ClientKey::Hardware(address) => (None, Some(Hardware::of(address))),
    };
    let record = Record {
        revision: lease.revision,
        state: match lease.state {
            LeaseState::Leased => 0,
            LeaseState::Released => 1,
            LeaseState::Quarantined => 2,
        },
        began_at: lease.began_at.unix_ms(),
        changed_at: lease.changed_at.unix_ms(),
        expires_at: lease.expires_at.unix_ms(),
        hardware_address: Hardware::of(&lease.hardware_address),
        client_identifier,
        client_hardware_address,
        relay_information: lease
            .relay_information
            .as_ref()
            .map(|relay| <&ByteSlice>::from(relay.octets())),
    };
    let mut value = Vec::with_capacity(128);
    value.push(VERSION);
    match minicbor::encode(&record, &mut value) {
        Ok(()) => value,
        // Writing to memory cannot fail.
        Err(_) => unreachable!("a vector takes every octet"),
    }
}

/// The lease of a record.
pub(crate) fn decode(key: &[u8], value: &[u8]) -> Result<Lease, StoreError> {
    let address = <[u8; 4]>::try_from(key).map(Ipv4Addr::from).map_err(|_| {
        let octets: String = key.iter().map(|octet| format!("{octet:02x}")).collect();
        StoreError::DamagedRecord {
            key: format!("key 0x{octets}"),
            found: format!("the key has {} octets, not the four of an address", key.len()),
        }
    })?;
    let damaged = |found: String| StoreError::DamagedRecord { key: address.to_string(), found };
    match value {
        [VERSION, record @ ..] => decode_current(address, record).map_err(damaged),
        [found, ..] => Err(StoreError::RecordVersion { address, found: *found, known: VERSION }),
        [] => Err(damaged("it is empty".to_owned())),
    }
}

fn decode_current(address: Ipv4Addr, octets: &[u8]) -> Result<Lease, String> {
    let mut decoder = minicbor::Decoder::new(octets);
    let record: Record<'_> = decoder.decode().map_err(|error| error.to_string())?;
    if decoder.position() != octets.len() {
        return Err(format!("{} octets follow its end", octets.len() - decoder.position()));
    }
    Ok(Lease {
        address,
        client: match (record.client_identifier, record.client_hardware_address) {
            (Some(octets), None) => ClientKey::Identifier(Box::from(&**octets)),
            (None, Some(hardware)) => ClientKey::Hardware(hardware.address()?),
            (Some(_), Some(_)) => return Err("it names two clients".to_owned()),
            (None, None) => return Err("it names no client".to_owned()),
        },
        hardware_address: record.hardware_address.address()?,
        state: match record.state {
            0 => LeaseState::Leased,
            1 => LeaseState::Released,
            2 => LeaseState::Quarantined,
            found => return Err(format!("state {found} is none of 0, 1 and 2")),
        },
        began_at: Timestamp::from_unix_ms(record.began_at),
        changed_at: Timestamp::from_unix_ms(record.changed_at),
        expires_at: Timestamp::from_unix_ms(record.expires_at),
        relay_information: record
            .relay_information
            .map(|octets| RelayInformation::from_octets(&**octets)),
        revision: match record.revision {
            0 => return Err("its revision is 0".to_owned()),
            revision => revision,
        },
    })
}

impl<'a> Hardware<'a> {
    fn of(address: &'a HardwareAddress) -> Self {
        Self { kind: address.kind(), octets: address.octets().into() }
    }

    fn address(&self) -> Result<HardwareAddress, String> {
        HardwareAddress::new(self.kind, self.octets).ok_or_else(|| {
            format!("a hardware address has {} octets, more than 16", self.octets.len())
        })
    }
}
