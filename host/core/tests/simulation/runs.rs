//! Runs seeds, one at a time or many on all cores.

use std::{
    io::{IsTerminal, stderr},
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    defects::Defect,
    input::replay,
    tally::{Broken, Seen, Tally},
    world::World,
};

/// Every n-th seed is replayed on engines whose tables are in another order.
const REPLAYED_EVERY: u64 = 4;
/// The number of inputs before a broken rule that are shown.
const SHOWN_MAX: usize = 40;

/// The seeds to run, and how.
pub(super) struct Runs {
    pub(super) first: u64,
    pub(super) seeds: u64,
    /// The duration in hours, regardless of the number of seeds.
    pub(super) hours: Option<f64>,
    pub(super) steps: usize,
    /// A defect of the server; one seed that detects it is enough.
    pub(super) defect: Option<Defect>,
}

/// Runs seeds on all cores.
pub(super) fn run_many(runs: &Runs) -> Tally {
    let until = runs.hours.map(|hours| Instant::now() + Duration::from_secs_f64(hours * 3600.0));
    let seeds = if until.is_some() { u64::MAX } else { runs.seeds };
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
                    let is_found = runs.defect.is_some() && lock().first_broken().is_some();
                    if number >= seeds || is_over || is_found {
                        return;
                    }
                    let seed = runs.first + number;
                    let is_replayed = seed.is_multiple_of(REPLAYED_EVERY);
                    let outcome = run(seed, runs.steps, runs.defect, is_replayed);
                    if let Err(broken) = &outcome {
                        progress.println(format!("seed {seed}: {}", broken.what));
                    }
                    lock().add(outcome);
                    progress.inc(1);
                }
            });
        }
    });
    set_hook(quiet);
    progress.finish_and_clear();
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one seed. With replay, the inputs that led to a broken rule are also known.
pub(super) fn run(
    seed: u64,
    steps: usize,
    defect: Option<Defect>,
    is_replayed: bool,
) -> Result<Seen, Broken> {
    let mut world = World::new(seed, defect, is_replayed);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..steps {
            world.step();
        }
        world.finish();
        if is_replayed {
            replay_all(&world, seed);
        }
    }));
    match outcome {
        Ok(()) => Ok(Seen { reasons: world.auditor.into_reasons(), counts: world.counts }),
        Err(panic) => {
            let from = world.journal.len().saturating_sub(SHOWN_MAX);
            let story = world.journal[from..]
                .iter()
                .map(|(s, input, output)| format!("server {s}: {input:?}\n    => {output:?}"));
            let (parameters, what) = (world.parameters(), text_of(&*panic));
            Err(Broken { seed, parameters, what, story: story.collect() })
        }
    }
}

/// Checks that replays on engines with tables in another order have the same outputs.
fn replay_all(world: &World, seed: u64) {
    for s in 0..world.servers.len() {
        let of_server = world.journal.iter().filter(|(server, ..)| *server == s);
        replay(of_server.map(|(_, input, output)| (input, output)), [seed, !seed]);
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
