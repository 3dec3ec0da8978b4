//! Reservations: one owner, one address.

use std::{net::Ipv4Addr, ops::Range};

use ipnet::Ipv4Net;
use lessor_core::{HardwareAddress, Reservation, ReservationOwner};

use crate::{
    file_position::FilePosition,
    mistake::Draft,
    reader::{Placed, Table, Value},
    scope::Level,
    shapes::RESERVATION,
    suggest::joined,
    values,
};

/// A reservation with its places in the file.
pub(crate) struct PlacedReservation {
    pub(crate) reservation: Reservation,
    pub(crate) owner: FilePosition,
    pub(crate) address: FilePosition,
}

/// The subnet in which an address may be reserved.
#[derive(Clone, Copy)]
pub(crate) enum Home<'h> {
    /// This subnet; any address is accepted if the subnet has no prefix.
    Subnet(Option<&'h Placed<Ipv4Net>>),
    /// Any subnet that contains it; the function finds that.
    Any(&'h dyn Fn(Ipv4Addr) -> Option<Ipv4Net>),
}

/// Reads the reservations of a subnet. Those with mistakes are left out.
pub(crate) fn read_all(
    value: &Value,
    prefix: Option<&Placed<Ipv4Net>>,
    own: &[Ipv4Addr],
) -> Vec<PlacedReservation> {
    let tables = value.tables(&RESERVATION);
    let read = |table| {
        let Read { reservation, owner, address } = read(table, Home::Subnet(prefix), own)?;
        let (owner, address) =
            (FilePosition::in_document(&owner), FilePosition::in_document(&address));
        Some(PlacedReservation { reservation, owner, address })
    };
    tables.iter().filter_map(read).collect()
}

/// A reservation that was read from a table, with its places in the file.
pub(crate) struct Read {
    pub(crate) reservation: Reservation,
    pub(crate) owner: Range<usize>,
    pub(crate) address: Range<usize>,
}

/// Reads one reservation. Returns `None` if it has mistakes, which are reported.
pub(crate) fn read(table: &Table, home: Home, own: &[Ipv4Addr]) -> Option<Read> {
    let owner = owner(table);
    let address = table
        .require("address", "\"100.64.201.17\"")
        .and_then(|value| Some(value.place(address(&value, home, own)?)));
    let level = Level::of(table);
    let (owner, address) = (owner?, address?);
    Some(Read {
        reservation: Reservation {
            owner: owner.value,
            address: address.value,
            settings: level.settings(),
            options: level.options.into_set(),
        },
        owner: owner.span,
        address: address.span,
    })
}

/// The keys that identify the owner of a reservation.
pub(crate) const OWNERS: [&str; 4] =
    ["circuit-id", "remote-id", "client-identifier", "hardware-address"];

fn owner(table: &Table) -> Option<Placed<ReservationOwner>> {
    let mut named = OWNERS.into_iter().filter_map(|key| Some((key, table.get(key)?)));
    let Some((key, value)) = named.next() else {
        if !table.misspells_any(&OWNERS) {
            let draft = Draft::found("the reservation has no owner")
                .wanted(format!("wanted one of {}", joined(OWNERS)))
                .help(
                    "for example, write circuit-id = \"olt1/1/3/onu17\" for a line, or \
                     hardware-address = \"02:00:5e:00:53:01\" for a device",
                );
            table.collector().report_missing(table.span(), draft);
        }
        return None;
    };
    if let Some((other_key, other)) = named.next() {
        let draft = Draft::found(format!("the reservation has both `{key}` and `{other_key}`"))
            .wanted("wanted one of them")
            .related(value.span(), "the other")
            .help("a reservation has one owner; other identifiers of the client are ignored");
        other.report(draft);
        return None;
    }
    let owner = match key {
        "circuit-id" => ReservationOwner::CircuitId(value.identifier()?),
        "remote-id" => ReservationOwner::RemoteId(value.identifier()?),
        "client-identifier" => ReservationOwner::ClientIdentifier(value.identifier()?),
        _ => ReservationOwner::HardwareAddress(hardware_address(&value)?),
    };
    Some(value.place(owner))
}

/// The owner that a text under one of [`OWNERS`] identifies; `None` if the text is not valid.
pub(crate) fn plain_owner(key: &str, text: &str) -> Option<ReservationOwner> {
    Some(match key {
        "circuit-id" => ReservationOwner::CircuitId(values::identifier(text)?),
        "remote-id" => ReservationOwner::RemoteId(values::identifier(text)?),
        "client-identifier" => ReservationOwner::ClientIdentifier(values::identifier(text)?),
        _ => ReservationOwner::HardwareAddress(plain_hardware_address(text)?),
    })
}

/// Reads a hardware address that is not empty.
pub(crate) fn hardware_address(value: &Value) -> Option<HardwareAddress> {
    const WANTED: &str = "a hardware address, such as \"02:00:5e:00:53:01\"";
    let text = value.text(WANTED)?;
    let address = plain_hardware_address(text);
    if address.is_none() {
        match guess_ethernet(text) {
            Some(meant) => value.refuse_with_help(WANTED, format!("did you mean \"{meant}\"?")),
            None => value.refuse_with_help(
                WANTED,
                "write two hexadecimal digits for every octet, after the hardware type and a slash \
                 if it is not Ethernet",
            ),
        }
    }
    address
}

/// The hardware address that a text stands for, if it has octets.
pub(crate) fn plain_hardware_address(text: &str) -> Option<HardwareAddress> {
    let address = text.parse::<HardwareAddress>().ok();
    address.filter(|address| !address.octets().is_empty())
}

/// Guesses an Ethernet address that is written in another common format: digits grouped by two or
/// four or not at all, or without leading zeros.
fn guess_ethernet(text: &str) -> Option<HardwareAddress> {
    let groups: Vec<&str> = text.split([':', '-', '.', ' ']).collect();
    let digits = match groups.len() {
        6 => groups.iter().map(|group| format!("{group:0>2}")).collect(),
        _ => groups.concat(),
    };
    let octets = hex::decode(digits).ok()?;
    Some(HardwareAddress::ethernet(octets.try_into().ok()?))
}

fn address(value: &Value, home: Home, own: &[Ipv4Addr]) -> Option<Ipv4Addr> {
    let address = value.address()?;
    if own.contains(&address) {
        let draft = Draft::found(format!("{address} is one of the server's own addresses"))
            .wanted("wanted an address that a client may have")
            .help("`listen` or `server-identifier` in [server] names it; reserve another address");
        value.report(draft);
        return None;
    }
    let (subnet, span) = match home {
        Home::Subnet(None) => return Some(address),
        Home::Subnet(Some(prefix)) => (prefix.value, Some(&prefix.span)),
        Home::Any(subnet_of) => match subnet_of(address) {
            Some(subnet) => (subnet, None),
            None => {
                let draft = Draft::found(format!("{address} is in no subnet"))
                    .wanted("wanted an address of a configured subnet")
                    .help("write a [[subnet]] that contains it, or remove the reservation");
                value.report(draft);
                return None;
            }
        },
    };
    let report = |draft: Draft| {
        value.report(match span {
            Some(span) => draft.related(span, "the subnet"),
            None => draft,
        });
    };
    if !subnet.contains(&address) {
        let draft = Draft::found(format!("{address} is outside of the subnet {subnet}"))
            .wanted(format!(
                "wanted an address from {} to {}",
                subnet.network(),
                subnet.broadcast()
            ))
            .help("reserve it in the [[subnet]] that contains it");
        report(draft);
        return None;
    }
    if let Some(role) = role_of(address, subnet) {
        let draft = Draft::found(format!("{address} is the {role} address of the subnet {subnet}"))
            .wanted("wanted an address that a client may have");
        report(draft);
        return None;
    }
    Some(address)
}

/// The role of an address in its subnet if no client may have it. A /31 has two hosts (RFC 3021)
/// and a /32 has one.
pub(crate) fn role_of(address: Ipv4Addr, subnet: Ipv4Net) -> Option<&'static str> {
    match address {
        _ if subnet.prefix_len() > 30 => None,
        address if address == subnet.network() => Some("network"),
        address if address == subnet.broadcast() => Some("broadcast"),
        _ => None,
    }
}
