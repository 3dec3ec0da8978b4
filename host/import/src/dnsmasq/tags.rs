//! Tags that dnsmasq sets by what a client sends, as conditions, and those that its hosts set, as
//! classes that reservations name.
//!
//! What is for tags of ranges is placed by the caller. Invariant: a tag has the conditions of all
//! lines that set it, or none.

mod testing;

use std::collections::{BTreeMap, BTreeSet};

use lessor_core::option::code;

use crate::{
    condition::{Comparison, Condition, Fact},
    option_value::Item,
    report::{EntryId, LineOutcome, Report},
};

use super::lines::Line;

const FOR_POLICIES: &str = "write a policy: see docs/policies.md";
const UNUSED: &str = "nothing is for clients with the tag";
const WITHOUT_HOSTS: &str =
    "by what clients send, whatever the tags of a dhcp-host without all of its tags are";

/// A tag.
#[derive(Clone, Debug, Default)]
struct Tag {
    conditions: Vec<Condition>,
    entries: Vec<EntryId>,
    /// A line that sets it is not carried, so it would be set for too few clients.
    is_incomplete: bool,
    is_used: bool,
}

/// The tags of a configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags {
    /// Those that are set by what a client sends, by their names.
    tests: BTreeMap<String, Tag>,
    /// The tags that each host sets, in the order of the hosts.
    hosts: Vec<(Vec<String>, EntryId)>,
    /// Those that hosts set.
    of_hosts: BTreeSet<String>,
    /// Those that ranges set.
    ranges: BTreeSet<String>,
}

/// The clients that have some tags.
pub(super) struct Clients {
    /// `None` if no message says so, because only hosts set one of the tags.
    pub(super) condition: Option<Condition>,
    /// The lines that set the tags by what clients send, or else that of the first host with all of
    /// them. There is at least one.
    pub(super) entries: Vec<EntryId>,
    /// Which clients are missing, or too many.
    pub(super) note: Option<&'static str>,
}

/// The clients that two classes have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Common {
    None,
    Some,
    /// Those of hosts that set a tag which one of the classes excludes: the reservation names the
    /// other class, which is the first of the two or the second, and no message says that the
    /// client is not in both.
    OfHosts {
        is_first: bool,
    },
}

/// Whether a line sets a tag by what a client sends.
pub(super) fn is_setting(line: &Line) -> bool {
    let keys = [
        "dhcp-vendorclass",
        "dhcp-userclass",
        "dhcp-mac",
        "dhcp-circuitid",
        "dhcp-remoteid",
        "dhcp-subscrid",
        "dhcp-match",
        "tag-if",
    ];
    keys.contains(&line.key.as_str())
}

impl Tags {
    /// Adds the tags that a host sets.
    pub(super) fn add_host(&mut self, sets: Vec<String>, entry: EntryId) {
        self.of_hosts.extend(sets.iter().cloned());
        self.hosts.push((sets, entry));
    }

    /// The tags that each host sets, in the order of the hosts.
    pub(super) fn sets_of_hosts(&self) -> impl Iterator<Item = &[String]> {
        self.hosts.iter().map(|(sets, _)| sets.as_slice())
    }

    /// Which clients of two classes with these tags are the same.
    pub(super) fn common(&self, these: &[String], those: &[String]) -> Common {
        let mut common = Common::Some;
        for (this, that) in these.iter().flat_map(|this| those.iter().map(move |that| (this, that)))
        {
            let found = match (this.strip_prefix('!'), that.strip_prefix('!')) {
                (Some(excluded), None) if excluded == that => Common::OfHosts { is_first: false },
                (None, Some(excluded)) if excluded == this => Common::OfHosts { is_first: true },
                (None, None) if self.differ(this, that) => Common::None,
                _ => continue,
            };
            let is_of_host = self.of_hosts.contains(this.trim_start_matches('!'));
            match found {
                Common::OfHosts { .. } if is_of_host => common = found,
                _ => return Common::None,
            }
        }
        common
    }

    /// Whether two tags depend on the same part of a message, which cannot be both.
    fn differ(&self, this: &str, that: &str) -> bool {
        let test = |name: &str| {
            let tag = self.tests.get(name).filter(|_| !self.of_hosts.contains(name))?;
            match tag.conditions.as_slice() {
                [Condition::Test(fact, comparison)] => Some((*fact, comparison)),
                _ => None,
            }
        };
        let (Some((fact, this)), Some((other, that))) = (test(this), test(that)) else {
            return false;
        };
        // Other options may be lists, and have several values.
        let is_single = !matches!(fact, Fact::Option(option) if option != code::VENDOR_CLASS);
        let are_both_possible = match (this, that) {
            (Comparison::Equals(this), Comparison::Equals(that)) => this == that,
            (Comparison::StartsWith(this), Comparison::StartsWith(that)) => {
                this.starts_with(that) || that.starts_with(this)
            }
            (Comparison::Equals(whole), Comparison::StartsWith(start))
            | (Comparison::StartsWith(start), Comparison::Equals(whole)) => {
                whole.starts_with(start)
            }
            (Comparison::Present, _) | (_, Comparison::Present) => true,
        };
        fact == other && is_single && !are_both_possible
    }

    /// Whether each of the hosts sets all of these tags, in the order of the hosts.
    pub(super) fn hosts_with<'t>(&'t self, names: &'t [String]) -> impl Iterator<Item = bool> + 't {
        self.hosts.iter().map(|(sets, _)| names.iter().all(|name| sets.contains(name)))
    }

    /// Reads the tags of a configuration that its hosts do not set, and which apply wherever they
    /// stand.
    pub(super) fn read(&mut self, lines: &[Line], report: &mut Report) {
        let tags = self;
        let ranges = lines.iter().filter(|line| line.key == "dhcp-range");
        for part in ranges.flat_map(Line::parts) {
            tags.ranges.extend(sets(&part).map(str::to_owned));
        }
        let lines = lines.iter().filter(|line| is_setting(line));
        let (combining, testing): (Vec<&Line>, Vec<&Line>) =
            lines.partition(|line| line.key == "tag-if");
        for line in testing.into_iter().chain(combining) {
            let items = line.items();
            let (sets, rest): (Vec<&Item>, Vec<&Item>) =
                items.iter().partition(|item| sets(&item.text).is_some());
            let read = match line.key.as_str() {
                "tag-if" => tags.combined(&rest),
                key => testing::condition(key, &rest),
            };
            let (entry, condition) = match read {
                Ok((condition, None)) => {
                    (report.carried(&line.place, &line.shown()), Some(condition))
                }
                Ok((condition, Some(how))) => {
                    (report.changed(&line.place, &line.shown(), how), Some(condition))
                }
                Err(why) => {
                    let why = format!("{why}; {FOR_POLICIES}");
                    (report.add(&line.place, &line.shown(), LineOutcome::NotCarried, why), None)
                }
            };
            for name in sets.iter().filter_map(|item| self::sets(&item.text)) {
                let tag = tags.tests.entry(name.to_owned()).or_default();
                tag.is_incomplete |= condition.is_none();
                tag.conditions.extend(condition.clone());
                tag.entries.push(entry);
            }
        }
    }

    /// The clients that have all of these tags, of which `!` negates one. `None` if neither a
    /// condition nor the reservations of hosts say that.
    pub(super) fn clients(&mut self, names: &[String]) -> Option<Clients> {
        if let Some((condition, entries)) = self.all_of(names) {
            let is_exact = self.hosts.iter().all(|(sets, _)| {
                let count = names.iter().filter(|name| sets.contains(name)).count();
                let is_excluded = names.iter().any(|name| {
                    name.strip_prefix('!').is_some_and(|tag| sets.iter().any(|set| set == tag))
                });
                !is_excluded && (count == 0 || count == names.len())
            });
            let note = (!is_exact).then_some(WITHOUT_HOSTS);
            return Some(Clients { condition: Some(condition), entries, note });
        }
        let are_set = names.iter().all(|name| {
            let is_incomplete = self.tests.get(name).is_some_and(|tag| tag.is_incomplete);
            // Clients of a range with one of several tags may have the others.
            !is_incomplete && (names.len() == 1 || !self.ranges.contains(name))
        });
        // A client whose host sets some of the tags could send what sets the others.
        let can_be_joined = self.hosts.iter().any(|(sets, _)| {
            let (own, missing): (Vec<_>, Vec<_>) =
                names.iter().partition(|name| sets.contains(name));
            !own.is_empty()
                && missing.iter().all(|name| self.tests.contains_key(*name))
                && !missing.is_empty()
        });
        let first = self.hosts_with(names).position(|has_all| has_all);
        let (_, entry) = self.hosts.get(first.filter(|_| are_set && !can_be_joined)?)?;
        Some(Clients { condition: None, entries: vec![*entry], note: None })
    }

    /// That a client has all of these tags, of which `!` negates one, by what it sends. `None` if
    /// one of them is not known here.
    fn all_of(&mut self, names: &[String]) -> Option<(Condition, Vec<EntryId>)> {
        let mut conditions = Vec::new();
        let mut entries = Vec::new();
        for name in names {
            conditions.push(self.condition(name)?);
            let tag = self.tests.get_mut(name.trim_start_matches('!'))?;
            tag.is_used = true;
            entries.extend(&tag.entries);
        }
        Some((Condition::all(conditions), entries))
    }

    /// Adds a tag for clients whose vendor class begins with this text, and returns its name, which
    /// no tag of a file has. Every vendor class begins with nothing.
    pub(super) fn of_vendor(&mut self, vendor: &str, entry: EntryId) -> String {
        let name = format!("vendor {vendor}");
        let tag = self.tests.entry(name.clone()).or_default();
        let starts = match vendor {
            "" => Comparison::Present,
            text => Comparison::StartsWith(text.as_bytes().to_vec()),
        };
        tag.conditions = vec![Condition::Test(Fact::Option(code::VENDOR_CLASS), starts)];
        tag.entries.push(entry);
        name
    }

    /// Reports the tags that nothing uses.
    pub(super) fn report_unused(&self, report: &mut Report) {
        for tag in self.tests.values().filter(|tag| !tag.is_used) {
            let entries = tag.entries.iter();
            entries.for_each(|entry| report.correct(*entry, LineOutcome::NotNeeded, UNUSED));
        }
    }

    fn condition(&self, name: &str) -> Option<Condition> {
        let tag = self.tests.get(name.trim_start_matches('!')).filter(|tag| !tag.is_incomplete)?;
        let condition = Condition::any(tag.conditions.clone());
        Some(if name.starts_with('!') { condition.not() } else { condition })
    }

    /// The condition of `tag-if`.
    fn combined(&mut self, parts: &[&Item]) -> Result<(Condition, Option<&'static str>), String> {
        let names = parts.iter().filter_map(|part| part.text.strip_prefix("tag:"));
        let names: Vec<String> = names.map(str::to_owned).collect();
        let found = self.all_of(&names).filter(|_| !names.is_empty());
        let found = found.filter(|_| names.len() == parts.len());
        let (condition, _) =
            found.ok_or_else(|| "not all of its tags are set by what a client sends".to_owned())?;
        let is_of_host = |name: &String| {
            let tag = name.trim_start_matches('!');
            self.hosts.iter().any(|(sets, _)| sets.iter().any(|set| set == tag))
        };
        Ok((condition, names.iter().any(is_of_host).then_some(WITHOUT_HOSTS)))
    }
}

/// The tag that a part of a line sets.
fn sets(part: &str) -> Option<&str> {
    part.strip_prefix("set:").or_else(|| part.strip_prefix("net:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    fn read_line(key: &str, value: &str) -> Result<Condition, String> {
        let place = Place::new(&"f".into(), 1);
        let line = Line { place, key: key.into(), value: format!("set:t,{value}") };
        let mut report = Report::default();
        let mut tags = Tags::default();
        tags.read(&[line], &mut report);
        let found = tags.all_of(&["t".to_owned()]).map(|(condition, _)| condition);
        found.ok_or_else(|| report.entries()[0].note.clone())
    }

    #[test]
    fn tags_are_conditions() {
        let starts = |octets: &[u8]| Comparison::StartsWith(octets.to_vec());
        let equals = |octets: &[u8]| Comparison::Equals(octets.to_vec());
        for (key, value, fact, comparison) in [
            ("dhcp-vendorclass", "Aastra", Fact::Option(60), starts(b"Aastra")),
            ("dhcp-userclass", "iPXE", Fact::Option(77), starts(b"iPXE")),
            ("dhcp-circuitid", "olt1/1", Fact::RelaySubOption(1), equals(b"olt1/1")),
            ("dhcp-remoteid", "00:01", Fact::RelaySubOption(2), equals(&[0, 1])),
            ("dhcp-subscrid", "gold", Fact::RelaySubOption(6), equals(b"gold")),
            ("dhcp-mac", "02:00:5f:*:*:*", Fact::HardwareAddress, starts(&[1, 2, 0, 0x5f])),
            ("dhcp-mac", "06-02:*:*:*:*:*", Fact::HardwareAddress, starts(&[6, 2])),
            ("dhcp-match", "option:client-arch,7", Fact::Option(93), equals(&[0, 7])),
            ("dhcp-match", "175", Fact::Option(175), Comparison::Present),
            ("dhcp-match", "option:client-arch,00:07", Fact::Option(93), starts(&[0, 7])),
            ("dhcp-match", "6,192.0.2.1", Fact::Option(6), equals(&[192, 0, 2, 1])),
            ("dhcp-match", "60,docsis", Fact::Option(60), starts(b"docsis")),
            (
                "dhcp-match",
                "60,PXEClient:Arch:00007",
                Fact::Option(60),
                starts(b"PXEClient:Arch:00007"),
            ),
            ("dhcp-match", "60,\"123\"", Fact::Option(60), starts(b"123")),
            ("dhcp-match", "60,123", Fact::Option(60), starts(&[123])),
            ("dhcp-match", "61,ff:aa", Fact::Option(61), starts(&[0xff, 0xaa])),
            ("dhcp-match", "61,01:02:*:*", Fact::Option(61), starts(&[1, 2])),
            ("dhcp-match", "option:hostname,a:b", Fact::Option(12), starts(b"a:b")),
        ] {
            let wanted = Ok(Condition::Test(fact, comparison));
            assert_eq!(read_line(key, value), wanted, "{key}={value}");
        }
        for (key, value) in [
            ("dhcp-vendorclass", "enterprise:4491,docsis"),
            ("dhcp-mac", "*:*:*:01:*:*"),
            ("dhcp-mac", "*:*:*:*:*:*"),
            ("dhcp-match", "vi-encap:4491,1"),
            ("dhcp-match", "option:zebra"),
            ("dhcp-match", "61,01:*:03"),
            ("dhcp-match", "61,*:*"),
            ("tag-if", "tag:unknown"),
        ] {
            assert!(read_line(key, value).is_err(), "{key}={value}");
        }
    }
}
