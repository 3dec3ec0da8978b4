//! The form of a binding on disk: a key (see [`crate::record_key`]), and a value of one version
//! octet followed by a CBOR array (RFC 8949).
//!
//! Does not know where records are; see [`crate::log`]. Invariant: servers of different releases
//! can read each other's records. Changes of [`EncodedBinding`] follow these rules:
//!
//! - The meaning and type of an index never change, and a retired index is never used again.
//! - A new field is an `Option` with the next free index. An older server keeps fields that it does
//!   not know, and writes them back as long as the address stays with the client; a newer one reads
//!   a missing index as `None`.
//! - Fields that are not an `Option` stay forever.
//! - [`VERSION`] is raised only if an older server must not read the record at all. This server
//!   then still reads the versions before it, each in a separate function.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{
    Binding, BindingState, ClientKey, HardwareAddress, HostName, Line, RelayInformation, Timestamp,
    UnknownFields,
};
use minicbor::{Decode, Encode, bytes::ByteSlice};

use crate::{StoreError, log::table::Key, record_key::RecordKey};

/// The version octet that this server writes.
const VERSION: u8 = 1;
/// The number of fields that this server knows.
const FIELDS: u64 = 14;
/// The CBOR value of an absent field.
const NULL: u8 = 0xf6;

#[derive(Encode, Decode)]
#[cbor(array)]
struct EncodedBinding<'a> {
    #[n(0)]
    revision: u64,
    /// 0 leased, 1 released, 2 quarantined.
    #[n(1)]
    state: u8,
    /// Milliseconds since the Unix epoch, as are the two fields below.
    #[n(2)]
    began_at: u64,
    #[n(3)]
    changed_at: u64,
    /// All bits are set for an infinite lease.
    #[n(4)]
    expires_at: u64,
    #[b(5)]
    hardware_address: Hardware<'a>,
    /// The client's key if it is an identifier (option 61).
    #[b(6)]
    client_identifier: Option<&'a ByteSlice>,
    /// The client's key if it is a hardware address.
    #[b(7)]
    client_hardware_address: Option<Hardware<'a>>,
    /// Option 82 as received.
    #[b(8)]
    relay_information: Option<&'a ByteSlice>,
    /// The subscriber that the lease counts against.
    #[b(9)]
    subscriber: Option<&'a str>,
    /// The client's key if it is a line: circuit id and remote id as sub-options 1 and 2 of option
    /// 82. An older server then uses `client_hardware_address`, which is that of the last device.
    #[b(10)]
    client_line: Option<&'a ByteSlice>,
    /// The line, as above, if the client's key is this line with `client_hardware_address`.
    #[b(11)]
    client_line_with_hardware: Option<&'a ByteSlice>,
    /// The name of the client: a host name (RFC 1123) in lower case, with its domain if it has one.
    #[b(12)]
    host_name: Option<&'a str>,
    /// giaddr of the client's last message that did not come directly, as a number; 0 if no relay
    /// forwarded it.
    #[n(13)]
    relay_address: Option<u32>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Hardware<'a> {
    #[n(0)]
    kind: u8,
    #[b(1)]
    octets: &'a ByteSlice,
}

/// Writes the value of a binding's record to `value` and replaces its contents.
pub(crate) fn encode(binding: &Binding, value: &mut Vec<u8>) {
    let (client_identifier, client_hardware_address) = match &binding.client {
        ClientKey::Identifier(octets) => (Some(<&ByteSlice>::from(&**octets)), None),
        ClientKey::Hardware(address) => (None, Some(Hardware::of(address))),
        ClientKey::Line(_) => (None, Some(Hardware::of(&binding.hardware_address))),
        ClientKey::LineAndHardware(both) => (None, Some(Hardware::of(&both.1))),
    };
    let (client_line, client_line_with_hardware) = match &binding.client {
        ClientKey::Identifier(_) | ClientKey::Hardware(_) => (None, None),
        ClientKey::Line(line) => (Some(<&ByteSlice>::from(line.octets())), None),
        ClientKey::LineAndHardware(both) => (None, Some(<&ByteSlice>::from(both.0.octets()))),
    };
    let record = EncodedBinding {
        revision: binding.revision,
        state: match binding.state {
            BindingState::Leased => 0,
            BindingState::Released => 1,
            BindingState::Quarantined => 2,
        },
        began_at: binding.began_at.unix_ms(),
        changed_at: binding.changed_at.unix_ms(),
        expires_at: binding.expires_at.unix_ms(),
        hardware_address: Hardware::of(&binding.hardware_address),
        client_identifier,
        client_hardware_address,
        client_line,
        client_line_with_hardware,
        relay_information: binding
            .relay_information
            .as_ref()
            .map(|relay| <&ByteSlice>::from(relay.octets())),
        subscriber: binding.subscriber.as_deref(),
        host_name: binding.host_name.as_deref(),
        relay_address: binding.relay_address.map(u32::from),
    };
    value.clear();
    value.push(VERSION);
    let written = minicbor::encode(&record, &mut *value).map_err(drop);
    let appended = written.and_then(|()| append(binding.unknown_fields.octets(), value));
    if appended.is_err() {
        unreachable!("a vector takes every octet, and what was read is items");
    }
}

/// Appends fields that this server does not know to those that it knows.
fn append(unknown: &[u8], value: &mut Vec<u8>) -> Result<(), ()> {
    if unknown.is_empty() {
        return Ok(());
    }
    let mut items = minicbor::Decoder::new(unknown);
    let mut count = 0;
    while items.position() < unknown.len() {
        items.skip().map_err(drop)?;
        count += 1;
    }
    let mut known = minicbor::Decoder::new(value.get(1..).unwrap_or_default());
    let written = known.array().map_err(drop)?.unwrap_or_default();
    let known = value.split_off(1 + known.position());
    value.truncate(1);
    minicbor::Encoder::new(&mut *value).array(FIELDS + count).map_err(drop)?;
    value.extend(known);
    value.extend((written..FIELDS).map(|_| NULL));
    value.extend_from_slice(unknown);
    Ok(())
}

/// Returns the fields that this server does not know.
fn unknown_fields(octets: &[u8]) -> Result<UnknownFields, minicbor::decode::Error> {
    let mut decoder = minicbor::Decoder::new(octets);
    let count = decoder.array()?.unwrap_or_default();
    for _ in 0..count.min(FIELDS) {
        decoder.skip()?;
    }
    let unknown = octets.get(decoder.position()..).filter(|_| count > FIELDS);
    Ok(UnknownFields::from_octets(unknown.unwrap_or_default()))
}

/// Returns the binding of a record.
pub(crate) fn decode(key: &[u8], value: &[u8]) -> Result<Binding, StoreError> {
    let key = RecordKey::from_written(key).ok_or_else(|| strange_key(key))?;
    let damaged = |key: &RecordKey, found: String| {
        Err(StoreError::DamagedRecord { key: key.to_string(), found })
    };
    match value {
        [VERSION, record @ ..] => {
            decode_current(key.clone(), record).or_else(|found| damaged(&key, found))
        }
        [found, ..] => {
            let address = key.address;
            Err(StoreError::RecordVersion { address, found: *found, known: VERSION })
        }
        [] => damaged(&key, "it is empty".to_owned()),
    }
}

/// The error for a key that is none.
pub(crate) fn strange_key(key: &[u8]) -> StoreError {
    let octets: String = key.iter().map(|octet| format!("{octet:02x}")).collect();
    StoreError::DamagedRecord {
        key: format!("key 0x{octets}"),
        found: format!(
            "the key has {} octets, not the four of an address and the name of a VPN, if any",
            key.len()
        ),
    }
}

fn decode_current(key: RecordKey, octets: &[u8]) -> Result<Binding, String> {
    let mut decoder = minicbor::Decoder::new(octets);
    let record: EncodedBinding<'_> = decoder.decode().map_err(|error| error.to_string())?;
    if decoder.position() != octets.len() {
        return Err(format!(
            "{} octets follow the end of the record",
            octets.len() - decoder.position()
        ));
    }
    Ok(Binding {
        address: key.address,
        vpn: key.vpn,
        client: client_of(&record)?,
        hardware_address: record.hardware_address.address()?,
        state: match record.state {
            0 => BindingState::Leased,
            1 => BindingState::Released,
            2 => BindingState::Quarantined,
            found => return Err(format!("its state is {found}, not 0, 1 or 2")),
        },
        began_at: Timestamp::from_unix_ms(record.began_at),
        changed_at: Timestamp::from_unix_ms(record.changed_at),
        expires_at: Timestamp::from_unix_ms(record.expires_at),
        subscriber: record.subscriber.map(Arc::from),
        relay_information: record
            .relay_information
            .map(|octets| RelayInformation::from_octets(&**octets)),
        relay_address: record.relay_address.map(Ipv4Addr::from),
        host_name: record.host_name.map(host_name).transpose()?,
        revision: match record.revision {
            0 => return Err("its revision is 0".to_owned()),
            revision => revision,
        },
        unknown_fields: unknown_fields(octets).map_err(|error| error.to_string())?,
    })
}

fn host_name(text: &str) -> Result<HostName, String> {
    HostName::read(text).map_err(|fault| format!("{text:?} is not the name of a host: {fault}"))
}

fn client_of(record: &EncodedBinding<'_>) -> Result<ClientKey, String> {
    let line = |octets: &[u8]| {
        Line::from_octets(octets).ok_or_else(|| "the line of its client is invalid".to_owned())
    };
    let hardware = record.client_hardware_address.as_ref();
    Ok(match (record.client_identifier, hardware) {
        (Some(octets), None) => ClientKey::Identifier(Box::from(&**octets)),
        (None, Some(hardware)) => match (record.client_line, record.client_line_with_hardware) {
            (None, None) => ClientKey::Hardware(hardware.address()?),
            (Some(octets), _) => ClientKey::Line(line(octets)?),
            (None, Some(octets)) => {
                ClientKey::LineAndHardware(Box::new((line(octets)?, hardware.address()?)))
            }
        },
        (Some(_), Some(_)) => return Err("it names two clients".to_owned()),
        (None, None) => return Err("it names no client".to_owned()),
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

#[cfg(test)]
mod tests {
    use lessor_core::VpnName;

    use super::*;

    fn binding() -> Binding {
        Binding {
            address: [192, 0, 2, 1].into(),
            vpn: None,
            client: ClientKey::Identifier(Box::from(&b"\x00\xff\x00"[..])),
            hardware_address: HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1]),
            state: BindingState::Released,
            began_at: Timestamp::from_unix_ms(1),
            changed_at: Timestamp::from_unix_ms(2),
            expires_at: Timestamp::NEVER,
            subscriber: Some("line 7".into()),
            relay_information: Some(RelayInformation::from_octets(*b"\x01\x02\x00a")),
            relay_address: None,
            host_name: None,
            revision: u64::MAX,
            unknown_fields: UnknownFields::default(),
        }
    }

    fn value(binding: &Binding) -> Vec<u8> {
        let mut value = b"whatever it held".to_vec();
        encode(binding, &mut value);
        value
    }

    fn refusal(value: &[u8]) -> String {
        decode(&[192, 0, 2, 1], value).unwrap_err().to_string()
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        let in_vpn = Binding { vpn: VpnName::new("green"), ..binding() };
        for binding in [binding(), in_vpn] {
            let key = RecordKey::of(&binding).octets();
            assert_eq!(decode(&key, &value(&binding)).unwrap(), binding);
        }
    }

    #[test]
    fn records_on_disk_keep_their_shape() {
        let expected = [
            "01 8a 1bffffffffffffffff 01 01 02 1bffffffffffffffff",
            "82 01 46 02005e005301 43 00ff00 f6 44 01020061 66 6c696e652037",
        ];
        let octets: String = value(&binding()).iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(octets, expected.concat().replace(' ', ""));
    }

    #[test]
    fn fields_of_newer_servers_are_kept_and_written_back() {
        for (count, header) in [(2, vec![0x80 | 16]), (20, vec![0x98, 34])] {
            let mut unknown = b"\x63new\x82\x01\x02".to_vec();
            unknown.extend((2..count).map(|_| 7));
            let mut newer = value(&binding());
            newer.splice(1..2, header);
            newer.extend(b"\xf6\xf6\xf6\xf6");
            newer.extend(&unknown);
            let read = decode(&[192, 0, 2, 1], &newer).unwrap();
            let unknown_fields = UnknownFields::from_octets(unknown);
            assert_eq!(read, Binding { unknown_fields, ..binding() });
            assert_eq!(value(&read), newer);
        }
    }

    #[test]
    fn fields_that_older_servers_did_not_write_are_none() {
        let mut older = value(&binding());
        for (fields, octets, expected) in [
            (9, "\x66line 7".len(), Binding { subscriber: None, ..binding() }),
            (8, 5, Binding { subscriber: None, relay_information: None, ..binding() }),
        ] {
            older.truncate(older.len() - octets);
            older[1] = 0x80 | fields;
            assert_eq!(decode(&[192, 0, 2, 1], &older).unwrap(), expected, "{fields} fields");
        }
    }

    #[test]
    fn a_lease_of_nobody_is_written_as_servers_before_subscribers_wrote_it() {
        let nobody = Binding { subscriber: None, ..binding() };
        let expected = "0189 1bffffffffffffffff 01 01 02 1bffffffffffffffff \
                        82 01 46 02005e005301 43 00ff00 f6 44 01020061";
        let octets: String = value(&nobody).iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(octets, expected.replace(' ', ""));
    }

    #[test]
    fn a_lease_with_a_name_reads_as_it_was_written_and_what_is_no_name_is_refused() {
        let named = Binding { host_name: HostName::read("pc.example").ok(), ..binding() };
        let written = value(&named);
        assert_eq!(decode(&RecordKey::of(&named).octets(), &written).unwrap(), named);
        assert!(written.ends_with(b"\xf6\xf6\x6apc.example"));
        let mut damaged = written;
        *damaged.last_mut().unwrap() = b' ';
        let refusal = refusal(&damaged);
        assert!(refusal.contains("\"pc.exampl \" is not the name of a host"), "{refusal}");
    }

    #[test]
    fn a_lease_that_remembers_its_relay_reads_as_it_was_written() {
        for (relay, octets) in
            [([10, 9, 9, 9], &b"\xf6\x1a\x0a\x09\x09\x09"[..]), ([0; 4], b"\xf6\0")]
        {
            let binding = Binding { relay_address: Some(relay.into()), ..binding() };
            let written = value(&binding);
            assert!(written.ends_with(octets), "{written:02x?}");
            assert_eq!(decode(&[192, 0, 2, 1], &written).unwrap(), binding);
        }
    }

    #[test]
    fn a_client_that_is_a_line_reads_as_it_was_written() {
        let line = Line::from_octets(b"\x01\x02\x00a\x02\x01b").unwrap();
        let hardware = HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1]);
        let both = ClientKey::LineAndHardware(Box::new((line.clone(), hardware)));
        for client in [ClientKey::Line(line), both] {
            let binding = Binding { client, ..binding() };
            assert_eq!(decode(&[192, 0, 2, 1], &value(&binding)).unwrap(), binding);
        }
    }

    #[test]
    fn another_version_is_refused_with_both_numbers() {
        let mut newer = value(&binding());
        newer[0] = 2;
        let refusal = refusal(&newer);
        for part in ["192.0.2.1", "version 2", "reads version 1", "release"] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }

    #[test]
    fn damaged_records_are_refused_by_address() {
        let whole = value(&binding());
        let mut longer = whole.clone();
        longer.push(0);
        let mut state = whole.clone();
        state[11] = 3;
        let mut no_client = whole.clone();
        no_client.splice(24..28, [0xf6]);
        for damaged in [&[][..], &whole[..1], &whole[..20], &longer, &state, &no_client] {
            let refusal = refusal(damaged);
            assert!(refusal.contains("192.0.2.1 is damaged"), "{refusal}");
        }
        for cut in 1..whole.len() {
            refusal(&whole[..cut]);
        }
    }

    #[test]
    fn keys_that_are_no_address_are_refused() {
        let refusal = decode(&[1, 2, 0xff], &value(&binding())).unwrap_err().to_string();
        assert!(refusal.contains("0x0102ff"), "{refusal}");
    }
}
