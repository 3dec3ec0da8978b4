//! `relays`: the relay addresses that are served, for the server and for a subnet.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use lessor_e2e::{
    Link, Setup,
    plain::{Plain, PlainMessage, kind},
    require, wait,
};

const SILENCE: Duration = Duration::from_millis(400);

#[test]
fn only_relays_that_the_configuration_names_are_served() {
    require!(root, ip);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let subnets = r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        [[subnet.pool]]
        range = "192.0.2.100-192.0.2.199"

        [[subnet]]
        prefix = "198.51.100.0/24"
        relays = ["192.0.2.30/32", "198.51.100.1/32"]
        [[subnet.pool]]
        range = "198.51.100.100-198.51.100.199"
    "#;
    let setup = Setup::for_relays([192, 0, 2, 1].into(), subnets);
    let server = setup.with_server_setting("relays = [\"192.0.2.16/28\"]").start_on(&server_host);
    let to = SocketAddrV4::new([192, 0, 2, 1].into(), 67);
    let relay_host = link.host("relay");
    for last in [17, 18, 30, 40] {
        relay_host.add_address("eth0", &format!("192.0.2.{last}/24"));
    }
    let relay = Plain::on(&relay_host, "eth0", 67);
    let mut number = 0;
    let mut asks = |relay_address: u8, link_selection: Option<[u8; 4]>, patience| {
        number += 1;
        let address = Ipv4Addr::new(192, 0, 2, relay_address);
        let mut discover = PlainMessage::new(kind::DISCOVER, number).relayed(address);
        if let Some(selected) = link_selection {
            discover = discover.with(82, &[&[5, 4][..], &selected].concat());
        }
        relay.ask(&discover, to, patience)
    };
    assert_eq!(asks(17, None, wait::SOON).unwrap().kind, kind::OFFER);
    assert_eq!(asks(40, None, SILENCE), None);
    let line = server.journal_has("relay-not-served");
    assert_eq!(line.relay_address, Some([192, 0, 2, 40].into()));
    assert!(line.detail.unwrap().contains("relay address 192.0.2.40 is not among the `relays`"));
    // The list of a subnet replaces that of the server.
    let selected = Some([198, 51, 100, 1]);
    assert_eq!(asks(30, selected, wait::SOON).unwrap().kind, kind::OFFER);
    assert_eq!(asks(18, selected, SILENCE), None);
    assert!(server.metrics().contains("reason=\"relay-not-served\",outcome=\"silence\"} 2"));
}
