//! `dhcpd.conf` as a [`Site`].
//!
//! Invariant: each statement has one entry in the report. A block that is not carried has one entry
//! for all of it.

mod classes;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use lessor_core::{Owners, ReservationOwner, option::code};

use crate::{
    Found,
    input::{Reader, Text},
    model::{Options, Pool, Reservation, Scope, Site, Subnet, inherit},
    place::{Place, Refusal},
    report::{Outcome, Report},
};

use super::{
    definitions::{Definitions, SPACE, is_definition, split},
    grammar::{Statement, Token},
    includes, options, owners,
    pools::{self, Pooled},
    statements::{self, Fate},
    vendor_classes,
};

/// dhcpd's lease times if the configuration has none, in seconds.
const LEASE_TIME_SECS: u32 = 43_200;
const MIN_LEASE_TIME_SECS: u32 = 300;
const MAX_LEASE_TIME_SECS: u32 = 86_400;
const QUARANTINE_SECS: u32 = 86_400;
const OF_CLASS: &str = "classes are for policies: see docs/policies.md";

/// Reads a configuration.
pub(super) fn read(text: &Text, reader: &mut Reader) -> Result<Found, Refusal> {
    let mut report = Report::default();
    let statements = includes::statements(text, reader, &mut report)?;
    let mut reading = Reading { report, ..Reading::default() };
    let catalogue = &mut reading.site.catalogue;
    reading.definitions = Definitions::read(&statements, catalogue, &mut reading.report);
    let mut everywhere = Scope::default();
    let mut around = Around { is_all: true, ..Around::default() };
    reading.classes(&statements);
    reading.settings(&statements, &mut everywhere, &mut around);
    reading.parts(&statements, &around)?;
    inherit(&mut everywhere.options, &reading.of_classes);
    reading.say_what_comes_first();
    for subnet in &mut reading.site.subnets {
        effective(&mut subnet.scope, &everywhere);
    }
    everywhere.quarantine = None;
    reading.site.everywhere = everywhere;
    Ok(Found { site: reading.site, report: reading.report })
}

/// What surrounds a block.
#[derive(Clone, Default)]
struct Around {
    /// Whether it is the whole configuration, whose classes were read before.
    is_all: bool,
    shared_network: Option<String>,
    /// The settings of groups and shared networks around it.
    scope: Scope,
    /// The options of groups around it, which hosts have.
    group_options: Options,
    /// Whether hosts get the names of their declarations.
    names_hosts: bool,
    /// The option space that option 43 contains.
    vendor_space: Option<String>,
    /// The subnet that the block is in, as its position.
    subnet: Option<usize>,
}

#[derive(Default)]
struct Reading {
    site: Site,
    report: Report,
    definitions: Definitions,
    /// The options of classes of vendors.
    of_classes: Options,
    /// The number of classes that are no branch of an `if`.
    classes_before_branches: usize,
}

impl Reading {
    /// Reads a block within another one: first its settings, which apply to all of it, then the
    /// blocks in it.
    fn nested(
        &mut self,
        block: &[Statement],
        scope: &mut Scope,
        mut around: Around,
    ) -> Result<(), Refusal> {
        around.is_all = false;
        self.settings(block, scope, &mut around);
        around.scope = scope.clone().within(&around.scope);
        self.parts(block, &around)
    }

    fn settings(&mut self, block: &[Statement], scope: &mut Scope, around: &mut Around) {
        around.vendor_space = vendor_space(block).or(around.vendor_space.take());
        for statement in block.iter().filter(|statement| statement.block.is_none()) {
            match statement.word(0) {
                // Read with the subnet.
                Some("range") => {}
                Some("subclass") if around.is_all => {}
                Some("use-host-decl-names") => {
                    around.names_hosts = statements::flag(statement.tokens.get(1)) == Ok(true);
                    self.report.carried(&statement.place, &statement.shown());
                }
                _ => self.setting(statement, scope, around.vendor_space.as_deref()),
            }
        }
    }

    fn parts(&mut self, block: &[Statement], around: &Around) -> Result<(), Refusal> {
        let mut parts = block.iter().filter(|statement| statement.block.is_some());
        parts.try_for_each(|statement| self.part(statement, around))
    }

    /// Reads a setting, where `selected` is the vendor option space.
    fn setting(&mut self, statement: &Statement, scope: &mut Scope, selected: Option<&str>) {
        if is_definition(statement) {
            return;
        }
        let first = statement.word(0).unwrap_or_default();
        let done = match first {
            "option" if statements::is_timer(statement) => {
                outcome(statements::timer(scope, statement))
            }
            "option" => {
                let options = &mut scope.options;
                outcome(options::set(statement, &self.definitions, selected, options))
            }
            "vendor-option-space" => {
                let space = statement.word(1).unwrap_or_default();
                outcome(self.definitions.destination(space, Some(space)).map(|_| None))
            }
            "server-identifier" => self.identifier(statement),
            "local-address" => self.local_address(statement),
            _ => match statements::fate(statement) {
                Some(Fate::Set(set)) => outcome(set(scope, statement)),
                Some(Fate::NotNeeded(why)) => (Outcome::NotNeeded, why.to_owned()),
                Some(Fate::NotCarried(why)) => (Outcome::NotCarried, why.to_owned()),
                None => (Outcome::NotCarried, "the statement is not known".to_owned()),
            },
        };
        self.report.add(&statement.place, &statement.shown(), done.0, done.1);
    }

    fn identifier(&mut self, statement: &Statement) -> (Outcome, String) {
        match statement.word(1).and_then(|text| text.parse().ok()) {
            Some(address) if self.site.server_identifier.is_none_or(|known| known == address) => {
                self.site.server_identifier = Some(address);
                (Outcome::Carried, String::new())
            }
            Some(_) => (Outcome::NotCarried, "the server has one server identifier".to_owned()),
            None => (Outcome::NotCarried, "it is not an IPv4 address".to_owned()),
        }
    }

    fn local_address(&mut self, statement: &Statement) -> (Outcome, String) {
        match statement.word(1).and_then(|text| text.parse().ok()) {
            Some(address) => {
                self.site.listen.push(address);
                (Outcome::Carried, String::new())
            }
            None => (Outcome::NotCarried, "it is not an IPv4 address".to_owned()),
        }
    }

    /// Reads a statement with a block.
    fn part(&mut self, statement: &Statement, around: &Around) -> Result<(), Refusal> {
        let block = statement.block.as_deref().unwrap_or_default();
        match statement.word(0).unwrap_or_default() {
            "group" => {
                self.report.carried(&statement.place, &statement.shown());
                let mut scope = Scope::default();
                let mut inner = Around { is_all: false, ..around.clone() };
                self.settings(block, &mut scope, &mut inner);
                let outer = std::mem::take(&mut inner.group_options);
                inner.group_options = scope.options.clone();
                inherit(&mut inner.group_options, &outer);
                inner.scope = scope.within(&inner.scope);
                self.parts(block, &inner)
            }
            "shared-network" => {
                self.report.carried(&statement.place, &statement.shown());
                let name = statement.tokens.get(1).and_then(Token::text);
                let inner = Around { shared_network: name, ..around.clone() };
                self.nested(block, &mut Scope::default(), inner)
            }
            "subnet" => self.subnet(statement, block, around),
            "pool" => self.pool(statement, block, around),
            "host" => {
                self.host(statement, block, around);
                Ok(())
            }
            "class" if self.is_of_vendor(statement) => {
                self.class_of_vendor(statement, block);
                Ok(())
            }
            "class" | "subclass" | "if" | "elsif" | "else" if around.is_all => Ok(()),
            _ => {
                let (outcome, why) = match statements::fate(statement) {
                    Some(Fate::NotNeeded(why)) => (Outcome::NotNeeded, why),
                    Some(Fate::NotCarried(why)) => (Outcome::NotCarried, why),
                    _ => (Outcome::NotCarried, "the statement is not known"),
                };
                self.whole(statement, outcome, why);
                Ok(())
            }
        }
    }

    /// Reports a statement with everything in it.
    fn whole(&mut self, statement: &Statement, outcome: Outcome, why: &str) {
        let why = match statement.size() {
            1 => why.to_owned(),
            2 => format!("{why} (with the statement in it)"),
            size => format!("{why} (with the {} statements in it)", size - 1),
        };
        self.report.add(&statement.place, &statement.shown(), outcome, why);
    }

    fn subnet(
        &mut self,
        statement: &Statement,
        block: &[Statement],
        around: &Around,
    ) -> Result<(), Refusal> {
        let prefix = prefix(statement)?;
        let entry = self.report.carried(&statement.place, &statement.shown());
        let position = self.site.subnets.len();
        self.site.subnets.push(Subnet {
            place: statement.place.clone(),
            entry,
            prefix,
            shared_network: around.shared_network.clone(),
            relay_addresses: Vec::new(),
            scope: Scope::default(),
            pools: Vec::new(),
            reservations: Vec::new(),
        });
        let mut scope = Scope::default();
        let inner = Around { subnet: Some(position), ..around.clone() };
        let mut pools = Vec::new();
        for range in block.iter().filter(|inner| inner.word(0) == Some("range")) {
            pools.push(pools::range(range, &Pooled::default(), &mut self.report)?);
        }
        self.add_pools(position, pools);
        self.nested(block, &mut scope, inner)?;
        if let Some(subnet) = self.site.subnets.get_mut(position) {
            subnet.scope = scope.within(&around.scope);
        }
        Ok(())
    }

    fn add_pools(&mut self, position: usize, pools: Vec<Pool>) {
        if let Some(subnet) = self.site.subnets.get_mut(position) {
            subnet.pools.extend(pools);
        }
    }

    /// Reads a pool, whose ranges may belong to several subnets of a shared network.
    fn pool(
        &mut self,
        statement: &Statement,
        block: &[Statement],
        around: &Around,
    ) -> Result<(), Refusal> {
        self.report.carried(&statement.place, &statement.shown());
        let mut scope = Scope::default();
        let mut about = Pooled::default();
        let space = vendor_space(block).or(around.vendor_space.clone());
        for inner in block {
            match inner.word(0).unwrap_or_default() {
                "range" => {}
                _ if pools::is_permit(inner) => about.permit(inner, &mut self.report),
                _ if inner.block.is_some() => self.part(inner, around)?,
                "option" | "filename" | "server-name" => {
                    self.setting(inner, &mut scope, space.as_deref());
                }
                _ if matches!(statements::fate(inner), Some(Fate::Set(_))) => {
                    let why = "a pool has options only; write it in its subnet";
                    self.report.not_carried(&inner.place, &inner.shown(), why);
                }
                _ => self.setting(inner, &mut scope, space.as_deref()),
            }
        }
        about.options = scope.options;
        about.boot = scope.boot;
        for range in block.iter().filter(|inner| inner.word(0) == Some("range")) {
            let pool = pools::range(range, &about, &mut self.report)?;
            let of_address = |subnet: &Subnet| subnet.prefix.contains(&pool.first);
            let position = around.subnet.or_else(|| self.site.subnets.iter().position(of_address));
            match position {
                Some(position) => self.add_pools(position, vec![pool]),
                None => self.report.correct(
                    pool.entry,
                    Outcome::NotCarried,
                    "no subnet before it has its addresses",
                ),
            }
        }
        Ok(())
    }

    fn is_of_vendor(&self, statement: &Statement) -> bool {
        let class = vendor_classes::read(statement);
        class.is_some_and(|class| self.definitions.is_of_class(&class.space))
    }

    /// Reads a class of the clients of a vendor.
    fn class_of_vendor(&mut self, statement: &Statement, block: &[Statement]) {
        self.report.carried(&statement.place, &statement.shown());
        for inner in block {
            let name = inner.word(1).unwrap_or_default();
            let (outcome, note) = match inner.word(0) {
                Some("match" | "vendor-option-space") => (Outcome::Carried, String::new()),
                Some("option") if split(name).0 == SPACE => {
                    (Outcome::NotCarried, OF_CLASS.to_owned())
                }
                Some("option") if self.definitions.is_set_outside(name) => {
                    let why = "it is set outside of the class as well, and the class comes first";
                    (Outcome::NotCarried, why.to_owned())
                }
                Some("option") => {
                    outcome(options::set(inner, &self.definitions, None, &mut self.of_classes))
                }
                _ => (Outcome::NotCarried, OF_CLASS.to_owned()),
            };
            self.report.add(&inner.place, &inner.shown(), outcome, note);
        }
    }

    fn host(&mut self, statement: &Statement, block: &[Statement], around: &Around) {
        let name = statement.tokens.get(1).and_then(Token::text).unwrap_or_default();
        let mut scope = Scope::default();
        let mut named = Vec::new();
        let mut addresses = Vec::new();
        let space = vendor_space(block).or(around.vendor_space.clone());
        for inner in block {
            match inner.word(0).unwrap_or_default() {
                _ if owners::is_owner(inner) => named.push((inner, owners::read(inner))),
                "fixed-address" => addresses.push(inner),
                "dynamic" | "ddns-hostname" => {
                    let why = "it is about dhcpd's own files and DNS";
                    self.report.not_needed(&inner.place, &inner.shown(), why);
                }
                _ if inner.block.is_some() => {
                    let why = "expressions are for policies: see docs/policies.md";
                    self.report.not_carried(&inner.place, &inner.shown(), why);
                }
                _ => self.setting(inner, &mut scope, space.as_deref()),
            }
        }
        if around.names_hosts {
            let host_name = || name.as_bytes().to_vec().into();
            scope.options.entry(code::HOST_NAME).or_insert_with(host_name);
        }
        inherit(&mut scope.options, &around.group_options);
        let owners = self.owners(named);
        self.reserve(statement, &name, owners, addresses, &scope);
    }

    /// The owner of a reservation, with all identifiers that its host names.
    fn owners(
        &mut self,
        named: Vec<(&Statement, Result<ReservationOwner, String>)>,
    ) -> Result<Vec<ReservationOwner>, String> {
        let mut owners = Vec::new();
        let mut problem = "it has neither a hardware address nor a client identifier".to_owned();
        for (statement, owner) in named {
            let (place, shown) = (&statement.place, statement.shown());
            match owner {
                Ok(_) if owners.len() >= Owners::MAX => {
                    let why = format!("a reservation has at most {} identifiers", Owners::MAX);
                    self.report.not_carried(place, &shown, why);
                }
                Ok(owner) => {
                    self.report.carried(place, &shown);
                    if !owners.contains(&owner) {
                        owners.push(owner);
                    }
                }
                Err(why) => {
                    self.report.not_carried(place, &shown, why.clone());
                    problem = why;
                }
            }
        }
        if owners.is_empty() { Err(problem) } else { Ok(owners) }
    }

    fn reserve(
        &mut self,
        host: &Statement,
        name: &str,
        owners: Result<Vec<ReservationOwner>, String>,
        addresses: Vec<&Statement>,
        scope: &Scope,
    ) {
        let id = self.report.carried(&host.place, &host.shown());
        let reservation =
            |place: &Place, entry, owners: &[ReservationOwner], address| Reservation {
                place: place.clone(),
                entry,
                name: format!("host {name}"),
                owners: owners.to_vec(),
                address,
                classes: Vec::new(),
                lease_time: scope.lease_time,
                next_server: scope.next_server,
                boot: scope.boot.clone(),
                options: scope.options.clone(),
            };
        match &owners {
            Err(why) => self.report.correct(id, Outcome::NotCarried, why),
            Ok(owners) if addresses.is_empty() => {
                let without_address = reservation(&host.place, id, owners, None);
                self.site.reservations.push(without_address);
            }
            Ok(_) => {}
        }
        for statement in addresses {
            let entry = self.report.carried(&statement.place, &statement.shown());
            for token in statement.after(1).iter().filter_map(Token::text) {
                match (token.parse::<Ipv4Addr>(), &owners) {
                    (Ok(address), Ok(owners)) => {
                        let found = reservation(&statement.place, entry, owners, Some(address));
                        self.site.reservations.push(found);
                    }
                    (Ok(_), Err(_)) => {
                        self.report.correct(entry, Outcome::NotCarried, "its host has no owner");
                    }
                    (Err(_), _) => {
                        let why = format!("{token:?} is a name, and names are not looked up");
                        self.report.correct(entry, Outcome::NotCarried, why);
                    }
                }
            }
        }
    }
}

fn prefix(statement: &Statement) -> Result<Ipv4Net, Refusal> {
    let address = |position| statement.word(position).and_then(|text| text.parse().ok());
    let prefix = address(1).zip(address(3)).and_then(|(address, mask): (Ipv4Addr, Ipv4Addr)| {
        Ipv4Net::with_netmask(address, mask).ok()
    });
    prefix.map(|prefix| prefix.trunc()).ok_or_else(|| {
        let found = format!("{:?} names no subnet", statement.shown());
        statement.place.refuse(found, "write subnet 192.0.2.0 netmask 255.255.255.0 { … }")
    })
}

/// The option space that option 43 contains in a block.
fn vendor_space(block: &[Statement]) -> Option<String> {
    let mut selects = block.iter().filter(|inner| inner.word(0) == Some("vendor-option-space"));
    selects.next()?.word(1).map(str::to_owned)
}

/// What becomes of a statement that is changed or not carried as was found.
fn outcome(found: Result<Option<&'static str>, String>) -> (Outcome, String) {
    match found {
        Ok(None) => (Outcome::Carried, String::new()),
        Ok(Some(how)) => (Outcome::Changed, how.to_owned()),
        Err(why) => (Outcome::NotCarried, why),
    }
}

/// The settings of a subnet, with dhcpd's defaults.
fn effective(scope: &mut Scope, everywhere: &Scope) {
    let or = |own: Option<u32>, outer: Option<u32>, default| own.or(outer).or(Some(default));
    scope.lease_time = or(scope.lease_time, everywhere.lease_time, LEASE_TIME_SECS);
    scope.min_lease_time = or(scope.min_lease_time, everywhere.min_lease_time, MIN_LEASE_TIME_SECS);
    scope.max_lease_time = or(scope.max_lease_time, everywhere.max_lease_time, MAX_LEASE_TIME_SECS);
    scope.quarantine = or(scope.quarantine, everywhere.quarantine, QUARANTINE_SECS);
}
