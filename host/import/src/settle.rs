//! Makes a configuration one that the server accepts: assigns reservations to subnets, cuts pools
//! to their subnets, and removes what contradicts something earlier.
//!
//! Knows no syntax. Invariant: whatever is changed here is in the report.

mod classes;
mod networks;
mod pools;
mod reservations;
mod sub_options;

use lessor_config::PREFIX_LENGTH_MIN;
use lessor_core::LeasePart;

use crate::{
    model::Site,
    report::{LineOutcome, Report},
};

const NO_POOL: &str = "no client gets an address of its pools until a class or a policy says so";

/// Makes the names of classes such as the server accepts.
pub(crate) fn rename_classes(site: &mut Site) {
    classes::rename(site);
}

/// Settles a configuration.
pub(crate) fn settle(site: &mut Site, report: &mut Report) {
    site.subnets.retain(|subnet| {
        let [first_octet, ..] = subnet.prefix.network().octets();
        let is_usable =
            subnet.prefix.prefix_len() >= PREFIX_LENGTH_MIN && (1..224).contains(&first_octet);
        if !is_usable {
            let why = format!("{} is not a prefix that hosts can have", subnet.prefix);
            report.correct(subnet.entry, LineOutcome::NotCarried, why);
        }
        is_usable
    });
    networks::agree(site, report);
    let had_pools: Vec<bool> = site.subnets.iter().map(|subnet| !subnet.pools.is_empty()).collect();
    pools::cut(site, report);
    classes::drop_unknown(site, report);
    reservations::assign(site, report);
    classes::drop_empty(site, report);
    classes::assign_pools(site, report);
    for (subnet, _) in site.subnets.iter().zip(had_pools).filter(|(_, had_pools)| *had_pools) {
        if !subnet.pools.iter().any(crate::model::Pool::is_given) {
            report.correct(subnet.entry, LineOutcome::Changed, NO_POOL);
            report.closed(subnet.prefix);
        }
    }
    sub_options::complete(site, report);
    order_timers(&mut site.everywhere);
    site.classes.iter_mut().for_each(|class| order_timers(&mut class.scope));
    for subnet in &mut site.subnets {
        order_lease_times(subnet, &site.everywhere);
    }
}

/// Removes timers that would not come in order, as the other servers do not send them.
fn order_timers(scope: &mut crate::model::Scope) {
    let lease_time = scope.lease_time.unwrap_or(u32::MAX);
    let is_before = |timer: &LeasePart, end: u32| timer.of_secs(lease_time) < end;
    scope.rebinding_time = scope.rebinding_time.filter(|timer| is_before(timer, lease_time));
    let end = scope.rebinding_time.map_or(lease_time, |timer| timer.of_secs(lease_time));
    scope.renewal_time = scope.renewal_time.filter(|timer| is_before(timer, end));
}

/// Limits the lease time by the minimum and maximum, as all servers do.
fn order_lease_times(subnet: &mut crate::model::Subnet, everywhere: &crate::model::Scope) {
    let scope = &mut subnet.scope;
    scope.lease_time = scope.lease_time.or(everywhere.lease_time);
    scope.min_lease_time = scope.min_lease_time.or(everywhere.min_lease_time);
    scope.max_lease_time = scope.max_lease_time.or(everywhere.max_lease_time);
    if let (Some(min), Some(max)) = (scope.min_lease_time, scope.max_lease_time) {
        scope.min_lease_time = Some(min.min(max));
    }
    if let Some(time) = scope.lease_time {
        let time = time.max(scope.min_lease_time.unwrap_or(0));
        scope.lease_time = Some(time.min(scope.max_lease_time.unwrap_or(u32::MAX)));
    }
    order_timers(scope);
    scope.shortens_above = scope.shortens_above.or(everywhere.shortens_above);
}
