//! Real clients on a separate link, with a relay between them and the server that adds option 82.
//! The server must record the line and must echo option 82 unchanged.

use std::net::Ipv4Addr;

use lessor_e2e::{
    Capture, Datagram, Host, LeaseState, Link, RelayAgent, Server, Setup,
    clients::{Client, Dhclient, Dhcpcd, Udhcpc},
    require,
};

#[test]
fn dhclient_gets_renews_and_releases() {
    require!(root, ip, dhclient, dhcrelay, tcpdump);
    gets_renews_and_releases::<Dhclient>("8s");
}

#[test]
fn dhcpcd_gets_renews_and_releases() {
    require!(root, ip, dhcpcd, dhcrelay, tcpdump);
    gets_renews_and_releases::<Dhcpcd>("10m");
}

#[test]
fn udhcpc_gets_renews_and_releases() {
    require!(root, ip, udhcpc, dhcrelay, tcpdump);
    gets_renews_and_releases::<Udhcpc>("10m");
}

/// The circuit id, which is the name of the relay's interface towards the clients.
const LINE: &str = "down";
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
const RELAY_UPSTREAM: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 2);
const RELAY_DOWNSTREAM: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 1);

/// A server, a relay and a client's home, each on a separate host.
struct Access {
    server: Server,
    server_host: Host,
    home: Host,
    relay: Option<RelayAgent>,
    _relay_host: Host,
    _links: [Link; 2],
}

impl Access {
    fn new(setup: Setup) -> Self {
        let (core, street) = (Link::new(), Link::new());
        let server_host = core.host("server");
        server_host.add_address("eth0", "10.10.0.1/24");
        server_host.add_route("10.20.0.0/24", "10.10.0.2");
        let relay_host = Host::new("relay");
        core.attach(&relay_host, "up");
        relay_host.add_address("up", "10.10.0.2/24");
        street.attach(&relay_host, LINE);
        relay_host.add_address(LINE, "10.20.0.1/24");
        relay_host.forward();
        let server = setup.start_on(&server_host);
        let relay = RelayAgent::start(&relay_host, LINE, "up", SERVER);
        let home = street.host("client");
        Self {
            server,
            server_host,
            home,
            relay: Some(relay),
            _relay_host: relay_host,
            _links: [core, street],
        }
    }
}

fn gets_renews_and_releases<C: Client>(lease_time: &str) {
    let access = Access::new(Setup::for_relays(SERVER, &subnets(lease_time)));
    let (server, home) = (&access.server, &access.home);
    let capture = Capture::start(&access.server_host, "eth0");
    let hardware_address = home.hardware_address("eth0");

    let mut client = C::start(home);
    let address = client.acquires();
    assert_eq!(home.addresses("eth0"), [address]);
    let acknowledged = server.journal_has("ack-selecting");
    assert_eq!(acknowledged.address, Some(address));
    assert_eq!(acknowledged.hardware_address, Some(hardware_address));
    assert_eq!(acknowledged.relay_address, Some(RELAY_DOWNSTREAM));
    assert_eq!(acknowledged.circuit_id.as_deref(), Some(LINE));
    let sent = replies_echo_option_82(&capture);
    assert_eq!(acknowledged.relay_information, Some(hex::encode(sent)));
    let leases = server.leases();
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert_eq!((leases[0].address, leases[0].state), (address, LeaseState::Leased));
    assert_eq!(leases[0].circuit_id.as_deref(), Some(LINE));

    client.renews();
    let renewed = server.journal_has("ack-renewing");
    assert_eq!(renewed.address, Some(address));
    // The renewal came directly from the client; the line on record is kept.
    assert_eq!((renewed.relay_address, renewed.relay_information), (None, None));
    assert_eq!(server.leases()[0].circuit_id.as_deref(), Some(LINE));

    client.releases();
    assert_eq!(server.journal_has("released-lease").address, Some(address));
    assert_eq!(server.leases(), []);
}

#[test]
fn a_policy_sees_the_line_when_the_client_renews_past_the_relay() {
    require!(root, ip, udhcpc, dhcrelay);
    let table = r#"
        [settings.subscribers."down"]
        pool = "chosen"
        lease-time-secs = 777
    "#;
    let setup = Setup::for_relays(SERVER, &subnets("10m"));
    let mut access = Access::new(setup.with_policy("10-table", "subscriber-table", table));

    let mut client = Udhcpc::start(&access.home);
    let address = client.acquires();
    assert!(address >= Ipv4Addr::new(10, 20, 0, 150), "{address} is not of the pool by policy");
    // dhcrelay also forwards unicast messages that it sees, which other relays do not; stop it.
    access.relay = None;
    client.renews();
    // Without the line, the policy would have set no pool, and the address of a `by-policy-only`
    // pool would have been refused.
    let renewed = access.server.journal_has("ack-renewing");
    assert_eq!(renewed.relay_information, None);
    assert_eq!((renewed.address, renewed.lease_time_secs), (Some(address), Some(777)));
    assert_eq!(access.home.addresses("eth0"), [address]);
}

/// Checks that OFFER and ACK on the wire have option 82 byte for byte as it was sent, as their last
/// option. Returns its octets.
#[track_caller]
fn replies_echo_option_82(capture: &Capture) -> Vec<u8> {
    let request = capture.sees("a relayed REQUEST", |seen| {
        seen.is(Datagram::REQUEST) && seen.relay_address() == RELAY_DOWNSTREAM
    });
    let sent = request.option(82).expect("the relay adds option 82").to_owned();
    assert!(!sent.is_empty());
    for (name, message_type) in [("OFFER", Datagram::OFFER), ("ACK", Datagram::ACK)] {
        let reply = capture.sees(name, |seen| seen.is(message_type));
        assert_eq!(*reply.source.ip(), SERVER, "{name}");
        assert!([RELAY_UPSTREAM, RELAY_DOWNSTREAM].contains(reply.destination.ip()), "{name}");
        assert_eq!(reply.destination.port(), 67, "{name}");
        let options = reply.options();
        let (code, octets) = options.last().expect("it has options");
        assert_eq!((*code, *octets), (82, &sent[..]), "{name}: {options:?}");
    }
    sent
}

fn subnets(lease_time: &str) -> String {
    format!(
        r#"
        [[subnet]]
        prefix = "10.20.0.0/24"
        lease-time = "{lease_time}"
        options = {{ routers = ["10.20.0.1"] }}

        [[subnet.pool]]
        name = "street"
        range = "10.20.0.100-10.20.0.149"

        [[subnet.pool]]
        name = "chosen"
        range = "10.20.0.150-10.20.0.199"
        by-policy-only = true
        "#
    )
}
