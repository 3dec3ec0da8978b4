//! What is reserved for a client or a line: by which identifiers, for which of several, with and
//! without an address, and what the server says about it.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    process::Command,
    time::Duration,
};

use lessor_e2e::{ClientMessage, Server, Setup, built, loopback_address, relay};
use lessor_load::{Acquired, Answer, Subscriber};

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const OTHER_LINK: Ipv4Addr = Ipv4Addr::new(100, 65, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);

const SUBNETS: &str = r#"
    [[class]]
    name = "business"
    pools = ["modems"]
    options = { domain-name = "business.example" }
    lease-time = "5m"

    [[class]]
    name = "acme"
    match = { vendor-class = "ACME" }
    options = { domain-name = "acme.example", host-name = "acme" }

    [[reservation]]
    circuit-id = "office"
    classes = ["acme", "business"]

    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "10m"

    [[subnet.pool]]
    range = "100.64.1.0-100.64.1.255"

    [[subnet.pool]]
    name = "modems"
    range = "100.64.2.0-100.64.2.255"
    by-policy-only = true

    [[subnet.reservation]]
    circuit-id = "olt1"
    address = "100.64.201.1"

    [[subnet.reservation]]
    duid = "00:03:00:01:02:00:5e:00:53:77"
    address = "100.64.201.2"

    [[subnet.reservation]]
    hardware-address = ["02:00:00:00:00:03", "02:00:00:00:00:04"]
    address = "100.64.201.3"
    options = { host-name = "laptop" }

    [[subnet.reservation]]
    hardware-address = "02:00:00:00:00:05"
    pool = "modems"
    lease-time = "2m"

    [[subnet]]
    prefix = "100.65.0.0/24"

    [[subnet.pool]]
    range = "100.65.0.10-100.65.0.200"

    [[subnet.reservation]]
    hardware-address = "02:00:00:00:00:06"
    options = { host-name = "own" }

    [[reservation]]
    hardware-address = "02:00:00:00:00:06"
    options = { host-name = "everywhere" }
"#;

fn device(number: u8, line: &str) -> Subscriber {
    Subscriber {
        parameter_request_list: vec![1, 3, 12],
        ..Subscriber::new([2, 0, 0, 0, 0, number], line)
    }
}

/// The device with a client identifier that contains a DUID.
fn with_duid(number: u8, iaid: u8) -> Subscriber {
    let mut identifier = vec![255, 0, 0, 0, iaid];
    identifier.extend([0, 3, 0, 1, 2, 0, 0x5e, 0, 0x53, 0x77]);
    Subscriber { client_identifier: Some(identifier), ..device(number, "some line") }
}

fn acquire(server: &Server, link: Ipv4Addr, subscriber: &Subscriber) -> Acquired {
    relay(server.address(), link).acquire(subscriber, PATIENCE).unwrap_or_else(|e| panic!("{e}"))
}

fn host_name(acquired: &Acquired) -> Option<String> {
    acquired.options.text(12)
}

#[test]
fn lines_devices_and_duids_get_what_is_reserved_for_them() {
    let server = Setup::on_loopback(SUBNETS).start();
    let line = acquire(&server, LINK, &device(1, "olt1"));
    assert_eq!(line.address, Ipv4Addr::new(100, 64, 201, 1));
    for (number, iaid) in [(10, 1), (11, 200)] {
        let found = acquire(&server, LINK, &with_duid(number, iaid));
        assert_eq!(found.address, Ipv4Addr::new(100, 64, 201, 2), "interface {iaid}");
    }
    let modem = acquire(&server, LINK, &device(5, "some line"));
    assert_eq!(modem.address.octets()[..3], [100, 64, 2]);
    assert_eq!(modem.lease_time_secs, 120);
    for (key, value) in [
        ("circuit-id", "olt1"),
        ("duid", "hex:0003000102005e005377"),
        ("hardware-address", "02:00:00:00:00:05"),
    ] {
        let wanted = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        server.journal_says(key, |line| {
            line.reason == "ack-selecting" && line.reservation.as_ref() == Some(&wanted)
        });
    }
}

#[test]
fn the_second_network_card_gets_the_address_after_the_first() {
    let server = Setup::on_loopback(SUBNETS).start();
    let (wired, wireless) = (device(3, "a"), device(4, "b"));
    let reserved = Ipv4Addr::new(100, 64, 201, 3);
    let first = acquire(&server, LINK, &wired);
    assert_eq!((first.address, host_name(&first).as_deref()), (reserved, Some("laptop")));
    let second = acquire(&server, LINK, &wireless);
    assert_eq!(second.address.octets()[..3], [100, 64, 1]);
    assert_eq!(host_name(&second), None);
    server.journal_has("offered-instead-of-reserved");
    let mut relay = relay(server.address(), LINK);
    let renewed = relay.renew(&wired, reserved, PATIENCE).unwrap();
    assert!(matches!(renewed, Answer::Ack(_)), "{renewed:?}");
    let identifier = first.server_identifier;
    relay.release(&wired, reserved, identifier, Duration::ZERO).unwrap();
    server.journal_has("released-lease");
    let again = acquire(&server, LINK, &wireless);
    assert_eq!(again.address, reserved);
    // The first one cannot take it back by a renewal. No lease of it is on record any more.
    let renewed = relay.renew(&wired, reserved, PATIENCE).unwrap();
    assert!(matches!(renewed, Answer::Nak { .. }), "{renewed:?}");
    server.journal_has("nak-address-taken");
}

#[test]
fn reservations_of_all_networks_apply_where_there_is_no_other() {
    let server = Setup::on_loopback(SUBNETS).start();
    let owner = device(6, "some line");
    assert_eq!(host_name(&acquire(&server, LINK, &owner)).as_deref(), Some("everywhere"));
    assert_eq!(host_name(&acquire(&server, OTHER_LINK, &owner)).as_deref(), Some("own"));
    let config = server.folder().join("lessor.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("everywhere", "changed")).unwrap();
    assert!(server.reload().accepted);
    assert_eq!(host_name(&acquire(&server, LINK, &owner)).as_deref(), Some("changed"));
    assert_eq!(host_name(&acquire(&server, OTHER_LINK, &owner)).as_deref(), Some("own"));
}

#[test]
fn check_and_explain_name_the_identifier() {
    let server = Setup::on_loopback(SUBNETS).start();
    let config = server.folder().join("lessor.toml");
    let mut check = Command::new(built::lessor());
    let output = check.arg("check").arg("--config").arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("7 reservations"), "{said}");
    let link = LINK.to_string();
    let device = ["--hardware-address", "02:00:00:00:00:04", "--relay-address", &link];
    let output = server.ask(&[&["explain"], &device[..]].concat());
    let said = String::from_utf8_lossy(&output.stdout);
    let wanted =
        "100.64.201.3 for hardware-address 02:00:00:00:00:04, which has another identifier";
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn the_owner_of_a_reservation_belongs_to_the_classes_that_it_names() {
    let setup = Setup::on_loopback(SUBNETS);
    let script = "fn decide(request, terms) {
        if \"business\" in request.classes { terms.renewal_time_secs = request.classes.len() * 10; }
    }";
    setup.put_script("20-classes.rhai", script, "");
    let server = setup.start();
    let office = Subscriber {
        parameter_request_list: vec![1, 3, 12, 15, 58],
        ..Subscriber::new([2, 0, 0, 0, 0, 30], "office")
    };
    let lease = acquire(&server, LINK, &office);
    assert_eq!(lease.address.octets()[..3], [100, 64, 2]);
    assert_eq!(lease.lease_time_secs, 300);
    assert_eq!(lease.options.text(15).as_deref(), Some("business.example"));
    assert_eq!(host_name(&lease).as_deref(), Some("acme"));
    assert_eq!(lease.options.get(58), Some(&20_u32.to_be_bytes()[..]));

    // A renewal without its relay; the reply goes to an address that is not on this machine.
    let renewal = ClientMessage::new(3, office.hardware_address).client_address(lease.address);
    let socket = UdpSocket::bind(SocketAddrV4::new(loopback_address(), 0)).unwrap();
    socket.send_to(&renewal.octets(), server.address()).unwrap();
    for is_relayed in [true, false] {
        let line = server.journal_says("the office", |line| {
            line.hardware_address.as_deref() == Some("02:00:00:00:00:1e")
                && line.address == Some(lease.address)
                && line.circuit_id.is_some() == is_relayed
        });
        assert_eq!(line.classes, ["business", "acme"], "{line:?}");
        assert_eq!(line.reserved_classes, ["business", "acme"], "{line:?}");
    }
    let line = acquire(&server, LINK, &device(31, "shop"));
    assert_eq!(line.lease_time_secs, 600);

    let output = server.ask(&["explain", "--json", "--circuit-id", "office"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["classes"], serde_json::json!(["business", "acme"]));
    let options = found["reply"]["options"].as_array().unwrap();
    let domain = options.iter().find(|option| option["name"] == "domain-name").unwrap();
    assert_eq!(domain["set-by"], "class business");
    assert_eq!(found["reserved-classes"], serde_json::json!(["business", "acme"]));
    // A class whose `match` the message meets has it from there.
    let arguments = ["explain", "--circuit-id", "office", "--vendor-class", "ACME"];
    let said = String::from_utf8(server.ask(&arguments).stdout).unwrap();
    assert!(said.contains("business (by its reservation), acme\n"), "{said}");
}
