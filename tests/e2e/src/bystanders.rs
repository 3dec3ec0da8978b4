//! Bystanders: subscribers that are not part of an attack. They make 300 exchanges per second
//! before, during and after the attack, and must lose none of them.
//!
//! This module does not know the attack, which is a closure of the test.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use lessor_load::{ExchangeEnd, LoadArgs, LoadReport};

use crate::{
    Server,
    attack::{Finding, scaled},
    loopback_address, process_status,
};

/// The configuration of their subnet.
pub const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.99.255"
"#;
/// An address in the subnet, for the link selection of relays.
pub const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// The number of subscribers, and the exchanges that they begin per second.
const SUBSCRIBERS: u32 = 300;
const EXCHANGES_PER_SEC: u32 = 300;
/// The maximum length of a quoted line of the log.
const QUOTED_CHARS_MAX: usize = 120;

/// The bystanders of one server.
pub struct Bystanders {
    server: SocketAddrV4,
    process: u32,
    lease_time_secs: u32,
    /// The pattern of their circuit ids, in the form of `lessor load`; `None` for the default.
    lines: Option<&'static str>,
}

/// The results of the bystanders before, during and after an attack.
#[derive(Debug)]
pub struct Watched {
    /// The phases before, during and after the attack.
    pub phases: [Phase; 3],
    /// The warnings and errors that the server logged during these phases, in order.
    pub logged: Vec<String>,
}

/// The results of one phase: the sums of all rounds, and the times of the worst round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phase {
    /// The number of exchanges that began.
    pub sent: u64,
    /// The number of exchanges that did not end with the lease that the policy sets.
    pub lost: u64,
    /// The median time of an exchange, in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile of the times, in milliseconds.
    pub p99_ms: f64,
    /// The resident memory of the server at the end.
    pub memory_kib: u64,
}

impl Bystanders {
    /// Returns subscribers behind a relay of [`LINK`]. A policy of the server must give them this
    /// lease time.
    pub fn of(server: &mut Server, lease_time_secs: u32) -> Self {
        let process = server.process().id();
        Self { server: server.address(), process, lease_time_secs, lines: None }
    }

    /// Sets the pattern of their circuit ids, such as `olt1/onu{n}`.
    pub fn on_lines(mut self, pattern: &'static str) -> Self {
        self.lines = Some(pattern);
        self
    }

    /// Runs their traffic for a round before `act`, while it runs, and for a round afterwards.
    pub fn around<R>(
        &self,
        server: &mut Server,
        act: impl FnOnce(&mut Server) -> R,
    ) -> (Watched, R) {
        let before = self.until(&AtomicBool::new(true));
        let log_begins = server.process().output().len();
        let is_over = AtomicBool::new(false);
        let (during, done) = thread::scope(|scope| {
            let traffic = scope.spawn(|| self.until(&is_over));
            thread::sleep(Duration::from_millis(200));
            let done = act(server);
            is_over.store(true, Ordering::Relaxed);
            (traffic.join().expect("the traffic of bystanders"), done)
        });
        let after = self.until(&AtomicBool::new(true));
        let log = server.process().output();
        let logged = log.get(log_begins..).unwrap_or_default().lines();
        let is_loud = |line: &&str| line.contains("WARN") || line.contains("ERROR");
        let logged = logged.filter(is_loud).map(str::to_owned).collect();
        (Watched { phases: [before, during, after], logged }, done)
    }

    /// Runs rounds of traffic until `is_over` is set, at least one.
    fn until(&self, is_over: &AtomicBool) -> Phase {
        let mut phase = Phase::default();
        loop {
            phase.add(&self.round());
            if is_over.load(Ordering::Relaxed) {
                phase.memory_kib = process_status::resident_kib(self.process);
                return phase;
            }
        }
    }

    fn round(&self) -> (LoadReport, u64) {
        let mut args = LoadArgs {
            server: self.server,
            relay: vec![SocketAddrV4::new(loopback_address(), 0)],
            link_selection: Some(LINK),
            clients: SUBSCRIBERS,
            window: 16,
            rate: Some(EXCHANGES_PER_SEC),
            duration_secs: Some(round_secs()),
            timeout_ms: 5_000,
            retries: 0,
            ..LoadArgs::default()
        };
        if let Some(pattern) = self.lines {
            args.circuit_id = pattern.parse().expect("a pattern of circuit ids");
        }
        let mut others = 0;
        let report = lessor_load::run_with(&args, |event| {
            if let ExchangeEnd::Acquired(acquired) = event.outcome {
                others += u64::from(acquired.lease_time_secs != self.lease_time_secs);
            }
        });
        let report = report.expect("bystanders can send");
        assert!(report.mistakes.is_empty(), "{report}");
        (report, others)
    }
}

/// Returns the duration of one round of traffic, in seconds.
fn round_secs() -> u64 {
    scaled(1, 3)
}

impl Phase {
    fn add(&mut self, (report, others): &(LoadReport, u64)) {
        self.sent += report.acquired + report.failed + report.naks;
        self.lost += report.failed + report.naks + others;
        self.p50_ms = self.p50_ms.max(report.latency.exchange.p50);
        self.p99_ms = self.p99_ms.max(report.latency.exchange.p99);
    }
}

impl Watched {
    /// Returns the total number of lost exchanges.
    pub fn lost(&self) -> u64 {
        self.phases.iter().map(|phase| phase.lost).sum()
    }

    /// Reports what they lost during this attack, and fails the test if they lost anything.
    ///
    /// # Panics
    /// Panics if they lost anything, or if there were too few exchanges.
    #[track_caller]
    pub fn conclude(&self, attack: &str) {
        println!("{attack}: {self}");
        let sent: u64 = self.phases.iter().map(|phase| phase.sent).sum();
        // The short version is not a measurement, and may run on a slow machine.
        let enough = scaled(50, 200) * round_secs();
        let held = self.lost() == 0 && self.phases.iter().all(|phase| phase.sent >= enough);
        Finding {
            attack: attack.to_owned(),
            subject: "bystanders".to_owned(),
            sent,
            served: sent.saturating_sub(self.lost()),
            refused: 0,
            lost: self.lost(),
            wanted: format!("none lost, at least {enough} exchanges in each phase"),
            note: self.to_string(),
            held,
        }
        .conclude();
    }
}

/// Writes the results before, during and after the attack on one line.
impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let three = |write: &dyn Fn(&Phase) -> String| self.phases.each_ref().map(write).join(", ");
        write!(
            f,
            "lost {} of {}; p99 {} ms; memory {} MiB",
            three(&|phase| phase.lost.to_string()),
            three(&|phase| phase.sent.to_string()),
            three(&|phase| format!("{:.1}", phase.p99_ms)),
            three(&|phase| format!("{:.0}", phase.memory_kib as f64 / 1024.0)),
        )?;
        match self.logged.as_slice() {
            [] => f.write_str("; nothing in the log"),
            [first, rest @ ..] => {
                let quoted: String = first.chars().take(QUOTED_CHARS_MAX).collect();
                write!(f, "; {} warnings in the log, the first: {quoted}", 1 + rest.len())
            }
        }
    }
}
