//! Takes a described request through the stages of an exchange, with one plugin as its policies.
//!
//! The stages are those of the server ([`lessor_stages`]). There is no engine: the reply that the
//! plugin edits comes from the case.

use std::{sync::Arc, time::Instant};

use lessor_config::{CaseRequest, PlannedName, ReplyTerms};
use lessor_core::{LookupAnswer, Reply, RequestKind, Verdict};
use lessor_policy_host::{
    AnsweredLookup, EditOutcome, Hook, PlannedLookup, PolicyOutcome, RequestPlan, Runner, Setting,
    TraceEntry, View,
};
use lessor_stages::{Asked, Consultation, Consulted, Located, LookupAnswers, Policies};

use crate::{
    outcome::{Call, CaseOutcome, OptionEffects, octets},
    request,
    workbench::{CannotRun, PreparedPlugin},
};

impl PreparedPlugin {
    /// Runs the plugin on the request: lookups, decision and reply, or the lease event if the case
    /// has one.
    pub(crate) fn attempt(&mut self, described: &CaseRequest) -> Result<CaseOutcome, CannotRun> {
        let view =
            request::view(described).map_err(|error| CannotRun(vec![format!("{error:#}")]))?;
        let mut outcome = CaseOutcome::default();
        outcome.effects.catalogue = Arc::clone(&described.catalogue);
        if !described.classes.is_empty() {
            let names = view.request.classes.names().map(ToString::to_string);
            outcome.effects.classes = Some(names.collect());
        }
        if described.event.is_some() {
            self.tell(described, &view, &mut outcome)?;
        } else if let Some(asked) = self.ask(described, view, &mut outcome) {
            self.edit(described, asked, &mut outcome);
        }
        Ok(outcome)
    }

    /// Takes the request through the stages up to the terms of the plugin and of those before it in
    /// the chain. Returns `None` if the exchange ends because the plugin fails.
    pub(crate) fn ask(
        &mut self,
        described: &CaseRequest,
        view: View,
        outcome: &mut CaseOutcome,
    ) -> Option<Asked> {
        let mut answers = DescribedAnswers::of(described);
        let mut tried = Tried { prepared: self, described, outcome };
        let mut consultation =
            Consultation { sources: &mut answers, policies: &mut tried, witness: &mut () };
        let consulted = consultation.begin(Located::new(view, None));
        answers.note_in(outcome);
        match consulted {
            Ok(Consulted::Asked(asked)) => Some(asked),
            // There are none: each lookup without an answer counts as unavailable.
            Ok(Consulted::LookUp(_)) => None,
            Err(ended) => {
                outcome.effects.verdict = Verdict::Drop(ended.detail.unwrap_or_default());
                None
            }
        }
    }

    /// Has the plugin edit the reply that the server would send.
    fn edit(&mut self, described: &CaseRequest, asked: Asked, outcome: &mut CaseOutcome) {
        let is_answered = asked.terms().verdict == Verdict::Proceed;
        if !is_answered || !self.has(Hook::ReplyOptions) {
            return;
        }
        let Some(reply) = request::reply(described, asked.view(), asked.terms()) else { return };
        let mut answers = DescribedAnswers::of(described);
        let mut tried = Tried { prepared: self, described, outcome };
        let mut consultation =
            Consultation { sources: &mut answers, policies: &mut tried, witness: &mut () };
        if let Err(ended) = consultation.edit(asked, reply) {
            outcome.effects.verdict = Verdict::Drop(ended.detail.unwrap_or_default());
        }
    }

    fn tell(
        &mut self,
        described: &CaseRequest,
        view: &View,
        outcome: &mut CaseOutcome,
    ) -> Result<(), CannotRun> {
        if !self.has(Hook::OnLease) {
            return Ok(());
        }
        let mut event = request::event(described, view);
        let mut observer = self.chain.observer()?;
        if observer.plans_lookups() {
            let began = Instant::now();
            let plan = observer.plan(&event);
            outcome.calls.push(Call { hook: Hook::PlanLeaseLookups, took: began.elapsed() });
            let fault = self.last_fault().map(|(kind, _)| kind);
            self.note_fault(Hook::PlanLeaseLookups, fault, outcome);
            event.absent = plan.absent;
            let mut answers = DescribedAnswers::of(described);
            let (known, _) = answers.known(plan.lookups);
            answers.note_in(outcome);
            event.lookups = known.into();
        }
        if !event.absent.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        observer.on_lease(&event);
        outcome.calls.push(Call { hook: Hook::OnLease, took: began.elapsed() });
        let fault = self.last_fault().map(|(kind, _)| kind);
        self.note_fault(Hook::OnLease, fault, outcome);
        Ok(())
    }
}

/// The plugin as the policies of an exchange: each call is measured, and its effects are noted.
struct Tried<'t> {
    prepared: &'t mut PreparedPlugin,
    described: &'t CaseRequest,
    outcome: &'t mut CaseOutcome,
}

impl Tried<'_> {
    /// Makes a call, and notes how long it took and whether the plugin failed.
    fn call<T>(
        &mut self,
        hook: Hook,
        call: impl FnOnce(&mut Runner) -> T,
        trace: impl FnOnce(&T) -> &[TraceEntry],
    ) -> T {
        let began = Instant::now();
        let result = call(&mut self.prepared.runner);
        self.outcome.calls.push(Call { hook, took: began.elapsed() });
        let fault = trace(&result).iter().find_map(|entry| entry.fault);
        self.prepared.note_fault(hook, fault, self.outcome);
        result
    }
}

/// The case's answers to lookups, and the names of those that were planned.
struct DescribedAnswers<'d> {
    described: &'d CaseRequest,
    planned: Vec<PlannedName>,
    unanswered: Vec<String>,
}

impl<'d> DescribedAnswers<'d> {
    const fn of(described: &'d CaseRequest) -> Self {
        Self { described, planned: Vec::new(), unanswered: Vec::new() }
    }

    fn answer(&mut self, planned: PlannedLookup) -> AnsweredLookup {
        self.planned.push(PlannedName {
            name: planned.name.to_string(),
            source: planned.source.to_string(),
            key: planned.key.to_string(),
        });
        let answer = self.described.lookups.iter().find(|(name, _)| *name == planned.name);
        let answer = answer.map(|(_, answer)| answer.clone()).unwrap_or_else(|| {
            self.unanswered.push(planned.name.to_string());
            LookupAnswer::Unavailable("the case has no answer".to_owned())
        });
        planned.answered(answer)
    }

    fn note_in(self, outcome: &mut CaseOutcome) {
        outcome.effects.lookups.extend(self.planned);
        outcome.effects.lookups.sort();
        outcome.unanswered.extend(self.unanswered);
    }
}

impl LookupAnswers for DescribedAnswers<'_> {
    fn known(&mut self, planned: Vec<PlannedLookup>) -> (Vec<AnsweredLookup>, Vec<PlannedLookup>) {
        (planned.into_iter().map(|planned| self.answer(planned)).collect(), Vec::new())
    }
}

impl Policies for Tried<'_> {
    fn has_lookups_for(&self, kind: RequestKind) -> bool {
        self.prepared.chain.has_lookups_for(kind)
    }

    fn has_further_lookups_for(&self, kind: RequestKind) -> bool {
        self.prepared.chain.has_further_lookups_for(kind)
    }

    /// The terms of earlier plugins are there even if this one is not asked.
    fn has_hook_for(&self, _: RequestKind) -> bool {
        true
    }

    fn wants_binding_of(&self, _: RequestKind) -> bool {
        true
    }

    fn wants_pools_of(&self, _: RequestKind) -> bool {
        true
    }

    fn plan(&mut self, view: &View) -> RequestPlan {
        self.call(Hook::PlanLookups, |runner| runner.plan(view), |plan| &plan.trace)
    }

    fn plan_further(&mut self, view: &View) -> RequestPlan {
        let hook = Hook::PlanFurtherLookups;
        self.call(hook, |runner| runner.plan_further(view), |plan| &plan.trace)
    }

    fn terms(&mut self, view: &View) -> PolicyOutcome {
        let hook = Hook::for_request(view.request.kind);
        let earlier = request::earlier(self.described);
        if !self.prepared.has(hook) {
            return PolicyOutcome { terms: earlier, ..PolicyOutcome::default() };
        }
        let ask = |runner: &mut Runner| runner.terms_after(view, earlier);
        let decided = self.call(hook, ask, |decided| &decided.trace);
        let terms = decided.trace.first().map(|entry| entry.terms()).unwrap_or_default();
        let effects = &mut self.outcome.effects;
        effects.verdict = decided.terms.verdict.clone();
        effects.is_final = decided.final_by.is_some();
        effects.pool = terms.pool;
        effects.address = terms.address;
        effects.lease_time_secs = terms.lease_time_secs;
        effects.reply_terms = ReplyTerms {
            renewal: terms.renewal,
            rebinding: terms.rebinding,
            next_server: terms.next_server,
            server_name: terms.server_name,
            boot_file: terms.boot_file,
        };
        effects.subscriber.clone_from(&terms.subscriber);
        effects.options = terms
            .options
            .iter()
            .map(|(code, value)| (*code, value.as_deref().map(octets)))
            .collect();
        decided
    }

    fn edit_reply(&mut self, view: &View, reply: &mut Reply) -> EditOutcome {
        let edit = |runner: &mut Runner| runner.edit_reply(view, reply);
        let edited = self.call(Hook::ReplyOptions, edit, |edited| &edited.trace);
        let set = edited.trace.iter().flat_map(|entry| &entry.set);
        self.outcome.effects.reply = set.filter_map(option_effect).collect::<OptionEffects>();
        edited
    }
}

fn option_effect(setting: &Setting) -> Option<(u8, Option<Vec<u8>>)> {
    match setting {
        Setting::Option(code, value) => Some((*code, Some(octets(value)))),
        Setting::NoOption(code) => Some((*code, None)),
        _ => None,
    }
}
