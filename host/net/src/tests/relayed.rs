//! Tests the path of relays: UDP on loopback.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
};

use lessor_core::{Destination, HardwareAddress};

use super::{
    PATIENCE, address, assert_silent, at,
    lab::{ip, on_a_link},
    receive, receive_only, relayed, reply,
};
use crate::{
    ReceiveBatch,
    batch::{BATCH_DATAGRAMS, DATAGRAM_OCTETS_MAX},
    sockets::RECEIVE_BUFFER_OCTETS,
};

fn relay() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn free_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

fn free_address() -> SocketAddrV4 {
    at(Ipv4Addr::LOCALHOST, free_port())
}

fn address_of(socket: &UdpSocket) -> SocketAddrV4 {
    match socket.local_addr().unwrap() {
        std::net::SocketAddr::V4(address) => address,
        std::net::SocketAddr::V6(address) => panic!("{address}"),
    }
}

#[test]
fn a_datagram_arrives_with_its_origin() {
    let listen = free_address();
    let mut endpoint = relayed(listen).unwrap();
    let relay = relay();
    relay.send_to(b"discover", listen).unwrap();
    let datagram = receive_only(&mut endpoint);
    assert_eq!(datagram.payload, b"discover");
    assert!(!datagram.not_relayed);
    let arrival = datagram.arrival;
    assert_eq!(arrival.source, address_of(&relay));
    assert_eq!(arrival.server_address, Ipv4Addr::LOCALHOST);
    assert_eq!(arrival.link_addresses, None);
    assert!(arrival.unicast);
    assert_eq!(arrival.interface.as_deref(), Some("lo"));
}

#[test]
fn a_multi_homed_server_answers_from_the_address_that_was_asked() {
    let port = free_port();
    let mut endpoint = relayed(at(Ipv4Addr::UNSPECIFIED, port)).unwrap();
    let relay = relay();
    let asked = [Ipv4Addr::new(127, 0, 0, 5), Ipv4Addr::new(127, 0, 0, 6)];
    for server in [asked[0], asked[1], asked[0]] {
        relay.send_to(b"discover", at(server, port)).unwrap();
    }
    let replies: Vec<_> = receive(&mut endpoint, 3)
        .into_iter()
        .map(|datagram| {
            let server = datagram.arrival.server_address;
            let destination = Destination::Relay(datagram.arrival.source);
            reply(&server.to_string(), destination, server)
        })
        .collect();
    assert_eq!(endpoint.send(&replies).sent, 3);
    for _ in 0..3 {
        let mut octets = [0; 64];
        let (length, from) = relay.recv_from(&mut octets).unwrap();
        assert_eq!(from.ip().to_string().as_bytes(), &octets[..length]);
        assert_eq!(from.port(), port);
    }
}

#[test]
fn what_is_more_than_a_batch_comes_in_several() {
    let listen = free_address();
    let mut endpoint = relayed(listen).unwrap();
    let relay = relay();
    let count = BATCH_DATAGRAMS * 3 + 8;
    for number in 0..count {
        relay.send_to(&number.to_be_bytes(), listen).unwrap();
    }
    let mut batch = ReceiveBatch::new();
    let mut sizes = Vec::new();
    let mut numbers = Vec::new();
    loop {
        let received = endpoint.receive(&mut batch).unwrap();
        sizes.push(received);
        if received == 0 {
            break;
        }
        numbers
            .extend(batch.drain().map(|it| usize::from_be_bytes(it.payload.try_into().unwrap())));
    }
    // A call has room for more if the last one received many.
    assert_eq!(sizes, [16, 64, 64, 56, 0]);
    assert!(numbers.into_iter().eq(0..count));
}

#[test]
fn an_untouched_batch_is_replaced_not_added_to() {
    let listen = free_address();
    let mut endpoint = relayed(listen).unwrap();
    let relay = relay();
    let mut batch = ReceiveBatch::new();
    relay.send_to(b"first", listen).unwrap();
    assert_eq!(endpoint.receive(&mut batch).unwrap(), 1);
    relay.send_to(b"second", listen).unwrap();
    assert_eq!(endpoint.receive(&mut batch).unwrap(), 1);
    let payloads: Vec<_> = batch.drain().map(|it| it.payload.to_vec()).collect();
    assert_eq!(payloads, [b"second"]);
    assert_eq!(endpoint.receive(&mut batch).unwrap(), 0);
    assert_eq!(batch.drain().count(), 0);
}

#[test]
fn workers_share_an_address_and_each_datagram_comes_once() {
    let listen = free_address();
    let mut endpoints: Vec<_> = (0..3).map(|_| relayed(listen).unwrap()).collect();
    let relays: Vec<_> = (0..64).map(|_| relay()).collect();
    for (number, relay) in relays.iter().enumerate() {
        for part in 0..4 {
            relay.send_to(&[number as u8, part], listen).unwrap();
        }
    }
    let mut seen = BTreeSet::new();
    let mut busy = 0;
    for endpoint in &mut endpoints {
        let mut batch = ReceiveBatch::new();
        let before = seen.len();
        while endpoint.receive(&mut batch).unwrap() > 0 {
            for received in batch.drain() {
                assert!(seen.insert(received.payload.to_vec()), "twice: {received:?}");
            }
        }
        busy += usize::from(seen.len() > before);
    }
    assert_eq!(seen.len(), 64 * 4);
    assert!(busy > 1, "64 senders all went to one endpoint of three");
}

#[test]
fn of_a_datagram_longer_than_a_slot_the_beginning_is_read() {
    let listen = free_address();
    let mut endpoint = relayed(listen).unwrap();
    let relay = relay();
    relay.send_to(&[1; DATAGRAM_OCTETS_MAX], listen).unwrap();
    relay.send_to(&[2; DATAGRAM_OCTETS_MAX + 1], listen).unwrap();
    relay.send_to(&[], listen).unwrap();
    relay.send_to(&[3; 9000], listen).unwrap();
    relay.send_to(&[4; 300], listen).unwrap();
    let mut batch = ReceiveBatch::new();
    assert_eq!(endpoint.receive(&mut batch).unwrap(), 5);
    let payloads: Vec<_> = batch.drain().map(|it| (it.payload.to_vec(), it.is_cut)).collect();
    let whole = |octet| (vec![octet; DATAGRAM_OCTETS_MAX], false);
    let cut = |octet| (vec![octet; DATAGRAM_OCTETS_MAX], true);
    assert_eq!(payloads, [whole(1), cut(2), (vec![], false), cut(3), (vec![4; 300], false)]);
    assert_eq!(endpoint.receive(&mut batch).unwrap(), 0);
}

#[test]
fn datagrams_lost_to_a_full_buffer_are_counted() {
    let listen = free_address();
    let mut endpoint = relayed(listen).unwrap();
    let relay = relay();
    let count = endpoint.receive_buffer_octets() / DATAGRAM_OCTETS_MAX + 10;
    for _ in 0..count {
        relay.send_to(&[0; DATAGRAM_OCTETS_MAX], listen).unwrap();
    }
    let mut batch = ReceiveBatch::new();
    let mut received = 0;
    loop {
        match endpoint.receive(&mut batch).unwrap() {
            0 => break,
            more => received += more,
        }
    }
    assert!(received < count);
    assert_eq!(endpoint.take_lost_datagrams(), 0);
    for lost in [count - received, 0] {
        relay.send_to(b"after", listen).unwrap();
        assert_eq!(endpoint.receive(&mut batch).unwrap(), 1);
        assert_eq!(endpoint.take_lost_datagrams(), lost as u64);
    }
}

#[test]
fn one_reply_that_cannot_be_sent_stops_no_other() {
    let listen = free_address();
    let mut endpoint = relayed(listen).unwrap();
    let relay = relay();
    let good = || reply("good", Destination::Relay(address_of(&relay)), *listen.ip());
    let mut replies: Vec<_> = (0..150).map(|_| good()).collect();
    replies[3].destination = Destination::Client(at(Ipv4Addr::BROADCAST, 68));
    replies[70].packet = vec![0; 70_000];
    replies[99].destination = Destination::Broadcast;
    replies[120].destination = Destination::Hardware {
        address: address(50),
        hardware_address: HardwareAddress::ethernet([2, 0, 0, 0, 0, 1]),
    };
    replies[149].server_address = address(99); // not an address of this machine
    let report = endpoint.send(&replies);
    assert_eq!(report.sent, 145);
    let mut failed: Vec<_> =
        report.failed.iter().map(|unsent| (unsent.position, unsent.failure.kind())).collect();
    failed.sort();
    let positions: Vec<_> = failed.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, [3, 70, 99, 120, 149]);
    assert_eq!(failed[0].1, Some(ErrorKind::PermissionDenied));
    assert_eq!(failed[2].1, Some(ErrorKind::Unsupported));
    let mut octets = [0; 64];
    for _ in 0..145 {
        assert_eq!(relay.recv_from(&mut octets).unwrap().1, listen.into());
    }
}

#[test]
fn nothing_to_send_is_no_mistake() {
    let report = relayed(free_address()).unwrap().send(&[]);
    assert_eq!((report.sent, report.failed.len()), (0, 0));
}

#[test]
fn the_receive_buffer_is_what_the_system_granted() {
    let endpoint = relayed(free_address()).unwrap();
    let granted = endpoint.receive_buffer_octets();
    if nix::unistd::geteuid().is_root() {
        assert_eq!(granted, 2 * RECEIVE_BUFFER_OCTETS);
    } else {
        assert!(granted > 0);
    }
}

#[test]
fn a_taken_port_is_blamed_on_another_server() {
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let text = relayed(address_of(&other)).unwrap_err().to_string();
    assert!(text.contains(&address_of(&other).to_string()), "{text}");
    assert!(text.contains("another DHCP server may be running"), "{text}");
}

#[test]
fn a_port_that_another_server_would_share_is_taken_all_the_same() {
    let listen = free_address();
    let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    other.set_reuse_address(true).unwrap();
    other.bind(&listen.into()).unwrap();
    assert!(relayed(listen).is_err());
}

#[test]
fn an_address_may_come_and_go_while_it_is_listened_on() {
    on_a_link(|lab| {
        lab.give_client(50);
        let late = address(9);
        let mut endpoint = relayed(at(late, 67)).unwrap();
        for _ in 0..2 {
            ip("address add 192.0.2.9/24 dev server0");
            lab.client(6767).send_to(b"discover", (late, 67)).unwrap();
            let arrival = receive_only(&mut endpoint).arrival;
            assert_eq!(arrival.server_address, late);
            ip("address del 192.0.2.9/24 dev server0");
        }
    });
}

#[test]
fn a_broadcast_is_marked_as_not_relayed() {
    on_a_link(|lab| {
        let mut everywhere = relayed(at(Ipv4Addr::UNSPECIFIED, 67)).unwrap();
        let mut here = relayed(at(address(1), 67)).unwrap();
        lab.client(68).send_to(b"discover", "255.255.255.255:67").unwrap();
        let datagram = receive_only(&mut everywhere);
        assert!(datagram.not_relayed);
        assert!(!datagram.arrival.unicast);
        assert_eq!(datagram.arrival.link_addresses, None);
        assert_eq!(datagram.arrival.interface.as_deref(), Some("server0"));
        assert_silent(&mut here);
    });
}
