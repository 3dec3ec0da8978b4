//! Datagrams that are not DHCP messages, or damaged ones: each is counted with its reason, and the
//! server continues.

use std::{
    io::Write,
    net::{Ipv4Addr, UdpSocket},
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use lessor_e2e::{Server, Setup, loopback_address, reasons, relay, wait};
use lessor_load::Subscriber;

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

/// The fields of the header that select the destination of a reply: ciaddr and giaddr.
const CLIENT_ADDRESS: Range<usize> = 12..16;
const RELAY_ADDRESS: Range<usize> = 24..28;

#[test]
fn every_kind_of_damage_has_its_reason() {
    let server = Setup::on_loopback(SUBNETS).start();
    let sender = Sender::new(&server);
    let good = discover();
    let with_options = |options: &[u8]| [&good[..240], options].concat();
    let damaged = |at: usize, octet: u8| {
        let mut octets = good.clone();
        octets[at] = octet;
        octets
    };
    let cases = [
        (b"".to_vec(), "too-short"),
        (good[..200].to_vec(), "too-short"),
        (with_options(&[0; 2_000]), "too-long"),
        (damaged(236, 0), "no-magic-cookie"),
        (damaged(0, 2), "not-boot-request"),
        (damaged(2, 17), "hardware-length"),
        (with_options(b"\x35\x01\x01\x3d\x09short"), "option-truncated"),
        (with_options(b"\x35\x01\x03\x32\x03\x01\x02\x03\xff"), "option-length"),
        (with_options(b"\x0c\x04name\xff"), "no-message-type"),
        (with_options(b"\x35\x01\x02\xff"), "unexpected-message-type"),
    ];
    for (datagram, reason) in &cases {
        let before = server.status().count(reason);
        sender.send(datagram);
        wait::soon(&format!("{reason} to be counted"), || {
            (server.status().count(reason) == before + 1).then_some(())
        });
        let line = server.journal_has(reason);
        assert!(line.detail.is_some(), "{line:?}");
        assert_eq!(line.interface.as_deref(), Some("lo"), "{line:?}");
        if datagram.len() >= 240 {
            assert_eq!(line.transaction_id.as_deref(), Some("deadbeef"), "{line:?}");
            let hardware_address = line.hardware_address.as_deref().unwrap_or_default();
            assert!(hardware_address.starts_with("02:00:00:00:00:09"), "{line:?}");
            assert_eq!(line.relay_address, Some(Ipv4Addr::new(127, 200, 0, 1)), "{line:?}");
        }
    }
    is_alive(&server);
}

#[test]
fn noise_is_counted_datagram_by_datagram_and_the_server_lives() {
    let seed = std::env::var("LESSOR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..));
    let _ = writeln!(std::io::stderr(), "noise: LESSOR_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let mut server = Setup::on_loopback(SUBNETS).start();
    let sender = Sender::new(&server);
    let good = discover();

    // Truncated at every length, then randomly changed, then only random octets.
    let cut = (0..good.len()).map(|length| good[..length].to_vec());
    let mut datagrams: Vec<Vec<u8>> = cut.collect();
    for _ in 0..2000 {
        let mut octets = good.clone();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(..octets.len());
            octets[at] = random.u8(..);
        }
        // Replies must stay on this machine.
        for address in [CLIENT_ADDRESS, RELAY_ADDRESS] {
            octets[address.clone()].copy_from_slice(&good[address]);
        }
        datagrams.push(octets);
    }
    for _ in 0..500 {
        let length = random.usize(..2000);
        datagrams.push(std::iter::repeat_with(|| random.u8(..)).take(length).collect());
    }
    for (number, datagram) in datagrams.iter().enumerate() {
        sender.send(datagram);
        // Not faster than the server can read, because datagrams that the kernel drops are not
        // counted.
        if number % 32 == 31 {
            thread::sleep(Duration::from_millis(2));
        }
    }
    let sent = datagrams.len() as u64;
    let status = wait::soon("every datagram to be counted once", || {
        let status = server.status();
        let counted: u64 = status.reasons.iter().map(|(_, count)| count).sum();
        (counted == sent).then_some(status)
    });
    let is_malformed = |reason: &str| {
        reasons().iter().any(|row| row.reason == reason && row.outcome == "malformed")
    };
    let malformed = status.reasons.iter().filter(|(reason, _)| is_malformed(reason));
    assert!(malformed.map(|(_, count)| count).sum::<u64>() > 700, "{:?}", status.reasons);
    assert!(server.process().is_running());
    is_alive(&server);
    // Each has a line in the journal, or is counted in a line about omitted lines.
    wait::soon("the journal to account for every datagram", || {
        let journal = server.journal();
        let (told, counted): (Vec<_>, Vec<_>) =
            journal.into_iter().partition(|line| line.lines_left_out.is_none());
        let left_out = counted.iter().filter_map(|line| line.lines_left_out);
        let left_out: u64 = left_out.map(|row| row.malformed + row.unanswered).sum();
        (told.len() as u64 - 2 + left_out == sent).then_some(())
    });
}

#[test]
fn a_flood_of_broken_datagrams_leaves_a_sample_and_a_count_in_the_journal() {
    const SENT: u64 = 30_000;
    let server = Setup::on_loopback(SUBNETS).start();
    let sender = Sender::new(&server);
    let broken = &discover()[..240];
    let began = Instant::now();
    for number in 0..SENT {
        sender.send(broken);
        if number % 64 == 63 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    is_alive(&server);
    let reason = "no-message-type";
    let mut received = 0;
    let (lines, left_out) = wait::soon("the journal to account for the flood", || {
        let journal = server.journal();
        received = server.status().count(reason);
        let lines = journal.iter().filter(|line| line.reason == reason).count() as u64;
        let left_out: u64 =
            journal.iter().filter_map(|line| line.lines_left_out).map(|row| row.malformed).sum();
        (lines + left_out == received).then_some((lines, left_out))
    });
    // The system may have dropped some of them; only datagrams that the server received count.
    assert!(received > SENT / 10, "only {received} were received");
    let seconds = began.elapsed().as_secs() + 1;
    assert!((1..=50 * seconds).contains(&lines), "{lines} lines in {seconds} s");
    assert!(left_out > 0);
    // No other lines were lost.
    assert_eq!(server.status().events_lost, 0);
}

struct Sender {
    socket: UdpSocket,
}

impl Sender {
    fn new(server: &Server) -> Self {
        let socket = UdpSocket::bind((loopback_address(), 0)).unwrap();
        socket.connect(server.address()).unwrap();
        Self { socket }
    }

    fn send(&self, datagram: &[u8]) {
        self.socket.send(datagram).unwrap();
    }
}

#[track_caller]
fn is_alive(server: &Server) {
    let mut relay = relay(server.address(), LINK);
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
    let acquired = relay.acquire(&subscriber, Duration::from_secs(5)).unwrap();
    server.journal_says("the last ACK", |line| {
        line.reason == "ack-selecting" && line.address == Some(acquired.address)
    });
}

/// Returns a valid relayed DISCOVER.
fn discover() -> Vec<u8> {
    let mut octets = vec![0; 236];
    octets[..4].copy_from_slice(&[1, 1, 6, 1]);
    octets[4..8].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
    octets[RELAY_ADDRESS].copy_from_slice(&[127, 200, 0, 1]);
    octets[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
    octets.extend([99, 130, 83, 99]);
    octets.extend(b"\x35\x01\x01\x37\x04\x01\x03\x06\x0f\x0c\x04name\x3d\x07\x01\x02\0\0\0\0\x09");
    octets.extend(b"\x52\x0d\x01\x05line1\x05\x04\x64\x40\0\x01\xff");
    octets
}
