//! Which of the addresses by which clients know the server are its own in an address space.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{
    Engine, Holding, IdentifierReach, Network, OwnAddresses, Reason, ScopeFields,
    ServerIdentifiers, Topology, Vpn, VpnName,
};

use crate::support::*;

#[test]
fn a_server_identifier_is_given_to_nobody_of_its_address_space() {
    let vpn = |name: &str| VpnName::new(name).unwrap();
    let (green, blue) = (vpn("green"), vpn("blue"));
    let in_vpn = |name: Option<&VpnName>| {
        let of = |name: &VpnName| Arc::new(Vpn { name: name.clone(), id: None });
        let mut network = network();
        network.vpn = name.map(of);
        network.subnets[0].reservations = vec![reservation(circuit(b"line"), ip(60))];
        network
    };
    let identifiers = ServerIdentifiers::default().with([
        (IdentifierReach::of_class(), ip(10)),
        (IdentifierReach::of_network(Some(&green)), ip(11)),
        (IdentifierReach::of_shared_reservation(Some(Some(&green))), ip(60)),
        (IdentifierReach::of_network(None), ip(12)),
    ]);
    let mut own: OwnAddresses = [ip(13)].into_iter().collect();
    own.set_configured(&Arc::new(identifiers));
    let here = |request| with(request, |r| r.arrival.own_addresses = own.clone());
    for (name, free, is_reserved) in [
        (None, &[11][..], true),
        (Some(&green), &[12, 13], false),
        (Some(&blue), &[11, 12, 13], true),
    ] {
        let mut server = Server::new(in_vpn(name));
        let offers = (1..=4).map(|client| server.ask(&here(discover(client))));
        let addresses: Vec<Ipv4Addr> =
            offers.filter_map(|decision| Some(decision.reply?.your_address)).collect();
        let free: Vec<Ipv4Addr> = free.iter().map(|last| ip(*last)).collect();
        assert_eq!(addresses, free, "{name:?}");
        assert_eq!(server.engine.usage()[0].size, free.len() as u64, "{name:?}");
        let reserved = server.ask(&on_circuit(b"line", here(discover(5))));
        let is_offered = reserved.reply.is_some_and(|reply| reply.your_address == ip(60));
        assert_eq!(is_offered, is_reserved, "{name:?}");
        // A client that learned an identifier in another space names this server.
        let naming =
            |named| with(here(selecting(9, ip(11))), |r| r.server_identifier = Some(named));
        assert_ne!(server.reason(&naming(ip(12))), Reason::OtherServerSelected, "{name:?}");
        assert_eq!(server.reason(&naming(ip(14))), Reason::OtherServerSelected, "{name:?}");
    }
}

#[test]
fn a_network_has_the_identifiers_of_the_configuration_that_it_was_changed_to() {
    let topology = |identifier: Option<u8>, prefix: &str| {
        let mut network = network();
        network.subnets[0].prefix = prefix.parse().unwrap();
        let own = ScopeFields { server_identifier: identifier.map(ip), ..ScopeFields::default() };
        network.subnets[0].settings = own.into();
        let elsewhere = Network { name: "elsewhere".into(), ..network_at("10.1.0.0/24") };
        Topology::new(vec![network.into(), elsewhere.into()]).unwrap()
    };
    let holdings = |engines: &[Engine]| [10, 11].map(|last| engines[0].holding(ip(last)).unwrap());
    let first = topology(Some(10), "10.0.0.0/24");
    let (engines, _) = Engine::rebuild(Vec::new(), &first, 7);
    assert_eq!(holdings(&engines), [Holding::ServersOwn, Holding::Free]);
    // Also with other subnets, and when the networks of the topology are a part of all.
    let second = topology(Some(11), "10.0.0.0/25");
    let changed = second.only(|network| network.0 == 0);
    assert_eq!(changed.server_identifiers(), second.server_identifiers());
    let (engines, _) = Engine::rebuild(engines, &changed, 7);
    assert_eq!(holdings(&engines), [Holding::Free, Holding::ServersOwn]);
    let (engines, _) = Engine::rebuild(engines, &topology(None, "10.0.0.0/24"), 7);
    assert_eq!(holdings(&engines), [Holding::Free, Holding::Free]);
}

fn network_at(prefix: &str) -> Network {
    let mut network = network();
    network.subnets = vec![subnet(prefix, Vec::new())];
    network
}
