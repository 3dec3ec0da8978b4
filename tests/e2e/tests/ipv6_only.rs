//! Clients that can do without IPv4 (RFC 8925): their offers have no address and hold none.

use std::net::Ipv4Addr;

use lessor_e2e::{
    Link, Setup, ShortExchange,
    plain::{Plain, PlainMessage, kind},
    require, wait,
};

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// One address, which IPv4 clients need.
const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    options = { ipv6-only-preferred = 1800 }

    [[subnet.pool]]
    range = "100.64.1.0-100.64.1.0"
"#;
const ONLY: Ipv4Addr = Ipv4Addr::new(100, 64, 1, 0);

fn ipv6_only(kind: u8, client: u32) -> PlainMessage {
    PlainMessage::new(kind, client).with(55, &[1, 3, 108])
}

#[test]
fn an_offer_costs_no_address_and_a_request_is_served() {
    let server = Setup::on_loopback(SUBNETS).start();
    let relay = ShortExchange::new(LINK);
    for client in 1..=20 {
        let offer = relay.ask(&server, ipv6_only(kind::DISCOVER, client));
        assert_eq!((offer.kind, offer.your_address), (kind::OFFER, Ipv4Addr::UNSPECIFIED));
        assert_eq!(offer.option(108), Some(1800_u32.to_be_bytes().to_vec()));
    }
    let line = server.journal_has("offered-ipv6-only");
    assert_eq!(line.address, None);
    assert_eq!(server.status().pools[0].offered, 0);
    // The only address is there for a client that needs it.
    let offer = relay.ask(&server, PlainMessage::new(kind::DISCOVER, 30).with(55, &[1, 3]));
    assert_eq!((offer.your_address, offer.option(108)), (ONLY, None));
    let identifier = offer.server_identifier.unwrap().octets();
    let request = PlainMessage::new(kind::REQUEST, 30).with(50, &ONLY.octets());
    assert_eq!(relay.ask(&server, request.with(54, &identifier)).kind, kind::ACK);
    // Also when no address is left.
    let offer = relay.ask(&server, ipv6_only(kind::DISCOVER, 31));
    assert_eq!((offer.kind, offer.your_address), (kind::OFFER, Ipv4Addr::UNSPECIFIED));
    // The REQUEST of a client that wants to go on with its address is decided as usual.
    let request = ipv6_only(kind::REQUEST, 30).with(50, &ONLY.octets());
    let ack = relay.ask(&server, request);
    assert_eq!((ack.kind, ack.your_address), (kind::ACK, ONLY));
    assert_eq!(ack.option(108), Some(1800_u32.to_be_bytes().to_vec()));
}

#[test]
fn a_client_on_the_link_is_answered_by_broadcast() {
    require!(root, ip);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let subnets = r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        options = { ipv6-only-preferred = 300 }
        [[subnet.pool]]
        range = "192.0.2.100-192.0.2.199"
    "#;
    let server = Setup::on_link("eth0", subnets).start_on(&server_host);
    let client_host = link.host("client");
    let client = Plain::on(&client_host, "eth0", 68);
    let mut discover = ipv6_only(kind::DISCOVER, 1);
    discover.is_broadcast = false;
    let to = std::net::SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    let offer = client.ask(&discover, to, wait::SOON).expect("a broadcast");
    assert_eq!((offer.kind, offer.your_address), (kind::OFFER, Ipv4Addr::UNSPECIFIED));
    drop(server);
}
