//! `cargo xtask reloads`: measures the cost of reloads. It first measures the latency of exchanges
//! with one reload each second, as a ratio to that without reloads in the same run, and then the
//! memory after many reloads.
//!
//! The absolute figures depend on the machine and its load; only their ratios are meaningful, and
//! the requirements apply to these. A reload affects few of the exchanges of a second, so the ratio
//! needs many exchanges. With `TMPDIR` on a file system in memory, the disk does not contribute to
//! it.

use std::{
    fs,
    net::SocketAddrV4,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use lessor_e2e::{
    Server, Setup,
    bystanders::{LINK, SUBNETS},
    loopback_address, process_status,
};
use lessor_load::{ExchangeEnd, LoadArgs};
use lessor_terminal::{right_align, table};

use crate::artifacts::{self, Profile};

#[derive(Debug, clap::Args)]
pub(crate) struct ReloadsArguments {
    /// Number of reloads for the measurement of memory.
    #[arg(long, default_value_t = 1000)]
    reloads: u32,
    /// Exchanges per second for the measurement of latency.
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Duration of each part of a round; a round has two parts with reloads and two without.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    secs: u64,
    /// Number of rounds.
    #[arg(long, default_value_t = 8)]
    rounds: u32,
    /// Measure the development build, which is slower, instead of the release build.
    #[arg(long)]
    dev: bool,
    /// Measure this program instead of building one.
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    lessor: Option<PathBuf>,
}

/// The maximum ratio of the 999th of a thousand exchange times with a reload each second to that
/// without reloads.
const LATENCY_RATIO_MAX: f64 = 1.3;
/// The maximum ratio of the memory after all reloads to the memory after the tenth.
const MEMORY_RATIO_MAX: f64 = 1.2;
const RELOAD_EVERY: Duration = Duration::from_secs(1);
const SCRIPT: &str = "fn on_discover(request, terms) { terms.lease_time_secs = 1800; }\n";

/// Builds the server, measures it, and prints the figures.
///
/// # Errors
/// Returns an error if a requirement was not met.
pub(crate) fn run(arguments: &ReloadsArguments) -> anyhow::Result<()> {
    ensure!(arguments.reloads > 10, "--reloads is {}; wanted more than 10", arguments.reloads);
    let lessor = match &arguments.lessor {
        Some(lessor) => std::path::absolute(lessor)?,
        None if arguments.dev => artifacts::lessor(Profile::Dev)?,
        None => artifacts::lessor(Profile::Release)?,
    };
    let setup = Setup::on_loopback(SUBNETS)
        .with_program(&lessor)
        .with_plugin_setting("cache = \"cache\"")
        .with_plugin_setting(&format!("interpreters = {:?}", artifacts::interpreters()?))
        .with_policy("10-table", "subscriber-table", "[settings.subscribers]\n")
        .with_policy("20-terms", "misbehaving", "[settings]\nlease-time-secs = 777\n");
    setup.put_script("30-garden.rhai", SCRIPT, "");
    let mut server = setup.start();

    let (mut without, mut with) = (Vec::new(), Vec::new());
    // The order is reversed in the second half of a round, so that it favours neither load.
    for _ in 0..arguments.rounds {
        without.extend(latencies(&mut server, arguments, false)?);
        with.extend(latencies(&mut server, arguments, true)?);
        with.extend(latencies(&mut server, arguments, true)?);
        without.extend(latencies(&mut server, arguments, false)?);
    }
    let latency_ratio = print_latencies(&mut without, &mut with)?;
    let memory_ratio = memory(&mut server, arguments.reloads)?;
    ensure!(server.stop().success(), "the server did not exit with code 0");
    ensure!(
        latency_ratio <= LATENCY_RATIO_MAX && memory_ratio <= MEMORY_RATIO_MAX,
        "wanted at most {LATENCY_RATIO_MAX} times the latency and {MEMORY_RATIO_MAX} times the \
         memory"
    );
    Ok(())
}

/// Measures the times from DISCOVER to ACK, in microseconds, with or without reloads.
fn latencies(
    server: &mut Server,
    arguments: &ReloadsArguments,
    with_reloads: bool,
) -> anyhow::Result<Vec<u64>> {
    let load = LoadArgs {
        server: server.address(),
        relay: vec![SocketAddrV4::new(loopback_address(), 0)],
        link_selection: Some(LINK),
        clients: 2000,
        window: 256,
        rate: Some(arguments.rate),
        duration_secs: Some(arguments.secs),
        release: true,
        ..LoadArgs::default()
    };
    let is_over = AtomicBool::new(false);
    let mut took = Vec::new();
    let report = thread::scope(|scope| {
        let load = scope.spawn(|| {
            let report = lessor_load::run_with(&load, |event| {
                if let ExchangeEnd::Acquired(_) = event.outcome {
                    took.push(event.ended_at.duration_since(event.asked_at).as_micros() as u64);
                }
            });
            is_over.store(true, Ordering::Relaxed);
            report
        });
        while with_reloads && !is_over.load(Ordering::Relaxed) {
            let began = Instant::now();
            ensure!(server.hang_up().accepted, "a reload was refused");
            thread::sleep(RELOAD_EVERY.saturating_sub(began.elapsed()));
        }
        load.join().map_err(|_| anyhow::anyhow!("the load ended in a panic"))?
    })?;
    ensure!(report.failed == 0, "{} exchanges failed", report.failed);
    Ok(took)
}

/// Prints the figures of both loads, and returns the ratio of their 999th of a thousand times.
fn print_latencies(without: &mut [u64], with: &mut [u64]) -> anyhow::Result<f64> {
    let mut figures = table(&["load", "exchanges", "p50 ms", "p99 ms", "p99.9 ms", "max ms"]);
    let mut slow = Vec::new();
    for (name, took) in [("without reloads", without), ("a reload each second", with)] {
        took.sort_unstable();
        let quantile = |per_mille: usize| -> anyhow::Result<f64> {
            let place = (took.len() * per_mille).div_ceil(1000).saturating_sub(1);
            Ok(*took.get(place).context("there was no exchange")? as f64 / 1000.0)
        };
        let quantiles = [quantile(500)?, quantile(990)?, quantile(999)?, quantile(1000)?];
        let mut row = vec![name.to_owned(), took.len().to_string()];
        row.extend(quantiles.map(|ms| format!("{ms:.2}")));
        figures.add_row(row);
        slow.push(quantile(999)?);
    }
    right_align(&mut figures, 1..6);
    println!("{figures}");
    let [without, with] = slow[..] else { anyhow::bail!("there are two loads") };
    println!("p99.9 with reloads is {:.2} times that without", with / without);
    Ok(with / without)
}

/// Reloads the server repeatedly, prints its memory, and returns the ratio of the memory at the end
/// to that after the tenth reload. Each reload changes one of the three policies.
fn memory(server: &mut Server, reloads: u32) -> anyhow::Result<f64> {
    let shown = [1, 10, reloads / 4, reloads / 2, reloads];
    let mut after_tenth = 0;
    let mut figures = table(&["reloads", "resident MiB", "anonymous MiB", "threads"]);
    for number in 1..=reloads {
        let sidecar = format!("[settings]\nlease-time-secs = {}\n", 600 + number % 2);
        fs::write(server.folder().join("plugins/20-terms.toml"), sidecar)?;
        ensure!(server.hang_up().accepted, "a reload was refused");
        if shown.contains(&number) {
            // The server drops the replaced generation shortly after it reports the outcome.
            thread::sleep(Duration::from_secs(1));
            let resident = kib(server, "VmRSS")?;
            let anonymous = kib(server, "RssAnon")? >> 10;
            figures.add_row([
                number.to_string(),
                (resident >> 10).to_string(),
                anonymous.to_string(),
                kib(server, "Threads")?.to_string(),
            ]);
            if number == 10 {
                after_tenth = resident;
            }
            if number == reloads {
                right_align(&mut figures, 0..4);
                println!("{figures}");
                let ratio = resident as f64 / after_tenth as f64;
                println!("memory after {reloads} reloads is {ratio:.2} times that after 10");
                return Ok(ratio);
            }
        }
    }
    anyhow::bail!("there was no reload")
}

/// Returns a number from the status of the server's process.
fn kib(server: &mut Server, name: &str) -> anyhow::Result<u64> {
    let found = process_status::number(server.process().id(), name);
    found.with_context(|| format!("the status of the process has no number {name}"))
}
