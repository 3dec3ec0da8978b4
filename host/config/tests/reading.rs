//! The results of reading valid files.
use std::{net::Ipv4Addr, num::NonZeroUsize, path::Path, time::Duration};

use lessor_config::{
    Configuration, LogFormat, LogLevel, MetricsSettings, RollbackSettings, StoreSettings,
};
use lessor_core::{
    AfterDataLoss, ClientKeyKind, HardwareAddress, LeaseTime, Network, OptionKind, OptionSet,
    OptionValue, ReservationOwner, Subnet, UnknownClients, option::code,
};
use lessor_settings::StoreBackend;
use lessor_vocabulary::option::{Field, SubOption};

const SERVER: &str = "[server]\nlisten = [\"192.0.2.1\"]\n";

#[track_caller]
fn parse(text: &str) -> Configuration {
    match lessor_config::parse("test.toml", text, Path::new("/srv/lessor")) {
        Ok(configuration) => configuration,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// The networks of a configuration with these subnets.
#[track_caller]
fn networks(subnets: &str) -> Vec<Network> {
    let configuration = parse(&format!("{SERVER}{subnets}"));
    configuration.topology.networks().iter().map(|network| Network::clone(network)).collect()
}

#[track_caller]
fn subnet(rest: &str) -> Subnet {
    let mut networks = networks(&format!("[[subnet]]\nprefix = \"100.64.0.0/16\"\n{rest}"));
    networks.remove(0).subnets.remove(0)
}

fn value(options: &OptionSet, code: u8) -> OptionValue {
    OptionValue::clone(options.get(code).unwrap())
}

#[test]
fn what_is_left_out_has_its_default() {
    let configuration = parse(&format!("{SERVER}[[subnet]]\nprefix = \"100.64.0.0/16\""));
    assert_eq!(configuration.server.interfaces, Vec::<String>::new());
    assert_eq!(configuration.server.listen, ["192.0.2.1:67".parse().unwrap()]);
    assert_eq!(configuration.server.workers, None);
    assert_eq!(configuration.server.server_identifier, None);
    assert_eq!(configuration.server.send_buffer_octets, 8 << 20);
    assert_eq!(configuration.topology.networks()[0].subnets[0].relays, None);
    assert_eq!(
        configuration.store,
        StoreSettings {
            backend: StoreBackend::Embedded { path: "/var/lib/lessor/leases".into() },
            waiting_changes_max: 10_000,
        }
    );
    assert_eq!(configuration.plugins, None);
    assert_eq!(
        configuration.control.socket.as_deref(),
        Some(Path::new("/var/lib/lessor/control.sock"))
    );
    assert_eq!(configuration.journal, None);
    assert_eq!(configuration.log.format, LogFormat::Text);
    assert_eq!(configuration.log.level, LogLevel::Info);
    let networks = configuration.topology.networks();
    assert_eq!(networks.len(), 1);
    assert_eq!(&*networks[0].name, "100.64.0.0/16");
    assert!(!networks[0].authoritative);
    assert_eq!(networks[0].offer_hold_secs, 60);
    assert_eq!(networks[0].quarantine_secs, 600);
    let subnet = &networks[0].subnets[0];
    let lease_time = LeaseTime { default_secs: 3_600, min_secs: 60, max_secs: 86_400 };
    assert_eq!(subnet.lease_time, lease_time);
    assert!(subnet.options.is_empty());
    assert!(subnet.settings.is_empty());
    assert_eq!((subnet.pools.len(), subnet.reservations.len()), (0, 0));
}

#[test]
fn the_tables_about_the_server_are_read() {
    let configuration = parse(
        r#"
        [server]
        interfaces = "eth0"
        listen = ["192.0.2.1", "192.0.2.2:6767"]
        workers = 3
        server-identifier = "192.0.2.9"

        [store]
        path = "state"
        waiting-changes-max = 5

        [plugins]
        directory = "/etc/lessor/plugins"
        cache = "cache"

        [control]
        socket = "/run/lessor.sock"

        [journal]
        path = "journal.jsonl"

        [log]
        format = "json"
        level = "warn"

        [[subnet]]
        prefix = "100.64.0.0/16"
        "#,
    );
    let server = configuration.server;
    assert_eq!(server.interfaces, ["eth0"]);
    let listen = ["192.0.2.1:67", "192.0.2.2:6767"].map(|text| text.parse().unwrap());
    assert_eq!(server.listen, listen);
    assert_eq!(server.workers, NonZeroUsize::new(3));
    assert_eq!(server.server_identifier, Some(Ipv4Addr::new(192, 0, 2, 9)));
    let backend = StoreBackend::Embedded { path: "/srv/lessor/state/leases".into() };
    assert_eq!(configuration.store, StoreSettings { backend, waiting_changes_max: 5 });
    let plugins = configuration.plugins.unwrap();
    assert_eq!(plugins.directory, Path::new("/etc/lessor/plugins"));
    assert_eq!(plugins.cache.as_deref(), Some(Path::new("/srv/lessor/cache")));
    assert_eq!(configuration.control.socket.as_deref(), Some(Path::new("/run/lessor.sock")));
    assert_eq!(configuration.journal.unwrap().path, Path::new("/srv/lessor/journal.jsonl"));
    assert_eq!(configuration.log.format, LogFormat::Json);
    assert_eq!(configuration.log.level, LogLevel::Warn);
}

#[test]
fn rollback_and_metrics_are_off_unless_the_file_says_more() {
    let subnet = "[[subnet]]\nprefix = \"100.64.0.0/16\"\n";
    let without = parse(&format!("{SERVER}[plugins]\ndirectory = \"p\"\n{subnet}"));
    assert_eq!((without.plugins.unwrap().rollback, without.metrics), (None, None));
    let with = parse(&format!(
        "{SERVER}[plugins]\ndirectory = \"p\"\n\
         rollback = {{ faults-max = 0, window = \"1h\" }}\n\
         [metrics]\nlisten = \"[::1]:9467\"\n{subnet}"
    ));
    let window = Duration::from_secs(3_600);
    let rollback = Some(RollbackSettings { faults_max: 0, window });
    assert_eq!(with.plugins.unwrap().rollback, rollback);
    let listen = "[::1]:9467".parse().unwrap();
    assert_eq!(with.metrics, Some(MetricsSettings { listen }));
}

#[test]
fn state_is_kept_in_one_folder_unless_the_file_places_it_elsewhere() {
    let rest = "[plugins]\ndirectory = \"p\"\n[[subnet]]\nprefix = \"100.64.0.0/16\"\n";
    let embedded = parse(&format!("{SERVER}[store]\npath = \"state\"\n{rest}"));
    assert_eq!(
        embedded.plugins.unwrap().cache.as_deref(),
        Some(Path::new("/srv/lessor/state/compiled"))
    );
    assert_eq!(
        embedded.control.socket.as_deref(),
        Some(Path::new("/srv/lessor/state/control.sock"))
    );
    let memory = parse(&format!("{SERVER}[store]\nbackend = \"memory\"\n{rest}"));
    assert_eq!(memory.store.backend, StoreBackend::Memory);
    assert_eq!(memory.plugins.unwrap().cache, None);
    assert_eq!(memory.control.socket, None);
    let off = parse(&format!("{SERVER}[control]\nenabled = false\n{rest}"));
    assert_eq!(off.control.socket, None);
}

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
fn every_kind_of_option_is_read() {
    let subnet = subnet(
        r#"
        [subnet.options]
        subnet-mask = "255.255.0.0"
        routers = "100.64.0.1"
        domain-name-servers = ["192.0.2.53", "192.0.2.54"]
        time-offset = -3600
        ip-forwarding = true
        default-ip-ttl = 64
        interface-mtu = 1500
        ipv6-only-preferred = 4_294_967_295
        host-name = "Ölt"
        domain-search = ["example.net.", "_x.example.org"]
        classless-static-routes = [{ to = "0.0.0.0/0", via = "100.64.0.1" }]
        vendor-specific-information = "hex:0104c0000201"
        "42" = ["192.0.2.123"]
        "224" = "hex:0A:0b"
        "225" = "as it is"
        "#,
    );
    let options = &subnet.options;
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
    let names = vec!["example.net".to_owned(), "_x.example.org".to_owned()];
    let route = ("0.0.0.0/0".parse().unwrap(), address("100.64.0.1"));
    let expected = [
        (1, OptionValue::Address(address("255.255.0.0"))),
        (2, OptionValue::I32(-3_600)),
        (3, OptionValue::Addresses(vec![address("100.64.0.1")])),
        (6, OptionValue::Addresses(vec![address("192.0.2.53"), address("192.0.2.54")])),
        (12, OptionValue::Text("Ölt".to_owned())),
        (19, OptionValue::Flag(true)),
        (23, OptionValue::U8(64)),
        (26, OptionValue::U16(1_500)),
        (42, OptionValue::Addresses(vec![address("192.0.2.123")])),
        (43, OptionValue::Octets(vec![1, 4, 192, 0, 2, 1])),
        (108, OptionValue::U32(u32::MAX)),
        (119, OptionValue::DomainNames(names)),
        (121, OptionValue::Routes(vec![route])),
        (224, OptionValue::Octets(vec![10, 11])),
        (225, OptionValue::Text("as it is".to_owned())),
    ];
    let found: Vec<(u8, OptionValue)> =
        options.iter().map(|(code, value)| (code, OptionValue::clone(value))).collect();
    assert_eq!(found, expected);
}

/// A value of a kind as a configuration writes it.
fn sample(kind: &OptionKind) -> String {
    match kind {
        OptionKind::Address | OptionKind::Addresses | OptionKind::Server | OptionKind::Servers => {
            "\"192.0.2.1\"".to_owned()
        }
        OptionKind::Ipv6Address => "\"2001:db8::1\"".to_owned(),
        OptionKind::Flag | OptionKind::Empty => "true".to_owned(),
        OptionKind::Text => "\"text\"".to_owned(),
        OptionKind::DomainName | OptionKind::DomainNames => "\"example.net\"".to_owned(),
        OptionKind::Routes => "[{ to = \"0.0.0.0/0\", via = \"192.0.2.1\" }]".to_owned(),
        OptionKind::Octets => "\"hex:00\"".to_owned(),
        OptionKind::Fixed(octets) => format!("\"{}\"", "x".repeat(usize::from(*octets))),
        OptionKind::ServiceParameters => "{ alpn = [\"dot\"], port = 853 }".to_owned(),
        OptionKind::Counted(_, kind) => sample(kind),
        OptionKind::List(item) => format!("[{}]", sample(item)),
        OptionKind::Record(fields) => {
            let field = |field: &Field| format!("{} = {}", &*field.name, sample(&field.kind));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        OptionKind::SubOptions(options) => {
            let option =
                |option: &SubOption| format!("{} = {}", &*option.name, sample(&option.kind));
            format!("{{ {} }}", options.iter().map(option).collect::<Vec<_>>().join(", "))
        }
        numbers if numbers.takes_numbers() => "1".to_owned(),
        other => panic!("{other} has no sample"),
    }
}

/// A file can set every option that the core has a name for, or it is refused with an explanation.
#[test]
fn every_option_that_has_a_name_can_be_set() {
    for definition in lessor_core::OptionDefinition::all() {
        let text = match definition.code {
            code::IPV6_ONLY_PREFERRED => "300".to_owned(),
            code::CAPTIVE_PORTAL => "\"https://portal.example.net/\"".to_owned(),
            _ => sample(&definition.kind),
        };
        let by_name = subnet(&format!("options = {{ {} = {text} }}", definition.name));
        let by_number = subnet(&format!("options = {{ {} = {text} }}", definition.code));
        assert!(by_name.options.get(definition.code).is_some(), "{}", definition.name);
        assert_eq!(by_name, by_number, "{}", definition.name);
    }
}

/// In shared/cases, the client got the twelve characters `hex:70786500`.
#[test]
fn octets_can_be_given_for_every_option_in_every_scope() {
    let octets = OptionValue::Octets(b"pxe\0".to_vec());
    for definition in lessor_core::OptionDefinition::all() {
        for key in [definition.name.to_owned(), definition.code.to_string()] {
            let options = format!("{{ {key} = \"hex:70 78:65-00\" }}");
            let text = format!(
                "options = {options}\n{SERVER}\n[[subnet]]\nprefix = \"100.64.0.0/16\"\n\
                 [[subnet]]\nprefix = \"100.65.0.0/16\"\noptions = {options}\n\
                 [[subnet.pool]]\nrange = \"100.65.1.0/24\"\noptions = {options}\n\
                 [[subnet.reservation]]\ncircuit-id = \"line\"\naddress = \"100.65.2.1\"\n\
                 options = {options}\n"
            );
            let networks = parse(&text).topology.networks().to_vec();
            let subnet = &networks[1].subnets[0];
            for scope in [
                &networks[0].subnets[0].options,
                &subnet.options,
                &subnet.pools[0].options,
                &subnet.reservations[0].options,
            ] {
                assert_eq!(value(scope, definition.code), octets, "{key}");
            }
        }
    }
}

#[test]
fn octets_that_are_none_are_refused_for_every_option() {
    for option in ["boot-file-name", "67", "routers", "interface-mtu", "224"] {
        for wrong in ["hex:", "hex:0", "hex:xy"] {
            let options = format!("options = {{ {option} = \"{wrong}\" }}\n");
            let text = format!("{options}{SERVER}\n[[subnet]]\nprefix = \"100.64.0.0/16\"\n");
            let mistakes = lessor_config::parse("t.toml", &text, Path::new("")).unwrap_err();
            assert!(format!("{mistakes:?}").contains("octet"), "{option} {wrong}: {mistakes:?}");
        }
    }
}

#[test]
fn options_of_a_subnet_win_over_those_of_the_file() {
    let networks = networks(
        r#"
        [options]
        domain-name-servers = ["192.0.2.53"]
        domain-name = "example.net"

        [[subnet]]
        prefix = "100.64.0.0/24"
        options = { domain-name = "north.example.net" }

        [[subnet]]
        prefix = "100.65.0.0/24"
        "#,
    );
    let domain_name = |network: &Network| value(&network.subnets[0].options, 15);
    assert_eq!(domain_name(&networks[0]), OptionValue::Text("north.example.net".to_owned()));
    assert_eq!(domain_name(&networks[1]), OptionValue::Text("example.net".to_owned()));
    assert!(networks.iter().all(|network| network.subnets[0].options.get(6).is_some()));
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
