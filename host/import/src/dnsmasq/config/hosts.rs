//! `dhcp-host`: reservations.
//!
//! dnsmasq uses the last line that is for a client, so an identifier stays with that line.
//! Invariant: of the reservations, no two are of one client in one subnet, unless tags decide
//! between them.

use std::{collections::HashSet, net::Ipv4Addr};

use ipnet::Ipv4Net;
use lessor_core::{Owners, ReservationOwner, option::code};

use crate::{
    dnsmasq::{
        host::{self, Host},
        lines::Line,
    },
    model::{Boot, Options, Reservation},
    report::{EntryId, LineOutcome, REPLACED},
};

use super::Reading;

const FROM_NAMES: &str = "its address is that of its name in the hosts file";
const WITHOUT_REPLACED: &str = "without the identifiers that a later line has";
const IGNORED: &str = "a client is ignored by a policy: see docs/policies.md";
const BY_NAME: &str = "it names a device by its host name, which is not used";

/// The identifiers of the lines further down, each in a subnet, or in all if the line has no
/// address.
#[derive(Default)]
struct Later(HashSet<(ReservationOwner, Option<Ipv4Net>)>);

impl Reading {
    /// Reads the hosts of a configuration with these subnets.
    pub(super) fn hosts<'l>(&mut self, lines: impl Iterator<Item = &'l Line>, subnets: &[Ipv4Net]) {
        let mut hosts: Vec<_> = lines.map(|line| (line, host::read(line), 0)).collect();
        let mut later = Later::default();
        for (_, host, count) in hosts.iter_mut().rev() {
            let Ok(host) = host else { continue };
            let address = host.address.or_else(|| self.names.address(host.name.as_deref()?));
            *count = later.remove_owners(host, address, subnets);
        }
        for (line, host, count) in hosts {
            match host {
                Ok(host) => self.host(line, host, count),
                Err(why) => self.report.not_carried(&line.place, &line.shown(), why),
            }
        }
    }

    /// Adds a host, of which `removed` identifiers belong to later lines.
    fn host(&mut self, line: &Line, host: Host, removed: usize) {
        if host.is_ignored {
            return self.report.not_carried(&line.place, &line.shown(), IGNORED);
        }
        if host.owners.is_empty() {
            return match removed {
                0 => self.report.not_carried(&line.place, &line.shown(), BY_NAME),
                _ => self.report.not_needed(&line.place, &line.shown(), REPLACED),
            };
        }
        let entry = self.report.carried(&line.place, &line.shown());
        let replaced = (removed > 0).then_some(WITHOUT_REPLACED);
        for note in changes(&host).into_iter().chain(replaced) {
            self.report.correct(entry, LineOutcome::Changed, note);
        }
        let address = host.address.or_else(|| self.address_of_name(&host, entry));
        let mut options = Options::new();
        // dnsmasq sends the name without its domain.
        let label = host.name.as_deref().and_then(|name| name.split('.').next());
        if let Some(label) = label.filter(|label| !label.is_empty()) {
            options.insert(code::HOST_NAME, label.as_bytes().to_vec().into());
        }
        let mut owners = host.owners;
        owners.truncate(Owners::MAX);
        self.site.reservations.push(Reservation {
            place: line.place.clone(),
            entry,
            name: host.name.unwrap_or_default(),
            owners,
            address,
            classes: Vec::new(),
            lease_time: host.lease_time,
            next_server: None,
            boot: Boot::default(),
            options,
        });
        self.tags.add_host(host.sets, entry);
    }

    /// The address that a hosts file has for a host.
    fn address_of_name(&mut self, host: &Host, entry: EntryId) -> Option<Ipv4Addr> {
        let address = self.names.address(host.name.as_deref()?);
        match address {
            Some(_) => self.report.correct(entry, LineOutcome::Changed, FROM_NAMES),
            None => {
                let doubt = self.names.doubt();
                doubt
                    .iter()
                    .for_each(|doubt| self.report.correct(entry, LineOutcome::Changed, doubt));
            }
        }
        address
    }
}

impl Later {
    /// Removes the identifiers that later lines have, notes the others, and returns how many were
    /// removed.
    fn remove_owners(
        &mut self,
        host: &mut Host,
        address: Option<Ipv4Addr>,
        subnets: &[Ipv4Net],
    ) -> usize {
        let subnet = address.map(|address| subnets.iter().find(|of| of.contains(&address)));
        // A host whose address is in no subnet is never used.
        if host.is_ignored || subnet == Some(None) {
            return 0;
        }
        let subnet = subnet.flatten().copied();
        let count = host.owners.len();
        host.owners.retain(|owner| {
            let has = |subnet| self.0.contains(&(owner.clone(), subnet));
            !has(None) && !has(subnet)
        });
        // Tags decide whether a line with conditions is used at all.
        if host.needs.is_empty() {
            self.0.extend(host.owners.iter().map(|owner| (owner.clone(), subnet)));
        }
        count - host.owners.len()
    }
}

/// How a host is changed.
fn changes(host: &Host) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if host.owners.len() > Owners::MAX {
        notes.push("a reservation has at most 8 identifiers; the first ones are carried");
    }
    if host.owners.len() > 1 && host.address.is_some() {
        notes.push("a device has the address until its lease ends, before another one gets it");
    }
    if !host.needs.is_empty() {
        notes.push("it applies to all networks, whatever the tags");
    }
    let is_identifier = matches!(host.owners.first(), Some(ReservationOwner::ClientIdentifier(_)));
    if host.ignores_identifier && is_identifier {
        notes.push("its client identifier is not ignored");
    }
    notes
}
