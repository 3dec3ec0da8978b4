//! Real relays between a client and the server: dhcrelay, dhcp-helper, dnsmasq, and two in a row.
//! `clients_behind_a_relay` has dhcrelay with other clients.

use std::net::Ipv4Addr;

use lessor_e2e::{
    Host, Link, RelayAgent, RelayKind, Server, Setup,
    clients::{Client, Udhcpc},
    require,
};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
/// The relay's address on the link of its clients.
const GIADDR: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 1);
const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "10.20.0.0/24"
    lease-time = "10m"
    options = { routers = ["10.20.0.1"] }

    [[subnet.pool]]
    range = "10.20.0.100-10.20.0.149"
"#;

/// A server and a link of clients, with routers between them.
struct Access {
    server: Server,
    home: Host,
    // Dropped last, because interfaces belong to them.
    _hosts: Vec<Host>,
    _links: Vec<Link>,
}

/// Returns a router between two links, with the interfaces `up` and `down`.
fn router(role: &str, upper: &Link, up: &str, lower: &Link, down: &str) -> Host {
    let host = Host::new(role);
    for (link, interface, address) in [(upper, "up", up), (lower, "down", down)] {
        link.attach(&host, interface);
        host.add_address(interface, address);
    }
    host.forward();
    host
}

/// Starts a server at 10.10.0.1 on a link, whose router is 10.10.0.2.
fn server_on(link: &Link) -> (Host, Server) {
    let host = link.host("server");
    host.add_address("eth0", "10.10.0.1/24");
    host.add_route("10.20.0.0/24", "10.10.0.2");
    let server = Setup::for_relays(SERVER, SUBNETS).start_on(&host);
    (host, server)
}

/// Has a client get, extend and release an address. Returns the circuit id that the server saw.
fn gets_renews_and_releases(access: &Access) -> Option<String> {
    let server = &access.server;
    let mut client = Udhcpc::start(&access.home);
    let address = client.acquires();
    assert_eq!(address.octets()[..3], [10, 20, 0]);
    let acknowledged = server.journal_has("ack-selecting");
    assert_eq!(acknowledged.address, Some(address));
    assert_eq!(acknowledged.relay_address, Some(GIADDR));
    assert_eq!(server.leases()[0].hardware_address, access.home.hardware_address("eth0"));
    // The client sends this one directly to the server, through the router.
    client.renews();
    assert_eq!(server.journal_has("ack-renewing").address, Some(address));
    client.releases();
    assert_eq!(server.journal_has("released-lease").address, Some(address));
    assert_eq!(server.leases(), []);
    acknowledged.circuit_id
}

/// A relay of a kind between client and server.
fn one_relay(kind: RelayKind) -> Option<String> {
    let (core, street) = (Link::new(), Link::new());
    let (server_host, server) = server_on(&core);
    let relay_host = router("relay", &core, "10.10.0.2/24", &street, "10.20.0.1/24");
    let _relay = RelayAgent::start_kind(kind, &relay_host, "down", "up", SERVER);
    let home = street.host("client");
    let _hosts = vec![server_host, relay_host];
    gets_renews_and_releases(&Access { server, home, _hosts, _links: vec![core, street] })
}

#[test]
fn dhcrelay_relays() {
    require!(root, ip, udhcpc, dhcrelay);
    assert_eq!(one_relay(RelayKind::Dhcrelay).as_deref(), Some("down"));
}

#[test]
fn dhcp_helper_relays() {
    require!(root, ip, udhcpc, dhcp_helper);
    assert_eq!(one_relay(RelayKind::DhcpHelper), None);
}

#[test]
fn dnsmasq_relays() {
    require!(root, ip, udhcpc, dnsmasq);
    assert_eq!(one_relay(RelayKind::Dnsmasq), None);
}

#[test]
fn two_relays_in_a_row_relay() {
    require!(root, ip, udhcpc, dhcrelay);
    let (core, middle, street) = (Link::new(), Link::new(), Link::new());
    let (server_host, server) = server_on(&core);
    let upper = router("upper", &core, "10.10.0.2/24", &middle, "10.15.0.1/24");
    upper.add_route("10.20.0.0/24", "10.15.0.2");
    server_host.add_route("10.15.0.0/24", "10.10.0.2");
    let lower = router("lower", &middle, "10.15.0.2/24", &street, "10.20.0.1/24");
    lower.add_route("10.10.0.0/24", "10.15.0.1");
    let upper_address = Ipv4Addr::new(10, 15, 0, 1);
    let behind = RelayKind::DhcrelayBehindAnother;
    let _upper_relay = RelayAgent::start_kind(behind, &upper, "down", "up", SERVER);
    let _lower_relay = RelayAgent::start(&lower, "down", "up", upper_address);
    let home = street.host("client");
    let _hosts = vec![server_host, upper, lower];
    let access = Access { server, home, _hosts, _links: vec![core, middle, street] };
    // The first relay is that of the client's link, and the second one leaves its option 82.
    assert_eq!(gets_renews_and_releases(&access).as_deref(), Some("down"));
}
