//! Sub-options in inner scopes, with those of the scopes around them.
//!
//! Other servers choose each sub-option for itself; Lessor takes the whole option from the
//! innermost scope that has it.

use lessor_vocabulary::Catalogue;

use crate::{
    expressing,
    model::{Options, Reservation, Site, Value},
    report::{EntryId, LineOutcome, Report},
};

/// Adds to sub-options those of outer scopes. Reservations are of one client, so theirs become
/// octets.
pub(super) fn complete(site: &mut Site, report: &mut Report) {
    let everywhere = &site.everywhere.options;
    for subnet in &mut site.subnets {
        inherit(&mut subnet.scope.options, [everywhere], subnet.entry, report);
        let outer = [&subnet.scope.options, everywhere];
        for pool in &mut subnet.pools {
            inherit(&mut pool.options, outer, pool.entry, report);
        }
        for reservation in &mut subnet.reservations {
            inherit(&mut reservation.options, outer, reservation.entry, report);
            fix(&site.catalogue, reservation, report);
        }
    }
    for reservation in &mut site.reservations {
        inherit(&mut reservation.options, [everywhere], reservation.entry, report);
        fix(&site.catalogue, reservation, report);
    }
}

/// Adds sub-options of outer scopes, from the inner to the outer one.
fn inherit<const N: usize>(
    options: &mut Options,
    outer: [&Options; N],
    entry: EntryId,
    report: &mut Report,
) {
    for (code, value) in options.iter_mut().filter(|(_, value)| value.octets().is_none()) {
        for outer in outer.iter().filter_map(|outer| outer.get(code)) {
            if !value.inherit(outer) {
                let note = format!("option {code} around it is replaced by its sub-options");
                report.correct(entry, LineOutcome::Changed, note);
            }
        }
    }
}

/// Makes octets of what one client gets.
fn fix(catalogue: &Catalogue, reservation: &mut Reservation, report: &mut Report) {
    reservation.options.retain(|code, value| {
        let octets = match value {
            Value::Octets(_) => return true,
            Value::SubOptions(options) => Some(expressing::packed(options)),
            Value::OfVendors(vendors, _) => expressing::for_one_client(catalogue, *code, vendors),
        };
        if octets.is_none() {
            let why = format!("without option {code}, which depends on its vendor class");
            report.correct(reservation.entry, LineOutcome::Changed, why);
        }
        octets.map(|octets| *value = Value::Octets(octets)).is_some()
    });
}
