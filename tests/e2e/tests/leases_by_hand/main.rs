//! Leases that an operator adds, ends and moves, and pools that are drained: what clients see and
//! what the journal says.

mod imports;
mod under_load;

use std::{fs, net::Ipv4Addr, process::Output, time::Duration};

use lessor_e2e::{LeaseState, Server, Setup, relay};
use lessor_load::{Answer, Relay, Subscriber};
use nix::unistd::{User, getuid};
use serde_json::Value;

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/24"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.0.10-100.64.0.19"

    [[subnet.pool]]
    name = "second"
    range = "100.64.0.30-100.64.0.39"
    preference = 2
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(400);
const REFUSED: i32 = 3;

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(100, 64, 0, last)
}

fn subscriber(number: u8) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 1, number], format!("line{number}"))
}

fn hardware_address(number: u8) -> String {
    format!("02:00:00:00:01:{number:02x}")
}

#[track_caller]
fn is_nak(answer: Answer) {
    assert!(matches!(answer, Answer::Nak { .. }), "{answer:?}");
}

#[track_caller]
fn renewed(relay: &mut Relay, number: u8, address: Ipv4Addr) {
    let answer = relay.renew(&subscriber(number), address, PATIENCE).unwrap();
    assert!(matches!(&answer, Answer::Ack(ack) if ack.address == address), "{answer:?}");
}

/// Runs a command that succeeds, and returns its answer.
#[track_caller]
fn done(server: &Server, arguments: &[&str]) -> Value {
    let output = server.ask(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["done"].clone()
}

/// Runs a command that the server refuses, and returns the cause.
#[track_caller]
fn refused(server: &Server, arguments: &[&str]) -> String {
    let output = server.ask(&[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(REFUSED), "{arguments:?}: {output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let refused = &answer["refused"];
    assert!(refused["text"].as_str().unwrap().len() > 20, "{answer}");
    refused["cause"].as_str().unwrap().to_owned()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn user() -> String {
    User::from_uid(getuid()).unwrap().unwrap().name
}

#[test]
fn an_added_lease_is_the_clients_and_the_journal_names_who_added_it() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut command = server.command(&[
        "leases",
        "add",
        "100.64.0.15",
        "--hardware-address",
        &hardware_address(1),
        "--for",
        "10m",
        "--note",
        "ticket 4711",
    ]);
    let output = command.env("SUDO_USER", "alice").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stdout);
    assert!(said.contains("added-by-hand: 100.64.0.15 of hw:02:00:00:00:01:01"), "{said}");
    // The journal has it when the command ends.
    let line = server.journal().into_iter().find(|line| line.reason == "added-by-hand").unwrap();
    let operator = line.operator.unwrap();
    assert_eq!((operator.user, operator.user_id), (user(), getuid().as_raw()));
    assert_eq!(operator.claimed_sudo_user.as_deref(), Some("alice"));
    assert_eq!(operator.note.as_deref(), Some("ticket 4711"));
    assert_eq!(
        (line.address, line.client.as_deref()),
        (Some(ip(15)), Some("hw:02:00:00:00:01:01"))
    );

    server.kill();
    server.start_again();
    let mut relay = relay(server.address(), LINK);
    assert_eq!(relay.acquire(&subscriber(1), PATIENCE).unwrap().address, ip(15));
    assert_ne!(relay.acquire(&subscriber(2), PATIENCE).unwrap().address, ip(15));
    let again = ["leases", "add", "100.64.0.15", "--hardware-address", &hardware_address(1)];
    let again = done(&server, &[&again[..], &["--for", "10m"]].concat());
    assert_eq!(again["changed"], false);
}

#[test]
fn what_cannot_be_done_is_refused_with_the_cause_and_changes_nothing() {
    let reserved = "\n[[subnet.reservation]]\nhardware-address = \"02:00:00:00:00:09\"\n\
                    address = \"100.64.0.18\"\n";
    let server = Setup::on_loopback(&format!("{SUBNETS}{reserved}")).start();
    let mut relay = relay(server.address(), LINK);
    let leased = relay.acquire(&subscriber(1), PATIENCE).unwrap();
    let declined = relay.acquire(&subscriber(2), PATIENCE).unwrap();
    let identifier = declined.server_identifier;
    relay.decline(&subscriber(2), declined.address, identifier, SILENCE).unwrap();
    let before = server.all_leases();
    let add = |number: u8, address: &str| {
        let client = hardware_address(number);
        let client = ["--hardware-address", client.as_str(), "--for", "1h"];
        refused(&server, &[&["leases", "add", address], &client[..]].concat())
    };
    let (leased, declined) = (leased.address.to_string(), declined.address.to_string());
    assert_eq!(add(7, &leased), "held");
    assert_eq!(add(7, &declined), "quarantined");
    assert_eq!(add(7, "100.64.0.18"), "reserved");
    assert_eq!(add(7, "100.64.0.200"), "outside-pools");
    assert_eq!(add(7, "100.64.0.255"), "unusable");
    assert_eq!(add(7, "192.0.2.1"), "outside-subnets");
    assert_eq!(add(1, "100.64.0.17"), "leases-other");
    assert_eq!(refused(&server, &["leases", "end", "100.64.0.17"]), "not-leased");
    let unknown = ["leases", "end", "--hardware-address", "02:00:00:00:09:09"];
    assert_eq!(refused(&server, &unknown), "no-lease");
    let add = ["leases", "add", "100.64.0.17", "--for", "1h", "--circuit-id", "line7"];
    assert_eq!(refused(&server, &add), "client-unclear");
    let to = |to: &str| refused(&server, &["leases", "move", &leased, "--to", to]);
    assert_eq!(to(&leased), "same-address");
    assert_eq!(to(&declined), "quarantined");
    assert_eq!(to("192.0.2.1"), "outside-subnets");
    assert_eq!(refused(&server, &["pool", "drain", "nowhere"]), "unknown-pool");
    assert_eq!(server.all_leases(), before);
    assert!(server.journal().iter().all(|line| line.operator.is_none()));
    // Mistakes on the command line are refused before the server is asked.
    for wrong in [
        &["leases", "end"][..],
        &["leases", "end", "100.64.0.1", "--circuit-id", "line1"],
        &["leases", "add", "100.64.0.1", "--for", "soon"],
        &["leases", "end", "100.64.0.1", "--note", "two\nlines"],
        &["leases", "move", "100.64.0.1"],
    ] {
        let output: Output = server.ask(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {output:?}");
    }
}

#[test]
fn the_client_of_an_ended_lease_gets_a_nak_at_its_renewal_also_after_a_restart() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let address = relay.acquire(&subscriber(1), PATIENCE).unwrap().address;
    let other = relay.acquire(&subscriber(2), PATIENCE).unwrap().address;
    let ended = done(&server, &["leases", "end", "--circuit-id", "line1"]);
    assert_eq!(ended["address"], address.to_string());
    let leases = server.all_leases();
    let lease = leases.iter().find(|lease| lease.address == address).unwrap();
    assert_eq!(lease.state, LeaseState::Ended);
    server.kill();
    server.start_again();
    is_nak(relay.renew(&subscriber(1), address, PATIENCE).unwrap());
    server.journal_has("nak-ended-by-hand");
    renewed(&mut relay, 2, other);
    // Then it asks as a new client does.
    let next = relay.acquire(&subscriber(1), PATIENCE).unwrap();
    renewed(&mut relay, 1, next.address);
}

#[test]
fn the_quarantine_of_an_address_can_be_ended() {
    let server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let declined = relay.acquire(&subscriber(1), PATIENCE).unwrap();
    let (address, identifier) = (declined.address, declined.server_identifier);
    relay.decline(&subscriber(1), address, identifier, SILENCE).unwrap();
    assert_eq!(server.leases()[0].state, LeaseState::Quarantined);
    done(&server, &["leases", "end", &address.to_string()]);
    assert_eq!(server.leases(), []);
    assert_eq!(server.status().pool("residential").quarantined, 0);
}

#[test]
fn a_moved_client_gets_the_other_address_at_its_next_renewal_and_nobody_else_does() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let address = relay.acquire(&subscriber(1), PATIENCE).unwrap().address;
    let client = hardware_address(1);
    let moved =
        done(&server, &["leases", "move", "--hardware-address", &client, "--to", "100.64.0.19"]);
    assert_eq!(moved["moves-to"], "100.64.0.19");
    let line = server.journal_has("moved-by-hand");
    assert_eq!((line.moved_from, line.address), (Some(address), Some(ip(19))));
    server.kill();
    server.start_again();
    // The pool has eight other addresses, and the second pool follows.
    for number in 2..=9 {
        let other = relay.acquire(&subscriber(number), PATIENCE).unwrap().address;
        assert!(other != address && other != ip(19), "{other}");
    }
    let beyond = relay.acquire(&subscriber(10), PATIENCE).unwrap().address;
    assert_eq!(server.status().pool("second").leased, 1, "{beyond}");

    is_nak(relay.renew(&subscriber(1), address, PATIENCE).unwrap());
    server.journal_has("nak-other-address");
    assert_eq!(relay.acquire(&subscriber(1), PATIENCE).unwrap().address, ip(19));
    renewed(&mut relay, 1, ip(19));
    let leases = server.leases();
    assert!(leases.iter().all(|lease| lease.address != address), "{leases:?}");
}

#[test]
fn a_drained_pool_renews_and_takes_no_new_clients_across_restarts_and_reloads() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let address = relay.acquire(&subscriber(1), PATIENCE).unwrap().address;
    let drained = done(&server, &["pool", "drain", "residential", "--note", "renumbering"]);
    assert_eq!((&drained["changed"], &drained["leases"]), (&true.into(), &1.into()));
    assert_eq!(done(&server, &["pool", "drain", "residential"])["changed"], false);
    let drains = |server: &Server, relay: &mut Relay, number: u8| {
        renewed(relay, 1, address);
        let new = relay.acquire(&subscriber(number), PATIENCE).unwrap().address;
        assert!((30..40).contains(&new.octets()[3]), "{new}");
        let status = text(&server.ask(&["status"]).stdout);
        assert!(status.contains("pool residential of network 100.64.0.0/24: drained"), "{status}");
        assert!(status.contains("renumbering"), "{status}");
        let check = text(&server.ask(&["check"]).stdout);
        assert!(check.contains("pool residential of network 100.64.0.0/24 is drained"), "{check}");
        let explained = ["explain", "--hardware-address", "02:00:00:00:07:07", "--relay-address"];
        let explained = server.ask(&[&explained[..], &["100.64.0.1"]].concat());
        let explained = text(&explained.stdout);
        assert!(explained.contains("its pool is drained"), "{explained}");
    };
    drains(&server, &mut relay, 2);
    server.kill();
    server.start_again();
    drains(&server, &mut relay, 3);
    let changed = SUBNETS.replace("lease-time = \"1h\"", "lease-time = \"2h\"");
    server.setup().put_subnets(&changed);
    assert!(server.reload().accepted);
    drains(&server, &mut relay, 4);
    // A pool that is gone for a while is drained when it is back.
    server.setup().put_subnets(&changed.replace("\"residential\"", "\"renamed\""));
    assert!(server.reload().accepted);
    server.setup().put_subnets(SUBNETS);
    assert!(server.reload().accepted);
    drains(&server, &mut relay, 5);

    done(&server, &["pool", "drain", "second"]);
    is_silent(&mut relay, 6);
    server.journal_has("pool-drained");
    for pool in ["residential", "second"] {
        assert_eq!(done(&server, &["pool", "open", pool])["changed"], true);
    }
    relay.acquire(&subscriber(6), PATIENCE).unwrap();
    assert!(!text(&server.ask(&["status"]).stdout).contains("drained since"));
    server.stop();
    server.start_again();
    relay.acquire(&subscriber(7), PATIENCE).unwrap();
    let who = server.journal().into_iter().filter(|line| line.pool.is_some());
    let who: Vec<_> = who.map(|line| (line.reason, line.operator.unwrap().user)).collect();
    let by = |reason: &str| (reason.to_owned(), user());
    let [drained, opened] = ["drained-pool", "opened-pool"].map(by);
    assert_eq!(who, [drained.clone(), drained, opened.clone(), opened]);
}

#[test]
fn a_pool_whose_name_two_networks_have_is_opened_only_with_its_network() {
    let subnets = format!("{SUBNETS}\n{}", SUBNETS.replace("100.64.0.", "100.65.0."));
    let server = Setup::on_loopback(&subnets).start();
    let network = ["--network", "100.64.0.0/24"];
    for verb in ["drain", "open"] {
        assert_eq!(refused(&server, &["pool", verb, "residential"]), "several-pools");
        let named = [&["pool", verb, "residential"][..], &network].concat();
        assert_eq!(done(&server, &named)["changed"], true);
        let add = ["leases", "add", "100.64.0.10", "--for", "1h", "--hardware-address"];
        let mut add = server.command(&[&add[..], &[&hardware_address(1)]].concat());
        assert_eq!(add.output().unwrap().status.success(), verb == "open");
        // Without its network, the drain of a pool that exists is never forgotten.
        assert_eq!(refused(&server, &["pool", "open", "residential"]), "several-pools");
        assert_eq!(server.status().drained.len(), usize::from(verb == "drain"));
    }
}

#[track_caller]
fn is_silent(relay: &mut Relay, number: u8) {
    let answer = relay.discover(&subscriber(number), SILENCE).unwrap();
    assert_eq!(answer, Answer::Silence);
}

#[test]
fn a_reservation_takes_effect_at_the_next_renewal_while_the_old_lease_runs() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let address = relay.acquire(&subscriber(1), PATIENCE).unwrap().address;
    let reserved = format!(
        "{SUBNETS}\n[[subnet.reservation]]\nhardware-address = {:?}\naddress = \"100.64.0.77\"\n",
        hardware_address(1)
    );
    server.setup().put_subnets(&reserved);
    assert!(server.reload().accepted);
    is_nak(relay.renew(&subscriber(1), address, PATIENCE).unwrap());
    server.journal_has("nak-other-address");
    assert_eq!(relay.acquire(&subscriber(1), PATIENCE).unwrap().address, ip(77));
    renewed(&mut relay, 1, ip(77));
    let held: Vec<_> = server.leases().into_iter().map(|lease| lease.address).collect();
    assert_eq!(held, [ip(77)]);
}

#[test]
fn changes_by_hand_are_replayed_from_a_recording() {
    let server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let address = relay.acquire(&subscriber(1), PATIENCE).unwrap().address;
    done(&server, &["pool", "drain", "second"]);
    let file = server.folder().join("by-hand.jsonl");
    let mut record = server.command(&["record", "--with-leases", "--count", "9"]);
    let mut recording = record.arg("--output").arg(&file).spawn().unwrap();
    lessor_e2e::wait::soon("the recording to begin", || {
        fs::read_to_string(&file).ok().filter(|text| text.starts_with("{\"recording\"")).map(drop)
    });
    done(&server, &["leases", "end", &address.to_string()]);
    is_nak(relay.renew(&subscriber(1), address, PATIENCE).unwrap());
    let next = relay.acquire(&subscriber(1), PATIENCE).unwrap().address;
    done(&server, &["leases", "move", &next.to_string(), "--to", "100.64.0.19"]);
    is_nak(relay.renew(&subscriber(1), next, PATIENCE).unwrap());
    assert_eq!(relay.acquire(&subscriber(1), PATIENCE).unwrap().address, ip(19));
    let add = ["leases", "add", "100.64.0.18", "--for", "1h", "--hardware-address"];
    done(&server, &[&add[..], &[&hardware_address(2)]].concat());
    assert_eq!(relay.acquire(&subscriber(2), PATIENCE).unwrap().address, ip(18));
    renewed(&mut relay, 2, ip(18));
    assert!(recording.wait().unwrap().success());
    let recorded = fs::read_to_string(&file).unwrap();
    assert_eq!(recorded.matches("{\"by-hand\"").count(), 3, "{recorded}");
    assert_eq!(recorded.matches("{\"drained\"").count(), 1, "{recorded}");
    let replay = server.command(&["replay"]).arg(&file).output().unwrap();
    assert!(replay.status.success(), "{}{}", text(&replay.stdout), text(&replay.stderr));
}
