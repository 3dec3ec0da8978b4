//! Finds server identifiers that clients on a link cannot reach: the configuration sets them, and
//! the host does not have them. Clients behind a relay may reach them through the relay.
//!
//! Changes nothing. Invariant: a warning says which address is meant, and what to do.

use std::{collections::BTreeSet, net::Ipv4Addr};

use lessor_core::{Network, NetworkId, OwnAddresses, ScopeSettings, Topology};
use lessor_net::Links;

use super::state::ListenOn;

/// Returns a line for each level of the networks on a link whose clients would renew at an address
/// that the host does not have.
pub(super) fn warnings(links: &Links, topology: &Topology, places: &[&ListenOn]) -> Vec<String> {
    let own = links.own_addresses();
    let mut warnings = Vec::new();
    for place in places {
        let ListenOn::Link(name) = place else { continue };
        let networks = networks_on(name, links, topology);
        let networks = networks.iter().filter_map(|id| topology.networks().get(id.0 as usize));
        // Several networks on a link have the same classes.
        let found: BTreeSet<(String, Ipv4Addr)> =
            networks.flat_map(|network| unreachable(network, topology, own)).collect();
        warnings.extend(found.into_iter().map(|(level, identifier)| {
            format!(
                "clients of {level} on {name} send renewals to {identifier}, the \
                 server-identifier, which is no address of this host; give the host that \
                 address unless something forwards it here, or correct server-identifier"
            )
        }));
    }
    warnings
}

/// The identifiers that clients of a network can get and the host does not have, each with the
/// level that sets it.
fn unreachable(
    network: &Network,
    topology: &Topology,
    own: &OwnAddresses,
) -> BTreeSet<(String, Ipv4Addr)> {
    let mut found = BTreeSet::new();
    let mut add = |settings: &ScopeSettings, level: &dyn Fn() -> String| {
        let identifier = settings.server_identifier.filter(|set| !own.contains(*set));
        found.extend(identifier.map(|identifier| (level(), identifier)));
    };
    for subnet in &network.subnets {
        let prefix = subnet.prefix;
        add(&subnet.settings, &|| format!("subnet {prefix}"));
        for pool in &subnet.pools {
            add(&pool.settings, &|| format!("pool {}", pool.name));
        }
        for reservation in &subnet.reservations {
            add(&reservation.settings, &|| format!("a reservation in subnet {prefix}"));
        }
    }
    for (_, class) in topology.classes().iter() {
        add(&class.settings, &|| format!("class {}", class.name));
    }
    for reservation in topology.shared_reservations().list() {
        add(&reservation.settings, &|| "a reservation outside of all subnets".to_owned());
    }
    found
}

/// The networks of the clients on an interface: the one that names it, otherwise those that span
/// its addresses.
pub(super) fn networks_on(name: &str, links: &Links, topology: &Topology) -> Vec<NetworkId> {
    if let Some(network) = topology.network_of_interface(name) {
        return vec![network];
    }
    let addresses = links.named(name).map(|link| link.addresses.iter());
    let located = addresses
        .into_iter()
        .flatten()
        .filter_map(|own| topology.locate_address(None, *own).map(|location| location.network));
    let mut networks: Vec<NetworkId> = Vec::new();
    for network in located {
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    networks
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The levels whose clients on `eth1` are warned about, and the identifiers.
    fn warned(identifiers: &[(&str, &str)]) -> Vec<String> {
        let set = |level: &str| {
            let found = identifiers.iter().find(|(of, _)| *of == level);
            found.map_or(String::new(), |(_, set)| format!("server-identifier = \"{set}\"\n"))
        };
        let text = format!(
            "[server]\ninterfaces = [\"eth1\", \"eth2\"]\n{}[[class]]\nname = \"phones\"\n\
             match = {{ vendor-class = \"phone\" }}\n{}[[reservation]]\n\
             circuit-id = \"port1\"\n{}lease-time = 600\n[[subnet]]\nprefix = \"100.64.0.0/16\"\n\
             interfaces = [\"eth1\"]\n{}[[subnet.pool]]\nname = \"open\"\n\
             range = \"100.64.1.0-100.64.1.255\"\n{}[[subnet.reservation]]\n\
             circuit-id = \"port2\"\naddress = \"100.64.0.7\"\n{}[[subnet.reservation]]\n\
             circuit-id = \"port3\"\naddress = \"100.64.0.8\"\n{}[[subnet]]\n\
             prefix = \"100.65.0.0/16\"\ninterfaces = [\"eth2\"]\n{}",
            set("server"),
            set("class"),
            set("outside"),
            set("subnet"),
            set("pool"),
            set("reservation"),
            set("reservation"),
            set("elsewhere"),
        );
        let topology = lessor_config::parse("test.toml", &text, Path::new("")).unwrap().topology;
        let place = ListenOn::Link("eth1".into());
        let warnings = warnings(&Links::default(), &topology, &[&place]);
        let what = warnings.iter().map(|warning| {
            let (before, _) = warning.split_once(", the server-identifier").unwrap();
            before.trim_start_matches("clients of ").replace(" on eth1 send renewals to", "")
        });
        what.collect()
    }

    #[test]
    fn every_level_of_the_networks_on_a_link_counts() {
        assert_eq!(warned(&[]), Vec::<String>::new());
        for (level, expected) in [
            ("server", "subnet 100.64.0.0/16 198.51.100.7"),
            ("subnet", "subnet 100.64.0.0/16 198.51.100.7"),
            ("pool", "pool open 198.51.100.7"),
            ("reservation", "a reservation in subnet 100.64.0.0/16 198.51.100.7"),
            ("class", "class phones 198.51.100.7"),
            ("outside", "a reservation outside of all subnets 198.51.100.7"),
        ] {
            assert_eq!(warned(&[(level, "198.51.100.7")]), [expected], "{level}");
        }
        assert_eq!(warned(&[("elsewhere", "198.51.100.7")]), Vec::<String>::new());
        let several = warned(&[("pool", "198.51.100.8"), ("class", "198.51.100.9")]);
        assert_eq!(several, ["class phones 198.51.100.9", "pool open 198.51.100.8"]);
    }
}
