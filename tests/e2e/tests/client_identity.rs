//! The identity of clients: values that identify no client, the keys of clients, and the messages
//! about a lease that are accepted.

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use lessor_e2e::{
    ClientMessage, LeaseState, Link, Setup,
    clients::{Client, Udhcpc},
    loopback_address, relay, require, wait,
};
use lessor_load::{Acquired, Answer, Relay, Subscriber};

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);

fn subnets(setting: &str) -> String {
    format!(
        r#"
        [[subnet]]
        prefix = "100.64.0.0/24"
        lease-time = "1h"
        {setting}

        [[subnet.pool]]
        name = "all"
        range = "100.64.0.10-100.64.0.99"
        "#
    )
}

fn subscriber(number: u8, line: &str) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 0, number], line)
}

#[track_caller]
fn acquire(relay: &mut Relay, subscriber: &Subscriber) -> Acquired {
    relay.acquire(subscriber, PATIENCE).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a DISCOVER with this hardware address (chaddr, and its length as hlen) and client
/// identifier.
fn discover(relay: &Relay, hardware_address: &[u8], client_identifier: Option<&[u8]>) -> Vec<u8> {
    let mut octets = vec![0; 236];
    octets[..8].copy_from_slice(&[1, 1, hardware_address.len() as u8, 1, 0x11, 0x22, 0x33, 0x44]);
    octets[24..28].copy_from_slice(&relay.local_address().ip().octets());
    octets[28..28 + hardware_address.len()].copy_from_slice(hardware_address);
    octets.extend([99, 130, 83, 99, 53, 1, 1, 55, 3, 1, 3, 6]);
    let line = relay.relay_information(&subscriber(0, "line")).unwrap();
    for (code, value) in [(61, client_identifier), (82, Some(&line[..]))] {
        let Some(value) = value else { continue };
        octets.extend([code, value.len() as u8]);
        octets.extend(value);
    }
    octets.push(255);
    octets
}

#[test]
fn a_message_that_identifies_nobody_gets_no_answer() {
    let server = Setup::on_loopback(&subnets("")).start();
    let mut relay = relay(server.address(), LINK);
    for hardware_address in [&[][..], &[0; 6]] {
        for client_identifier in [None, Some(&[][..])] {
            let octets = discover(&relay, hardware_address, client_identifier);
            assert_eq!(relay.exchange_octets(&octets, SILENCE).unwrap(), None);
        }
    }
    let line = server.journal_has("unidentified-client");
    assert!(line.detail.as_deref().is_some_and(|detail| detail.contains("option 61")), "{line:?}");
    assert_eq!(line.client, None);
    let status = server.status();
    assert_eq!(status.count("unidentified-client"), 4);
    assert_eq!(status.pool("all").offered, 0);
    // One of the two is enough.
    for (hardware_address, identifier) in
        [(&[][..], Some(&b"\x01x"[..])), (&[2, 0, 0, 0, 0, 9], None)]
    {
        let octets = discover(&relay, hardware_address, identifier);
        let offer = relay.exchange_octets(&octets, PATIENCE).unwrap().expect("an OFFER");
        assert_eq!(offer.your_address.octets()[..3], [100, 64, 0]);
    }
}

#[test]
fn a_client_identifier_that_two_devices_send_is_reported_and_served() {
    let server = Setup::on_loopback(&subnets("")).start();
    let mut relay = relay(server.address(), LINK);
    let clone = |number, line| Subscriber {
        client_identifier: Some(b"\xffcloned".to_vec()),
        ..subscriber(number, line)
    };
    let address = acquire(&mut relay, &clone(1, "line1")).address;
    assert_eq!(server.status().keys_seen_elsewhere, 0);
    assert_eq!(acquire(&mut relay, &clone(2, "line2")).address, address);
    let line = server.journal_says("the other device", |line| {
        line.reason == "ack-selecting" && line.detail.is_some()
    });
    let detail = line.detail.unwrap();
    for part in ["02:00:00:00:00:01", "02:00:00:00:00:02", "line1", "line2", "100.64.0.10"] {
        assert!(detail.contains(part), "{detail}");
    }
    assert_eq!(server.status().keys_seen_elsewhere, 2);
    assert!(server.metrics().contains("lessor_keys_seen_elsewhere_total 2"));
    let log = std::fs::read_to_string(server.folder().join("server-1.log")).unwrap();
    let told: Vec<_> = log.lines().filter(|line| line.contains("is now seen with")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_new_router_on_the_line_has_the_address_of_the_old_one() {
    let mut server = Setup::on_loopback(&subnets("client-key = \"line\"")).start();
    let mut relay = relay(server.address(), LINK);
    let address = acquire(&mut relay, &subscriber(1, "line1")).address;
    assert_ne!(acquire(&mut relay, &subscriber(2, "line2")).address, address);
    assert_eq!(acquire(&mut relay, &subscriber(3, "line1")).address, address);
    // Without a line, the client has no key.
    let answer = relay.discover(&subscriber(4, ""), SILENCE).unwrap();
    assert_eq!(answer, Answer::Silence);
    server.journal_has("unidentified-client");
    // The key is also on disk.
    server.kill();
    server.start_again();
    assert_eq!(acquire(&mut relay, &subscriber(5, "line1")).address, address);
    assert_eq!(server.leases().len(), 2);
    assert!(server.leases().iter().all(|lease| lease.client.starts_with("line:")));
}

#[test]
fn devices_are_distinguished_by_line_and_hardware_address_or_by_hardware_address() {
    let setting = "client-key = \"line-and-hardware-address\"";
    let server = Setup::on_loopback(&subnets(setting)).start();
    let mut relay = relay(server.address(), LINK);
    let same_device =
        [acquire(&mut relay, &subscriber(1, "a")), acquire(&mut relay, &subscriber(1, "b"))];
    assert_ne!(same_device[0].address, same_device[1].address);
    drop(server);

    let server = Setup::on_loopback(&subnets("client-key = \"hardware-address\"")).start();
    let mut relay = lessor_e2e::relay(server.address(), LINK);
    let system = |name: &str| Subscriber {
        client_identifier: Some(name.as_bytes().to_vec()),
        ..subscriber(1, "a")
    };
    let address = acquire(&mut relay, &system("loader")).address;
    assert_eq!(acquire(&mut relay, &system("system")).address, address);
}

#[test]
fn leases_go_on_when_a_reload_changes_what_tells_clients_apart() {
    let mut server = Setup::on_loopback(&subnets("")).start();
    let mut relay = relay(server.address(), LINK);
    let ada = Subscriber { client_identifier: Some(b"ada".to_vec()), ..subscriber(1, "line1") };
    let address = acquire(&mut relay, &ada).address;
    for kind in ["line", "hardware-address", "line-and-hardware-address", "client-identifier"] {
        server.setup().put_subnets(&subnets(&format!("client-key = {kind:?}")));
        assert!(server.hang_up().accepted);
        let answer = relay.rebind(&ada, address, PATIENCE).unwrap();
        assert!(matches!(&answer, Answer::Ack(ack) if ack.address == address), "{answer:?}");
        assert_eq!(acquire(&mut relay, &ada).address, address);
        assert_eq!(server.leases().len(), 1);
    }
}

#[test]
fn a_release_or_decline_over_another_line_does_not_count() {
    let server = Setup::on_loopback(&subnets("")).start();
    let mut relay = relay(server.address(), LINK);
    let (ada, forger) = (subscriber(1, "line1"), subscriber(1, "line2"));
    let lease = acquire(&mut relay, &ada);
    let (address, identifier) = (lease.address, lease.server_identifier);
    relay.release(&forger, address, identifier, Duration::ZERO).unwrap();
    relay.decline(&forger, address, identifier, Duration::ZERO).unwrap();
    // The RELEASE has no option 82 and does not come from the address.
    relay.release(&subscriber(1, ""), address, identifier, Duration::ZERO).unwrap();
    for reason in ["other-line-release", "other-line-decline"] {
        assert_eq!(server.journal_has(reason).address, Some(address));
    }
    wait::soon("three messages that do not count", || {
        let status = server.status();
        let refused = ["other-line-release", "other-line-decline", "release-from-elsewhere"];
        (refused.map(|reason| status.count(reason)).iter().sum::<u64>() == 3).then_some(())
    });
    assert_eq!(server.leases()[0].state, LeaseState::Leased);
    relay.release(&ada, address, identifier, Duration::ZERO).unwrap();
    server.journal_has("released-lease");
}

/// A datagram of any host, with what others can know of the client.
#[test]
fn a_release_or_decline_that_another_host_forges_without_a_line_does_not_count() {
    for (setting, line) in [("", "line1"), ("", ""), ("client-key = \"line\"", "line1")] {
        let server = Setup::on_loopback(&subnets(setting)).start();
        let mut relay = relay(server.address(), LINK);
        let ada = subscriber(1, line);
        let lease = acquire(&mut relay, &ada);
        let stranger = UdpSocket::bind((loopback_address(), 0)).unwrap();
        let forged = |kind, relay_address| {
            let message = ClientMessage::new(kind, [2, 0, 0, 0, 0, 1]);
            message
                .client_address(lease.address)
                .relay_address(relay_address)
                .option(50, &lease.address.octets())
                .option(54, &lease.server_identifier.octets())
        };
        let none = Ipv4Addr::UNSPECIFIED;
        let mut messages = vec![
            forged(ClientMessage::DECLINE, none),
            forged(ClientMessage::RELEASE, none),
            forged(ClientMessage::RELEASE, LINK),
        ];
        // A relay that adds no option 82 forwards such a DECLINE.
        messages.extend((!line.is_empty()).then(|| forged(ClientMessage::DECLINE, LINK)));
        for message in &messages {
            stranger.send_to(&message.octets(), server.address()).unwrap();
        }
        let kinds = [Some("DHCPDECLINE"), Some("DHCPRELEASE")];
        let lines = wait::soon("a line for each message", || {
            let mut lines = server.journal();
            lines.retain(|line| kinds.contains(&line.message.as_deref()));
            (lines.len() == messages.len()).then_some(lines)
        });
        let ended = ["released-lease", "quarantined-declined", "declined-beyond-limit"];
        assert!(lines.iter().all(|line| !ended.contains(&line.reason.as_str())), "{lines:?}");
        assert_eq!(server.leases()[0].state, LeaseState::Leased, "{setting} {line}");
        // The client goes on with its lease, and can give it up.
        assert_eq!(acquire(&mut relay, &ada).address, lease.address);
        let (address, identifier) = (lease.address, lease.server_identifier);
        relay.decline(&ada, address, identifier, Duration::ZERO).unwrap();
        assert_eq!(server.journal_has("quarantined-declined").address, Some(address));
    }
}

#[test]
fn a_release_that_comes_from_the_address_counts_without_option_82() {
    require!(root, ip, udhcpc);
    let subnets = r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        lease-time = "10m"

        [[subnet.pool]]
        range = "192.0.2.100-192.0.2.110"
    "#;
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let server = Setup::on_link("eth0", subnets).start_on(&server_host);
    let home = link.host("client");
    let mut client = Udhcpc::start(&home);
    let address = client.acquires();
    client.releases();
    assert_eq!(server.journal_has("released-lease").address, Some(address));
}
