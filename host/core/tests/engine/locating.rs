//! The network and subnet of a request: relays, link selection, and the addresses of the interface
//! on which it arrived.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use lessor_core::{LocatedBy, Network, RelayInformation, Request, Topology, Vpn, VpnName};

use crate::support::*;

/// 10.0.0.0/24, 10.1.0.0/24 and 10.2.0.0/24, each as a separate network.
fn topology() -> Topology {
    let networks = (0..3).map(|number| {
        let mut network: Network = network();
        network.name = format!("10.{number}.0.0/24").into();
        let subnet = &mut network.subnets[0];
        subnet.prefix = format!("10.{number}.0.0/24").parse().unwrap();
        subnet.pools.clear();
        Arc::new(network)
    });
    Topology::new(networks.collect()).unwrap()
}

fn at(number: u8, last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, number, 0, last)
}

fn network_of(request: &Request) -> Option<u32> {
    topology().locate(request).map(|location| location.network.0)
}

fn on_link(request: Request, addresses: &[Ipv4Addr]) -> Request {
    with(request, |r| r.arrival.link_addresses = Some(addresses.into()))
}

#[test]
fn a_client_on_a_link_belongs_where_an_address_of_the_interface_is() {
    let elsewhere = Ipv4Addr::new(192, 0, 2, 1);
    let cases: [(&[Ipv4Addr], Option<u32>); 5] = [
        (&[at(1, 1)], Some(1)),
        (&[elsewhere, at(2, 1), at(1, 1)], Some(2)),
        (&[elsewhere], None),
        (&[], None),
        (&[at(0, 1), at(1, 1)], Some(0)),
    ];
    for (addresses, expected) in cases {
        assert_eq!(network_of(&on_link(discover(1), addresses)), expected, "{addresses:?}");
    }
}

#[test]
fn of_several_addresses_the_one_in_the_clients_subnet_selects() {
    let links = [at(0, 1), at(1, 1)];
    let wanted = |address| with(discover(1), |r| r.requested_address = Some(address));
    assert_eq!(network_of(&on_link(wanted(at(1, 50)), &links)), Some(1));
    assert_eq!(network_of(&on_link(rebinding(1, at(1, 50)), &links)), Some(1));
    // An address in a subnet of another link does not.
    assert_eq!(network_of(&on_link(wanted(at(2, 50)), &links)), Some(0));
    assert_eq!(network_of(&on_link(rebinding(1, at(2, 50)), &links)), Some(0));
    let answering = |request| topology().answering_address(&request);
    assert_eq!(answering(on_link(wanted(at(1, 50)), &links)), Some(at(1, 1)));
    assert_eq!(answering(on_link(discover(1), &links)), Some(at(0, 1)));
    assert_eq!(answering(on_link(discover(1), &links[..1])), None);
}

#[test]
fn an_address_that_the_client_does_not_use_selects_nothing() {
    let links = [at(0, 1), at(1, 1)];
    let had = |request| with(request, |r: &mut Request| r.client_address = at(0, 77));
    let wanted = at(1, 50);
    let wish = with(discover(1), |r| r.requested_address = Some(wanted));
    for request in [wish, selecting(1, wanted), init_reboot(1, wanted), decline(1, wanted)] {
        assert_eq!(network_of(&on_link(had(request.clone()), &links)), Some(1), "{request:?}");
        // The same if it is sent to the server.
        let direct = with(had(request), |r| r.arrival.unicast = true);
        assert_eq!(network_of(&on_link(direct.clone(), &links)), Some(1), "{direct:?}");
        assert_eq!(network_of(&on_link(direct, &links[1..])), Some(1));
    }
    assert_eq!(network_of(&on_link(had(discover(1)), &links[1..])), Some(1));
    // The client uses the address that it sends from.
    let direct = with(had(discover(1)), |r| {
        r.arrival.unicast = true;
        r.arrival.source = SocketAddrV4::new(at(0, 77), 68);
    });
    assert_eq!(network_of(&on_link(direct, &links[1..])), Some(0));
}

#[test]
fn a_renewal_sent_to_the_server_is_judged_by_the_clients_own_address() {
    let renewal = |links: &[Ipv4Addr]| {
        let renewal = with(rebinding(1, at(2, 50)), |r| r.arrival.unicast = true);
        network_of(&on_link(renewal, links))
    };
    assert_eq!(renewal(&[at(0, 1)]), Some(2));
    assert_eq!(renewal(&[]), Some(2));
}

/// A switch adds a line to the messages of clients without a relay; it has no say in the rest, and
/// neither has a client that sends option 82 itself.
#[test]
fn only_a_relay_selects_a_link_a_vpn_and_a_server_identifier() {
    let octets = [&[5, 4, 10, 2, 0, 0, 11, 4][..], &OTHER_SERVER.octets(), b"\x97\x06\x00green"];
    let information = RelayInformation::from_octets(octets.concat());
    let saying = |request| with(request, |r| r.relay_information = Some(information.clone()));
    let by_relay = saying(relayed(discover(1)));
    assert_eq!(network_of(&by_relay), Some(2));
    assert!(by_relay.is_own_address(OTHER_SERVER) && by_relay.vpn_selection().is_some());
    for request in [discover(1), with(rebinding(1, at(1, 50)), |r| r.arrival.unicast = true)] {
        let by_client = saying(request);
        assert_eq!(network_of(&on_link(by_client.clone(), &[at(1, 1)])), Some(1));
        assert!(!by_client.is_own_address(OTHER_SERVER) && by_client.vpn_selection().is_none());
    }
    let mut green = network();
    let name = VpnName::new("green").unwrap();
    green.vpn = Some(Arc::new(Vpn { name, id: None }));
    let topology = Topology::new(vec![Arc::new(network()), Arc::new(green)]).unwrap();
    let network_of = |request| topology.locate(&request).map(|found| found.network.0);
    let in_vpn = RelayInformation::from_octets(*b"\x97\x06\x00green");
    let saying = |request| with(request, |r| r.relay_information = Some(in_vpn.clone()));
    assert_eq!(network_of(saying(relayed(discover(1)))), Some(1));
    assert_eq!(network_of(on_link(saying(discover(1)), &[at(0, 1)])), Some(0));
}

#[test]
fn no_client_says_where_a_link_without_an_address_is() {
    let selecting = |request| with(request, |r: &mut Request| r.subnet_selection = Some(at(2, 0)));
    assert_eq!(network_of(&on_link(selecting(discover(1)), &[])), None);
    assert_eq!(network_of(&on_link(selecting(discover(1)), &[at(1, 1)])), Some(2));
    // Behind a relay, the interface of the server does not matter.
    let by_relay = with(selecting(relayed(discover(1))), |r| {
        r.arrival.link_addresses = Some([].into());
    });
    assert_eq!(network_of(&by_relay), Some(2));
}

#[test]
fn nothing_is_selected_by_0_0_0_0() {
    let information = |octets: [u8; 6]| Some(RelayInformation::from_octets(octets));
    let selecting = |selected: [u8; 4]| {
        let [a, b, c, d] = selected;
        with(relayed(discover(1)), |r| r.relay_information = information([5, 4, a, b, c, d]))
    };
    let relay_network = network_of(&relayed(discover(1)));
    assert_eq!(network_of(&selecting([10, 2, 0, 0])), Some(2));
    assert_eq!(network_of(&selecting([0; 4])), relay_network);
    let subnet_selection = |selected| {
        network_of(&on_link(
            with(discover(1), |r| r.subnet_selection = Some(selected)),
            &[at(1, 1)],
        ))
    };
    assert_eq!(subnet_selection(at(2, 0)), Some(2));
    assert_eq!(subnet_selection(Ipv4Addr::UNSPECIFIED), Some(1));
    let overridden = with(relayed(discover(1)), |r| {
        r.relay_information = information([11, 4, 0, 0, 0, 0]);
    });
    assert_eq!(overridden.overriding_server_identifier(), None);
    // The relay's address takes precedence over the client's own.
    assert!(topology().located_by(&overridden).all(|(by, _)| by == LocatedBy::RelayAddress));
}
