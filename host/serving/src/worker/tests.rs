//! A worker on a socket of the loopback interface.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use lessor_core::Reason;
use lessor_load::{Answer, Relay, Subscriber};
use lessor_net::Endpoint;
use lessor_store::CommitterLimits;

use super::*;
use crate::{
    shared::Shared,
    testing::{TestParts, parts},
};

const PATIENCE: Duration = Duration::from_millis(300);

/// Starts a worker on a free loopback port, and a relay in front of it.
fn started(waiting_changes: usize) -> (WorkerHandle, Arc<Shared>, Relay, impl FnOnce()) {
    let limits = CommitterLimits { waiting_changes, batch_changes: 64 };
    let TestParts { shared, held, committer_thread, observer_thread } =
        parts(&["10.0.0.0/24"], limits);
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let (discard, _) = crossbeam_channel::unbounded();
    let host = lessor_net::Host::read(8 << 20).unwrap();
    let endpoints = vec![Some(Endpoint::relayed(&host, server).unwrap())];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let parts = WorkerParts {
        shared: Arc::clone(&shared),
        endpoints,
        held,
        discard,
        runtime: handle,
        waiting_messages_max: 1000,
    };
    let worker = WorkerHandle::start(0, parts).unwrap();
    let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let relay = Relay::bind(local, server, Some(Ipv4Addr::new(10, 0, 0, 254))).unwrap();
    let observer = shared.observer.clone();
    let end = move || {
        committer_thread.close();
        observer.stop();
        observer_thread.join().unwrap();
        drop(runtime);
    };
    (worker, shared, relay, end)
}

#[test]
fn a_worker_serves_an_exchange_and_stops_when_told() {
    let (worker, shared, mut relay, end) = started(100);
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
    let acquired = relay.acquire(&subscriber, PATIENCE * 10).unwrap();
    assert_eq!(acquired.address, Ipv4Addr::new(10, 0, 0, 1));
    worker.stop();
    assert!(shared.counters.reasons().contains(&(Reason::AckSelecting, 1)));
    end();
}

#[test]
fn what_storage_has_no_room_for_is_not_acknowledged() {
    let (worker, shared, mut relay, end) = started(0);
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
    let Answer::Offer(offer) = relay.discover(&subscriber, PATIENCE * 10).unwrap() else {
        panic!("an offer needs no storage");
    };
    let (address, server) = (offer.address, offer.server_identifier);
    let answer = relay.request_selecting(&subscriber, address, server, PATIENCE).unwrap();
    assert_eq!(answer, Answer::Silence);
    worker.stop();
    assert!(shared.counters.reasons().contains(&(Reason::QueueFull, 1)));
    end();
}
