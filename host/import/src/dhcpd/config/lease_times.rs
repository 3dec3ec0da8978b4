//! Lease times of `dhcpd.conf`: dhcpd's own where none are written, and the limits of those of
//! classes and hosts.
//!
//! In dhcpd, the minimum and the maximum of a subnet limit every lease in it. Here, a lease time of
//! a class or of a reservation counts as it is. Invariant: it is within the limits of every subnet
//! in which it counts, or the report says that it is not.

use std::collections::BTreeSet;

use crate::{
    model::{Scope, Subnet},
    report::LineOutcome,
};

use super::Reading;

const LEASE_TIME_SECS: u32 = 43_200;
const MIN_LEASE_TIME_SECS: u32 = 300;
const MAX_LEASE_TIME_SECS: u32 = 86_400;
const QUARANTINE_SECS: u32 = 86_400;

const NOT_LIMITED: &str =
    "its default-lease-time is not limited by the min-lease-time and max-lease-time of subnets";

/// Gives a subnet the times that apply to it.
pub(super) fn complete(scope: &mut Scope, everywhere: &Scope) {
    let or = |own: Option<u32>, outer: Option<u32>, default| own.or(outer).or(Some(default));
    scope.lease_time = or(scope.lease_time, everywhere.lease_time, LEASE_TIME_SECS);
    scope.min_lease_time = or(scope.min_lease_time, everywhere.min_lease_time, MIN_LEASE_TIME_SECS);
    scope.max_lease_time = or(scope.max_lease_time, everywhere.max_lease_time, MAX_LEASE_TIME_SECS);
    scope.quarantine = or(scope.quarantine, everywhere.quarantine, QUARANTINE_SECS);
}

impl Reading {
    /// Limits the lease times of classes and hosts as dhcpd does.
    pub(super) fn limit_lease_times(&mut self) {
        let subnets = &self.site.subnets;
        let mut changes = Vec::new();
        for class in &mut self.site.classes {
            let Some(secs) = class.scope.lease_time else { continue };
            let times = subnets.iter().map(|subnet| limited(secs, &class.scope, subnet)).collect();
            class.scope.lease_time = Some(agreed(secs, &times));
            changes.push((class.entries.first().copied(), secs, times));
        }
        for host in &mut self.site.reservations {
            let Some(secs) = host.lease_time else { continue };
            let is_of_host = |subnet: &&Subnet| {
                host.address.is_none_or(|address| subnet.prefix.contains(&address))
            };
            let of_host = subnets.iter().filter(is_of_host);
            let times = of_host.map(|subnet| limited(secs, &Scope::default(), subnet)).collect();
            host.lease_time = Some(agreed(secs, &times));
            changes.push((Some(host.entry), secs, times));
        }
        for (entry, secs, times) in changes {
            let Some(entry) = entry else { continue };
            let is_same = times.iter().all(|limited| *limited == secs);
            match (times.first(), times.len()) {
                (Some(limited), 1) if !is_same => {
                    let note = format!("dhcpd limits its default-lease-time to {limited} seconds");
                    self.report.correct(entry, LineOutcome::Carried, note);
                }
                _ if !is_same => self.report.correct(entry, LineOutcome::Changed, NOT_LIMITED),
                _ => {}
            }
        }
    }
}

/// The lease time in a subnet, with limits that come before those of the subnet.
fn limited(secs: u32, own: &Scope, subnet: &Subnet) -> u32 {
    let min = own.min_lease_time.or(subnet.scope.min_lease_time);
    let max = own.max_lease_time.or(subnet.scope.max_lease_time);
    secs.min(max.unwrap_or(u32::MAX)).max(min.unwrap_or(0))
}

/// The lease time of all subnets, or that which is stated if they differ.
fn agreed(stated: u32, times: &BTreeSet<u32>) -> u32 {
    match (times.first(), times.len()) {
        (Some(only), 1) => *only,
        _ => stated,
    }
}
