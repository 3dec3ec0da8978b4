//! `cargo xtask overload`: measures a server under overload. The server has one worker on one core,
//! and the generator runs on another; the capacity is measured in the same run and in the same way.
//! Everything runs in a separate network namespace.
//!
//! The absolute figures depend on the machine and its load; only their ratios are meaningful, and
//! most requirements apply to these.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use lessor_e2e::attack::Finding;
use lessor_load::{
    Drive, ExchangeEnd, LoadArgs, Saying, Stream, StreamRelay, StreamReport, StreamsReport,
    Subscriber,
};
use lessor_terminal::{right_align, table};
use nix::{
    sched::{CloneFlags, CpuSet, sched_setaffinity, unshare},
    unistd::Pid,
};

use crate::{
    artifacts::{self, Profile},
    command::run as run_command,
    server::Server,
};

#[derive(Debug, clap::Args)]
pub(crate) struct OverloadArguments {
    /// Number of subscribers that renew their leases.
    #[arg(long, default_value_t = 10_000)]
    clients: u32,
    /// Number of subscribers that return at once after a power cut.
    #[arg(long, default_value_t = 20_000)]
    burst: u32,
    /// Duration of each load.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    secs: u64,
    /// Measure the development build, which is slower, instead of the release build.
    #[arg(long)]
    dev: bool,
    /// Measure this program instead of building one.
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    lessor: Option<PathBuf>,
}

const SERVER: &str = "127.0.0.1:67";
const RELAY: &str = "127.0.1.1:67";
/// An address in the subnet of all subscribers.
const LINK: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
const SERVER_CORE: usize = 0;
const GENERATOR_CORE: usize = 1;
/// The share of renewals of regular subscribers in the messages that the server can answer.
const RENEWALS: f64 = 0.25;
/// The number of subscribers that send DISCOVERs, each on a separate line.
const DISCOVERERS: u32 = 50_000;
/// The number of concurrent messages while capacity is measured.
const WINDOW: usize = 512;

/// A load, its results, and the requirements.
struct LoadResult {
    load: &'static str,
    report: StreamsReport,
    cpu_us: f64,
    wanted: Vec<Wanted>,
}

/// A figure and its requirement.
struct Wanted {
    what: String,
    found: f64,
    /// The requirement, such as `at least 0.85`.
    bound: String,
    is_reached: bool,
}

/// Builds the server, measures it, and prints the table.
///
/// # Errors
/// Returns an error without root or a second core, or if a requirement was not met.
pub(crate) fn run(arguments: &OverloadArguments) -> anyhow::Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "needs root, for a network namespace with port 67");
    let lessor = match &arguments.lessor {
        Some(lessor) => lessor.clone(),
        None if arguments.dev => artifacts::lessor(Profile::Dev)?,
        None => artifacts::lessor(Profile::Release)?,
    };
    // From here on nothing reaches the machine's own network.
    unshare(CloneFlags::CLONE_NEWNET).context("cannot create a network namespace")?;
    run_command(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    let mut core = CpuSet::new();
    core.set(GENERATOR_CORE)?;
    sched_setaffinity(Pid::from_raw(0), &core).context("needs a second core")?;

    let folder = tempfile::Builder::new().prefix("lessor-overload-").tempdir()?;
    let server = Server::start_on_core(&lessor, &lay_out(folder.path(), "rates")?, SERVER_CORE)?;
    let rows = measure(&server, arguments)?;
    let octets_max = server.memory_max_octets()?;
    server.stop()?;
    let mut missed = print(&rows);
    println!("maximum memory: {} MiB", octets_max >> 20);

    let server = Server::start_on_core(&lessor, &lay_out(folder.path(), "burst")?, SERVER_CORE)?;
    missed += usize::from(!power_cut(&server, arguments)?);
    server.stop()?;
    ensure!(missed == 0, "{missed} of the wanted figures were not reached");
    Ok(())
}

fn measure(server: &Server, arguments: &OverloadArguments) -> anyhow::Result<Vec<LoadResult>> {
    let renewing = acquire(arguments.clients)?;
    let relay = StreamRelay::bind(RELAY.parse()?, SERVER.parse()?, Some(LINK))?;
    let duration = Duration::from_secs(arguments.secs);
    let run = |load, drive, streams: &mut [Stream]| -> anyhow::Result<LoadResult> {
        let before = server.processor_time()?;
        let report = relay.run(streams, drive, duration)?;
        let cpu = server.processor_time()? - before;
        let answered: u64 = report.streams.iter().map(|stream| stream.answered).sum();
        let cpu_us = cpu.as_secs_f64() * 1e6 / answered.max(1) as f64;
        Ok(LoadResult { load, report, cpu_us, wanted: Vec::new() })
    };
    let mut renewals = Stream::new("renewals", 1.0, &relay, renewing.iter().cloned())?;
    let mut discovers = Stream::new("discovers", 1.0, &relay, discoverers())?;
    let mut forged = Stream::new("forged renewals", 1.0, &relay, forgeries())?;
    let mut at = |load, drive, rate: f64, others: f64, flood: &mut Stream| {
        renewals.per_sec = rate;
        flood.per_sec = others;
        let mut streams = [renewals.clone(), flood.clone()];
        run(load, drive, &mut streams)
    };

    // The first answers of a server are slower, because its tables grow.
    at("", Drive::Closed(WINDOW), RENEWALS, 1.0 - RENEWALS, &mut discovers)?;
    let peak =
        at("full capacity", Drive::Closed(WINDOW), RENEWALS, 1.0 - RENEWALS, &mut discovers)?;
    let capacity = peak.report.answered_per_sec;
    let renewals_per_sec = RENEWALS * capacity;
    let mut of_capacity = |load, factor: f64| {
        let rates = (factor * renewals_per_sec, factor * (capacity - renewals_per_sec));
        at(load, Drive::Open, rates.0, rates.1, &mut discovers)
    };
    let mut half = of_capacity("half of capacity", 0.5)?;
    let mut most = of_capacity("80 % of capacity", 0.8)?;
    let flood = 3.0 * capacity - renewals_per_sec;
    let mut thrice =
        at("DISCOVERs, 3 times", Drive::Open, renewals_per_sec, flood, &mut discovers)?;
    let mut forgery = at(
        "forged renewals of a line, 3 times",
        Drive::Open,
        renewals_per_sec,
        flood,
        &mut forged,
    )?;

    half.wants("processor time, of the peak's", half.cpu_us / peak.cpu_us, 1.4, false);
    for (row, streams) in [(&mut half, 2), (&mut most, 2), (&mut thrice, 1), (&mut forgery, 1)] {
        for found in row.report.streams.clone().iter().take(streams) {
            row.wants(&format!("{}, answered %", found.name), 100.0 * share(found), 99.9, true);
            row.wants(&format!("{}, p99 ms", found.name), found.latency.p99, 10.0, false);
        }
    }
    let goodput = thrice.report.answered_per_sec / capacity;
    thrice.wants("goodput, of the peak's", goodput, 0.85, true);
    Ok(vec![peak, half, most, thrice, forgery])
}

impl LoadResult {
    fn wants(&mut self, what: &str, found: f64, wanted: f64, at_least: bool) {
        let (sign, is_reached) = match at_least {
            true => ("at least", found >= wanted),
            false => ("at most", found <= wanted),
        };
        let (what, bound) = (what.to_owned(), format!("{sign} {wanted}"));
        self.wanted.push(Wanted { what, found, bound, is_reached });
    }
}

impl LoadResult {
    /// Returns the row for the report of an attack. Messages without an answer count as dropped for
    /// lack of time.
    fn finding(&self) -> Finding {
        let sum = |of: fn(&StreamReport) -> u64| self.report.streams.iter().map(of).sum();
        let (sent, served): (u64, u64) = (sum(|stream| stream.sent), sum(|stream| stream.answered));
        let renewals = self.report.streams.first();
        let lost = renewals.map_or(0, |stream| stream.sent - stream.answered);
        let all = |line: fn(&Wanted) -> String| {
            self.wanted.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        Finding {
            attack: "overload".to_owned(),
            subject: self.load.to_owned(),
            sent,
            served,
            refused: (sent - served).saturating_sub(lost),
            lost,
            wanted: all(|Wanted { what, bound, .. }| format!("{what}: {bound}")),
            note: all(|Wanted { found, .. }| format!("{found:.2}")),
            held: self.wanted.iter().all(|wanted| wanted.is_reached),
        }
    }
}

fn share(stream: &StreamReport) -> f64 {
    stream.answered as f64 / stream.sent.max(1) as f64
}

/// Prints the table and the requirements, and returns how many of them were not met.
fn print(rows: &[LoadResult]) -> usize {
    let mut table = table(&[
        "load",
        "answers/s",
        "CPU µs each",
        "stream",
        "sent",
        "answered %",
        "p50 ms",
        "p99 ms",
        "max ms",
    ]);
    for row in rows {
        for (number, stream) in row.report.streams.iter().enumerate() {
            let of_load = |text: String| if number == 0 { text } else { String::new() };
            table.add_row([
                of_load(row.load.to_owned()),
                of_load(format!("{:.0}", row.report.answered_per_sec)),
                of_load(format!("{:.1}", row.cpu_us)),
                stream.name.clone(),
                stream.sent.to_string(),
                format!("{:.2}", 100.0 * share(stream)),
                format!("{:.2}", stream.latency.p50),
                format!("{:.2}", stream.latency.p99),
                format!("{:.2}", stream.latency.max),
            ]);
        }
    }
    right_align(&mut table, 1..3);
    right_align(&mut table, 4..9);
    println!("{table}");
    let mut missed = 0;
    for row in rows {
        for Wanted { what, found, bound, is_reached } in &row.wanted {
            missed += usize::from(!is_reached);
            let verdict = if *is_reached { "reached" } else { "MISSED " };
            println!("{verdict} {}: {what}: {found:.2}, wanted {bound}", row.load);
        }
        row.finding().report();
        let dropped_here = row.report.replies_dropped_here.unwrap_or_default();
        if dropped_here > 0 {
            println!("        {}: {dropped_here} replies were dropped by this side", row.load);
        }
    }
    missed
}

/// Simulates a power cut: all subscribers return at once, and each retransmits after 4, 8, 16 and
/// 32 seconds, plus or minus one second.
fn power_cut(server: &Server, arguments: &OverloadArguments) -> anyhow::Result<bool> {
    let args = LoadArgs {
        clients: arguments.burst,
        window: arguments.burst,
        timeout_ms: 4_000,
        retries: 4,
        ..load_args()?
    };
    let before = server.processor_time()?;
    let report = lessor_load::run(&args)?;
    let cpu = server.processor_time()? - before;
    println!(
        "\nafter a power cut: {} of {} served in {:.2} s, {} messages sent again, p99 {:.0} ms, \
         {:.1} µs of \
         processor time each, most memory {} MiB",
        report.acquired,
        args.clients,
        report.elapsed_secs,
        report.retransmissions,
        report.latency.exchange.p99,
        cpu.as_secs_f64() * 1e6 / report.acquired.max(1) as f64,
        server.memory_max_octets()? >> 20,
    );
    for line in server.log().lines().filter(|line| line.contains("limit=")) {
        println!("the server logged: {line}");
    }
    let is_ok = report.ok() && report.acquired == u64::from(args.clients);
    Finding {
        attack: "overload".to_owned(),
        subject: "all subscribers return at once after a power cut".to_owned(),
        sent: args.clients.into(),
        served: report.acquired,
        refused: 0,
        lost: u64::from(args.clients).saturating_sub(report.acquired),
        wanted: "all are served".to_owned(),
        note: format!(
            "{:.2} s, {} messages sent again",
            report.elapsed_secs, report.retransmissions
        ),
        held: is_ok,
    }
    .report();
    if !is_ok {
        println!("MISSED  all clients are served\n{report}");
    }
    Ok(is_ok)
}

fn load_args() -> anyhow::Result<LoadArgs> {
    Ok(LoadArgs {
        server: SERVER.parse::<SocketAddrV4>()?,
        relay: vec![RELAY.parse()?],
        link_selection: Some(LINK),
        seed: Some(1),
        ..LoadArgs::default()
    })
}

/// Acquires leases, and returns the subscribers with their addresses.
fn acquire(clients: u32) -> anyhow::Result<Vec<(Subscriber, Saying)>> {
    let args = LoadArgs { clients, ..load_args()? };
    let mut held = Vec::new();
    lessor_load::run_with(&args, |event| {
        if let ExchangeEnd::Acquired(acquired) = event.outcome {
            held.push((args.subscriber(event.client), Saying::Renew(acquired.address)));
        }
    })?;
    if held.len() < clients as usize {
        bail!("only {} of {clients} subscribers got a lease", held.len());
    }
    Ok(held)
}

/// Returns new subscribers that send DISCOVERs.
fn discoverers() -> impl Iterator<Item = (Subscriber, Saying)> {
    let args = LoadArgs { mac_prefix: [0x06, 0x01], ..LoadArgs::default() };
    (0..DISCOVERERS).map(move |number| {
        let subscriber = args.subscriber(number + (1 << 20));
        (subscriber, Saying::Discover)
    })
}

/// Returns renewals of leases that do not exist, all from one line.
fn forgeries() -> impl Iterator<Item = (Subscriber, Saying)> {
    let args = LoadArgs { mac_prefix: [0x06, 0x02], ..LoadArgs::default() };
    (0..DISCOVERERS).map(move |number| {
        let mut subscriber = args.subscriber(number);
        subscriber.circuit_id = b"the bad line".to_vec();
        (subscriber, Saying::Renew(Ipv4Addr::from(u32::from(LINK) + (1 << 20) + number)))
    })
}

fn lay_out(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder)?;
    let config = folder.join("lessor.toml");
    std::fs::write(
        &config,
        r#"[server]
listen = ["127.0.0.1:67"]
workers = 1

[store]
path = "store"

[[subnet]]
prefix = "10.64.0.0/10"
lease-time = "2h"
options = { routers = ["10.64.0.1"], domain-name-servers = ["192.0.2.53"] }

[[subnet.pool]]
name = "residential"
range = "10.64.1.0-10.95.255.255"
"#,
    )?;
    Ok(config)
}
