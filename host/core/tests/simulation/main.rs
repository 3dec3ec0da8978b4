//! Thousands of random steps of many clients with one server, or with two on one store: expected
//! and unexpected messages, an operator who changes leases and drains pools, policies that change,
//! time, reclaiming, reloads and crashes of either
//! server, wrong clocks, and a store that fails, sometimes after writing, that answers late, out of
//! order or never, and to which others write. The auditor knows the rules and nothing of the
//! engine.
//!
//! A seed is a bug report: it is printed first with all parameters drawn from it, and `--seed`
//! repeats it. `cargo xtask sim` runs many seeds on all cores. The auditor is tested as well:
//! `--defect` makes the server misbehave on purpose, which must be detected.
//!
//! Two servers promise the following:
//!
//! - No address is acknowledged to two clients at once. If the clocks of the servers differ, they
//!   disagree for that long about the end of a lease, so this part of a lease is not counted.
//! - Limits of subscribers hold on the store only if a single server writes. Each of two servers
//!   applies them to the leases that it knows. Together they can grant more until they have learned
//!   of each other's leases, because the store does not check limits.
//! - Servers agree on the time. So the second one's clock is at most some seconds off, and no time
//!   is skipped at a start, unlike for a single server whose clock is not trusted: for a server
//!   that is behind, leases of the other would last longer than for their clients.
//!
//! Not simulated: messages that are decided although their client has replaced them by another one
//! (see `exchange`), and clients that use BOOTP where two servers hear them.

mod auditor;
mod clients;
mod commits;
mod configurations;
mod defects;
mod events;
mod exchange;
mod input;
mod knowledge;
mod operator;
mod probes;
mod random;
mod runs;
mod server;
#[path = "../common/storage.rs"]
mod storage;
mod store;
#[path = "../common/support.rs"]
#[allow(dead_code, reason = "the engine's tests use more of it")]
mod support;
mod tally;
mod world;

use std::{process::ExitCode, time::Instant};

use clap::Parser;

use self::{
    defects::Defect,
    runs::{Runs, run, run_many},
    world::World,
};

/// The number of seeds of a run without arguments, such as that of the test suite: they take two
/// minutes on two cores that build and test other things beside them. The defects follow, each of
/// which takes a few seconds.
const SEEDS: u64 = 1_500;
/// The number of seeds within which every defect must be found.
const SEEDS_FOR_DEFECT: u64 = 1_000;

/// Simulate servers, their clients and their storage, and check that no rule is broken
#[derive(Debug, Parser)]
struct Arguments {
    /// Run only this seed, and show what led to a broken rule
    #[arg(long)]
    seed: Option<u64>,
    /// Number of seeds to run
    #[arg(long, conflicts_with_all = ["seed", "hours"])]
    seeds: Option<u64>,
    /// First seed of the run
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Run seeds for this many hours
    #[arg(long, conflicts_with = "seed")]
    hours: Option<f64>,
    /// Number of random steps for each seed
    #[arg(long, default_value_t = 1_000)]
    steps: usize,
    /// Make the server misbehave on purpose; the run succeeds if this is detected
    #[arg(long, value_enum)]
    defect: Option<Defect>,
    /// Search for every defect in turn
    #[arg(long, conflicts_with_all = ["defect", "seed"])]
    defects: bool,
    // Arguments that `cargo test` passes to every test.
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
    #[arg(hide = true)]
    filter: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_wanted = |filter: &String| "simulation".contains(filter.as_str());
    if !arguments.filter.is_empty() && !arguments.filter.iter().any(is_wanted) {
        return ExitCode::SUCCESS;
    }
    let is_well = if let Some(seed) = arguments.seed {
        alone(seed, &arguments)
    } else if arguments.defects {
        find_all(&arguments)
    } else if let Some(defect) = arguments.defect {
        find(defect, &arguments)
    } else {
        let began = Instant::now();
        let tally = run_many(&runs(&arguments, SEEDS));
        let is_well = tally.report(began.elapsed(), arguments.steps);
        // A run whose length is not given is that of the suite, which tests the auditor as well.
        let is_of_suite = arguments.seeds.is_none() && arguments.hours.is_none();
        is_well && (!is_of_suite || find_all(&arguments))
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one seed, and prints what led to a broken rule.
fn alone(seed: u64, arguments: &Arguments) -> bool {
    println!("seed {seed}: {}", World::new(seed, arguments.defect, false).parameters());
    match run(seed, arguments.steps, arguments.defect, true) {
        Ok(_) => {
            println!("no rule was broken in {} steps", arguments.steps);
            true
        }
        Err(broken) => {
            broken.story.iter().for_each(|line| println!("{line}"));
            println!("{}", broken.what);
            false
        }
    }
}

/// Returns whether every defect is found.
fn find_all(arguments: &Arguments) -> bool {
    Defect::ALL.map(|defect| find(defect, arguments)).iter().all(|is_found| *is_found)
}

/// Returns whether a defect is found, and prints after how many seeds.
fn find(defect: Defect, arguments: &Arguments) -> bool {
    let runs = Runs { defect: Some(defect), ..runs(arguments, SEEDS_FOR_DEFECT) };
    let tally = run_many(&runs);
    match tally.first_broken() {
        Some(broken) => {
            println!("found: {defect:?}, by seed {}: {}", broken.seed, broken.summary());
            true
        }
        None => {
            println!("NOT FOUND in {} seeds: {defect:?}", tally.seeds);
            false
        }
    }
}

fn runs(arguments: &Arguments, seeds: u64) -> Runs {
    let Arguments { first, steps, hours, .. } = *arguments;
    Runs { first, seeds: arguments.seeds.unwrap_or(seeds), hours, steps, defect: None }
}
