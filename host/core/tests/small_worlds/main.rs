//! Small worlds, explored completely: two clients, two addresses, one or two servers on one store,
//! and optionally one subscriber. Every order of all possible events is tried up to a depth:
//! messages, storage that commits changes, fails, fails but writes, and answers late or twice,
//! records of the other server that arrive or do not, time, and restarts. The rules must hold in
//! each state. A broken rule is reported with the shortest sequence of events that leads to it.
//! A run without arguments, such as that of the test suite, also makes each deliberate mistake,
//! which has to be found.
//!
//! Not explored: a client that has an address and starts again from DISCOVER or INIT-REBOOT, and
//! storage that answers the changes of one server in another order than it received them; the
//! simulation has both.
//!
//! `cargo xtask worlds` explores to a greater depth than the test suite does.

#[path = "../common/storage.rs"]
mod storage;
#[path = "../common/support.rs"]
#[allow(dead_code, reason = "the engine's tests use more of it")]
mod support;
mod world;

use std::{collections::HashSet, process::ExitCode, time::Instant};

use clap::Parser;

use self::world::{Action, Kind, Mistake, World};

/// A depth that the test suite reaches in seconds.
const DEPTH: usize = 7;
/// The depth at which the last of the deliberate mistakes shows: an address has to be leased,
/// declined and written twice before a restart can forget it.
const MISTAKES_DEPTH: usize = 8;

/// Explore small worlds completely
#[derive(Debug, Parser)]
struct Arguments {
    /// Number of consecutive events; 7 by default, 8 for mistakes
    #[arg(long)]
    depth: Option<usize>,
    /// Explore only this world
    #[arg(long, value_enum)]
    world: Option<Kind>,
    /// Make a deliberate mistake, which must be found
    #[arg(long, value_enum)]
    mistake: Option<Mistake>,
    /// Search for every mistake in turn, and show the shortest sequence of events for each
    #[arg(long, conflicts_with = "mistake")]
    mistakes: bool,
    // Arguments that `cargo test` passes to every test.
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
    #[arg(hide = true)]
    filter: Vec<String>,
}

/// The result of exploring a world.
struct Explored {
    states: usize,
    depth: usize,
    /// Whether all reachable states were seen.
    is_complete: bool,
    broken: Option<(String, Vec<String>)>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_wanted = |filter: &String| "small_worlds".contains(filter.as_str());
    if !arguments.filter.is_empty() && !arguments.filter.iter().any(is_wanted) {
        return ExitCode::SUCCESS;
    }
    let mut is_well = true;
    let kinds = arguments.world.map_or(Kind::ALL.to_vec(), |kind| vec![kind]);
    if arguments.mistakes || arguments.mistake.is_some() {
        let mistakes = arguments.mistake.map_or(Mistake::ALL.to_vec(), |mistake| vec![mistake]);
        let depth = arguments.depth.unwrap_or(MISTAKES_DEPTH);
        let is_well = find_all(&mistakes, &kinds, depth);
        return if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    for kind in kinds {
        let began = Instant::now();
        let explored = explore(kind, None, arguments.depth.unwrap_or(DEPTH));
        let seconds = began.elapsed().as_secs_f64();
        let Explored { states, depth, is_complete, broken } = &explored;
        let all = if *is_complete { ", which is all that can happen" } else { "" };
        println!("{kind:?}: {states} states to depth {depth}{all}, in {seconds:.1} s");
        if let Some((rule, story)) = broken {
            is_well = false;
            tell(rule, story);
        }
    }
    if arguments.depth.is_none() && arguments.world.is_none() {
        is_well &= find_all(&Mistake::ALL, &Kind::ALL, MISTAKES_DEPTH);
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns whether every mistake is found in one of the worlds.
fn find_all(mistakes: &[Mistake], kinds: &[Kind], depth: usize) -> bool {
    let found: Vec<bool> = mistakes.iter().map(|mistake| find(*mistake, kinds, depth)).collect();
    found.into_iter().all(|is_found| is_found)
}

/// Returns whether a mistake is found in one of the worlds, and prints the shortest sequence of
/// events.
fn find(mistake: Mistake, kinds: &[Kind], depth: usize) -> bool {
    let mut shortest: Option<(Kind, String, Vec<String>)> = None;
    for kind in kinds {
        // Only a shorter story is of interest.
        let depth = shortest.as_ref().map_or(depth, |(.., story)| story.len() - 1);
        if let Some((rule, story)) = explore(*kind, Some(mistake), depth).broken {
            shortest = Some((*kind, rule, story));
        }
    }
    match shortest {
        Some((kind, rule, story)) => {
            let steps = story.len();
            println!("{mistake:?}: found after {steps} steps in {kind:?}");
            tell(&rule, &story);
            true
        }
        None => {
            println!("{mistake:?}: NOT FOUND to depth {depth}");
            false
        }
    }
}

fn tell(rule: &str, story: &[String]) {
    for (number, line) in story.iter().enumerate() {
        println!("  {:>2}. {line}", number + 1);
    }
    println!("  BROKEN: {rule}");
}

/// Visits every state that can be reached within `depth` steps, the nearest first.
fn explore(kind: Kind, mistake: Option<Mistake>, depth: usize) -> Explored {
    let mut seen = HashSet::new();
    // For each state: the state that it was reached from, and the step that led to it.
    let mut steps: Vec<(usize, Action)> = Vec::new();
    let mut layer = vec![(usize::MAX, World::new(kind, mistake))];
    seen.insert(layer[0].1.fingerprint());
    for reached in 0..depth {
        let mut next = Vec::new();
        for (from, world) in layer {
            for action in world.possible() {
                let mut after = world.clone();
                let outcome = after.act(action);
                if let Err(rule) = outcome.and_then(|()| after.check()) {
                    let mut path = path_to(&steps, from);
                    path.push(action);
                    let story = story_of(kind, mistake, &path);
                    let (states, is_complete) = (seen.len(), false);
                    let broken = Some((rule, story));
                    return Explored { states, depth: reached + 1, is_complete, broken };
                }
                if seen.insert(after.fingerprint()) {
                    steps.push((from, action));
                    next.push((steps.len() - 1, after));
                }
            }
        }
        layer = next;
        if layer.is_empty() {
            let states = seen.len();
            return Explored { states, depth: reached, is_complete: true, broken: None };
        }
    }
    Explored { states: seen.len(), depth, is_complete: false, broken: None }
}

fn path_to(steps: &[(usize, Action)], mut state: usize) -> Vec<Action> {
    let mut path = Vec::new();
    while let Some((from, action)) = steps.get(state) {
        path.push(*action);
        state = *from;
    }
    path.reverse();
    path
}

/// The path in words: each event and its result.
fn story_of(kind: Kind, mistake: Option<Mistake>, path: &[Action]) -> Vec<String> {
    let mut world = World::new(kind, mistake);
    path.iter()
        .map(|action| {
            let before = world.told.len();
            let _ = world.act(*action);
            let came_of_it = world.told[before..].join("; ");
            format!("{action}{}{came_of_it}", if came_of_it.is_empty() { "" } else { ": " })
        })
        .collect()
}
