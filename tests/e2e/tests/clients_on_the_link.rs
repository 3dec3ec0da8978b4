//! DHCP clients as they are found in the field, on the server's own link: each gets an address,
//! extends its lease and gives the address back.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use lessor_e2e::{
    LeaseState, Link, Setup,
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
    // Nothing that the client sent was held against it.
    let reasons: Vec<String> = server.journal().into_iter().map(|line| line.reason).collect();
    let is_expected = |reason: &String| {
        ["offered-", "ack-", "released-lease"].iter().any(|start| reason.starts_with(start))
    };
    assert!(reasons.iter().all(is_expected), "{reasons:?}");
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
