//! Reservations in their subnets, each address and each owner once.

use std::{collections::HashMap, net::Ipv4Addr};

use lessor_core::ReservationOwner;

use crate::{
    model::{Reservation, Site},
    place::Place,
    report::{LineOutcome, Report},
};

/// Assigns the reservations to the subnets of their addresses, and removes those that the server
/// would not accept: of an address that no client may have, the second of an address or an owner,
/// and those that give nothing. Those without an address stay with the site.
pub(super) fn assign(site: &mut Site, report: &mut Report) {
    for reservation in std::mem::take(&mut site.reservations) {
        let Some(address) = reservation.address else {
            site.reservations.push(reservation);
            continue;
        };
        match site.subnets.iter_mut().find(|subnet| subnet.prefix.contains(&address)) {
            Some(subnet) => subnet.reservations.push(reservation),
            None => {
                let why = format!("{address} is in no subnet");
                report.correct(reservation.entry, LineOutcome::NotCarried, why);
            }
        }
    }
    let own = site.own_addresses();
    let mut seen = Seen::default();
    for subnet in &mut site.subnets {
        let prefix = subnet.prefix;
        let network = subnet.shared_network.clone().unwrap_or_else(|| prefix.to_string());
        subnet.reservations.retain(|reservation| {
            let why = obstacle(reservation, prefix, &own);
            is_kept(reservation, why.or_else(|| seen.note(&network, reservation)), report)
        });
    }
    site.reservations
        .retain(|reservation| is_kept(reservation, seen.note(ALL_NETWORKS, reservation), report));
}

/// Stands for the name of a network.
const ALL_NETWORKS: &str = "";

/// Reports a reservation that is removed for a reason.
fn is_kept(reservation: &Reservation, why: Option<String>, report: &mut Report) -> bool {
    let nothing = || "it gives its client nothing: known clients are for policies".to_owned();
    let why = why.or_else(|| reservation.is_empty().then(nothing));
    let is_kept = why.is_none();
    if let Some(why) = why {
        report.correct(reservation.entry, LineOutcome::NotCarried, why);
    }
    is_kept
}

/// The reserved addresses, and the owners of each network.
#[derive(Default)]
struct Seen {
    addresses: HashMap<Ipv4Addr, Place>,
    owners: HashMap<(String, ReservationOwner), Place>,
}

impl Seen {
    /// Notes a reservation, unless an earlier one has its address or its owner; returns that.
    fn note(&mut self, network: &str, reservation: &Reservation) -> Option<String> {
        if let Some(address) = reservation.address
            && let Some(place) = self.addresses.get(&address)
        {
            let place = place.short();
            return Some(format!(
                "{address} is reserved at {place} already, and an address has one owner"
            ));
        }
        let keys = || reservation.owners.iter().map(|owner| (network.to_owned(), owner.clone()));
        if let Some(place) = keys().find_map(|key| self.owners.get(&key)) {
            return Some(match reservation.address {
                Some(_) => format!("{} reserves another address for it", place.short()),
                None => format!("{} has a reservation for it", place.short()),
            });
        }
        let place = &reservation.place;
        self.addresses.extend(reservation.address.map(|address| (address, place.clone())));
        self.owners.extend(keys().map(|key| (key, place.clone())));
        None
    }
}

fn obstacle(reservation: &Reservation, prefix: ipnet::Ipv4Net, own: &[Ipv4Addr]) -> Option<String> {
    let address = reservation.address?;
    if !prefix.contains(&address) {
        return Some(format!("{address} is outside of {prefix}"));
    }
    if own.contains(&address) {
        return Some(format!("{address} is an address of the server"));
    }
    let is_end = address == prefix.network() || address == prefix.broadcast();
    (is_end && prefix.prefix_len() <= 30)
        .then(|| format!("{address} is the network or broadcast address of {prefix}"))
}
