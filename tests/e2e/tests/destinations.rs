//! The destinations of replies: what arrives on the wire, and where, for clients and relays with
//! unusual addresses in their messages.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use lessor_e2e::{
    Capture, ClientMessage, Datagram, Destination, Host, Link, Server, Setup, require,
};
use lessor_load::{Answer, Relay, Subscriber};

/// A DISCOVER of 02:00:5e:00:53:01 with its previous address, 10.77.0.150, in ciaddr and option 50.
const DISCOVER_WITH_CIADDR: &str = include_str!("destinations/discover-ciaddr.hex");

const ADA: [u8; 6] = [2, 0, 0x5e, 0, 0x53, 1];
const FORMER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 150);
const ON_LINK: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const BROADCAST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 68);
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns the subnet 10.77.0.0/24 on the server's link, with the additional lines `more`.
fn link_subnet(more: &str) -> String {
    format!(
        "
        [[subnet]]
        prefix = \"10.77.0.0/24\"
        {more}
        [[subnet.pool]]
        range = \"10.77.0.100-10.77.0.199\"
        "
    )
}

/// Starts a server with 10.77.0.1/24 on a link, and a capture of the link.
fn on_link(subnets: &str) -> (Link, Host, Server, Capture) {
    let link = Link::new();
    let host = link.host("server");
    host.add_address("eth0", "10.77.0.1/24");
    let server = Setup::on_link("eth0", subnets).start_on(&host);
    let capture = Capture::start(&host, "eth0");
    (link, host, server, capture)
}

#[test]
fn a_client_that_names_its_former_address_hears_offer_and_ack_without_having_it() {
    require!(root, ip, tcpdump);
    let (link, _host, server, capture) = on_link(&link_subnet(""));
    let home = link.host("client");

    // No host on the link answers ARP for ciaddr.
    let discover = ClientMessage::from_hexadecimal(DISCOVER_WITH_CIADDR).transaction_id(1);
    home.broadcast("eth0", &discover.octets());
    let heard = |kind, id: u32| {
        capture.sees(&format!("the answer to {id}"), |seen| {
            seen.is(kind) && seen.transaction_id() == id
        })
    };
    let offer = heard(Datagram::OFFER, 1);
    assert_eq!(offer.destination_hardware_address, ADA);
    assert_eq!(offer.destination, SocketAddrV4::new(FORMER_ADDRESS, 68));

    // With the BROADCAST flag, the reply is broadcast, whatever ciaddr is.
    home.broadcast("eth0", &discover.clone().transaction_id(2).broadcast_flag().octets());
    let offer = heard(Datagram::OFFER, 2);
    assert_eq!((offer.destination_hardware_address, offer.destination), ([0xff; 6], BROADCAST));

    // The client accepts the offer: option 54 is the server's, and option 50 decides, or else the
    // open offer.
    let elsewhere = Ipv4Addr::new(172, 16, 0, 9);
    let request = ClientMessage::new(ClientMessage::REQUEST, ADA).client_address(elsewhere);
    let request = request.option(54, &ON_LINK.octets());
    home.broadcast("eth0", &request.clone().transaction_id(3).octets());
    let ack = heard(Datagram::ACK, 3);
    assert_eq!(ack.destination_hardware_address, ADA);
    assert_eq!(ack.destination, SocketAddrV4::new(FORMER_ADDRESS, 68));
    let selecting = request.option(50, &FORMER_ADDRESS.octets()).transaction_id(4);
    home.broadcast("eth0", &selecting.octets());
    assert_eq!(heard(Datagram::ACK, 4).destination_hardware_address, ADA);
    home.broadcast("eth0", &selecting.transaction_id(5).broadcast_flag().octets());
    assert_eq!(heard(Datagram::ACK, 5).destination, BROADCAST);

    // The client verifies its address after a restart.
    let reboot = ClientMessage::new(ClientMessage::REQUEST, ADA).transaction_id(6);
    home.broadcast("eth0", &reboot.option(50, &FORMER_ADDRESS.octets()).octets());
    assert_eq!(heard(Datagram::ACK, 6).destination_hardware_address, ADA);
    server.journal_has("ack-tolerant");
}

/// The server, a router with a relay that ignores unicast, and a client behind it that has a lease
/// and an address of 100.64.0.0/16.
struct BehindARelay {
    server: Server,
    home: Host,
    /// The capture on the client's link.
    capture: Capture,
    address: Ipv4Addr,
    server_address: Ipv4Addr,
    _hosts: (Link, Link, Host, Host),
}

impl BehindARelay {
    fn new(setup: impl FnOnce(&str) -> Setup) -> Self {
        let (core, access) = (Link::new(), Link::new());
        let server_host = core.host("server");
        server_host.add_address("eth0", "192.0.2.1/24");
        server_host.add_route("100.64.0.0/16", "192.0.2.2");
        let router = core.host("router");
        router.add_address("eth0", "192.0.2.2/24");
        access.attach(&router, "eth1");
        router.add_address("eth1", "100.64.0.1/16");
        router.forward();
        let server_address = Ipv4Addr::new(192, 0, 2, 1);
        let server = setup(&subnets("")).start_on(&server_host);
        let home = access.host("client");

        let address = router.run_here(|| {
            let local = SocketAddrV4::new(Ipv4Addr::new(100, 64, 0, 1), 0);
            let to = SocketAddrV4::new(server_address, 67);
            let mut relay = Relay::bind(local, to, None).unwrap();
            relay.acquire(&Subscriber::new(ADA, "line"), PATIENCE).unwrap().address
        });
        home.add_address("eth0", &format!("{address}/16"));
        home.add_route("default", "100.64.0.1");
        let capture = Capture::start(&home, "eth0");
        let _hosts = (core, access, server_host, router);
        Self { server, home, capture, address, server_address, _hosts }
    }

    /// Extends the client's lease by unicast, from its address to that of the server.
    fn renews(&self, id: u32) {
        let renewal = ClientMessage::new(ClientMessage::REQUEST, ADA).client_address(self.address);
        let from = SocketAddrV4::new(self.address, 68);
        let to = SocketAddrV4::new(self.server_address, 67);
        self.home.send(from, to, &renewal.transaction_id(id).octets());
    }

    /// Reserves another address for the line. The client then extends its lease and must receive a
    /// NAK.
    fn hears_the_nak(mut self) {
        self.renews(1);
        let client = SocketAddrV4::new(self.address, 68);
        let ack = self.capture.sees("the ACK", |seen| seen.is(Datagram::ACK));
        assert_eq!(ack.destination, client);

        let reservation = "
            [[subnet.reservation]]
            circuit-id = \"line\"
            address = \"100.64.2.1\"
        ";
        self.server.setup().put_subnets(&subnets(reservation));
        assert!(self.server.hang_up().accepted);
        self.renews(2);
        let nak = self.capture.sees("the NAK", |seen| seen.is(Datagram::NAK));
        assert_eq!(nak.destination, client);
        assert_eq!(nak.transaction_id(), 2);
        assert_eq!(nak.source, SocketAddrV4::new(self.server_address, 67));
        let line = self.server.journal_has("nak-other-address");
        assert_eq!(line.destination, Some(Destination::Client(client)));
        let explained = self.server.ask(&["explain", "--kind", "renew", "--circuit-id", "line"]);
        let explained = String::from_utf8(explained.stdout).unwrap();
        assert!(explained.contains(&format!("to the client, {client}")), "{explained}");
    }
}

fn subnets(more: &str) -> String {
    format!(
        "
        [[subnet]]
        prefix = \"100.64.0.0/16\"
        [[subnet.pool]]
        range = \"100.64.1.0-100.64.1.255\"
        {more}
        [[subnet]]
        prefix = \"192.0.2.0/24\"
        [[subnet.pool]]
        range = \"192.0.2.100-192.0.2.199\"
        "
    )
}

#[test]
fn a_client_behind_a_relay_hears_the_nak_of_its_direct_renewal() {
    require!(root, ip, tcpdump);
    let address = Ipv4Addr::new(192, 0, 2, 1);
    BehindARelay::new(|subnets| Setup::for_relays(address, subnets)).hears_the_nak();
}

#[test]
fn a_client_behind_a_relay_hears_the_nak_of_a_server_that_serves_links_too() {
    require!(root, ip, tcpdump);
    BehindARelay::new(|subnets| Setup::on_link("eth0", subnets)).hears_the_nak();
}

#[test]
fn a_client_on_the_link_hears_the_nak_of_its_direct_renewal_with_everybody() {
    require!(root, ip, tcpdump);
    let (link, _host, server, capture) = on_link(&link_subnet(""));
    let home = link.host("client");
    let reboot = ClientMessage::new(ClientMessage::DISCOVER, ADA);
    home.broadcast("eth0", &reboot.octets());
    capture.sees("the OFFER", |seen| seen.is(Datagram::OFFER));
    let address = server.journal_has("offered-from-pool").address.unwrap();
    let request = ClientMessage::new(ClientMessage::REQUEST, ADA).option(50, &address.octets());
    home.broadcast("eth0", &request.option(54, &ON_LINK.octets()).octets());
    capture.sees("the ACK", |seen| seen.is(Datagram::ACK));

    // The client now uses another address of the network.
    let other = Ipv4Addr::new(10, 77, 0, 200);
    home.add_address("eth0", &format!("{other}/24"));
    let renewal = ClientMessage::new(ClientMessage::REQUEST, ADA).client_address(other);
    let (from, to) = (SocketAddrV4::new(other, 68), SocketAddrV4::new(ON_LINK, 67));
    home.send(from, to, &renewal.octets());
    let nak = capture.sees("the NAK", |seen| seen.is(Datagram::NAK));
    assert_eq!((nak.destination_hardware_address, nak.destination), ([0xff; 6], BROADCAST));
    assert_eq!(server.journal_has("nak-other-address").destination, Some(Destination::Broadcast));
}

#[test]
fn nothing_is_sent_to_a_broadcast_address_nor_to_the_server_itself() {
    require!(root, ip, tcpdump);
    let link = Link::new();
    let host = link.host("server");
    host.add_address("eth0", "10.77.0.1/24");
    host.add_address("eth0", "10.77.0.2/24");
    let setup = Setup::for_relays(ON_LINK, &link_subnet(""));
    let server = setup.with_server_setting("interfaces = [\"eth0\"]").start_on(&host);
    let stranger = link.host("stranger");
    stranger.add_address("eth0", "10.77.0.9/24");
    let capture = Capture::start(&host, "eth0");

    let message = |kind, id: u32| ClientMessage::new(kind, ADA).transaction_id(id);
    let discover = |relay: [u8; 4], id| {
        message(ClientMessage::DISCOVER, id)
            .relay_address(relay.into())
            .option(82, &[5, 4, 10, 77, 0, 0])
    };
    let server_port = SocketAddrV4::new(ON_LINK, 67);
    let from = |port| SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 9), port);
    let mut id = 0;
    for (relay, reason) in [
        ([255; 4], "unusable-relay-address"),
        ([224, 0, 0, 1], "unusable-relay-address"),
        ([0, 0, 0, 9], "unusable-relay-address"),
        ([240, 0, 0, 1], "unusable-relay-address"),
        ([10, 77, 0, 255], "broadcast-destination"),
        ([10, 77, 0, 1], "own-socket"),
        // The address of the interface's socket.
        ([10, 77, 0, 2], "own-socket"),
    ] {
        id += 1;
        stranger.send(from(67), server_port, &discover(relay, id).octets());
        let line = server.journal_says(reason, |line| {
            line.reason == reason && line.relay_address == Some(relay.into())
        });
        assert_eq!(line.address, None, "{line:?}");
    }
    // With RFC 8357 the relay requests its replies at the server's port, but from outside.
    let own = message(ClientMessage::DISCOVER, 90).relay_address(ON_LINK);
    let own = own.option(82, &[5, 4, 10, 77, 0, 0, 19, 0]);
    stranger.send(from(67), server_port, &own.octets());
    let everywhere = message(ClientMessage::INFORM, 91).client_address([255; 4].into());
    stranger.broadcast("eth0", &everywhere.octets());
    server.journal_has("unusable-client-address");
    let whole_link = message(ClientMessage::INFORM, 92).client_address([10, 77, 0, 255].into());
    stranger.send(from(68), server_port, &whole_link.octets());
    server.journal_says("an INFORM from everybody", |line| {
        line.reason == "broadcast-destination" && line.message.as_deref() == Some("DHCPINFORM")
    });
    stranger.broadcast("eth0", &message(ClientMessage::INFORM, 93).octets());
    server.journal_has("inform-without-address");
    let status = server.status();
    assert_eq!(status.count("own-socket"), 3, "{:?}", status.reasons);
    assert_eq!(status.pools[0].offered, 0, "{:?}", status.pools);

    // A relay on the server's host with another port is served.
    let acquired = host.run_here(|| {
        let local = SocketAddrV4::new(ON_LINK, 1067);
        let mut relay = Relay::bind(local, server_port, None).unwrap();
        relay.acquire(&Subscriber::new([2, 0, 0, 0, 0, 2], "line"), PATIENCE).unwrap()
    });
    assert_eq!(acquired.address.octets()[..3], [10, 77, 0]);
    // A relay at an address without a socket of the server is served, too.
    stranger.run_here(|| {
        let local = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 9), 0);
        let mut relay = Relay::bind(local, server_port, None).unwrap();
        let subscriber = Subscriber::new([2, 0, 0, 0, 0, 3], "line");
        assert!(matches!(relay.discover(&subscriber, PATIENCE), Ok(Answer::Offer(_))));
    });
    let is_answer = |seen: &Datagram| seen.message.first() == Some(&2);
    capture.sees("the offer to that relay", is_answer);
    let sent: Vec<Datagram> = capture.datagrams().into_iter().filter(is_answer).collect();
    let nine = Ipv4Addr::new(10, 77, 0, 9);
    assert!(sent.iter().all(|seen| *seen.destination.ip() == nine), "{sent:?}");
    assert_eq!(sent.len(), 1, "{sent:?}");
}

#[test]
fn a_reply_to_a_relay_is_no_longer_than_the_link_towards_it_carries() {
    require!(root, ip, tcpdump);
    let link = Link::new();
    let host = link.host("server");
    host.add_address("eth0", "10.77.0.1/24");
    host.ip(&["link", "set", "dev", "eth0", "mtu", "576"]);
    let long = "x".repeat(200);
    let options = format!("options = {{ \"225\" = \"{long}\", \"226\" = \"{long}\" }}");
    let server = Setup::for_relays(ON_LINK, &link_subnet(&options)).start_on(&host);
    let capture = Capture::start(&host, "eth0");
    let relay = link.host("relay");
    let relay_address = Ipv4Addr::new(10, 77, 0, 9);
    relay.add_address("eth0", &format!("{relay_address}/24"));
    let information = [&[1, 20][..], &[b'c'; 20]].concat();
    let discover = ClientMessage::new(ClientMessage::DISCOVER, ADA).relay_address(relay_address);
    let discover = discover.option(57, &u16::MAX.to_be_bytes()).option(55, &[225, 226]);
    let discover = discover.option(82, &information).octets();
    relay.send(SocketAddrV4::new(relay_address, 67), SocketAddrV4::new(ON_LINK, 67), &discover);
    let offer = capture.sees("the OFFER to the relay", |seen| seen.is(Datagram::OFFER));
    assert_eq!(*offer.destination.ip(), relay_address);
    assert!(28 + offer.message.len() <= 576, "{} octets", offer.message.len());
    assert_eq!(offer.option(82), Some(&information[..]));
    let line = server.journal_has("offered-from-pool");
    assert_eq!(line.left_out, ["option-226"]);
    let explained = server.ask(&[
        "explain",
        "--json",
        "--hardware-address",
        "02:00:5e:00:53:01",
        "--relay-address",
        "10.77.0.9",
        "--circuit-id",
        "cccccccccccccccccccc",
        "--option",
        "57=hex:ffff",
        "--parameters",
        "225,226",
    ]);
    let explained: serde_json::Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(explained["reply"]["left-out"], serde_json::json!(["option-226"]), "{explained}");
}

#[test]
fn a_reply_is_no_longer_than_the_link_carries_and_the_journal_says_what_had_no_room() {
    require!(root, ip, tcpdump);
    let long = "x".repeat(200);
    let options = format!("options = {{ \"225\" = \"{long}\", \"226\" = \"{long}\" }}");
    let (link, host, server, capture) = on_link(&link_subnet(&options));
    let home = link.host("client");
    let ask = |id: u32, relay_information: u8| {
        let mut information = vec![1, relay_information];
        information.resize(2 + usize::from(relay_information), b'c');
        let discover = ClientMessage::new(ClientMessage::DISCOVER, ADA).transaction_id(id);
        let discover = discover.option(57, &u16::MAX.to_be_bytes()).option(55, &[225, 226]);
        home.broadcast("eth0", &discover.option(82, &information).octets());
        capture.sees(&format!("the OFFER to {id}"), |seen| {
            seen.is(Datagram::OFFER) && seen.transaction_id() == id
        })
    };
    let options = |offer: &Datagram| -> Vec<u8> {
        offer.options().into_iter().map(|(code, _)| code).collect()
    };
    let offer = ask(1, 20);
    assert!(options(&offer).ends_with(&[225, 226, 82]), "{:?}", options(&offer));

    // The operator lowers the MTU while the server runs; the server notices it within a second.
    host.ip(&["link", "set", "dev", "eth0", "mtu", "576"]);
    std::thread::sleep(Duration::from_millis(1500));
    let offer = ask(2, 20);
    assert!(28 + offer.message.len() <= 576, "{} octets", offer.message.len());
    assert_eq!(offer.option(82).map(<[u8]>::len), Some(22));
    assert_eq!(offer.option(1), Some(&[255, 255, 255, 0][..]));
    let said = |left_out: &str| {
        server.journal_says(&format!("no room for {left_out}"), |line| {
            line.left_out.iter().any(|name| name == left_out)
        })
    };
    let line = said("option-226");
    let hardware_address = "02:00:5e:00:53:01".to_owned();
    let address = line.address.unwrap();
    assert_eq!(line.destination, Some(Destination::Hardware { address, hardware_address }));
    assert_eq!(line.left_out, ["option-226"]);

    // What is explained has no room for the same option.
    let explained = server.ask(&[
        "explain",
        "--json",
        "--hardware-address",
        "02:00:5e:00:53:01",
        "--link",
        "10.77.0.1",
        "--circuit-id",
        "cccccccccccccccccccc",
        "--option",
        "57=hex:ffff",
        "--parameters",
        "225,226",
    ]);
    let explained: serde_json::Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(explained["reply"]["left-out"], serde_json::json!(["option-226"]), "{explained}");

    // A long option 82 does not fit, either.
    host.ip(&["link", "set", "dev", "eth0", "mtu", "1500"]);
    let identifier = [1; 200];
    let request = ClientMessage::new(ClientMessage::REQUEST, ADA).option(61, &identifier);
    let request = request.option(54, &ON_LINK.octets()).option(50, &[10, 77, 0, 250]);
    home.broadcast("eth0", &request.option(82, &[9; 200]).octets());
    capture.sees("the NAK", |seen| seen.is(Datagram::NAK));
    assert_eq!(said("relay-agent-information").reason, "nak-other-address");
    assert_eq!(server.status().relay_information_left_out, 1);
}
