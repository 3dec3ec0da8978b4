//! Lookups: a policy gets external data, and a client that waits for it does not delay others.

use std::{
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use lessor_e2e::{
    Server, Setup, heavy, relay,
    sources::{Answer, WebService},
    wait,
};
use lessor_load::{Reply, Subscriber, dhcproto::v4::MessageType};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(10);
/// The time of the service's answer for a line that begins with `slow`.
const SLOW: Duration = Duration::from_secs(3);

/// The policy looks up the circuit id in the source, and writes the answer to option 224.
const POLICY: &str = r#"
    [settings]
    plan = [["line", "crm", "circuit-id"]]
    field = "plan"
"#;

fn service() -> WebService {
    WebService::start(|asked| {
        let line = asked.path.rsplit('/').next().unwrap_or_default();
        match line {
            "unknown" => Answer::status(404),
            "failing" => Answer::status(500),
            slow if slow.starts_with("slow") => Answer::ok(r#"{"plan":"slow"}"#).after(SLOW),
            _ => Answer::ok(r#"{"plan":"fast"}"#),
        }
    })
}

fn started(service: &WebService, more: &str) -> Server {
    let source = format!(
        "[[lookup]]\nname = \"crm\"\ntype = \"http\"\nurl = \"http://{}/ports/{{key}}\"\n\
         deadline-ms = 10000\n{more}\n",
        service.address()
    );
    let setup = Setup::on_loopback(SUBNETS).with_tables(&source);
    setup.with_policy("10-planner", "planner", POLICY).start()
}

fn line(number: u8, circuit_id: &str) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 1, number], circuit_id)
}

/// Returns the answer that the policy received.
fn heard(reply: &Reply) -> String {
    String::from_utf8(reply.options.get(224).unwrap().to_vec()).unwrap()
}

/// Sends a DISCOVER of this line from another thread, and returns the reply.
fn discovered(server: &Server, subscriber: Subscriber) -> thread::JoinHandle<Option<Reply>> {
    let address = server.address();
    thread::spawn(move || {
        let mut relay = relay(address, LINK);
        let message = relay.message(&subscriber, MessageType::Discover).unwrap();
        relay.exchange(&message, PATIENCE).unwrap()
    })
}

fn wait_until_waiting(server: &Server, count: u64) {
    wait::soon("messages to wait for lookups", || {
        (server.status().waiting_for_lookups == count).then_some(())
    });
}

#[test]
fn clients_that_wait_for_a_slow_source_delay_no_others() {
    let _alone = heavy();
    let service = service();
    let server = started(&service, "");
    let slow = discovered(&server, line(1, "slow-1"));
    let also_slow = discovered(&server, line(2, "slow-1"));
    wait_until_waiting(&server, 2);

    // All other clients are served while they wait, with their own lookups.
    let mut relay = relay(server.address(), LINK);
    for number in 10..60 {
        let lease = relay.acquire(&line(number, &format!("line-{number}")), PATIENCE).unwrap();
        assert_eq!(lease.lease_time_secs, 3600);
    }
    let unknown = relay.message(&line(3, "unknown"), MessageType::Discover).unwrap();
    let unknown = relay.exchange(&unknown, PATIENCE).unwrap().unwrap();
    assert!(heard(&unknown).starts_with("line: LookupStatus::NotFound"), "{}", heard(&unknown));
    assert_eq!(server.status().waiting_for_lookups, 2, "the slow ones wait still");
    assert!(!slow.is_finished() && !also_slow.is_finished());

    for slow in [slow, also_slow] {
        let reply = slow.join().unwrap().expect("an OFFER, in the end");
        assert!(
            heard(&reply).starts_with("line: LookupStatus::Found Some(\"slow\")"),
            "{}",
            heard(&reply)
        );
    }
    let asked = service.asked();
    assert_eq!(asked.iter().filter(|asked| asked.path.contains("slow")).count(), 1);
    assert_eq!(server.status().waiting_for_lookups, 0);
    let said = server.ask(&["status"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("lookup source") && said.contains("crm"), "{said}");
}

#[test]
fn a_message_that_is_sent_again_waits_once() {
    let _alone = heavy();
    let service = service();
    let server = started(&service, "");
    let mut relay = relay(server.address(), LINK);
    let message = relay.message(&line(1, "slow"), MessageType::Discover).unwrap();
    assert_eq!(relay.exchange(&message, Duration::from_millis(300)).unwrap(), None);
    let reply = relay.exchange(&message, PATIENCE).unwrap().expect("an OFFER");
    assert!(heard(&reply).starts_with("line: LookupStatus::Found"), "{}", heard(&reply));
    server.journal_has("lookup-pending");
    assert_eq!(service.asked().len(), 1);
}

#[test]
fn a_source_that_fails_has_the_stated_outcome() {
    let _alone = heavy();
    let service = service();
    let proceeding = started(&service, "on-failure = \"proceed\"");
    let mut to_proceeding = relay(proceeding.address(), LINK);
    let message = to_proceeding.message(&line(1, "failing"), MessageType::Discover).unwrap();
    let reply = to_proceeding.exchange(&message, PATIENCE).unwrap().expect("an OFFER");
    assert!(heard(&reply).starts_with("line: LookupStatus::Unavailable"), "{}", heard(&reply));

    let dropping = started(&service, "on-failure = \"drop\"");
    let mut to_dropping = relay(dropping.address(), LINK);
    let message = to_dropping.message(&line(1, "failing"), MessageType::Discover).unwrap();
    assert_eq!(to_dropping.exchange(&message, Duration::from_secs(1)).unwrap(), None);
    let said = dropping.journal_has("lookup-failed").detail.unwrap_or_default();
    assert!(said.contains("`crm`: the service answers 500"), "{said}");
    to_dropping.acquire(&line(2, "good"), PATIENCE).unwrap();
}

#[test]
fn what_waits_lives_through_a_reload_and_is_answered_before_the_end() {
    let _alone = heavy();
    let service = service();
    let mut server = started(&service, "");
    let slow = discovered(&server, line(1, "slow-1"));
    wait_until_waiting(&server, 1);
    let reload = server.reload();
    assert!(reload.accepted, "{}", reload.said);
    let reply = slow.join().unwrap().expect("an OFFER by the new generation");
    assert!(heard(&reply).starts_with("line: LookupStatus::Found"), "{}", heard(&reply));

    let slow = discovered(&server, line(2, "slow-2"));
    wait_until_waiting(&server, 1);
    let begun = Instant::now();
    assert!(server.stop().success());
    assert!(begun.elapsed() < PATIENCE);
    assert!(slow.join().unwrap().is_some(), "an OFFER before the end");
}

#[test]
fn a_policy_that_takes_over_while_a_message_waits_plans_for_itself() {
    let _alone = heavy();
    let service = service();
    let server = started(&service, "");
    let slow = discovered(&server, line(1, "slow-1"));
    wait_until_waiting(&server, 1);
    for ending in ["wasm", "toml"] {
        let plugin = |name: &str| server.folder().join(format!("plugins/{name}.{ending}"));
        std::fs::rename(plugin("10-planner"), plugin("11-successor")).unwrap();
    }
    let reload = server.reload();
    assert!(reload.accepted, "{}", reload.said);
    let reply = slow.join().unwrap().expect("an OFFER by the new generation");
    assert!(heard(&reply).starts_with("line: LookupStatus::Found"), "{}", heard(&reply));
    assert_eq!(service.asked().len(), 1, "what the first one had looked up is remembered");
}

#[test]
fn files_are_read_again_by_signal_and_bad_ones_refused() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS).with_tables(
        "[[lookup]]\nname = \"crm\"\ntype = \"csv\"\npath = \"ports.csv\"\nkey = \"port\"\n",
    );
    let file = setup.folder().join("ports.csv");
    std::fs::write(&file, "port,plan\nolt1/1,old\n").unwrap();
    let mut server = setup.with_policy("10-planner", "planner", POLICY).start();
    let mut relay = relay(server.address(), LINK);
    let mut plan = || {
        let message = relay.message(&line(1, "olt1/1"), MessageType::Discover).unwrap();
        heard(&relay.exchange(&message, PATIENCE).unwrap().unwrap())
    };
    assert!(plan().contains("Some(\"old\")"));
    std::fs::write(&file, "port,plan\nolt1/1,new\n").unwrap();
    assert!(server.hang_up().accepted);
    assert!(plan().contains("Some(\"new\")"));
    std::fs::write(&file, "port,plan\nolt1/1,bad\nolt1/1,worse\n").unwrap();
    let reload = server.hang_up();
    assert!(!reload.accepted);
    let told = "ports.csv:3: the key \"olt1/1\" already occurs on line 2; remove one of the rows";
    assert!(reload.said.contains("lookup source `crm`: ") && reload.said.contains(told));
    assert!(plan().contains("Some(\"new\")"));
    let explained = server.ask(&[
        "explain",
        "--hardware-address",
        "02:00:00:00:01:01",
        "--circuit-id",
        "olt1/1",
        "--link",
        "100.64.0.1",
    ]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains("port=olt1/1 plan=new"), "{explained}");
}
