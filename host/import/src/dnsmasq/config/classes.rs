//! What is for clients with tags that dnsmasq sets by what they send, or for its hosts: classes.
//!
//! Invariant: a class is made only if something is for its clients.

use std::cmp::Reverse;

use crate::{
    boot,
    dnsmasq::{lines::Line, options, tags::Clients},
    model::{Class, Scope},
    report::{EntryId, LineOutcome},
};

use super::Reading;

/// What stands between the tags of a class.
const AND: &str = " and ";
const OWN_SERVER: &str =
    "dnsmasq sent its own address as boot server: write next-server if devices boot from it";

impl Reading {
    /// Puts classes of more tags first, because they are more specific.
    pub(super) fn order_classes(&mut self) {
        self.site.classes.sort_by_key(|class| Reverse(class.name.split(AND).count()));
    }

    pub(super) fn broadcast(&mut self, line: &Line) {
        let parts = line.parts();
        let tags = parts.iter().filter(|part| !part.is_empty());
        let tags: Option<Vec<String>> =
            tags.map(|part| part.strip_prefix("tag:").map(str::to_owned)).collect();
        let tags = tags.unwrap_or_else(|| parts.clone());
        let entry = self.report.carried(&line.place, &line.shown());
        let scope = match tags.is_empty() {
            true => Some(&mut self.site.everywhere),
            false => self.scope_of(&tags, entry),
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

    /// The settings of that class. If no reservation that is carried names it, the line is lost.
    pub(super) fn scope_of(&mut self, tags: &[String], entry: EntryId) -> Option<&mut Scope> {
        let class = self.class_of(tags, entry)?;
        if class.condition.is_none() {
            class.entries.push(entry);
        }
        Some(&mut class.scope)
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
    }

    /// Assigns boot files and servers.
    pub(super) fn place_boots(&mut self) {
        for (boot, entry) in self.last_boots() {
            if boot.server.is_none() {
                self.report.correct(entry, LineOutcome::Changed, OWN_SERVER);
            }
            let scope = match boot.tags.as_slice() {
                [] => Some(&mut self.site.everywhere),
                tags => self.scope_of(tags, entry),
            };
            let Some(scope) = scope else {
                let note =
                    "sent as options to clients that ask for them, not in the header's fields";
                self.report.correct(entry, LineOutcome::Changed, note);
                if boot.server.is_some() {
                    let note = "next-server is that of all clients";
                    self.report.correct(entry, LineOutcome::Changed, note);
                }
                let options = options::of_boot(&boot);
                self.options.extend(options.into_iter().map(|option| (option, entry)));
                continue;
            };
            scope.next_server = boot.server.or(scope.next_server);
            let fields = &mut scope.boot;
            let file = boot::set_boot_file(fields, &mut scope.options, boot.file.as_bytes());
            let name = boot.server_name.map_or(Ok(None), |name| {
                boot::set_server_name(fields, &mut scope.options, name.as_bytes())
            });
            for done in [file, name] {
                match done {
                    Ok(how) => how.into_iter().for_each(|how| {
                        self.report.correct(entry, LineOutcome::Changed, how);
                    }),
                    Err(why) => self.report.correct(entry, LineOutcome::NotCarried, why),
                }
            }
        }
    }
}
