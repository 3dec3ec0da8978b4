//! Classes: the messages that belong to them, the files that they name, and what a hotel gets out
//! of them.
use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    sync::Arc,
};

use lessor_config::{CLASSES_MAX, Case, Configuration, Mistakes};
use lessor_core::{
    Arrival, Attempt, ClientPlace, Engine, HardwareAddress, ReceivedOptions, RelayInformation,
    Reply, Request, RequestKind, Terms, Timestamp, option::code,
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Reads a configuration with these classes.
fn read(base: &Path, classes: &str) -> Result<Configuration, Mistakes> {
    let text = format!(
        "[server]\nlisten = [\"192.0.2.1\"]\ninterfaces = [\"eth0\"]\n{classes}\n[[subnet]]\n\
         prefix = \"100.64.0.0/16\"\n[[subnet.pool]]\nname = \"all\"\n\
         range = \"100.64.1.0-100.64.1.255\"\n[[subnet]]\nprefix = \"100.65.0.0/16\"\n"
    );
    lessor_config::parse("test.toml", &text, base)
}

/// A DISCOVER over the relay 100.64.0.1 with these options.
fn discover(options: &[(u8, &[u8])]) -> Request {
    let mut received = ReceivedOptions::default();
    options.iter().for_each(|(code, octets)| received.append(*code, octets));
    Request {
        kind: RequestKind::Discover,
        arrival: Arrival {
            source: SocketAddrV4::new(Ipv4Addr::new(100, 64, 0, 1), 67),
            server_address: Ipv4Addr::new(192, 0, 2, 1),
            link_addresses: None,
            own_addresses: Default::default(),
            unicast: true,
            interface: None,
            mtu_octets: None,
        },
        transaction_id: 1,
        elapsed_secs: 0,
        flags: 0,
        client_address: Ipv4Addr::UNSPECIFIED,
        relay_address: Ipv4Addr::new(100, 64, 0, 1),
        hardware_address: HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1]),
        client_identifier: None,
        requested_address: None,
        server_identifier: None,
        lease_time_secs: None,
        parameter_request_list: received
            .get(code::PARAMETER_REQUEST_LIST)
            .unwrap_or_default()
            .into(),
        max_message_size: None,
        subnet_selection: None,
        relay_information: received
            .get(code::RELAY_AGENT_INFORMATION)
            .map(RelayInformation::from_octets),
        options: received,
        classes: Default::default(),
        packet: Box::default(),
    }
}

#[track_caller]
fn classes_of(configuration: &Configuration, request: &Request) -> Vec<String> {
    let topology = &configuration.topology;
    let network = topology.locate(request).and_then(|location| topology.network(location));
    let network = network.map(|network| &**network);
    let place = ClientPlace { network, ..ClientPlace::of_message(request) };
    let found = topology.classes().of(request, place, None);
    found.names().map(|name| name.to_string()).collect()
}

/// Whether the request belongs to a class with this table `match`.
#[track_caller]
fn meets(matching: &str, request: &Request) -> bool {
    let tables = "[[option]]\nname = \"site\"\ncode = 230\ntype = \"sub-options\"\n\
                  sub-options = [{ code = 1, name = \"room\", type = \"u16\" }]\n\
                  [[vendor]]\nname = \"acme\"\nclass = \"ACME\"\nenterprise = 32473\n\
                  sub-options = [{ code = 2, name = \"vlan\", type = \"u16\" }]\n";
    let class = format!("{tables}[[class]]\nname = \"x\"\nmatch = {{ {matching} }}\n");
    let configuration = read(Path::new(""), &class).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    !classes_of(&configuration, request).is_empty()
}

#[test]
fn octets_are_compared_as_their_option_says() {
    let request = discover(&[
        (12, b"phone-7\0"),
        (43, b"\x01\x01a\x02\x02\x00\x07"),
        (55, &[1, 3, 6, 119]),
        (60, b"ACME phone"),
        (77, b"\x03one\x03two"),
        (82, b"\x01\x05olt/1\x06\x03\x00\x01\x02"),
        (93, &[0, 7, 0, 16]),
        (124, b"\x00\x00\x7e\xd9\x06\x05ACS-1\x00\x00\x00\x01\x00"),
        (125, b"\x00\x00\x00\x01\x00\x00\x00\x7e\xd9\x04\x02\x02\x01\x00"),
        (224, &[0, 255]),
        (230, &[1, 2, 1, 56]),
    ]);
    for matching in [
        "vendor-class = 'ACME phone'",
        "vendor-class = ['other', 'ACME phone']",
        "vendor-class = { starts-with = 'ACME' }",
        "vendor-class = { starts-with = 'x', equals = 'ACME phone' }",
        "vendor-class = { present = true }",
        "user-class = 'two'",
        "user-class = { starts-with = 'on' }",
        "user-class = 'hex:036f6e650374776f'",
        "circuit-id = 'olt/1'",
        "circuit-id = { starts-with = 'hex:6f6c' }",
        "hardware-address = '02:00:5e:00:53:01'",
        "hardware-address = ['06:00:5e', '02:00:5e']",
        "relay = '100.64.0.1'",
        "relay = ['10.0.0.0/8', '100.64.0.0/16']",
        "options = { host-name = 'phone-7' }",
        "options = { '12' = { starts-with = 'phone-' } }",
        "options = { parameter-request-list = 119 }",
        "options = { parameter-request-list = [5, 6] }",
        "options = { parameter-request-list = 'hex:01030677' }",
        "options = { parameter-request-list = { starts-with = 'hex:0103' } }",
        "options = { client-architecture = [7, 9] }",
        "options = { client-architecture = 'hex:00070010' }",
        "options = { '224' = 'hex:00ff' }",
        "options = { site = { room = 312 } }",
        "options = { site = { '1' = ['hex:0138', 7] } }",
        "options = { site = { starts-with = 'hex:0102' } }",
        "options = { relay-agent-information = { subscriber-id = 'hex:000102' } }",
        "options = { relay-agent-information = { '6' = { present = true } } }",
        "options = { vendor-specific-information = { acme = { vlan = 7 } } }",
        "options = { vendor-specific-information = { '1' = 'a' } }",
        "options = { vendor-identifying-vendor-specific = { acme = { vlan = 256 } } }",
        "options = { vendor-identifying-vendor-specific = { '32473' = { '2' = 'hex:0100' } } }",
        "options = { vendor-identifying-vendor-specific = { '1' = { present = true } } }",
        "options = { vendor-identifying-vendor-class = { acme = { starts-with = 'ACS' } } }",
        "any = [{ vendor-class = 'x' }, { circuit-id = 'olt/1' }]",
        "not = { vendor-class = 'x' }",
        "not = { interface = 'eth0' }",
        "vendor-class = { starts-with = 'ACME' }, user-class = 'one', relay = '100.64.0.1'",
    ] {
        assert!(meets(matching, &request), "{matching}");
    }
    for matching in [
        "vendor-class = 'ACME'",
        "vendor-class = { starts-with = 'acme' }",
        "user-class = 'on'",
        "circuit-id = { starts-with = 'olt/12' }",
        "remote-id = { present = true }",
        "hardware-address = '02:00:5e:00:53:02'",
        "hardware-address = '6/02:00:5e'",
        "relay = '100.64.0.2'",
        "interface = 'eth0'",
        "options = { parameter-request-list = 'hex:010306' }",
        "options = { client-architecture = 1792 }",
        "options = { site = { room = 313 } }",
        "options = { relay-agent-information = { subscriber-id = 'hex:0001' } }",
        "options = { vendor-specific-information = { acme = { vlan = 8 } } }",
        "options = { vendor-identifying-vendor-specific = { '2' = { present = true } } }",
        "options = { '225' = { present = true } }",
        "any = [{ vendor-class = 'x' }, { circuit-id = 'olt/2' }]",
        "not = { circuit-id = 'olt/1' }",
        "vendor-class = { starts-with = 'ACME' }, user-class = 'three'",
    ] {
        assert!(!meets(matching, &request), "{matching}");
    }
    // Sub-options of a vendor are those of its clients.
    let other = discover(&[(43, b"\x02\x02\x00\x07"), (60, b"other")]);
    assert!(!meets("options = { vendor-specific-information = { acme = { vlan = 7 } } }", &other));
    assert!(meets("options = { vendor-specific-information = { '2' = 'hex:0007' } }", &other));
    // In option 43 there may be padding between sub-options, and there is nothing after the end.
    let padded = discover(&[(43, b"\0\0\x02\x02\x00\x07\xff\x03\x01a"), (60, b"ACME")]);
    assert!(meets("options = { vendor-specific-information = { acme = { vlan = 7 } } }", &padded));
    assert!(!meets("options = { vendor-specific-information = { '3' = 'a' } }", &padded));
}

#[test]
fn sub_options_are_those_of_the_vendor_with_the_longest_class() {
    let vendor = |name: &str, class: &str| {
        format!(
            "[[vendor]]\nname = \"{name}\"\nclass = \"{class}\"\n\
             sub-options = [{{ code = 1, name = \"url\", type = \"text\" }}]\n"
        )
    };
    let class = |name: &str, vendor: &str| {
        format!(
            "[[class]]\nname = \"{name}\"\nmatch = {{ options = {{ vendor-specific-information = \
             {{ {vendor} = {{ url = {{ starts-with = \"x\" }} }} }} }} }}\n"
        )
    };
    let vendors = [vendor("acme", "ACME"), vendor("acme-nine", "ACME9"), vendor("other", "AC")];
    let classes = [class("a", "acme"), class("nine", "acme-nine"), class("other", "other")];
    let configuration = read(Path::new(""), &(vendors.concat() + &classes.concat()));
    let configuration = configuration.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    for (vendor_class, expected) in [
        (&b"ACME"[..], vec!["a"]),
        (b"ACME8", vec!["a"]),
        (b"ACME9", vec!["nine"]),
        (b"ACME9 phone", vec!["nine"]),
        (b"ACM", vec!["other"]),
        (b"A", vec![]),
    ] {
        let request = discover(&[(43, b"\x01\x02xx"), (60, vendor_class)]);
        assert_eq!(classes_of(&configuration, &request), expected, "{vendor_class:?}");
    }
}

#[test]
fn damaged_options_meet_nothing_and_harm_nothing() {
    let matching = "any = [{ user-class = 'a' }, { options = { site = { room = 1 } } }, \
                    { options = { client-architecture = 7 } }, { circuit-id = 'a' }, \
                    { options = { vendor-identifying-vendor-specific = { acme = { vlan = 7 } } } }, \
                    { options = { vendor-specific-information = { '1' = 'a' } } }]";
    for code in [43, 60, 77, 82, 93, 124, 125, 230] {
        for octets in
            [&b""[..], b"\0", b"\x01", b"\x01\xff", b"\xff\xff", b"\x00\x00\x7e\xd9\x05\x02"]
        {
            assert!(!meets(matching, &discover(&[(code, octets)])), "{code} {octets:?}");
            let long = octets.repeat(300);
            assert!(!meets(matching, &discover(&[(code, &long)])), "{code} {octets:?} repeated");
        }
    }
}

#[test]
fn a_client_that_renews_directly_is_still_behind_its_relay() {
    let mut request = discover(&[]);
    request.relay_address = Ipv4Addr::UNSPECIFIED;
    request.client_address = Ipv4Addr::new(100, 64, 1, 7);
    // A client that asks for an address uses none, whatever it says.
    assert!(!meets("relay = '100.64.0.1'", &request));
    request.kind = RequestKind::Request;
    assert!(meets("relay = '100.64.0.1'", &request));
    request.client_address = Ipv4Addr::new(100, 65, 1, 7);
    assert!(!meets("relay = '100.64.0.1'", &request));
    // Without an address of its own it may be anywhere.
    request.client_address = Ipv4Addr::UNSPECIFIED;
    assert!(!meets("relay = '100.64.0.1'", &request));
}

/// A configuration with the relay 192.0.2.7, named below the network `hall`, and one that has it
/// in the VPN green.
const NAMED_RELAYS: &str = r#"
[server]
listen = ["192.0.2.1"]
[[class]]
name = "behind"
match = { relay = "192.0.2.7" }
[[class]]
name = "green"
match = { relay = "100.64.0.99" }
[[vpn]]
name = "green"
[[network]]
name = "hall"
relay-addresses = ["192.0.2.7"]
[[subnet]]
prefix = "100.64.0.0/16"
shared-network = "hall"
[[subnet]]
prefix = "100.65.0.0/16"
shared-network = "hall"
[[subnet]]
prefix = "100.66.0.0/16"
[[subnet]]
prefix = "100.64.0.0/24"
vpn = "green"
relay-addresses = ["100.64.0.99"]
"#;

#[test]
fn a_client_behind_a_relay_with_an_address_elsewhere_has_its_classes_when_it_renews() {
    let configuration = lessor_config::parse("test.toml", NAMED_RELAYS, Path::new("")).unwrap();
    let mut request = discover(&[]);
    request.relay_address = Ipv4Addr::new(192, 0, 2, 7);
    assert_eq!(classes_of(&configuration, &request), ["behind"]);
    request.kind = RequestKind::Request;
    request.relay_address = Ipv4Addr::UNSPECIFIED;
    for (address, expected) in [
        // The relay belongs to a network, and so to each of its subnets.
        ([100, 64, 1, 7], &["behind"][..]),
        ([100, 65, 1, 7], &["behind"]),
        ([100, 66, 1, 7], &[]),
        // Outside of all VPNs, this is not the address of a client of the VPN.
        ([100, 64, 0, 7], &["behind"]),
    ] {
        request.client_address = address.into();
        assert_eq!(classes_of(&configuration, &request), expected, "{address:?}");
    }
    request.options.append(221, b"\0green");
    request.client_address = Ipv4Addr::new(100, 64, 0, 7);
    assert_eq!(classes_of(&configuration, &request), ["green"]);
}

#[test]
fn a_relay_that_only_relay_addresses_name_is_served() {
    let text = NAMED_RELAYS.replace("[server]", "[server]\nrelays = [\"198.51.100.0/24\"]");
    // Otherwise the class would be refused because no message could meet it.
    let configuration = lessor_config::parse("test.toml", &text, Path::new(""));
    let topology = configuration.unwrap_or_else(|mistakes| panic!("{mistakes}")).topology;
    let hall = &topology.networks()[0];
    let mut request = discover(&[]);
    for (relay, is_served) in
        [([192, 0, 2, 7], true), ([192, 0, 2, 8], false), ([198, 51, 100, 1], true)]
    {
        request.relay_address = relay.into();
        for subnet in &hall.subnets {
            assert_eq!(hall.serves_relay_of(subnet, &request), is_served, "{relay:?}");
        }
    }
    let unnamed = text.replace("relay = \"192.0.2.7\"", "relay = \"192.0.2.8\"");
    let mistakes = lessor_config::parse("test.toml", &unnamed, Path::new("")).unwrap_err();
    assert!(mistakes.to_string().contains("none of these relays is served"), "{mistakes}");
}

#[test]
fn only_clients_on_its_link_are_those_of_an_interface() {
    let on_eth0 = |unicast, links: Option<[u8; 4]>| {
        let mut request = discover(&[]);
        request.relay_address = Ipv4Addr::UNSPECIFIED;
        request.arrival.interface = Some("eth0".into());
        request.arrival.unicast = unicast;
        request.arrival.link_addresses = links.map(|address| [address.into()].into());
        request
    };
    let link = Some([100, 64, 0, 1]);
    assert!(meets("interface = 'eth0'", &on_eth0(false, link)));
    // A relay sends to an address of the interface.
    let relayed = Request { relay_address: [100, 64, 0, 9].into(), ..on_eth0(true, None) };
    assert!(!meets("interface = 'eth0'", &relayed));
    assert!(!meets(
        "interface = 'eth0'",
        &Request { arrival: on_eth0(true, link).arrival, ..relayed }
    ));
    let renewal = |from: [u8; 4], links| Request {
        kind: RequestKind::Request,
        client_address: from.into(),
        ..on_eth0(true, links)
    };
    assert!(meets("interface = 'eth0'", &renewal([100, 64, 1, 7], link)));
    assert!(!meets("interface = 'eth0'", &renewal([100, 65, 1, 7], link)));
    // On a socket of `listen`, only the address that the client sent to is known.
    assert!(!meets("interface = 'eth0'", &renewal([100, 64, 1, 7], None)));
    let mut to_link = renewal([100, 64, 1, 7], None);
    to_link.arrival.server_address = Ipv4Addr::new(100, 64, 0, 1);
    assert!(meets("interface = 'eth0'", &to_link));
}

#[test]
fn a_message_belongs_to_all_classes_that_it_meets_in_their_order() {
    let classes: String = (0..6)
        .rev()
        .map(|number| {
            format!("[[class]]\nname = \"c{number}\"\nmatch = {{ vendor-class = \"a\" }}\n")
        })
        .collect();
    let configuration = read(Path::new(""), &classes).unwrap();
    let found = classes_of(&configuration, &discover(&[(60, b"a")]));
    assert_eq!(found, ["c5", "c4", "c3", "c2", "c1", "c0"]);
}

#[test]
fn there_are_so_many_classes_and_no_more() {
    let classes = |count: usize| -> String {
        (0..count)
            .map(|number| {
                format!("[[class]]\nname = \"c{number}\"\nmatch = {{ vendor-class = \"a\" }}\n")
            })
            .collect()
    };
    assert!(read(Path::new(""), &classes(CLASSES_MAX)).is_ok());
    let mistakes = read(Path::new(""), &classes(CLASSES_MAX + 1)).unwrap_err();
    assert!(mistakes.to_string().contains("there are more than 1000 classes"), "{mistakes}");
}

#[test]
fn mistakes_in_files_are_explained_as_agreed() {
    let golden = folder("tests/golden/classes");
    let is_updating = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut files: Vec<PathBuf> = fs::read_dir(&golden)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 3, "only {} files", files.len());
    let mut differing = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let key = if name.starts_with("hardware") { "hardware-address" } else { "circuit-id" };
        let class =
            format!("[[class]]\nname = \"x\"\nmatch = {{ {key} = {{ in-file = \"{name}\" }} }}\n");
        let mistakes = read(&golden, &class).err().unwrap_or_else(|| panic!("{name}"));
        let prefix = format!("{}/", golden.display());
        let rendered = mistakes.render(false).replace(&prefix, "");
        let expected = golden.join(format!("{name}.expected"));
        if is_updating {
            fs::write(&expected, &rendered).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != rendered {
            differing.push(format!("{name} is now explained so:\n{rendered}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn a_file_of_a_million_hardware_addresses_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let address = |number: u32| {
        let [a, b, c, d] = number.to_be_bytes();
        format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}\n")
    };
    let text: String = (0..1_000_000).rev().map(address).collect();
    fs::write(folder.path().join("devices.txt"), text).unwrap();
    let class = "[[class]]\nname = \"x\"\n\
                 match = { hardware-address = { in-file = \"devices.txt\" } }\n\
                 [[class]]\nname = \"others\"\n\
                 match = { not = { hardware-address = { in-file = \"devices.txt\" } } }\n";
    let configuration = read(folder.path(), class).unwrap_or_else(|found| panic!("{found}"));
    let [file] = &configuration.class_files[..] else { panic!("one file") };
    assert_eq!(file.values, 1_000_000);
    let mut request = discover(&[]);
    for (number, expected) in [(0_u32, "x"), (999_999, "x"), (1_000_000, "others")] {
        let [a, b, c, d] = number.to_be_bytes();
        request.hardware_address = HardwareAddress::ethernet([2, 0, a, b, c, d]);
        assert_eq!(classes_of(&configuration, &request), [expected]);
    }
}

#[test]
fn files_hold_texts_and_the_beginnings_of_hardware_addresses() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "\u{feff}# two\r\n02:00:5e\r\n\r\n32/80:00\r\n")
        .unwrap();
    fs::write(folder.path().join("b.txt"), "olt 1/2 \nhex:00ff\n").unwrap();
    fs::write(folder.path().join("none.txt"), "# nothing yet\n").unwrap();
    let class = "[[class]]\nname = \"a\"\nmatch = { hardware-address = { in-file = \"a.txt\" } }\n\
                 [[class]]\nname = \"b\"\n\
                 match = { circuit-id = { in-file = \"b.txt\", starts-with = \"x\" } }\n\
                 [[class]]\nname = \"none\"\n\
                 match = { vendor-class = { in-file = \"none.txt\" } }\n";
    let configuration = read(folder.path(), class).unwrap_or_else(|found| panic!("{found}"));
    let values: Vec<u64> = configuration.class_files.iter().map(|file| file.values).collect();
    assert_eq!(values, [2, 2, 0]);
    for circuit in [&b"\x01\x07olt 1/2"[..], b"\x01\x02\x00\xff", b"\x01\x02xy"] {
        let request = discover(&[(82, circuit), (60, b"# nothing yet")]);
        assert_eq!(classes_of(&configuration, &request), ["a", "b"], "{circuit:?}");
    }
}

/// What the configuration of a hotel makes of a described message.
fn decided(hotel: &Configuration, case: &Case) -> (Request, Option<Arc<str>>, Reply) {
    let described = &case.request;
    let mut options: Vec<(u8, Vec<u8>)> =
        described.options.iter().map(|(code, value)| (*code, value.to_octets())).collect();
    let sub_options = described.relay_sub_options.iter().map(|(code, value)| (*code, &**value));
    let information = RelayInformation::from_sub_options(sub_options);
    if !information.octets().is_empty() {
        options.push((code::RELAY_AGENT_INFORMATION, information.octets().to_vec()));
    }
    let options: Vec<(u8, &[u8])> =
        options.iter().map(|(code, octets)| (*code, &**octets)).collect();
    let mut request = discover(&options);
    request.hardware_address = described.hardware_address;
    request.relay_address = described.relay_address.unwrap_or(Ipv4Addr::UNSPECIFIED);
    request.arrival.interface.clone_from(&described.interface);
    let asked_for = request.options.get(code::LEASE_TIME).map(|it| it.try_into().unwrap());
    request.lease_time_secs = asked_for.map(u32::from_be_bytes);
    if described.relay_address.is_none() {
        request.arrival.link_addresses = Some([described.subnet.hosts().next().unwrap()].into());
        request.arrival.unicast = false;
    }
    let topology = &hotel.topology;
    let location = topology.locate(&request).unwrap();
    let network = Arc::clone(topology.network(location).unwrap());
    let place = ClientPlace { network: Some(&network), ..ClientPlace::of_message(&request) };
    request.classes = topology.classes().of(&request, place, None);
    let mut engine = Engine::new(Arc::clone(&network), 7);
    let now = Timestamp::from_unix_ms(0);
    let terms = Terms::default();
    let Attempt::Decided(decision) = engine.decide(now, location.subnet, &request, &terms) else {
        panic!("decided")
    };
    let reply = decision.reply.unwrap();
    let pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
    let mut pools = pools.filter(|pool| pool.contains(reply.your_address));
    let pool = pools.next().map(|pool| Arc::clone(&pool.name));
    (request, pool, reply)
}

#[test]
fn records_remember_relays_only_if_a_class_is_about_relays_or_interfaces() {
    for (matching, expected) in [
        ("relay = '100.64.0.1'", true),
        ("not = { any = [{ interface = 'eth0' }] }", true),
        ("circuit-id = 'x', not = { vendor-class = 'y' }", false),
    ] {
        let class = format!("[[class]]\nname = \"x\"\nmatch = {{ {matching} }}\n");
        let configuration = read(Path::new(""), &class).unwrap_or_else(|found| panic!("{found}"));
        let mut networks = configuration.topology.networks().iter();
        assert!(networks.all(|network| network.classes.read_relay == expected), "{matching}");
    }
}

#[test]
fn the_hotel_serves_each_device_as_its_cases_say() {
    let hotel = lessor_config::load(&folder("examples/hotel.toml"));
    let hotel = hotel.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let mut cases: Vec<PathBuf> = fs::read_dir(folder("examples/hotel-cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 8, "{cases:?}");
    for path in cases {
        let name = path.file_name().unwrap().to_str().unwrap();
        let case = lessor_config::load_case(&path).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let (request, pool, reply) = decided(&hotel, &case);
        let expected = case.expectation.unwrap();
        let classes: Vec<String> = request.classes.names().map(|name| name.to_string()).collect();
        assert_eq!(Some(classes), expected.classes, "{name}");
        let wanted = expected.pool.as_ref().map(|pools| pools.first());
        assert_eq!(pool.as_ref(), wanted, "{name}");
        let account = request.account_of_class(request.relay_information.as_ref());
        assert_eq!(account, expected.subscriber, "{name}");
        let next_server = expected.reply_terms.next_server.unwrap_or(Ipv4Addr::UNSPECIFIED);
        assert_eq!(reply.next_server_address, next_server, "{name}");
        let boot_file = expected.reply_terms.boot_file.unwrap_or_default();
        assert_eq!(reply.boot_file, boot_file, "{name}");
        let sent = |code: u8| {
            let found = reply.options.iter().find(|(found, _)| *found == code);
            found.map(|(_, value)| value.to_octets())
        };
        let lease_time = expected.lease_time_secs.map(|secs| secs.to_be_bytes().to_vec());
        assert_eq!(sent(code::LEASE_TIME), lease_time, "{name}");
        for (code, value) in expected.options.set {
            assert_eq!(sent(code), Some(value.to_octets()), "{name}: option {code}");
        }
        for code in expected.options.removed {
            assert_eq!(sent(code), None, "{name}: option {code}");
        }
    }
}
