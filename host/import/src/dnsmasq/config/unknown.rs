//! `dhcp-ignore=tag:!known`: only clients that a `dhcp-host` is for are served.
//!
//! Invariant: no pool is open to others then.

use crate::{
    dnsmasq::lines::Line,
    model::{Class, Scope},
    report::LineOutcome,
};

use super::{CONDITION, Reading};

/// The tag of clients that a `dhcp-host` is for, and the class of their reservations.
const KNOWN: &str = "known";

impl Reading {
    pub(super) fn ignore(&mut self, line: &Line) {
        match line.parts().as_slice() {
            [tag] if tag == "tag:!known" => {
                let entry = self.report.carried(&line.place, &line.shown());
                self.ignores_unknown = Some(entry);
            }
            _ => self.other(line, "dhcp-ignore"),
        }
    }

    /// Gives the pools to a class that all reservations name, if unknown clients are ignored.
    pub(super) fn close_to_unknown(&mut self) {
        let Some(entry) = self.ignores_unknown else { return };
        let Some(place) = self.report.place(entry) else { return };
        for pool in self.site.subnets.iter_mut().flat_map(|subnet| &mut subnet.pools) {
            // A class does not know which of its clients are known.
            if pool.by_policy_only {
                pool.access.allowed.clear();
                self.report.correct(pool.entry, LineOutcome::Changed, CONDITION);
                continue;
            }
            pool.by_policy_only = true;
            pool.access.allowed.push(KNOWN.to_owned());
        }
        for reservation in &mut self.site.reservations {
            reservation.classes.push(KNOWN.to_owned());
        }
        self.site.classes.push(Class {
            place,
            entries: vec![entry],
            name: KNOWN.to_owned(),
            condition: None,
            scope: Scope::default(),
            limit: None,
            pools: Vec::new(),
        });
    }
}
