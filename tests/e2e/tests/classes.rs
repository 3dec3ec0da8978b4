//! Classes on the real server: what clients of a class get, what the journal and `explain` show of
//! it and policies read, what a reload changes, and which files are refused.

use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::Duration,
};

use lessor_e2e::{
    ClientMessage, JournalLine, Server, Setup, loopback_address, process_status, relay, wait,
};
use lessor_load::{Acquired, Answer, Relay, Subscriber};
use serde_json::Value;

const SUBNETS: &str = r#"
    [[class]]
    name = "listed"
    match = { hardware-address = { in-file = "devices.txt" } }
    pools = ["devices"]
    lease-time = "10m"

    [[class]]
    name = "television"
    match = { options = { vendor-class-identifier = { starts-with = "HotelTV" } } }
    pools = ["television", "guests"]
    options = { domain-name-servers = ["192.0.2.66"] }
    max-lease-time = "30m"

    [[class]]
    name = "rooms"
    match = { circuit-id = { starts-with = "room/" }, not = { hardware-address = { in-file = "devices.txt" } } }
    limit = { by = "circuit-id", leases-max = 1, beyond = "refuse" }
    options = { domain-name-servers = ["192.0.2.77"] }

    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"
    options = { routers = ["100.64.0.1"], domain-name-servers = ["192.0.2.53"] }

    [[subnet.pool]]
    name = "guests"
    range = "100.64.1.0-100.64.1.255"

    [[subnet.pool]]
    name = "devices"
    range = "100.64.2.0-100.64.2.255"
    by-policy-only = true

    [[subnet.pool]]
    name = "television"
    range = "100.64.3.1-100.64.3.1"
    by-policy-only = true
"#;
/// A network with two relays, one of which is that of a class.
const TWO_RELAYS: &str = r#"
    [[class]]
    name = "east"
    match = { relay = "EAST" }
    pools = ["east"]

    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    name = "others"
    range = "100.64.1.0-100.64.1.255"

    [[subnet.pool]]
    name = "east"
    range = "100.64.2.0-100.64.2.255"
    by-policy-only = true
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);
const DEVICES: &str = "# Devices of the house.\n02:00:00:00:00:01\n06:00:00\n";

fn setup() -> Setup {
    let setup = Setup::on_loopback(SUBNETS);
    fs::write(setup.folder().join("devices.txt"), DEVICES).unwrap();
    setup
}

fn subscriber(number: u8, circuit_id: &str) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 0, number], circuit_id)
}

fn television(number: u8, circuit_id: &str) -> Subscriber {
    Subscriber { vendor_class: Some("HotelTV 4".to_owned()), ..subscriber(number, circuit_id) }
}

#[track_caller]
fn acquire(server: &Server, subscriber: &Subscriber) -> Acquired {
    let mut relay = relay(server.address(), LINK);
    relay.acquire(subscriber, PATIENCE).unwrap_or_else(|error| panic!("{error}"))
}

/// The third octet of the address, which says the pool, the lease time and the name server.
fn facts(lease: &Acquired) -> (u8, u32, Vec<Ipv4Addr>) {
    (lease.address.octets()[2], lease.lease_time_secs, lease.domain_name_servers.clone())
}

fn name_server(last: u8) -> Vec<Ipv4Addr> {
    vec![Ipv4Addr::new(192, 0, 2, last)]
}

#[test]
fn each_client_gets_what_its_classes_say() {
    let server = setup().start();
    assert_eq!(facts(&acquire(&server, &subscriber(1, "room/1"))), (2, 600, name_server(53)));
    assert_eq!(facts(&acquire(&server, &subscriber(2, "lobby"))), (1, 3600, name_server(53)));
    // The class of televisions comes before that of rooms.
    assert_eq!(facts(&acquire(&server, &television(3, "room/3"))), (3, 1800, name_server(66)));
    // The preferred pool has one address only.
    assert_eq!(facts(&acquire(&server, &television(4, "room/4"))), (1, 1800, name_server(66)));
    assert_eq!(facts(&acquire(&server, &subscriber(5, "room/5"))), (1, 3600, name_server(77)));

    let is_of = |number: u8| {
        move |line: &JournalLine| {
            line.hardware_address == Some(format!("02:00:00:00:00:{number:02x}"))
        }
    };
    let line = server.journal_says("the television", is_of(3));
    assert_eq!(line.classes, ["television", "rooms"]);
    assert_eq!(line.subscriber.as_deref(), Some("rooms/room/3"));
    let line = server.journal_says("the client of no class", is_of(2));
    assert!(line.classes.is_empty() && line.subscriber.is_none());

    // A second device in a room is one too many; it is still so after a restart.
    let mut server = server;
    for _ in 0..2 {
        let mut relay = relay(server.address(), LINK);
        let answer = relay.discover(&subscriber(6, "room/5"), SILENCE).unwrap();
        assert!(matches!(answer, Answer::Silence), "{answer:?}");
        server.journal_has("subscriber-limit");
        assert!(server.stop().success());
        server.start_again();
    }
}

#[test]
fn a_renewal_without_a_relay_keeps_its_classes() {
    let server = setup().start();
    let device = subscriber(5, "room/5");
    let lease = acquire(&server, &device);
    // The reply goes to the address of the client, which is not on this machine.
    let renewal = ClientMessage::new(3, device.hardware_address).client_address(lease.address);
    let socket = UdpSocket::bind(SocketAddrV4::new(loopback_address(), 0)).unwrap();
    socket.send_to(&renewal.octets(), server.address()).unwrap();
    let is_direct = |line: &JournalLine| {
        line.hardware_address.as_deref() == Some("02:00:00:00:00:05") && line.circuit_id.is_none()
    };
    let line = server.journal_says("the renewal", is_direct);
    assert_eq!(line.classes, ["rooms"], "{line:?}");
    assert_eq!(line.address, Some(lease.address));
}

#[test]
fn a_renewal_without_a_relay_has_the_class_of_its_own_relay() {
    let [east, west] = [loopback_address(), loopback_address()];
    let server = Setup::on_loopback(&TWO_RELAYS.replace("EAST", &east.to_string())).start();
    let through = |relay: Ipv4Addr, number: u8| {
        let device = subscriber(number, "room/1");
        let relay = Relay::bind(SocketAddrV4::new(relay, 0), server.address(), Some(LINK));
        let acquired = relay.unwrap().acquire(&device, PATIENCE);
        (device, acquired.unwrap_or_else(|error| panic!("{error}")).address)
    };
    let leased = [through(east, 1), through(west, 2)];
    let pools = leased.each_ref().map(|(_, address)| address.octets()[2]);
    assert_eq!(pools, [2, 1]);
    // The replies go to the addresses of the clients, which are not on this machine.
    let socket = UdpSocket::bind(SocketAddrV4::new(loopback_address(), 0)).unwrap();
    for ((device, address), expected) in leased.iter().zip([&["east"][..], &[]]) {
        let renewal = ClientMessage::new(3, device.hardware_address).client_address(*address);
        socket.send_to(&renewal.octets(), server.address()).unwrap();
        let sender = format!("02:00:00:00:00:{:02}", device.hardware_address[5]);
        let is_direct = |line: &JournalLine| {
            line.hardware_address.as_ref() == Some(&sender) && line.circuit_id.is_none()
        };
        let line = server.journal_says("the renewal", is_direct);
        assert_eq!(line.classes, expected, "{line:?}");
        assert_eq!(line.address, Some(*address), "{line:?}");
    }
}

#[test]
fn an_explanation_names_the_classes_and_what_is_from_them() {
    let server = setup().start();
    let explained = |arguments: &[&str]| -> Value {
        let output = server.ask(&[&["explain", "--json"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let found = explained(&["--hardware-address", "02:00:00:00:00:09", "--circuit-id", "room/9"]);
    assert_eq!(found["classes"], serde_json::json!(["rooms"]));
    let limit = found["class-limit"].as_str().unwrap();
    assert!(limit.contains("rooms/room/9") && limit.contains("at most 1 lease"), "{limit}");
    let options = found["reply"]["options"].as_array().unwrap();
    let servers = options.iter().find(|option| option["name"] == "domain-name-servers").unwrap();
    assert_eq!(servers["set-by"], "class rooms");
    let found = explained(&["--hardware-address", "06:00:00:00:00:09", "--circuit-id", "room/9"]);
    assert_eq!(found["classes"], serde_json::json!(["listed"]));
    assert_eq!(found["allocation"][0]["pool"], "devices");
    let found = explained(&["--hardware-address", "02:00:00:00:00:09", "--circuit-id", "lobby"]);
    assert!(found.get("classes").is_none(), "{found}");

    let output =
        server.ask(&["explain", "--hardware-address", "06:00:00:00:00:09", "--circuit-id", "x"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("classes") && said.contains("listed"), "{said}");
}

#[test]
fn a_policy_reads_the_classes_and_has_the_last_word() {
    let setup = setup();
    let script = r#"
        fn decide(request, terms) {
            if "television" in request.classes {
                terms.pool = "devices";
                terms.lease_time_secs = 60 * request.classes.len();
            }
        }
    "#;
    setup.put_script("20-classes.rhai", script, "");
    let server = setup.start();
    assert_eq!(facts(&acquire(&server, &television(3, "room/3"))), (2, 120, name_server(66)));
    assert_eq!(facts(&acquire(&server, &subscriber(4, "room/4"))), (1, 3600, name_server(77)));
}

#[test]
fn a_reload_reads_the_file_again_and_refuses_a_mistake_in_it() {
    let server = setup().start();
    let device = subscriber(7, "lobby");
    assert_eq!(facts(&acquire(&server, &device)).0, 1);
    let file = server.folder().join("devices.txt");
    fs::write(&file, format!("{DEVICES}02:00:00:00:00:07\n")).unwrap();
    assert!(server.reload().accepted);
    assert_eq!(facts(&acquire(&server, &device)).0, 2);

    fs::write(&file, "02:00:00:00:00:07\nphone 7\n").unwrap();
    let refused = server.reload();
    assert!(!refused.accepted, "{}", refused.said);
    assert!(refused.said.contains("devices.txt:2:"), "{}", refused.said);
    assert!(refused.said.contains("phone 7"), "{}", refused.said);
    assert_eq!(facts(&acquire(&server, &subscriber(1, "lobby"))).0, 2);
}

#[test]
fn a_million_hardware_addresses_are_one_class() {
    let setup = setup();
    let mut text = String::new();
    for number in 0..1_000_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        writeln!(text, "0a:00:00:{a:02x}:{b:02x}:{c:02x}").unwrap();
    }
    fs::write(setup.folder().join("devices.txt"), &text).unwrap();
    let mut server = setup.start();
    let of = |number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        Subscriber::new([0x0a, 0, 0, a, b, c], "lobby")
    };
    assert_eq!(facts(&acquire(&server, &of(999_999))).0, 2);
    assert_eq!(facts(&acquire(&server, &of(1_000_000))).0, 1);
    let before_kib = process_status::resident_kib(server.process().id());
    // A reload holds both sets for a while, and then one.
    for _ in 0..3 {
        assert!(server.reload().accepted);
    }
    assert_eq!(facts(&acquire(&server, &of(0))).0, 2);
    let process = server.process().id();
    wait::within(PATIENCE * 4, "the memory of replaced sets is returned", || {
        let grown_kib = process_status::resident_kib(process).saturating_sub(before_kib);
        (grown_kib < 40_000).then_some(())
    });
}
