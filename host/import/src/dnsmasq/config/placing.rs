//! Options and what clients boot, in the scopes of the tags that they are for.
//!
//! Invariant: what is placed is for exactly the clients with the tags, or a note says for which
//! else.

use std::net::Ipv4Addr;

use lessor_core::option::code;

use crate::{
    boot,
    dnsmasq::options::{self, Tagged},
    model::{Class, Options, Pool, Scope},
    option_value,
    report::{EntryId, LineOutcome},
};

use super::{Reading, classes::OUTSIDE, order::Subject};

const OWN_SERVER: &str =
    "dnsmasq sent its own address as boot server: write next-server if devices boot from it";
const SERVER_OF_ALL: &str = "next-server is that of all clients";
const SEVERAL_TAGS: &str = "a client needs several tags, which is for policies";
const NOBODY: &str = "no dhcp-host has an address that its range is for";
const ECHO: &str = "vendor-class-identifier has this text; dnsmasq repeats that of the client";
const NO_ECHO: &str =
    "without vendor-class-identifier, in which dnsmasq repeats that of the client";

/// Where something is placed.
pub(super) enum Target<'s> {
    Scope(&'s mut Scope),
    Pool(&'s mut Pool),
}

/// The notes about something that was placed, or why it was not.
type Placed = Result<Vec<&'static str>, String>;

impl Reading {
    /// Assigns options to the subnets, pools and classes whose tags they are for.
    pub(super) fn place_options(&mut self) {
        let options = self.last_options();
        let says_vendor_class = options
            .iter()
            .any(|(tagged, _)| tagged.within.is_none() && tagged.code == code::VENDOR_CLASS);
        for (mut tagged, entry) in options {
            if let Some(vendor) = &tagged.vendor {
                tagged.tags.push(self.tags.of_vendor(vendor, entry));
            }
            let subject = match tagged.within {
                None => Subject::Option(tagged.code),
                Some(within) => Subject::SubOptions(within.option()),
            };
            let placed = self.place(&tagged.tags, entry, subject, &mut |target| match target {
                Target::Scope(scope) => set_option(&tagged, scope, says_vendor_class),
                Target::Pool(pool) => {
                    tagged.set(&mut pool.options)?;
                    Ok(tagged.is_forced.then_some(options::ASKED_FOR).into_iter().collect())
                }
            });
            if let Err(why) = placed {
                self.report.correct(entry, LineOutcome::NotCarried, why);
            }
        }
    }

    /// Assigns boot files and servers.
    pub(super) fn place_boots(&mut self) {
        for (boot, entry) in self.last_boots() {
            if boot.server.is_none() {
                self.report.correct(entry, LineOutcome::Changed, OWN_SERVER);
            }
            let placed = self.place(&boot.tags, entry, Subject::Boot, &mut |target| match target {
                Target::Scope(scope) => {
                    scope.next_server = boot.server.or(scope.next_server);
                    set_boot(&boot, &mut scope.boot, &mut scope.options)
                }
                Target::Pool(pool) => {
                    let mut notes = set_boot(&boot, &mut pool.boot, &mut pool.options)?;
                    notes.extend(boot.server.map(|_: Ipv4Addr| SERVER_OF_ALL));
                    Ok(notes)
                }
            });
            if let Err(why) = placed {
                self.report.correct(entry, LineOutcome::NotCarried, why);
            }
        }
    }

    /// Sets something for the clients with all of these tags.
    fn place(
        &mut self,
        tags: &[String],
        entry: EntryId,
        subject: Subject,
        set: &mut dyn FnMut(Target) -> Placed,
    ) -> Result<(), String> {
        if tags.is_empty() {
            let notes = set(Target::Scope(&mut self.site.everywhere))?;
            self.change(entry, notes);
            return Ok(());
        }
        let mut is_placed = false;
        if let Some(class) = self.class_of_line(tags, entry) {
            let name = class.name.clone();
            let notes = set(Target::Scope(&mut class.scope))?;
            self.change(entry, notes);
            self.order.note(subject, &name, entry);
            is_placed = true;
        }
        match tags {
            [tag] => is_placed |= self.place_in_ranges(tag, entry, subject, set)?,
            _ if !is_placed => return Err(SEVERAL_TAGS.to_owned()),
            _ => {}
        }
        match is_placed {
            true => Ok(()),
            false => Err(format!(
                "no dhcp-range or dhcp-host sets the tag {:?}; other tags are for policies",
                tags.first().map_or("", String::as_str)
            )),
        }
    }

    /// Sets something for the clients of the ranges with a tag, and returns whether there are such
    /// ranges. It is set in their subnet if all of its ranges have the tag, otherwise in their
    /// pools, and in a class of the reservations outside of all pools that get the tag as well.
    fn place_in_ranges(
        &mut self,
        tag: &str,
        entry: EntryId,
        subject: Subject,
        set: &mut dyn FnMut(Target) -> Placed,
    ) -> Result<bool, String> {
        let mut notes = Vec::new();
        let mut is_in_ranges = false;
        let ranges = || self.ranges.iter().filter(|range| range.has_tag(tag));
        for range in ranges() {
            let mut of_subnet = self.ranges.iter().filter(|other| other.prefix == range.prefix);
            let is_for_all = of_subnet.all(|other| other.has_tag(tag));
            let subnets = self.site.subnets.iter_mut();
            let subnet = subnets.into_iter().find(|subnet| subnet.prefix == range.prefix);
            let Some(subnet) = subnet else { continue };
            let pool = range.pool.and_then(|position| subnet.pools.get_mut(position));
            let target = match pool {
                _ if is_for_all => Target::Scope(&mut subnet.scope),
                Some(pool) => Target::Pool(pool),
                None => continue,
            };
            notes.extend(set(target)?);
            is_in_ranges = true;
        }
        let is_set = ranges().next().is_some();
        if let Some(class) = self.class_of_outsiders(tag) {
            let name = class.name.clone();
            notes.extend(set(Target::Scope(&mut class.scope))?);
            self.order.note_of_range(subject, &name, entry);
        } else if is_set && !is_in_ranges {
            self.report.correct(entry, LineOutcome::NotNeeded, NOBODY);
        }
        if is_set {
            self.order.note_in_ranges(subject, entry);
        }
        self.change(entry, notes);
        Ok(is_set)
    }

    /// The class of the reservations that get a tag of a range although their addresses are in
    /// none, and in whose subnets other ranges do not have the tag.
    fn class_of_outsiders(&mut self, tag: &str) -> Option<&mut Class> {
        let gets = |at: &Option<usize>| self.is_tag_of_outsiders(*at, tag);
        let first = self.ranges_of_outsiders.iter().position(gets)?;
        let name = format!("{tag}{OUTSIDE}");
        if !self.site.classes.iter().any(|class| class.name == name) {
            let reservation = self.site.reservations.get(first)?;
            let (place, entries) = (reservation.place.clone(), vec![reservation.entry]);
            let (scope, limit, pools) = (Scope::default(), None, Vec::new());
            let (name, condition) = (name.clone(), None);
            let class = Class { place, entries, name, condition, scope, limit, pools };
            self.site.classes.push(class);
        }
        self.site.classes.iter_mut().find(|class| class.name == name)
    }

    /// Whether a reservation outside of all ranges gets a tag of the range at this position, and
    /// the tag is not one of all its subnet.
    pub(super) fn is_tag_of_outsiders(&self, range: Option<usize>, tag: &str) -> bool {
        let range = range.and_then(|position| self.ranges.get(position));
        range.filter(|range| range.has_tag(tag)).is_some_and(|range| {
            let mut of_subnet = self.ranges.iter().filter(|other| other.prefix == range.prefix);
            !of_subnet.all(|other| other.has_tag(tag))
        })
    }

    fn change(&mut self, entry: EntryId, notes: Vec<&'static str>) {
        notes.iter().for_each(|note| self.report.correct(entry, LineOutcome::Changed, note));
    }
}

fn set_option(tagged: &Tagged, scope: &mut Scope, says_vendor_class: bool) -> Placed {
    tagged.set_in(scope)?;
    // With the options of a vendor, dnsmasq sends the vendor class back.
    Ok(match &tagged.vendor {
        Some(vendor) if !says_vendor_class && !vendor.is_empty() => {
            let octets = vendor.as_bytes().to_vec();
            option_value::set(&mut scope.options, code::VENDOR_CLASS, octets)?;
            vec![ECHO]
        }
        Some(_) => vec![NO_ECHO],
        None => Vec::new(),
    })
}

fn set_boot(
    boot: &options::Boot,
    fields: &mut crate::model::Boot,
    options: &mut Options,
) -> Placed {
    let file = boot::set_boot_file(fields, options, boot.file.as_bytes())?;
    let name = match &boot.server_name {
        Some(name) => boot::set_server_name(fields, options, name.as_bytes())?,
        None => None,
    };
    Ok(file.into_iter().chain(name).collect())
}
