//! Settings of a whole network, which all of its subnets have to agree on.

use std::collections::HashMap;

use crate::{
    model::{Scope, Site},
    report::{LineOutcome, Report},
};

/// Gives every subnet of a shared network the settings of its first one.
pub(super) fn agree(site: &mut Site, report: &mut Report) {
    let mut first_of: HashMap<String, Scope> = HashMap::new();
    for subnet in &mut site.subnets {
        let Some(name) = &subnet.shared_network else { continue };
        let Some(first) = first_of.get(name) else {
            first_of.insert(name.clone(), subnet.scope.clone());
            continue;
        };
        let scope = &mut subnet.scope;
        let agrees = scope.authoritative == first.authoritative
            && scope.client_key == first.client_key
            && scope.quarantine == first.quarantine;
        if !agrees {
            scope.authoritative = first.authoritative;
            scope.unknown_clients = first.unknown_clients;
            scope.client_key = first.client_key;
            scope.quarantine = first.quarantine;
            let note = format!(
                "authoritative, client-key and quarantine are those of the first subnet of {name:?}"
            );
            report.correct(subnet.entry, LineOutcome::Changed, note);
        }
    }
}
