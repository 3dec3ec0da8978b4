//! Options that are repeated, empty or truncated, options that the client did not request, and
//! options whose value is given as octets; and the journal's lines about clients that are not
//! served.

use std::{net::Ipv4Addr, time::Duration};

use lessor_e2e::{ClientMessage, Server, Setup, relay};
use lessor_load::{Relay, Reply, Subscriber};

const SUBNETS: &str = r#"
    [options]
    "67" = "hex:70786500"
    domain-search = "hex:0161076578616d706c6500"

    [[subnet]]
    prefix = "100.64.0.0/16"
    options = { routers = ["100.64.0.1"] }

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.1.255"
    options = { tftp-server-name = "hex:00ff" }

    [[subnet]]
    prefix = "100.65.0.0/16"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);

/// Returns a client's message as the relay forwards it, without option 82.
fn message(relay: &Relay, kind: u8, client: u8) -> ClientMessage {
    let address = *relay.local_address().ip();
    let message = ClientMessage::new(kind, [2, 0, 0, 0, 0, client]).relay_address(address);
    message.transaction_id(u32::from(client))
}

/// Returns option 82 of the relay for this line.
fn information(relay: &Relay, line: &str) -> Vec<u8> {
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, 0], line);
    relay.relay_information(&subscriber).unwrap()
}

#[track_caller]
fn answer(relay: &mut Relay, octets: &[u8]) -> Reply {
    relay.exchange_octets(octets, PATIENCE).unwrap().expect("an answer")
}

fn started() -> (Server, Relay) {
    let server = Setup::on_loopback(SUBNETS).start();
    let relay = relay(server.address(), LINK);
    (server, relay)
}

#[test]
fn messages_with_options_sent_twice_empty_or_cut_short_are_served_and_counted() {
    let (server, mut relay) = started();
    let of_line = information(&relay, "line");
    let discover = message(&relay, ClientMessage::DISCOVER, 1)
        .option(53, &[ClientMessage::DISCOVER])
        .option(50, &[])
        .option(52, &[0])
        .option(57, &[5, 220])
        .option(82, &of_line)
        .option(57, &[5, 220]);
    let offer = answer(&mut relay, &discover.octets());
    assert_eq!(server.status().messages_cut_short, 0);

    let address = offer.your_address;
    let request = message(&relay, ClientMessage::REQUEST, 1)
        .option(50, &address.octets())
        .option(54, &server.address().ip().octets())
        .option(54, &server.address().ip().octets())
        .option(50, &address.octets())
        .option(82, &of_line);
    // The length of the vendor class is nine octets.
    let ack = answer(&mut relay, &request.cut_short(b"\x3c\x09udhc"));
    assert_eq!(ack.your_address, address);
    assert_eq!(server.journal_has("ack-selecting").circuit_id.as_deref(), Some("line"));
    assert_eq!(server.status().messages_cut_short, 1);
    assert!(server.metrics().contains("\nlessor_messages_cut_short_total 1\n"));

    // Without option 61, the client would have another key.
    let discover = message(&relay, ClientMessage::DISCOVER, 2).option(82, &of_line);
    let silence = relay.exchange_octets(&discover.cut_short(b"\x3d\x09id"), SILENCE).unwrap();
    assert_eq!(silence, None);
    server.journal_has("option-truncated");
    assert_eq!(server.status().messages_cut_short, 1);
}

#[test]
fn of_two_options_82_the_one_of_the_relay_next_to_the_server_counts() {
    let (server, mut relay) = started();
    let of_line = information(&relay, "line");
    // The client forges another line, and a sub-option that extends beyond its end.
    let discover = message(&relay, ClientMessage::DISCOVER, 1).option(82, b"\x01\x04rich\x63\xff");
    let offer = answer(&mut relay, &discover.option(82, &of_line).octets());
    assert_eq!(offer.relay_information(), Some(&of_line[..]));
    let line = server.journal_has("offered-from-pool");
    assert_eq!(line.circuit_id.as_deref(), Some("line"));
    assert_eq!(line.relay_information, Some(hex::encode(of_line)));
}

#[test]
fn the_mask_is_sent_to_clients_that_do_not_ask_for_it() {
    let (server, mut relay) = started();
    let of_line = information(&relay, "line");
    let asking = |kind| message(&relay, kind, 1).option(55, &[3]).option(82, &of_line);
    let messages = [
        asking(ClientMessage::DISCOVER),
        asking(ClientMessage::REQUEST)
            .option(54, &server.address().ip().octets())
            .option(50, &[100, 64, 1, 0]),
        asking(ClientMessage::INFORM),
    ];
    for message in messages {
        let reply = answer(&mut relay, &message.octets());
        let mask = Ipv4Addr::new(255, 255, 0, 0);
        assert_eq!(reply.options.addresses(1), [mask], "{message:?}");
        assert_eq!(reply.options.addresses(3), [LINK], "{message:?}");
    }
}

#[test]
fn no_configuration_takes_the_mask_away() {
    for name in ["\"subnet-mask\"", "1"] {
        let never = format!("options = {{ routers = [\"100.64.0.1\"] }}\nnever-send = [{name}]");
        let subnets = SUBNETS.replace("options = { routers = [\"100.64.0.1\"] }", &never);
        assert_ne!(subnets, SUBNETS);
        let said = Setup::on_loopback(&subnets).refused();
        assert!(said.contains("`never-send` contains option 1 (subnet-mask)"), "{said}");
    }
}

#[test]
fn octets_in_the_configuration_arrive_as_octets() {
    let (_server, mut relay) = started();
    let discover = message(&relay, ClientMessage::DISCOVER, 1).option(55, &[66, 67, 119]);
    let discover = discover.option(82, &information(&relay, "line"));
    let offer = answer(&mut relay, &discover.octets());
    assert_eq!(offer.options.get(67), Some(&b"pxe\0"[..]));
    assert_eq!(offer.options.get(66), Some(&[0, 0xff][..]));
    assert_eq!(offer.options.get(119), Some(&b"\x01a\x07example\0"[..]));
}

#[test]
fn the_journal_says_what_was_looked_for_in_vain() {
    let (server, mut relay) = started();
    let address = *relay.local_address().ip();
    let elsewhere = message(&relay, ClientMessage::DISCOVER, 1).option(82, &[5, 4, 100, 99, 0, 1]);
    assert_eq!(relay.exchange_octets(&elsewhere.octets(), SILENCE).unwrap(), None);
    let detail = server.journal_has("unknown-subnet").detail.unwrap();
    assert!(detail.starts_with("no subnet spans 100.99.0.1, the link selection"), "{detail}");
    let by_relay = message(&relay, ClientMessage::DISCOVER, 2);
    assert_eq!(relay.exchange_octets(&by_relay.octets(), SILENCE).unwrap(), None);
    let of_relay = format!("no subnet spans {address}, the relay address (giaddr)");
    server.journal_says("the relay address", |line| {
        line.detail.as_ref().is_some_and(|detail| detail.starts_with(&of_relay))
    });
    let by_client = by_relay.transaction_id(3).option(118, &[100, 98, 0, 0]);
    assert_eq!(relay.exchange_octets(&by_client.octets(), SILENCE).unwrap(), None);
    server.journal_says("the subnet selection", |line| {
        let detail = line.detail.as_deref().unwrap_or_default();
        detail.starts_with("no subnet spans 100.98.0.0, the client's subnet selection (option 118)")
    });
}

#[test]
fn the_journal_says_whose_the_address_of_an_unknown_client_is() {
    let (server, mut relay) = started();
    let ada = relay.acquire(&Subscriber::new([2, 0, 0, 0, 0, 1], "line"), PATIENCE).unwrap();
    let stranger = Subscriber::new([2, 0, 0, 0, 0, 9], "line9");
    for (address, said) in [
        (ada.address, "is leased to hw:02:00:00:00:00:01; authoritative = true"),
        (Ipv4Addr::new(100, 64, 1, 77), "is free in 100.64.0.0/16; unknown-clients = \"adopt\""),
        (Ipv4Addr::new(100, 64, 9, 9), "is in no pool of 100.64.0.0/16; unknown-clients"),
        (Ipv4Addr::new(100, 65, 0, 9), "belongs to 100.65.0.0/16, and the client asks in 100.64"),
        (Ipv4Addr::new(203, 0, 113, 9), "no subnet spans 203.0.113.9"),
    ] {
        relay.init_reboot(&stranger, address, SILENCE).unwrap();
        server.journal_says(said, |line| {
            line.reason == "unknown-client"
                && line.detail.as_ref().is_some_and(|detail| detail.contains(said))
        });
        let address = address.to_string();
        let question = ["explain", "--kind", "request", "--hardware-address", "02:00:00:00:00:09"];
        let question = [&question[..], &["--address", address.as_str()]].concat();
        let explained = server.ask(&question);
        let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
        assert!(explained.contains(said), "{explained}");
    }
}
