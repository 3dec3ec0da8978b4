//! What clients boot, when they extend their leases and what is sent unasked: from the
//! configuration and from a policy, read off the datagrams.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    time::Duration,
};

use lessor_e2e::{
    Link, Server, Setup, loopback_address,
    plain::{Plain, PlainMessage, PlainReply, kind},
    require, wait,
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(5);
const BOOT_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const SUBNETS: &str = r#"
    [[network]]
    name = "campus"
    server-name = "boot.example.net"
    never-send = ["domain-name"]

    [[subnet]]
    prefix = "100.64.0.0/16"
    shared-network = "campus"
    renewal-time = 0.25
    options = { routers = ["100.64.0.1"], domain-name = "example.net" }
    boot-file = { ipxe = "menu.ipxe", x64-uefi = "ipxe.efi", other = "undionly.kpxe" }

    [[subnet.pool]]
    range = "100.64.1.0-100.64.1.255"
    lease-time = "2h"
    always-send-basics = true

    [[subnet.reservation]]
    hardware-address = "02:00:5e:00:00:09"
    address = "100.64.2.9"
    next-server = "0.0.0.0"
    boot-file = "own.cfg"
    boot-final-zero = true
    lease-time = "10m"
    rebinding-time = "5m"
"#;

fn setup() -> Setup {
    Setup::on_loopback(SUBNETS).with_server_setting("next-server = \"192.0.2.10\"")
}

/// A relay on loopback that is answered at the port it sends from (RFC 8357).
struct Booting(UdpSocket);

impl Booting {
    fn new() -> Self {
        let socket = UdpSocket::bind(SocketAddrV4::new(loopback_address(), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// The OFFER to client `number`, which sends these options and asks for `list`.
    #[track_caller]
    fn offer(&self, server: &Server, number: u32, sent: &[(u8, &[u8])], list: &[u8]) -> PlainReply {
        self.ask(server, PlainMessage::new(kind::DISCOVER, number), sent, list)
    }

    #[track_caller]
    fn ask(
        &self,
        server: &Server,
        message: PlainMessage,
        sent: &[(u8, &[u8])],
        list: &[u8],
    ) -> PlainReply {
        let SocketAddr::V4(local) = self.0.local_addr().unwrap() else { panic!("IPv4") };
        let message = sent
            .iter()
            .fold(message.relayed(*local.ip()), |message, (code, octets)| {
                message.with(*code, octets)
            })
            .with(55, list)
            .with(82, &[5, 4, 100, 64, 0, 1, 19, 0]);
        self.0.send_to(&message.octets(), server.address()).unwrap();
        let mut octets = [0; 2048];
        let (length, source) = self.0.recv_from(&mut octets).expect("an answer");
        let SocketAddr::V4(source) = source else { panic!("IPv4") };
        PlainReply::read(&octets[..length], source).unwrap()
    }
}

fn secs(reply: &PlainReply, code: u8) -> Option<u32> {
    reply.option(code).map(|octets| u32::from_be_bytes(octets.try_into().unwrap()))
}

#[test]
fn each_client_gets_what_it_can_boot() {
    let server = setup().start();
    let client = Booting::new();
    let x64: (u8, &[u8]) = (93, &[0, 7]);
    for (number, sent, expected) in [
        (1, &[][..], "undionly.kpxe"),
        (2, &[x64], "ipxe.efi"),
        (3, &[x64, (77, b"iPXE")], "menu.ipxe"),
        (4, &[(77, b"\x04iPXE")], "menu.ipxe"),
        (5, &[(93, &[0, 0, 0])], "undionly.kpxe"),
        (9, &[x64, (77, b"iPXE")], "own.cfg"),
    ] {
        let offer = client.offer(&server, number, sent, &[1, 66, 67]);
        assert_eq!(offer.boot_file(), expected, "{number}");
        assert_eq!(offer.server_name(), "boot.example.net");
        let is_reserved = number == 9;
        let next_server = if is_reserved { Ipv4Addr::UNSPECIFIED } else { BOOT_SERVER };
        assert_eq!(offer.next_server(), next_server);
        let zero = if is_reserved { "\0" } else { "" };
        let text = |text: &str| Some(format!("{text}{zero}").into_bytes());
        assert_eq!(offer.option(66), text("boot.example.net"), "{number}");
        assert_eq!(offer.option(67), text(expected), "{number}");
        assert!(offer.payload.len() >= 300);
    }
    // A client that does not ask for the options reads the header.
    let offer = client.offer(&server, 6, &[], &[1]);
    assert_eq!([66, 67].map(|code| offer.option(code)), [None, None]);
    assert_eq!(offer.boot_file(), "undionly.kpxe");
    let line = server.journal_has("offered-from-pool");
    assert_eq!(line.boot_file.as_deref(), Some("undionly.kpxe"));
}

#[test]
fn times_and_options_are_those_of_the_level() {
    let server = setup().start();
    let client = Booting::new();
    // The pool sends routers and domain name unasked, whatever the network says.
    let offer = client.offer(&server, 1, &[], &[1]);
    assert_eq!(offer.option(3), Some(vec![100, 64, 0, 1]));
    assert_eq!(offer.option(15), Some(b"example.net".to_vec()));
    assert_eq!([51, 58, 59].map(|code| secs(&offer, code)), [Some(7200), Some(1800), Some(6300)]);
    // The reservation is not in the pool, so the network withholds the domain name.
    let offer = client.offer(&server, 9, &[], &[1, 15]);
    assert_eq!([3, 15].map(|code| offer.option(code)), [None, None]);
    assert_eq!([51, 58, 59].map(|code| secs(&offer, code)), [Some(600), Some(150), Some(300)]);
    let request = PlainMessage::new(kind::REQUEST, 9).with(50, &[100, 64, 2, 9]);
    let identifier = offer.server_identifier.unwrap().octets();
    let ack = client.ask(&server, request, &[(54, &identifier)], &[1]);
    assert_eq!((ack.kind, secs(&ack, 51)), (kind::ACK, Some(600)));
    assert_eq!(ack.boot_file(), "own.cfg");
}

#[test]
fn a_policy_has_the_last_word() {
    let setup = setup();
    let script = "fn decide(request, terms) {\n\
                  terms.next_server = \"192.0.2.77\";\n\
                  terms.server_name = \"\";\n\
                  terms.boot_file = \"policy.efi\";\n\
                  terms.renewal_time_secs = 60;\n\
                  terms.rebinding_fraction = 0.5;\n\
                  terms.option(\"domain-name\", \"policy.example\");\n\
                  }\n";
    setup.put_script("10-boot.rhai", script, "");
    let server = setup.start();
    let client = Booting::new();
    for number in [1, 9] {
        let offer = client.offer(&server, number, &[(77, b"iPXE")], &[66, 67]);
        assert_eq!(offer.next_server(), Ipv4Addr::new(192, 0, 2, 77));
        assert_eq!((offer.server_name(), offer.boot_file()), (String::new(), "policy.efi".into()));
        assert_eq!(offer.option(66), None);
        assert_eq!(offer.option(15), Some(b"policy.example".to_vec()));
        let half = secs(&offer, 51).unwrap() / 2;
        assert_eq!([58, 59].map(|code| secs(&offer, code)), [Some(60), Some(half)]);
    }
    let client = ["--hardware-address", "02:00:5e:00:00:07"];
    let arguments = ["explain", "--json", "--relay-address", "100.64.0.1"];
    let output = server.ask(&[&arguments[..], &client].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    let fields = explanation["reply"]["fields"].as_array().unwrap();
    let found: Vec<_> = fields
        .iter()
        .map(|field| ["name", "value", "set-by"].map(|key| field[key].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ["next-server", "192.0.2.77", "plugin 10-boot"],
            ["boot-file", "policy.efi", "plugin 10-boot"],
        ]
    );
}

#[test]
fn a_name_that_the_header_has_no_room_for_is_a_fault_of_the_policy() {
    let setup = setup();
    let script = "fn decide(request, terms) { terms.boot_file = \"x\" + request.host_name; }\n";
    setup.put_script("10-boot.rhai", script, "");
    let server = setup.start();
    let client = Booting::new();
    let long = "y".repeat(127);
    let offer = client.offer(&server, 1, &[(12, &long.as_bytes()[..126])], &[1]);
    assert_eq!(offer.boot_file(), format!("x{}", "y".repeat(126)));
    // The policy fails, and the client is served as configured.
    let offer = client.offer(&server, 2, &[(12, long.as_bytes())], &[1]);
    assert_eq!(offer.boot_file(), "undionly.kpxe");
}

#[test]
fn a_field_with_a_boot_file_holds_no_options() {
    let subnets = format!(
        "{SUBNETS}\n[subnet.reservation.options]\n\
                           \"224\" = \"{}\"\n\"225\" = \"{}\"\n",
        "a".repeat(200),
        "b".repeat(100)
    );
    let setup = Setup::on_loopback(&subnets).with_server_setting("next-server = \"192.0.2.10\"");
    let server = setup.start();
    let offer = Booting::new().offer(&server, 9, &[], &[1, 224, 225, 3]);
    assert_eq!(
        (offer.server_name(), offer.boot_file()),
        ("boot.example.net".into(), "own.cfg".into())
    );
    assert_eq!(offer.option(52), None);
    assert_eq!(offer.option(224).map(|value| value.len()), Some(200));
    assert!(offer.payload.len() <= 548);
}

#[test]
fn clients_without_an_address_are_answered_by_broadcast_where_configured() {
    require!(root, ip);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let subnets = r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        always-broadcast = true
        [[subnet.pool]]
        range = "192.0.2.100-192.0.2.199"
    "#;
    let server = Setup::on_link("eth0", subnets).start_on(&server_host);
    let client_host = link.host("client");
    let client = Plain::on(&client_host, "eth0", 68);
    let mut discover = PlainMessage::new(kind::DISCOVER, 1);
    discover.is_broadcast = false;
    let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    // The hardware address is not that of the interface, so only a broadcast arrives.
    let offer = client.ask(&discover, to, wait::SOON).expect("a broadcast");
    assert_eq!((offer.kind, offer.flags()), (kind::OFFER, 0x8000));
    drop(server);
}
