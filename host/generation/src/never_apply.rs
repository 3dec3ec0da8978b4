//! Warnings about reservations that no client can get.
//!
//! Two reservations of one owner in a network are a mistake that keeps a configuration from
//! serving. These are not, because a later change may make them apply.

use std::collections::HashMap;

use lessor_core::{Reservation, ReservationOwner, Topology};

/// The number of reservations that are listed; the others are counted.
const LISTED_MAX: usize = 20;

/// Returns a warning for each reservation that never applies, the first 20 of them.
pub fn warnings(topology: &Topology) -> Vec<String> {
    let of_networks = topology.networks().iter().flat_map(|network| &network.subnets);
    let all = of_networks.flat_map(|subnet| &subnet.reservations);
    let shared = topology.shared_reservations().list();
    let nobody = all.chain(shared).filter(|reservation| is_of_nobody(reservation));
    let nobody = nobody.map(|reservation| {
        let what = named(reservation);
        format!("{what} never applies: no client is identified by a hardware address of zeros")
    });
    let shadowed = shadowed(topology).into_iter().map(|reservation| {
        let what = named(reservation);
        format!("{what} never applies: every network has a reservation for its owner")
    });
    let mut warnings: Vec<String> = nobody.chain(shadowed).collect();
    let others = warnings.len().saturating_sub(LISTED_MAX);
    warnings.truncate(LISTED_MAX);
    if others > 0 {
        warnings.push(format!("{others} more reservations never apply"));
    }
    warnings
}

fn named(reservation: &Reservation) -> String {
    let owners: Vec<String> = reservation.owners.iter().map(ToString::to_string).collect();
    format!("the reservation for {}", owners.join(", "))
}

fn is_of_nobody(reservation: &Reservation) -> bool {
    let is_nobody = |owner: &ReservationOwner| match owner {
        ReservationOwner::HardwareAddress(address) => !address.is_anybody(),
        _ => false,
    };
    reservation.owners.iter().all(is_nobody)
}

/// The reservations of all networks that none of them uses, because each has others of the same
/// owners.
fn shadowed(topology: &Topology) -> Vec<&Reservation> {
    let shared = topology.shared_reservations().list();
    let owners = shared.iter().flat_map(|reservation| reservation.owners.iter());
    let mut networks: HashMap<&ReservationOwner, usize> = owners.map(|owner| (owner, 0)).collect();
    if networks.is_empty() {
        return Vec::new();
    }
    // An owner has at most one reservation in a network.
    let of_networks = topology.networks().iter().flat_map(|network| &network.subnets);
    let own = of_networks.flat_map(|subnet| &subnet.reservations);
    for owner in own.flat_map(|reservation| reservation.owners.iter()) {
        if let Some(count) = networks.get_mut(owner) {
            *count += 1;
        }
    }
    let all = topology.networks().len();
    let is_everywhere = |owner: &ReservationOwner| networks.get(owner) == Some(&all);
    shared.iter().filter(|reservation| reservation.owners.iter().all(is_everywhere)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn of(text: &str) -> Vec<String> {
        let subnet = |number: u8| {
            format!(
                "[[subnet]]\nprefix = \"10.0.{number}.0/24\"\nreservation = [\n\
                 {{ hardware-address = \"02:00:5e:00:53:01\", address = \"10.0.{number}.1\" }}]\n"
            )
        };
        let text = format!("[server]\nlisten = [\"192.0.2.1\"]\n{text}{}{}", subnet(1), subnet(2));
        let read = lessor_config::parse("lessor.toml", &text, Path::new(""));
        warnings(&read.unwrap_or_else(|mistakes| panic!("{mistakes}")).topology)
    }

    #[test]
    fn reservations_that_never_apply_are_named() {
        let reservation = |owner: &str| {
            format!("[[reservation]]\nhardware-address = {owner}\nboot-file = \"a\"\n")
        };
        assert!(of("").is_empty());
        let both = of(&reservation("[\"02:00:5e:00:53:01\", \"02:00:5e:00:53:02\"]"));
        assert!(both.is_empty(), "{both:?}");
        let shadowed = of(&reservation("\"02:00:5e:00:53:01\""));
        assert_eq!(shadowed.len(), 1);
        assert!(shadowed[0].contains("hardware-address 02:00:5e:00:53:01"), "{shadowed:?}");
        let nobody = of(&reservation("\"00:00:00:00:00:00\""));
        assert!(nobody[0].contains("hardware address of zeros"), "{nobody:?}");
    }

    #[test]
    fn so_many_are_listed_and_the_others_counted() {
        let reservations: String = (0..LISTED_MAX + 3)
            .map(|number| {
                let octets = vec!["00"; 2 + number % 14].join(":");
                let kind = 1 + number / 14;
                format!(
                    "[[reservation]]\nhardware-address = \"{kind}/{octets}\"\nboot-file = \"a\"\n"
                )
            })
            .collect();
        let found = of(&reservations);
        assert_eq!(found.len(), LISTED_MAX + 1);
        assert_eq!(found[LISTED_MAX], "3 more reservations never apply");
    }
}
