//! Tests the wait for endpoints and wakers.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, UdpSocket},
    os::fd::AsFd,
    thread,
    time::{Duration, Instant},
};

use super::{at, relayed};
use crate::{Endpoint, Poller, ReceiveBatch, Waker};

fn endpoint() -> (Endpoint, UdpSocket) {
    // Another test may take a port between the two calls.
    let attempt = |_| {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some((port, relayed(at(Ipv4Addr::LOCALHOST, port)).ok()?))
    };
    let (port, endpoint) = (0..16).find_map(attempt).expect("a port that stays free");
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(("127.0.0.1", port)).unwrap();
    (endpoint, sender)
}

fn tokens(poller: &mut Poller, timeout_ms: u32) -> Vec<u32> {
    let mut tokens: Vec<_> = poller.wait(Some(timeout_ms)).unwrap().tokens().collect();
    tokens.sort();
    tokens
}

#[test]
fn endpoints_are_distinguished_by_their_tokens() {
    let mut poller = Poller::new().unwrap();
    let ((mut first, to_first), (second, to_second)) = (endpoint(), endpoint());
    poller.add(&first, 0).unwrap();
    poller.add(&second, u32::MAX).unwrap();
    assert!(tokens(&mut poller, 0).is_empty());
    to_second.send(b"x").unwrap();
    assert_eq!(tokens(&mut poller, 5000), [u32::MAX]);
    to_first.send(b"x").unwrap();
    assert_eq!(tokens(&mut poller, 5000), [0, u32::MAX]);
    // The endpoint is ready until everything is received, and no longer.
    first.receive(&mut ReceiveBatch::new()).unwrap();
    assert_eq!(tokens(&mut poller, 5000), [u32::MAX]);
    // A child process that is about to start its program has such a copy.
    let copy = second.as_fd().try_clone_to_owned().unwrap();
    poller.remove(&second).unwrap();
    drop(second);
    assert!(tokens(&mut poller, 0).is_empty());
    drop(copy);
}

#[test]
fn more_endpoints_than_one_wait_reports_are_reported_by_the_next() {
    let mut poller = Poller::new().unwrap();
    let mut endpoints: Vec<_> = (0..100).map(|_| endpoint()).collect();
    for (token, (endpoint, sender)) in endpoints.iter().enumerate() {
        poller.add(endpoint, token as u32).unwrap();
        sender.send(b"x").unwrap();
    }
    let mut seen = BTreeSet::new();
    while seen.len() < endpoints.len() {
        let ready = tokens(&mut poller, 5000);
        assert!((1..=64).contains(&ready.len()));
        for token in ready {
            endpoints[token as usize].0.receive(&mut ReceiveBatch::new()).unwrap();
            assert!(seen.insert(token));
        }
    }
}

#[test]
fn a_waker_ends_the_wait_of_another_thread() {
    let mut poller = Poller::new().unwrap();
    let waker = Waker::new().unwrap();
    poller.add_waker(&waker).unwrap();
    let caller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        waker.wake();
    });
    let ready = poller.wait(None).unwrap();
    assert!(ready.woken());
    assert_eq!(ready.tokens().count(), 0);
    caller.join().unwrap();
}

#[test]
fn many_calls_before_a_wait_count_as_one() {
    let mut poller = Poller::new().unwrap();
    let (waker, other) = (Waker::new().unwrap(), Waker::new().unwrap());
    poller.add_waker(&waker).unwrap();
    poller.add_waker(&other).unwrap();
    for _ in 0..1000 {
        waker.clone().wake();
    }
    other.wake();
    assert!(poller.wait(Some(5000)).unwrap().woken());
    assert!(!poller.wait(Some(0)).unwrap().woken());
}

#[test]
fn a_timeout_has_passed_when_the_wait_ends() {
    let mut poller = Poller::new().unwrap();
    for timeout_ms in [0, 1, 30] {
        let started = Instant::now();
        let ready = poller.wait(Some(timeout_ms)).unwrap();
        assert!(!ready.woken());
        assert!(started.elapsed() >= Duration::from_millis(u64::from(timeout_ms)));
    }
}

#[test]
fn what_a_worker_owns_can_be_moved_to_its_thread() {
    fn assert_send<T: Send>() {}
    assert_send::<Endpoint>();
    assert_send::<Poller>();
    assert_send::<ReceiveBatch>();
    assert_send::<Waker>();
}
