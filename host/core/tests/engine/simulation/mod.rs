//! Thousands of random steps of many clients against one engine: messages in and out of season,
//! policies that change their mind, time, reclaiming, reloads, restarts, clocks that are wrong, and a store that fails
//! and that another server writes to. The auditor knows the rules and nothing of the engine.
//!
//! A seed is a bug report: it is printed first, and `SIMULATION_SEED` runs that one alone.

pub(crate) mod auditor;
mod clients;
mod input;
mod random;
mod store;
mod world;

use std::collections::BTreeMap;

use lessor_core::{Outcome, Reason};

use self::{input::Input, random::Random, world::World};

const STEPS: usize = 4_000;

fn seeds() -> Vec<u64> {
    match std::env::var("SIMULATION_SEED") {
        Ok(seed) => vec![seed.parse().expect("SIMULATION_SEED is a number")],
        Err(_) => match std::env::var("SIMULATION_SEEDS") {
            Ok(seeds) => (1..=seeds.parse().expect("SIMULATION_SEEDS is a number")).collect(),
            Err(_) => (1..=16).collect(),
        },
    }
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
        ),
        Outcome::Malformed | Outcome::Failure => reason == Reason::PolicyFailed,
    }
}

#[test]
fn no_rule_is_broken_and_every_run_replays() {
    let mut reasons = BTreeMap::<Reason, usize>::new();
    for seed in seeds() {
        println!("seed {seed}, {STEPS} steps");
        let mut world = World::new(Random::new(seed));
        for _ in 0..STEPS {
            world.step();
        }
        world.settle_everything();
        for (reason, count) in world.auditor.reasons() {
            *reasons.entry(*reason).or_default() += count;
        }
        // Written down, read back and fed to an engine whose tables are in another order.
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
    println!("{reasons:?}");
    for reason in Reason::ALL.iter().filter(|reason| is_engines(**reason)) {
        let is_met = reasons.get(reason).is_some_and(|count| *count >= 20);
        assert!(is_met || seeds().len() == 1, "hardly any decision was {reason}");
    }
}
