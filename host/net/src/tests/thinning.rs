//! Tests the filter that drops a share of DISCOVERs, with messages on loopback.

use std::net::{Ipv4Addr, UdpSocket};

use super::{at, receive, relayed};
use crate::{Endpoint, ReceiveBatch, Thinning};

const SENT: usize = 1_000;
const BUSY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const QUIET: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const DIRECT: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const DISCOVER: [u8; 3] = [53, 1, 1];
const REQUEST: [u8; 3] = [53, 1, 3];

/// A message with the fields that a filter reads.
fn message(relay: Ipv4Addr, first_option: [u8; 3]) -> Vec<u8> {
    let mut octets = vec![0; 240];
    octets[0] = 1;
    octets[24..28].copy_from_slice(&relay.octets());
    octets[236..240].copy_from_slice(&[99, 130, 83, 99]);
    octets.extend(first_option);
    octets.push(255);
    octets
}

fn endpoint() -> (Endpoint, UdpSocket) {
    let free = || UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Another test may take a port between the two calls.
    let opened = (0..16).find_map(|_| {
        let port = free();
        Some((port, relayed(at(Ipv4Addr::LOCALHOST, port)).ok()?))
    });
    let (port, endpoint) = opened.expect("a port that stays free");
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(("127.0.0.1", port)).unwrap();
    (endpoint, sender)
}

/// Returns how many of `SENT` copies arrive. A last message marks the end, because loopback keeps
/// the order.
fn arrive(endpoint: &mut Endpoint, sender: &UdpSocket, message: &[u8]) -> usize {
    let mut arrived = 0;
    for _ in 0..10 {
        for _ in 0..SENT / 10 {
            sender.send(message).unwrap();
        }
        sender.send(b"end").unwrap();
        while receive(endpoint, 1).iter().all(|datagram| {
            arrived += usize::from(datagram.payload == message);
            datagram.payload != b"end"
        }) {}
    }
    arrived
}

#[test]
fn a_share_of_the_discovers_of_some_relays_is_dropped_and_nothing_else() {
    let (mut endpoint, sender) = endpoint();
    let thinning = Thinning::new([Ipv4Addr::new(10, 9, 9, 9), BUSY, DIRECT], 0.25).unwrap();
    endpoint.thin(Some(&thinning)).unwrap();
    let discover = message(BUSY, DISCOVER);
    let other_op = [&[2], &discover[1..]].concat();
    let other_cookie = [&discover[..239], &[0], &discover[240..]].concat();
    for passing in [
        &message(QUIET, DISCOVER),
        &message(BUSY, REQUEST),
        &message(BUSY, [53, 1, 8]),
        &message(BUSY, [12, 1, 1]),
        &other_op,
        &other_cookie,
        &discover[..243],
        &discover[..1],
    ] {
        assert_eq!(arrive(&mut endpoint, &sender, passing), SENT, "{passing:?}");
    }
    assert_eq!(endpoint.take_lost_datagrams(), 0);
    for relay in [BUSY, DIRECT] {
        let passed = arrive(&mut endpoint, &sender, &message(relay, DISCOVER));
        // Ten times the standard deviation.
        assert!((113..387).contains(&passed), "{passed} of {SENT}");
        assert_eq!(endpoint.take_lost_datagrams(), (SENT - passed) as u64);
    }
    endpoint.thin(None).unwrap();
    assert_eq!(arrive(&mut endpoint, &sender, &discover), SENT);
}

#[test]
fn a_filter_is_replaced_and_has_a_limit() {
    let (mut endpoint, sender) = endpoint();
    assert_eq!(Thinning::new([], 0.5), None);
    let relays = |number: u32| Ipv4Addr::from(u32::from(BUSY) + number);
    let all_dropped = |relays: &mut dyn Iterator<Item = Ipv4Addr>| Thinning::new(relays, 0.0);
    endpoint.thin(all_dropped(&mut (0..200).map(relays)).as_ref()).unwrap();
    let last = Thinning::RELAYS_MAX as u32;
    for (number, arrives) in [(0, 0), (last - 1, 0), (last, SENT)] {
        let discover = message(relays(number), DISCOVER);
        assert_eq!(arrive(&mut endpoint, &sender, &discover), arrives, "relay {number}");
    }
    endpoint.thin(all_dropped(&mut [QUIET].into_iter()).as_ref()).unwrap();
    assert_eq!(arrive(&mut endpoint, &sender, &message(BUSY, DISCOVER)), SENT);
    assert_eq!(endpoint.receive(&mut ReceiveBatch::new()).unwrap(), 0);
}
