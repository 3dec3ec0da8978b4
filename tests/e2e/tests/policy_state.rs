//! What policies remember: it outlives the server, however that ends, and nothing that is wrong with
//! it keeps clients from being served.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::{fs, net::Ipv4Addr, thread, time::Duration};

use lessor_e2e::{Server, Setup, relay};
use lessor_load::{Answer, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SUBSCRIBER: [u8; 6] = [2, 0, 0, 0, 0, 0x77];
/// The policy counts what it sees of a client, and remembers it.
const GRANTS: &str = "grants = [\"state\"]\n";

/// Has the policy see the client once more; how often it says that it saw it.
fn seen(server: &Server) -> u32 {
    let before = server.journal().len();
    let mut relay = relay(server.address(), LINK);
    let answer = relay.discover(&Subscriber::new(SUBSCRIBER, "seen"), PATIENCE).unwrap();
    assert!(matches!(answer, Answer::Offer(_)), "{answer:?}");
    lessor_e2e::wait::soon("the journal to tell the count", || {
        let line =
            server.journal().into_iter().skip(before).find(|line| !line.plugins.is_empty())?;
        let set = line.plugins[0].set.iter().find_map(|set| set.strip_prefix("option-224=\""));
        set?.trim_end_matches('"').parse().ok()
    })
}

#[test]
fn what_a_policy_remembers_survives_reloads_sigkill_and_stops() {
    let setup = Setup::on_loopback(SUBNETS).with_policy("10-count", "counting", GRANTS);
    let mut server = setup.start();
    assert_eq!([seen(&server), seen(&server)], [1, 2]);
    assert!(server.hang_up().accepted);
    assert_eq!(seen(&server), 3);

    // Changes are on disk within a second.
    thread::sleep(Duration::from_millis(1_000));
    server.kill();
    server.start_again();
    assert_eq!(seen(&server), 4);

    // A server that is told to stop writes everything first.
    assert!(server.stop().success());
    server.start_again();
    assert_eq!(seen(&server), 5);

    // What a policy remembers waits for it while it is away.
    let component = fs::read(lessor_e2e::built::policy("counting")).unwrap();
    server.setup().remove_policy("10-count");
    assert!(server.hang_up().accepted);
    server.setup().put_policy("10-count", &component, GRANTS);
    assert!(server.hang_up().accepted);
    assert_eq!(seen(&server), 6);
}

#[test]
fn a_damaged_memory_of_policies_stops_nobody() {
    let setup = Setup::on_loopback(SUBNETS).with_policy("10-count", "counting", GRANTS);
    let mut server = setup.start();
    assert_eq!(seen(&server), 1);
    assert!(server.stop().success());
    fs::write(server.folder().join("store/plugin-state/version"), "").unwrap();
    server.start_again();
    assert_eq!(seen(&server), 1, "it starts with nothing");
    let said = server.process().output();
    assert!(said.contains("what plugins remember was damaged on disk and is put aside"), "{said}");
    assert!(said.contains("plugin-state.damaged-"), "{said}");
    assert_eq!(seen(&server), 2);
}

#[test]
fn a_memory_of_policies_that_cannot_be_used_stops_nobody() {
    let setup = Setup::on_loopback(SUBNETS).with_policy("10-count", "counting", GRANTS);
    let store = setup.folder().join("store");
    fs::create_dir_all(&store).unwrap();
    // Not even root can use a file as a folder.
    fs::write(store.join("plugin-state"), "").unwrap();
    let mut server = setup.start();
    assert_eq!([seen(&server), seen(&server)], [1, 2]);
    let said = server.process().output();
    assert!(said.contains("cannot be read from disk"), "{said}");
}

#[test]
fn what_is_not_granted_is_refused_at_start_and_at_a_reload() {
    let refused = |said: &str| {
        for wanted in [
            "plugin 10-count",
            "imports lessor:policy/state@0.1.2, which it is not granted",
            "write grants = [\"state\"] as the first line of",
            "10-count.toml",
        ] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
    };
    let setup = Setup::on_loopback(SUBNETS).with_policy("10-count", "counting", "");
    refused(&setup.refused());
    let component = fs::read(lessor_e2e::built::policy("counting")).unwrap();
    setup.put_policy("10-count", &component, GRANTS);
    let mut server = setup.start();
    assert_eq!(seen(&server), 1);
    server.setup().put_policy("10-count", &component, "grants = []\n");
    let reload = server.hang_up();
    assert!(!reload.accepted);
    refused(&reload.said);
    assert_eq!(seen(&server), 2, "the generation that serves is as it was");
}
