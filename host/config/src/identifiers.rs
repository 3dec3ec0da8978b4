//! What identifies the owner of a reservation: keys of a table, columns of a file.
//!
//! A key is the name of an [`IdentifierKind`]; the sub-options of an option are a table below one
//! key. Does not know what is reserved.

use std::ops::Range;

use lessor_core::{
    HardwareAddress, IdentifierKind, Owners, ReservationOwner, relay, relay_sub_options,
};
use lessor_vocabulary::hexadecimal;

use crate::{
    mistake::Draft,
    reader::{KeyValue, Placed, Table, Value},
    suggest::{closest, joined},
    values,
};

/// The keys with identifiers that are not sub-options of other kinds.
pub(crate) const PLAIN: [&str; 5] =
    ["circuit-id", "remote-id", "client-identifier", "duid", "hardware-address"];
/// The key with sub-options of option 82.
pub(crate) const RELAY_SUB_OPTIONS: &str = "relay-sub-options";
/// The key with sub-options of option 125.
pub(crate) const VENDOR_SUB_OPTIONS: &str = "vendor-sub-options";

/// The maximum number of kinds of identifiers of all reservations: a message is asked for each.
pub const IDENTIFIER_KINDS_MAX: usize = 32;

/// The identifiers of one owner with their places.
pub(crate) struct Identifiers {
    pub(crate) owners: Owners,
    pub(crate) places: Vec<Range<usize>>,
}

/// Every key that identifies an owner.
pub(crate) fn keys() -> impl Iterator<Item = &'static str> {
    PLAIN.into_iter().chain([RELAY_SUB_OPTIONS, VENDOR_SUB_OPTIONS])
}

/// The kind of identifier that a key, or a column, contains: `duid`, `relay-sub-options.6`.
pub(crate) fn kind_named(name: &str) -> Option<IdentifierKind> {
    if let Some(rest) = name.strip_prefix(RELAY_SUB_OPTIONS) {
        return relay_kind(rest.strip_prefix('.')?);
    }
    if let Some(rest) = name.strip_prefix(VENDOR_SUB_OPTIONS) {
        let (enterprise, code) = rest.strip_prefix('.')?.split_once('.')?;
        let (enterprise, code) = (enterprise.parse().ok()?, code.parse().ok()?);
        return Some(IdentifierKind::VendorSubOption(enterprise, code));
    }
    Some(match name {
        "circuit-id" => IdentifierKind::RelaySubOption(relay::CIRCUIT_ID),
        "remote-id" => IdentifierKind::RelaySubOption(relay::REMOTE_ID),
        "client-identifier" => IdentifierKind::ClientIdentifier,
        "duid" => IdentifierKind::Duid,
        "hardware-address" => IdentifierKind::HardwareAddress,
        _ => return None,
    })
}

/// The owner that a text identifies; `None` if the text is not valid.
pub(crate) fn plain_owner(kind: IdentifierKind, text: &str) -> Option<ReservationOwner> {
    Some(match kind {
        IdentifierKind::RelaySubOption(code) => {
            ReservationOwner::RelaySubOption(code, values::identifier(text)?)
        }
        IdentifierKind::VendorSubOption(enterprise, code) => {
            ReservationOwner::VendorSubOption(enterprise, code, values::identifier(text)?)
        }
        IdentifierKind::ClientIdentifier => {
            ReservationOwner::ClientIdentifier(values::identifier(text)?)
        }
        IdentifierKind::Duid => ReservationOwner::Duid(duid(text)?),
        IdentifierKind::HardwareAddress => {
            ReservationOwner::HardwareAddress(plain_hardware_address(text)?)
        }
    })
}

/// Reads the identifiers of a table. Returns `None` if there is none, or if one has a mistake,
/// which is reported.
pub(crate) fn read(table: &Table) -> Option<Identifiers> {
    let mut found = FoundIdentifiers::new();
    for (key, kind) in PLAIN.into_iter().filter_map(|key| Some((key, kind_named(key)?))) {
        let value = table.get(key);
        found.extend(value.iter().flat_map(Value::items).map(|value| owner(kind, &value)));
    }
    for (key, read) in [
        (RELAY_SUB_OPTIONS, of_relay as fn(&Value, &mut FoundIdentifiers)),
        (VENDOR_SUB_OPTIONS, of_vendors),
    ] {
        let Some(value) = table.get(key) else { continue };
        let before = found.len();
        read(&value, &mut found);
        if found.len() == before {
            // It is not a table, which was reported, or an empty one.
            found.push(None);
        }
    }
    if found.is_empty() {
        report_none(table);
        return None;
    }
    let found: Vec<Placed<ReservationOwner>> = found.into_iter().collect::<Option<_>>()?;
    for (position, second) in found.iter().enumerate() {
        if let Some(first) = found.iter().take(position).find(|it| it.value == second.value) {
            let draft = Draft::found(format!("the reservation names {} twice", second.value))
                .wanted("the second time")
                .related(&first.span, "the first time")
                .help("remove one of them");
            table.collector().report(&second.span, draft);
            return None;
        }
    }
    let (owners, places): (Vec<ReservationOwner>, Vec<Range<usize>>) =
        found.into_iter().map(|Placed { value, span }| (value, span)).unzip();
    let count = owners.len();
    let Some(owners) = Owners::new(owners) else {
        let draft = Draft::found(format!("the reservation has {count} identifiers"))
            .wanted(format!("wanted at most {}", Owners::MAX))
            .help("identify the owner by fewer of them, for example by its DUID or its line");
        table.collector().report(places.last()?, draft);
        return None;
    };
    Some(Identifiers { owners, places })
}

/// Identifiers with their places; `None` for one with a mistake.
type FoundIdentifiers = Vec<Option<Placed<ReservationOwner>>>;

/// Sub-options of option 82 by name or code.
fn of_relay(value: &Value, found: &mut FoundIdentifiers) {
    for KeyValue { key, value } in value.entries("a table, such as { subscriber-id = \"4711\" }") {
        match relay_kind(key.value) {
            Some(kind) => found.extend(value.items().iter().map(|value| owner(kind, value))),
            None => {
                report_unknown_sub_option(&value, &key);
                found.push(None);
            }
        }
    }
}

/// Sub-options of option 125 by enterprise number and code.
fn of_vendors(value: &Value, found: &mut FoundIdentifiers) {
    const WANTED: &str = "a table, such as { 3561 = { 2 = \"serial number\" } }";
    for vendor in value.entries(WANTED) {
        let Ok(enterprise) = vendor.key.value.parse::<u32>() else {
            report_number(&vendor.value, &vendor.key, "an enterprise number");
            found.push(None);
            continue;
        };
        for KeyValue { key, value } in vendor.value.entries(WANTED) {
            match key.value.parse::<u8>() {
                Ok(code) => {
                    let kind = IdentifierKind::VendorSubOption(enterprise, code);
                    found.extend(value.items().iter().map(|value| owner(kind, value)));
                }
                Err(_) => {
                    report_number(&value, &key, "the code of a sub-option, 0 to 255");
                    found.push(None);
                }
            }
        }
    }
}

fn owner(kind: IdentifierKind, value: &Value) -> Option<Placed<ReservationOwner>> {
    let owner = match kind {
        IdentifierKind::RelaySubOption(code) => {
            ReservationOwner::RelaySubOption(code, value.identifier()?)
        }
        IdentifierKind::VendorSubOption(enterprise, code) => {
            ReservationOwner::VendorSubOption(enterprise, code, value.identifier()?)
        }
        IdentifierKind::ClientIdentifier => ReservationOwner::ClientIdentifier(value.identifier()?),
        IdentifierKind::Duid => {
            const WANTED: &str = "a DUID, such as \"00:03:00:01:02:00:5e:00:53:01\"";
            let Some(octets) = duid(value.text(WANTED)?) else {
                let help = "write its octets in hexadecimal, without the type 255 and the IAID \
                            that precede it in the client identifier";
                value.refuse_with_help(WANTED, help);
                return None;
            };
            ReservationOwner::Duid(octets)
        }
        IdentifierKind::HardwareAddress => {
            ReservationOwner::HardwareAddress(hardware_address(value)?)
        }
    };
    Some(value.place(owner))
}

/// The code of a sub-option of option 82 by its name or its number.
fn relay_kind(name: &str) -> Option<IdentifierKind> {
    let named = relay_sub_options().find(|(_, known)| *known == name).map(|(code, _)| code);
    named.or_else(|| name.parse().ok()).map(IdentifierKind::RelaySubOption)
}

fn report_unknown_sub_option(value: &Value, key: &Placed<&str>) {
    let names = || relay_sub_options().map(|(_, name)| name);
    let draft = Draft::found(format!("`{}` is not a sub-option of option 82", key.value));
    let draft = match closest(key.value, names()) {
        Some(meant) => draft.wanted(format!("did you mean `{meant}`?")),
        None => draft.wanted("wanted a name, or a code from 0 to 255"),
    };
    value.collector().report(&key.span, draft.help(format!("the names are {}", joined(names()))));
}

fn report_number(value: &Value, key: &Placed<&str>, wanted: &str) {
    let draft = Draft::found(format!("`{}` is not a number", key.value));
    value.collector().report(&key.span, draft.wanted(format!("wanted {wanted}")));
}

fn report_none(table: &Table) {
    let keys: Vec<&'static str> = keys().collect();
    if table.misspells_any(&keys) {
        return;
    }
    let draft = Draft::found("the reservation has no owner")
        .wanted(format!("wanted one of {}", joined(keys)))
        .help(
            "for example, write circuit-id = \"olt1/1/3/onu17\" for a line, or \
             hardware-address = \"02:00:5e:00:53:01\" for a device",
        );
    table.collector().report_missing(table.span(), draft);
}

/// The octets of a DUID: at least its type and one octet.
fn duid(text: &str) -> Option<Box<[u8]>> {
    const OCTETS: std::ops::RangeInclusive<usize> = 3..=130;
    let digits = text.strip_prefix(hexadecimal::HEX).unwrap_or(text);
    let octets = hexadecimal::octets(digits).ok()?;
    OCTETS.contains(&octets.len()).then(|| octets.into())
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

/// The hardware address in a text, if it has octets.
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
