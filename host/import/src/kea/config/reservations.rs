//! Kea's reservations, and where Kea looks for them.
//!
//! Kea uses a reservation only if the switches of its scope and the list of identifiers say so.
//! Invariant: a reservation that Kea does not use is not carried, and the report says why.

use std::net::Ipv4Addr;

use lessor_core::{HardwareAddress, IdentifierKind, ReservationOwner, option::code};

use crate::{
    kea::{json::Node, keys, options},
    model::{Boot, Options, Pool, Reservation, Scope},
    option_value,
    place::Refusal,
    report::{EntryId, LineOutcome, Report},
};

use super::{
    Reading,
    classes::{DROP, DROPPED, SKIP_DDNS},
    list, members, statement,
};

const GLOBAL_OFF: &str =
    "Kea does not use it, because reservations-global is off (the default) for its subnet";
const IN_SUBNET_OFF: &str = "Kea does not use it, because reservations-in-subnet is off";
const IN_POOL: &str =
    "without its address, which is in a pool: Kea ignores it (reservations-out-of-pool)";
const ALL_SUBNETS: &str = "it applies in all subnets, also where reservations-global is off";
const ONLY_CLASSES: &str = "only its classes count, because reservations-global is off";
const NOT_OF_RESERVATIONS: &str =
    "Kea has no such key in a reservation; write it below the reservation if you mean it";
const FLEX_ID: &str = "flex-id";
/// Keys of a reservation, of which [`Reading::reservation`] reads all but the comments.
const KEYS: &[&str] = &[
    "hw-address",
    "client-id",
    "circuit-id",
    "duid",
    FLEX_ID,
    "ip-address",
    "hostname",
    "next-server",
    "boot-file-name",
    "server-hostname",
    "option-data",
    "client-classes",
    "user-context",
    "comment",
];

/// How reservations identify their clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Identifiers {
    /// The keys that Kea looks for.
    keys: Vec<String>,
    /// What the flex-id of a reservation is, if it is one sub-option.
    flex_id: Option<IdentifierKind>,
}

/// Where Kea looks reservations up, as far as one scope says so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lookup {
    global: Option<bool>,
    in_subnet: Option<bool>,
    out_of_pool: Option<bool>,
}

/// A reservation, and all entries of the report that are about it.
struct Found {
    reservation: Reservation,
    entries: Vec<EntryId>,
}

impl Identifiers {
    /// What the global scope says.
    pub(super) fn of(dhcp: &Node) -> Self {
        let named = dhcp.get("host-reservation-identifiers").and_then(Node::list);
        let named = named.map(|list| list.iter().filter_map(Node::text).collect());
        // Kea looks for a flex-id only if it has to.
        let keys: Vec<&str> =
            named.unwrap_or_else(|| vec!["hw-address", "duid", "circuit-id", "client-id"]);
        Self {
            keys: keys.into_iter().map(str::to_owned).collect(),
            flex_id: dhcp.get("hooks-libraries").and_then(flex_id),
        }
    }
}

impl Lookup {
    /// What a scope says. `reservation-mode` is the older form of three switches.
    pub(super) fn of(node: &Node) -> Self {
        let flag = |key| node.get(key).and_then(Node::flag);
        let (global, in_subnet, out_of_pool) =
            match node.get("reservation-mode").and_then(Node::text) {
                Some("disabled" | "off") => (Some(false), Some(false), Some(false)),
                Some("out-of-pool") => (Some(false), Some(true), Some(true)),
                Some("global") => (Some(true), Some(false), Some(false)),
                Some("all") => (Some(false), Some(true), Some(false)),
                _ => (None, None, None),
            };
        Self {
            global: flag("reservations-global").or(global),
            in_subnet: flag("reservations-in-subnet").or(in_subnet),
            out_of_pool: flag("reservations-out-of-pool").or(out_of_pool),
        }
    }

    /// What this scope says, and else what the scope around it says.
    pub(super) fn within(self, outer: Self) -> Self {
        Self {
            global: self.global.or(outer.global),
            in_subnet: self.in_subnet.or(outer.in_subnet),
            out_of_pool: self.out_of_pool.or(outer.out_of_pool),
        }
    }

    fn is_global(self) -> bool {
        self.global == Some(true)
    }

    /// Removes an address that Kea ignores because a pool has it.
    fn keep_out_of_pools(self, found: &mut Reservation, pools: &[Pool], report: &mut Report) {
        let is_in =
            |address: Ipv4Addr| pools.iter().any(|of| of.first <= address && address <= of.last);
        if self.out_of_pool == Some(true) && found.address.is_some_and(is_in) {
            found.address = None;
            report.correct(found.entry, LineOutcome::Changed, IN_POOL);
        }
    }
}

impl Reading {
    /// Reads the reservations of a subnet.
    pub(super) fn reservations_of_subnet(
        &mut self,
        subnet: &Node,
        lookup: Lookup,
        pools: &[Pool],
    ) -> Result<Vec<Reservation>, Refusal> {
        let Some(node) = subnet.get("reservations") else { return Ok(Vec::new()) };
        let mut used = Vec::new();
        for Found { mut reservation, entries } in self.reservations(node)? {
            if lookup.in_subnet == Some(false) {
                self.leave_out(&entries, IN_SUBNET_OFF);
                continue;
            }
            lookup.keep_out_of_pools(&mut reservation, pools, &mut self.report);
            used.push(reservation);
        }
        Ok(used)
    }

    /// Reads the reservations of the global scope, after all subnets.
    pub(super) fn global_reservations(&mut self, node: &Node, dhcp: &Node) -> Result<(), Refusal> {
        let are_early =
            dhcp.get("early-global-reservations-lookup").and_then(Node::flag) == Some(true);
        let is_of_some = self.lookups.iter().any(|(_, lookup)| lookup.is_global());
        let is_of_all = self.lookups.iter().all(|(_, lookup)| lookup.is_global());
        for Found { mut reservation, entries } in self.reservations(node)? {
            let address = reservation.address;
            let of_subnet = self
                .lookups
                .iter()
                .find(|(prefix, _)| address.is_some_and(|address| prefix.contains(&address)))
                .copied();
            let is_used = of_subnet.map_or(is_of_some, |(_, lookup)| lookup.is_global());
            if is_used {
                if let Some((prefix, lookup)) = of_subnet
                    && let Some(subnet) = self.site.subnets.iter().find(|of| of.prefix == prefix)
                {
                    lookup.keep_out_of_pools(&mut reservation, &subnet.pools, &mut self.report);
                }
                if reservation.address.is_none() && !is_of_all {
                    self.report.correct(reservation.entry, LineOutcome::Changed, ALL_SUBNETS);
                }
            } else if are_early && !reservation.classes.is_empty() {
                self.report.correct(reservation.entry, LineOutcome::Changed, ONLY_CLASSES);
                reservation = Reservation {
                    address: None,
                    next_server: None,
                    boot: Boot::default(),
                    options: Options::new(),
                    ..reservation
                };
            } else {
                self.leave_out(&entries, GLOBAL_OFF);
                continue;
            }
            self.site.reservations.push(reservation);
        }
        Ok(())
    }

    fn leave_out(&mut self, entries: &[EntryId], why: &str) {
        entries.iter().for_each(|entry| self.report.correct(*entry, LineOutcome::NotCarried, why));
    }

    fn reservations(&mut self, node: &Node) -> Result<Vec<Found>, Refusal> {
        let mut reservations = Vec::new();
        for item in list(node)? {
            let mark = self.report.mark();
            let statement = item.shown();
            match self.reservation(item)? {
                Ok(mut reservation) => {
                    reservation.entry = self.report.carried(&item.place, &statement);
                    let entries = self.report.since(mark);
                    reservations.push(Found { reservation, entries });
                }
                Err(why) => self.report.not_carried(&item.place, &statement, why),
            }
        }
        Ok(reservations)
    }

    fn reservation(&mut self, node: &Node) -> Result<Result<Reservation, String>, Refusal> {
        let mut options = Options::new();
        let mut of_parts = Report::default();
        for member in members(node)?.iter().filter(|of| !KEYS.contains(&of.key.as_str())) {
            of_parts.not_carried(&member.place, &statement(member), NOT_OF_RESERVATIONS);
        }
        if let Some(data) = node.get("option-data") {
            options::read(data, &self.definitions, &mut options, None, &mut of_parts)?;
        }
        let hostname = node.get("hostname").and_then(Node::text).unwrap_or_default();
        let owner = match owner(node, &self.identifiers) {
            Ok(owner) => owner,
            Err(why) => return Ok(Err(why)),
        };
        let address = match address_of(node, "ip-address") {
            Ok(address) => address,
            Err(why) => return Ok(Err(why)),
        };
        let next_server = match address_of(node, "next-server") {
            Ok(address) => address,
            Err(why) => return Ok(Err(why)),
        };
        let classes = node.get("client-classes").and_then(Node::list).unwrap_or_default();
        let mut classes: Vec<String> =
            classes.iter().filter_map(Node::text).map(str::to_owned).collect();
        if classes.iter().any(|class| class == DROP) {
            return Ok(Err(DROPPED.to_owned()));
        }
        classes.retain(|class| class != SKIP_DDNS || self.has_class(class));
        if !hostname.is_empty() {
            options.entry(code::HOST_NAME).or_insert_with(|| hostname.as_bytes().to_vec().into());
        }
        let mut scope = Scope { options, ..Scope::default() };
        let fields: [(&str, keys::SetKey); 2] =
            [("boot-file-name", keys::boot_file), ("server-hostname", keys::server_name)];
        for (key, set) in fields {
            let Some(field) = node.get(key) else { continue };
            if let Err(why) = set(&mut scope, field) {
                of_parts.not_carried(&field.place, &field.shown(), why);
            }
        }
        let Scope { options, boot, .. } = scope;
        self.report.append(of_parts);
        Ok(Ok(Reservation {
            place: node.place.clone(),
            // The caller adds the entry.
            entry: EntryId::default(),
            name: hostname.to_owned(),
            owners: vec![owner],
            address,
            classes,
            lease_time: None,
            next_server,
            boot,
            options,
        }))
    }
}

/// An address of a reservation. Kea's 0.0.0.0 says that there is none.
fn address_of(node: &Node, key: &str) -> Result<Option<Ipv4Addr>, String> {
    let Some(text) = node.get(key).and_then(Node::text) else { return Ok(None) };
    let address = text.parse().map_err(|_| format!("{text:?} is not an IPv4 address"))?;
    Ok(Some(address).filter(|address| *address != Ipv4Addr::UNSPECIFIED))
}

/// What the expression of the flex-id library is, if it is one sub-option of option 82 or the
/// client identifier.
fn flex_id(libraries: &Node) -> Option<IdentifierKind> {
    let mut all = libraries.list()?.iter();
    let expression = all.find_map(|library| {
        library.get("parameters")?.get("identifier-expression")?.text().map(str::to_owned)
    })?;
    let expression: String = expression.split_whitespace().collect();
    let between = |start: &str| expression.strip_prefix(start)?.strip_suffix("].hex");
    let sub_option = between("relay4[").or_else(|| between("option[82].option["));
    match sub_option {
        Some("circuit-id" | "agent-circuit-id") => Some(IdentifierKind::RelaySubOption(1)),
        Some("remote-id" | "agent-remote-id") => Some(IdentifierKind::RelaySubOption(2)),
        Some(code) => code.parse().ok().map(IdentifierKind::RelaySubOption),
        None => (between("option[")? == "61").then_some(IdentifierKind::ClientIdentifier),
    }
}

fn owner(node: &Node, identifiers: &Identifiers) -> Result<ReservationOwner, String> {
    for key in ["hw-address", "client-id", "circuit-id", "duid", FLEX_ID] {
        let Some(text) = node.get(key).and_then(Node::text) else { continue };
        if !identifiers.keys.iter().any(|known| known == key) {
            return Err(format!(
                "Kea does not use it, because host-reservation-identifiers has no {key:?}"
            ));
        }
        if key == "hw-address" {
            let octets = option_value::hexadecimal_octets(&text.replace('-', ":"));
            let address = octets.and_then(|octets| HardwareAddress::new(1, &octets));
            let address = address.ok_or_else(|| format!("{text:?} is not a hardware address"))?;
            return Ok(ReservationOwner::HardwareAddress(address));
        }
        let quoted = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let octets = match quoted {
            Some(quoted) => Some(quoted.as_bytes().to_vec()),
            None => option_value::hexadecimal_octets(text),
        };
        let octets = octets.filter(|octets| !octets.is_empty());
        let octets = octets.ok_or_else(|| format!("{key} {text:?} are not octets"))?;
        let octets: Box<[u8]> = octets.into();
        return match (key, identifiers.flex_id) {
            ("client-id", _) | (FLEX_ID, Some(IdentifierKind::ClientIdentifier)) => {
                Ok(ReservationOwner::ClientIdentifier(octets))
            }
            ("circuit-id", _) => Ok(ReservationOwner::circuit_id(octets)),
            ("duid", _) => Ok(ReservationOwner::Duid(octets)),
            (_, Some(IdentifierKind::RelaySubOption(code))) => {
                Ok(ReservationOwner::RelaySubOption(code, octets))
            }
            _ => Err("the expression of flex-id is not one sub-option of option 82".to_owned()),
        };
    }
    Err("its owner is none of hw-address, client-id, circuit-id, duid and flex-id".to_owned())
}
