//! `lessor record` and `lessor replay`: a replay makes the same decisions, other policies cause the
//! expected differences, limits apply, captures are read, and invalid files are refused.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddrV4},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use lessor_e2e::{
    Capture, Host, Link, RelayAgent, Server, Setup, built,
    clients::{Client, Udhcpc},
    heavy, loopback_address, relay, require, wait,
};
use lessor_load::{LoadArgs, Subscriber};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
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
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);

fn garden(unpaid: &str) -> String {
    format!(
        "[settings]\nlease-time-secs = 120\nunpaid = [\"{unpaid}\"]\n\
         options = {{ domain-name-servers = [\"192.0.2.66\"] }}\n"
    )
}

fn setup() -> Setup {
    Setup::on_loopback(SUBNETS).with_policy("20-garden", "walled-garden", &garden("olt0/1/0/onu3"))
}

/// Starts a recording into a file of the server's folder.
fn recording(server: &Server, name: &str, arguments: &[&str]) -> (Child, PathBuf) {
    let file = server.folder().join(name);
    let path = file.to_str().unwrap();
    let mut command = server.command(&[&["record", "--output", path], arguments].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait::soon("the recording to begin", || {
        let text = fs::read_to_string(&file).ok()?;
        text.starts_with("{\"recording\"").then_some(())
    });
    (child, file)
}

#[track_caller]
fn ended(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complaint}");
    said
}

fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn inputs(file: &Path) -> usize {
    lines(file).iter().filter(|line| line.get("input").is_some()).count()
}

fn replay(server: &Server, file: &Path, arguments: &[&str]) -> Output {
    server.ask(&[&["replay", file.to_str().unwrap()], arguments].concat())
}

#[track_caller]
fn replayed(server: &Server, file: &Path, arguments: &[&str], code: i32) -> String {
    let output = replay(server, file, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}{complaint}");
    text
}

fn load(server: &Server, clients: u32, duration_secs: Option<u64>) {
    let arguments = LoadArgs {
        server: server.address(),
        relay: vec![SocketAddrV4::new(loopback_address(), 0)],
        link_selection: Some(LINK),
        clients,
        window: 16,
        // A limited rate, so that the replay does not take too long after a recording on a fast
        // machine.
        rate: duration_secs.map(|_| 500),
        release: duration_secs.is_some(),
        duration_secs,
        ..LoadArgs::default()
    };
    lessor_load::run(&arguments).unwrap();
}

#[test]
fn what_was_recorded_under_load_replays_without_differences_each_time() {
    let _heavy = heavy();
    let server = setup().start();
    load(&server, 100, None);
    let (recorder, file) = recording(&server, "load.jsonl", &["--with-leases", "--seconds", "300"]);
    load(&server, 200, Some(3));
    wait::soon("the recorder to follow", || (inputs(&file) > 400).then_some(()));
    interrupt(&recorder);
    let said = ended(recorder);
    assert!(said.contains("(stopped)"), "{said}");
    let all = lines(&file);
    assert_eq!(all.iter().filter(|line| line.get("lease").is_some()).count(), 100);
    assert_eq!(all.last().unwrap()["end"]["lost"], 0);
    let text = replayed(&server, &file, &["--rows", "10"], 0);
    assert!(text.contains("no differences between replayed and recorded"), "{text}");
    assert!(text.contains("more; --rows shows more of them"), "{text}");
    let json = replayed(&server, &file, &["--json"], 0);
    assert_eq!(json, replayed(&server, &file, &["--json"], 0), "replays differ from each other");
    assert!(json.lines().count() > 400);
}

#[test]
fn another_policy_differs_for_those_whom_it_concerns_and_nobody_else() {
    let server = setup().start();
    let mut relay = relay(server.address(), LINK);
    let (recorder, file) = recording(&server, "three.jsonl", &["--count", "6"]);
    for number in 1..=3 {
        let line = format!("olt0/1/0/onu{number}");
        relay.acquire(&Subscriber::new([2, 0, 0, 0, 0, number], line), PATIENCE).unwrap();
    }
    let said = ended(recorder);
    assert!(said.starts_with("6 inputs recorded in "), "{said}");
    assert!(said.contains("(the requested number of inputs)"), "{said}");
    replayed(&server, &file, &[], 0);

    // Line 2 enters the garden, and line 3 leaves it.
    let plugins = server.folder().join("other-plugins");
    fs::create_dir(&plugins).unwrap();
    fs::copy(built::policy("walled-garden"), plugins.join("20-garden.wasm")).unwrap();
    fs::write(plugins.join("20-garden.toml"), garden("olt0/1/0/onu2")).unwrap();
    let plugins = plugins.to_str().unwrap();
    let expected = [
        ("02:00:00:00:00:02", "offered-from-pool", "offered-from-pool"),
        ("02:00:00:00:00:02", "ack-selecting", "nak-other-address"),
        ("02:00:00:00:00:03", "offered-from-pool", "offered-from-pool"),
        ("02:00:00:00:00:03", "ack-selecting", "nak-other-address"),
    ];
    for (arguments, before, after) in [
        (&["--plugins", plugins][..], "recorded", "replayed"),
        (&["--against-plugins", plugins], "replayed", "against"),
    ] {
        let arguments = [&["--json", "--only", "differences"], arguments].concat();
        let json = replayed(&server, &file, &arguments, 1);
        let found: Vec<Value> = json
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Value| line.get("number").is_some())
            .collect();
        assert_eq!(found.len(), expected.len(), "{json}");
        for (line, (client, reason_before, reason_after)) in found.iter().zip(expected) {
            assert_eq!(line["client"], format!("hw:{client}"));
            assert_eq!(line[before]["reason"], reason_before);
            assert_eq!(line[after]["reason"], reason_after);
        }
    }
    let text = replayed(&server, &file, &["--plugins", plugins], 1);
    assert!(text.contains("option domain-name-servers: 192.0.2.53 -> 192.0.2.66"), "{text}");
    assert!(text.contains("6 inputs, 4 differences between replayed and recorded"), "{text}");
}

#[test]
fn recordings_end_at_their_limits_and_belong_to_their_owner() {
    let server = setup().start();
    let (recorder, file) = recording(&server, "count.jsonl", &["--count", "5"]);
    load(&server, 20, None);
    ended(recorder);
    assert_eq!(inputs(&file), 5);
    assert_eq!(lines(&file).last().unwrap()["end"]["why"], "count");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    replayed(&server, &file, &[], 0);

    let (recorder, file) = recording(&server, "time.jsonl", &["--seconds", "2"]);
    let second = server.ask(&["record", "--output", "/dev/null/nowhere"]);
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("cannot write /dev/null/nowhere: "), "{said}");
    for beyond in [["--seconds", "86401"], ["--count", "10000001"], ["--max-mib", "1001"]] {
        let refused = server.ask(&[&["record", "--output", "x.jsonl"], &beyond[..]].concat());
        assert_eq!(refused.status.code(), Some(2), "{beyond:?}");
    }
    let other = server.folder().join("other.jsonl");
    let second = server.ask(&["record", "--output", other.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(said, "lessor: another recording is in progress; wait for its end, or stop it\n");
    assert!(!other.exists());
    ended(recorder);
    assert_eq!(lines(&file).last().unwrap()["end"]["why"], "time");

    let again = server.ask(&["record", "--output", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("choose a file that does not exist yet"), "{said}");

    let (recorder, file) = recording(&server, "size.jsonl", &["--max-mib", "1"]);
    load(&server, 1000, None);
    ended(recorder);
    assert_eq!(lines(&file).last().unwrap()["end"]["why"], "size");
    let octets = fs::metadata(&file).unwrap().len();
    assert!((1024 * 1024..1100 * 1024).contains(&octets), "{octets}");
    let text = replayed(&server, &file, &["--incomplete"], 0);
    assert!(text.contains("recorded without --with-leases"), "{text}");

    let (recorder, file) =
        recording(&server, "find.jsonl", &["--find", "onu7", "--count", "1", "--seconds", "20"]);
    load(&server, 20, None);
    ended(recorder);
    let text = replayed(&server, &file, &[], 0);
    assert!(text.contains("olt0/1/0/onu7"), "{text}");
}

#[test]
fn what_was_recorded_while_the_store_failed_and_garbage_are_replayed_too() {
    let server = setup().start();
    let (recorder, file) = recording(&server, "garbage.jsonl", &["--count", "2"]);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"rubbish", server.address()).unwrap();
    socket.send_to(&[1; 300], server.address()).unwrap();
    ended(recorder);
    let text = replayed(&server, &file, &[], 0);
    assert!(text.contains("too-short"), "{text}");
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_place_and_what_to_do() {
    let server = setup().start();
    let (recorder, file) = recording(&server, "whole.jsonl", &["--count", "2"]);
    load(&server, 1, None);
    ended(recorder);
    let whole = fs::read_to_string(&file).unwrap();
    let wrong = server.folder().join("wrong");
    let shown = wrong.display();
    let cut_line = &whole[..whole.len() / 2];
    let place = cut_line.lines().count();
    let end = whole.lines().count();
    let without_end: String = whole.lines().take(end - 1).map(|line| format!("{line}\n")).collect();
    let rubbish = whole.replacen("\"sequence\":", "\"rank\":", 1);
    let cut_capture = [&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0][..], &[0; 11]].concat();
    let no_frame =
        [&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0][..], &[0; 8], &[0, 0, 4, 0], &[1, 0, 0, 0]].concat();
    let no_input: String = whole
        .lines()
        .filter(|line| !line.starts_with("{\"input\""))
        .map(|line| format!("{line}\n"))
        .collect();
    let no_input = no_input.replace("\"inputs\":2", "\"inputs\":0");
    let link_type = |link: u8| {
        [&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0][..], &[0; 8], &[0, 0, 4, 0], &[link, 0, 0, 0]]
            .concat()
    };
    let cut_short = "the recording is truncated: found no end; replay what is there with \
                     --incomplete, or record again";
    for (contents, said) in [
        (b"".to_vec(), format!("{shown}: the file is empty; record it with `lessor record`")),
        (cut_line.into(), format!("{shown}:{place}: {cut_short}")),
        (without_end.clone().into(), format!("{shown}:{end}: {cut_short}")),
        (
            rubbish.into(),
            format!("{shown}:2: this is not a line of a recording: unknown field `rank`"),
        ),
        (
            cut_capture,
            format!("{shown}: frame 1: the capture is damaged or truncated; capture again"),
        ),
        (no_frame, format!("{shown} has no input that could be replayed (a capture: 0 datagrams")),
        (no_input.into(), format!("{shown} has no input that could be replayed; record while")),
        (link_type(105), "wanted Ethernet, Linux cooked or raw IP".to_owned()),
    ] {
        fs::File::create(&wrong).unwrap().write_all(&contents).unwrap();
        let output = replay(&server, &wrong, &[]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains(&said), "wanted {said}, found {complaint}");
        assert!(output.stdout.is_empty());
    }
    fs::write(&wrong, without_end).unwrap();
    let text = replayed(&server, &wrong, &["--incomplete"], 0);
    assert!(
        text.contains("note: the recording is truncated; only the part that is there is replayed"),
        "{text}"
    );
    for arguments in [&["--plugins", "/nowhere"][..], &["--against", "/nowhere.toml"]] {
        let output = replay(&server, &file, arguments);
        assert_eq!(output.status.code(), Some(2));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!complaint.contains("plugins.directory"), "{complaint}");
    }
    let missing = Command::new(built::lessor()).args(["replay", "/nowhere.pcap"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_capture_of_a_client_on_the_link_is_replayed() {
    require!(root, ip, udhcpc, tcpdump);
    let link = Link::new();
    let host = link.host("server");
    host.add_address("eth0", "10.10.0.1/24");
    let subnets = "[[subnet]]\nprefix = \"10.10.0.0/24\"\nlease-time = \"10m\"\n\
                   [[subnet.pool]]\nname = \"link\"\nrange = \"10.10.0.100-10.10.0.149\"\n";
    let server = Setup::on_link("eth0", subnets).start_on(&host);
    let captures = ["eth0", "any"].map(|interface| Capture::start(&host, interface));
    let home = link.host("client");
    let mut client = Udhcpc::start(&home);
    let address = client.acquires();
    for capture in captures {
        capture_has(&capture, &server, "ack-selecting");
        let json = replayed(&server, capture.file(), &["--json"], 0);
        let acknowledged = first(&json, "ack-selecting");
        assert_eq!(acknowledged["client"], server.leases()[0].client);
        assert_eq!(acknowledged["replayed"]["address"], address.to_string());
        // The address is known from the server's replies.
        assert!(json.contains("the server's address there is assumed to be 10.10.0.1"), "{json}");
    }
}

#[test]
fn a_capture_of_relayed_clients_is_replayed_and_compared() {
    require!(root, ip, udhcpc, dhcrelay, tcpdump);
    let (core, street) = (Link::new(), Link::new());
    let server_host = core.host("server");
    server_host.add_address("eth0", "10.10.0.1/24");
    server_host.add_route("10.20.0.0/24", "10.10.0.2");
    let relay_host = Host::new("relay");
    core.attach(&relay_host, "up");
    relay_host.add_address("up", "10.10.0.2/24");
    street.attach(&relay_host, "down");
    relay_host.add_address("down", "10.20.0.1/24");
    relay_host.forward();
    let subnets = "[[subnet]]\nprefix = \"10.20.0.0/24\"\nlease-time = \"10m\"\n\
                   [[subnet.pool]]\nname = \"street\"\nrange = \"10.20.0.100-10.20.0.149\"\n\
                   [[subnet.pool]]\nname = \"walled-garden\"\nrange = \"10.20.0.200-10.20.0.210\"\n\
                   by-policy-only = true\n";
    let address = Ipv4Addr::new(10, 10, 0, 1);
    let server = Setup::for_relays(address, subnets).start_on(&server_host);
    let _relay = RelayAgent::start(&relay_host, "down", "up", address);
    let home = street.host("client");
    let capture = Capture::start(&server_host, "eth0");
    let mut client = Udhcpc::start(&home);
    let address = client.acquires();
    capture_has(&capture, &server, "ack-selecting");
    let json = replayed(&server, capture.file(), &["--json"], 0);
    let acknowledged = first(&json, "ack-selecting");
    assert_eq!(acknowledged["replayed"]["address"], address.to_string());
    assert_eq!(acknowledged["line"], "down");

    let plugins = server.folder().join("garden");
    fs::create_dir(&plugins).unwrap();
    fs::copy(built::policy("walled-garden"), plugins.join("20-garden.wasm")).unwrap();
    fs::write(plugins.join("20-garden.toml"), garden("down")).unwrap();
    let arguments = ["--against-plugins", plugins.to_str().unwrap()];
    let text = replayed(&server, capture.file(), &arguments, 1);
    assert!(text.contains("against: offered-from-pool 10.20.0.200, 120 s"), "{text}");
}

/// Waits until the capture has the message that ended in `reason`.
#[track_caller]
fn capture_has(capture: &Capture, server: &Server, reason: &str) {
    wait::soon("the capture to be written", || {
        let output = replay(server, capture.file(), &["--json"]);
        String::from_utf8_lossy(&output.stdout).contains(reason).then_some(())
    });
}

#[track_caller]
fn first(json: &str, reason: &str) -> Value {
    let mut lines = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.find(|line| line["replayed"]["reason"] == reason).expect("it was replayed")
}
