//! `lessor explain`: it predicts what then happens, with and without a running server, and changes
//! nothing.

use std::{net::Ipv4Addr, time::Duration};

use lessor_e2e::{Server, Setup, relay, wait};
use lessor_load::{Answer, Relay, Subscriber};
use serde_json::Value;

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"
    options = { routers = ["100.64.0.1"], domain-name-servers = ["192.0.2.53"] }

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.200.255"

    [[subnet.pool]]
    name = "walled-garden"
    range = "100.64.250.0-100.64.250.255"
    by-policy-only = true

    [[subnet.reservation]]
    circuit-id = "reserved"
    address = "100.64.201.99"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);

const GARDEN: &str = r#"
    [settings]
    lease-time-secs = 120
    unpaid = ["unpaid"]
    options = { domain-name-servers = ["192.0.2.66"] }
"#;

fn setup() -> Setup {
    Setup::on_loopback(SUBNETS).with_policy("20-garden", "walled-garden", GARDEN)
}

/// Returns a subscriber, its hardware address as text, and its line.
fn subscriber(number: u8, line: &'static str) -> (Subscriber, String, &'static str) {
    let text = format!("02:00:00:00:00:{number:02x}");
    (Subscriber::new([2, 0, 0, 0, 0, number], line), text, line)
}

#[track_caller]
fn explained(server: &Server, arguments: &[&str]) -> Value {
    let output = server.ask(&[&["explain", "--json"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns what would be offered to a subscriber: reason, address and lease time.
#[track_caller]
fn offer_explained(
    server: &Server,
    hardware_address: &str,
    line: &str,
) -> (String, Option<Ipv4Addr>, Option<u32>) {
    let explanation =
        explained(server, &["--hardware-address", hardware_address, "--circuit-id", line]);
    let reply = &explanation["reply"];
    let options = reply["options"].as_array().cloned().unwrap_or_default();
    let lease_time = options.iter().find(|option| option["name"] == "lease-time");
    (
        explanation["reason"].as_str().unwrap().to_owned(),
        reply["your-address"].as_str().map(|text| text.parse().unwrap()),
        lease_time.map(|option| option["value"].as_str().unwrap().parse().unwrap()),
    )
}

/// Returns what is offered to a subscriber at its `number`th DISCOVER.
#[track_caller]
fn offer_made(
    server: &Server,
    relay: &mut Relay,
    subscriber: &Subscriber,
    line: &str,
    number: usize,
) -> (String, Option<Ipv4Addr>, Option<u32>) {
    let Answer::Offer(offer) = relay.discover(subscriber, PATIENCE).unwrap() else {
        panic!("no offer for {line}");
    };
    let said = wait::soon("the journal to tell of the DISCOVER", || {
        let journal = server.journal().into_iter();
        let mut discovers = journal.filter(|said| {
            said.circuit_id.as_deref() == Some(line)
                && said.message.as_deref() == Some("DHCPDISCOVER")
        });
        discovers.nth(number - 1)
    });
    (said.reason, Some(offer.address), Some(offer.lease_time_secs))
}

#[test]
fn what_is_explained_is_what_then_happens() {
    let server = setup().start();
    let mut relay = relay(server.address(), LINK);
    for (number, line) in [(1, "plain"), (2, "reserved"), (3, "unpaid"), (4, "another")] {
        let (subscriber, hardware_address, line) = subscriber(number, line);
        for number in 1..=2 {
            let explained = offer_explained(&server, &hardware_address, line);
            let made = offer_made(&server, &mut relay, &subscriber, line, number);
            assert_eq!(explained, made, "{line}");
        }
        let acquired = relay.acquire(&subscriber, PATIENCE).unwrap();
        let explained = offer_explained(&server, &hardware_address, line);
        assert_eq!(explained.1, Some(acquired.address), "{line}");
        assert_eq!(explained, offer_made(&server, &mut relay, &subscriber, line, 4), "{line}");
    }
}

#[test]
fn every_step_says_what_it_did() {
    let server = setup().start();
    let mut relay = relay(server.address(), LINK);
    let (carla, _, _) = subscriber(7, "unpaid");
    let held = relay.acquire(&carla, PATIENCE).unwrap();
    // The line is enough, because the other values come from the lease on record.
    let explanation = explained(&server, &["--circuit-id", "unpaid"]);
    assert_eq!(explanation["client"], "hw:02:00:00:00:00:07");
    assert_eq!(explanation["lease"]["address"], held.address.to_string());
    assert_eq!(explanation["location"]["subnet"], "100.64.0.0/16");
    let plugin = &explanation["plugins"][0];
    assert_eq!(plugin["plugin"], "20-garden");
    assert!(plugin["set"].to_string().contains("pool=walled-garden"), "{plugin}");
    assert!(plugin["took-us"].as_f64().unwrap() > 0.0);
    assert!(explanation["terms"].to_string().contains("pool walled-garden"));
    assert_eq!(explanation["allocation"][0]["address"], held.address.to_string());
    assert_eq!(explanation["allocation"][0]["obstacle"], Value::Null);
    let options = explanation["reply"]["options"].as_array().unwrap();
    let set_by = |name: &str| {
        options.iter().find(|option| option["name"] == name).unwrap()["set-by"].as_str().unwrap()
    };
    assert_eq!(set_by("domain-name-servers"), "plugin 20-garden");
    assert_eq!(set_by("lease-time"), "plugin 20-garden");
    assert_eq!(set_by("routers"), "the subnet");
    assert_eq!(set_by("subnet-mask"), "the subnet's prefix");

    let renewal = explained(&server, &["--kind", "renew", "--circuit-id", "unpaid"]);
    assert_eq!(renewal["reason"], "ack-renewing");
    // For a line without a lease, a hardware address is assumed.
    let new_line = ["--circuit-id", "nobody-yet", "--relay-address", "100.64.0.1"];
    let explanation = explained(&server, &new_line);
    assert_eq!(explanation["reason"], "offered-from-pool");
    let assumed = explanation["assumed"].to_string();
    assert!(assumed.contains("hardware address 02:00:4c:65:73:73, invented"), "{assumed}");
    let stranger = ["--kind", "renew", "--hardware-address", "02:00:00:00:00:09"];
    let stranger = [&stranger[..], &["--address", "100.64.250.0"]].concat();
    let taken = explained(&server, &stranger);
    assert!(taken["allocation"].to_string().contains("hw:02:00:00:00:00:07"), "{taken}");

    let output = server.ask(&["explain", "--circuit-id", "unpaid"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for section in
        ["Asked", "Request", "Location", "Client", "Policies", "Allocation", "Outcome", "Time"]
    {
        assert!(text.lines().any(|line| line == section), "no {section} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "colour, and no terminal");
}

#[test]
fn nothing_comes_of_asking() {
    let server = setup().start();
    let mut relay = relay(server.address(), LINK);
    let (ada, _, _) = subscriber(1, "ada");
    relay.acquire(&ada, PATIENCE).unwrap();
    let state = |server: &Server| {
        let status = server.status();
        let plugins: Vec<_> = status.plugins.iter().map(|plugin| plugin.calls).collect();
        (server.all_leases(), status.pools, status.reasons, plugins, status.store.changes)
    };
    let before = state(&server);
    for kind in ["discover", "request", "renew", "decline", "release", "inform"] {
        explained(&server, &["--kind", kind, "--circuit-id", "ada"]);
        explained(
            &server,
            &["--kind", kind, "--hardware-address", "02:00:00:00:00:02", "--address", "100.64.1.9"],
        );
    }
    assert_eq!(state(&server), before);
}

#[test]
fn without_a_server_its_store_is_asked() {
    let mut server = setup().start();
    let mut relay = relay(server.address(), LINK);
    let (ada, hardware_address, line) = subscriber(1, "ada");
    let held = relay.acquire(&ada, PATIENCE).unwrap();
    assert!(server.stop().success());
    let leases = server.all_leases();
    let explanation = explained(&server, &["--hardware-address", &hardware_address]);
    assert!(explanation["by"].as_str().unwrap().contains("no server runs"));
    assert_eq!(explanation["reason"], "offered-current");
    assert_eq!(explanation["reply"]["your-address"], held.address.to_string());
    assert_eq!(server.all_leases(), leases);
    let explained = offer_explained(&server, &hardware_address, line);
    server.start_again();
    assert_eq!(explained, offer_made(&server, &mut relay, &ada, line, 2));
}

#[test]
fn a_plugin_that_fails_in_an_explanation_is_not_blamed_for_it() {
    const VICTIM: &str = "02:00:00:00:00:66";
    let sidecar = format!(
        "[settings]\nbehaviour = \"trap\"\nclient = \"hw:{VICTIM}\"\nlease-time-secs = 777\n"
    );
    let setup = Setup::on_loopback(SUBNETS);
    let server = setup.with_policy("50-faulty", "misbehaving", &sidecar).start();
    for _ in 0..10 {
        let explanation = explained(&server, &["--hardware-address", VICTIM]);
        let fault = explanation["plugins"][0]["fault"].as_str().unwrap().to_owned();
        assert!(fault.starts_with("trap"), "{fault}");
        assert_eq!(explanation["reason"], "offered-from-pool");
    }
    let status = server.status();
    assert!(status.plugins[0].faults.values().all(|count| *count == 0), "{:?}", status.plugins);
    assert_eq!(status.plugins[0].suspensions, 0);
}

#[test]
fn what_cannot_be_told_is_refused_with_what_to_say() {
    let subnets = format!("{SUBNETS}\n[[subnet]]\nprefix = \"100.65.0.0/24\"\n");
    let server = Setup::on_loopback(&subnets).start();
    for (arguments, said) in [
        (&[][..], "give --hardware-address, --client-id, --circuit-id or --remote-id"),
        (&["--circuit-id", "nobody"], "--relay-address, such as 100.64.0.1"),
        (&["--hardware-address", "02:00:00:00:00:01"], "--relay-address, such as 100.64.0.1"),
        (
            &[
                "--kind",
                "renew",
                "--hardware-address",
                "02:00:00:00:00:01",
                "--relay-address",
                "100.65.0.1",
            ],
            "give its address with --address",
        ),
    ] {
        let output = server.ask(&[&["explain"], arguments].concat());
        assert_eq!(output.status.code(), Some(1));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(complaint.contains(said), "{complaint}");
    }
    let elsewhere = ["--hardware-address", "02:00:00:00:00:01", "--relay-address", "192.0.2.1"];
    let explanation = explained(&server, &elsewhere);
    assert_eq!(explanation["reason"], "unknown-subnet");
    assert_eq!(explanation["location"], Value::Null);
    let output = server.ask(&[&["explain"], &elsewhere[..]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("not asked: no subnet"), "{text}");
    let mut relay = relay(server.address(), Ipv4Addr::new(192, 0, 2, 1));
    let (ada, _, _) = subscriber(1, "ada");
    assert!(matches!(relay.discover(&ada, SILENCE), Ok(Answer::Silence)));
}

#[test]
fn a_line_that_was_heard_lately_is_explained_without_naming_its_relay() {
    let subnets = format!("{SUBNETS}\n[[subnet]]\nprefix = \"100.65.0.0/24\"\n");
    let server = Setup::on_loopback(&subnets).start();
    let mut empty = relay(server.address(), Ipv4Addr::new(100, 65, 0, 1));
    // No client has a lease, because the subnet has no pool.
    let (ada, hardware_address, _) = subscriber(1, "ada");
    assert!(matches!(empty.discover(&ada, SILENCE), Ok(Answer::Silence)));
    server.journal_has("no-free-address");
    for known_by in [["--circuit-id", "ada"], ["--hardware-address", hardware_address.as_str()]] {
        let explanation = explained(&server, &known_by);
        assert_eq!(explanation["reason"], "no-free-address", "{explanation}");
        assert_eq!(explanation["location"]["subnet"], "100.65.0.0/24");
        let assumed = explanation["assumed"].to_string();
        let relay_address = empty.local_address().ip().to_string();
        assert!(assumed.contains(&format!("relay address {relay_address}, through")), "{assumed}");
        assert!(assumed.contains("link selection 100.65.0.1"), "{assumed}");
    }
}

#[test]
fn link_selection_subnet_selection_and_the_broadcast_flag_can_be_said() {
    let subnets = format!("{SUBNETS}\n[[subnet]]\nprefix = \"100.65.0.0/24\"\n");
    let server = Setup::on_loopback(&subnets).start();
    let client = ["--hardware-address", "02:00:00:00:00:01"];
    let located = |more: &[&str]| {
        let explanation = explained(&server, &[&client[..], more].concat());
        let location = &explanation["location"];
        let text = |key: &str| location[key].as_str().unwrap_or_default().to_owned();
        (text("subnet"), text("by"), explanation)
    };
    let relay = ["--relay-address", "192.0.2.1"];
    let (subnet, by, _) = located(&[&relay[..], &["--link-selection", "100.65.0.9"]].concat());
    assert_eq!((&*subnet, &*by), ("100.65.0.0/24", "the relay's link selection"));
    let (subnet, by, _) = located(&[&relay[..], &["--subnet-selection", "100.64.0.0"]].concat());
    assert_eq!((&*subnet, &*by), ("100.64.0.0/16", "the client's subnet selection"));
    let (.., unknown) = located(&[&relay[..], &["--link-selection", "100.99.0.1"]].concat());
    assert_eq!(unknown["reason"], "unknown-subnet");
    let detail = unknown["detail"].as_str().unwrap();
    assert!(detail.contains("100.99.0.1, the link selection"), "{detail}");
    let (.., to_client) = located(&["--link", "100.64.0.1"]);
    assert!(to_client["reply"]["destination"].as_str().unwrap().starts_with("02:00:00:00:00:01"));
    let (.., to_all) = located(&["--link", "100.64.0.1", "--broadcast"]);
    assert_eq!(to_all["reply"]["destination"], "all hosts on the link");
}
