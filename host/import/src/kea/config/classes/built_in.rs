//! Kea's own classes: those to which it adds clients itself, and those that make it do something.
//!
//! Invariant: none of them becomes a class that only has its name.

use crate::{
    kea::{config::Reading, json::Node},
    model::{Class, Scope},
    report::LineOutcome,
};

/// Every client belongs to it.
pub(super) const ALL: &str = "ALL";
/// Clients that have a reservation.
pub(super) const KNOWN: &str = "KNOWN";
/// Clients that have none.
pub(super) const UNKNOWN: &str = "UNKNOWN";
/// Clients that get no answer.
pub(in super::super) const DROP: &str = "DROP";
/// Clients whose names are not updated in DNS.
pub(in super::super) const SKIP_DDNS: &str = "SKIP_DDNS";

/// Why a class or a reservation is not carried that makes Kea silent.
pub(in super::super) const DROPPED: &str = "Kea drops these clients, and here they are served: write a policy that ignores them (see \
     docs/policies.md)";
const FOR_ALL: &str = "all clients belong to it: write its settings below [server]";
const FOR_UNKNOWN: &str = "a [[class]] cannot have the clients without a reservation; what all clients get belongs below \
     [server], and [[class]] or [[reservation]] say what others get";
const NO_DDNS: &str = "the server does not update DNS";
const HIGH_AVAILABILITY: &str = "Kea's high availability has no counterpart: remove by-policy-only, so that the pool is for all \
     clients";
const ALL_HAVE_ADDRESSES: &str =
    "a client with a reservation gets an address of it only if it cannot have its own";

/// What becomes of a class of Kea's own; `None` if it is read like others.
pub(super) fn fate(class: &Node) -> Option<(LineOutcome, &'static str)> {
    let sets_nothing = || {
        let members = class.object().unwrap_or_default();
        let plain = ["name", "test", "user-context", "comment"];
        members.iter().all(|member| plain.contains(&member.key.as_str()))
    };
    match class.get("name").and_then(Node::text)? {
        DROP => Some((LineOutcome::NotCarried, DROPPED)),
        ALL => Some((LineOutcome::NotCarried, FOR_ALL)),
        UNKNOWN => Some((LineOutcome::NotCarried, FOR_UNKNOWN)),
        SKIP_DDNS if sets_nothing() => Some((LineOutcome::NotNeeded, NO_DDNS)),
        _ => None,
    }
}

/// Why no client belongs to a class here, so that what is for it is for nobody.
pub(super) fn why_of_nobody(name: &str) -> Option<&'static str> {
    name.starts_with("HA_").then_some(HIGH_AVAILABILITY)
}

impl Reading {
    /// Puts the clients of all reservations into the class of known clients, if something is for
    /// them, or for the others.
    pub(in super::super) fn name_known(&mut self) {
        if !self.is_about_known {
            return;
        }
        self.open_to_unknown();
        let known = || KNOWN.to_owned();
        let of_pools = self.site.subnets.iter().flat_map(|subnet| &subnet.pools);
        let mut of_pools = of_pools.filter(|pool| {
            pool.access.allowed.iter().chain(&pool.access.denied).any(|class| class == KNOWN)
        });
        if !self.has_class(KNOWN) {
            let Some(pool) = of_pools.next() else { return };
            let (place, entries) = (pool.place.clone(), pool.access.entries.clone());
            let (name, condition, scope) = (known(), None, Scope::default());
            let (limit, pools) = (None, Vec::new());
            self.site.classes.push(Class { place, entries, name, condition, scope, limit, pools });
        }
        self.site.all_reservations_mut().for_each(|found| found.classes.push(known()));
    }

    /// Opens pools for unknown clients to all if known clients need none: all reservations of their
    /// subnets have addresses.
    fn open_to_unknown(&mut self) {
        let have_addresses =
            self.site.reservations.iter().all(|reservation| reservation.address.is_some());
        for subnet in &mut self.site.subnets {
            let mut own = subnet.reservations.iter();
            if !have_addresses || !own.all(|reservation| reservation.address.is_some()) {
                continue;
            }
            for pool in &mut subnet.pools {
                let is_for_unknown = pool.access.denied.iter().any(|class| class == KNOWN);
                if is_for_unknown && !pool.by_policy_only {
                    pool.access.denied.retain(|class| class != KNOWN);
                    for entry in &pool.access.entries {
                        self.report.correct(*entry, LineOutcome::Changed, ALL_HAVE_ADDRESSES);
                    }
                }
            }
        }
    }
}
