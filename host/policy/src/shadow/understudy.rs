//! A shadow in its place of the chain: says what the chain would have said with it, and notes where
//! that differs from what the chain said.
//!
//! Only the shadow is called; what the other plugins did is on record. Invariant: nothing is looked
//! up for a shadow.

use std::{mem, sync::Arc, time::Instant};

use lessor_core::{LookupAnswer, Reply, RequestKind, Terms, Verdict};

use super::{
    Difference, DifferenceKind, ShadowSample, compare,
    results::{Finding, Shadow},
};
use crate::{
    AnsweredLookup, Chain, EditOutcome, FaultKind, LookupSources, PlannedLookup, PolicyOutcome,
    RequestPlan, TraceEntry, View, hook::Hook, limits::DIFFERENCE_CHARS_MAX, plugin::Plugin,
    seat::Seat,
};

/// A shadow and its position in the chain.
pub(super) struct PlacedShadow {
    pub(super) shadow: Arc<Shadow>,
    pub(super) position: usize,
    pub(super) seat: Seat,
}

/// A shadow in its place of the chain, for one sampled exchange.
pub struct Understudy<'u> {
    place: &'u mut PlacedShadow,
    chain: &'u Chain,
    sample: &'u ShadowSample,
    finding: Finding,
    /// Whether there would have been no reply.
    is_over: bool,
    /// Whether the shadow made the terms final.
    is_final: bool,
}

/// The answers that were found for the live plugins or are in memory.
pub struct SampledAnswers<'u> {
    chain: &'u Chain,
    sample: &'u ShadowSample,
}

impl SampledAnswers<'_> {
    /// Returns the answers, and the lookups that have none.
    pub fn known(&self, planned: Vec<PlannedLookup>) -> (Vec<AnsweredLookup>, Vec<PlannedLookup>) {
        known_to(self.chain.lookup_sources(), &self.sample.view.lookups, planned)
    }
}

impl<'u> Understudy<'u> {
    pub(super) fn new(
        place: &'u mut PlacedShadow,
        chain: &'u Chain,
        sample: &'u ShadowSample,
    ) -> Self {
        let finding = Finding::NotAsked;
        Self { place, chain, sample, finding, is_over: false, is_final: false }
    }

    pub(super) fn finding(self) -> Finding {
        self.finding
    }

    /// The exchange.
    pub const fn sample(&self) -> &'u ShadowSample {
        self.sample
    }

    /// Whether there would have been no reply with the shadow, or whether it failed.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether the shadow plans lookups for messages of this kind.
    pub fn has_lookups_for(&self, kind: RequestKind) -> bool {
        self.place.seat.plugin.hooks.planned().contains(Hook::for_request(kind))
    }

    /// Whether the shadow may look up more that depends on those lookups.
    pub fn has_further_lookups_for(&self, kind: RequestKind) -> bool {
        self.place.seat.plugin.hooks.planned_further().contains(Hook::for_request(kind))
    }

    /// Returns what the shadow wants to look up.
    pub fn plan(&mut self, view: &View) -> RequestPlan {
        self.plan_round(Hook::PlanLookups, view)
    }

    /// Returns what the shadow wants to look up in the second round.
    pub fn plan_further(&mut self, view: &View) -> RequestPlan {
        match view.has_lookups_of(&self.place.seat.plugin.name) {
            true => self.plan_round(Hook::PlanFurtherLookups, view),
            false => RequestPlan::default(),
        }
    }

    fn plan_round(&mut self, round: Hook, view: &View) -> RequestPlan {
        let seat = &mut self.place.seat;
        let planned = seat.call(&mut Instant::now(), view, |instance| instance.plan(round, view));
        match planned {
            Ok(lookups) => RequestPlan { lookups, ..RequestPlan::default() },
            Err(kind) => {
                self.fail(kind);
                RequestPlan { dropped: Some(kind.to_string()), ..RequestPlan::default() }
            }
        }
    }

    /// The answers to lookups of the shadow.
    pub const fn answers(&self) -> SampledAnswers<'u> {
        SampledAnswers { chain: self.chain, sample: self.sample }
    }

    /// Notes that the exchange cannot be compared, because a lookup of the shadow has no answer.
    pub fn cannot_compare(&mut self) {
        self.finding = Finding::NotComparable;
    }

    /// Returns the terms that the chain would have set.
    pub fn terms(&mut self, view: &View) -> PolicyOutcome {
        let live = &self.sample.outcome;
        let hook = Hook::for_request(view.request.kind);
        let (before, after) = self.around(&live.trace);
        let mut terms = Terms::default();
        // A new version of a plugin usually comes after the one that it is to replace in the chain,
        // so final terms exclude no shadow.
        let is_final_only = |entry: &TraceEntry| entry.verdict.is_none() && entry.is_final();
        let is_asked = self.place.seat.plugin.hooks.contains(hook)
            && before.iter().all(|entry| self.follow(&mut terms, entry) || is_final_only(entry));
        if !is_asked {
            return live.clone();
        }
        let seat = &mut self.place.seat;
        let decided =
            seat.call(&mut Instant::now(), view, |instance| instance.decide(hook, view, &terms));
        let (verdict, draft) = match decided {
            Ok(decided) => decided,
            Err(kind) => {
                self.fail(kind);
                return live.clone();
            }
        };
        let own = TraceEntry {
            plugin: Arc::clone(&self.place.seat.plugin.name),
            planned: Vec::new(),
            set: draft.into_settings(),
            verdict: (verdict != Verdict::Proceed).then_some(verdict),
            fault: None,
        };
        self.is_final = own.is_final();
        if compare::follow(&mut terms, &own, None) {
            let _ = after.iter().all(|entry| self.follow(&mut terms, entry));
        }
        self.note(compare::terms(&live.terms, &terms));
        self.is_over = terms.verdict != Verdict::Proceed;
        PolicyOutcome { terms, ..PolicyOutcome::default() }
    }

    /// Edits the reply of the engine as the chain would have. If the shadow made the terms final,
    /// the plugins behind it would not have edited the reply.
    pub fn edit_reply(&mut self, view: &View, reply: &mut Reply) -> EditOutcome {
        let is_shown = self.place.seat.plugin.hooks.contains(Hook::ReplyOptions);
        let edits = self.sample.reply.as_ref().map(|reply| reply.edits.as_slice());
        let edits = edits.unwrap_or_default();
        if !is_shown && !self.is_final {
            return EditOutcome::default();
        }
        let (before, mut after) = self.around(edits);
        if self.is_final {
            after.clear();
        }
        let mut live = reply.clone();
        edits.iter().for_each(|entry| compare::edit(&mut live, entry));
        before.iter().for_each(|entry| compare::edit(reply, entry));
        if is_shown {
            let seat = &mut self.place.seat;
            let draft = seat.call(&mut Instant::now(), view, |instance| instance.edit(view, reply));
            match draft {
                Ok(draft) => drop(draft.apply(reply)),
                Err(kind) => {
                    self.fail(kind);
                    return EditOutcome::default();
                }
            }
        }
        after.iter().for_each(|entry| compare::edit(reply, entry));
        self.note(compare::replies(&live, reply));
        EditOutcome::default()
    }

    /// Applies what a live plugin did to the terms. Returns whether the chain continues.
    fn follow(&self, terms: &mut Terms, entry: &TraceEntry) -> bool {
        let plugin = self.chain.plugin(&entry.plugin);
        let dropping = plugin.zip(entry.fault).and_then(|(plugin, kind)| plugin.drop_reason(kind));
        compare::follow(terms, entry, dropping)
    }

    /// The entries of plugins before this one in the chain, and of those after it.
    fn around<'t>(&self, trace: &'t [TraceEntry]) -> (Vec<&'t TraceEntry>, Vec<&'t TraceEntry>) {
        trace.iter().partition(|entry| {
            let position = self.chain.position_of(&entry.plugin);
            position.is_some_and(|position| position < self.place.position)
        })
    }

    /// Adds differences to those that were found.
    fn note(&mut self, differences: Vec<Difference>) {
        let found = match mem::replace(&mut self.finding, Finding::NotAsked) {
            Finding::Compared(found) => found,
            Finding::NotAsked | Finding::NotComparable => Vec::new(),
        };
        self.finding = Finding::Compared(compare::join(found, differences));
    }

    /// Notes a fault of the shadow, with details if its last fault was of this kind.
    fn fail(&mut self, kind: FaultKind) {
        let plugin: &Plugin = &self.place.seat.plugin;
        let last = plugin.health.last_fault(Instant::now()).filter(|last| last.kind == kind);
        let story =
            last.map_or_else(|| kind.to_string(), |last| format!("{kind}: {}", last.message));
        let story = story.chars().take(DIFFERENCE_CHARS_MAX).collect();
        self.note(vec![Difference {
            kind: DifferenceKind::Fault,
            live: None,
            shadow: Some(story),
        }]);
        self.is_over = true;
    }
}

/// Returns the lookups whose answers are among those of live plugins or in memory, and the others.
pub(super) fn known_to(
    sources: &dyn LookupSources,
    live: &[AnsweredLookup],
    planned: Vec<PlannedLookup>,
) -> (Vec<AnsweredLookup>, Vec<PlannedLookup>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for lookup in planned {
        let is_same =
            |other: &&AnsweredLookup| other.source == lookup.source && other.key == lookup.key;
        let answer = live.iter().find(is_same).map(|known| known.answer.clone());
        let in_memory =
            || {
                let row = sources.row(&lookup.source, &lookup.key)?;
                Some(row.map_or(LookupAnswer::NotFound, |row| LookupAnswer::Found {
                    row,
                    is_stale: false,
                }))
            };
        match answer.or_else(in_memory) {
            Some(answer) => known.push(lookup.answered(answer)),
            None => unknown.push(lookup),
        }
    }
    (known, unknown)
}
