//! BOOTP clients: which ones are served, what they get with one reply, and what the journal,
//! policies, explanations and recordings say of them.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    process::Stdio,
    time::Duration,
};

use lessor_e2e::{
    Link, Server, Setup, ShortExchange,
    plain::{Plain, PlainMessage, PlainReply, kind},
    require, wait,
};
use serde_json::Value;

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const FROM_POOL: Ipv4Addr = Ipv4Addr::new(100, 64, 1, 0);
const RESERVED: Ipv4Addr = Ipv4Addr::new(100, 64, 2, 9);
/// The length of a message of RFC 951.
const OCTETS: usize = 300;

/// A subnet with a setting, a pool, and a reservation for client 9.
fn subnets(setting: &str) -> String {
    format!(
        r#"
        [[subnet]]
        prefix = "100.64.0.0/16"
        {setting}
        boot-file = "rom.img"
        options = {{ routers = ["100.64.0.1"], vendor-class-identifier = "x", root-path = "/export" }}

        [[subnet.pool]]
        name = "residential"
        range = "100.64.1.0-100.64.1.255"

        [[subnet.reservation]]
        hardware-address = "02:00:5e:00:00:09"
        address = "100.64.2.9"
        "#
    )
}

fn serving(setting: &str) -> Server {
    Setup::on_loopback(&subnets(setting)).start()
}

fn bootp(client: u32) -> PlainMessage {
    PlainMessage::new(kind::BOOTP, client)
}

fn codes(reply: &PlainReply) -> Vec<u8> {
    reply.options().into_iter().map(|(code, _)| code).collect()
}

#[test]
fn a_client_gets_a_lease_with_one_reply() {
    let mut server = serving("bootp = \"dynamic\"");
    let relay = ShortExchange::new(LINK);
    let reply = relay.ask(&server, bootp(1));
    assert_eq!((reply.kind, reply.your_address), (kind::BOOTP, FROM_POOL));
    assert_eq!(reply.payload.len(), OCTETS);
    assert_eq!(codes(&reply), [1, 3, 17, 82]);
    assert_eq!(reply.boot_file(), "rom.img");
    // Without another boot server, it is the one that answers.
    assert_eq!(reply.next_server(), *server.address().ip());
    let line = server.journal_has("ack-bootp");
    assert_eq!(line.message.as_deref(), Some("BOOTREQUEST"));
    assert_eq!((line.address, line.lease_time_secs), (Some(FROM_POOL), Some(u32::MAX)));
    // The lease was durable before the reply left, and the client keeps it.
    server.kill();
    server.start_again();
    assert_eq!(server.leases().len(), 1);
    assert_eq!(relay.ask(&server, bootp(1)).your_address, FROM_POOL);
    assert_eq!(server.leases().len(), 1);
}

#[test]
fn only_clients_with_a_reservation_are_served_where_that_is_wanted() {
    let server = serving("bootp = \"reserved\"\nbootp-lease-time = \"1h\"");
    let relay = ShortExchange::new(LINK);
    assert_eq!(relay.ask(&server, bootp(9)).your_address, RESERVED);
    assert_eq!(server.journal_has("ack-bootp").lease_time_secs, Some(3600));
    relay.is_ignored(&server, bootp(1));
    server.journal_has("bootp-not-reserved");
    assert_eq!(server.leases().len(), 1);
}

/// Gets a lease by DHCP and declines its address.
fn declines(server: &Server, relay: &ShortExchange, client: u32) -> Ipv4Addr {
    let offer = relay.ask(server, PlainMessage::new(kind::DISCOVER, client));
    let naming = |kind| {
        let message = PlainMessage::new(kind, client).with(50, &offer.your_address.octets());
        message.with(54, &offer.server_identifier.unwrap().octets())
    };
    assert_eq!(relay.ask(server, naming(kind::REQUEST)).kind, kind::ACK);
    relay.is_ignored(server, naming(kind::DECLINE));
    server.journal_says("the DECLINE", |line| {
        line.reason == "quarantined-declined" && line.address == Some(offer.your_address)
    });
    offer.your_address
}

#[test]
fn when_no_address_is_free_a_client_gets_the_one_that_was_quarantined_first() {
    let pair = subnets("bootp = \"dynamic\"").replace("100.64.1.255", "100.64.1.1");
    let server = Setup::on_loopback(&pair).start();
    let relay = ShortExchange::new(LINK);
    let quarantined = [1, 2].map(|client| declines(&server, &relay, client));
    assert_eq!(server.status().pool("residential").quarantined, 2);
    for (client, address) in (3..).zip(quarantined) {
        let reply = relay.ask(&server, bootp(client));
        assert_eq!((reply.kind, reply.your_address), (kind::BOOTP, address));
    }
    relay.is_ignored(&server, bootp(5));
    server.journal_has("no-free-address");
    assert_eq!(server.status().pool("residential").quarantined, 0);
}

#[test]
fn a_client_whose_reserved_address_is_quarantined_gets_it_when_that_ends() {
    let server = serving("bootp = \"reserved\"\nquarantine = \"6s\"");
    let relay = ShortExchange::new(LINK);
    assert_eq!(declines(&server, &relay, 9), RESERVED);
    relay.is_ignored(&server, bootp(9));
    server.journal_has("bootp-address-unavailable");
    assert_eq!(server.status().count("bootp-not-reserved"), 0);
    wait::within(Duration::from_secs(30), "the end of the quarantine", || {
        server.leases().iter().all(|lease| lease.address != RESERVED).then_some(())
    });
    assert_eq!(relay.ask(&server, bootp(9)).your_address, RESERVED);
}

#[test]
fn nobody_is_served_by_default() {
    let server = serving("");
    let relay = ShortExchange::new(LINK);
    relay.is_ignored(&server, bootp(9));
    let line = server.journal_has("no-message-type");
    assert!(line.detail.is_some_and(|detail| detail.contains("bootp = ")));
    // Where another subnet serves such clients, the subnet of the client is named.
    let other = "\n[[subnet]]\nprefix = \"100.65.0.0/16\"\nbootp = \"reserved\"\n";
    let server = Setup::on_loopback(&(subnets("") + other)).start();
    relay.is_ignored(&server, bootp(9));
    let line = server.journal_has("bootp-not-served");
    assert!(line.detail.is_some_and(|detail| detail.contains("100.64.0.0/16")));
}

#[test]
fn policies_see_what_it_is_and_decide() {
    let setup = Setup::on_loopback(&subnets("bootp = \"dynamic\""));
    let script = "fn decide(request, terms) {\n\
                  if request.kind == \"bootp\" {\n\
                  if request.hardware_address.ends_with(\"02\") { return ignore(\"not here\"); }\n\
                  terms.boot_file = \"of-policy\";\n\
                  terms.lease_time_secs = 60;\n\
                  }\n\
                  }\n";
    setup.put_script("10-bootp.rhai", script, "");
    let server = setup.start();
    let relay = ShortExchange::new(LINK);
    assert_eq!(relay.ask(&server, bootp(1)).boot_file(), "of-policy");
    // A client that never extends its lease keeps it.
    assert_eq!(server.journal_has("ack-bootp").lease_time_secs, Some(u32::MAX));
    relay.is_ignored(&server, bootp(2));
    server.journal_has("ignored-by-policy");
    let offer = relay.ask(&server, PlainMessage::new(kind::DISCOVER, 3));
    assert_eq!((offer.kind, offer.boot_file()), (kind::OFFER, "rom.img".to_owned()));
}

#[test]
fn a_message_is_explained_recorded_and_replayed() {
    let server = serving("bootp = \"dynamic\"");
    let client = ["--kind", "bootp", "--hardware-address", "02:00:5e:00:00:09"];
    let arguments = ["explain", "--json", "--relay-address", "100.64.0.1"];
    let output = server.ask(&[&arguments[..], &client].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explanation["reason"], "ack-bootp");
    assert_eq!(explanation["reply"]["kind"], "BOOTREPLY");
    assert_eq!(explanation["reply"]["your-address"], "100.64.2.9");

    let file = server.folder().join("bootp.jsonl");
    let path = file.to_str().unwrap();
    let mut command =
        server.command(&["record", "--output", path, "--seconds", "2", "--with-leases"]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    wait::soon("the recording to begin", || {
        let text = fs::read_to_string(&file).ok()?;
        text.starts_with("{\"recording\"").then_some(())
    });
    let relay = ShortExchange::new(LINK);
    relay.ask(&server, bootp(1));
    relay.ask(&server, bootp(9));
    assert!(child.wait().unwrap().success());
    let output = server.ask(&["replay", path]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}

#[test]
fn a_client_on_the_link_is_answered_there() {
    require!(root, ip);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let subnets = r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        bootp = "dynamic"
        [[subnet.pool]]
        range = "192.0.2.100-192.0.2.199"
    "#;
    let server = Setup::on_link("eth0", subnets).start_on(&server_host);
    let client_host = link.host("client");
    let client = Plain::on(&client_host, "eth0", 68);
    let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    let reply = client.ask(&bootp(1), to, wait::SOON).expect("a broadcast");
    assert_eq!((reply.kind, reply.flags()), (kind::BOOTP, 0x8000));
    assert_eq!(reply.your_address, Ipv4Addr::new(192, 0, 2, 100));
    // A client that has an address is answered there, and no address is leased to it.
    client_host.add_address("eth0", "192.0.2.77/24");
    let with_address = bootp(2).from_address(Ipv4Addr::new(192, 0, 2, 77));
    let reply = client.ask(&with_address, to, wait::SOON).expect("a reply");
    assert_eq!((reply.kind, reply.your_address), (kind::BOOTP, Ipv4Addr::UNSPECIFIED));
    server.journal_has("ack-bootp-parameters");
    assert_eq!(server.leases().len(), 1);
}

/// bootpc prints what it read as the assignments of a shell.
#[test]
fn a_real_client_reads_its_address_and_boot_file() {
    require!(root, ip, bootpc);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let subnets = r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        bootp = "dynamic"
        boot-file = "rom.img"
        next-server = "192.0.2.10"
        options = { routers = ["192.0.2.1"], domain-name-servers = ["192.0.2.53"] }
        [[subnet.pool]]
        range = "192.0.2.100-192.0.2.199"
    "#;
    let server = Setup::on_link("eth0", subnets).start_on(&server_host);
    let client_host = link.host("client");
    // The client broadcasts from a socket, so it needs a route.
    client_host.ip(&["route", "add", "default", "dev", "eth0"]);
    let mut command = client_host.command("bootpc");
    command.args(["--dev", "eth0", "--serverbcast", "--returniffail", "--timeoutwait", "10"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "IPADDR='192.0.2.100'",
        "SERVER='192.0.2.10'",
        "BOOTFILE='rom.img'",
        "NETMASK='255.255.255.0'",
        "GATEWAYS='192.0.2.1'",
        "DNSSRVS='192.0.2.53'",
    ] {
        assert!(said.lines().any(|found| found == line), "{line} is not in\n{said}");
    }
    assert_eq!(server.journal_has("ack-bootp").address, Some(Ipv4Addr::new(192, 0, 2, 100)));
    assert_eq!(server.leases().len(), 1);
}

/// Truncated, oversized and arbitrary vendor areas.
#[test]
fn no_vendor_area_does_harm() {
    let server = serving("bootp = \"dynamic\"");
    let relay = ShortExchange::new(LINK);
    let long = vec![7; 255];
    for (number, options) in [
        (1, vec![(43, &long[..]), (60, &long[..]), (43, &long[..])]),
        (2, vec![(52, &[0][..]), (55, &long[..])]),
        (3, vec![(50, &[100, 64, 1, 77][..]), (54, &[1, 2, 3, 4]), (61, &long[..])]),
    ] {
        let message = options
            .into_iter()
            .fold(bootp(number), |message, (code, octets)| message.with(code, octets));
        let sent_octets = message.octets().len() + 10;
        let reply = relay.ask(&server, message);
        assert!((OCTETS..=sent_octets.max(OCTETS)).contains(&reply.payload.len()), "{number}");
        assert!(codes(&reply).iter().all(|code| !(50..=61).contains(code)), "{number}");
    }
}
