//! After a cutover or a lost store: clients without a record on the server, and new clients.

use std::{fs, net::Ipv4Addr, time::Duration};

use lessor_e2e::{Server, Setup, relay};
use lessor_load::{Answer, Relay, Subscriber};

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);

fn subnets(settings: &str) -> String {
    format!(
        r#"
        [[subnet]]
        prefix = "100.64.0.0/24"
        {settings}

        [[subnet.pool]]
        name = "all"
        range = "100.64.0.10-100.64.0.12"
        "#
    )
}

fn subscriber(number: u8) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 0, number], format!("line{number}"))
}

const fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(100, 64, 0, last)
}

fn start(settings: &str) -> (Server, Relay) {
    let server = Setup::on_loopback(&subnets(settings)).start();
    let relay = relay(server.address(), LINK);
    (server, relay)
}

#[track_caller]
fn is_acknowledged(answer: &Answer, address: Ipv4Addr) {
    assert!(matches!(answer, Answer::Ack(ack) if ack.address == address), "{answer:?}");
}

#[test]
fn an_unknown_client_hears_nothing_keeps_its_address_or_must_ask_again() {
    for (settings, expected) in [
        ("", "unknown-client"),
        ("unknown-clients = \"ignore\"", "unknown-client"),
        ("unknown-clients = \"adopt\"", "ack-adopted"),
        ("unknown-clients = \"refuse\"", "nak-unknown-client"),
    ] {
        let (server, mut relay) = start(settings);
        let timeout = if expected == "unknown-client" { SILENCE } else { PATIENCE };
        let rebooted = relay.init_reboot(&subscriber(1), address(11), timeout).unwrap();
        let renewed = relay.renew(&subscriber(2), address(12), timeout).unwrap();
        let answers = [rebooted, renewed];
        let is_expected = |answer: &Answer| match expected {
            "unknown-client" => *answer == Answer::Silence,
            "ack-adopted" => matches!(answer, Answer::Ack(_)),
            _ => matches!(answer, Answer::Nak { .. }),
        };
        assert!(answers.iter().all(is_expected), "{settings}: {answers:?}");
        server.journal_has(expected);
        let kept = if expected == "ack-adopted" { 2 } else { 0 };
        assert_eq!(server.leases().len(), kept, "{settings}");
    }
}

#[test]
fn an_authoritative_server_refuses_an_unknown_client_the_address_of_another() {
    for (settings, is_told) in [("authoritative = true", true), ("", false)] {
        let (_server, mut relay) = start(settings);
        let taken = relay.acquire(&subscriber(1), PATIENCE).unwrap().address;
        for wrong in [taken, Ipv4Addr::new(192, 0, 2, 1)] {
            let timeout = if is_told { PATIENCE } else { SILENCE };
            let answer = relay.init_reboot(&subscriber(2), wrong, timeout).unwrap();
            assert_eq!(matches!(answer, Answer::Nak { .. }), is_told, "{wrong}: {answer:?}");
        }
        // A free address may be that of the client.
        let answer = relay.init_reboot(&subscriber(2), address(12), SILENCE).unwrap();
        assert_eq!(answer, Answer::Silence);
    }
}

/// `unknown-clients` and `authoritative` change the answer for some addresses only.
#[test]
fn the_journal_names_the_setting_that_would_change_the_answer() {
    const OWN: &str = "server-identifier = \"100.64.0.12\"";
    let settings = |more: &str| format!("{OWN}\n{more}");
    let says = |server: &Server, relay: &mut Relay, last: u8, said: &str| {
        let answer = relay.init_reboot(&subscriber(9), address(last), SILENCE).unwrap();
        assert_eq!(answer, Answer::Silence, "{said}");
        server.journal_says(said, |line| {
            line.reason == "unknown-client"
                && line.detail.as_ref().is_some_and(|detail| detail.contains(said))
        });
    };
    let (server, mut relay) = start(&settings("unknown-clients = \"adopt\""));
    let said = "100.64.0.12 is one of the server's own addresses; authoritative = true would";
    says(&server, &mut relay, 12, said);
    let drained = server.ask(&["pool", "drain", "all"]);
    assert!(drained.status.success(), "{drained:?}");
    let said = "100.64.0.11 is free, but its pool is drained, so new clients get none of it; \
                unknown-clients = \"refuse\" would";
    says(&server, &mut relay, 11, said);
    drop(server);

    // The settings do what the journal says.
    let (_server, mut relay) = start(&settings("authoritative = true"));
    let answer = relay.init_reboot(&subscriber(9), address(12), PATIENCE).unwrap();
    assert!(matches!(answer, Answer::Nak { .. }), "{answer:?}");
    let (server, mut relay) = start(&settings("unknown-clients = \"refuse\""));
    assert!(server.ask(&["pool", "drain", "all"]).status.success());
    let answer = relay.init_reboot(&subscriber(9), address(11), PATIENCE).unwrap();
    assert!(matches!(answer, Answer::Nak { .. }), "{answer:?}");
}

#[test]
fn after_a_start_without_records_nobody_gets_an_address_that_an_unknown_client_may_hold() {
    let settings = |after| {
        format!(
            "lease-time = \"1h\"\nmax-lease-time = \"1h\"\nunknown-clients = \"adopt\"\n\
             after-data-loss = {after:?}"
        )
    };
    let (mut server, mut relay) = start(&settings("hold"));
    let discovers = |relay: &mut Relay, timeout| relay.discover(&subscriber(9), timeout).unwrap();
    assert_eq!(discovers(&mut relay, SILENCE), Answer::Silence);
    server.journal_has("held-after-data-loss");
    assert_eq!(server.status().holds.len(), 1);
    let log = fs::read_to_string(server.folder().join("server-1.log")).unwrap();
    assert!(log.contains("no records of leases"), "{log}");
    let answer = relay.renew(&subscriber(1), address(10), PATIENCE).unwrap();
    is_acknowledged(&answer, address(10));

    // There are records now, but not of all clients.
    server.kill();
    server.start_again();
    assert_eq!(discovers(&mut relay, SILENCE), Answer::Silence);
    let answer = relay.init_reboot(&subscriber(2), address(11), PATIENCE).unwrap();
    is_acknowledged(&answer, address(11));
    let explained = server.ask(&["explain", "--hardware-address", "02:00:00:00:00:09"]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains("held-after-data-loss"), "{explained}");

    // The operator ends the hold.
    server.setup().put_subnets(&subnets(&settings("serve")));
    assert!(server.hang_up().accepted);
    assert!(server.status().holds.is_empty());
    assert!(matches!(discovers(&mut relay, PATIENCE), Answer::Offer(_)));
}

#[test]
fn a_hold_ends_when_the_longest_lease_has() {
    let (server, mut relay) = start(
        "lease-time = \"3s\"\nmin-lease-time = \"1s\"\nmax-lease-time = \"3s\"\n\
         after-data-loss = \"hold\"",
    );
    assert_eq!(relay.discover(&subscriber(1), SILENCE).unwrap(), Answer::Silence);
    lessor_e2e::wait::soon("the end of the hold", || {
        let answer = relay.discover(&subscriber(1), SILENCE).unwrap();
        matches!(answer, Answer::Offer(_)).then_some(())
    });
    assert!(server.status().count("held-after-data-loss") > 0);
    assert!(server.status().holds.is_empty());
}

#[test]
fn a_recording_of_a_hold_replays_exactly() {
    let (server, mut relay) =
        start("unknown-clients = \"adopt\"\nafter-data-loss = \"hold\"\nclient-key = \"line\"");
    let file = server.folder().join("traffic.jsonl");
    let path = file.to_str().unwrap();
    let mut recorder = server
        .command(&["record", "--with-leases", "--count", "4", "--output", path])
        .spawn()
        .unwrap();
    lessor_e2e::wait::soon("the recording to begin", || {
        fs::read_to_string(&file).ok().filter(|text| text.contains("no-records"))
    });
    relay.discover(&subscriber(1), SILENCE).unwrap();
    relay.renew(&subscriber(2), address(10), PATIENCE).unwrap();
    let lease = relay.rebind(&subscriber(2), address(10), PATIENCE).unwrap();
    is_acknowledged(&lease, address(10));
    relay.discover(&subscriber(1), SILENCE).unwrap();
    assert!(recorder.wait().unwrap().success());
    let replayed = server.ask(&["replay", path]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stdout));
}
