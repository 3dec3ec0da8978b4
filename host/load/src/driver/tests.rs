use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};

use super::*;
use crate::{
    run_with,
    testing::{Responder, correct, octets},
};

/// Returns arguments for a responder in this process: small and quick.
fn args(responder: &Responder) -> LoadArgs {
    LoadArgs {
        server: responder.address,
        clients: 50,
        window: 8,
        timeout_ms: 2000,
        retries: 1,
        seed: Some(1),
        ..LoadArgs::default()
    }
}

fn message_type(message: &Message) -> MessageType {
    message.opts().msg_type().unwrap()
}

#[test]
fn all_subscribers_get_renew_and_give_back_their_leases() {
    let released = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&released);
    let responder = Responder::start(move |message| {
        if message_type(message) == MessageType::Release {
            seen.fetch_add(1, Ordering::Relaxed);
        }
        correct(message).iter().map(octets).collect()
    });
    let relay = ["127.0.1.1:0", "127.0.1.2:0"].map(|relay| relay.parse().unwrap()).to_vec();
    let args = LoadArgs {
        renew: 2,
        release: true,
        relay,
        client_identifier: Some("cpe-{n}".parse().unwrap()),
        ..args(&responder)
    };
    let mut events = Vec::new();
    let report = run_with(&args, |event| {
        let ExchangeEnd::Acquired(acquired) = event.outcome else { panic!("{event:?}") };
        assert_eq!(u32::from(acquired.address), 0x6440_0000 + event.client);
        assert_eq!(acquired.options.number(51), Some(3600));
        assert!(event.asked_at <= event.ended_at);
        events.push((event.kind, event.client));
    })
    .unwrap();
    assert!(report.ok(), "{report}");
    assert_eq!((report.acquired, report.renewed, report.released), (50, 100, 50));
    assert_eq!((report.failed, report.naks, report.retransmissions), (0, 0, 0));
    assert_eq!(report.packets_sent, 50 * 5);
    assert_eq!(report.packets_received, 50 * 4);
    assert_eq!(report.latency.discover_to_offer.count, 50);
    assert_eq!(report.latency.request_to_ack.count, 150);
    assert_eq!(report.latency.exchange.count, 50);
    assert_eq!(report.relays.len(), 2);
    assert_eq!(events.len(), 150);
    let acquired = events.iter().take(50).all(|(kind, _)| *kind == ExchangeKind::Acquire);
    assert!(acquired, "renewals begin when all leases are there");
    // The last RELEASE may still be on its way.
    let deadline = Instant::now() + Duration::from_secs(5);
    while released.load(Ordering::Relaxed) < 50 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(released.load(Ordering::Relaxed), 50);
}

#[test]
fn two_who_hold_one_address_are_found_and_named() {
    let responder = Responder::start(|message| {
        let mut answer = correct(message).unwrap();
        answer.set_yiaddr(Ipv4Addr::new(100, 64, 0, 1));
        vec![octets(&answer)]
    });
    let args = LoadArgs { clients: 3, window: 1, first_client: 7, ..args(&responder) };
    let report = run_with(&args, |_| ()).unwrap();
    assert!(!report.ok());
    assert_eq!(report.mistakes["duplicate-address"], 2);
    let pairs: Vec<_> =
        report.duplicate_addresses.iter().map(|found| (found.holder, found.client)).collect();
    assert_eq!(pairs, [(7, 8), (8, 9)]);
    assert!(report.samples[0].contains("100.64.0.1 is given to client 8 while client 7 holds it"));
}

#[test]
fn what_is_lost_is_sent_again() {
    let mut heard = 0;
    let responder = Responder::start(move |message| {
        heard += 1;
        let is_lost = heard % 2 == 1;
        correct(message).iter().filter(|_| !is_lost).map(octets).collect()
    });
    let args = LoadArgs { clients: 2, window: 1, timeout_ms: 300, ..args(&responder) };
    let report = run_with(&args, |_| ()).unwrap();
    assert!(report.ok(), "{report}");
    assert_eq!((report.acquired, report.retransmissions), (2, 4));
    assert!(report.latency.discover_to_offer.p50 >= 270.0, "from the first transmission");
}

#[test]
fn a_silent_server_ends_the_run_with_failures() {
    let (silent, server) = crate::socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let args = LoadArgs {
        server,
        clients: 3,
        window: 4,
        timeout_ms: 20,
        retries: 2,
        renew: 1,
        release: true,
        ..LoadArgs::default()
    };
    let began_at = Instant::now();
    let mut unanswered = 0;
    let report = run_with(&args, |event| {
        assert_eq!(*event.outcome, ExchangeEnd::Unanswered { wanted: "OFFER" });
        unanswered += 1;
    })
    .unwrap();
    // The waits are 20 + 40 + 80 ms, each up to a tenth shorter or longer.
    assert!(began_at.elapsed() >= Duration::from_millis(126));
    assert!(began_at.elapsed() < Duration::from_secs(10));
    assert!(!report.ok());
    assert_eq!((report.failed, unanswered, report.retransmissions), (3, 3, 6));
    assert_eq!((report.packets_sent, report.released, report.skipped_renewals), (9, 0, 3));
    assert!(report.samples.contains(&"client 0: no OFFER to 3 messages".to_owned()), "{report}");
    drop(silent);
}

#[test]
fn a_run_that_never_hears_anything_is_given_up_after_one_window() {
    let (silent, server) = crate::socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let args = LoadArgs { server, window: 8, timeout_ms: 20, retries: 1, ..LoadArgs::default() };
    let report = run_with(&args, |_| ()).unwrap();
    assert!((8..=16).contains(&report.failed), "{report}");
    assert!(report.to_string().contains("No reply arrived"), "{report}");
    drop(silent);
}

#[test]
fn a_nak_is_no_ack() {
    let responder = Responder::start(|message| {
        let mut answer = correct(message).unwrap();
        if message_type(message) == MessageType::Request {
            answer.set_flags(message.flags().set_broadcast());
            answer.opts_mut().insert(DhcpOption::MessageType(MessageType::Nak));
            answer.opts_mut().insert(DhcpOption::Message("no such line".to_owned()));
        }
        vec![octets(&answer)]
    });
    let report = run_with(&LoadArgs { clients: 2, ..args(&responder) }, |event| {
        let message = Some("no such line".to_owned());
        assert_eq!(*event.outcome, ExchangeEnd::Refused { message });
    })
    .unwrap();
    assert!(!report.ok());
    assert_eq!((report.naks, report.acquired, report.failed), (2, 0, 0));
    assert!(report.mistakes.is_empty(), "{report}");
    assert_eq!(report.samples[0], "client 0: NAK (no such line)");
}

/// Runs two subscribers against answers that violate one rule, and returns the mistakes that were
/// found.
fn mistakes_of(break_rule: fn(&Message, &mut Message)) -> Vec<(&'static str, u64)> {
    let responder = Responder::start(move |message| {
        let mut answer = correct(message).unwrap();
        break_rule(message, &mut answer);
        vec![octets(&answer)]
    });
    let report = run_with(&LoadArgs { clients: 2, renew: 1, ..args(&responder) }, |_| ()).unwrap();
    assert_eq!(report.ok(), report.mistakes.is_empty(), "{report}");
    report.mistakes.into_iter().collect()
}

#[test]
fn every_broken_rule_is_found_where_it_is_broken() {
    assert_eq!(mistakes_of(|_, _| ()), []);
    assert_eq!(
        mistakes_of(|_, answer| drop(answer.opts_mut().remove(OptionCode::RelayAgentInformation))),
        [("relay-information-not-echoed", 6)]
    );
    assert_eq!(
        mistakes_of(|_, answer| drop(answer.opts_mut().remove(OptionCode::ServerIdentifier))),
        [("missing", 2)],
        "without it, there is no REQUEST"
    );
    assert_eq!(
        mistakes_of(|message, answer| {
            if message_type(message) == MessageType::Request {
                answer.opts_mut().remove(OptionCode::AddressLeaseTime);
            }
        }),
        [("missing", 2)]
    );
    assert_eq!(
        mistakes_of(|message, answer| {
            if message_type(message) == MessageType::Discover {
                answer.opts_mut().insert(DhcpOption::DomainName("example".to_owned()));
            }
        }),
        [("ack-differs-from-offer", 2)]
    );
    assert_eq!(
        mistakes_of(|message, answer| {
            if !message.ciaddr().is_unspecified() {
                answer.set_yiaddr(u32::from(answer.yiaddr()) + 2);
            }
        }),
        [("another-address", 2)]
    );
}

#[test]
fn replies_nobody_waits_for_are_counted_and_change_nothing() {
    let responder = Responder::start(|message| {
        let answer = correct(message).unwrap();
        let mut other_transaction = answer.clone();
        other_transaction.set_xid(message.xid().wrapping_add(1 << 31));
        let mut other_subscriber = answer.clone();
        other_subscriber.set_chaddr(&[2, 0, 0, 0, 0, 1]);
        let mut cut = octets(&answer);
        cut.truncate(250);
        let answer = octets(&answer);
        let strays = [b"rubbish".to_vec(), cut, octets(&other_transaction)];
        [&strays[..], &[octets(&other_subscriber), answer.clone(), answer]].concat()
    });
    let args = LoadArgs { clients: 5, window: 1, ..args(&responder) };
    let report = run_with(&args, |_| ()).unwrap();
    assert_eq!((report.acquired, report.failed), (5, 0));
    let unexpected = report.unexpected_replies;
    // Datagrams in flight when the last ACK is read are not read any more.
    assert_eq!(unexpected.unreadable, 20);
    assert_eq!(unexpected.unknown_transaction, 10);
    assert_eq!(unexpected.wrong_hardware_address, 10);
    assert!((9..=10).contains(&unexpected.out_of_turn), "{unexpected:?}");
    assert!(!report.ok());
}

#[test]
fn a_timed_run_goes_on_until_its_time_is_up() {
    let responder = Responder::correct();
    let args = LoadArgs {
        clients: 4,
        renew: 1,
        release: true,
        duration_secs: Some(1),
        rate: Some(200),
        ..args(&responder)
    };
    let began_at = Instant::now();
    let report = run_with(&args, |_| ()).unwrap();
    assert!(began_at.elapsed() >= Duration::from_secs(1));
    assert!(report.ok(), "{report}");
    // At most 200 exchanges start in a second: as many leases as renewals, except in truncated
    // rounds.
    assert!((20..=205).contains(&report.completed()), "{report}");
    assert!(report.acquired.abs_diff(report.renewed) <= 4, "{report}");
    assert!(report.acquired.abs_diff(report.released) <= 4, "{report}");
}

#[test]
fn in_rounds_releases_do_not_slow_the_exchanges() {
    let responder = Responder::correct();
    let rate = 5 * *RELEASES_PER_SEC.start();
    let (release, duration_secs) = (true, Some(1));
    let args = LoadArgs { release, duration_secs, rate: Some(rate), ..args(&responder) };
    let report = run_with(&args, |_| ()).unwrap();
    assert!(report.ok(), "{report}");
    assert_eq!(report.acquired, report.released);
    // With the rate of those at the end of a run, they would reduce the exchanges to a third of the
    // rate.
    assert!(report.acquired > u64::from(rate) / 2, "{report}");
}

#[test]
fn releases_at_the_end_do_not_count_into_the_rate() {
    let responder = Responder::correct();
    let args = LoadArgs { release: true, rate: Some(100), ..args(&responder) };
    let began_at = Instant::now();
    let report = run_with(&args, |_| ()).unwrap();
    assert_eq!(report.released, 50);
    // The run takes half a second for exchanges, and half a second for RELEASEs.
    assert!(began_at.elapsed() >= Duration::from_millis(950));
    assert!(report.elapsed_secs < began_at.elapsed().as_secs_f64() - 0.4, "{report}");
}

#[test]
fn the_window_is_never_passed() {
    let held_back = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&held_back);
    let responder = Responder::start(move |message| {
        // The answers are sent only once as many requests wait as the window allows.
        let mut kept = kept.lock().unwrap();
        kept.push(octets(&correct(message).unwrap()));
        assert!(kept.len() <= 5);
        if kept.len() == 5 { std::mem::take(&mut *kept) } else { Vec::new() }
    });
    let args = LoadArgs { clients: 20, window: 5, retries: 0, ..args(&responder) };
    let report = run_with(&args, |_| ()).unwrap();
    assert!(report.ok(), "{report}");
    drop(responder);
    assert!(held_back.lock().unwrap().is_empty());
}

#[test]
fn the_same_seed_gives_the_same_transactions() {
    let transactions = || {
        let xids = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = Arc::clone(&xids);
        let responder = Responder::start(move |message| {
            seen.lock().unwrap().push(message.xid());
            vec![octets(&correct(message).unwrap())]
        });
        run_with(&LoadArgs { clients: 3, window: 1, ..args(&responder) }, |_| ()).unwrap();
        drop(responder);
        xids.lock().unwrap().clone()
    };
    let first = transactions();
    assert_eq!(first.len(), 6);
    assert_eq!(first, transactions());
}

#[test]
fn what_cannot_run_says_why() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let relay = vec![SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)];
    let error = run_with(&LoadArgs { relay, ..LoadArgs::default() }, |_| ()).unwrap_err();
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error:#}");
    let error = run_with(&LoadArgs { clients: 0, ..LoadArgs::default() }, |_| ()).unwrap_err();
    assert!(error.to_string().contains("--clients"), "{error:#}");
}
