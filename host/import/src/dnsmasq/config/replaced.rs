//! Lines that others replace: of two for the same clients, dnsmasq uses the last, and an option for
//! all clients comes before what it would send by itself.
//!
//! Invariant: each line that is returned counts.

use std::collections::HashMap;

use lessor_core::option::code;

use crate::{
    dnsmasq::options::{Boot, Tagged},
    report::{EntryId, LineOutcome, REPLACED, Report},
};

use super::{Reading, WITHHELD};

const BY_OPTION: &str = "a dhcp-option for all clients replaces it";

impl Reading {
    /// The options that count. Those that are withheld from all clients are noted.
    pub(super) fn last_options(&mut self) -> Vec<(Tagged, EntryId)> {
        let options = std::mem::take(&mut self.options);
        let what = |tagged: &Tagged| {
            (sorted(&tagged.tags), tagged.vendor.clone(), tagged.within, tagged.code)
        };
        let mut options = last(options, what, &mut self.report);
        for (tagged, _) in options.iter().filter(|(tagged, _)| tagged.tags.is_empty()) {
            if tagged.within.is_none() && tagged.vendor.is_none() {
                self.remove_own(tagged.code);
            }
        }
        options.retain(|(tagged, entry)| {
            let is_for_none = tagged.is_withheld() && tagged.tags.is_empty();
            if is_for_none {
                self.withheld.insert(tagged.code);
                self.report.correct(*entry, LineOutcome::NotNeeded, WITHHELD);
            }
            !is_for_none
        });
        options
    }

    /// The boot lines that count.
    pub(super) fn last_boots(&mut self) -> Vec<(Boot, EntryId)> {
        let boots = std::mem::take(&mut self.boots);
        last(boots, |boot: &Boot| sorted(&boot.tags), &mut self.report)
    }

    /// Removes what dnsmasq would send by itself, which an option for all clients replaces.
    fn remove_own(&mut self, code: u8) {
        match code {
            code::DOMAIN_NAME => {
                self.site.everywhere.options.remove(&code);
                for entry in self.domains.drain(..) {
                    self.report.correct(entry, LineOutcome::NotNeeded, BY_OPTION);
                }
            }
            code::HOST_NAME => {
                for reservation in &mut self.site.reservations {
                    reservation.options.remove(&code);
                }
                return;
            }
            code::BROADCAST_ADDRESS => {}
            _ => return,
        }
        for subnet in &mut self.site.subnets {
            subnet.scope.options.remove(&code);
        }
    }
}

/// The last of all items that are about the same.
fn last<Item, What: Eq + std::hash::Hash>(
    items: Vec<(Item, EntryId)>,
    what: impl Fn(&Item) -> What,
    report: &mut Report,
) -> Vec<(Item, EntryId)> {
    let positions = items.iter().enumerate();
    let last: HashMap<What, usize> =
        positions.map(|(position, (item, _))| (what(item), position)).collect();
    let is_last = |(position, (item, _)): (usize, &(Item, EntryId))| {
        last.get(&what(item)).is_some_and(|last| *last == position)
    };
    let are_last: Vec<bool> = items.iter().enumerate().map(is_last).collect();
    let mut kept = Vec::with_capacity(last.len());
    for ((item, entry), is_last) in items.into_iter().zip(are_last) {
        match is_last {
            true => kept.push((item, entry)),
            false => report.correct(entry, LineOutcome::NotNeeded, REPLACED),
        }
    }
    kept
}

fn sorted(tags: &[String]) -> Vec<String> {
    let mut tags = tags.to_vec();
    tags.sort();
    tags.dedup();
    tags
}
