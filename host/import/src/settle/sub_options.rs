//! Sub-options in inner scopes, with those of the scopes around them.
//!
//! Other servers choose each sub-option for itself; Lessor takes the whole option from the
//! innermost scope that has it.

use crate::{
    expressing,
    model::{Options, Site, Value},
    report::{Outcome, Report},
};

/// Adds to sub-options those of outer scopes. Reservations are of one client, so theirs become
/// octets.
pub(super) fn complete(site: &mut Site, report: &mut Report) {
    for subnet in &mut site.subnets {
        inherit(&mut subnet.scope.options, &site.everywhere.options);
        let outer = &subnet.scope.options;
        subnet.pools.iter_mut().for_each(|pool| inherit(&mut pool.options, outer));
        for reservation in &mut subnet.reservations {
            inherit(&mut reservation.options, outer);
            reservation.options.retain(|code, value| {
                let octets = match value {
                    Value::Octets(_) => return true,
                    Value::SubOptions(options) => Some(expressing::packed(options)),
                    Value::OfVendors(vendors) => {
                        expressing::for_one_client(&site.catalogue, *code, vendors)
                    }
                };
                if octets.is_none() {
                    let why = format!("without option {code}, which depends on its vendor class");
                    report.correct(reservation.entry, Outcome::Changed, why);
                }
                octets.map(|octets| *value = Value::Octets(octets)).is_some()
            });
        }
    }
}

fn inherit(options: &mut Options, outer: &Options) {
    for (code, value) in options {
        outer.get(code).into_iter().for_each(|outer| value.inherit(outer));
    }
}
