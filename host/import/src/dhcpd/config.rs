//! `dhcpd.conf` as a [`Site`].
//!
//! Invariant: each statement has one entry in the report. A block that is not carried has one entry
//! for all of it.

mod authority;
mod classes;
mod hosts;
mod lease_times;
mod settings;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::{
    Found,
    input::{Reader, Text},
    latest::Latest,
    model::{Bootp, Options, Scope, Site, Subnet, Unknown, inherit},
    place::Refusal,
    report::{EntryId, LineOutcome, Report, outcome},
};

use super::{
    definitions::{Definitions, SPACE, split},
    grammar::{Statement, Token},
    includes, options,
    pools::{self, Pooled},
    statements::{self, Fate},
    vendor_classes,
};

use hosts::Named;
use settings::{Own, Reach, is_of_pool};

const OF_POOL: &str = "a pool has options only; write it in its subnet";
const ALL_FOR_BOOTP: &str = "BOOTP clients get addresses of the other ranges of its subnet as well";
const NOT_FOR_BOOTP: &str =
    "BOOTP clients are not served: write bootp = \"dynamic\" in its subnet if they should be";
const OF_CLASS: &str = "classes are for policies: see docs/policies.md";

/// Reads a configuration.
pub(super) fn read(text: &Text, reader: &mut Reader) -> Result<Found, Refusal> {
    let mut report = Report::default();
    let statements = includes::statements(text, reader, &mut report)?;
    let mut reading = Reading { report, ..Reading::default() };
    let catalogue = &mut reading.site.catalogue;
    reading.definitions = Definitions::read(&statements, catalogue, &mut reading.report);
    let mut own = Own::default();
    let mut around = Around { is_all: true, ..Around::default() };
    reading.classes(&statements);
    reading.settings(&statements, &mut own, &mut around);
    reading.parts(&statements, &around)?;
    reading.name_hosts();
    let mut everywhere = own.scope;
    inherit(&mut everywhere.options, &reading.of_classes);
    reading.say_what_comes_first();
    reading.keep_authority(&everywhere);
    for subnet in &mut reading.site.subnets {
        lease_times::complete(&mut subnet.scope, &everywhere);
    }
    reading.limit_lease_times();
    reading.serve_bootp(&everywhere);
    everywhere.quarantine = None;
    // A client without a lease gets the free address that it asks to keep, in any case.
    everywhere.unknown_clients = Some(Unknown::Adopt);
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
    /// The settings of groups around it, which hosts have.
    group: Scope,
    /// What has the settings of the block.
    reach: Reach,
    /// Whether hosts get the names of their declarations.
    names_hosts: bool,
    /// What groups say about that within the subnet, or outside of all subnets.
    group_names_hosts: Option<bool>,
    /// Whether only clients with a host get addresses of pools.
    is_for_known: bool,
    /// The option space that option 43 contains.
    vendor_space: Option<String>,
    /// What the file says about `authoritative` before the block.
    is_authoritative: Option<bool>,
    /// The subnet that the block is in, as its position.
    subnet: Option<usize>,
}

/// What a subnet says that the model does not have.
#[derive(Default)]
struct OfSubnet {
    names_hosts: bool,
    is_for_known: bool,
    is_authoritative: Option<bool>,
    /// The entry of each range, and whether it is for BOOTP clients as well.
    ranges: Vec<(EntryId, bool)>,
}

#[derive(Default)]
struct Reading {
    site: Site,
    report: Report,
    definitions: Definitions,
    /// The options of classes of vendors.
    of_classes: Options,
    /// What is said about each subnet, in their order.
    of_subnets: Vec<OfSubnet>,
    /// The hosts of the reservations, in their order.
    hosts: Vec<Named>,
    /// The entries of `use-host-decl-names` in subnets and shared networks.
    names_of_subnets: Vec<EntryId>,
    /// The number of classes that are no branch of an `if`.
    classes_before_branches: usize,
}

impl Reading {
    /// Reads a block within another one: first its settings, which apply to all of it, then the
    /// blocks in it.
    fn nested(
        &mut self,
        block: &[Statement],
        own: &mut Own,
        mut around: Around,
    ) -> Result<(), Refusal> {
        around.is_all = false;
        around.reach = Reach::Subnets;
        around.group_names_hosts = None;
        self.settings(block, own, &mut around);
        around.scope = own.scope.clone().within(&around.scope);
        self.parts(block, &around)
    }

    /// Reads a group, whose settings its hosts have as well.
    fn group(
        &mut self,
        statement: &Statement,
        block: &[Statement],
        around: &Around,
    ) -> Result<(), Refusal> {
        self.report.carried(&statement.place, &statement.shown());
        let mut own = Own::default();
        let reach = Reach::of_group(block);
        let mut inner = Around { is_all: false, reach, ..around.clone() };
        inner.group_names_hosts = statements::names_hosts(block).or(inner.group_names_hosts);
        self.settings(block, &mut own, &mut inner);
        inner.group = own.scope.clone().within(&inner.group);
        inner.scope = own.scope.within(&inner.scope);
        self.parts(block, &inner)
    }

    fn parts(&mut self, block: &[Statement], around: &Around) -> Result<(), Refusal> {
        let mut around = around.clone();
        for statement in block {
            around.is_authoritative = authority::said(statement).or(around.is_authoritative);
            if statement.block.is_some() {
                self.part(statement, &around)?;
            }
        }
        Ok(())
    }

    /// Reads a statement with a block.
    fn part(&mut self, statement: &Statement, around: &Around) -> Result<(), Refusal> {
        let block = statement.block.as_deref().unwrap_or_default();
        match statement.word(0).unwrap_or_default() {
            "group" => self.group(statement, block, around),
            "shared-network" => {
                self.report.carried(&statement.place, &statement.shown());
                let name = statement.tokens.get(1).and_then(Token::text);
                let is_authoritative = authority::of_block(block).or(around.is_authoritative);
                let inner = Around { shared_network: name, is_authoritative, ..around.clone() };
                self.nested(block, &mut Own::default(), inner)
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
                    Some(Fate::NotNeeded(why)) => (LineOutcome::NotNeeded, why),
                    Some(Fate::NotCarried(why)) => (LineOutcome::NotCarried, why),
                    _ => (LineOutcome::NotCarried, "the statement is not known"),
                };
                self.whole(statement, outcome, why);
                Ok(())
            }
        }
    }

    /// Reports a statement with everything in it.
    fn whole(&mut self, statement: &Statement, outcome: LineOutcome, why: &str) {
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
        let is_for_known = statements::is_for_known(block).unwrap_or(around.is_for_known);
        let names_hosts = statements::names_hosts(block).unwrap_or(around.names_hosts);
        let is_authoritative = authority::of_block(block).or(around.is_authoritative);
        let ranges = Vec::new();
        self.of_subnets.push(OfSubnet { names_hosts, is_for_known, is_authoritative, ranges });
        for range in block.iter().filter(|inner| inner.word(0) == Some("range")) {
            self.range(range, &Pooled::default(), Some(position))?;
        }
        let mut own = Own::default();
        let inner = Around { subnet: Some(position), ..around.clone() };
        self.nested(block, &mut own, inner)?;
        if let Some(subnet) = self.site.subnets.get_mut(position) {
            subnet.scope = own.scope.within(&around.scope);
        }
        Ok(())
    }

    /// Reads a range of the subnet at a position, or otherwise of the one that has its addresses.
    fn range(
        &mut self,
        range: &Statement,
        about: &Pooled,
        position: Option<usize>,
    ) -> Result<(), Refusal> {
        let (first, _) = pools::addresses(range)?;
        let of_address = |subnet: &Subnet| subnet.prefix.contains(&first);
        let position = position.or_else(|| self.site.subnets.iter().position(of_address));
        let mut about = about.clone();
        let of_subnet = position.and_then(|position| self.of_subnets.get_mut(position));
        if of_subnet.as_ref().is_some_and(|of_subnet| of_subnet.is_for_known) {
            about.close();
        }
        let pool = pools::range(range, &about, &mut self.report)?;
        let subnet = position.and_then(|position| self.site.subnets.get_mut(position));
        let (Some(of_subnet), Some(subnet)) = (of_subnet, subnet) else {
            let why = "no subnet before it has its addresses";
            self.report.correct(pool.entry, LineOutcome::NotCarried, why);
            return Ok(());
        };
        let is_for_bootp = about.is_for_bootp || pools::is_for_bootp(range);
        of_subnet.ranges.push((pool.entry, is_for_bootp));
        subnet.pools.push(pool);
        Ok(())
    }

    /// Serves BOOTP clients from pools where dhcpd does: with `dynamic-bootp` and `allow bootp`.
    fn serve_bootp(&mut self, everywhere: &Scope) {
        for (subnet, about) in self.site.subnets.iter_mut().zip(&self.of_subnets) {
            if !about.ranges.iter().any(|(_, is_for_bootp)| *is_for_bootp) {
                continue;
            }
            let is_allowed = subnet.scope.bootp.or(everywhere.bootp).is_some();
            let are_all = about.ranges.iter().all(|(_, is_for_bootp)| *is_for_bootp);
            let how = match (is_allowed, are_all) {
                (true, true) => None,
                (true, false) => Some(ALL_FOR_BOOTP),
                (false, _) => Some(NOT_FOR_BOOTP),
            };
            if is_allowed {
                subnet.scope.bootp = Some(Bootp::Dynamic);
            }
            for (entry, _) in about.ranges.iter().filter(|(_, is_for_bootp)| *is_for_bootp) {
                how.iter().for_each(|how| self.report.correct(*entry, LineOutcome::Changed, how));
            }
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
        let mut own = Own::default();
        let mut about = Pooled::default();
        let permits: Vec<&Statement> =
            block.iter().filter(|inner| pools::is_permit(inner)).collect();
        about.permit(&permits, &mut self.report);
        let space = vendor_space(block).or(around.vendor_space.clone());
        for inner in block {
            match inner.word(0) {
                Some("range") => {}
                _ if pools::is_permit(inner) => {}
                _ if inner.block.is_some() => self.part(inner, around)?,
                _ => self.setting_among(inner, &mut own, space.as_deref(), is_of_pool, OF_POOL),
            }
        }
        about.options = own.scope.options;
        about.boot = own.scope.boot;
        let mut ranges = block.iter().filter(|inner| inner.word(0) == Some("range"));
        ranges.try_for_each(|range| self.range(range, &about, around.subnet))
    }

    fn is_of_vendor(&self, statement: &Statement) -> bool {
        let class = vendor_classes::read(statement);
        class.is_some_and(|class| self.definitions.is_of_class(&class.space))
    }

    /// Reads a class of the clients of a vendor.
    fn class_of_vendor(&mut self, statement: &Statement, block: &[Statement]) {
        self.report.carried(&statement.place, &statement.shown());
        let mut latest = Latest::default();
        for inner in block {
            let name = inner.word(1).unwrap_or_default();
            let (outcome, note) = match inner.word(0) {
                Some("match" | "vendor-option-space") => (LineOutcome::Carried, String::new()),
                Some("option") if split(name).0 == SPACE => {
                    (LineOutcome::NotCarried, OF_CLASS.to_owned())
                }
                Some("option") if self.definitions.is_set_outside(name) => {
                    let why = "it is set outside of the class as well, and the class comes first";
                    (LineOutcome::NotCarried, why.to_owned())
                }
                Some("option") => {
                    outcome(options::set(inner, &self.definitions, None, &mut self.of_classes))
                }
                _ => (LineOutcome::NotCarried, OF_CLASS.to_owned()),
            };
            let entry = self.report.add(&inner.place, &inner.shown(), outcome, note);
            latest.note(statements::subject(inner), entry, &mut self.report);
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
    let mut selects = block.iter().rev();
    let last = selects.find(|inner| inner.word(0) == Some("vendor-option-space"))?;
    last.word(1).map(str::to_owned)
}
