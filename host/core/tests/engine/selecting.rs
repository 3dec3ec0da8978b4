//! What selects a network besides addresses in its prefixes: relay addresses that subnets name,
//! interfaces, and VPNs (RFC 6607); and which server identifier replies have.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{
    LocatedBy, Network, OptionValue, Reason, RelayInformation, Reply, Request, SubnetSelection,
    Topology, TopologyError, Vpn, VpnId, VpnName, VpnSelectedBy,
};

use crate::support::*;

const PE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const OLD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 8);

fn vpn(name: &str) -> Option<Arc<Vpn>> {
    let id = (name == "green").then_some(VpnId([0, 3, 0x6b, 0, 0, 0, 0x10]));
    Some(Arc::new(Vpn { name: VpnName::new(name).unwrap(), id }))
}

fn named(name: &str, vpn: Option<Arc<Vpn>>, relays: &[Ipv4Addr], interfaces: &[&str]) -> Network {
    let mut network = Network { name: name.into(), vpn, ..network() };
    let interfaces = interfaces.iter().map(|name| Arc::from(*name)).collect();
    network.subnets[0].selection = SubnetSelection::new(relays.to_vec(), interfaces);
    network
}

/// The same prefix in two VPNs and in none.
fn networks() -> Vec<Network> {
    vec![
        named("plain", None, &[PE], &["eth0"]),
        named("green", vpn("green"), &[PE], &["vrf-green"]),
        named("red", vpn("red"), &[OLD], &[]),
    ]
}

fn topology(networks: Vec<Network>) -> Result<Topology, TopologyError> {
    Topology::new(networks.into_iter().map(Arc::new).collect())
}

fn from(relay: Ipv4Addr, information: &[u8]) -> Request {
    with(discover(1), |request| {
        request.relay_address = relay;
        request.relay_information =
            (!information.is_empty()).then(|| RelayInformation::from_octets(information));
    })
}

fn with_option(request: Request, octets: &[u8]) -> Request {
    with(request, |request| request.options.append(221, octets))
}

fn network_of(request: &Request) -> Option<(String, LocatedBy, Option<VpnSelectedBy>)> {
    let topology = topology(networks()).unwrap();
    let found = topology.find(request)?;
    let network = topology.network(found.location).unwrap();
    Some((network.name.to_string(), found.by, found.vpn_by))
}

fn found(
    name: &str,
    vpn_by: Option<VpnSelectedBy>,
) -> Option<(String, LocatedBy, Option<VpnSelectedBy>)> {
    Some((name.to_owned(), LocatedBy::RelayAddress, vpn_by))
}

#[test]
fn a_relay_address_that_a_subnet_names_selects_it() {
    assert_eq!(network_of(&from(PE, b"")), found("plain", None));
    assert_eq!(network_of(&from(Ipv4Addr::new(192, 0, 2, 9), b"")), None);
    // An address in the prefix still does.
    assert_eq!(network_of(&from(ip(1), b"")), found("plain", None));
    // Of a VPN, if no other subnet names it.
    assert_eq!(network_of(&from(OLD, b"")), found("red", Some(VpnSelectedBy::RelayAddress)));
}

#[test]
fn the_relay_selects_a_vpn_ahead_of_the_client() {
    use VpnSelectedBy::{Client, Relay};
    for (information, option, expected) in [
        (&b"\x97\x06\x00green"[..], &b""[..], found("green", Some(Relay))),
        (b"\x97\x08\x01\x00\x03\x6b\x00\x00\x00\x10", b"", found("green", Some(Relay))),
        (b"\x97\x01\xff", b"", found("plain", Some(Relay))),
        (b"", b"\x00green", found("green", Some(Client))),
        (b"\x97\x01\xff", b"\x00green", found("plain", Some(Relay))),
        (b"\x97\x05\x00blue", b"\x00green", None),
        (b"\x97\x06\x02green", b"", None),
        (b"\x97\x00", b"", None),
        // The VPN has no subnet for this relay.
        (b"\x97\x04\x00red", b"", None),
    ] {
        let mut request = from(PE, information);
        if !option.is_empty() {
            request = with_option(request, option);
        }
        assert_eq!(network_of(&request), expected, "{information:?} {option:?}");
    }
    // No client gets out of the VPN of its relay.
    let in_red = found("red", Some(VpnSelectedBy::RelayAddress));
    assert_eq!(network_of(&with_option(from(OLD, b""), b"\x00green")), in_red);
    let topology = topology(networks()).unwrap();
    assert!(!topology.knows_vpn_of(&from(PE, b"\x97\x05\x00blue")));
    assert!(topology.knows_vpn_of(&from(PE, b"\x97\x04\x00red")));
}

#[test]
fn without_any_vpn_in_the_configuration_nothing_selects_one() {
    let topology = topology(vec![named("plain", None, &[PE], &[])]).unwrap();
    let request = with_option(from(PE, b"\x97\x06\x00green"), b"\x00red");
    assert_eq!(topology.find(&request).unwrap().vpn_by, None);
}

#[test]
fn a_link_selection_is_an_address_of_the_vpn() {
    let selected = from(PE, b"\x05\x04\x0a\x00\x00\x01\x97\x04\x00red");
    let (name, by, _) = network_of(&selected).unwrap();
    assert_eq!((name.as_str(), by), ("red", LocatedBy::LinkSelection));
}

#[test]
fn an_interface_selects_the_subnet_that_names_it() {
    let on = |interface: &str, request: Request| {
        with(request, |request| {
            request.arrival.interface = Some(interface.into());
            request.arrival.link_addresses = Some([Ipv4Addr::new(203, 0, 113, 1)].into());
        })
    };
    let (name, by, vpn_by) = network_of(&on("eth0", discover(1))).unwrap();
    assert_eq!((name.as_str(), by, vpn_by), ("plain", LocatedBy::Interface, None));
    let (name, by, vpn_by) = network_of(&on("vrf-green", discover(1))).unwrap();
    assert_eq!((name.as_str(), by), ("green", LocatedBy::Interface));
    assert_eq!(vpn_by, Some(VpnSelectedBy::Interface));
    assert_eq!(network_of(&on("eth9", discover(1))), None);
    // What a relay says takes precedence.
    assert_eq!(network_of(&on("vrf-green", from(PE, b""))), found("plain", None));
    // Of several subnets, that of the client's address, otherwise of the interface's address.
    let mut two = named("two", None, &[], &["eth0"]);
    let mut second = subnet("10.0.1.0/24", vec![]);
    second.selection = two.subnets[0].selection.clone();
    two.subnets.push(second);
    let topology = topology(vec![two]).unwrap();
    let at = |request: &Request| topology.locate(request).unwrap().subnet;
    assert_eq!(at(&on("eth0", discover(1))), 0);
    let wanted = Some(Ipv4Addr::new(10, 0, 1, 9));
    assert_eq!(at(&on("eth0", with(discover(1), |r| r.requested_address = wanted))), 1);
    let own = |r: &mut Request| r.arrival.link_addresses = Some([[10, 0, 1, 1].into()].into());
    assert_eq!(at(&with(on("eth0", discover(1)), own)), 1);
    // Without an address, replies would have no server identifier.
    let unaddressed = with(on("eth0", discover(1)), |r| {
        r.arrival.link_addresses = Some([].into());
        r.arrival.server_address = Ipv4Addr::UNSPECIFIED;
    });
    assert_eq!(topology.locate(&unaddressed), None);
}

#[test]
fn what_selects_two_networks_is_refused() {
    let refused = |networks| topology(networks).unwrap_err();
    let mut apart = named("b", None, &[PE], &["eth0"]);
    apart.subnets[0].prefix = "10.9.0.0/24".parse().unwrap();
    apart.subnets[0].pools.clear();
    let first = |relays: &[Ipv4Addr], interfaces: &[&str]| named("a", None, relays, interfaces);
    assert_eq!(refused(vec![first(&[PE], &[]), apart.clone()]), TopologyError::RelayTwice(PE));
    let twice = TopologyError::InterfaceTwice("eth0".into());
    assert_eq!(refused(vec![first(&[], &["eth0"]), apart]), twice);
    let overlap = refused(vec![first(&[], &[]), named("b", None, &[], &[])]);
    assert!(matches!(overlap, TopologyError::Overlap { .. }));
}

/// A server of the network `green`, whose identifier is 10.0.0.1.
fn green() -> Server {
    let mut green = named("green", vpn("green"), &[PE], &[]);
    green.subnets[0].settings = settings(|fields| fields.server_identifier = Some(ip(1)));
    Server::new(green)
}

#[test]
fn a_reply_confirms_the_vpn_that_was_used_and_no_other() {
    let mut server = green();
    for (information, confirms) in [
        (&b"\x97\x06\x00green\x98\x00"[..], true),
        (b"\x97\x06\x00green", false),
        (b"\x98\x00", false),
        (b"\x97\x05\x00blue\x98\x00", false),
        (b"\x97\x01\xff\x98\x00", false),
    ] {
        let reply = server.ask(&from(PE, information)).reply.unwrap();
        assert_eq!(reply.confirms_vpn, confirms, "{information:?}");
    }
    for (sent, returned) in [(&b"\x00green"[..], true), (b"\x00blue", false), (b"\xff", false)] {
        let reply = server.ask(&with_option(from(PE, b""), sent)).reply.unwrap();
        let expected = returned.then(|| OptionValue::Octets(sent.to_vec()));
        assert_eq!(option(&reply, 221), expected.as_ref(), "{sent:?}");
    }
}

#[test]
fn the_identifier_of_the_subnet_is_sent_unless_the_relay_overrides_it() {
    let mut server = green();
    let identifier = |reply: &Reply| option(reply, 54).cloned();
    let offer = server.ask(&from(PE, b"")).reply.unwrap();
    assert_eq!(identifier(&offer), Some(OptionValue::Address(ip(1))));
    let overriding = server.ask(&from(PE, b"\x0b\x04\x0a\x00\x00\x09")).reply.unwrap();
    assert_eq!(identifier(&overriding), Some(OptionValue::Address(ip(9))));
}

#[test]
fn the_record_of_a_vpn_has_its_name_and_others_are_not_taken() {
    let mut server = green();
    let offer = server.ask(&from(PE, b"")).reply.unwrap();
    let request = with(from(PE, b""), |r| {
        r.kind = lessor_core::RequestKind::Request;
        r.requested_address = Some(offer.your_address);
        r.server_identifier = Some(ip(1));
        r.arrival.own_addresses.set_configured(&identifiers(None, [ip(1)]));
    });
    let decision = server.ask(&request);
    assert_eq!(decision.reason, Reason::AckSelecting);
    let binding = &decision.changes[0].binding;
    assert_eq!(binding.vpn, VpnName::new("green"));
    let mut other = green();
    let elsewhere = lessor_core::Binding { vpn: None, ..lessor_core::Binding::clone(binding) };
    other.engine.restore(server.now, elsewhere);
    assert_eq!(other.engine.bindings().count(), 0);
    other.engine.restore(server.now, Arc::clone(binding));
    assert_eq!(other.engine.bindings().next().as_ref(), Some(&**binding));
}
