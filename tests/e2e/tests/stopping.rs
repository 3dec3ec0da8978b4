//! SIGTERM: the server completes the requests in progress and loses nothing. A second server cannot
//! use the store, the control socket or the address of a running one.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use lessor_e2e::{Link, Server, Setup, heavy, relay, require};
use lessor_load::{Answer, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.250.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn what_was_decided_is_answered_and_is_there_after_a_restart() {
    let _alone = heavy();
    const ASKING_AT_ONCE: u8 = 60;
    let mut server = Setup::on_loopback(SUBNETS).start();
    let address = server.address();
    let together = Arc::new(Barrier::new(usize::from(ASKING_AT_ONCE) + 1));
    let ask = |number: u8| {
        let (together, mut relay) = (Arc::clone(&together), relay(address, LINK));
        thread::spawn(move || {
            let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], "line");
            let Answer::Offer(offer) = relay.discover(&subscriber, PATIENCE).unwrap() else {
                panic!("no offer for {number}");
            };
            together.wait();
            let (offered, server) = (offer.address, offer.server_identifier);
            match relay.request_selecting(&subscriber, offered, server, PATIENCE) {
                Ok(Answer::Ack(acquired)) => Some(acquired.address),
                // The message arrived too late.
                _ => None,
            }
        })
    };
    let asking: Vec<_> = (0..ASKING_AT_ONCE).map(ask).collect();
    together.wait();
    let status = server.stop();
    assert!(status.success(), "{status}");
    let acknowledged: BTreeSet<Ipv4Addr> =
        asking.into_iter().filter_map(|asking| asking.join().unwrap()).collect();

    // Exactly the acknowledged leases were written.
    let of_store = |server: &Server| -> BTreeSet<Ipv4Addr> {
        server.leases().into_iter().map(|lease| lease.address).collect()
    };
    assert_eq!(of_store(&server), acknowledged);
    server.start_again();
    assert_eq!(of_store(&server), acknowledged);
}

#[test]
fn a_second_server_on_the_same_store_is_refused_and_the_first_serves_on() {
    let server = Setup::on_loopback(SUBNETS).start();
    let said = server.second_is_refused();
    assert!(said.contains("store") || said.contains("another lessor"), "{said}");
    let mut relay = relay(server.address(), LINK);
    relay.acquire(&Subscriber::new([2, 0, 0, 0, 0, 1], "line"), PATIENCE).unwrap();
    assert_eq!(server.leases().len(), 1);
}

#[test]
fn a_second_server_on_the_same_control_socket_is_refused_and_the_first_serves_on() {
    let server = Setup::on_loopback(SUBNETS).start();
    let socket = server.folder().join("store/control.sock");
    let other = Setup::on_loopback(SUBNETS).with_tables(&format!("[control]\nsocket = {socket:?}"));
    let said = other.refused();
    assert!(said.contains("another lessor process uses it"), "{said}");
    assert!(said.contains("control.sock"), "{said}");
    assert_eq!(server.status().generation, 1);
}

#[test]
fn a_second_server_on_the_same_address_is_refused() {
    // Sockets of one user can share a port, but then each would get a part of the messages.
    let server = Setup::on_loopback(SUBNETS).start();
    let said = Setup::listening(server.address(), SUBNETS).refused();
    assert!(said.contains("another DHCP server"), "{said}");
    assert!(said.contains(&server.address().to_string()), "{said}");
}

#[test]
fn a_second_server_on_the_same_link_is_refused() {
    require!(root, ip);
    let link = Link::new();
    let host = link.host("server");
    host.add_address("eth0", "100.64.0.1/16");
    let _server = Setup::on_link("eth0", SUBNETS).start_on(&host);
    let said = Setup::on_link("eth0", SUBNETS).on(&host).refused();
    assert!(said.contains("another DHCP server") && said.contains("eth0"), "{said}");
}
