//! Runners: the instances of one thread. Nothing here takes a lock or waits unless a plugin faults
//! or a party is shut out after faults.

use std::{sync::Arc, time::Instant};

use lessor_core::{Reply, ReplyKind, Terms, Verdict};

use crate::{
    Chain, EditOutcome, EventPlan, FaultKind, LeaseEvent, PluginError, PolicyOutcome, RequestPlan,
    TraceEntry, View,
    hook::{Hook, HookSet},
    seat::{Duty, Seat},
};

/// Runs a chain for one worker thread.
pub struct Runner {
    chain: Arc<Chain>,
    seats: Vec<Seat>,
}

/// Notifies the plugins of a chain of lease events, on a thread off the reply path.
pub struct LeaseEventRunner {
    chain: Arc<Chain>,
    seats: Vec<Seat>,
}

impl Chain {
    /// Creates instances of every live plugin with a hook on the packet path, for one worker
    /// thread. Runs `configure`, which can be slow, so call it off the packet path.
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub fn runner(self: &Arc<Self>) -> Result<Runner, Vec<PluginError>> {
        self.runner_after(None)
    }

    /// Does the same for a thread that still runs another chain. Plugins that are unchanged get no
    /// new instances; [`Runner::take_over`] moves those that the thread has.
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub fn runner_after(
        self: &Arc<Self>,
        before: Option<&Self>,
    ) -> Result<Runner, Vec<PluginError>> {
        let seats = self.seats(HookSet::touches_packets, Duty::Packets, before)?;
        Ok(Runner::new(Arc::clone(self), seats))
    }

    /// Creates instances for the thread that delivers lease events.
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub fn observer(self: &Arc<Self>) -> Result<LeaseEventRunner, Vec<PluginError>> {
        self.observer_after(None)
    }

    /// Does the same for a thread that still runs another chain; see [`Chain::runner_after`].
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub fn observer_after(
        self: &Arc<Self>,
        before: Option<&Self>,
    ) -> Result<LeaseEventRunner, Vec<PluginError>> {
        let seats = self.seats(|hooks| hooks.contains(Hook::OnLease), Duty::LeaseEvents, before)?;
        Ok(LeaseEventRunner::new(Arc::clone(self), seats))
    }
}

impl Runner {
    pub(crate) fn new(chain: Arc<Chain>, seats: Vec<Seat>) -> Self {
        Self { chain, seats }
    }

    /// The chain that this runs.
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// Takes over the instances of unchanged plugins from `before`, the previous runner of the same
    /// thread, which must be dropped next.
    pub fn take_over(&mut self, before: &mut Self) {
        self.seats.iter_mut().for_each(|seat| seat.take_over(&mut before.seats));
    }

    /// Calls the plugins that have a hook for the request and plan lookups, in order, and returns
    /// what they want to look up. The answers go into [`View::lookups`].
    pub fn plan(&mut self, view: &View) -> RequestPlan {
        let hook = Hook::for_request(view.request.kind);
        self.plan_round(Hook::PlanLookups, view, |seat| seat.plugin.hooks.planned().contains(hook))
    }

    /// Does the same for the second round: calls the plugins that have planned lookups in the first
    /// one and have a hook for a second. The answers of the first round are in [`View::lookups`],
    /// and those of the second are added to it.
    pub fn plan_further(&mut self, view: &View) -> RequestPlan {
        let hook = Hook::for_request(view.request.kind);
        self.plan_round(Hook::PlanFurtherLookups, view, |seat| {
            seat.plugin.hooks.planned_further().contains(hook)
                && view.asks(&seat.plugin.name)
                && view.has_lookups_of(&seat.plugin.name)
        })
    }

    /// Calls the plugins that `is_asked` accepts at the hook for a round of lookups.
    fn plan_round(
        &mut self,
        round: Hook,
        view: &View,
        is_asked: impl Fn(&Seat) -> bool,
    ) -> RequestPlan {
        let mut plan = RequestPlan::default();
        let mut absent = view.absent.to_vec();
        let mut clock = Instant::now();
        for seat in self.seats.iter_mut().filter(|seat| is_asked(seat)) {
            match seat.call(&mut clock, view, |instance| instance.plan(round, view)) {
                Ok(planned) if planned.is_empty() => {}
                Ok(planned) => {
                    plan.lookups.extend(planned.iter().cloned());
                    plan.trace.push(TraceEntry { planned, ..TraceEntry::new(&seat.plugin.name) });
                }
                Err(kind) => {
                    plan.trace.push(TraceEntry::failed(&seat.plugin.name, kind));
                    plan.dropped = seat.plugin.drop_reason(kind);
                    if plan.dropped.is_some() {
                        plan.lookups.clear();
                        break;
                    }
                    absent.push(Arc::clone(&seat.plugin.name));
                }
            }
        }
        plan.absent = absent.into();
        plan
    }

    /// Calls the plugins for a request, in order. Later settings replace earlier ones. A plugin
    /// that does not proceed, or makes the terms final, is the last one that is called. Settings of
    /// a call that failed are discarded.
    pub fn terms(&mut self, view: &View) -> PolicyOutcome {
        self.terms_after(view, Terms::default())
    }

    /// Does the same as [`Runner::terms`], for a chain that follows plugins that have set
    /// `earlier`.
    pub fn terms_after(&mut self, view: &View, earlier: Terms) -> PolicyOutcome {
        let hook = Hook::for_request(view.request.kind);
        let has_hook = |seat: &&mut Seat| seat.is_asked(hook, view);
        let mut outcome = PolicyOutcome { terms: earlier, ..PolicyOutcome::default() };
        let mut clock = Instant::now();
        for seat in self.seats.iter_mut().filter(has_hook) {
            let earlier = &outcome.terms;
            match seat.call(&mut clock, view, |instance| instance.decide(hook, view, earlier)) {
                Ok((verdict, draft)) => {
                    let mut entry = TraceEntry::new(&seat.plugin.name);
                    entry.set = draft.into_settings();
                    entry.set.iter().for_each(|setting| setting.apply(&mut outcome.terms));
                    let goes_on = verdict == Verdict::Proceed;
                    entry.verdict = (!goes_on).then(|| verdict.clone());
                    let is_final = goes_on && entry.is_final();
                    outcome.trace.push(entry);
                    if is_final {
                        outcome.final_by = Some(Arc::clone(&seat.plugin.name));
                        break;
                    }
                    if !goes_on {
                        outcome.terms.verdict = verdict;
                        break;
                    }
                }
                Err(kind) => {
                    outcome.trace.push(TraceEntry::failed(&seat.plugin.name, kind));
                    if let Some(reason) = seat.plugin.drop_reason(kind) {
                        outcome.terms =
                            Terms { verdict: Verdict::Drop(reason), ..Terms::default() };
                        break;
                    }
                }
            }
        }
        outcome
    }

    /// Calls the plugins to edit a complete OFFER or ACK, in order, each on the result of the one
    /// before, up to the one that made the terms final.
    pub fn edit_reply(&mut self, view: &View, reply: &mut Reply) -> EditOutcome {
        let mut outcome = EditOutcome::default();
        if reply.kind == ReplyKind::Nak {
            return outcome;
        }
        let mut clock = Instant::now();
        let mut is_over = false;
        for seat in &mut self.seats {
            if is_over {
                break;
            }
            is_over = view.final_by.as_ref() == Some(&seat.plugin.name);
            if !seat.is_asked(Hook::ReplyOptions, view) {
                continue;
            }
            match seat.call(&mut clock, view, |instance| instance.edit(view, reply)) {
                Ok(draft) => {
                    let mut entry = TraceEntry::new(&seat.plugin.name);
                    entry.set = draft.apply(reply);
                    outcome.trace.push(entry);
                }
                Err(kind) => {
                    outcome.trace.push(TraceEntry::failed(&seat.plugin.name, kind));
                    outcome.dropped = seat.plugin.drop_reason(kind);
                    if outcome.dropped.is_some() {
                        break;
                    }
                }
            }
        }
        outcome
    }

    /// The memory of the instances, in octets, without spare ones.
    pub fn memory_octets(&self) -> usize {
        self.seats.iter().map(Seat::memory_octets).sum()
    }

    /// Whether a spare instance of every plugin is ready.
    pub fn is_prepared(&self) -> bool {
        self.seats.iter().all(Seat::is_prepared)
    }
}

impl LeaseEventRunner {
    pub(crate) fn new(chain: Arc<Chain>, seats: Vec<Seat>) -> Self {
        Self { chain, seats }
    }

    /// The chain that this runs.
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// Takes over the instances of unchanged plugins; see [`Runner::take_over`].
    pub fn take_over(&mut self, before: &mut Self) {
        self.seats.iter_mut().for_each(|seat| seat.take_over(&mut before.seats));
    }

    /// Whether a plugin plans lookups for lease events.
    pub fn plans_lookups(&self) -> bool {
        self.seats.iter().any(|seat| seat.plugin.hooks.plans_for_events())
    }

    /// Calls the plugins that plan lookups for lease events, and returns what they want to look up.
    /// The answers go into [`LeaseEvent::lookups`].
    pub fn plan(&mut self, event: &LeaseEvent) -> EventPlan {
        let mut plan = EventPlan::default();
        let mut absent = Vec::new();
        let mut clock = Instant::now();
        for seat in self.seats.iter_mut().filter(|seat| seat.plugin.hooks.plans_for_events()) {
            match seat.call(&mut clock, event, |instance| instance.plan_for_event(event)) {
                Ok(planned) => plan.lookups.extend(planned),
                // The plugin's status records the fault.
                Err(_) => absent.push(Arc::clone(&seat.plugin.name)),
            }
        }
        plan.absent = absent.into();
        plan
    }

    /// Notifies the plugins, in order. A plugin that fails misses the event.
    pub fn on_lease(&mut self, event: &LeaseEvent) {
        let mut clock = Instant::now();
        for seat in self.seats.iter_mut().filter(|seat| event.tells(&seat.plugin.name)) {
            // The plugin's status records the fault.
            let _: Result<(), FaultKind> =
                seat.call(&mut clock, event, |instance| instance.tell(event));
        }
        if let Some(shadows) = self.chain.shadows() {
            shadows.offer_lease_event(event);
        }
    }
}

impl TraceEntry {
    fn new(plugin: &Arc<str>) -> Self {
        Self {
            plugin: Arc::clone(plugin),
            planned: Vec::new(),
            set: Vec::new(),
            verdict: None,
            fault: None,
        }
    }

    fn failed(plugin: &Arc<str>, fault: FaultKind) -> Self {
        Self { fault: Some(fault), ..Self::new(plugin) }
    }
}
