//! What policies know and say beyond one request: how full pools are, pools in order of preference,
//! two rounds of lookups, and lease events with the answers to lookups.

use std::{
    fs,
    net::Ipv4Addr,
    process::Stdio,
    time::{Duration, Instant},
};

use lessor_e2e::{
    Server, Setup, heavy, relay,
    sources::{Answer, WebService},
    wait,
};
use lessor_load::{Subscriber, dhcproto::v4::MessageType};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "small"
    range = "100.64.1.1-100.64.1.2"
    by-policy-only = true

    [[subnet.pool]]
    name = "large"
    range = "100.64.2.1-100.64.2.200"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(10);
/// The deadline of each source.
const DEADLINE: Duration = Duration::from_secs(2);

/// Names two pools, and shortens leases while the first has no more than one free address.
const OVERFLOW: &str = r#"
    fn decide(request, terms) {
        terms.pools = ["small", "gone", "large"];
        if request.pool_usage("small").free < 2 { terms.lease_time_secs = 600; }
    }
"#;

fn line(number: u8, circuit_id: &str) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 1, number], circuit_id)
}

fn started(policy: &str, tables: &str, sidecar: &str) -> Server {
    let setup = Setup::on_loopback(SUBNETS).with_tables(tables);
    setup.put_script("10-policy.rhai", policy, sidecar);
    setup.start()
}

fn explained(server: &Server, arguments: &[&str]) -> String {
    let output = server.ask(&[&["explain", "--link", "100.64.0.1"], arguments].concat());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn pools_are_used_in_order_and_counted_in_recordings_too() {
    let _alone = heavy();
    let server = started(OVERFLOW, "", "");
    let file = server.folder().join("pools.jsonl");
    let path = file.to_str().unwrap();
    let arguments = ["record", "--output", path, "--with-leases", "--count", "6"];
    let mut recorder = server.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    wait::soon("the recording to begin", || {
        fs::read_to_string(&file).ok()?.starts_with("{\"recording\"").then_some(())
    });
    let mut relay = relay(server.address(), LINK);
    let leases = [1, 2, 3].map(|number| relay.acquire(&line(number, "line"), PATIENCE).unwrap());
    let addresses = leases.each_ref().map(|lease| lease.address);
    assert_eq!(addresses, [[1, 1], [1, 2], [2, 1]].map(|[c, d]| Ipv4Addr::new(100, 64, c, d)));
    assert_eq!(leases.each_ref().map(|lease| lease.lease_time_secs), [3600, 600, 600]);

    let text = explained(&server, &["--hardware-address", "02:00:00:00:01:09"]);
    for wanted in
        ["pools=small, gone, large", "no address of the pool is free", "Pools, as policies"]
    {
        assert!(text.contains(wanted), "{wanted} is missing in:\n{text}");
    }
    assert!(recorder.wait().unwrap().success());
    let recorded = fs::read_to_string(&file).unwrap();
    assert!(recorded.contains("\"pools\":[{\"pool\":\"small\",\"size\":2"), "{recorded}");
    let replayed = server.command(&["replay", path]).output().unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stdout));
}

/// A source over HTTP whose answers take a time that depends on the key.
fn source(name: &str, service: &WebService) -> String {
    format!(
        "[[lookup]]\nname = \"{name}\"\ntype = \"http\"\nurl = \"http://{}/{{key}}\"\n\
         deadline-ms = {}\n",
        service.address(),
        DEADLINE.as_millis()
    )
}

#[test]
fn two_rounds_depend_on_each_other_and_share_their_time() {
    let _alone = heavy();
    const POLICY: &str = r#"
        fn plan_lookups(request, plan) { plan.add("line", "lines", request.circuit_id); }
        fn plan_further_lookups(request, plan) {
            plan.add("plan", "plans", request.lookup("line").field("next"));
        }
        fn decide(request, terms) {
            let plan = request.lookup("plan");
            terms.option("domain-name", plan.field("name") ?? plan.status);
        }
    "#;
    let lines = WebService::start(|asked| match asked.path.as_str() {
        "/slow" => Answer::ok(r#"{"next":"slow"}"#).after(DEADLINE * 3 / 4),
        _ => Answer::ok(r#"{"next":"ada"}"#),
    });
    let plans = WebService::start(|asked| match asked.path.as_str() {
        "/slow" => Answer::ok(r#"{"name":"late"}"#).after(DEADLINE * 3 / 4),
        _ => Answer::ok(r#"{"name":"fast"}"#),
    });
    let tables = source("lines", &lines) + &source("plans", &plans);
    let server = started(POLICY, &tables, "");
    let mut relay = relay(server.address(), LINK);
    let mut heard = |number: u8, circuit_id: &str| {
        let message = relay.message(&line(number, circuit_id), MessageType::Discover).unwrap();
        let began = Instant::now();
        let reply = relay.exchange(&message, PATIENCE).unwrap().expect("an OFFER");
        let option = reply.options.get(15).unwrap().to_vec();
        (String::from_utf8(option).unwrap(), began.elapsed())
    };
    assert_eq!(heard(1, "line").0, "fast");
    assert_eq!(plans.asked().last().unwrap().path, "/ada");
    let (text, took) = heard(2, "slow");
    assert_eq!(text, "unavailable");
    // Each of the answers came within the deadline of its source, but not both.
    assert!(took >= DEADLINE - Duration::from_millis(100), "{took:?}");
    assert!(took < DEADLINE * 3 / 2, "{took:?}");
    let text = explained(&server, &["--circuit-id", "line"]);
    assert!(text.contains("plan-further-lookups") && text.contains("name=fast"), "{text}");
}

#[test]
fn lease_events_have_pool_host_name_and_lookups() {
    let _alone = heavy();
    const POLICY: &str = r#"
        fn plan_lease_lookups(event, plan) { plan.add("line", "lines", event.circuit_id); }
        fn on_lease(event) {
            let name = event.lookup("line").field("name");
            log(`${event.kind} ${event.address} ${event.pool_name} ${event.host_name} ${name}`);
        }
    "#;
    let lines =
        WebService::start(|_| Answer::ok(r#"{"name":"ada"}"#).after(Duration::from_millis(500)));
    let mut server = started(POLICY, &source("lines", &lines), "grants = [\"log\"]");
    let mut relay = relay(server.address(), LINK);
    let client =
        Subscriber { more_options: vec![(12, b"living-room".to_vec())], ..line(1, "olt1/1") };
    relay.acquire(&client, PATIENCE).unwrap();
    // The journal does not wait for the lookup.
    server.journal_has("ack-selecting");
    server.process().says("granted 100.64.2.1 large living-room ada", PATIENCE);
}

#[test]
fn explain_takes_options_that_the_configuration_declares() {
    let declared = "[[option]]\nname = \"acme-profile\"\ncode = 224\ntype = \"text\"\n";
    let server = Setup::on_loopback(SUBNETS).with_tables(declared).start();
    let client = ["--hardware-address", "02:00:00:00:01:09"];
    let text = explained(&server, &[&client[..], &["--option", "acme-profile=north"]].concat());
    assert!(text.contains("acme profile") && text.contains("north"), "{text}");
    let output = server.ask(
        &[&["explain", "--link", "100.64.0.1"], &client[..], &["--option", "acme=north"]].concat(),
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("no option is named `acme`"), "{said}");
}
