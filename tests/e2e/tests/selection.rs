//! Which network and subnet a message belongs to: relay addresses, interfaces and VPNs (RFC 6607);
//! and which server identifier it gets.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use lessor_e2e::{
    Host, Link, Server, Setup,
    plain::{Plain, PlainMessage, PlainReply, kind},
    require, wait,
};

const SILENCE: Duration = Duration::from_millis(400);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// A relay whose address is in no subnet.
const RELAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
/// A relay that does not know RFC 6607.
const OLD_RELAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 8);

const SUBNETS: &str = r#"
    [[vpn]]
    name = "green"
    id = "36b:10"
    [[vpn]]
    name = "red"

    [[subnet]]
    prefix = "10.0.0.0/24"
    relay-addresses = ["192.0.2.7"]
    [[subnet.pool]]
    range = "10.0.0.100-10.0.0.199"

    [[subnet]]
    prefix = "10.0.0.0/24"
    vpn = "green"
    relay-addresses = ["192.0.2.7"]
    server-identifier = "10.0.0.1"
    [[subnet.pool]]
    range = "10.0.0.100-10.0.0.199"

    [[subnet]]
    prefix = "10.0.0.0/24"
    vpn = "red"
    relay-addresses = ["192.0.2.8"]
    [[subnet.pool]]
    range = "10.0.0.100-10.0.0.199"
"#;

/// The name of a VPN and a VPN-ID in the form of RFC 6607, and the question of a relay.
const GREEN: &[u8] = b"\x97\x06\x00green";
const GREEN_BY_ID: &[u8] = b"\x97\x08\x01\x00\x03\x6b\x00\x00\x00\x10";
const GLOBAL: &[u8] = b"\x97\x01\xff";
const BLUE: &[u8] = b"\x97\x05\x00blue";
const WAS_IT_USED: &[u8] = b"\x98\x00";

/// A server, and a host with the addresses of both relays.
struct Lab {
    server: Server,
    relay: Plain,
    // The server is started again on its host.
    _hosts: [Host; 2],
    _link: Link,
}

impl Lab {
    fn new() -> Self {
        Self::with(SUBNETS)
    }

    fn with(subnets: &str) -> Self {
        let link = Link::new();
        let server_host = link.host("server");
        server_host.add_address("eth0", "192.0.2.1/24");
        let relay_host = link.host("relay");
        for relay in [RELAY, OLD_RELAY] {
            relay_host.add_address("eth0", &format!("{relay}/24"));
        }
        let server = Setup::for_relays(SERVER, subnets).start_on(&server_host);
        let relay = Plain::on(&relay_host, "eth0", 67);
        Self { server, relay, _hosts: [server_host, relay_host], _link: link }
    }

    fn ask(&self, message: &PlainMessage) -> Option<PlainReply> {
        self.relay.ask(message, SocketAddrV4::new(SERVER, 67), wait::SOON)
    }

    fn is_silent(&self, message: &PlainMessage) -> bool {
        self.relay.ask(message, SocketAddrV4::new(SERVER, 67), SILENCE).is_none()
    }

    /// Gets a lease through `relay`, with these sub-options.
    fn acquire(&self, client: u32, relay: Ipv4Addr, information: &[u8]) -> PlainReply {
        let message = |kind| PlainMessage::new(kind, client).relayed(relay).with(82, information);
        let offer = self.ask(&message(kind::DISCOVER)).unwrap();
        assert_eq!(offer.kind, kind::OFFER);
        let request = message(kind::REQUEST)
            .with(50, &offer.your_address.octets())
            .with(54, &offer.server_identifier.unwrap().octets());
        let ack = self.ask(&request).unwrap();
        assert_eq!((ack.kind, ack.your_address), (kind::ACK, offer.your_address));
        ack
    }
}

const LINE: &[u8] = b"\x01\x04line";

#[test]
fn each_vpn_has_its_own_addresses() {
    require!(root, ip);
    let lab = Lab::new();
    let in_green = [LINE, GREEN, WAS_IT_USED].concat();
    let green = lab.acquire(1, RELAY, &in_green);
    // The answer confirms that the VPN was used: 152 does not come back, everything else does.
    assert_eq!(green.option(82), Some([LINE, GREEN].concat()));
    assert_eq!(green.server_identifier, Some([10, 0, 0, 1].into()));
    let by_id = lab.acquire(2, RELAY, &[LINE, GREEN_BY_ID].concat());
    assert_ne!(by_id.your_address, green.your_address);
    let global = lab.acquire(3, RELAY, &[LINE, GLOBAL, WAS_IT_USED].concat());
    assert_eq!(global.option(82), Some([LINE, GLOBAL].concat()));
    assert_eq!(global.server_identifier, Some(SERVER));
    let without = lab.acquire(4, RELAY, LINE);
    let red = lab.acquire(5, OLD_RELAY, LINE);
    // The first address of each space is leased three times.
    assert_eq!([global.your_address, red.your_address], [green.your_address; 2]);
    assert_ne!(without.your_address, global.your_address);

    let mut leases: Vec<_> =
        lab.server.leases().into_iter().map(|lease| (lease.vpn, lease.address)).collect();
    leases.sort();
    let of = |vpn: Option<&str>, reply: &PlainReply| (vpn.map(str::to_owned), reply.your_address);
    let mut expected = [
        of(None, &global),
        of(None, &without),
        of(Some("green"), &green),
        of(Some("green"), &by_id),
        of(Some("red"), &red),
    ];
    expected.sort();
    assert_eq!(leases, expected);
}

#[test]
fn a_line_gets_what_is_reserved_for_it_in_its_vpn() {
    require!(root, ip);
    let reservations = r#"
        [[reservation]]
        circuit-id = "line"
        vpn = "green"
        address = "10.0.0.50"
        [[reservation]]
        circuit-id = "line"
        vpn = "red"
        lease-time = "7m"
        [[reservation]]
        circuit-id = "line"
        address = "10.0.0.60"
    "#;
    let lab = Lab::with(&format!("{SUBNETS}{reservations}"));
    let address_and_time = |reply: PlainReply| {
        (
            reply.your_address,
            reply.option(51).map(|octets| u32::from_be_bytes(octets.try_into().unwrap())),
        )
    };
    let (green, _) = address_and_time(lab.acquire(1, RELAY, &[LINE, GREEN].concat()));
    let (global, usual_secs) = address_and_time(lab.acquire(2, RELAY, LINE));
    let (red, secs) = address_and_time(lab.acquire(3, OLD_RELAY, LINE));
    assert_eq!([green, global], [[10, 0, 0, 50], [10, 0, 0, 60]].map(Ipv4Addr::from));
    assert!(red.octets()[3] >= 100, "{red}");
    assert_eq!(secs, Some(420));
    assert_ne!(usual_secs, secs);
}

#[test]
fn leases_of_vpns_outlive_the_server() {
    require!(root, ip);
    let mut lab = Lab::new();
    let in_green = [LINE, GREEN].concat();
    let green = lab.acquire(1, RELAY, &in_green);
    let red = lab.acquire(2, OLD_RELAY, LINE);
    assert_eq!(green.your_address, red.your_address);
    lab.server.kill();
    lab.server.start_again();
    let renewal = |client, relay, information: &[u8]| {
        let message = PlainMessage::new(kind::REQUEST, client).relayed(relay);
        message.from_address(green.your_address).with(82, information)
    };
    let renewed = lab.ask(&renewal(1, RELAY, &in_green)).unwrap();
    assert_eq!((renewed.kind, renewed.your_address), (kind::ACK, green.your_address));
    let renewed = lab.ask(&renewal(2, OLD_RELAY, LINE)).unwrap();
    assert_eq!((renewed.kind, renewed.your_address), (kind::ACK, red.your_address));
}

#[test]
fn a_vpn_that_is_not_configured_gets_no_answer() {
    require!(root, ip);
    let lab = Lab::new();
    let discover = |information: &[u8]| {
        PlainMessage::new(kind::DISCOVER, 1).relayed(RELAY).with(82, information)
    };
    assert!(lab.is_silent(&discover(BLUE)));
    let line = lab.server.journal_has("unknown-vpn");
    assert!(line.detail.is_some_and(|detail| detail.contains("blue")));
    // Garbage: too short, unknown types, a VPN-ID that is cut off, a name behind type 255.
    for garbage in [&b"\x97\x00"[..], b"\x97\x01\x00", b"\x97\x02\x07a", b"\x97\x04\x01abc"] {
        assert!(lab.is_silent(&discover(garbage)), "{garbage:?}");
    }
    assert!(lab.is_silent(&discover(b"\x97\x06\xffgreen")));
    // The server goes on.
    assert_eq!(lab.ask(&discover(GREEN)).unwrap().kind, kind::OFFER);
}

#[test]
fn the_relay_takes_precedence_over_the_client() {
    require!(root, ip);
    let lab = Lab::new();
    let discover = |client| PlainMessage::new(kind::DISCOVER, client).relayed(RELAY);
    let by_client = lab.ask(&discover(1).with(221, b"\x00green")).unwrap();
    assert_eq!(by_client.server_identifier, Some([10, 0, 0, 1].into()));
    assert_eq!(by_client.option(221).as_deref(), Some(&b"\x00green"[..]));
    let line = lab.server.journal_has("offered-from-pool");
    assert_eq!(line.vpn.as_deref(), Some("green"));
    assert_eq!(line.vpn_by.as_deref(), Some("client"));
    assert_eq!(line.located_by.as_deref(), Some("relay-address"));
    assert_eq!(line.network.as_deref(), Some("10.0.0.0/24 in green"));
    // What was not used does not come back.
    let both = discover(2).with(221, b"\x00red").with(82, GREEN);
    let both = lab.ask(&both).unwrap();
    assert_eq!(both.server_identifier, Some([10, 0, 0, 1].into()));
    assert_eq!(both.option(221), None);
}

#[test]
fn the_override_of_a_relay_takes_precedence_over_the_identifier_of_the_subnet() {
    require!(root, ip);
    let lab = Lab::new();
    let overriding = [GREEN, b"\x0b\x04\x0a\x00\x00\x09"].concat();
    let ack = lab.acquire(1, RELAY, &overriding);
    assert_eq!(ack.server_identifier, Some([10, 0, 0, 9].into()));
    // The identifier of another subnet is this server's, too; that of another server is not.
    let offer = lab.ask(&PlainMessage::new(kind::DISCOVER, 2).relayed(RELAY)).unwrap();
    let request = |offer: &PlainReply, identifier: [u8; 4]| {
        let request = PlainMessage::new(kind::REQUEST, 2).relayed(RELAY);
        request.with(50, &offer.your_address.octets()).with(54, &identifier)
    };
    assert!(lab.is_silent(&request(&offer, [10, 0, 0, 9])));
    lab.server.journal_has("other-server-selected");
    let again = lab.ask(&PlainMessage::new(kind::DISCOVER, 2).relayed(RELAY)).unwrap();
    assert_eq!(lab.ask(&request(&again, [10, 0, 0, 1])).unwrap().kind, kind::ACK);
}

#[test]
fn a_link_selection_and_an_override_of_zeros_count_as_absent() {
    require!(root, ip);
    let lab = Lab::new();
    let zeros = b"\x05\x04\0\0\0\0\x0b\x04\0\0\0\0";
    let information = [GREEN, zeros].concat();
    // The relay's own address selects, and the identifier is that of its subnet.
    let ack = lab.acquire(1, RELAY, &information);
    assert_eq!(ack.server_identifier, Some([10, 0, 0, 1].into()));
    assert_eq!(ack.option(82), Some(information));
    let line = lab.server.journal_has("ack-selecting");
    assert_eq!(line.located_by.as_deref(), Some("relay-address"));
    // Without a VPN, nothing replaces the address that the message was sent to.
    let ack = lab.acquire(2, RELAY, zeros);
    assert_eq!(ack.server_identifier, Some(SERVER));
}

/// 0.0.0.0 in sub-options 5 and 11 of option 82, and in option 118.
#[test]
fn a_selection_of_no_address_counts_as_absent() {
    require!(root, ip);
    let lab = Lab::with(
        r#"
        [[subnet]]
        prefix = "10.0.0.0/24"
        relay-addresses = ["192.0.2.7"]
        [[subnet.pool]]
        range = "10.0.0.100-10.0.0.199"

        [[subnet]]
        prefix = "10.0.1.0/24"
        [[subnet.pool]]
        range = "10.0.1.100-10.0.1.199"
        "#,
    );
    let nothing = b"\x01\x04line\x05\x04\0\0\0\0\x0b\x04\0\0\0\0";
    let discover =
        |client| PlainMessage::new(kind::DISCOVER, client).relayed(RELAY).with(82, nothing);
    let by_client = lab.ask(&discover(1).with(118, &[10, 0, 1, 0])).unwrap();
    assert_eq!(by_client.your_address, Ipv4Addr::new(10, 0, 1, 100));
    // The selection of the client was used, so it comes back.
    assert_eq!(by_client.option(118), Some(vec![10, 0, 1, 0]));
    assert_eq!(by_client.option(82), Some(nothing.to_vec()));
    assert_eq!(by_client.server_identifier, Some(SERVER));
    let by_relay = lab.ask(&discover(2).with(118, &[0; 4])).unwrap();
    assert_eq!(by_relay.your_address, Ipv4Addr::new(10, 0, 0, 100));
    assert_eq!(by_relay.option(118), None);
    assert_eq!(by_relay.option(82), Some(nothing.to_vec()));
}

/// The example, as far as it is about networks.
#[test]
fn the_wholesale_example_serves_each_customer_from_its_own_addresses() {
    require!(root, ip);
    let example = include_str!("../../../examples/wholesale.toml");
    let networks = &example[example.find("[[vpn]]").unwrap()..];
    let lab = Lab::with(networks);
    let of = |vpn: &str| {
        let length = u8::try_from(vpn.len() + 1).unwrap();
        [LINE, &[151, length, 0], vpn.as_bytes()].concat()
    };
    let north = lab.acquire(1, RELAY, &of("north-isp"));
    let south = lab.acquire(2, RELAY, &of("south-isp"));
    let first = Ipv4Addr::new(10, 0, 1, 0);
    assert_eq!([north.your_address, south.your_address], [first; 2]);
    assert_eq!(north.option(6), Some(vec![10, 0, 0, 53]));
    assert_eq!(south.option(6), Some(vec![10, 0, 0, 2]));
    let old = lab.acquire(3, OLD_RELAY, LINE);
    assert_eq!(old.your_address, Ipv4Addr::new(10, 1, 1, 0));
    // The reservation of one customer is for no line of the other.
    let line = |vpn: &str| [&b"\x01\x08bng1/1/7"[..], &of(vpn)[LINE.len()..]].concat();
    let reserved = Ipv4Addr::new(10, 0, 0, 100);
    assert_eq!(lab.acquire(4, RELAY, &line("south-isp")).your_address, reserved);
    assert_ne!(lab.acquire(5, RELAY, &line("north-isp")).your_address, reserved);

    let explain = |vpn: &str| {
        let line = ["explain", "--json", "--circuit-id", "bng1/1/7", "--hardware-address"];
        let from = ["02:00:5e:00:00:09", "--relay-address", "192.0.2.7", "--vpn", vpn];
        let output = lab.server.ask(&[line, from].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let explained = explain("south-isp");
    assert_eq!(explained["location"]["vpn"], "south-isp");
    assert_eq!(explained["location"]["vpn-by"], "the relay's VPN selection");
    assert_eq!(explained["location"]["by"], "the relay address");
    assert_eq!(explain("west-isp")["reason"], "unknown-vpn");
}

#[test]
fn an_interface_selects_its_subnets_whatever_address_it_has() {
    require!(root, ip);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "203.0.113.1/24");
    let subnets = r#"
        [[network]]
        name = "hall"
        interfaces = ["eth0"]
        server-identifier = "203.0.113.1"

        [[subnet]]
        prefix = "192.0.2.0/24"
        shared-network = "hall"
        [[subnet.pool]]
        range = "192.0.2.100-192.0.2.199"

        [[subnet]]
        prefix = "198.51.100.0/24"
        shared-network = "hall"
        [[subnet.pool]]
        range = "198.51.100.100-198.51.100.199"
    "#;
    let server = Setup::on_link("eth0", subnets).start_on(&server_host);
    let client_host = link.host("client");
    // Without any address there would be no route for its broadcasts.
    client_host.add_address("eth0", "203.0.113.9/24");
    let client = Plain::on(&client_host, "eth0", 68);
    let ask = |message: &PlainMessage| {
        client.ask(message, SocketAddrV4::new(Ipv4Addr::BROADCAST, 67), wait::SOON).unwrap()
    };
    let offer = ask(&PlainMessage::new(kind::DISCOVER, 1));
    assert_eq!(offer.your_address.octets()[..3], [192, 0, 2]);
    assert_eq!(offer.server_identifier, Some([203, 0, 113, 1].into()));
    assert_eq!(server.journal_has("offered-from-pool").located_by.as_deref(), Some("interface"));
    // Of several subnets, that of the address which the client wants.
    let wanted = PlainMessage::new(kind::DISCOVER, 2).with(50, &[198, 51, 100, 150]);
    assert_eq!(ask(&wanted).your_address, Ipv4Addr::new(198, 51, 100, 150));
}
