//! Reservations: one owner, one address.

use std::{net::Ipv4Addr, ops::Range};

use ipnet::Ipv4Net;
use lessor_core::{HardwareAddress, Reservation, ReservationOwner};

use crate::{
    collector::Draft,
    options::Options,
    reader::{Placed, Table, Value},
    shapes::RESERVATION,
    suggest::joined,
};

/// A reservation, and where the file says what.
pub(crate) struct PlacedReservation {
    pub(crate) reservation: Reservation,
    pub(crate) owner: Range<usize>,
    pub(crate) address: Range<usize>,
}

/// Reads the reservations of a subnet; those that are wrong are left out.
pub(crate) fn read_all(
    value: &Value,
    prefix: Option<&Placed<Ipv4Net>>,
    own: &[Ipv4Addr],
) -> Vec<PlacedReservation> {
    let tables = value.tables(&RESERVATION);
    tables.iter().filter_map(|table| read(table, prefix, own)).collect()
}

fn read(
    table: &Table,
    prefix: Option<&Placed<Ipv4Net>>,
    own: &[Ipv4Addr],
) -> Option<PlacedReservation> {
    let owner = owner(table);
    let address = table
        .require("address", "\"100.64.201.17\"")
        .and_then(|value| Some(value.place(address(&value, prefix, own)?)));
    let options = table.get("options").map(|value| Options::read(&value)).unwrap_or_default();
    let (owner, address) = (owner?, address?);
    Some(PlacedReservation {
        reservation: Reservation {
            owner: owner.value,
            address: address.value,
            options: options.into_set(),
        },
        owner: owner.span,
        address: address.span,
    })
}

const OWNERS: [&str; 4] = ["circuit-id", "remote-id", "client-identifier", "hardware-address"];

fn owner(table: &Table) -> Option<Placed<ReservationOwner>> {
    let mut named = OWNERS.into_iter().filter_map(|key| Some((key, table.get(key)?)));
    let Some((key, value)) = named.next() else {
        if !table.misspells_any(&OWNERS) {
            let draft = Draft::found("the reservation does not say whose it is")
                .wanted(format!("wanted one of {}", joined(OWNERS)))
                .help(
                    "circuit-id = \"olt1/1/3/onu17\" for a line, for example, or \
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
            .help("a reservation has one owner; whatever else the client says does not matter");
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

/// A hardware address that is not empty.
pub(crate) fn hardware_address(value: &Value) -> Option<HardwareAddress> {
    const WANTED: &str = "a hardware address, such as \"02:00:5e:00:53:01\"";
    let text = value.text(WANTED)?;
    let address = text.parse::<HardwareAddress>().ok();
    let address = address.filter(|address| !address.octets().is_empty());
    if address.is_none() {
        match guess_ethernet(text) {
            Some(meant) => value.refuse_with_help(WANTED, format!("did you mean \"{meant}\"?")),
            None => value.refuse_with_help(
                WANTED,
                "write two hexadecimal digits for every octet, and the hardware type and a slash \
                 in front if it is not Ethernet",
            ),
        }
    }
    address
}

/// The Ethernet address that is written in another of the common ways: digits grouped by two or
/// four or not at all, zeros in front left out.
fn guess_ethernet(text: &str) -> Option<HardwareAddress> {
    let groups: Vec<&str> = text.split([':', '-', '.', ' ']).collect();
    let digits = match groups.len() {
        6 => groups.iter().map(|group| format!("{group:0>2}")).collect(),
        _ => groups.concat(),
    };
    let octets = hex::decode(digits).ok()?;
    Some(HardwareAddress::ethernet(octets.try_into().ok()?))
}

fn address(value: &Value, prefix: Option<&Placed<Ipv4Net>>, own: &[Ipv4Addr]) -> Option<Ipv4Addr> {
    let address = value.address()?;
    if own.contains(&address) {
        let draft = Draft::found(format!("{address} is one of the server's own addresses"))
            .wanted("wanted an address that a client may have")
            .help("`listen` or `server-identifier` in [server] names it; reserve another address");
        value.report(draft);
        return None;
    }
    let Some(prefix) = prefix else { return Some(address) };
    let subnet = prefix.value;
    if !subnet.contains(&address) {
        let draft = Draft::found(format!("{address} lies outside of the subnet {subnet}"))
            .wanted(format!(
                "wanted an address from {} to {}",
                subnet.network(),
                subnet.broadcast()
            ))
            .related(&prefix.span, "the subnet")
            .help("reserve it in the [[subnet]] that spans it");
        value.report(draft);
        return None;
    }
    let role = match address {
        _ if subnet.prefix_len() > 30 => None,
        address if address == subnet.network() => Some("network"),
        address if address == subnet.broadcast() => Some("broadcast"),
        _ => None,
    };
    if let Some(role) = role {
        let draft = Draft::found(format!("{address} is the {role} address of the subnet {subnet}"))
            .wanted("wanted an address that a client may have")
            .related(&prefix.span, "the subnet");
        value.report(draft);
        return None;
    }
    Some(address)
}
