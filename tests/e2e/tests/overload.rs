//! Overload: which clients are served first, which messages are dropped and why, and that the
//! server can still be managed. A policy that takes some milliseconds of processor time for each
//! message makes a few hundred messages per second an overload, so that the tests do not depend on
//! the speed of the machine.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use lessor_e2e::{Server, Setup, heavy, loopback_address, relay, wait};
use lessor_load::{
    Answer, Drive, LoadArgs, Relay, Saying, Stream, StreamRelay, StreamsReport, Subscriber,
};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.250.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

/// Settings with which the policy takes some milliseconds of processor time for each message.
const SLOW: &str = "[limits]\ndeadline-ms = 1000\n\n[settings]\ncall-rounds = 5000000\n";

/// A healthy client is answered well within this time; in a simple queue, it would not be.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts a server with one worker that decides a few hundred messages per second, with room for
/// this many waiting messages.
fn slow_server(waiting_messages_max: usize) -> Server {
    Setup::on_loopback(SUBNETS)
        .with_server_setting("workers = 1")
        .with_server_setting(&format!("waiting-messages-max = {waiting_messages_max}"))
        .with_policy("10-slow", "misbehaving", SLOW)
        .start()
}

/// Returns subscribers on separate lines, with leases.
fn with_leases(relay: &mut Relay, count: u8) -> Vec<(Subscriber, Ipv4Addr)> {
    let subscribers = (0..count).map(|n| Subscriber::new([2, 0, 0, 0, 0, n], format!("good {n}")));
    let acquired = subscribers.map(|subscriber| {
        let acquired = relay.acquire(&subscriber, PATIENCE * 5).unwrap();
        (subscriber, acquired.address)
    });
    acquired.collect()
}

fn assert_renewed(relay: &mut Relay, leases: &[(Subscriber, Ipv4Addr)]) {
    for (subscriber, address) in leases {
        let answer = relay.renew(subscriber, *address, PATIENCE).unwrap();
        let Answer::Ack(acquired) = answer else { panic!("{address} is not renewed: {answer:?}") };
        assert_eq!(acquired.address, *address);
    }
}

/// Sends DISCOVERs of many lines, or forged renewals of one line, at a rate that is far too high.
fn flood(server: SocketAddrV4, saying: Saying, duration: Duration) -> JoinHandle<StreamsReport> {
    let local = SocketAddrV4::new(loopback_address(), 0);
    let relay = StreamRelay::bind(local, server, Some(LINK)).unwrap();
    let subscribers = (0..8000_u16).map(move |n| {
        let [high, low] = n.to_be_bytes();
        let line = match saying {
            Saying::Discover => format!("line {n}"),
            Saying::Renew(_) => "the bad line".to_owned(),
        };
        (Subscriber::new([2, 1, 0, 0, high, low], line), saying)
    });
    let stream = Stream::new("flood", 2000.0, &relay, subscribers).unwrap();
    thread::spawn(move || relay.run(&mut [stream], Drive::Open, duration).unwrap())
}

/// What `lessor status` shows.
fn shown(server: &Server) -> String {
    String::from_utf8_lossy(&server.ask(&["status"]).stdout).into_owned()
}

/// Waits until messages were dropped because the server has too much to do.
fn crowded(server: &Server, limit: &str) {
    let text = format!("dropped at the limit {limit}");
    wait::within(Duration::from_secs(60), &text, || shown(server).contains(&text).then_some(()));
}

#[test]
fn renewals_are_answered_at_once_while_discovers_are_dropped() {
    let _alone = heavy();
    let mut server = slow_server(1000);
    let mut good = relay(server.address(), LINK);
    let leases = with_leases(&mut good, 10);
    let flood = flood(server.address(), Saying::Discover, Duration::from_secs(8));
    // All lines send the same, so the system drops a part before it is read.
    crowded(&server, "capacity");
    assert_renewed(&mut good, &leases);
    let status = server.status();
    assert_eq!(status.count("ack-renewing"), 10);
    let sent = flood.join().unwrap();
    let flood = &sent.streams[0];
    assert!(flood.answered > 0 && flood.answered < flood.sent, "{flood:?}");
    server.process().says("limit=\"capacity\"", wait::SOON);
    // That ends with the flood.
    good.acquire(&Subscriber::new([2, 9, 0, 0, 0, 1], "new"), PATIENCE * 5).unwrap();
}

#[test]
fn forged_renewals_of_one_line_harm_no_other_line() {
    let _alone = heavy();
    let mut server = slow_server(1000);
    let mut good = relay(server.address(), LINK);
    let leases = with_leases(&mut good, 10);
    let address = Ipv4Addr::new(100, 64, 200, 1);
    let flood = flood(server.address(), Saying::Renew(address), Duration::from_secs(8));
    crowded(&server, "waiting-messages");
    assert_renewed(&mut good, &leases);
    // New clients are served, too.
    let newcomer = Subscriber::new([2, 9, 0, 0, 0, 1], "new");
    good.acquire(&newcomer, PATIENCE * 5).unwrap();
    flood.join().unwrap();
    let said = server.process().says("limit=\"waiting-messages\"", wait::SOON);
    assert!(said.contains("server.waiting-messages-max"), "{said}");
    // Some of the dropped messages have a line in the journal, with the client and the relay, but
    // not all of them.
    let dropped = server.status().count("crowded-out");
    let lines = wait::soon("the journal", || {
        let lines = server.journal();
        let lines: Vec<_> = lines.into_iter().filter(|line| line.reason == "crowded-out").collect();
        (!lines.is_empty()).then_some(lines)
    });
    assert!((lines.len() as u64) < dropped, "{} of {dropped}", lines.len());
    assert!(lines.iter().all(|line| line.hardware_address.is_some()), "{lines:?}");
    assert!(lines.iter().all(|line| line.relay_address.is_some()), "{lines:?}");
}

#[test]
fn a_reload_and_a_stop_take_effect_although_much_waits() {
    let _alone = heavy();
    let mut server = slow_server(6000);
    let flood = flood(server.address(), Saying::Discover, Duration::from_secs(12));
    crowded(&server, "capacity");
    let reload = server.hang_up();
    assert!(reload.accepted, "{}", reload.said);
    assert!(!reload.said.contains("too busy"), "{}", reload.said);
    let began = Instant::now();
    assert!(server.stop().success());
    assert!(began.elapsed() < wait::SOON);
    flood.join().unwrap();
    let lines = server.journal();
    assert!(lines.iter().any(|line| line.reason == "stopping"), "some were not decided any more");
}

#[test]
fn what_waited_in_the_system_for_longer_than_a_client_waits_is_not_answered() {
    let mut server = Setup::on_loopback(SUBNETS).with_server_setting("workers = 1").start();
    let mut good = relay(server.address(), LINK);
    let [late, new] = [1, 2].map(|n| Subscriber::new([2, 0, 0, 0, 0, n], format!("line {n}")));
    server.process().freeze();
    assert_eq!(good.discover(&late, Duration::from_secs(5)).unwrap(), Answer::Silence);
    let address = server.address();
    let asking = thread::spawn(move || {
        let mut good = relay(address, LINK);
        good.discover(&new, Duration::from_secs(10)).unwrap()
    });
    thread::sleep(Duration::from_millis(200));
    server.process().thaw();
    let answer = asking.join().unwrap();
    assert!(matches!(answer, Answer::Offer(_)), "{answer:?}");
    let status = server.status();
    assert_eq!((status.count("too-old"), status.count("offered-from-pool")), (1, 1));
    let lines = wait::soon("the journal", || {
        let lines = server.journal();
        let lines: Vec<_> = lines.into_iter().filter(|line| line.reason == "too-old").collect();
        (!lines.is_empty()).then_some(lines)
    });
    assert_eq!(lines[0].hardware_address.as_deref(), Some("02:00:00:00:00:01"));
    assert!(lines[0].detail.as_ref().unwrap().starts_with("waited 5."), "{lines:?}");
}

#[test]
fn a_receive_buffer_that_was_too_small_is_named() {
    let mut server = Setup::on_loopback(SUBNETS).with_server_setting("workers = 1").start();
    let local = SocketAddrV4::new(loopback_address(), 0);
    let socket = std::net::UdpSocket::bind(local).unwrap();
    server.process().freeze();
    // The system counts at least the octets of each datagram against the buffer, and grants at most
    // 16 MiB.
    for _ in 0..20_000 {
        socket.send_to(&[0; 1200], server.address()).unwrap();
    }
    server.process().thaw();
    wait::soon("the first ones to be read", || {
        (server.status().count("not-boot-request") > 0).then_some(())
    });
    // The system reports dropped datagrams with the next one.
    let mut good = relay(server.address(), LINK);
    good.acquire(&Subscriber::new([2, 0, 0, 0, 0, 1], "line"), PATIENCE * 5).unwrap();
    let said = server.process().says("limit=\"receive-buffer\"", wait::SOON);
    assert!(said.contains("net.core.rmem_max"), "{said}");
}

#[test]
fn everybody_is_served_after_a_power_cut() {
    let _alone = heavy();
    let server = Setup::on_loopback(SUBNETS).with_server_setting("workers = 1").start();
    let args = LoadArgs {
        server: server.address(),
        relay: vec![SocketAddrV4::new(loopback_address(), 0)],
        link_selection: Some(LINK),
        clients: 6000,
        window: 6000,
        timeout_ms: 4000,
        retries: 4,
        ..LoadArgs::default()
    };
    let report = lessor_load::run(&args).unwrap();
    assert!(report.ok() && report.acquired == 6000, "{report}");
}
