//! Explains where a reply would go and why it is not sent there, why a request belongs to no
//! subnet, and what is known about the address of a client without a record.
//!
//! Does not repeat what follows from the message alone, which the core decides. Invariant: each
//! reason has a detail that names the address and what to do.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_core::{Engine, Holding, LocatedBy, Reason, Request, RequestKind, Topology};

use super::Pipeline;
use lessor_net::{OwnSockets, Refused};

/// Knows the destinations that nothing is sent to.
pub(crate) trait Reach {
    /// Returns why a request is not answered because of the destination of the reply, with details,
    /// or `None` if the reply may go there.
    fn refusal(&self, request: &Request) -> Option<(Reason, Option<String>)>;
}

impl Reach for OwnSockets {
    fn refusal(&self, request: &Request) -> Option<(Reason, Option<String>)> {
        let uses_client_address =
            request.kind == RequestKind::Inform || request.uses_client_address();
        let is_direct = request.kind == RequestKind::Inform || !request.is_relayed();
        let client = request.client_socket().filter(|_| uses_client_address && is_direct);
        let relay = request.relay_socket();
        let refused = |field: &str, to: Option<SocketAddrV4>| {
            let to = to?;
            Some(match self.refuses(to)? {
                Refused::OwnSocket => {
                    (Reason::OwnSocket, Some(format!("{field} is {to}, a socket of this server")))
                }
                Refused::Broadcast => (
                    Reason::BroadcastDestination,
                    Some(format!("{field} is {}, a broadcast address of this host", to.ip())),
                ),
            })
        };
        refused("the relay address (giaddr)", relay)
            .or_else(|| refused("the client address (ciaddr)", client))
    }
}

impl Pipeline<'_> {
    /// Returns the reason when no network was found, and what to do.
    pub(super) fn nowhere(&self, request: &Request) -> (Reason, String) {
        nowhere(self.generation.load().shards.topology(), request)
    }
}

/// Returns the reason when no subnet is found, with what was looked for and what to do.
pub(crate) fn nowhere(topology: &Topology, request: &Request) -> (Reason, String) {
    let is_direct = request.is_direct() || request.is_relayed();
    if request.is_from_unaddressed_link() && !is_direct {
        let name = request.arrival.interface.as_deref().unwrap_or("the interface");
        let detail = format!(
            "{name} has no IPv4 address, so the subnet of its clients is unknown; give it an \
             address in their subnet"
        );
        return (Reason::LinkWithoutAddress, detail);
    }
    (Reason::UnknownSubnet, unknown_subnet(topology, request))
}

/// Lists the addresses that no subnet spans, where each comes from, and what to do.
fn unknown_subnet(topology: &Topology, request: &Request) -> String {
    let looked_for: Vec<String> = topology
        .located_by(request)
        .map(|(by, address)| format!("{address}, {}", said_by(by, address, request)))
        .collect();
    match looked_for.as_slice() {
        [] => "the location of the client is unknown: no relay forwarded the message, it did not \
               arrive on a link of this server, and it names no address"
            .to_owned(),
        looked_for => format!(
            "no subnet spans {}; add a [[subnet]] that does, or correct that address",
            looked_for.join(", nor ")
        ),
    }
}

/// Describes what is known of the address that a client without a record asks for, and which
/// setting would make the server answer. `engine` owns the network that it asks in.
pub(crate) fn unknown_client(engine: &Engine, topology: &Topology, request: &Request) -> String {
    let address = request.requested_address.unwrap_or(request.client_address);
    let network = engine.network();
    let here = &network.name;
    let fact = match engine.holding(address) {
        Some(Holding::Free) => {
            return format!(
                "{address} is free in {here}; unknown-clients = \"adopt\" would let a client that \
                 may have it keep it, \"refuse\" would answer with a NAK"
            );
        }
        Some(Holding::Leased(client)) => format!("{address} is leased to {client}"),
        Some(Holding::Offered(client)) => format!("{address} is offered to {client}"),
        Some(Holding::Quarantined) => format!("{address} is quarantined"),
        Some(Holding::Reserved) => format!("{address} is reserved for another client"),
        Some(Holding::OutsidePools) => format!("{address} is in no pool of {here}"),
        None => match topology.locate_address(address).and_then(|found| topology.network(found)) {
            Some(other) => {
                format!("{address} belongs to {}, and the client asks in {here}", other.name)
            }
            None => format!("no subnet spans {address}, and the client asks in {here}"),
        },
    };
    // An address in no pool may belong to another server: authority does not cover it.
    let is_in_no_pool = engine.holding(address) == Some(Holding::OutsidePools);
    match network.authoritative || is_in_no_pool {
        false => format!("{fact}; authoritative = true would answer with a NAK"),
        true => format!("{fact}; unknown-clients = \"refuse\" would answer with a NAK"),
    }
}

fn said_by(by: LocatedBy, address: Ipv4Addr, request: &Request) -> String {
    match by {
        LocatedBy::LinkSelection => {
            let relay = request.relay_address;
            format!("the link selection (option 82, sub-option 5) of relay {relay}")
        }
        LocatedBy::SubnetSelection => "the client's subnet selection (option 118)".to_owned(),
        LocatedBy::RelayAddress => "the relay address (giaddr)".to_owned(),
        LocatedBy::ClientAddress => "the client's own address (ciaddr)".to_owned(),
        LocatedBy::Link => match &request.arrival.interface {
            Some(interface) => format!("the server's address on interface {interface}"),
            None => format!("the server's address {address} on the client's link"),
        },
    }
}

#[cfg(test)]
mod tests {
    use lessor_load::dhcproto::v4::{DhcpOption, MessageType};

    use super::*;
    use crate::testing::{packet, received};

    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 200);

    fn request(relay: Ipv4Addr, options: Vec<DhcpOption>, tail: &[u8]) -> Request {
        let mut octets = packet(MessageType::Discover, 1, relay, options);
        let end = octets.iter().rposition(|octet| *octet == 255).unwrap();
        octets.splice(end..end, tail.iter().copied());
        lessor_wire::parse(&octets, received(&octets, relay).arrival).unwrap()
    }

    #[test]
    fn what_was_looked_for_is_named_with_its_value() {
        let topology = Topology::default();
        let selected = request(RELAY, vec![], &[82, 6, 5, 4, 100, 99, 0, 1]);
        let text = unknown_subnet(&topology, &selected);
        assert!(
            text.contains("100.99.0.1, the link selection") && text.contains("relay 10.0.0.200"),
            "{text}"
        );
        let by_client = request(RELAY, vec![], &[118, 4, 198, 51, 100, 0]);
        let text = unknown_subnet(&topology, &by_client);
        assert!(text.contains("198.51.100.0, the client's subnet selection"), "{text}");
        let text = unknown_subnet(&topology, &request(RELAY, vec![], &[]));
        assert!(text.contains("10.0.0.200, the relay address"), "{text}");
        let mut on_link = request(Ipv4Addr::UNSPECIFIED, vec![], &[]);
        let text = unknown_subnet(&topology, &on_link);
        assert!(text.starts_with("the location of the client is unknown"), "{text}");
        on_link.arrival.link_addresses = Some([Ipv4Addr::new(192, 0, 2, 1)].into());
        on_link.arrival.interface = Some("eth7".into());
        let text = unknown_subnet(&topology, &on_link);
        assert!(text.contains("192.0.2.1, the server's address on interface eth7"), "{text}");
        on_link.client_address = Ipv4Addr::new(203, 0, 113, 9);
        on_link.arrival.unicast = true;
        let text = unknown_subnet(&topology, &on_link);
        assert!(text.contains("203.0.113.9, the client's own address (ciaddr), nor 192"), "{text}");
    }
}
