//! Finds server identifiers that clients on a link cannot reach: the configuration sets them, and
//! the host does not have them. Clients behind a relay may reach them through the relay.
//!
//! Changes nothing. Invariant: a warning says which address is meant, and what to do.

use lessor_core::{NetworkId, Topology};
use lessor_net::Links;

use super::state::ListenOn;

/// Returns a line for each subnet on a link whose clients would renew at an address of nobody.
pub(super) fn warnings(links: &Links, topology: &Topology, places: &[&ListenOn]) -> Vec<String> {
    let own = links.own_addresses();
    let mut warnings = Vec::new();
    for place in places {
        let ListenOn::Link(name) = place else { continue };
        for network in networks_on(name, links, topology) {
            let network = topology.networks().get(network.0 as usize);
            for subnet in network.into_iter().flat_map(|network| &network.subnets) {
                let identifier = subnet.settings.server_identifier;
                let Some(identifier) = identifier.filter(|found| !own.contains(*found)) else {
                    continue;
                };
                warnings.push(format!(
                    "clients of subnet {} on {name} send renewals to {identifier}, the \
                     server-identifier, which is no address of this host; give the host that \
                     address unless something forwards it here, or correct server-identifier",
                    subnet.prefix
                ));
            }
        }
    }
    warnings
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
