//! A client that finds its address in use gets another one, and no client gets the first while
//! there are others.

use std::{net::Ipv4Addr, time::Duration};

use lessor_e2e::{
    Host, LeaseRow, LeaseState, Link, Server, Setup,
    clients::{Client, Dhcpcd, Udhcpc},
    relay, require, wait,
};
use lessor_load::{Answer, Subscriber};

#[test]
fn the_client_gets_another_address_and_others_do_not_get_the_first() {
    const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
    const PATIENCE: Duration = Duration::from_secs(5);
    let subnets = r#"
        [[subnet]]
        prefix = "100.64.0.0/24"
        lease-time = "10m"

        [[subnet.pool]]
        name = "three"
        range = "100.64.0.10-100.64.0.12"
    "#;
    let server = Setup::on_loopback(subnets).start();
    let mut relay = relay(server.address(), LINK);
    let subscriber = |number| Subscriber::new([2, 0, 0, 0, 0, number], format!("line{number}"));

    let first = relay.acquire(&subscriber(1), PATIENCE).unwrap();
    let silence = relay
        .decline(&subscriber(1), first.address, first.server_identifier, Duration::from_millis(300))
        .unwrap();
    assert_eq!(silence, Answer::Silence);
    assert_eq!(server.journal_has("quarantined-declined").address, Some(first.address));
    is_quarantined(&server, first.address);

    let second = relay.acquire(&subscriber(1), PATIENCE).unwrap();
    assert_ne!(second.address, first.address);
    let third = relay.acquire(&subscriber(2), PATIENCE).unwrap();
    assert!(third.address != first.address && third.address != second.address);
    let status = server.status();
    let pool = status.pool("three");
    assert_eq!((pool.leased, pool.quarantined), (2, 1));
    // A client cannot decline the address of another client.
    relay
        .decline(&subscriber(1), third.address, third.server_identifier, Duration::from_millis(300))
        .unwrap();
    assert_eq!(server.status().count("not-owner-decline"), 1);
    assert_eq!(server.status().pool("three").quarantined, 1);
}

#[test]
fn a_client_that_declines_its_reserved_address_gets_one_of_the_pool_until_it_is_free() {
    const LINK: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    const PATIENCE: Duration = Duration::from_secs(5);
    const RESERVED: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);
    let subnets = r#"
        [[subnet]]
        prefix = "10.77.0.0/24"
        quarantine = "6s"

        [[subnet.pool]]
        range = "10.77.0.100-10.77.0.199"

        [[subnet.reservation]]
        hardware-address = "02:00:5e:00:53:01"
        address = "10.77.0.50"
    "#;
    let server = Setup::on_loopback(subnets).start();
    let mut relay = relay(server.address(), LINK);
    let client = Subscriber::new([2, 0, 0x5e, 0, 0x53, 1], "line1");
    let first = relay.acquire(&client, PATIENCE).unwrap();
    assert_eq!(first.address, RESERVED);
    let identifier = first.server_identifier;
    relay.decline(&client, RESERVED, identifier, Duration::ZERO).unwrap();
    is_quarantined_soon(&server, RESERVED);
    let rebooted = relay.init_reboot(&client, RESERVED, PATIENCE).unwrap();
    assert!(matches!(rebooted, Answer::Nak { .. }), "{rebooted:?}");

    let instead = relay.acquire(&client, PATIENCE).unwrap();
    assert_eq!(instead.address, Ipv4Addr::new(10, 77, 0, 100));
    server.journal_has("offered-instead-of-reserved");
    server.journal_has("ack-instead-of-reserved");
    wait::within(Duration::from_secs(30), "the end of the quarantine", || {
        server.leases().iter().all(|lease| lease.address != RESERVED).then_some(())
    });
    // The client may keep its working address, and gets the other when it asks.
    let renewed = relay.renew(&client, instead.address, PATIENCE).unwrap();
    assert!(matches!(&renewed, Answer::Ack(_)), "{renewed:?}");
    assert_eq!(relay.acquire(&client, PATIENCE).unwrap().address, RESERVED);
}

#[test]
fn udhcpc_declines_an_address_that_another_host_uses() {
    require!(root, ip, udhcpc);
    // udhcpc probes the address only with `-a`, and then waits before it asks again.
    declines_an_address_in_use(|home| Udhcpc::start_with(home, &["-a", "-A", "1"]));
}

#[test]
fn dhcpcd_declines_an_address_that_another_host_uses() {
    require!(root, ip, dhcpcd);
    declines_an_address_in_use(|home| Dhcpcd::start_with(home, &[]));
}

fn declines_an_address_in_use<C: Client>(start: impl Fn(&Host) -> C) {
    // The address that another host uses is the first of the pool.
    let subnets = r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        lease-time = "10m"

        [[subnet.pool]]
        name = "first"
        range = "192.0.2.100-192.0.2.100"

        [[subnet.pool]]
        name = "second"
        range = "192.0.2.101-192.0.2.101"
    "#;
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let squatter = link.host("squatter");
    squatter.add_address("eth0", "192.0.2.100/24");
    let server = Setup::on_link("eth0", subnets).start_on(&server_host);

    let home = link.host("client");
    let _client = start(&home);
    let (taken, free) = (Ipv4Addr::new(192, 0, 2, 100), Ipv4Addr::new(192, 0, 2, 101));
    // Clients wait after a DECLINE: udhcpc as configured, dhcpcd for ten seconds.
    wait::within(Duration::from_secs(60), "the client to use the second address", || {
        (home.addresses("eth0") == [free]).then_some(())
    });
    assert_eq!(server.journal_has("quarantined-declined").address, Some(taken));
    is_quarantined(&server, taken);
    let leased = |lease: &LeaseRow| lease.state == LeaseState::Leased;
    let leases: Vec<Ipv4Addr> =
        server.leases().into_iter().filter(leased).map(|lease| lease.address).collect();
    assert_eq!(leases, [free]);
}

#[track_caller]
fn is_quarantined_soon(server: &Server, address: Ipv4Addr) {
    server.journal_has("quarantined-declined");
    is_quarantined(server, address);
}

#[track_caller]
fn is_quarantined(server: &Server, address: Ipv4Addr) {
    let leases = server.leases();
    let found = leases.iter().find(|lease| lease.address == address);
    assert_eq!(found.map(|lease| lease.state), Some(LeaseState::Quarantined), "{leases:?}");
}
