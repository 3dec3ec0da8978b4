//! What is for clients with tags that dnsmasq sets by what they send, or for its hosts: classes.
//!
//! Invariant: a class is made only if something is for its clients.

use lessor_core::option::code;

use crate::{
    dnsmasq::{lines::Line, tags::Clients},
    model::{Class, Scope},
    report::{EntryId, LineOutcome},
};

use super::Reading;

/// What stands between the tags of a class.
pub(super) const AND: &str = " and ";
/// What follows the tag of a range in the name of a class of reservations outside of ranges.
pub(super) const OUTSIDE: &str = " outside of ranges";

impl Reading {
    pub(super) fn broadcast(&mut self, line: &Line) {
        let parts = line.parts();
        let tags = parts.iter().filter(|part| !part.is_empty());
        let tags: Option<Vec<String>> =
            tags.map(|part| part.strip_prefix("tag:").map(str::to_owned)).collect();
        let tags = tags.unwrap_or_else(|| parts.clone());
        let entry = self.report.carried(&line.place, &line.shown());
        let scope = match tags.is_empty() {
            true => Some(&mut self.site.everywhere),
            false => self.class_of_line(&tags, entry).map(|class| &mut class.scope),
        };
        match scope {
            Some(scope) => scope.always_broadcast = Some(true),
            None => {
                let why = "its tags are not set by what a client sends or by a dhcp-host";
                self.report.correct(entry, LineOutcome::NotCarried, why);
            }
        }
    }

    /// The class of the clients with all of these tags, which the line of `entry` is for; `None` if
    /// neither what they send nor their hosts say so.
    pub(super) fn class_of(&mut self, tags: &[String], entry: EntryId) -> Option<&mut Class> {
        let clients = self.tags.clients(tags).filter(|_| !tags.is_empty())?;
        if let Some(note) = clients.note {
            self.report.correct(entry, LineOutcome::Changed, note);
        }
        let names = tags.iter().map(|tag| match tag.strip_prefix('!') {
            Some(tag) => format!("not {tag}"),
            None => tag.clone(),
        });
        let name = names.collect::<Vec<String>>().join(AND);
        let classes = &mut self.site.classes;
        if !classes.iter().any(|class| class.name == name) {
            let place = self.report.place(*clients.entries.first()?)?;
            let (scope, limit, pools) = (Scope::default(), None, Vec::new());
            let Clients { condition, entries, .. } = clients;
            self.tags_of_classes.push((name.clone(), tags.to_vec()));
            let name = name.clone();
            classes.push(Class { place, entries, name, condition, scope, limit, pools });
        }
        classes.iter_mut().find(|class| class.name == name)
    }

    /// That class, for a setting of the line. If no reservation that is carried names it, the line
    /// is lost.
    pub(super) fn class_of_line(&mut self, tags: &[String], entry: EntryId) -> Option<&mut Class> {
        let is_of_range = matches!(tags, [tag] if self.ranges.iter().any(|of| of.has_tag(tag)));
        let class = self.class_of(tags, entry)?;
        if class.condition.is_none() && !is_of_range {
            class.entries.push(entry);
        }
        Some(class)
    }

    /// Names classes in the reservations of the hosts that set their tags.
    pub(super) fn name_classes(&mut self) {
        for (name, tags) in &self.tags_of_classes {
            let belong = self.tags.hosts_with(tags);
            let reservations = self.site.reservations.iter_mut().zip(belong);
            for (reservation, _) in reservations.filter(|(_, belongs)| *belongs) {
                reservation.classes.push(name.clone());
            }
        }
        let outsiders = std::mem::take(&mut self.ranges_of_outsiders);
        let of_outsiders: Vec<String> =
            self.site.classes.iter().map(|class| class.name.clone()).collect();
        for name in of_outsiders {
            let Some(tag) = name.strip_suffix(OUTSIDE) else { continue };
            let belong: Vec<bool> =
                outsiders.iter().map(|at| self.is_tag_of_outsiders(*at, tag)).collect();
            let reservations = self.site.reservations.iter_mut().zip(belong);
            for (reservation, _) in reservations.filter(|(_, belongs)| *belongs) {
                reservation.classes.push(name.clone());
            }
        }
        self.drop_own_names();
    }

    /// Removes the names of hosts from reservations whose classes set option 12, which dnsmasq
    /// prefers.
    fn drop_own_names(&mut self) {
        let classes = &self.site.classes;
        let naming = classes.iter().filter(|class| {
            let scope = &class.scope;
            let never_send = &scope.never_send;
            scope.options.contains_key(&code::HOST_NAME) || never_send.contains(&code::HOST_NAME)
        });
        let naming: Vec<&String> = naming.map(|class| &class.name).collect();
        for reservation in &mut self.site.reservations {
            if naming.iter().any(|name| reservation.classes.contains(name)) {
                reservation.options.remove(&code::HOST_NAME);
            }
        }
        self.say_which_names_stay();
    }
}
