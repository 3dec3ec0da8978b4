//! Idle connections do not delay answers to others, neither on the control socket nor on the
//! metrics port.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use lessor_e2e::{Setup, loopback_address, wait};

const SUBNETS: &str = "[[subnet]]\nprefix = \"100.64.0.0/16\"\n";
/// The maximum time of an answer.
const WITHIN: Duration = Duration::from_millis(200);
/// The number of answers, each of which comes in time. This program runs alone.
const TRIES: usize = 5;

#[test]
fn status_and_scrapes_are_answered_at_once_beside_100_idle_connections() {
    answers_beside(100);
}

#[test]
fn status_and_scrapes_are_answered_at_once_beside_more_idle_connections_than_there_are_places() {
    answers_beside(300);
}

#[track_caller]
fn answers_beside(idle: usize) {
    let metrics = SocketAddr::from((loopback_address(), 9467));
    let tables = format!("[metrics]\nlisten = \"{metrics}\"");
    let server = Setup::on_loopback(SUBNETS).with_tables(&tables).start();
    let socket = server.folder().join("store/control.sock");
    let mut asking = Vec::new();
    let mut scraping = Vec::new();
    for _ in 0..idle {
        asking.push(UnixStream::connect(&socket).unwrap());
        scraping.push(TcpStream::connect(metrics).unwrap());
    }
    // Some have sent a part of a request, and others have sent one and do not read the answer.
    for stream in asking.iter_mut().step_by(3) {
        let _ = stream.write_all(b"\"sta");
    }
    for stream in scraping.iter_mut().step_by(3) {
        let _ = stream.write_all(b"GET /met");
    }
    let took = (0..TRIES).map(|_| ask(&socket)).max().unwrap();
    assert!(took < WITHIN, "the status came after {took:?}");
    let took = (0..TRIES).map(|_| scrape(metrics)).max().unwrap();
    assert!(took < WITHIN, "the metrics came after {took:?}");
}

/// Requests the status, and returns the time of the whole answer.
fn ask(socket: &Path) -> Duration {
    let began = Instant::now();
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(wait::SOON)).unwrap();
    stream.write_all(b"\"status\"\n").unwrap();
    let lines: Vec<String> = BufReader::new(stream).lines().map(Result::unwrap).collect();
    assert_eq!(lines.last().map(String::as_str), Some("end"), "{lines:?}");
    began.elapsed()
}

/// Fetches the metrics, and returns the time.
fn scrape(address: SocketAddr) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(wait::SOON)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: lessor\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.contains("lessor_info"), "{page}");
    began.elapsed()
}
