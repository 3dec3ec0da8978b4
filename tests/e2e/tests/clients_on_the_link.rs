//! Real DHCP clients on the server's own link: each gets an address, extends its lease and releases
//! the address.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_e2e::{
    Capture, Datagram, LeaseState, Link, Setup,
    clients::{Client, Dhclient, Dhcpcd, Udhcpc},
    require,
};

#[test]
fn dhclient_gets_renews_and_releases() {
    require!(root, ip, dhclient);
    gets_renews_and_releases::<Dhclient>("8s");
}

#[test]
fn dhcpcd_gets_renews_and_releases() {
    require!(root, ip, dhcpcd);
    gets_renews_and_releases::<Dhcpcd>("10m");
}

#[test]
fn udhcpc_gets_renews_and_releases() {
    require!(root, ip, udhcpc);
    gets_renews_and_releases::<Udhcpc>("10m");
}

fn gets_renews_and_releases<C: Client>(lease_time: &str) {
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let server = Setup::on_link("eth0", &subnets(lease_time)).start_on(&server_host);
    let home = link.host("client");
    let hardware_address = home.hardware_address("eth0");

    let mut client = C::start(&home);
    let address = client.acquires();
    assert_eq!(home.addresses("eth0"), [address]);
    let acknowledged = server.journal_has("ack-selecting");
    assert_eq!(acknowledged.address, Some(address));
    assert_eq!(acknowledged.hardware_address.as_ref(), Some(&hardware_address));
    assert_eq!(acknowledged.interface.as_deref(), Some("eth0"));
    let leases = server.leases();
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert_eq!((leases[0].address, leases[0].state), (address, LeaseState::Leased));
    assert_eq!(leases[0].hardware_address, hardware_address);
    assert_eq!(leases[0].pool.as_deref(), Some("home"));

    client.renews();
    let renewed = server.journal_has("ack-renewing");
    assert_eq!(renewed.address, Some(address));
    assert_eq!(renewed.hardware_address.as_ref(), Some(&hardware_address));
    assert_eq!(home.addresses("eth0"), [address]);
    let leases_now = server.leases();
    assert_eq!(leases_now.len(), 1, "{leases_now:?}");
    assert_eq!(leases_now[0].began_at, leases[0].began_at);

    client.releases();
    assert_eq!(server.journal_has("released-lease").address, Some(address));
    assert_eq!(server.leases(), []);
    let remembered = server.all_leases();
    assert_eq!(remembered.len(), 1, "{remembered:?}");
    assert_eq!((remembered[0].address, remembered[0].state), (address, LeaseState::Released));
    // The server accepted every message of the client.
    let reasons: Vec<String> = server.journal().into_iter().map(|line| line.reason).collect();
    let is_expected = |reason: &String| {
        ["offered-", "ack-", "released-lease"].iter().any(|start| reason.starts_with(start))
    };
    assert!(reasons.iter().all(is_expected), "{reasons:?}");
}

#[test]
fn a_client_that_comes_back_is_confirmed_and_one_from_another_network_is_sent_to_start_again() {
    require!(root, ip, dhclient, tcpdump);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let setup = Setup::on_link("eth0", &subnets("10m"));
    let setup = setup.with_server_setting("authoritative = true");
    let mut server = setup.start_on(&server_host);
    let home = link.host("client");
    let mut client = Dhclient::start(&home);
    let address = client.acquires();

    client.starts_again();
    assert_eq!(client.acquires(), address);
    assert_eq!(server.journal_has("ack-init-reboot").address, Some(address));

    // The server moves to another network, which for the client is the same as moving itself.
    assert!(server.stop().success());
    server_host.ip(&["address", "flush", "dev", "eth0"]);
    server_host.add_address("eth0", "198.51.100.1/24");
    server.setup().put_subnets(&subnets("10m").replace("192.0.2.", "198.51.100."));
    server.start_again();
    let capture = Capture::start(&server_host, "eth0");
    client.starts_again();
    let elsewhere = client.acquires();
    assert_eq!(elsewhere.octets()[..3], [198, 51, 100]);
    assert_eq!(home.addresses("eth0"), [elsewhere]);
    assert_eq!(server.journal_has("nak-wrong-network").address, Some(address));
    // RFC 2131 section 4.1: this NAK must be broadcast.
    let nak = capture.sees("a NAK", |seen| seen.is(Datagram::NAK));
    assert_eq!(nak.destination, SocketAddrV4::new(Ipv4Addr::BROADCAST, 68));
    assert_eq!(nak.destination_hardware_address, [0xff; 6]);
    assert_eq!(nak.source, SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 1), 67));
}

fn subnets(lease_time: &str) -> String {
    format!(
        r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        lease-time = "{lease_time}"
        options = {{ routers = ["192.0.2.1"], domain-name-servers = ["192.0.2.53"] }}

        [[subnet.pool]]
        name = "home"
        range = "192.0.2.100-192.0.2.199"
        "#
    )
}
