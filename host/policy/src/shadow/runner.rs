//! The runner of a chain's shadows, and its thread.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lessor_core::{LookupAnswer, Terms, Verdict};

use super::{
    Difference, DifferenceKind, Sample, SampledReply, ShadowDifference, ShadowSample, Shadows,
    compare,
    record::{Finding, Shadow},
};
use crate::{
    Absent, Chain, Encode, FaultKind, Lookup, PlannedLookup, PluginError, TraceEntry, View,
    background,
    hook::Hook,
    limits::DIFFERENCE_CHARS_MAX,
    plugin::Plugin,
    seat::{Duty, Seat},
};

/// How often the thread checks whether it is to end.
const GLANCE: Duration = Duration::from_millis(50);

/// The instances of a chain's shadows, for one thread.
pub struct ShadowRunner {
    chain: Arc<Chain>,
    shadows: Arc<Shadows>,
    seats: Vec<Place>,
}

/// A shadow and its position in the chain.
struct Place {
    shadow: Arc<Shadow>,
    position: usize,
    seat: Seat,
}

/// The thread of a chain's shadows. It ends soon after this is dropped; the drop does not wait for
/// it.
#[derive(Debug)]
pub struct ShadowThread {
    is_over: Arc<AtomicBool>,
}

impl Chain {
    /// Creates instances for the thread that runs the shadows. Returns `None` if there are none.
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub fn shadow_runner(self: &Arc<Self>) -> Result<Option<ShadowRunner>, Vec<PluginError>> {
        ShadowRunner::new(self)
    }
}

impl ShadowRunner {
    /// Creates the instances of a chain's shadows. Returns `None` if there are none.
    pub(crate) fn new(chain: &Arc<Chain>) -> Result<Option<Self>, Vec<PluginError>> {
        let Some(shadows) = chain.shadows() else { return Ok(None) };
        let mut seats = Vec::new();
        let mut errors = Vec::new();
        for shadow in &shadows.shadows {
            let position = chain.position_of(&shadow.plugin.name).unwrap_or(usize::MAX);
            match Seat::new(&shadow.plugin, Duty::Packets) {
                Ok(seat) => seats.push(Place { shadow: Arc::clone(shadow), position, seat }),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Some(Self { chain: Arc::clone(chain), shadows: Arc::clone(shadows), seats }))
    }

    /// Starts a low-priority thread that calls the shadows for all samples, and calls `report` for
    /// each difference. `encode` is as in [`crate::Runner::edit_reply`].
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(
        mut self,
        encode: Encode,
        mut report: impl FnMut(ShadowDifference) + Send + 'static,
    ) -> io::Result<ShadowThread> {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        background::spawn("policy-shadows", move || {
            while !told.load(Ordering::Relaxed) {
                self.run_one(GLANCE, encode).into_iter().for_each(&mut report);
            }
        })?;
        Ok(ShadowThread { is_over })
    }

    /// Handles the next exchange or lease event, if one arrives within `patience`.
    pub fn run_one(&mut self, patience: Duration, encode: Encode) -> Vec<ShadowDifference> {
        match self.shadows.waiting.recv_timeout(patience) {
            Ok(Sample::Exchange(sample)) => self.exchange(&sample, encode),
            Ok(Sample::Lease(event)) => {
                let mut clock = Instant::now();
                for Place { seat, .. } in &mut self.seats {
                    if seat.plugin.hooks.contains(Hook::OnLease) {
                        // The plugin's status records the fault.
                        let _: Result<(), FaultKind> =
                            seat.call(&mut clock, &*event, |instance| instance.tell(&event));
                    }
                }
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    /// Whether a spare instance of every shadow is ready.
    pub fn is_prepared(&self) -> bool {
        self.seats.iter().all(|place| place.seat.is_prepared())
    }

    fn exchange(&mut self, sample: &ShadowSample, encode: Encode) -> Vec<ShadowDifference> {
        let mut found = Vec::new();
        for place in &mut self.seats {
            let finding = place.compare(&self.chain, sample, encode);
            found.extend(place.shadow.note(&sample.view, finding));
        }
        found
    }
}

impl Drop for ShadowThread {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// The result of one of the two stages of an exchange.
enum Stage {
    /// The shadow would not have been called.
    NotAsked,
    Differs(Vec<Difference>),
    /// The same, and there would have been no reply.
    Ends(Vec<Difference>),
}

impl Place {
    fn compare(&mut self, chain: &Chain, sample: &ShadowSample, encode: Encode) -> Finding {
        let view = &match self.informed(chain, &sample.view) {
            Ok(Some(view)) => view,
            Ok(None) => return Finding::NotComparable,
            Err(kind) => return Finding::Compared(vec![self.fault(kind)]),
        };
        let (terms, is_final) = self.terms(chain, sample, view);
        let terms = match terms {
            Stage::Ends(differences) => return Finding::Compared(differences),
            Stage::Differs(differences) => Some(differences),
            Stage::NotAsked => None,
        };
        let reply = sample
            .reply
            .as_ref()
            .map_or(Stage::NotAsked, |reply| self.reply(chain, view, reply, is_final, encode));
        match (terms, reply) {
            (None, Stage::NotAsked) => Finding::NotAsked,
            (terms, Stage::NotAsked) => Finding::Compared(terms.unwrap_or_default()),
            (terms, Stage::Differs(reply) | Stage::Ends(reply)) => {
                Finding::Compared(compare::join(terms.unwrap_or_default(), reply))
            }
        }
    }

    /// The view with the answers to the lookups that the shadow plans: those that were made for the
    /// live plugins, and those that are in memory. Returns `None` if others are needed; no source
    /// is queried for a shadow.
    fn informed(&mut self, chain: &Chain, view: &View) -> Result<Option<View>, FaultKind> {
        // The failure of a live plugin does not affect this one.
        let mut informed = View { absent: Absent::default(), ..view.clone() };
        if !self.seat.plugin.hooks.planned().contains(Hook::for_request(view.request.kind)) {
            return Ok(Some(informed));
        }
        let planned = self.seat.call(&mut Instant::now(), view, |instance| instance.plan(view))?;
        let mut lookups = view.lookups.to_vec();
        for PlannedLookup { plugin, name, source, key } in planned {
            let is_same = |lookup: &&Lookup| lookup.source == source && lookup.key == key;
            let known = view.lookups.iter().find(is_same).map(|known| known.answer.clone());
            let in_memory = || {
                chain.lookup_sources().row(&source, &key).map(|row| match row {
                    Some(row) => LookupAnswer::Found { row, is_stale: false },
                    None => LookupAnswer::NotFound,
                })
            };
            let Some(answer) = known.or_else(in_memory) else { return Ok(None) };
            lookups.push(Lookup { plugin, name, source, key, answer });
        }
        informed.lookups = lookups.into();
        Ok(Some(informed))
    }

    /// Compares the terms that the chain would have set with those that it set. Also returns
    /// whether the shadow made them final.
    fn terms(&mut self, chain: &Chain, sample: &ShadowSample, view: &View) -> (Stage, bool) {
        let hook = Hook::for_request(view.request.kind);
        if !self.seat.plugin.hooks.contains(hook) {
            return (Stage::NotAsked, false);
        }
        let (before, after) = self.around(chain, &sample.outcome.trace);
        let mut terms = Terms::default();
        let follow = |terms: &mut Terms, entry: &TraceEntry| {
            let plugin = chain.plugin(&entry.plugin);
            let dropping =
                plugin.zip(entry.fault).and_then(|(plugin, kind)| plugin.drop_reason(kind));
            compare::follow(terms, entry, dropping)
        };
        // A new version of a plugin usually comes after the one that it is to replace in the chain,
        // so final terms exclude no shadow.
        let is_final_only = |entry: &TraceEntry| entry.verdict.is_none() && entry.is_final();
        if !before.iter().all(|entry| follow(&mut terms, entry) || is_final_only(entry)) {
            return (Stage::NotAsked, false);
        }
        let is_final;
        let decided = self
            .seat
            .call(&mut Instant::now(), view, |instance| instance.decide(hook, view, &terms));
        match decided {
            Err(kind) => return (Stage::Ends(vec![self.fault(kind)]), false),
            Ok((verdict, draft)) => {
                let goes_on = verdict == Verdict::Proceed;
                let own = TraceEntry {
                    plugin: Arc::clone(&self.seat.plugin.name),
                    planned: Vec::new(),
                    set: draft.into_settings(),
                    verdict: (!goes_on).then_some(verdict),
                    fault: None,
                };
                is_final = own.is_final();
                if compare::follow(&mut terms, &own, None) {
                    let _ = after.iter().all(|entry| follow(&mut terms, entry));
                }
            }
        }
        let differences = compare::terms(&sample.outcome.terms, &terms);
        let stage = match terms.verdict {
            Verdict::Proceed => Stage::Differs(differences),
            _ => Stage::Ends(differences),
        };
        (stage, is_final)
    }

    /// Compares the reply that the chain would have made from the engine's reply with the one that
    /// it made. If the shadow made the terms final, the plugins behind it would not have edited the
    /// reply.
    fn reply(
        &mut self,
        chain: &Chain,
        view: &View,
        sampled: &SampledReply,
        is_final: bool,
        encode: Encode,
    ) -> Stage {
        let is_shown = self.seat.plugin.hooks.contains(Hook::ReplyOptions);
        if !is_shown && !is_final {
            return Stage::NotAsked;
        }
        let (before, mut after) = self.around(chain, &sampled.edits);
        if is_final {
            after.clear();
        }
        let mut live = sampled.unedited.clone();
        sampled.edits.iter().for_each(|entry| compare::edit(&mut live, entry));
        let mut reply = sampled.unedited.clone();
        before.iter().for_each(|entry| compare::edit(&mut reply, entry));
        if is_shown {
            let draft = self
                .seat
                .call(&mut Instant::now(), view, |instance| instance.edit(view, &reply, encode));
            match draft {
                Err(kind) => return Stage::Differs(vec![self.fault(kind)]),
                Ok(draft) => drop(draft.apply(&mut reply)),
            }
        }
        after.iter().for_each(|entry| compare::edit(&mut reply, entry));
        Stage::Differs(compare::replies(&live, &reply, encode))
    }

    /// The entries of plugins before this one in the chain, and of those after it.
    fn around<'t>(
        &self,
        chain: &Chain,
        trace: &'t [TraceEntry],
    ) -> (Vec<&'t TraceEntry>, Vec<&'t TraceEntry>) {
        trace.iter().partition(|entry| {
            chain.position_of(&entry.plugin).is_some_and(|position| position < self.position)
        })
    }

    /// Describes the fault of a plugin, with details if its last fault was of this kind.
    fn fault(&self, kind: FaultKind) -> Difference {
        let plugin: &Plugin = &self.seat.plugin;
        let last = plugin.health.last_fault(Instant::now()).filter(|last| last.kind == kind);
        let story =
            last.map_or_else(|| kind.to_string(), |last| format!("{kind}: {}", last.message));
        let story = story.chars().take(DIFFERENCE_CHARS_MAX).collect();
        Difference { kind: DifferenceKind::Fault, live: None, shadow: Some(story) }
    }
}
