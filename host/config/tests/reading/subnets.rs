//! Networks, subnets, pools and reservations.

use std::net::Ipv4Addr;

use lessor_core::{
    AfterDataLoss, ClientKeyKind, HardwareAddress, LeaseTime, OptionValue, ReservationOwner,
    Subnet, UnknownClients,
};

use super::{SERVER, networks, parse, subnet, value};

#[test]
fn lease_times_that_are_left_open_give_way_to_those_that_are_said() {
    let lease_time = |text: &str| {
        let LeaseTime { default_secs, min_secs, max_secs } = subnet(text).lease_time;
        (default_secs, min_secs, max_secs)
    };
    assert_eq!(lease_time("lease-time = \"10s\""), (10, 10, 86_400));
    assert_eq!(lease_time("lease-time = 7200"), (7_200, 60, 86_400));
    assert_eq!(lease_time("lease-time = \"7d\""), (604_800, 60, 604_800));
    assert_eq!(lease_time("lease-time = \"infinite\""), (u32::MAX, 60, u32::MAX));
    assert_eq!(lease_time("max-lease-time = \"30m\""), (1_800, 60, 1_800));
    assert_eq!(lease_time("min-lease-time = \"2h\""), (7_200, 7_200, 86_400));
    assert_eq!(lease_time("min-lease-time = \"2d\""), (172_800, 172_800, 172_800));
    assert_eq!(lease_time("max-lease-time = \"30s\""), (30, 30, 30));
    let all = "lease-time = \"1h\"\nmin-lease-time = \"5m\"\nmax-lease-time = \"2h\"";
    assert_eq!(lease_time(all), (3_600, 300, 7_200));
}

#[test]
fn subnets_that_name_a_shared_network_form_one() {
    let networks = networks(
        r#"
        [[subnet]]
        prefix = "100.64.0.0/24"
        shared-network = "olt1"

        [[subnet]]
        prefix = "100.65.0.0/24"

        [[subnet]]
        prefix = "100.66.0.0/24"
        shared-network = "olt1"
        authoritative = true
        quarantine = "1h"
        quarantine-max = { client = 1, line = 3 }
        offers-max = { line = 5 }
        offer-hold = "5s"
        "#,
    );
    let names: Vec<&str> = networks.iter().map(|network| &*network.name).collect();
    assert_eq!(names, ["olt1", "100.65.0.0/24"]);
    let prefixes: Vec<String> =
        networks[0].subnets.iter().map(|subnet| subnet.prefix.to_string()).collect();
    assert_eq!(prefixes, ["100.64.0.0/24", "100.66.0.0/24"]);
    // A setting of one of its subnets applies to the whole network.
    assert!(networks[0].authoritative && !networks[1].authoritative);
    assert_eq!((networks[0].quarantine_secs, networks[1].quarantine_secs), (3_600, 600));
    assert_eq!((networks[0].offer_hold_secs, networks[1].offer_hold_secs), (5, 60));
    let max = |network: &lessor_core::Network| {
        let max = network.bounds.quarantine_max;
        [max.client, max.line, max.link, max.subscriber].map(u32::from)
    };
    assert_eq!((max(&networks[0]), max(&networks[1])), ([1, 3, 16, 4], [2, 4, 16, 4]));
    let max = |network: &lessor_core::Network| {
        let max = network.bounds.offers_max;
        [max.line, max.link].map(u32::from)
    };
    assert_eq!((max(&networks[0]), max(&networks[1])), ([5, 65_536], [16, 65_536]));
}

#[test]
fn a_subnet_can_differ_from_the_server_in_what_it_is_authoritative_for() {
    let configuration = parse(
        "[server]\ninterfaces = [\"eth0\"]\nauthoritative = true\n\
         [[subnet]]\nprefix = \"100.64.0.0/24\"\n\
         [[subnet]]\nprefix = \"100.65.0.0/24\"\nauthoritative = false\n",
    );
    let authoritative: Vec<bool> =
        configuration.topology.networks().iter().map(|network| network.authoritative).collect();
    assert_eq!(authoritative, [true, false]);
}

#[test]
fn a_subnet_can_differ_from_the_server_in_how_it_knows_its_clients() {
    let configuration = parse(
        "[server]\ninterfaces = [\"eth0\"]\nclient-key = \"line\"\n\
         unknown-clients = \"adopt\"\nafter-data-loss = \"hold\"\n\
         [[subnet]]\nprefix = \"100.64.0.0/24\"\n\
         [[subnet]]\nprefix = \"100.65.0.0/24\"\nclient-key = \"hardware-address\"\n\
         unknown-clients = \"refuse\"\nafter-data-loss = \"serve\"\n",
    );
    let networks = configuration.topology.networks();
    let of = |number: usize| {
        let network = &networks[number];
        (network.client_key, network.after_data_loss, network.subnets[0].unknown_clients)
    };
    assert_eq!(of(0), (ClientKeyKind::Line, AfterDataLoss::Hold, UnknownClients::Adopt));
    assert_eq!(
        of(1),
        (ClientKeyKind::HardwareAddress, AfterDataLoss::Serve, UnknownClients::Refuse)
    );
}

#[test]
fn ranges_are_two_addresses_or_a_prefix() {
    let subnet = subnet(
        r#"
        [[subnet.pool]]
        name = "residential"
        range = "100.64.1.0 - 100.64.1.255"
        options = { interface-mtu = 1492 }

        [[subnet.pool]]
        range = "100.64.128.0/24"
        by-policy-only = true
        "#,
    );
    let [residential, garden] = subnet.pools.as_slice() else { panic!("{:?}", subnet.pools) };
    assert_eq!(&*residential.name, "residential");
    assert_eq!(residential.first, Ipv4Addr::new(100, 64, 1, 0));
    assert_eq!(residential.last, Ipv4Addr::new(100, 64, 1, 255));
    assert!(!residential.by_policy_only);
    assert_eq!(value(&residential.options, 26), OptionValue::U16(1492));
    assert_eq!(&*garden.name, "100.64.128.0-100.64.128.255");
    assert_eq!(garden.size(), 256);
    assert!(garden.by_policy_only);
}

#[test]
fn the_ends_of_a_prefix_with_two_or_fewer_addresses_can_be_given_out() {
    for (prefix, range) in [
        ("198.51.100.0/31", "198.51.100.0-198.51.100.1"),
        ("198.51.100.7/32", "198.51.100.7-198.51.100.7"),
    ] {
        let text =
            format!("[[subnet]]\nprefix = \"{prefix}\"\n[[subnet.pool]]\nrange = \"{range}\"");
        assert_eq!(networks(&text)[0].subnets[0].pools.len(), 1);
    }
}

#[test]
fn owners_of_reservations_are_text_or_octets() {
    let subnet = subnet(
        r#"
        [[subnet.reservation]]
        circuit-id = "olt1/1/3/onu17"
        address = "100.64.0.1"
        options = { host-name = "onu17" }

        [[subnet.reservation]]
        remote-id = "hex:00 0a:FF-01"
        address = "100.64.0.2"

        [[subnet.reservation]]
        client-identifier = "hex:01ff"
        address = "100.64.0.3"

        [[subnet.reservation]]
        hardware-address = "02:00:5e:00:53:01"
        address = "100.64.0.4"
        "#,
    );
    let owners: Vec<&ReservationOwner> =
        subnet.reservations.iter().flat_map(|found| found.owners.iter()).collect();
    let mac = HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1]);
    assert_eq!(
        owners,
        [
            &ReservationOwner::circuit_id(*b"olt1/1/3/onu17"),
            &ReservationOwner::remote_id([0, 10, 255, 1]),
            &ReservationOwner::ClientIdentifier([1, 255].into()),
            &ReservationOwner::HardwareAddress(mac),
        ]
    );
    assert_eq!(subnet.reservations[0].address, Some(Ipv4Addr::new(100, 64, 0, 1)));
    assert_eq!(value(&subnet.reservations[0].options, 12), OptionValue::Text("onu17".to_owned()));
}

#[test]
fn the_same_owner_may_have_an_address_in_each_network() {
    let networks = networks(
        r#"
        [[subnet]]
        prefix = "100.64.0.0/24"
        reservation = [{ circuit-id = "a", address = "100.64.0.9" }]

        [[subnet]]
        prefix = "100.65.0.0/24"
        reservation = [{ circuit-id = "a", address = "100.65.0.9" }]
        "#,
    );
    assert_eq!(
        networks[0].subnets[0].reservations[0].owners,
        networks[1].subnets[0].reservations[0].owners
    );
}

#[test]
fn the_topology_finds_every_subnet() {
    let subnets = "[[subnet]]\nprefix = \"100.64.0.0/16\"\n[[subnet]]\nprefix = \"10.0.0.0/8\"\n";
    let topology = parse(&format!("{SERVER}{subnets}")).topology;
    let network_of =
        |address: Ipv4Addr| topology.locate_address(None, address).map(|found| found.network.0);
    assert_eq!(network_of(Ipv4Addr::new(100, 64, 3, 4)), Some(0));
    assert_eq!(network_of(Ipv4Addr::new(10, 9, 8, 7)), Some(1));
    assert_eq!(network_of(Ipv4Addr::new(192, 0, 2, 1)), None);
}

#[test]
fn relays_of_a_subnet_hold_in_the_place_of_those_of_the_server() {
    let configuration = parse(
        r#"
        [server]
        listen = ["192.0.2.1"]
        relays = ["192.0.2.0/24", "198.51.100.1/32"]
        send-buffer-kib = 104

        [[subnet]]
        prefix = "100.64.0.0/16"

        [[subnet]]
        prefix = "100.65.0.0/16"
        relays = "100.65.0.1/32"

        [[subnet]]
        prefix = "100.66.0.0/16"
        relays = []
        "#,
    );
    assert_eq!(configuration.server.send_buffer_octets, 104 * 1024);
    let relays = |network: usize| {
        let relays = configuration.topology.networks()[network].subnets[0].relays.clone();
        relays.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(relays(0), ["192.0.2.0/24", "198.51.100.1/32"]);
    assert_eq!(relays(1), ["100.65.0.1/32"]);
    assert_eq!(relays(2), Vec::<String>::new());
}

#[test]
fn networks_of_vpns_may_have_the_same_addresses_and_relays() {
    let networks = networks(
        r#"
        interfaces = ["eth0"]

        [[vpn]]
        name = "green"
        id = "36B:10"

        [[network]]
        name = "hall"
        vpn = "green"
        relay-addresses = ["192.0.2.7"]
        interfaces = ["eth0"]
        server-identifier = "203.0.113.1"

        [[subnet]]
        prefix = "10.0.0.0/24"
        shared-network = "hall"
        [[subnet.reservation]]
        circuit-id = "a"
        address = "10.0.0.9"
        [[subnet]]
        prefix = "10.0.1.0/24"
        shared-network = "hall"
        relay-addresses = ["192.0.2.9"]
        server-identifier = "203.0.113.2"

        [[subnet]]
        prefix = "10.0.0.0/24"
        relay-addresses = ["192.0.2.7"]
        [[subnet.reservation]]
        circuit-id = "a"
        address = "10.0.0.9"
        "#,
    );
    let [hall, plain] = &networks[..] else { panic!("{networks:?}") };
    let vpn = hall.vpn.as_ref().unwrap();
    assert_eq!(
        (vpn.name.as_str(), vpn.id.unwrap().to_string().as_str()),
        ("green", "00036b:00000010")
    );
    assert_eq!((plain.vpn_name(), &*plain.name), (None, "10.0.0.0/24"));
    let [first, second] = &hall.subnets[..] else { panic!("{hall:?}") };
    let relays = |subnet: &Subnet| -> Vec<String> {
        subnet.selection.relay_addresses().iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        (relays(first), relays(second)),
        (vec!["192.0.2.7".into()], vec!["192.0.2.9".into()])
    );
    assert!([first, second].iter().all(|subnet| subnet.selection.names_interface("eth0")));
    let identifiers = [first, second].map(|subnet| subnet.settings.server_identifier.unwrap());
    assert_eq!(identifiers.map(|found| found.octets()[3]), [1, 2]);
}
