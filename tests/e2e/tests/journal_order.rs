//! For each address, the journal has the events in the order of the decisions, and `on-lease` hooks
//! are called in that order.

use std::{collections::HashMap, net::Ipv4Addr, time::Duration};

use lessor_e2e::{JournalLine, LeaseState, Server, Setup, relay, wait};
use lessor_load::{Acquired, Relay, Subscriber};

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    range = "100.64.1.0-100.64.2.255"
"#;
/// A policy that logs lease events.
const NOTES: &str = "fn on_lease(event) { log(`heard ${event.kind} ${event.address}`); }";
const CLIENTS: u8 = 200;
/// The number of clients that send at once. More datagrams could overflow a socket of the server.
const AT_ONCE: u8 = 40;
/// The number of relays. Each has a separate socket, so both workers get messages of every client.
const RELAYS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_last_line_of_an_address_says_what_became_of_it_when_clients_renew_and_release_at_once() {
    let setup = Setup::on_loopback(SUBNETS).with_server_setting("workers = 2");
    setup.put_script(
        "50-notes.rhai",
        NOTES,
        "grants = [\"log\"]\n[limits]\nlog-lines-per-sec = 1000\n",
    );
    let mut server = setup.start();
    let mut relays: Vec<Relay> = (0..RELAYS).map(|_| relay(server.address(), LINK)).collect();
    let clients: Vec<(Subscriber, Acquired)> = (0..CLIENTS)
        .map(|number| {
            let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], format!("line-{number}"));
            let acquired = relays[usize::from(number) % RELAYS].acquire(&subscriber, PATIENCE);
            (subscriber, acquired.unwrap())
        })
        .collect();
    for (round, some) in clients.chunks(usize::from(AT_ONCE)).enumerate() {
        for (number, (subscriber, acquired)) in some.iter().enumerate() {
            // All messages of every second client take the same way.
            let (first, second) = (number % RELAYS, (number + number % 2) % RELAYS);
            relays[first].renew(subscriber, acquired.address, Duration::ZERO).unwrap();
            let (address, identifier) = (acquired.address, acquired.server_identifier);
            relays[second].release(subscriber, address, identifier, Duration::ZERO).unwrap();
        }
        let sent = 2 * (round + 1) * usize::from(AT_ONCE);
        wait::soon("the journal to have both messages of every client", || {
            let lines = server.journal();
            (lines.iter().filter(|line| is_of_both(line)).count() == sent).then_some(())
        });
    }
    agrees_with_leases(&server);
    policies_agree_with_leases(&mut server);
}

fn is_of_both(line: &JournalLine) -> bool {
    ["ack-renewing", "released-lease"].contains(&line.reason.as_str())
}

#[track_caller]
fn agrees_with_leases(server: &Server) {
    let mut last = HashMap::new();
    for line in server.journal() {
        if let Some(address) = line.address {
            last.insert(address, line.reason);
        }
    }
    let leases = server.all_leases();
    assert_eq!(leases.len(), usize::from(CLIENTS));
    let wrong: Vec<_> = leases
        .iter()
        .filter(|lease| {
            let expected = match lease.state {
                LeaseState::Leased => "ack-renewing",
                _ => "released-lease",
            };
            last[&lease.address] != expected
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {CLIENTS} are wrong: {wrong:#?}", wrong.len());
}

/// Waits until the policy has received every event, and checks that the last event of each address
/// matches its lease.
#[track_caller]
fn policies_agree_with_leases(server: &mut Server) {
    let leases = server.all_leases();
    let is_right = |last: &HashMap<Ipv4Addr, String>, address: Ipv4Addr, state| {
        last.get(&address).is_some_and(|kind| (kind == "released") == (state != LeaseState::Leased))
    };
    let heard = wait::soon("the policy to hear of every event", || {
        let log = server.process().output();
        let heard = log.lines().filter_map(|line| {
            let (kind, address) = line.split_once("heard ")?.1.split_once(' ')?;
            let address = address.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
            Some((address.parse().ok()?, kind.to_owned()))
        });
        let heard: Vec<(Ipv4Addr, String)> = heard.collect();
        // Each address was granted, extended and released, in some order.
        (heard.len() >= 3 * usize::from(CLIENTS)).then_some(heard)
    });
    let last: HashMap<_, _> = heard.into_iter().collect();
    let wrong: Vec<_> =
        leases.iter().filter(|lease| !is_right(&last, lease.address, lease.state)).collect();
    assert!(wrong.is_empty(), "{} of {CLIENTS} are wrong: {wrong:#?}", wrong.len());
}
