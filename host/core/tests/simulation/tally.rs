//! The results of many seeds: what they saw, and which of them broke a rule.
//!
//! Does not run seeds. Invariant: a run of many seeds succeeds only if it saw everything that it
//! should.

use std::{collections::BTreeMap, time::Duration};

use lessor_core::{Outcome, Reason};

use super::events::{Counts, Event};

/// From this number of seeds on, a run must see every event and every reason.
const MANY: u64 = 300;
/// How often it must see each reason.
const REASON_MIN: usize = 20;
/// The maximum number of broken seeds that are listed.
const LISTED_MAX: usize = 20;

/// What one seed saw.
pub(super) struct Seen {
    pub(super) reasons: BTreeMap<Reason, usize>,
    pub(super) counts: Counts,
}

/// A broken rule.
pub(super) struct Broken {
    pub(super) seed: u64,
    pub(super) parameters: String,
    pub(super) what: String,
    pub(super) story: Vec<String>,
}

/// The results of many seeds.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) seeds: u64,
    reasons: BTreeMap<Reason, usize>,
    counts: Counts,
    /// The number of seeds that saw each event.
    seeds_that_saw: Counts,
    broken: Vec<Broken>,
}

impl Broken {
    /// The broken rule, on one line.
    pub(super) fn summary(&self) -> &str {
        self.what.lines().next().unwrap_or_default()
    }
}

impl Tally {
    pub(super) fn add(&mut self, outcome: Result<Seen, Broken>) {
        self.seeds += 1;
        match outcome {
            Ok(seen) => {
                for (reason, count) in seen.reasons {
                    *self.reasons.entry(reason).or_default() += count;
                }
                self.counts += &seen.counts;
                let events = Event::ALL.iter().filter(|event| seen.counts.of(**event) > 0);
                events.for_each(|event| self.seeds_that_saw.note(*event));
            }
            Err(broken) => self.broken.push(broken),
        }
    }

    pub(super) fn first_broken(&self) -> Option<&Broken> {
        self.broken.iter().min_by_key(|broken| broken.seed)
    }

    /// Prints what was seen and what broke. Returns whether the run succeeded.
    pub(super) fn report(&self, took: Duration, steps: usize) -> bool {
        let is_covered = self.seeds < MANY || self.show_what_was_seen();
        let (secs, count) = (took.as_secs_f64(), self.broken.len());
        let rate = self.seeds as f64 / secs;
        println!(
            "{} seeds of {steps} steps in {secs:.0} s, {rate:.1} a second: {count} broke a rule",
            self.seeds
        );
        for broken in self.broken.iter().take(LISTED_MAX) {
            println!("seed {}: {}", broken.seed, broken.parameters);
            println!("    {}", broken.summary());
        }
        if let Some(Broken { seed, .. }) = self.first_broken() {
            println!("run `cargo xtask sim --seed {seed}` for the story of the first");
        }
        self.broken.is_empty() && is_covered
    }

    /// Prints a table of what was seen. Returns whether that is everything.
    fn show_what_was_seen(&self) -> bool {
        println!("{:>12} {:>9}", "times", "in seeds");
        for event in Event::ALL {
            let (times, seeds) = (self.counts.of(*event), self.seeds_that_saw.of(*event));
            println!("{times:>12} {seeds:>9}  {}", event.words());
        }
        let is_missed = |event: &&Event| self.counts.of(**event) == 0;
        let missed: Vec<_> = Event::ALL.iter().filter(is_missed).collect();
        for event in &missed {
            println!("this run never saw: {}", event.words());
        }
        let is_rare = |reason: &&Reason| {
            is_engines(**reason) && self.reasons.get(reason).is_none_or(|met| *met < REASON_MIN)
        };
        let rare: Vec<_> = Reason::ALL.iter().filter(is_rare).collect();
        for reason in &rare {
            println!("hardly any decision ended as {reason}");
        }
        missed.is_empty() && rare.is_empty()
    }
}

/// Returns whether the engine gives the reason to messages of the world; others are given before or
/// after it.
fn is_engines(reason: Reason) -> bool {
    match reason.outcome() {
        Outcome::Offer | Outcome::Ack | Outcome::Nak => true,
        Outcome::Silence => !matches!(
            reason,
            Reason::UnknownSubnet
                | Reason::UnknownVpn
                | Reason::LinkWithoutAddress
                | Reason::RelayNotServed
                | Reason::OwnSocket
                | Reason::BroadcastDestination
                | Reason::NotRelayed
                | Reason::LookupPending
                | Reason::AlreadyWaiting
                | Reason::ChangePending
                | Reason::ProbePending
                | Reason::AddressesInUse
                | Reason::QuarantinedInUse
        ),
        Outcome::Malformed | Outcome::Failure => reason == Reason::PolicyFailed,
    }
}
