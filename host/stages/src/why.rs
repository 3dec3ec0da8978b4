//! Explains reasons: why a request belongs to no subnet or no client, why its relay is not served,
//! and what is known about the address of a client without a record.
//!
//! Decides nothing. Invariant: each text names the address or the setting that it is about, and
//! what to do.

use std::{fmt::Write, net::Ipv4Addr};

use lessor_core::{
    ClientKeyKind, Engine, Holding, Line, LocatedBy, Reason, RelayInformation, Request,
    RequestKind, SeenElsewhere, Topology, UnknownClients, VpnSelectedBy, VpnSelector, readable,
};
use lessor_policy_host::View;

/// Returns the reason when no subnet is found, with what was looked for and what to do.
pub(crate) fn nowhere(topology: &Topology, request: &Request) -> (Reason, String) {
    if !topology.knows_vpn_of(request) {
        return (Reason::UnknownVpn, unknown_vpn(request));
    }
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

/// Says which VPN is not configured, which part of the message selects it, and what to do.
fn unknown_vpn(request: &Request) -> String {
    let Some((by, selector)) = request.vpn_selection() else { return String::new() };
    let part = match by {
        VpnSelectedBy::Client => "the client's option 221".to_owned(),
        _ => format!("option 82, sub-option 151, of relay {}", request.relay_address),
    };
    match selector {
        VpnSelector::Malformed => format!(
            "{part} has none of the forms of RFC 6607: a name, a VPN-ID of seven octets, or the \
             global VPN"
        ),
        VpnSelector::Id(id) => format!(
            "no network has a VPN with id {id}, which {part} selects; add id = \"{id}\" to a \
             [[vpn]] that a network or subnet names"
        ),
        VpnSelector::Name(name) => format!(
            "no network has the VPN {0}, which {part} selects; add a [[vpn]] with that name, and \
             vpn = \"{0}\" to a network or subnet",
            readable(name)
        ),
        VpnSelector::Global => String::new(),
    }
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
            "no subnet{} spans {}; add a [[subnet]] that does, or correct that address",
            of_vpn(request),
            looked_for.join(", nor ")
        ),
    }
}

/// Names the VPN in which a subnet was looked for, if the relay selects one.
fn of_vpn(request: &Request) -> String {
    match request.relay_vpn_selection() {
        Some(VpnSelector::Name(name)) => format!(" of VPN {}", readable(name)),
        Some(VpnSelector::Id(id)) => format!(" of the VPN with id {id}"),
        _ => String::new(),
    }
}

/// Describes what is known of the address that a client without a record asks for, and which
/// setting would make the server answer. `engine` owns the network that it asks in.
pub(crate) fn unknown_client(engine: &Engine, topology: &Topology, request: &Request) -> String {
    let address = request.named_address().unwrap_or(request.client_address);
    let network = engine.network();
    let here = &network.name;
    let subnet = network.subnet_of(address).and_then(|subnet| network.subnets.get(subnet));
    let adopts = subnet.is_some_and(|subnet| subnet.unknown_clients == UnknownClients::Adopt);
    let holding = engine.holding(address);
    let fact = match &holding {
        Some(Holding::Free) if !adopts => {
            return format!(
                "{address} is free in {here}; unknown-clients = \"adopt\" would let a client that \
                 may have it keep it, \"refuse\" would answer with a NAK"
            );
        }
        Some(Holding::Free) => {
            format!("{address} is free, but in no pool from which the client may have addresses")
        }
        Some(Holding::Drained) => {
            format!("{address} is free, but its pool is drained, so new clients get none of it")
        }
        Some(Holding::Leased(client)) => format!("{address} is leased to {client}"),
        Some(Holding::Offered(client)) => format!("{address} is offered to {client}"),
        Some(Holding::Quarantined) => format!("{address} is quarantined"),
        Some(Holding::ServersOwn) => format!("{address} is one of the server's own addresses"),
        Some(Holding::Reserved) => format!("{address} is reserved for another client"),
        Some(Holding::Skipped(why)) => {
            format!("no client of {here} gets {address}, because it {}", why.meaning())
        }
        Some(Holding::OutsidePools) => format!("{address} is in no pool of {here}"),
        None => match topology
            .locate_address(network.vpn_name(), address)
            .and_then(|found| topology.network(found))
        {
            Some(other) => {
                format!("{address} belongs to {}, and the client asks in {here}", other.name)
            }
            None => format!("no subnet spans {address}, and the client asks in {here}"),
        },
    };
    // An address in no pool, for example, may belong to another server: authority does not cover
    // it.
    let is_certain = holding.is_none_or(|holding| holding.is_refused_with_authority());
    match is_certain && !network.authoritative {
        true => format!("{fact}; authoritative = true would answer with a NAK"),
        false => format!("{fact}; unknown-clients = \"refuse\" would answer with a NAK"),
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
        LocatedBy::Interface | LocatedBy::Link => match &request.arrival.interface {
            Some(interface) => format!("the server's address on interface {interface}"),
            None => format!("the server's address {address} on the client's link"),
        },
    }
}

/// Returns why such messages are not served in the subnet of the request, and what to do, or `None`
/// if they are.
pub(crate) fn not_served(view: &View) -> Option<(Reason, String)> {
    let subnet = view.network.subnets.get(view.subnet)?;
    if !view.network.serves_relay_of(subnet, &view.request) {
        let detail = format!(
            "relay address {} is not among the `relays` of subnet {}; add it there, or under \
             [server], if the relay is yours",
            view.request.relay_address, subnet.prefix
        );
        return Some((Reason::RelayNotServed, detail));
    }
    let is_served = view.request.kind != RequestKind::Bootp || subnet.bootp_clients().serves();
    (!is_served).then(|| {
        let detail = format!(
            "bootp = \"reserved\" or \"dynamic\" of subnet {} would serve BOOTP clients there",
            subnet.prefix
        );
        (Reason::BootpNotServed, detail)
    })
}

/// Returns what a message lacks that would identify its client.
pub(crate) fn unidentified_client(kind: ClientKeyKind) -> String {
    const HARDWARE: &str = "a hardware address that is not empty or all zeros";
    const LINE: &str = "a line: a circuit id or remote id in option 82";
    let wanted = match kind {
        ClientKeyKind::ClientIdentifier => {
            format!("a client identifier (option 61) or {HARDWARE}")
        }
        ClientKeyKind::HardwareAddress => HARDWARE.to_owned(),
        ClientKeyKind::Line => LINE.to_owned(),
        ClientKeyKind::LineAndHardwareAddress => format!("{LINE}; and {HARDWARE}"),
    };
    format!("client-key = {:?} requires {wanted}", kind.name())
}

/// Describes how a client's key was seen elsewhere, for the operator.
pub(crate) fn seen_elsewhere(seen: &SeenElsewhere) -> String {
    let mut text = format!("{} holds {}", seen.client, seen.address);
    if let Some((known, now)) = &seen.hardware_addresses {
        let _ = write!(text, " with hardware address {known} and is now seen with {now}");
    }
    if let Some((known, now)) = &seen.lines {
        let and = if seen.hardware_addresses.is_some() { ", and" } else { "" };
        let (known, now) = (line_text(known), line_text(now));
        let _ = write!(text, "{and} behind line {known} and is now seen behind line {now}");
    }
    text
}

/// Formats circuit id and remote id for people.
fn line_text(line: &Line) -> String {
    let information = RelayInformation::from_octets(line.octets());
    let parts = [information.circuit_id(), information.remote_id()];
    let parts: Vec<_> = parts.into_iter().flatten().map(readable).collect();
    parts.join(" of ")
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;

    use lessor_core::Arrival;
    use lessor_load::dhcproto::{
        Encodable, Encoder,
        v4::{DhcpOption, Message, MessageType},
    };

    use super::*;

    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 200);

    /// A DISCOVER that `relay` forwards, with `options` as octets.
    fn request(relay: Ipv4Addr, options: &[u8]) -> Request {
        let mut message = Message::default();
        message.set_giaddr(relay).set_chaddr(&[2, 0, 0x5e, 0, 0x53, 1]);
        message.opts_mut().insert(DhcpOption::MessageType(MessageType::Discover));
        let mut octets = Vec::new();
        message.encode(&mut Encoder::new(&mut octets)).unwrap();
        let end = octets.iter().rposition(|octet| *octet == 255).unwrap();
        octets.splice(end..end, options.iter().copied());
        let arrival = Arrival {
            source: SocketAddrV4::new(relay, 67),
            server_address: Ipv4Addr::new(192, 0, 2, 1),
            link_addresses: None,
            own_addresses: Default::default(),
            unicast: true,
            interface: None,
            mtu_octets: None,
        };
        lessor_wire::parse(&octets, arrival).unwrap()
    }

    #[test]
    fn what_was_looked_for_is_named_with_its_value() {
        let topology = Topology::default();
        let selected = request(RELAY, &[82, 6, 5, 4, 100, 99, 0, 1]);
        let text = unknown_subnet(&topology, &selected);
        assert!(
            text.contains("100.99.0.1, the link selection") && text.contains("relay 10.0.0.200"),
            "{text}"
        );
        let by_client = request(RELAY, &[118, 4, 198, 51, 100, 0]);
        let text = unknown_subnet(&topology, &by_client);
        assert!(text.contains("198.51.100.0, the client's subnet selection"), "{text}");
        let text = unknown_subnet(&topology, &request(RELAY, &[]));
        assert!(text.contains("10.0.0.200, the relay address"), "{text}");
        let mut on_link = request(Ipv4Addr::UNSPECIFIED, &[]);
        let text = unknown_subnet(&topology, &on_link);
        assert!(text.starts_with("the location of the client is unknown"), "{text}");
        on_link.arrival.link_addresses = Some([Ipv4Addr::new(192, 0, 2, 1)].into());
        on_link.arrival.interface = Some("eth7".into());
        let text = unknown_subnet(&topology, &on_link);
        assert!(text.contains("192.0.2.1, the server's address on interface eth7"), "{text}");
        on_link.client_address = Ipv4Addr::new(203, 0, 113, 9);
        on_link.arrival.source = SocketAddrV4::new(on_link.client_address, 68);
        on_link.arrival.unicast = true;
        let text = unknown_subnet(&topology, &on_link);
        assert!(text.contains("203.0.113.9, the client's own address (ciaddr), nor 192"), "{text}");
    }
}
