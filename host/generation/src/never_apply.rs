//! Warnings about reservations that no client can get.
//!
//! Two reservations of one owner in a network are a mistake that keeps a configuration from
//! serving. These are not, because a later change may make them apply.

use std::collections::HashMap;

use lessor_core::{Reservation, ReservationOwner, Topology, VpnName};

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

/// The reservations of all networks, or of those of a VPN, that none of them uses, because each has
/// others of the same owners.
fn shadowed(topology: &Topology) -> Vec<&Reservation> {
    let shared = topology.shared_reservations();
    let owners = || {
        let each = shared.with_their_vpns();
        each.flat_map(|(vpn, of)| of.owners.iter().map(move |owner| (vpn, owner)))
    };
    // How many networks have a reservation for each owner; all networks, and those of its VPN.
    let mut own: HashMap<(Option<&VpnName>, &ReservationOwner), usize> =
        owners().map(|owner| (owner, 0)).collect();
    if own.is_empty() {
        return Vec::new();
    }
    let mut networks: HashMap<Option<&VpnName>, usize> = HashMap::new();
    for network in topology.networks() {
        let mut scopes = vec![None];
        scopes.extend(network.vpn_name().map(Some));
        // An owner has at most one reservation in a network.
        let reservations = || network.subnets.iter().flat_map(|subnet| &subnet.reservations);
        for scope in scopes {
            *networks.entry(scope).or_default() += 1;
            for owner in reservations().flat_map(|reservation| reservation.owners.iter()) {
                if let Some(count) = own.get_mut(&(scope, owner)) {
                    *count += 1;
                }
            }
        }
    }
    let never_applies = |(vpn, of): &(Option<&VpnName>, &Reservation)| {
        of.owners.iter().all(|owner| own.get(&(*vpn, owner)) == networks.get(vpn))
    };
    shared.with_their_vpns().filter(never_applies).map(|(_, of)| of).collect()
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
    fn reservations_of_a_vpn_are_compared_with_the_networks_of_it() {
        let file = |vpn: &str| {
            format!(
                "[[vpn]]\nname = \"green\"\n[[vpn]]\nname = \"blue\"\n\
                 [[subnet]]\nprefix = \"10.0.9.0/24\"\nvpn = \"green\"\nreservation = [\n\
                 {{ hardware-address = \"02:00:5e:00:53:01\", address = \"10.0.9.1\" }}]\n\
                 [[subnet]]\nprefix = \"10.0.9.0/24\"\nvpn = \"blue\"\n\
                 [[reservation]]\nhardware-address = \"02:00:5e:00:53:01\"\n\
                 boot-file = \"a\"\n{vpn}"
            )
        };
        let found = of(&file("vpn = \"green\"\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("every network"), "{found:?}");
        for applies in ["vpn = \"blue\"\n", ""] {
            assert!(of(&file(applies)).is_empty(), "{applies}");
        }
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
