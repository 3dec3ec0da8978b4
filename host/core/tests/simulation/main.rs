//! Thousands of random steps of many clients against a server, or against two on one store: messages in
//! and out of season, policies that change their mind, time, reclaiming, reloads and crashes of one
//! server or the other, clocks that are wrong, and a store that fails, sometimes after it has written all
//! the same, that answers late, out of order or never, and that strangers write to. The auditor knows the
//! rules and nothing of the engine.
//!
//! A seed is a bug report: it is printed first with everything that was drawn from it, and `--seed` runs
//! it alone. `cargo xtask sim` runs many on all cores. The auditor is tested as well: `--defect` makes
//! the server do wrong on purpose, and has to be found.
//!
//! What two servers promise:
//!
//! - No address is acknowledged to two clients at once. Where the clocks of the servers differ, they
//!   disagree for as long about the end of a lease, so that much of its end is not counted.
//! - Limits of subscribers hold on the store only where one server writes. Of two servers, each holds to
//!   them by what it knows; together they can grant more until they have heard of each other, because
//!   the store does not check limits.
//! - Servers agree what time it is. So the second one's clock is at most some seconds off, and no time is
//!   skipped at a start, as it is for a server alone whose clock is not believed: for a server that is
//!   behind, leases of the other would last longer than for their clients.
//!
//! What is not simulated: messages that a client has given up and that are decided later all the same; see
//! `exchange`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod auditor;
mod clients;
mod commits;
mod configurations;
mod defects;
mod events;
mod exchange;
mod input;
mod knowledge;
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

/// Seeds of a run that nothing else was said about, such as that of the test suite.
const SEEDS: u64 = 1_500;
/// Seeds within which every defect has to be found.
const SEEDS_FOR_DEFECT: u64 = 1_000;

/// Simulate servers, their clients and their storage, and watch whether a rule is broken.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run this seed alone, and show what led to a broken rule.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds.
    #[arg(long, conflicts_with_all = ["seed", "hours"])]
    seeds: Option<u64>,
    /// The first seed of many.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Run seeds for so many hours.
    #[arg(long, conflicts_with = "seed")]
    hours: Option<f64>,
    /// Random steps for each seed.
    #[arg(long, default_value_t = 1_000)]
    steps: usize,
    /// Have the server do wrong on purpose; the run succeeds if that is found.
    #[arg(long, value_enum)]
    defect: Option<Defect>,
    /// Look for every defect in turn.
    #[arg(long, conflicts_with_all = ["defect", "seed"])]
    defects: bool,
    // What `cargo test` says to every test.
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
        let all = Defect::ALL.map(|defect| find(defect, &arguments));
        all.iter().all(|is_found| *is_found)
    } else if let Some(defect) = arguments.defect {
        find(defect, &arguments)
    } else {
        let began = Instant::now();
        let tally = run_many(&runs(&arguments, SEEDS));
        tally.report(began.elapsed(), arguments.steps)
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one seed, and says how it came to a broken rule.
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

/// Whether a defect is found, and after how many seeds.
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
