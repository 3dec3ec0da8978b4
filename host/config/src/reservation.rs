//! Reservations: what one owner gets. Its identifiers are read by `identifiers`.

use std::{net::Ipv4Addr, ops::Range};

use ipnet::Ipv4Net;
use lessor_core::{ClassNames, Reservation, ScopeFields, ScopeSettings};

use crate::{
    file_position::FilePosition,
    identifiers::{self, Identifiers},
    mistake::Draft,
    reader::{Placed, Table, Value},
    roster::Roster,
    scope::Level,
    shapes::{RESERVATION, Shape},
};

/// A reservation with its places in the file.
pub(crate) struct PlacedReservation {
    pub(crate) reservation: Reservation,
    /// The first identifier of the owner.
    pub(crate) owner: FilePosition,
    /// What is reserved: the address or the pool, otherwise the owner.
    pub(crate) place: FilePosition,
}

/// The subnet in which an address may be reserved.
#[derive(Clone, Copy)]
pub(crate) enum Home<'h> {
    /// This subnet; any address is accepted if the subnet has no prefix.
    Subnet(Option<&'h Placed<Ipv4Net>>),
    /// Any subnet that contains it; the function finds that.
    Any(&'h dyn Fn(Ipv4Addr) -> Option<Ipv4Net>),
}

/// What reservations must agree with, wherever they are.
#[derive(Clone, Copy)]
pub(crate) struct Given<'g> {
    /// The server's own addresses, in order.
    pub(crate) own: &'g [Ipv4Addr],
    pub(crate) classes: &'g Roster,
}

/// Reads the reservations of a subnet. Those with mistakes are left out.
pub(crate) fn read_all(
    value: &Value,
    prefix: Option<&Placed<Ipv4Net>>,
    given: Given,
) -> Vec<PlacedReservation> {
    read_tables(value, &RESERVATION, Home::Subnet(prefix), given)
}

/// Reads a list of reservations, leaving out those with mistakes.
pub(crate) fn read_tables(
    value: &Value,
    shape: &'static Shape,
    home: Home,
    given: Given,
) -> Vec<PlacedReservation> {
    let tables = value.tables(shape);
    let read = |table| {
        let Read { reservation, owners, place } = read(table, home, given)?;
        let owner = FilePosition::in_document(owners.first()?);
        Some(PlacedReservation { reservation, owner, place: FilePosition::in_document(&place) })
    };
    tables.iter().filter_map(read).collect()
}

/// A reservation that was read from a table, with its places in the file.
pub(crate) struct Read {
    pub(crate) reservation: Reservation,
    /// Each identifier of the owner.
    pub(crate) owners: Vec<Range<usize>>,
    /// The address or the pool, otherwise the first identifier.
    pub(crate) place: Range<usize>,
}

/// Reads one reservation. Returns `None` if it has mistakes, which are reported.
pub(crate) fn read(table: &Table, home: Home, given: Given) -> Option<Read> {
    let identifiers = identifiers::read(table);
    let address = table.get("address").map(|value| {
        let address = address(&value, home, given.own);
        address.map(|address| value.place(address))
    });
    let pool = table.get("pool").map(|value| {
        let name = value.name();
        name.map(|name| value.place(name.to_owned()))
    });
    let classes = table.get("classes").and_then(|value| given.classes.read(&value));
    let level = Level::of(table);
    if let (Some(address), Some(pool)) = (table.get("address"), table.get("pool")) {
        let draft = Draft::found("the reservation has both `address` and `pool`")
            .wanted("wanted one of them")
            .related(address.span(), "the other")
            .help("a reserved address may be in a pool or not, so it needs no `pool`");
        pool.report(draft);
    }
    let settings = with_own(&level.settings(), pool.as_ref(), classes);
    let options = level.options.into_set();
    let sets_nothing = !table.has_other_keys_than(identifiers::keys());
    if sets_nothing {
        report_nothing(table);
    }
    let Identifiers { owners, places } = identifiers?;
    let place = match (&address, &pool) {
        (Some(address), _) => address.as_ref()?.span.clone(),
        (None, Some(pool)) => pool.as_ref()?.span.clone(),
        (None, None) => places.first()?.clone(),
    };
    let address = address.flatten().map(|address| address.value);
    let reservation = Reservation { owners, address, options, settings };
    (!sets_nothing).then_some(Read { reservation, owners: places, place })
}

/// Adds what only reservations have to what else a reservation sets.
fn with_own(
    settings: &ScopeSettings,
    pool: Option<&Option<Placed<String>>>,
    classes: Option<ClassNames>,
) -> ScopeSettings {
    let pool = pool.and_then(Option::as_ref).map(|pool| pool.value.as_str().into());
    if pool.is_none() && classes.is_none() {
        return settings.clone();
    }
    let fields: ScopeFields = settings.clone().into();
    ScopeFields { pool, classes, ..fields }.into()
}

fn report_nothing(table: &Table) {
    let draft = Draft::found("the reservation reserves nothing")
        .wanted("wanted an address, a pool, classes, options or other settings")
        .help("for example, write address = \"100.64.201.17\", or boot-file = \"modem.cfg\"");
    table.collector().report_missing(table.span(), draft);
}

fn address(value: &Value, home: Home, own: &[Ipv4Addr]) -> Option<Ipv4Addr> {
    let address = value.address()?;
    if own.binary_search(&address).is_ok() {
        let draft = Draft::found(format!("{address} is one of the server's own addresses"))
            .wanted("wanted an address that a client may have")
            .help(
                "`listen` of [server] or a `server-identifier` names it, that of [server], a network, \
                 subnet, pool, class or reservation; reserve another address",
            );
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
