//! Kea's configuration as a [`Site`].
//!
//! Invariant: each key has one entry in the report, except the lists of subnets, networks and
//! pools, whose items have one each.

mod boot_options;
mod classes;
mod reservations;
mod timers;

use std::{collections::HashMap, net::Ipv4Addr};

use ipnet::Ipv4Net;
use lessor_core::INFINITE_SECS;

use crate::{
    Found,
    model::{Boot, Pool, Scope, Site, Subnet},
    place::Refusal,
    report::{LineOutcome, Report, outcome},
};

use super::{
    definitions::Definitions,
    json::{Member, Node},
    keys::{self, Fate},
    options,
};

use classes::Permits;
use reservations::{Identifiers, Lookup};

/// Kea's lease time if the configuration has none, in seconds.
const LEASE_TIME_SECS: u32 = 7_200;
const QUARANTINE_SECS: u32 = 86_400;
const NOT_OF_POOLS: &str =
    "Kea has no such setting in a pool; write it below [[subnet.pool]] if you mean it";

/// Reads a configuration.
pub(super) fn read(node: &Node) -> Result<Found, Refusal> {
    let dhcp = node.get("Dhcp4").ok_or_else(|| {
        node.place.refuse("the file has no \"Dhcp4\"", "name the configuration of kea-dhcp4")
    })?;
    let mut reading = Reading::default();
    for member in members(node)?.iter().filter(|member| member.key != "Dhcp4") {
        let why = "it is not about DHCPv4";
        reading.report.not_needed(&member.place, &statement(member), why);
    }
    // Definitions apply wherever they stand.
    if let Some(definitions) = dhcp.get("option-def") {
        let catalogue = &mut reading.site.catalogue;
        reading.definitions = Definitions::read(definitions, catalogue, &mut reading.report)?;
    }
    // So do classes.
    if let Some(classes) = dhcp.get("client-classes") {
        reading.classes(classes)?;
    }
    reading.identifiers = Identifiers::of(dhcp);
    reading.lookup = Lookup::of(dhcp);
    let mut everywhere = Scope::default();
    reading.are_timers_calculated = timers::are_calculated(dhcp);
    reading.scope(dhcp, &mut everywhere)?;
    timers::set(&mut everywhere, &Scope::default());
    everywhere.quarantine = everywhere.quarantine.or(Some(QUARANTINE_SECS));
    for member in members(dhcp)? {
        match member.key.as_str() {
            "interfaces-config" => reading.interfaces(&member.node)?,
            "subnet4" => {
                for subnet in list(&member.node)? {
                    reading.subnet(subnet, None, &Scope::default(), &everywhere)?;
                }
            }
            "shared-networks" => {
                for network in list(&member.node)? {
                    reading.network(network, &everywhere)?;
                }
            }
            _ => {}
        }
    }
    if let Some(reservations) = dhcp.get("reservations") {
        reading.global_reservations(reservations, dhcp)?;
    }
    reading.name_known();
    reading.say_what_comes_first();
    reading.keep_boot_options(&everywhere);
    everywhere.quarantine = None;
    if reading.site.interfaces.is_empty() {
        reading.site.interfaces = reading.interfaces_of_subnets;
    }
    reading.site.everywhere = everywhere;
    Ok(Found { site: reading.site, report: reading.report })
}

/// A shared network.
struct Network<'n> {
    name: &'n str,
    node: &'n Node,
    access: &'n Permits,
    lookup: Lookup,
}

#[derive(Default)]
struct Reading {
    site: Site,
    report: Report,
    definitions: Definitions,
    interfaces_of_subnets: Vec<String>,
    /// How reservations identify their clients.
    identifiers: Identifiers,
    /// Where Kea looks reservations up, as the global scope says.
    lookup: Lookup,
    /// The same for each subnet.
    lookups: Vec<(Ipv4Net, Lookup)>,
    /// Whether something is for clients that have a reservation, or for those that have none.
    is_about_known: bool,
    /// Whether T1 and T2 are parts of the lease time anywhere.
    are_timers_calculated: bool,
    /// The shared network that each relay outside of all subnets selects.
    relays: HashMap<Ipv4Addr, Option<String>>,
}

impl Reading {
    /// Reads the settings of a scope.
    fn scope(&mut self, node: &Node, scope: &mut Scope) -> Result<(), Refusal> {
        for member in members(node)? {
            match member.key.as_str() {
                // Read elsewhere.
                "subnet4" | "shared-networks" | "interfaces-config" | "client-class"
                | "client-classes" | "option-def" | "reservations" | "pools" | "subnet"
                | "name" | "relay" => {}
                "interface" => {
                    self.interfaces_of_subnets.extend(member.node.text().map(str::to_owned));
                    let why = "the addresses of an interface select the subnet of its clients";
                    self.report.not_needed(&member.place, &statement(member), why);
                }
                "option-data" => {
                    let (options, always) = (&mut scope.options, Some(&mut scope.always_send));
                    options::read(
                        &member.node,
                        &self.definitions,
                        options,
                        always,
                        &mut self.report,
                    )?;
                }
                "t1-percent" | "t2-percent" if !self.are_timers_calculated => {
                    let why = "calculate-tee-times is off, so it has no effect";
                    self.report.not_needed(&member.place, &statement(member), why);
                }
                key => self.key(key, member, scope),
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &str, member: &Member, scope: &mut Scope) {
        let statement = statement(member);
        let (outcome, note) = match keys::fate(key) {
            Some(Fate::Set(set)) => outcome(set(scope, &member.node)),
            Some(Fate::NotNeeded(why)) => (LineOutcome::NotNeeded, why.to_owned()),
            Some(Fate::NotCarried(why)) => (LineOutcome::NotCarried, why.to_owned()),
            None => (LineOutcome::NotCarried, "the key is not known".to_owned()),
        };
        self.report.add(&member.place, &statement, outcome, note);
    }

    fn interfaces(&mut self, node: &Node) -> Result<(), Refusal> {
        for member in members(node)? {
            let statement = statement(member);
            if member.key != "interfaces" {
                let why = "the server has the sockets that each interface needs";
                self.report.not_needed(&member.place, &statement, why);
                continue;
            }
            let mut outcome = (LineOutcome::Carried, "");
            for item in list(&member.node)? {
                let text = item.text().unwrap_or_default();
                let (name, address) = text.split_once('/').unwrap_or((text, ""));
                if name == "*" {
                    outcome = (LineOutcome::Changed, "name the interfaces with --interface");
                } else if !name.is_empty() {
                    self.site.interfaces.push(name.to_owned());
                }
                if !address.is_empty() {
                    outcome = (LineOutcome::Changed, "all addresses of the interface are served");
                }
            }
            self.report.add(&member.place, &statement, outcome.0, outcome.1.to_owned());
        }
        Ok(())
    }

    fn network(&mut self, node: &Node, everywhere: &Scope) -> Result<(), Refusal> {
        let name = node.get("name").and_then(Node::text).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| {
            node.place.refuse("a shared network has no name", "write its \"name\"")
        })?;
        let label = format!("shared network {name:?}");
        self.report.carried(&node.place, &label);
        let mut scope = Scope::default();
        self.scope(node, &mut scope)?;
        let access = self.access(node);
        let mut relays = self.relay(node, node, Some(name));
        for subnet in node.get("subnet4").and_then(Node::list).unwrap_or_default() {
            let position = self.site.subnets.len();
            let lookup = Lookup::of(node).within(self.lookup);
            let network = Network { name, node, access: &access, lookup };
            self.subnet(subnet, Some(&network), &scope, everywhere)?;
            if let Some(subnet) = self.site.subnets.get_mut(position) {
                subnet.relay_addresses.append(&mut relays);
            }
        }
        Ok(())
    }

    fn subnet(
        &mut self,
        node: &Node,
        network: Option<&Network<'_>>,
        outer: &Scope,
        everywhere: &Scope,
    ) -> Result<(), Refusal> {
        let prefix = node.get("subnet").and_then(Node::text).unwrap_or_default();
        let prefix: Ipv4Net = prefix.parse().map_err(|_| {
            let found = format!("\"subnet\": {prefix:?} is not an IPv4 prefix");
            node.place.refuse(found, "write a prefix such as 192.0.2.0/24")
        })?;
        let entry = self.report.carried(&node.place, &format!("subnet {prefix}"));
        let mut scope = Scope::default();
        self.scope(node, &mut scope)?;
        let of_network = network.map(|network| network.name);
        let relay_addresses =
            self.relay(node, network.map_or(node, |network| network.node), of_network);
        let outer_access = network.map(|network| network.access.clone()).unwrap_or_default();
        let access = outer_access.and(self.access(node));
        let mut pools = Vec::new();
        for pool in node.get("pools").map(list).transpose()?.unwrap_or_default() {
            pools.push(self.pool(pool, &access)?);
        }
        let lookup = Lookup::of(node).within(network.map_or(self.lookup, |network| network.lookup));
        self.lookups.push((prefix.trunc(), lookup));
        let reservations = self.reservations_of_subnet(node, lookup, &pools)?;
        let scope = effective(scope.within(outer), everywhere);
        self.site.subnets.push(Subnet {
            place: node.place.clone(),
            entry,
            prefix: prefix.trunc(),
            shared_network: of_network.map(str::to_owned),
            relay_addresses,
            scope,
            pools,
            reservations,
        });
        Ok(())
    }

    /// Returns the relays of a subnet that have addresses elsewhere and select no subnet so far. A
    /// prefix finds the others.
    fn relay(&mut self, node: &Node, network: &Node, name: Option<&str>) -> Vec<Ipv4Addr> {
        let Some(relay) = node.get("relay") else { return Vec::new() };
        let addresses = relay.get("ip-addresses").and_then(Node::list).unwrap_or_default();
        let texts = addresses.iter().chain(relay.get("ip-address")).filter_map(Node::text);
        let subnets = network.get("subnet4").and_then(Node::list).unwrap_or_default();
        let is_inside = |address: Ipv4Addr| {
            let all = std::iter::once(node).chain(subnets);
            let prefixes = all.filter_map(|subnet| subnet.get("subnet")?.text()?.parse().ok());
            prefixes.into_iter().any(|prefix: Ipv4Net| prefix.contains(&address))
        };
        let parsed: Option<Vec<Ipv4Addr>> = texts.map(|text| text.parse().ok()).collect();
        let statement = format!("\"relay\": {}", relay.shown());
        let Some(addresses) = parsed else {
            self.report.not_carried(&relay.place, &statement, "it is no list of IPv4 addresses");
            return Vec::new();
        };
        let outside: Vec<Ipv4Addr> =
            addresses.into_iter().filter(|address| !is_inside(*address)).collect();
        if outside.is_empty() {
            let why = "the address of the relay selects the subnet or its shared network";
            self.report.not_needed(&relay.place, &statement, why);
            return outside;
        }
        let name = name.map(str::to_owned);
        let is_of_other = |address: &Ipv4Addr| {
            let network = self.relays.get(address);
            network.is_some_and(|other| name.is_none() || *other != name)
        };
        if outside.iter().any(is_of_other) {
            let why = "another subnet has the relay already; give subnets of one relay the same \
                       shared network, or let it send link selection (RFC 3527)";
            self.report.not_carried(&relay.place, &statement, why);
            return Vec::new();
        }
        self.report.carried(&relay.place, &statement);
        let is_new = |address: &Ipv4Addr| self.relays.insert(*address, name.clone()).is_none();
        outside.into_iter().filter(is_new).collect()
    }

    fn pool(&mut self, node: &Node, around: &Permits) -> Result<Pool, Refusal> {
        let text = node.get("pool").and_then(Node::text).unwrap_or_default();
        let (first, last) = pool_range(text).ok_or_else(|| {
            let found = format!("\"pool\": {text:?} is not a range of IPv4 addresses");
            node.place.refuse(found, "write a range such as 192.0.2.10 - 192.0.2.20")
        })?;
        let entry = self.report.carried(&node.place, &format!("pool {text}"));
        let Permits { access, is_restricted } = around.clone().and(self.access(node));
        let mut scope = Scope::default();
        for member in members(node)? {
            match member.key.as_str() {
                "pool" | "client-class" | "client-classes" => {}
                "option-data" => {
                    let options = &mut scope.options;
                    let report = &mut self.report;
                    options::read(&member.node, &self.definitions, options, None, report)?;
                }
                // Those of DNS updates set nothing.
                key if keys::sets(key) && !key.starts_with("ddns-") => {
                    self.report.not_carried(&member.place, &statement(member), NOT_OF_POOLS);
                }
                key => self.key(key, member, &mut Scope::default()),
            }
        }
        Ok(Pool {
            place: node.place.clone(),
            entry,
            first,
            last,
            name: None,
            access,
            by_policy_only: is_restricted,
            preference: 1,
            boot: Boot::default(),
            options: scope.options,
        })
    }
}

/// The settings of a subnet, with Kea's defaults. A client of Kea has no say in its lease time
/// unless a minimum or a maximum is written.
fn effective(scope: Scope, everywhere: &Scope) -> Scope {
    let time = scope.lease_time.or(everywhere.lease_time).unwrap_or(LEASE_TIME_SECS);
    let min = scope.min_lease_time.or(everywhere.min_lease_time).unwrap_or(time);
    let max = scope.max_lease_time.or(everywhere.max_lease_time).unwrap_or(time);
    let quarantine = scope.quarantine.or(everywhere.quarantine);
    let quarantine = quarantine.filter(|secs| *secs != INFINITE_SECS);
    let mut scope = scope;
    timers::set(&mut scope, everywhere);
    Scope {
        lease_time: Some(time),
        min_lease_time: Some(min),
        max_lease_time: Some(max),
        quarantine,
        ..scope
    }
}

fn pool_range(text: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        return (first <= last).then_some((first, last));
    }
    let prefix: Ipv4Net = text.trim().parse().ok()?;
    Some((prefix.network(), prefix.broadcast()))
}

fn statement(member: &Member) -> String {
    format!("{:?}: {}", member.key, member.node.shown())
}

fn members(node: &Node) -> Result<&[Member], Refusal> {
    node.object()
        .ok_or_else(|| node.place.refuse("this is not an object", "write an object in braces"))
}

fn list(node: &Node) -> Result<&[Node], Refusal> {
    node.list().ok_or_else(|| node.place.refuse("this is not a list", "write a list in brackets"))
}
