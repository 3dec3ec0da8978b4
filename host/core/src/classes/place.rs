//! Where the client of a message is: what the server knows of that, apart from the message.
//!
//! Locates nothing; the caller does. Invariant: a client whose network is known has it in the
//! address space that its message selects.

use std::{net::Ipv4Addr, slice};

use crate::{Arrival, Network, RelayInformation, Request, VpnName};

/// Where the client of a message is. Cheap to copy.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientPlace<'p> {
    /// Option 82 of the message or, if it has none, the remembered one.
    pub relay_information: Option<&'p RelayInformation>,
    /// giaddr of the client's last message that did not come directly, if it is remembered; zero if
    /// no relay forwarded that one. A message that did not come directly has its own.
    pub relay_address: Option<Ipv4Addr>,
    /// The network that the message belongs to. `None` if it is not known. Relayed messages do not
    /// need it.
    pub network: Option<&'p Network>,
}

impl<'p> ClientPlace<'p> {
    /// What a message says without any configuration: its own option 82.
    pub fn of_message(request: &'p Request) -> Self {
        let relay_information = request.relay_information.as_ref();
        Self { relay_information, relay_address: None, network: None }
    }

    /// The VPN whose addresses the network has.
    pub(super) fn vpn(&self) -> Option<&'p VpnName> {
        self.network.and_then(Network::vpn_name)
    }

    /// The relay of the client, zero if it has none; `None` if that is not known.
    pub(super) fn relay_of(&self, request: &Request) -> Option<Ipv4Addr> {
        if request.is_direct() { self.relay_address } else { Some(request.relay_address) }
    }

    /// Returns whether the client is on the link of the interface on which its message arrived. A
    /// message from a relay and the renewal of a client behind one can arrive there, too.
    pub(super) fn is_on_link_of_arrival(&self, request: &Request) -> bool {
        if self.relay_of(request).is_some_and(|relay| !relay.is_unspecified()) {
            return false;
        }
        // No broadcast leaves its link without a relay.
        let has_link = |network: &Network| has_link(network, &request.arrival);
        !request.is_direct() || self.network.is_none_or(has_link)
    }
}

/// Returns whether the interface of an arrival is one of the network: a subnet names it or spans an
/// address of it.
fn has_link(network: &Network, arrival: &Arrival) -> bool {
    let is_named = arrival.interface.as_deref().is_some_and(|name| {
        network.subnets.iter().any(|subnet| subnet.selection.names_interface(name))
    });
    // A socket for relayed messages knows only the address that the client sent to.
    let destination = slice::from_ref(&arrival.server_address);
    let links = arrival.link_addresses.as_deref().unwrap_or(destination);
    is_named || links.iter().any(|address| network.subnet_of(*address).is_some())
}
