//! Thousands of random steps of many clients against one engine: messages in and out of season,
//! policies that change their mind, time, reclaiming, reloads, restarts, clocks that are wrong, and a
//! store that fails, sometimes after it has written all the same, that answers late and out of order,
//! and that another server writes to. The auditor knows the rules and nothing of the engine.
//!
//! A seed is a bug report: it is printed first with everything that was drawn from it, and `--seed` runs
//! it alone. `cargo xtask sim` runs many on all cores. The auditor is tested as well: `--defect` makes
//! the server do wrong on purpose, and has to be found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod auditor;
mod clients;
mod defects;
mod input;
mod random;
#[path = "../common/storage.rs"]
mod storage;
mod store;
#[path = "../common/support.rs"]
#[allow(dead_code, reason = "the engine's tests use more of it")]
mod support;
mod world;

use std::{
    collections::BTreeMap,
    io::{IsTerminal, stderr},
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lessor_core::{Outcome, Reason};

use self::{defects::Defect, input::Input, world::World};

/// Seeds of a run that nothing else was said about, such as that of the test suite.
const SEEDS: u64 = 300;
/// Every so many seeds, the run is fed again to engines whose tables are in another order.
const REPLAYED_EVERY: u64 = 4;
/// Inputs before a broken rule that are shown.
const SHOWN_MAX: usize = 40;

/// Simulate a server, its clients and its storage, and watch whether a rule is broken.
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
    #[arg(long, default_value_t = 4_000)]
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

/// A broken rule.
struct Broken {
    seed: u64,
    what: String,
    story: Vec<String>,
}

/// What many seeds came to.
#[derive(Default)]
struct Tally {
    reasons: BTreeMap<Reason, usize>,
    broken: Vec<Broken>,
    seeds: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_wanted = |filter: &String| "simulation".contains(filter.as_str());
    if !arguments.filter.is_empty() && !arguments.filter.iter().any(is_wanted) {
        return ExitCode::SUCCESS;
    }
    if let Some(seed) = arguments.seed {
        return alone(seed, &arguments);
    }
    if arguments.defects {
        let all = Defect::ALL.map(|defect| find(defect, &arguments));
        return if all.iter().all(|is_found| *is_found) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    if let Some(defect) = arguments.defect {
        return if find(defect, &arguments) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let began = Instant::now();
    let tally = run_many(&arguments, None, false);
    report(&tally, began.elapsed(), arguments.steps);
    let is_covered = arguments.seeds.is_some_and(|seeds| seeds < 16) || covers_all(&tally);
    if tally.broken.is_empty() && is_covered { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one seed, and says how it came to a broken rule.
fn alone(seed: u64, arguments: &Arguments) -> ExitCode {
    println!("seed {seed}: {}", World::new(seed, arguments.defect).parameters());
    match run(seed, arguments, arguments.defect, true) {
        Ok(_) => {
            println!("no rule was broken in {} steps", arguments.steps);
            ExitCode::SUCCESS
        }
        Err(broken) => {
            broken.story.iter().for_each(|line| println!("{line}"));
            println!("{}", broken.what);
            ExitCode::FAILURE
        }
    }
}

/// Whether a defect is found, and after how many seeds.
fn find(defect: Defect, arguments: &Arguments) -> bool {
    let tally = run_many(arguments, Some(defect), true);
    match tally.broken.iter().min_by_key(|broken| broken.seed) {
        Some(broken) => {
            let first = broken.what.lines().next().unwrap_or_default();
            println!("found: {defect:?}, by seed {}: {first}", broken.seed);
            true
        }
        None => {
            println!("NOT FOUND in {} seeds: {defect:?}", tally.seeds);
            false
        }
    }
}

/// Runs seeds on all cores, until there are enough or, if `first_only`, one breaks a rule.
fn run_many(arguments: &Arguments, defect: Option<Defect>, first_only: bool) -> Tally {
    let until =
        arguments.hours.map(|hours| Instant::now() + Duration::from_secs_f64(hours * 3600.0));
    let seeds = match until {
        Some(_) => u64::MAX,
        None => arguments.seeds.unwrap_or(if defect.is_some() { 1_000 } else { SEEDS }),
    };
    let progress = progress(seeds, until.is_some());
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let quiet = take_hook();
    set_hook(Box::new(|_| ()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    let is_over = until.is_some_and(|until| Instant::now() > until);
                    let lock = || tally.lock().unwrap_or_else(PoisonError::into_inner);
                    if number >= seeds || is_over || (first_only && !lock().broken.is_empty()) {
                        return;
                    }
                    let seed = arguments.first + number;
                    let outcome = run(seed, arguments, defect, seed.is_multiple_of(REPLAYED_EVERY));
                    let mut tally = lock();
                    tally.seeds += 1;
                    match outcome {
                        Ok(reasons) => {
                            for (reason, count) in reasons {
                                *tally.reasons.entry(reason).or_default() += count;
                            }
                        }
                        Err(broken) => {
                            progress.println(format!("seed {seed}: {}", broken.what));
                            tally.broken.push(broken);
                        }
                    }
                    progress.inc(1);
                }
            });
        }
    });
    set_hook(quiet);
    progress.finish_and_clear();
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one seed.
fn run(
    seed: u64,
    arguments: &Arguments,
    defect: Option<Defect>,
    is_replayed: bool,
) -> Result<BTreeMap<Reason, usize>, Broken> {
    let mut world = World::new(seed, defect);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..arguments.steps {
            world.step();
        }
        world.settle_everything();
        if is_replayed {
            replay(&world, seed);
        }
    }));
    match outcome {
        Ok(()) => Ok(world.auditor.reasons().clone()),
        Err(panic) => {
            let from = world.journal.len().saturating_sub(SHOWN_MAX);
            let story = world.journal[from..]
                .iter()
                .map(|(input, output)| format!("{input:?}\n    => {output}"));
            Err(Broken { seed, what: text_of(&*panic), story: story.collect() })
        }
    }
}

/// Written down, read back and fed to an engine whose tables are in another order, all comes out as
/// before.
fn replay(world: &World, seed: u64) {
    for hash_seed in [seed, !seed] {
        let lines = world.journal.iter().map(|(input, _)| {
            let line = serde_json::to_string(input).unwrap();
            serde_json::from_str::<Input>(&line).unwrap()
        });
        let outputs = input::replay(lines, hash_seed);
        for ((input, expected), found) in world.journal.iter().zip(outputs) {
            assert_eq!(*expected, found, "on {input:?}");
        }
    }
}

fn report(tally: &Tally, took: Duration, steps: usize) {
    let Tally { seeds, broken, .. } = tally;
    println!(
        "{seeds} seeds of {steps} steps in {:.0} s: {} broke a rule",
        took.as_secs_f64(),
        broken.len()
    );
    for Broken { seed, what, .. } in broken.iter().take(20) {
        println!("seed {seed}: {}", what.lines().next().unwrap_or_default());
    }
    if let Some(Broken { seed, .. }) = broken.first() {
        println!("run `cargo xtask sim --seed {seed}` for the story of the first");
    }
}

/// Whether decisions ended in every reason that an engine gives.
fn covers_all(tally: &Tally) -> bool {
    let is_met = |reason: &Reason| tally.reasons.get(reason).is_some_and(|count| *count >= 20);
    let missed: Vec<_> =
        Reason::ALL.iter().filter(|reason| is_engines(**reason) && !is_met(reason)).collect();
    if !missed.is_empty() {
        println!("hardly any decision ended in {missed:?}");
    }
    missed.is_empty()
}

/// The reasons that an engine gives to what the world sends; the others are given before or after it.
fn is_engines(reason: Reason) -> bool {
    match reason.outcome() {
        Outcome::Offer | Outcome::Ack | Outcome::Nak => true,
        Outcome::Silence => !matches!(
            reason,
            Reason::UnknownSubnet
                | Reason::LinkWithoutAddress
                | Reason::RelayNotServed
                | Reason::OwnSocket
                | Reason::BroadcastDestination
                | Reason::NotRelayed
                | Reason::LookupPending
                | Reason::AlreadyWaiting
                | Reason::ChangePending
        ),
        Outcome::Malformed | Outcome::Failure => reason == Reason::PolicyFailed,
    }
}

fn progress(seeds: u64, is_timed: bool) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = if is_timed {
        ProgressStyle::with_template("{elapsed} {pos} seeds, {per_sec}")
    } else {
        ProgressStyle::with_template(
            "{elapsed} [{bar:40}] {pos}/{len} seeds, {per_sec}, {eta} left",
        )
    };
    let bar = ProgressBar::with_draw_target(Some(seeds), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap())
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it did not say why".to_owned())
}
