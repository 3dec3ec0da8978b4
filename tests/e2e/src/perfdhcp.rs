//! perfdhcp, the load generator of Kea: many clients behind one relay.

use std::{net::Ipv4Addr, time::Duration};

use crate::{Host, Process};

/// How one half of the four-way exchanges went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeReport {
    /// Requests sent.
    pub sent: u64,
    /// Replies received.
    pub received: u64,
    /// Requests without a reply.
    pub dropped: u64,
}

/// Its receive buffer holds the replies of a fraction of a second: on a busy machine it must not wait
/// for its turn, where that can be had.
const AHEAD_OF_OTHERS: &str = r#"
if chrt --rr 1 true 2>/dev/null; then exec chrt --rr 1 "$0" "$@"; fi
exec "$0" "$@"
"#;

/// Has `clients` distinct clients get an address, `rate` in a second, by way of a relay at `relay`,
/// which is an address of `host`. Returns what became of DISCOVER-OFFER and REQUEST-ACK, and
/// everything that perfdhcp said.
///
/// # Panics
/// If it takes over two minutes, or gives no report.
#[track_caller]
pub fn perfdhcp(
    host: &Host,
    relay: Ipv4Addr,
    server: Ipv4Addr,
    clients: u32,
    rate: u32,
) -> ([ExchangeReport; 2], String) {
    let folder = tempfile::tempdir().expect("there is room for an output file");
    let output = folder.path().join("perfdhcp.log");
    let mut command = host.command("sh");
    command.args(["-c", AHEAD_OF_OTHERS, "perfdhcp"]);
    // What counts is whether a reply comes, even if this machine is busy: it may take five seconds.
    command.args(["-4", "-u", "-d", "5", "-W", "5000000"]);
    command.args(["-r", &rate.to_string(), "-R", &clients.to_string()]);
    // Twice: for either half.
    command.args(["-n", &clients.to_string(), "-n", &clients.to_string()]);
    command.args(["-l", &relay.to_string(), &server.to_string()]);
    let mut process = Process::start("perfdhcp", &mut command, &output);
    process.ended(Duration::from_secs(120));
    let said = process.output();
    let halves = ["DISCOVER-OFFER", "REQUEST-ACK"].map(|half| {
        let title = format!("Statistics for: {half}");
        let section =
            said.split(&title).nth(1).and_then(|rest| rest.split("Statistics for").next());
        let section = section.unwrap_or_else(|| panic!("no report for {half} in {said}"));
        let number = |label: &str| {
            let line = section.lines().find_map(|line| line.strip_prefix(label));
            let number = line.and_then(|rest| rest.trim_start_matches(':').trim().parse().ok());
            number.unwrap_or_else(|| panic!("no {label:?} for {half} in {said}"))
        };
        ExchangeReport {
            sent: number("sent packets"),
            received: number("received packets"),
            dropped: number("drops"),
        }
    });
    (halves, said)
}
