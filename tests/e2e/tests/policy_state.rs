//! The stored values of policies: they survive the server, however it ends, and no problem with
//! them prevents service.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    thread,
    time::Duration,
};

use lessor_e2e::{
    Server, Setup,
    attack::{Finding, scaled},
    heavy, loopback_address, relay, wait,
};
use lessor_load::{Answer, LoadArgs, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SUBSCRIBER: [u8; 6] = [2, 0, 0, 0, 0, 0x77];
/// The grants of the policy, which counts the messages of a client.
const GRANTS: &str = "grants = [\"state\"]\n";

/// Sends a message of the client, and returns the count of the policy.
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

    // A server that stops on SIGTERM writes everything first.
    assert!(server.stop().success());
    server.start_again();
    assert_eq!(seen(&server), 5);

    // The values of a policy are kept while the policy is removed.
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
    assert!(said.contains("the stored state of plugins was damaged and is moved aside"), "{said}");
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

/// Checks that a command succeeds, and returns its standard output.
#[track_caller]
fn asked(server: &Server, arguments: &[&str]) -> String {
    let output = server.ask(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Checks that a command fails, and returns its standard error.
#[track_caller]
fn refused(server: &Server, arguments: &[&str]) -> String {
    let output = server.ask(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Sends a message of a client on a separate line.
fn see(server: &Server, number: u8) {
    let subscriber = Subscriber::new([2, 0, 0, 0, 7, number], format!("line {number}"));
    relay(server.address(), LINK).discover(&subscriber, PATIENCE).unwrap();
}

#[test]
fn what_policies_remember_can_be_listed_read_and_removed() {
    let setup = Setup::on_loopback(SUBNETS)
        .with_policy("10-count", "counting", GRANTS)
        .with_policy("20-other", "counting", "grants = [\"state\"]\nmode = \"shadow\"\n");
    let mut server = setup.start();
    for number in 1..=3 {
        see(&server, number);
    }
    see(&server, 3);
    let list = asked(&server, &["state", "list", "--policy", "10-count"]);
    for wanted in ["hw:02:00:00:00:07:01", "hex:0000000000000002", "never", "3 keys"] {
        assert!(list.contains(wanted), "no {wanted:?} in {list}");
    }
    let lines =
        asked(&server, &["state", "list", "--json", "--find", "07:03", "--policy", "10-count"]);
    let [line] = &lines.lines().collect::<Vec<_>>()[..] else { panic!("{lines}") };
    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(entry["policy"], "10-count");
    assert_eq!(entry["value"], "hex:0000000000000002");
    assert!(entry["set-at"].as_str().unwrap().ends_with('Z'), "{entry}");
    assert_eq!(entry["expires-at"], serde_json::Value::Null);
    let key = "hw:02:00:00:00:07:03";
    assert_eq!(asked(&server, &["state", "get", "10-count", key]), "hex:0000000000000002\n");

    let gone = asked(&server, &["state", "remove", "10-count", key, "hw:02:00:00:00:07:01"]);
    assert_eq!(gone, "2 keys removed\n");
    assert!(!server.ask(&["state", "remove", "10-count", key]).status.success());
    let said = refused(&server, &["state", "get", "10-count", key]);
    assert!(said.contains(&format!("policy 10-count has no key {key:?}")), "{said}");
    let said = refused(&server, &["state", "clear", "10-cuont"]);
    assert!(said.contains("policy 10-cuont has no keys; wanted one of 10-count"), "{said}");

    // Removed keys stay removed after a restart.
    server.kill();
    server.start_again();
    assert_eq!(
        asked(&server, &["state", "list", "--json", "--policy", "10-count"]).lines().count(),
        1
    );
    let cleared = asked(&server, &["state", "clear", "10-count", "--json"]);
    assert_eq!(cleared, "{\"removed\":1}\n");

    // The values of a removed policy can be cleared, too.
    see(&server, 9);
    server.setup().remove_policy("10-count");
    assert!(server.hang_up().accepted);
    assert_eq!(asked(&server, &["state", "clear", "10-count"]), "1 key removed\n");
    assert_eq!(
        asked(&server, &["state", "list", "--json", "--policy", "20-other/shadow"]).lines().count(),
        4
    );
}

#[test]
fn keys_have_a_time_to_live() {
    let sidecar = format!("{GRANTS}[state]\nkeep = \"2s\"\n");
    let setup = Setup::on_loopback(SUBNETS).with_policy("10-count", "counting", &sidecar);
    let server = setup.start();
    see(&server, 1);
    wait::soon("the key to be forgotten", || {
        asked(&server, &["state", "list", "--json"]).is_empty().then_some(())
    });
    see(&server, 2);
    wait::soon("the status to say so", || {
        // The time of a policy's values advances with its messages.
        see(&server, 2);
        let state = server.status().plugin("10-count").state.clone().unwrap();
        (state.expired >= 1 && state.keys == 1).then_some(())
    });
}

#[test]
fn a_memory_that_fills_up_is_warned_about_and_names_its_limit() {
    let sidecar = format!("{GRANTS}[state]\nkeys-max = 10\n");
    let setup = Setup::on_loopback(SUBNETS).with_policy("10-count", "counting", &sidecar);
    let mut server = setup.start();
    (0..7).for_each(|number| see(&server, number));
    assert!(!server.process().output().contains("the plugin's state is 80 %"));
    see(&server, 7);
    server.process().says("the plugin's state is 80 % full", wait::SOON);
    (8..12).for_each(|number| see(&server, number));
    let said = server.process().says("the plugin could not set a key", wait::SOON);
    assert!(said.contains("10 keys (keys-max below [state])"), "{said}");
    assert!(said.contains("circuit id line 1"), "it names who asked: {said}");
    let status = asked(&server, &["status"]);
    assert!(status.contains("remembers 10 of 10 keys"), "{status}");

    // If the oldest key is deleted first, there is always room.
    let component = fs::read(lessor_e2e::built::policy("counting")).unwrap();
    let sidecar = format!("{sidecar}when-full = \"oldest-goes-first\"\n");
    server.setup().put_policy("10-count", &component, &sidecar);
    assert!(server.hang_up().accepted);
    (20..25).for_each(|number| see(&server, number));
    let list = asked(&server, &["state", "list"]);
    assert!(
        list.contains("07:18") && !list.contains("07:00") && list.contains("10 keys"),
        "{list}"
    );
}

/// Other lines are served, and the values of their clients are stored, while one line invents
/// clients endlessly.
#[test]
fn one_line_that_makes_up_clients_takes_the_memory_of_nobody() {
    const BYSTANDERS: u32 = 250;
    let _alone = heavy();
    // A large pool, so that only the stored values are attacked.
    let subnets = SUBNETS.replace("-100.64.99.255", "-100.64.254.255");
    assert_ne!(subnets, SUBNETS);
    let setup = Setup::on_loopback(&subnets).with_policy("10-count", "counting", GRANTS);
    let mut server = setup.start();
    let load = |first_client: u32, clients, circuit_id: &str, per_sec| LoadArgs {
        server: server.address(),
        relay: vec![SocketAddrV4::new(loopback_address(), 0)],
        link_selection: Some(LINK),
        clients,
        first_client,
        circuit_id: circuit_id.parse().unwrap(),
        rate: Some(per_sec),
        retries: 0,
        timeout_ms: 5_000,
        ..LoadArgs::default()
    };
    let made_up = load(100_000, scaled(3_000, 20_000), "attacker", 1_000);
    let attacker = LoadArgs { mac_prefix: [2, 0x66], timeout_ms: 300, ..made_up };
    let during = scaled(3, 60);
    let mut lost = 0;
    let mut round = |phase: &str, number: u32| {
        let first = number * BYSTANDERS;
        let report = lessor_load::run(&load(first, BYSTANDERS, "line {n}", BYSTANDERS)).unwrap();
        let p99 = report.latency.exchange.p99;
        println!("{phase:<7} {} served, {} lost, p99 {p99:.1} ms", report.acquired, report.failed);
        lost += report.failed + report.naks;
    };
    round("before", 0);
    let attacking = thread::spawn(move || lessor_load::run(&attacker).unwrap());
    (1..=during).for_each(|number| round("during", number));
    let attack = attacking.join().unwrap();
    round("after", during + 1);
    let plugin = server.status().plugin("10-count").clone();
    let state = plugin.state.clone().unwrap();
    let bystanders = u64::from((during + 2) * BYSTANDERS);
    println!("{} made-up clients; {state:?}; {:?}", attack.acquired + attack.failed, plugin.faults);
    let said = server.process().output();
    assert!(said.contains("1024 keys that messages of one line added (line-keys-max"), "{said}");
    assert!(said.contains("circuit id attacker"), "{said}");
    Finding {
        attack: "made-up clients fill a policy's memory".to_owned(),
        subject: "exchanges of other lines, during".to_owned(),
        sent: bystanders,
        served: bystanders - lost,
        refused: 0,
        lost,
        wanted: "0 lost, all of them remembered, 1,024 keys of the attacker".to_owned(),
        note: format!("{} keys", state.keys),
        held: lost == 0 && state.keys == bystanders + 1_024,
    }
    .conclude();
}
