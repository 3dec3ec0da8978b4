//! dnsmasq's configuration as a [`Site`].
//!
//! What is for a tag that a range sets goes to that pool or subnet; other tags become classes, to
//! which clients belong by what they send or by their reservations. Invariant: each line has one
//! entry in the report.

mod classes;
mod hosts;
mod order;
mod placing;
mod ranges;
mod replaced;
mod unknown;

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use lessor_core::{AllocationOrder, option::code};

use crate::{
    Found,
    input::{Reader, Text},
    model::{Pool, Site},
    option_value,
    place::Refusal,
    report::{EntryId, LineOutcome, REPLACED, Report, outcome},
};

use super::{
    keys::{self, Fate},
    lines::{self, Line},
    names::Names,
    options::{self, Tagged},
    range,
    tags::{self, Tags},
};

use self::{order::Order, ranges::TaggedRange};

const WILDCARD: &str = "the server does not look for interfaces by a pattern: name those that there are with --interface";
const WITHHELD: &str = "nothing is sent unless it is configured";
const CONDITION: &str =
    "only a policy may assign clients to it now, because it was for some tags only";

/// Reads a configuration.
pub(super) fn read(text: &Text, reader: &mut Reader) -> Result<Found, Refusal> {
    let mut reading = Reading::default();
    let lines = lines::all(text, reader, &mut reading.report)?;
    reading.names = Names::read(&lines, text, reader)?;
    // Ranges and tags apply wherever they stand.
    let ranges = range::all(&lines);
    let subnets: BTreeSet<Ipv4Net> =
        ranges.iter().filter_map(|(_, range)| range.as_ref().ok()).map(|of| of.prefix).collect();
    let hosts = lines.iter().filter(|line| line.key == "dhcp-host");
    reading.hosts(hosts, &subnets.into_iter().collect::<Vec<Ipv4Net>>());
    reading.tags.read(&lines, &mut reading.report);
    ranges.into_iter().for_each(|(line, range)| reading.range(line, range));
    reading.find_ranges_of_outsiders();
    let is_read = |line: &&Line| {
        tags::is_setting(line) || matches!(line.key.as_str(), "dhcp-host" | "dhcp-range")
    };
    lines.iter().filter(|line| !is_read(line)).for_each(|line| reading.line(line));
    reading.exclude_interfaces();
    reading.place_boots();
    reading.place_options();
    reading.name_classes();
    reading.tags.report_unused(&mut reading.report);
    reading.order_classes();
    reading.close_to_unknown();
    reading.say_what_is_implied();
    reading.allocate_as_implied();
    Ok(Found { site: reading.site, report: reading.report })
}

#[derive(Default)]
struct Reading {
    site: Site,
    report: Report,
    names: Names,
    /// Options that dnsmasq does not send although it would choose a value for them.
    withheld: BTreeSet<u8>,
    /// The line that ignores clients without a `dhcp-host`.
    ignores_unknown: Option<EntryId>,
    /// The line that says the domain of all clients.
    domain_of_all: Option<EntryId>,
    /// All lines that say domains.
    domains: Vec<EntryId>,
    /// The interfaces that are not served, whatever other lines say.
    excluded: Vec<String>,
    ranges: Vec<TaggedRange>,
    /// The position of the range whose tags a reservation gets that is in none.
    ranges_of_outsiders: Vec<Option<usize>>,
    /// The name of each class with the tags of its clients.
    tags_of_classes: Vec<(String, Vec<String>)>,
    order: Order,
    options: Vec<(Tagged, EntryId)>,
    boots: Vec<(options::Boot, EntryId)>,
    tags: Tags,
}

impl Reading {
    fn line(&mut self, line: &Line) {
        match line.key.as_str() {
            "dhcp-option" | "dhcp-option-force" => self.option(line),
            "dhcp-boot" => self.boot(line),
            "dhcp-broadcast" => self.broadcast(line),
            "domain" => self.domain(line),
            "dhcp-ignore" => self.ignore(line),
            "interface" => {
                let (patterns, names): (Vec<String>, Vec<String>) =
                    line.parts().into_iter().partition(|name| name.contains('*'));
                self.site.interfaces.extend(names.into_iter().filter(|name| name != "lo"));
                let entry = self.report.carried(&line.place, &line.shown());
                if !patterns.is_empty() {
                    self.report.correct(entry, LineOutcome::NotCarried, WILDCARD);
                }
            }
            "listen-address" => self.listen(line),
            "except-interface" | "no-dhcp-interface" | "no-dhcpv4-interface" => {
                self.excluded.extend(line.parts());
                let why = "only the interfaces that are named are served";
                self.report.not_needed(&line.place, &line.shown(), why);
            }
            _ if self.names.has_read(line) => {
                self.report.carried(&line.place, &line.shown());
            }
            key => self.other(line, key),
        }
    }

    fn other(&mut self, line: &Line, key: &str) {
        let (outcome, note) = match keys::fate(key) {
            Some(Fate::Set(set)) => outcome(set(&mut self.site.everywhere)),
            Some(Fate::NotNeeded(why)) => (LineOutcome::NotNeeded, why.to_owned()),
            Some(Fate::NotCarried(why)) => (LineOutcome::NotCarried, why.to_owned()),
            None => (LineOutcome::NotCarried, "the key is not known".to_owned()),
        };
        self.report.add(&line.place, &line.shown(), outcome, note);
    }

    fn listen(&mut self, line: &Line) {
        let parts = line.parts();
        let addresses: Vec<std::net::Ipv4Addr> =
            parts.iter().filter_map(|part| part.parse().ok()).collect();
        let served = addresses.iter().filter(|address| !address.is_loopback());
        self.site.listen.extend(served);
        match addresses.len() == parts.len() {
            true => {
                self.report.carried(&line.place, &line.shown());
            }
            false => {
                self.report.changed(&line.place, &line.shown(), "without what is not IPv4");
            }
        }
    }

    /// Removes the interfaces that a line excludes, which other lines do not undo.
    fn exclude_interfaces(&mut self) {
        let is_excluded = |name: &str| self.excluded.iter().any(|names| is_among(names, name));
        self.site.interfaces.retain(|name| !is_excluded(name));
    }

    fn option(&mut self, line: &Line) {
        match options::read(line) {
            Ok(tagged) => {
                let entry = self.report.carried(&line.place, &line.shown());
                for note in tagged.changes() {
                    self.report.correct(entry, LineOutcome::Changed, note);
                }
                self.options.push((tagged, entry));
            }
            Err(why) => self.report.not_carried(&line.place, &line.shown(), why),
        }
    }

    fn boot(&mut self, line: &Line) {
        match options::read_boot(line) {
            Ok(boot) => {
                let entry = self.report.carried(&line.place, &line.shown());
                self.boots.push((boot, entry));
            }
            Err(why) => self.report.not_carried(&line.place, &line.shown(), why),
        }
    }

    /// `domain=NAME` sets an option for all clients, `domain=NAME,PREFIX` for those of a subnet.
    fn domain(&mut self, line: &Line) {
        let parts = line.parts();
        let mut parts = parts.iter().map(String::as_str);
        let name = parts.next().unwrap_or_default().trim_start_matches('#');
        let place = parts.next();
        let value = name.as_bytes().to_vec();
        let Some(place) = place else {
            let set =
                option_value::set(&mut self.site.everywhere.options, code::DOMAIN_NAME, value);
            match set {
                Ok(()) => {
                    let entry = self.report.carried(&line.place, &line.shown());
                    self.domains.push(entry);
                    if let Some(earlier) = self.domain_of_all.replace(entry) {
                        self.report.correct(earlier, LineOutcome::NotNeeded, REPLACED);
                    }
                }
                Err(why) => self.report.not_carried(&line.place, &line.shown(), why),
            }
            return;
        };
        let prefix = place.parse::<Ipv4Net>().ok().map(|prefix| prefix.trunc());
        let subnets = self.site.subnets.iter_mut();
        match subnets.into_iter().find(|subnet| Some(subnet.prefix) == prefix) {
            Some(subnet) => {
                subnet.scope.options.insert(code::DOMAIN_NAME, value.into());
                self.domains.push(self.report.carried(&line.place, &line.shown()));
            }
            None => {
                let why = "it is not for exactly one subnet of a dhcp-range";
                self.report.not_carried(&line.place, &line.shown(), why);
            }
        }
    }

    /// dnsmasq sends its own address as router and as DNS server if nothing else is configured.
    /// dnsmasq finds an address by the hash of the client's hardware address unless it has to go in
    /// order, and spares the addresses of class C that end in .0 or .255.
    fn allocate_as_implied(&mut self) {
        let order = &mut self.site.everywhere.order;
        order.get_or_insert(AllocationOrder::Random);
        for subnet in &mut self.site.subnets {
            let is_class_c = (192..224).contains(&subnet.prefix.network().octets()[0]);
            if is_class_c && subnet.prefix.prefix_len() < 24 {
                subnet.scope.excludes_first_last_24 = Some(true);
            }
        }
    }

    fn say_what_is_implied(&mut self) {
        let everywhere = &self.site.everywhere.options;
        for subnet in &self.site.subnets {
            let open: Vec<&Pool> =
                subnet.pools.iter().filter(|pool| !pool.by_policy_only).collect();
            let has = |code| {
                let have_all =
                    !open.is_empty() && open.iter().all(|pool| pool.options.contains_key(&code));
                have_all
                    || self.withheld.contains(&code)
                    || subnet.scope.never_send.contains(&code)
                    || everywhere.contains_key(&code)
                    || subnet.scope.options.contains_key(&code)
            };
            let implied = [
                (code::ROUTERS, "dnsmasq sent its own address as router: write the option routers"),
                (
                    code::DOMAIN_NAME_SERVERS,
                    "dnsmasq sent its own address as DNS server: write the option if it still is one",
                ),
            ];
            for (_, note) in implied.into_iter().filter(|(code, _)| !has(*code)) {
                self.report.correct(subnet.entry, LineOutcome::Changed, note);
            }
        }
    }
}

/// Whether a name is this one, or begins like this pattern.
fn is_among(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}
