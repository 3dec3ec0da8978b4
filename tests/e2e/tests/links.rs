//! Links that change while the server runs, and interfaces with no, one or several addresses: which
//! clients are served, by which address, and what the operator sees.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use lessor_e2e::{
    Capture, EndpointRow, Host, Link, Server, Setup,
    plain::{Plain, PlainMessage, PlainReply, kind},
    require, wait,
};

/// The time after which no answer is expected.
const SILENCE: Duration = Duration::from_millis(400);
const EVERYBODY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "192.0.2.0/24"
    [[subnet.pool]]
    range = "192.0.2.100-192.0.2.199"

    [[subnet]]
    prefix = "198.51.100.0/24"
    [[subnet.pool]]
    range = "198.51.100.100-198.51.100.199"
"#;

/// A server on the links of two interfaces, with a client on each.
struct TwoLinks {
    server: Server,
    server_host: Host,
    links: [Link; 2],
    clients: [Plain; 2],
    _client_hosts: [Host; 2],
}

impl TwoLinks {
    fn new() -> Self {
        let links = [Link::new(), Link::new()];
        let server_host = links[0].host("server");
        links[1].attach(&server_host, "eth1");
        server_host.add_address("eth0", "192.0.2.1/24");
        server_host.add_address("eth1", "198.51.100.1/24");
        let server = Setup::on_link("eth0", SUBNETS).with_interface("eth1").start_on(&server_host);
        let client_hosts = [links[0].host("client"), links[1].host("client")];
        let clients = [&client_hosts[0], &client_hosts[1]].map(|host| Plain::on(host, "eth0", 68));
        Self { server, server_host, links, clients, _client_hosts: client_hosts }
    }

    fn ip(&self, arguments: &str) {
        self.server_host.ip(&arguments.split(' ').collect::<Vec<_>>());
    }

    fn endpoint(&self, name: &str) -> EndpointRow {
        endpoint(&self.server, name)
    }

    /// Waits until an endpoint has this state.
    #[track_caller]
    fn is(&self, name: &str, state: &str) -> EndpointRow {
        is(&self.server, name, state)
    }

    /// Waits until the client of a link is offered an address.
    #[track_caller]
    fn serves(&self, link: usize) -> PlainReply {
        serves(&self.clients[link])
    }

    #[track_caller]
    fn is_silent(&self, link: usize) {
        let discover = PlainMessage::new(kind::DISCOVER, 99);
        assert_eq!(self.clients[link].ask(&discover, EVERYBODY, SILENCE), None);
    }

    fn log(&mut self) -> String {
        self.server.process().output()
    }
}

fn endpoint(server: &Server, name: &str) -> EndpointRow {
    let endpoints = server.status().endpoints;
    endpoints.into_iter().find(|row| row.endpoint == name).expect("it is configured")
}

#[track_caller]
fn is(server: &Server, name: &str, state: &str) -> EndpointRow {
    wait::soon(&format!("{name} to be {state}"), || {
        Some(endpoint(server, name)).filter(|row| row.state == state)
    })
}

#[track_caller]
fn serves(client: &Plain) -> PlainReply {
    let mut number = 0;
    wait::soon("an offer", || {
        number += 1;
        let discover = PlainMessage::new(kind::DISCOVER, number);
        client.ask(&discover, EVERYBODY, SILENCE)
    })
}

#[test]
fn an_interface_that_is_deleted_and_made_again_is_served_again() {
    require!(root, ip);
    let mut lab = TwoLinks::new();
    assert_eq!(lab.serves(0).your_address.octets()[..3], [192, 0, 2]);
    lab.ip("link delete eth0");
    let missing = lab.is("eth0", "missing");
    assert!(missing.detail.unwrap().contains("there is no interface \"eth0\""));
    assert!(
        lab.server.metrics().contains("lessor_endpoint_serving{endpoint=\"eth0\",kind=\"link\"} 0")
    );
    // The other link is served during this time.
    assert_eq!(lab.serves(1).your_address.octets()[..3], [198, 51, 100]);

    lab.links[0].attach(&lab.server_host, "eth0");
    lab.server_host.add_address("eth0", "192.0.2.1/24");
    lab.is("eth0", "serving");
    let offer = lab.serves(0);
    assert_eq!(offer.source, SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 67));
    let log = lab.log();
    assert!(log.contains("an endpoint does not serve"), "{log}");
    assert!(log.contains("an endpoint has changed and serves"), "{log}");
    assert!(
        lab.server.metrics().contains("lessor_endpoint_serving{endpoint=\"eth0\",kind=\"link\"} 1")
    );
}

#[test]
fn an_interface_that_is_missing_at_start_keeps_only_its_own_link_waiting() {
    require!(root, ip);
    let (first, second) = (Link::new(), Link::new());
    let server_host = first.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let setup = Setup::on_link("eth0", SUBNETS).with_interface("late0");
    let server = setup.start_on(&server_host);
    is(&server, "late0", "missing");
    let (home, other) = (first.host("client"), second.host("client"));
    let clients = [Plain::on(&home, "eth0", 68), Plain::on(&other, "eth0", 68)];
    assert_eq!(serves(&clients[0]).your_address.octets()[..3], [192, 0, 2]);

    second.attach(&server_host, "late0");
    is(&server, "late0", "no-address");
    server_host.add_address("late0", "198.51.100.1/24");
    is(&server, "late0", "serving");
    assert_eq!(serves(&clients[1]).your_address.octets()[..3], [198, 51, 100]);
}

#[test]
fn a_renamed_interface_is_reported_and_served_again_under_its_name() {
    require!(root, ip);
    let lab = TwoLinks::new();
    lab.ip("link set eth0 down");
    lab.is("eth0", "down");
    lab.ip("link set eth0 name wan0");
    lab.ip("link set wan0 up");
    lab.is("eth0", "missing");
    lab.is_silent(0);
    lab.ip("link set wan0 down");
    lab.ip("link set wan0 name eth0");
    lab.ip("link set eth0 up");
    lab.is("eth0", "serving");
    lab.serves(0);
}

#[test]
fn a_port_of_a_bridge_is_reported_and_served_again_when_it_leaves() {
    require!(root, ip);
    let lab = TwoLinks::new();
    lab.ip("link add br0 type bridge");
    lab.ip("link set br0 up");
    lab.ip("link set eth0 master br0");
    let taken = lab.is("eth0", "taken");
    assert!(taken.detail.unwrap().contains("part of the bridge br0"));
    lab.is_silent(0);
    lab.ip("link set eth0 nomaster");
    lab.is("eth0", "serving");
    lab.serves(0);
}

#[test]
fn replies_carry_the_hardware_address_that_the_interface_has_now() {
    require!(root, ip, tcpdump);
    let lab = TwoLinks::new();
    lab.serves(0);
    lab.ip("link set eth0 address 02:00:5e:00:53:77");
    wait::soon("the new hardware address", || {
        let row = lab.endpoint("eth0");
        (row.hardware_address.as_deref() == Some("02:00:5e:00:53:77")).then_some(())
    });
    let capture = Capture::start(&lab.server_host, "eth0");
    lab.serves(0);
    let frames = std::fs::read(capture.file()).unwrap();
    let header = [&[0xff; 6][..], &[2, 0, 0x5e, 0, 0x53, 0x77], &[8, 0]].concat();
    wait::soon("a frame from the new hardware address", || {
        let frames = [frames.clone(), std::fs::read(capture.file()).unwrap()].concat();
        frames.windows(header.len()).any(|window| window == header).then_some(())
    });
}

#[test]
fn a_client_of_a_link_without_addresses_gets_silence_and_the_operator_a_reason() {
    require!(root, ip);
    let lab = TwoLinks::new();
    lab.serves(0);
    lab.ip("address flush dev eth0");
    lab.is("eth0", "no-address");
    // The client gets neither an address of the other link's subnet nor a NAK for a valid one.
    lab.is_silent(0);
    let request = PlainMessage::new(kind::REQUEST, 1).with(50, &[192, 0, 2, 100]);
    assert_eq!(lab.clients[0].ask(&request, EVERYBODY, SILENCE), None);
    let line = lab.server.journal_has("link-without-address");
    assert!(line.detail.unwrap().contains("eth0 has no IPv4 address"));
    assert_eq!(line.interface.as_deref(), Some("eth0"));
    // The client does not say where the link is, and neither does option 82 without a relay.
    for (code, octets) in [(118, &[198, 51, 100, 0][..]), (82, &[5, 4, 198, 51, 100, 0])] {
        let selecting = PlainMessage::new(kind::DISCOVER, 98).with(code, octets);
        assert_eq!(lab.clients[0].ask(&selecting, EVERYBODY, SILENCE), None, "option {code}");
    }
    wait::soon("each message to end for that reason", || {
        (lab.server.status().count("link-without-address") == 4).then_some(())
    });
    assert_eq!(lab.serves(1).your_address.octets()[..3], [198, 51, 100]);

    // The address is now in another subnet.
    lab.server_host.add_address("eth0", "198.51.100.2/24");
    lab.is("eth0", "serving");
    let offer = lab.serves(0);
    assert_eq!(offer.your_address.octets()[..3], [198, 51, 100]);
    assert_eq!(offer.server_identifier, Some(Ipv4Addr::new(198, 51, 100, 2)));
}

#[test]
fn each_of_several_addresses_of_a_link_can_select_the_subnet() {
    require!(root, ip);
    let link = Link::new();
    let server_host = link.host("server");
    for address in ["203.0.113.1/24", "192.0.2.1/24", "198.51.100.1/24"] {
        server_host.add_address("eth0", address);
    }
    let setup = Setup::on_link("eth0", SUBNETS).with_server_setting("authoritative = true");
    let server = setup.start_on(&server_host);
    let home = link.host("client");
    let client = Plain::on(&home, "eth0", 68);
    // The first address is in no subnet, so the second one selects the subnet.
    let offer = serves(&client);
    assert_eq!(offer.your_address.octets()[..3], [192, 0, 2]);
    assert_eq!(offer.server_identifier, Some(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(*offer.source.ip(), Ipv4Addr::new(192, 0, 2, 1));
    // A client that requests an address of the third subnet gets it, from the server's address in
    // that subnet.
    let wanted = [198, 51, 100, 150];
    let discover = PlainMessage::new(kind::DISCOVER, 500).with(50, &wanted);
    let offer = client.ask(&discover, EVERYBODY, SILENCE * 10).unwrap();
    assert_eq!(offer.your_address, Ipv4Addr::from(wanted));
    assert_eq!(offer.server_identifier, Some(Ipv4Addr::new(198, 51, 100, 1)));
    assert_eq!(*offer.source.ip(), Ipv4Addr::new(198, 51, 100, 1));
    let request =
        PlainMessage::new(kind::REQUEST, 500).with(50, &wanted).with(54, &[198, 51, 100, 1]);
    assert_eq!(client.ask(&request, EVERYBODY, SILENCE * 10).unwrap().kind, kind::ACK);
    // An address in ciaddr that the client had before, on another subnet of the link, changes
    // nothing: neither where it is, nor who answers.
    let mut number = 600;
    let mut ask = |kind, options: &[(u8, [u8; 4])]| {
        let named = options.iter().find(|(code, _)| *code == 50);
        let mut message = PlainMessage::new(kind, named.map_or(700, |_| 600));
        number += 1;
        message.transaction_id = number;
        message.client_address = Ipv4Addr::new(192, 0, 2, 177);
        let message =
            options.iter().fold(message, |message, (code, octets)| message.with(*code, octets));
        client.ask(&message, EVERYBODY, wait::SOON).unwrap()
    };
    let other = [198, 51, 100, 160];
    let own = Some(Ipv4Addr::new(198, 51, 100, 1));
    let offer = ask(kind::DISCOVER, &[(50, other)]);
    assert_eq!((offer.your_address, offer.server_identifier), (other.into(), own));
    let ack = ask(kind::REQUEST, &[(50, other), (54, [198, 51, 100, 1])]);
    assert_eq!((ack.kind, ack.your_address), (kind::ACK, other.into()));
    assert_eq!(ask(kind::REQUEST, &[(50, other)]).kind, kind::ACK);
    let offer = ask(kind::DISCOVER, &[]);
    assert_eq!(offer.server_identifier, Some(Ipv4Addr::new(192, 0, 2, 1)));
    // The server still knows the client when it rebinds.
    let mut rebinding = PlainMessage::new(kind::REQUEST, 500).from_address(wanted.into());
    rebinding.transaction_id += 1;
    home.add_address("eth0", "198.51.100.150/24");
    assert_eq!(client.ask(&rebinding, EVERYBODY, SILENCE * 10).unwrap().kind, kind::ACK);
    assert_eq!(server.journal_has("ack-rebinding").address, Some(Ipv4Addr::from(wanted)));
}

/// A switch adds option 82 to the messages of clients on the link, or a client makes it up.
#[test]
fn option_82_without_a_relay_selects_neither_a_subnet_nor_a_server_identifier() {
    require!(root, ip);
    let lab = TwoLinks::new();
    let information = b"\x01\x04line\x05\x04\xc6\x33\x64\x00\x0b\x04\xc6\x33\x64\x09";
    let message = |kind| PlainMessage::new(kind, 1).with(82, information);
    let offer = lab.clients[0].ask(&message(kind::DISCOVER), EVERYBODY, wait::SOON).unwrap();
    assert_eq!(offer.your_address.octets()[..3], [192, 0, 2]);
    assert_eq!(offer.server_identifier, Some(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(offer.option(82).as_deref(), Some(&information[..]));
    let line = lab.server.journal_has("offered-from-pool");
    assert_eq!(line.located_by.as_deref(), Some("link"));
    assert_eq!(line.circuit_id.as_deref(), Some("line"));
    // The address in sub-option 11 is that of another server.
    let request = |identifier: [u8; 4]| {
        message(kind::REQUEST).with(50, &offer.your_address.octets()).with(54, &identifier)
    };
    assert_eq!(lab.clients[0].ask(&request([198, 51, 100, 9]), EVERYBODY, SILENCE), None);
    lab.server.journal_has("other-server-selected");
    let ack = lab.clients[0].ask(&request([192, 0, 2, 1]), EVERYBODY, wait::SOON).unwrap();
    assert_eq!((ack.kind, ack.your_address), (kind::ACK, offer.your_address));
}

#[test]
fn an_address_for_relays_that_comes_late_or_goes_away_is_reported() {
    require!(root, ip);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.2/24");
    let address = Ipv4Addr::new(192, 0, 2, 1);
    let server = Setup::for_relays(address, SUBNETS).start_on(&server_host);
    let name = "192.0.2.1:67";
    let missing = is(&server, name, "address-missing");
    assert!(
        missing.detail.unwrap().contains("no interface of this host has the address 192.0.2.1")
    );
    let relay_host = link.host("relay");
    relay_host.add_address("eth0", "192.0.2.9/24");
    let relay = Plain::on(&relay_host, "eth0", 67);
    let to = SocketAddrV4::new(address, 67);
    for number in [1, 2] {
        server_host.add_address("eth0", "192.0.2.1/24");
        is(&server, name, "serving");
        let discover = PlainMessage::new(kind::DISCOVER, number).relayed([192, 0, 2, 9].into());
        let offer = wait::soon("an offer", || relay.ask(&discover, to, SILENCE));
        assert_eq!(offer.source, to);
        server_host.ip(&["address", "delete", "192.0.2.1/24", "dev", "eth0"]);
        is(&server, name, "address-missing");
    }
}

#[test]
fn a_link_that_flaps_does_not_flood_the_log() {
    require!(root, ip);
    let mut lab = TwoLinks::new();
    for _ in 0..60 {
        lab.ip("link set eth0 down");
        lab.is("eth0", "down");
        lab.ip("link set eth0 up");
        lab.is("eth0", "serving");
    }
    let log = lab.log();
    let lines =
        log.lines().filter(|line| line.contains("an endpoint") && line.contains("eth0")).count();
    assert!((5..40).contains(&lines), "{lines} lines");
    lab.serves(0);
}

#[test]
fn the_status_shows_each_endpoint_and_its_state() {
    require!(root, ip);
    let lab = TwoLinks::new();
    lab.ip("link set eth1 down");
    lab.is("eth1", "down");
    let output = lab.server.ask(&["status"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("eth0") && text.contains("serving"), "{text}");
    assert!(text.contains("eth1") && text.contains("down"), "{text}");
}

#[test]
fn a_request_that_names_any_address_of_the_server_is_for_the_server() {
    require!(root, ip);
    let lab = TwoLinks::new();
    lab.server_host.add_address("lo", "203.0.113.7/32");
    wait::soon("the address of loopback to count", || {
        let offer = lab.serves(0);
        let request = PlainMessage::new(kind::REQUEST, 1)
            .with(50, &offer.your_address.octets())
            .with(54, &[203, 0, 113, 7]);
        lab.clients[0].ask(&request, EVERYBODY, SILENCE).filter(|reply| reply.kind == kind::ACK)
    });
    // The address of the other link, and no address.
    for named in [[198, 51, 100, 1], [0, 0, 0, 0]] {
        let discover = PlainMessage::new(kind::DISCOVER, 700);
        let offer = lab.clients[0].ask(&discover, EVERYBODY, SILENCE * 10).unwrap();
        let mut request = PlainMessage::new(kind::REQUEST, 700)
            .with(50, &offer.your_address.octets())
            .with(54, &named);
        request.transaction_id += 1;
        let reply = lab.clients[0].ask(&request, EVERYBODY, SILENCE * 10).unwrap();
        assert_eq!(reply.kind, kind::ACK, "{named:?}");
    }
    // The address of another server.
    let discover = PlainMessage::new(kind::DISCOVER, 800);
    let offer = lab.clients[0].ask(&discover, EVERYBODY, SILENCE * 10).unwrap();
    let request = PlainMessage::new(kind::REQUEST, 801)
        .with(50, &offer.your_address.octets())
        .with(54, &[192, 0, 2, 77]);
    assert_eq!(lab.clients[0].ask(&request, EVERYBODY, SILENCE), None);
    lab.server.journal_has("other-server-selected");
}

#[test]
fn a_renewal_from_behind_a_relay_is_served_by_the_clients_own_address() {
    require!(root, ip);
    // The server has an interface for clients on the link, but no subnet for them.
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    server_host.add_route("198.51.100.0/24", "192.0.2.9");
    let server = Setup::on_link("eth0", SUBNETS).start_on(&server_host);
    let router = link.host("router");
    router.add_address("eth0", "192.0.2.9/24");
    router.add_address("lo", "198.51.100.1/32");
    let to = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 67);
    let relay = Plain::on(&router, "eth0", 67);
    let gateway = Ipv4Addr::new(198, 51, 100, 1);
    let discover = PlainMessage::new(kind::DISCOVER, 1).relayed(gateway);
    relay.send(&discover, to);
    let offered = server.journal_has("offered-from-pool").address.unwrap();
    let request = PlainMessage::new(kind::REQUEST, 1)
        .relayed(gateway)
        .with(50, &offered.octets())
        .with(54, &[192, 0, 2, 1]);
    relay.send(&request, to);
    server.journal_has("ack-selecting");

    router.add_address("lo", &format!("{offered}/32"));
    let client = router.run_here(|| std::net::UdpSocket::bind((offered, 68)).unwrap());
    client.set_read_timeout(Some(wait::SOON)).unwrap();
    let renewal = PlainMessage::new(kind::REQUEST, 1).from_address(offered);
    client.send_to(&renewal.octets(), to).unwrap();
    let mut octets = [0; 2048];
    let (length, _) = client.recv_from(&mut octets).unwrap();
    let reply = PlainReply::read(&octets[..length], to).unwrap();
    assert_eq!((reply.kind, reply.your_address), (kind::ACK, offered));
    server.journal_has("ack-renewing");
}

#[test]
fn a_socket_buffer_that_is_smaller_than_wanted_is_reported_at_the_start() {
    require!(root, ip, setpriv);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let setup = Setup::on_link("eth0", SUBNETS).without_capability("net_admin");
    let mut server = setup.start_on(&server_host);
    for (buffer, sysctl) in [("receive", "rmem_max"), ("send", "wmem_max")] {
        let said = server.process().says(&format!("the {buffer} buffer is small"), wait::SOON);
        assert!(said.contains(&format!("raise net.core.{sysctl}")), "{said}");
    }
}

#[test]
fn what_the_reverse_path_filter_will_drop_is_reported_at_the_start() {
    require!(root, ip);
    let links = [Link::new(), Link::new()];
    let server_host = links[0].host("server");
    links[1].attach(&server_host, "eth1");
    server_host.add_address("eth0", "192.0.2.1/24");
    server_host.add_address("eth1", "203.0.113.1/24");
    // A subnet of eth0's link whose clients the kernel would reach through eth1.
    server_host.add_route("198.51.100.0/24", "203.0.113.9");
    server_host.run_here(|| {
        for interface in ["all", "eth0"] {
            std::fs::write(format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter"), "1").unwrap();
        }
    });
    let shared = SUBNETS.replace("[[subnet]]", "[[subnet]]\n    shared-network = \"home\"");
    let setup = Setup::on_link("eth0", &shared).with_server_setting("send-buffer-kib = 64");
    let mut server = setup.start_on(&server_host);
    let said = server.process().says("rp_filter on eth0 drops", wait::SOON);
    assert!(said.contains("198.51.100.0/24") && said.contains("leads through eth1"), "{said}");
    assert!(!said.contains("subnet 192.0.2.0/24"), "{said}");
}
