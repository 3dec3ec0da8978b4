//! Runs perfdhcp, the load generator of Kea: many clients behind one relay.

use std::{net::Ipv4Addr, time::Duration};

use crate::{Host, Process};

/// The results of one half of the four-way exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeReport {
    /// The number of requests sent.
    pub sent: u64,
    /// The number of replies received.
    pub received: u64,
    /// The number of requests without a reply.
    pub dropped: u64,
}

/// The receive buffer of perfdhcp holds the replies of only a fraction of a second, so on a busy
/// machine it needs real-time priority, if the machine permits it.
const AHEAD_OF_OTHERS: &str = r#"
if chrt --rr 1 true 2>/dev/null; then exec chrt --rr 1 "$0" "$@"; fi
exec "$0" "$@"
"#;

/// Makes `clients` distinct clients get an address, `rate` per second, through a relay at `relay`,
/// which is an address of `host`. Returns the results of DISCOVER-OFFER and of REQUEST-ACK, and the
/// output of perfdhcp.
///
/// # Panics
/// Panics if it takes more than two minutes, or if it prints no report.
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
    // The test checks whether a reply arrives, and a busy machine may take up to five seconds.
    command.args(["-4", "-u", "-d", "5", "-W", "5000000"]);
    command.args(["-r", &rate.to_string(), "-R", &clients.to_string()]);
    // The option is given twice, once for each half.
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
