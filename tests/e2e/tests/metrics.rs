//! Metrics as Prometheus fetches them: over HTTP, and from the command line.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use lessor_e2e::{Setup, built, loopback_address, relay, wait};
use lessor_load::Subscriber;

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.1.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

/// Sends a request, and returns the head and body of the answer.
fn ask(server: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(wait::SOON)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    (head.to_ascii_lowercase(), body.to_owned())
}

fn get(server: SocketAddr, path: &str) -> (String, String) {
    ask(server, &format!("GET {path} HTTP/1.1\r\nHost: lessor\r\n\r\n"))
}

/// Returns a setup with metrics, and the address of the metrics port.
fn with_metrics() -> (Setup, SocketAddr) {
    let address = SocketAddr::from((loopback_address(), 9467));
    let tables = format!("[metrics]\nlisten = \"{address}\"");
    (Setup::on_loopback(SUBNETS).with_tables(&tables), address)
}

#[test]
fn metrics_are_fetched_and_are_those_of_the_guide() {
    let (setup, address) = with_metrics();
    let server = setup
        .with_policy(
            "10-policy",
            "misbehaving",
            "[limits]\ndeadline-ms = 1000\n[settings]\nlease-time-secs = 777\n",
        )
        .with_policy(
            "20-new",
            "misbehaving",
            "mode = \"shadow\"\n[limits]\ndeadline-ms = 1000\n[settings]\nlease-time-secs = 9\n",
        )
        .start();
    let subscriber = Subscriber::new([2, 0, 0, 0, 4, 1], "line");
    relay(server.address(), LINK).acquire(&subscriber, Duration::from_secs(5)).unwrap();

    let page = wait::soon("the page to count the exchange", || {
        let (head, page) = get(address, "/metrics");
        assert!(head.starts_with("http/1.1 200 ok"), "{head}");
        assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
        let counts = [
            "lessor_inputs_total{reason=\"ack-selecting\",outcome=\"ack\"} 1",
            "lessor_shadow_requests_total{plugin=\"20-new\",result=\"differed\"} 2",
            "lessor_pool_taken_addresses{network=\"100.64.0.0/16\",pool=\"residential\",state=\"leased\"} 1",
            "lessor_plugin_suspended{plugin=\"10-policy\",mode=\"live\"} 0",
        ];
        counts.iter().all(|count| page.lines().any(|line| line == *count)).then_some(page)
    });
    let guide = fs::read_to_string(built::checkout().join("docs/operators.md")).unwrap();
    let names = |page: &str| -> BTreeSet<String> {
        let lines = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    for name in names(&page) {
        assert!(guide.contains(&format!("| `{name}` |")), "the guide has no {name}");
    }
    assert_eq!(names(&server.metrics()), names(&page));
}

#[test]
fn what_is_no_request_for_metrics_is_refused() {
    let (setup, address) = with_metrics();
    let _server = setup.start();
    let (head, body) = get(address, "/");
    assert!(head.starts_with("http/1.1 404") && body.contains("/metrics"), "{head} {body}");
    let (head, _) =
        ask(address, "POST /metrics HTTP/1.1\r\nHost: lessor\r\nContent-Length: 0\r\n\r\n");
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{head}");
    let (head, body) = ask(address, "HEAD /metrics HTTP/1.1\r\nHost: lessor\r\n\r\n");
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head} {body}");
    let (head, _) = ask(address, &format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(64 << 10)));
    assert!(head.starts_with("http/1.1 4"), "{head}");
    let (head, _) = ask(address, "hello\r\n\r\n");
    assert!(head.starts_with("http/1.1 400"), "{head}");
}

#[test]
fn connections_that_say_nothing_are_closed_and_keep_nobody_out_for_long() {
    let (setup, address) = with_metrics();
    let _server = setup.start();
    // More connections than the server serves at a time.
    let silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
    let (head, _) = wait::within(Duration::from_secs(60), "a place to come free", || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: lessor\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split_once("\r\n\r\n").map(|(head, body)| (head.to_owned(), body.to_owned()))
    });
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    drop(silent);
}

#[test]
fn an_address_that_is_taken_is_refused_at_the_start() {
    let (setup, address) = with_metrics();
    let taken = std::net::TcpListener::bind(address).unwrap();
    let said = setup.refused();
    assert!(said.contains(&address.to_string()) && said.contains("metrics.listen"), "{said}");
    drop(taken);
}
