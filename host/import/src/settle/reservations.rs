//! Reservations in their subnets, each address and each owner once.

use std::{collections::HashMap, net::Ipv4Addr};

use lessor_core::ReservationOwner;

use crate::{
    model::{Reservation, Site},
    place::Place,
    report::{Outcome, Report},
};

/// Assigns the reservations that belong to no subnet yet, and removes those that the server would
/// not accept: of an address that no client may have, or the second of an address or an owner.
pub(super) fn assign(site: &mut Site, report: &mut Report) {
    for reservation in std::mem::take(&mut site.reservations) {
        let address = reservation.address;
        match site.subnets.iter_mut().find(|subnet| subnet.prefix.contains(&address)) {
            Some(subnet) => subnet.reservations.push(reservation),
            None => {
                let why = format!("{address} is in no subnet");
                report.correct(reservation.entry, Outcome::NotCarried, why);
            }
        }
    }
    let own: Vec<Ipv4Addr> = site.listen.iter().copied().chain(site.server_identifier).collect();
    let mut addresses: HashMap<Ipv4Addr, Place> = HashMap::new();
    let mut owners: HashMap<(String, ReservationOwner), Place> = HashMap::new();
    for subnet in &mut site.subnets {
        let prefix = subnet.prefix;
        let network = subnet.shared_network.clone().unwrap_or_else(|| prefix.to_string());
        subnet.reservations.retain(|reservation| {
            let why = obstacle(reservation, prefix, &own).or_else(|| {
                let address = addresses.get(&reservation.address);
                let owner = owners.get(&(network.clone(), reservation.owner.clone()));
                match (address, owner) {
                    (Some(place), _) => Some(format!(
                        "{} is reserved at {} already, and an address has one owner",
                        reservation.address,
                        place.short()
                    )),
                    (None, Some(place)) => {
                        Some(format!("{} reserves another address for it", place.short()))
                    }
                    (None, None) => None,
                }
            });
            if let Some(why) = why {
                report.correct(reservation.entry, Outcome::NotCarried, why);
                return false;
            }
            addresses.insert(reservation.address, reservation.place.clone());
            let owner = (network.clone(), reservation.owner.clone());
            owners.insert(owner, reservation.place.clone());
            true
        });
    }
}

fn obstacle(reservation: &Reservation, prefix: ipnet::Ipv4Net, own: &[Ipv4Addr]) -> Option<String> {
    let address = reservation.address;
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
