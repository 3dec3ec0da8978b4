//! Tests endpoints on the real network of the machine: loopback, and pairs of virtual Ethernet
//! interfaces in separate namespaces.

mod lab;
mod on_link;
mod relayed;
mod thinning;
mod waiting;

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use lessor_core::{Arrival, Destination};

use super::{Endpoint, Host, NetError, Outgoing, ReceiveBatch};

/// The time after which an expected event counts as missing.
const PATIENCE: Duration = Duration::from_secs(5);

/// The send buffer that sockets request.
const SEND_BUFFER_OCTETS: usize = 8 << 20;

/// How long nothing may arrive before the tests conclude that nothing will.
const SILENCE: Duration = Duration::from_millis(50);

/// Opens an endpoint for relayed messages, on the host as it is now.
fn relayed(listen: SocketAddrV4) -> Result<Endpoint, NetError> {
    Endpoint::relayed(&Host::read(SEND_BUFFER_OCTETS)?, listen)
}

/// A received datagram that outlives its batch.
#[derive(Debug)]
struct Datagram {
    payload: Vec<u8>,
    arrival: Arrival,
    not_relayed: bool,
}

/// Receives until there are `count` datagrams.
fn receive(endpoint: &mut Endpoint, count: usize) -> Vec<Datagram> {
    let started = Instant::now();
    let mut batch = ReceiveBatch::new();
    let mut all = Vec::new();
    while all.len() < count {
        assert!(started.elapsed() < PATIENCE, "{} of {count} came", all.len());
        if endpoint.receive(&mut batch).unwrap() == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        all.extend(batch.drain().map(|received| Datagram {
            payload: received.payload.to_vec(),
            arrival: received.arrival,
            not_relayed: received.not_relayed,
        }));
    }
    all
}

/// Receives one datagram and checks that there is no other.
fn receive_only(endpoint: &mut Endpoint) -> Datagram {
    let first = receive(endpoint, 1).remove(0);
    assert_silent(endpoint);
    first
}

/// Checks that nothing arrives.
fn assert_silent(endpoint: &mut Endpoint) {
    std::thread::sleep(SILENCE);
    assert_eq!(endpoint.receive(&mut ReceiveBatch::new()).unwrap(), 0);
}

fn reply(text: &str, destination: Destination, server_address: Ipv4Addr) -> Outgoing {
    Outgoing { packet: text.as_bytes().to_vec(), destination, server_address }
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

fn at(address: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(address, port)
}
