//! The order of the classes.
//!
//! Of the lines about the same that are for a client, dnsmasq uses the last, and tags of what a
//! client sends come before those of its range. Here the first class in the file counts, and
//! classes come before pools and subnets. Invariant: where no order of the classes says the same, a
//! note does.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

use ipnet::Ipv4Net;
use lessor_config::CLASSES_MAX;
use lessor_core::option::code;

use crate::{
    dnsmasq::tags::Common,
    report::{EntryId, LineOutcome, Report},
};

use super::{
    Reading,
    classes::{AND, OUTSIDE},
};

const OWN_NAME: &str = "a client with the name of its dhcp-host gets that name instead";

/// What lines are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Boot,
    Option(u8),
    /// Sub-options of an option, which dnsmasq sends together, whatever the tags.
    SubOptions(u8),
    /// The addresses of a subnet. A client gets those of the first range that it may use.
    Pools(Ipv4Net),
}

/// The last line about something for a class.
#[derive(Clone, Debug)]
struct Use {
    class: String,
    entry: EntryId,
    has_sub_options: bool,
    /// Whether it is for the tag of a range.
    is_of_range: bool,
}

/// What the lines for classes are about.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    uses: BTreeMap<Subject, BTreeMap<String, Use>>,
    /// The lines for the tags of ranges.
    in_ranges: Vec<(Subject, EntryId)>,
}

impl Reading {
    /// Puts the classes into an order in which the lines that dnsmasq would use count. Where that
    /// leaves a choice, those of more tags come first.
    pub(super) fn order_classes(&mut self) {
        let classes = &mut self.site.classes;
        let is_of_range = |name: &str| name.ends_with(OUTSIDE);
        classes.sort_by_key(|class| {
            (is_of_range(&class.name), Reverse(class.name.split(AND).count()))
        });
        // So many are refused.
        if classes.len() > CLASSES_MAX {
            return;
        }
        let tags: HashMap<&str, &[String]> = self
            .tags_of_classes
            .iter()
            .map(|(name, tags)| (name.as_str(), tags.as_slice()))
            .collect();
        let common = |this: &str, that: &str| match (tags.get(this), tags.get(that)) {
            (Some(these), Some(those)) => self.tags.common(these, those),
            _ => Common::Some,
        };
        let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
        let positions: HashMap<String, usize> =
            self.order.arranged(&names, common).into_iter().zip(0..).collect();
        self.order.report(&positions, common, &mut self.report);
        classes.sort_by_key(|class| positions.get(&class.name).copied());
        self.complete_sub_options();
    }

    /// Says which options for host names give way to the names of hosts, because reservations come
    /// before classes and pools. What reservations get by their classes is not among them.
    pub(super) fn say_which_names_stay(&mut self) {
        let mut reservations = self.site.reservations.iter();
        if !reservations.any(|reservation| reservation.options.contains_key(&code::HOST_NAME)) {
            return;
        }
        let subject = Subject::Option(code::HOST_NAME);
        let of_classes = self.order.uses.get(&subject);
        let classes = self.site.classes.iter().filter(|class| class.condition.is_some());
        let lines = classes.filter_map(|class| of_classes?.get(&class.name)).map(|line| line.entry);
        let in_ranges = self.order.in_ranges.iter().filter(|(what, _)| *what == subject);
        for entry in lines.chain(in_ranges.map(|(_, entry)| *entry)) {
            self.report.correct(entry, LineOutcome::Changed, OWN_NAME);
        }
    }

    /// Adds the sub-options of all clients to those of classes, as dnsmasq sends both.
    fn complete_sub_options(&mut self) {
        let everywhere = &self.site.everywhere.options;
        for class in &mut self.site.classes {
            let options = class.scope.options.iter_mut();
            for (code, value) in options.filter(|(_, value)| value.octets().is_none()) {
                let Some(outer) = everywhere.get(code) else { continue };
                if value.inherit(outer) {
                    continue;
                }
                let of_class = self.order.uses.get(&Subject::Option(*code));
                if let Some(line) = of_class.and_then(|uses| uses.get(&class.name)) {
                    let note = format!("it replaces the value of option {code} for all clients");
                    self.report.correct(line.entry, LineOutcome::Changed, note);
                }
            }
        }
    }
}

impl Order {
    /// Notes that a line is for a class.
    pub(super) fn note(&mut self, subject: Subject, class: &str, entry: EntryId) {
        self.note_line(subject, class, entry, false);
    }

    /// Notes that a line is for a class of clients that get the tag of a range.
    pub(super) fn note_of_range(&mut self, subject: Subject, class: &str, entry: EntryId) {
        self.note_line(subject, class, entry, true);
    }

    /// Notes that a line is for the pools or subnets of ranges.
    pub(super) fn note_in_ranges(&mut self, subject: Subject, entry: EntryId) {
        self.in_ranges.push((subject, entry));
    }

    fn note_line(&mut self, subject: Subject, class: &str, entry: EntryId, is_of_range: bool) {
        let has_sub_options = matches!(subject, Subject::SubOptions(_));
        let class = class.to_owned();
        let line = Use { class: class.clone(), entry, has_sub_options, is_of_range };
        let of_subject = self.uses.entry(subject.whole()).or_default();
        let known = of_subject.entry(class).or_insert(line);
        known.entry = known.entry.max(entry);
        known.has_sub_options |= has_sub_options;
    }

    /// The names of classes in an order that lines need. Where lines need opposite orders, the
    /// class with the last line comes first.
    fn arranged(&self, names: &[&str], common: impl Fn(&str, &str) -> Common) -> Vec<String> {
        let mut before: HashMap<&str, HashSet<&str>> = HashMap::new();
        let mut last: HashMap<&str, EntryId> = HashMap::new();
        for line in self.uses.values().flat_map(BTreeMap::values) {
            let last = last.entry(&line.class).or_insert(line.entry);
            *last = (*last).max(line.entry);
        }
        self.each_pair(common, |first, second| {
            before.entry(&second.class).or_default().insert(&first.class);
        });
        let mut waiting = names.to_vec();
        let mut arranged = Vec::with_capacity(names.len());
        while !waiting.is_empty() {
            let is_free = |name: &&str| before.get(*name).is_none_or(HashSet::is_empty);
            let free = waiting.iter().position(is_free);
            let of_last_line = || {
                let lines = waiting.iter().enumerate();
                lines.max_by_key(|(_, name)| last.get(**name)).map(|(position, _)| position)
            };
            let next = waiting.remove(free.or_else(of_last_line).unwrap_or(0));
            before.values_mut().for_each(|names| {
                names.remove(next);
            });
            arranged.push(next.to_owned());
        }
        arranged
    }

    /// Reports the lines that give way to others that dnsmasq would not prefer.
    fn report(
        &self,
        positions: &HashMap<String, usize>,
        common: impl Fn(&str, &str) -> Common,
        report: &mut Report,
    ) {
        // One note about a line is enough.
        let mut noted: HashMap<EntryId, EntryId> = HashMap::new();
        self.each_pair(common, |first, second| {
            let position = |line: &Use| positions.get(&line.class);
            let is_in_order = position(first) < position(second);
            let are_sent_together = first.has_sub_options || second.has_sub_options;
            match (is_in_order, are_sent_together) {
                (true, false) => None,
                (true, true) => noted.insert(second.entry, first.entry),
                (false, _) => noted.insert(first.entry, second.entry),
            };
        });
        for (subject, entry) in &self.in_ranges {
            let Some(of_classes) = self.uses.get(&subject.whole()) else { continue };
            let of_classes = of_classes.values().filter(|line| !line.is_of_range);
            let has_sub_options = matches!(subject, Subject::SubOptions(_));
            let loses = |line: &&Use| match subject {
                Subject::Boot => line.entry < *entry,
                _ => has_sub_options || line.has_sub_options,
            };
            let first = of_classes.into_iter().find(loses);
            first.and_then(|line| noted.insert(*entry, line.entry));
        }
        for (entry, other) in noted {
            let Some(place) = report.place(other) else { continue };
            let note = format!(
                "clients that {} is for as well get only what that line says",
                place.short()
            );
            report.correct(entry, LineOutcome::Changed, note);
        }
    }

    /// Visits the lines about the same that are for the same clients: the one that dnsmasq would
    /// use, and the other one.
    fn each_pair<'o>(
        &'o self,
        common: impl Fn(&str, &str) -> Common,
        mut visit: impl FnMut(&'o Use, &'o Use),
    ) {
        for (subject, uses) in &self.uses {
            let mut uses: Vec<&Use> = uses.values().collect();
            match subject {
                Subject::Pools(_) => uses.sort_by_key(|line| line.entry),
                Subject::Boot => uses.sort_by_key(|line| Reverse(line.entry)),
                Subject::Option(_) | Subject::SubOptions(_) => {
                    uses.sort_by_key(|line| (line.is_of_range, Reverse(line.entry)));
                }
            }
            for (position, first) in uses.iter().enumerate() {
                for second in uses.iter().skip(position + 1) {
                    if first.entry == second.entry {
                        continue;
                    }
                    match common(&first.class, &second.class) {
                        Common::None => {}
                        Common::Some | Common::OfHosts { is_first: true } => visit(first, second),
                        Common::OfHosts { is_first: false } => visit(second, first),
                    }
                }
            }
        }
    }
}

impl Subject {
    /// The subject that contains it.
    const fn whole(self) -> Self {
        match self {
            Self::SubOptions(code) => Self::Option(code),
            whole => whole,
        }
    }
}
