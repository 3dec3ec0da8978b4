//! `cargo xtask pairs OLD`: measures whether a change made the server slower.
//!
//! Two builds run under the same load, in pairs whose order alternates, in a network namespace. A
//! machine that slows down in the meantime slows both builds, so the median of the ratios of the
//! pairs is what counts.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use lessor_terminal::{right_align, table};
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;

use crate::{
    artifacts::{self, Profile},
    command::run as run_command,
    load::lay_out,
    server::Server,
};

#[derive(Debug, clap::Args)]
pub(crate) struct PairsArguments {
    /// The server as it was: the program of an earlier build.
    old: PathBuf,
    /// The server as it is; built for release if this is left out.
    #[arg(long, value_name = "FILE")]
    new: Option<PathBuf>,
    /// How many pairs there are for each window.
    #[arg(long, default_value_t = 10)]
    pairs: usize,
    /// How many exchanges are under way at once.
    #[arg(long, value_delimiter = ',', default_value = "64,256,1024")]
    windows: Vec<u32>,
    /// How many subscribers get an address in each load.
    #[arg(long, default_value_t = 100_000)]
    clients: u32,
    /// Let each subscriber release its address and ask for one again, for this many seconds.
    #[arg(long, value_name = "SECONDS")]
    release_for: Option<u64>,
}

/// The speed of one load.
#[derive(Clone, Copy)]
struct Measured {
    per_sec: f64,
    /// Processor time of the server for each, in microseconds.
    cpu_us: f64,
}

/// Measures both builds, prints the table.
///
/// # Errors
/// Without root, or if a server does not give an address to everybody.
pub(crate) fn run(arguments: &PairsArguments) -> anyhow::Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "needs root, for a network namespace with port 67");
    let new = match &arguments.new {
        Some(new) => std::path::absolute(new)?,
        None => artifacts::lessor(Profile::Release)?,
    };
    let old = std::path::absolute(&arguments.old)?;
    // From here on nothing reaches the machine's own network.
    unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
    run_command(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    let mut table = table(&[
        "window",
        "pairs",
        "old/s",
        "new/s",
        "new/old",
        "lowest",
        "highest",
        "old CPU µs",
        "new CPU µs",
        "new/old",
    ]);
    for window in &arguments.windows {
        let mut pairs = Vec::new();
        for number in 0..arguments.pairs {
            eprintln!("window {window}, pair {} of {} …", number + 1, arguments.pairs);
            // Both builds are measured with the same generator.
            let one = |lessor: &Path| measure(lessor, &new, *window, arguments);
            pairs.push(match number % 2 {
                0 => (one(&old)?, one(&new)?),
                _ => {
                    let after = one(&new)?;
                    (one(&old)?, after)
                }
            });
        }
        let of = |figure: &dyn Fn(&(Measured, Measured)) -> f64| sorted(pairs.iter().map(figure));
        let ratios = of(&|(old, new)| new.per_sec / old.per_sec);
        table.add_row([
            window.to_string(),
            pairs.len().to_string(),
            format!("{:.0}", median(&of(&|(old, _)| old.per_sec))),
            format!("{:.0}", median(&of(&|(_, new)| new.per_sec))),
            format!("{:.3}", median(&ratios)),
            format!("{:.3}", ratios.first().copied().unwrap_or_default()),
            format!("{:.3}", ratios.last().copied().unwrap_or_default()),
            format!("{:.1}", median(&of(&|(old, _)| old.cpu_us))),
            format!("{:.1}", median(&of(&|(_, new)| new.cpu_us))),
            format!("{:.3}", median(&of(&|(old, new)| new.cpu_us / old.cpu_us))),
        ]);
    }
    right_align(&mut table, 0..10);
    println!("{table}");
    Ok(())
}

fn measure(
    lessor: &Path,
    generator: &Path,
    window: u32,
    arguments: &PairsArguments,
) -> anyhow::Result<Measured> {
    let folder = tempfile::Builder::new().prefix("lessor-pairs-").tempdir()?;
    let config = lay_out(folder.path(), "pair", None, arguments.clients)?;
    let server = Server::start(lessor, &config)?;
    let before = server.processor_time()?;
    let mut load = Command::new(generator);
    load.args(["load", "--json", "--server", "127.0.0.1:67"])
        .args(["--relay", "127.0.1.1:67", "--link-selection", "10.64.0.1", "--seed", "1"])
        .args(["--clients", &arguments.clients.to_string(), "--window", &window.to_string()])
        .stderr(Stdio::inherit());
    if let Some(secs) = arguments.release_for {
        load.args(["--release", "--duration-secs", &secs.to_string()]);
    }
    let output = load.output()?;
    let cpu = server.processor_time()? - before;
    server.stop()?;
    let report: Value =
        serde_json::from_slice(&output.stdout).context("the generator printed no report")?;
    let figure = |name: &str| report.get(name).and_then(Value::as_f64).unwrap_or_default();
    ensure!(figure("failed") == 0.0, "a client got no address: {report}");
    Ok(Measured {
        per_sec: figure("exchanges-per-sec"),
        cpu_us: cpu.as_secs_f64() * 1e6 / figure("acquired").max(1.0),
    })
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The one in the middle, or halfway between the two there; 0 of none.
fn median(sorted: &[f64]) -> f64 {
    let middle = |at: usize| sorted.get(at).copied().unwrap_or_default();
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (middle(half.saturating_sub(1)) + middle(half)) / 2.0,
        _ => middle(half),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_stands_in_the_middle() {
        let of = |figures: &[f64]| median(&sorted(figures.iter().copied()));
        assert_eq!((of(&[3.0, 1.0, 2.0]), of(&[4.0, 1.0, 2.0, 3.0]), of(&[])), (2.0, 2.5, 0.0));
    }
}
