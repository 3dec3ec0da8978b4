//! dnsmasq's configuration as a [`Site`].
//!
//! What is for a tag that a range sets goes to that pool or subnet; other tags become classes, to
//! which clients belong by what they send or by their reservations. Invariant: each line has one
//! entry in the report.

mod classes;
mod replaced;
mod unknown;

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use lessor_core::{AllocationOrder, Owners, ReservationOwner, option::code};

use crate::{
    Found,
    input::{Reader, Text},
    model::{Access, Boot, Options, Pool, Reservation, Scope, Site, Subnet},
    option_value,
    place::Refusal,
    report::{EntryId, LineOutcome, REPLACED, Report},
};

use super::{
    host::{self, Host},
    keys::{self, Fate},
    lines::{self, Line},
    names::Names,
    options::{self, Tagged},
    range::{self, Range},
    tags::{self, Tags},
};

const WILDCARD: &str = "the server does not look for interfaces by a pattern: name those that there are with --interface";
const FROM_NAMES: &str = "its address is that of its name in the hosts file";
const WITHHELD: &str = "nothing is sent unless it is configured";
const CONDITION: &str =
    "only a policy may assign clients to it now, because it was for some tags only";

/// Reads a configuration.
pub(super) fn read(text: &Text, reader: &mut Reader) -> Result<Found, Refusal> {
    let mut reading = Reading::default();
    let lines = lines::all(text, reader, 0, &mut reading.report)?;
    reading.names = Names::read(&lines, text, reader)?;
    // Tags apply wherever they stand.
    let (hosts, others): (Vec<&Line>, Vec<&Line>) =
        lines.iter().partition(|line| line.key == "dhcp-host");
    hosts.into_iter().for_each(|line| reading.host(line));
    reading.tags.read(&lines, &mut reading.report);
    let others = others.into_iter().filter(|line| !tags::is_setting(line));
    others.for_each(|line| reading.line(line));
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

/// A range, and the tags that its clients get.
struct TaggedRange {
    prefix: Ipv4Net,
    /// The position of its pool in the subnet; `None` if it has reserved addresses only.
    pool: Option<usize>,
    sets: Vec<String>,
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
    ranges: Vec<TaggedRange>,
    /// The name of each class with the tags of its clients.
    tags_of_classes: Vec<(String, Vec<String>)>,
    options: Vec<(Tagged, EntryId)>,
    boots: Vec<(options::Boot, EntryId)>,
    tags: Tags,
}

impl Reading {
    fn line(&mut self, line: &Line) {
        match line.key.as_str() {
            "dhcp-range" => self.range(line),
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
                let names = line.parts();
                let is_excluded = |name: &str| names.iter().any(|names| is_among(names, name));
                self.site.interfaces.retain(|name| !is_excluded(name));
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
            Some(Fate::Set(set)) => match set(&mut self.site.everywhere) {
                Ok(None) => (LineOutcome::Carried, String::new()),
                Ok(Some(how)) => (LineOutcome::Changed, how.to_owned()),
                Err(why) => (LineOutcome::NotCarried, why),
            },
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

    fn range(&mut self, line: &Line) {
        let range = match range::read(line) {
            Ok(range) => range,
            Err(why) => {
                self.report.not_carried(&line.place, &line.shown(), why);
                return;
            }
        };
        let entry = self.report.carried(&line.place, &line.shown());
        if !range.says_mask {
            let note = format!("the file does not say the mask; {} is assumed", range.prefix);
            self.report.correct(entry, LineOutcome::Changed, note);
        }
        let by_policy_only = !range.needs.is_empty();
        let class = self.class_of(&range.needs, entry).map(|class| class.name.clone());
        if by_policy_only && class.is_none() {
            self.report.correct(entry, LineOutcome::Changed, CONDITION);
        }
        let access = Access { allowed: class.into_iter().collect(), ..Access::default() };
        self.ensure_subnet(line, entry, &range);
        let Range { prefix, first, last, lease_time, sets, .. } = range;
        let subnets = self.site.subnets.iter_mut();
        let Some(subnet) = subnets.into_iter().find(|known| known.prefix == prefix) else { return };
        let time = *subnet.scope.lease_time.get_or_insert(lease_time);
        subnet.scope.max_lease_time = Some(time);
        subnet.scope.min_lease_time = Some(time.min(range::LEASE_TIME_MIN_SECS));
        if time != lease_time {
            let note = "the lease time is that of the subnet's first range";
            self.report.correct(entry, LineOutcome::Changed, note);
        }
        let pool = last.map(|last| {
            let place = line.place.clone();
            let options = Options::new();
            // dnsmasq uses a range when those before it are full.
            let before = subnet.pools.iter().filter(|pool| pool.by_policy_only == by_policy_only);
            let preference = u8::try_from(before.count() + 1).unwrap_or(u8::MAX);
            let pool = Pool {
                place,
                entry,
                first,
                last,
                name: None,
                access,
                by_policy_only,
                preference,
                boot: Boot::default(),
                options,
            };
            subnet.pools.push(pool);
            subnet.pools.len() - 1
        });
        self.ranges.push(TaggedRange { prefix, pool, sets });
    }

    /// Adds the subnet of a range, unless an earlier range has it.
    fn ensure_subnet(&mut self, line: &Line, entry: EntryId, range: &Range) {
        if self.site.subnets.iter().any(|known| known.prefix == range.prefix) {
            return;
        }
        let mut scope = Scope::default();
        if let Some(broadcast) = range.broadcast {
            scope.options.insert(code::BROADCAST_ADDRESS, broadcast.octets().to_vec().into());
        }
        self.site.subnets.push(Subnet {
            place: line.place.clone(),
            entry,
            prefix: range.prefix,
            shared_network: None,
            relay_addresses: Vec::new(),
            scope,
            pools: Vec::new(),
            reservations: Vec::new(),
        });
    }

    fn host(&mut self, line: &Line) {
        let refused = |report: &mut Report, why: &str| {
            report.not_carried(&line.place, &line.shown(), why.to_owned());
        };
        let host = match host::read(line) {
            Ok(host) => host,
            Err(why) => return refused(&mut self.report, &why),
        };
        if host.is_ignored {
            return refused(
                &mut self.report,
                "a client is ignored by a policy: see docs/policies.md",
            );
        }
        if host.owners.is_empty() {
            let why = "it names a device by its host name, which is not used";
            return refused(&mut self.report, why);
        }
        let entry = self.report.carried(&line.place, &line.shown());
        for note in changes(&host) {
            self.report.correct(entry, LineOutcome::Changed, note);
        }
        let address = host.address.or_else(|| self.address_of_name(&host, entry));
        let mut options = Options::new();
        if let Some(name) = &host.name {
            options.insert(code::HOST_NAME, name.as_bytes().to_vec().into());
        }
        let mut owners = host.owners;
        owners.truncate(Owners::MAX);
        self.site.reservations.push(Reservation {
            place: line.place.clone(),
            entry,
            name: host.name.unwrap_or_default(),
            owners,
            address,
            classes: Vec::new(),
            lease_time: host.lease_time,
            next_server: None,
            boot: Boot::default(),
            options,
        });
        self.tags.add_host(host.sets, entry);
    }

    /// The address that a hosts file has for a host.
    fn address_of_name(&mut self, host: &Host, entry: EntryId) -> Option<std::net::Ipv4Addr> {
        let address = self.names.address(host.name.as_deref()?);
        match address {
            Some(_) => self.report.correct(entry, LineOutcome::Changed, FROM_NAMES),
            None => {
                let doubt = self.names.doubt();
                doubt
                    .iter()
                    .for_each(|doubt| self.report.correct(entry, LineOutcome::Changed, doubt));
            }
        }
        address
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
                let why = "it is not for exactly one subnet of a dhcp-range before it";
                self.report.not_carried(&line.place, &line.shown(), why);
            }
        }
    }

    /// Assigns options to the subnets, pools and reservations whose tags they are for, and to
    /// classes.
    fn place_options(&mut self) {
        for (mut tagged, entry) in self.last_options() {
            if let Some(vendor) = &tagged.vendor {
                tagged.tags.push(self.tags.of_vendor(vendor, entry));
            }
            let placed = match tagged.tags.as_slice() {
                [] => tagged.set_in(&mut self.site.everywhere),
                tags => match self.scope_of(tags, entry) {
                    Some(scope) => tagged.set_in(scope),
                    None => self.place_for_range(&tagged, entry),
                },
            };
            if let Err(why) = placed {
                self.report.correct(entry, LineOutcome::NotCarried, why);
            }
        }
    }

    fn place_for_range(&mut self, tagged: &Tagged, entry: EntryId) -> Result<(), String> {
        let [tag] = tagged.tags.as_slice() else {
            return Err("a client needs several tags, which is for policies".to_owned());
        };
        self.place_for(tag, tagged)?;
        if tagged.is_forced {
            self.report.correct(entry, LineOutcome::Changed, options::ASKED_FOR);
        }
        Ok(())
    }

    fn place_for(&mut self, tag: &str, tagged: &Tagged) -> Result<(), String> {
        let mut is_placed = false;
        let has_tag = |range: &TaggedRange| range.sets.iter().any(|set| set == tag);
        for range in self.ranges.iter().filter(|range| has_tag(range)) {
            let mut of_subnet = self.ranges.iter().filter(|other| other.prefix == range.prefix);
            let is_for_all = of_subnet.all(has_tag);
            let subnets = self.site.subnets.iter_mut();
            let subnet = subnets.into_iter().find(|subnet| subnet.prefix == range.prefix);
            let Some(subnet) = subnet else { continue };
            let pool = range.pool.and_then(|position| subnet.pools.get_mut(position));
            match pool {
                Some(pool) if !is_for_all => tagged.set(&mut pool.options)?,
                _ if tagged.is_withheld() => subnet.scope.never_send.push(tagged.code),
                _ => tagged.set(&mut subnet.scope.options)?,
            }
            is_placed = true;
        }
        let has_tag = self.tags.hosts_with(&tagged.tags);
        for (reservation, has_tag) in self.site.reservations.iter_mut().zip(has_tag) {
            if has_tag {
                tagged.set(&mut reservation.options)?;
                is_placed = true;
            }
        }
        match is_placed {
            true => Ok(()),
            false => Err(format!(
                "no dhcp-range or dhcp-host sets the tag {tag:?}; other tags are for policies"
            )),
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

/// How a host is changed.
fn changes(host: &Host) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if host.owners.len() > Owners::MAX {
        notes.push("a reservation has at most 8 identifiers; the first ones are carried");
    }
    if host.owners.len() > 1 && host.address.is_some() {
        notes.push("a device has the address until its lease ends, before another one gets it");
    }
    if !host.needs.is_empty() {
        notes.push("it applies to all networks, whatever the tags");
    }
    let is_identifier = matches!(host.owners.first(), Some(ReservationOwner::ClientIdentifier(_)));
    if host.ignores_identifier && is_identifier {
        notes.push("its client identifier is not ignored");
    }
    notes
}
