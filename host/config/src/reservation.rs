//! Reservations: what one owner gets. Its identifiers are read by `identifiers`.

use std::{net::Ipv4Addr, ops::Range};

use ipnet::Ipv4Net;
use lessor_core::{ClassNames, Reservation, ScopeFields, ScopeSettings, VpnName};

use crate::{
    file_position::FilePosition,
    identifiers::{self, Identifiers},
    mistake::Draft,
    reader::{Placed, Table, Value},
    roster::Roster,
    scope::Level,
    shapes::{RESERVATION, Shape},
    vpns::Vpns,
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
    /// Any subnet that contains it, of the VPN that the reservation names or outside of all.
    Any { vpns: &'h Vpns, home_of: &'h HomeOf<'h> },
}

/// Finds the subnet of an address of a VPN, or of one outside of all. If there is none, the error
/// is a VPN in which there is one.
pub(crate) type HomeOf<'h> =
    dyn Fn(Option<&VpnName>, Ipv4Addr) -> Result<Ipv4Net, Option<VpnName>> + 'h;

/// Reads the reservations of a subnet, which may name `classes`. Those with mistakes are left out.
pub(crate) fn read_all(
    value: &Value,
    prefix: Option<&Placed<Ipv4Net>>,
    classes: &Roster,
) -> Vec<PlacedReservation> {
    let read = read_tables(value, &RESERVATION, Home::Subnet(prefix), classes);
    read.into_iter().filter_map(Read::in_document).collect()
}

/// Reads a list of reservations, leaving out those with mistakes.
pub(crate) fn read_tables(
    value: &Value,
    shape: &'static Shape,
    home: Home,
    classes: &Roster,
) -> Vec<Read> {
    let tables = value.tables(shape);
    tables.iter().filter_map(|table| read(table, home, classes)).collect()
}

/// A reservation that was read from a table, with its places in the file.
pub(crate) struct Read {
    pub(crate) reservation: Reservation,
    /// The VPN that it names.
    pub(crate) vpn: Option<VpnName>,
    /// Each identifier of the owner.
    pub(crate) owners: Vec<Range<usize>>,
    /// The address or the pool, otherwise the first identifier.
    pub(crate) place: Range<usize>,
}

impl Read {
    /// The reservation with its places in the configuration file.
    pub(crate) fn in_document(self) -> Option<PlacedReservation> {
        let owner = FilePosition::in_document(self.owners.first()?);
        let place = FilePosition::in_document(&self.place);
        Some(PlacedReservation { reservation: self.reservation, owner, place })
    }
}

/// Reads one reservation. Returns `None` if it has mistakes, which are reported.
pub(crate) fn read(table: &Table, home: Home, classes: &Roster) -> Option<Read> {
    let identifiers = identifiers::read(table);
    let vpn = vpn(table, home);
    let address = table.get("address").map(|value| {
        // The address of a VPN that is unknown may be in a subnet of the right one.
        let address = address(&value, home, vpn.as_ref()?.as_ref());
        address.map(|address| value.place(address))
    });
    let pool = table.get("pool").map(|value| {
        let name = value.name();
        name.map(|name| value.place(name.to_owned()))
    });
    let classes = table.get("classes").and_then(|value| classes.read(&value));
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
    let sets_nothing = !table.has_other_keys_than(identifiers::keys().chain(["vpn"]));
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
    (!sets_nothing).then_some(Read { reservation, vpn: vpn?, owners: places, place })
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

/// The VPN that a reservation names, if it names one. Returns `None` if that is unknown, which is
/// reported.
fn vpn(table: &Table, home: Home) -> Option<Option<VpnName>> {
    match home {
        Home::Subnet(_) => Some(None),
        Home::Any { .. } if table.get("vpn").is_none() => {
            (!table.misspells_any(&["vpn"])).then_some(None)
        }
        Home::Any { vpns, .. } => Some(Some(vpns.of(table)?.value.name.clone())),
    }
}

fn address(value: &Value, home: Home, vpn: Option<&VpnName>) -> Option<Ipv4Addr> {
    let address = value.address()?;
    let (subnet, span) = match home {
        Home::Subnet(None) => return Some(address),
        Home::Subnet(Some(prefix)) => (prefix.value, Some(&prefix.span)),
        Home::Any { home_of, .. } => match home_of(vpn, address) {
            Ok(subnet) => (subnet, None),
            Err(other) => {
                value.report(without_home(address, vpn, other.as_ref()));
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

/// Says that no subnet contains an address of a VPN, or of one outside of all; one of the VPN
/// `other` does.
fn without_home(address: Ipv4Addr, vpn: Option<&VpnName>, other: Option<&VpnName>) -> Draft {
    let draft = Draft::found(match vpn {
        Some(vpn) => format!("{address} is in no subnet of the VPN \"{vpn}\""),
        None if other.is_some() => format!("{address} is in no subnet outside of all VPNs"),
        None => format!("{address} is in no subnet"),
    });
    let draft = draft.wanted("wanted an address of a configured subnet");
    match other {
        Some(other) => draft.help(format!(
            "the VPN \"{other}\" has a subnet that contains it: set `vpn` to \"{other}\" if that \
             is meant"
        )),
        None => draft.help("write a [[subnet]] that contains it, or remove the reservation"),
    }
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
