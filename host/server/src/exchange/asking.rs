//! Asks the policies: first what to look up, and once that is known, for their terms.

use std::sync::Arc;

use lessor_core::{Reason, Timestamp};
use lessor_policy_host::{Lookup, Lookups, PolicyOutcome, Runner, View};

use super::{Exchange, Pipeline, Unseen};

impl Pipeline<'_> {
    /// Continues with an exchange that waited for lookups. Policies see the client's lease as it is
    /// now. If the policies are newer than those that planned, they plan again, and the exchange
    /// may have to wait again; that happens once.
    pub(crate) fn looked_up(
        &self,
        runner: &mut Runner,
        now: Timestamp,
        exchange: &mut Exchange,
        answers: Vec<Lookup>,
    ) {
        exchange.waits_for.clear();
        let shows_lease = exchange.shows_lease(runner);
        let Some(asked) = &mut exchange.asked else { return };
        let request = &asked.view.request;
        let (view, lease) = match self.view(shows_lease, now, request) {
            Ok(seen) => seen,
            Err(Unseen { reason, detail }) => {
                exchange.fail(reason, Some(detail));
                return;
            }
        };
        let lookups = asked.view.lookups.iter().cloned().chain(answers).collect();
        let absent = Arc::clone(&asked.view.absent);
        asked.view = View { lookups, absent, ..view };
        asked.lease = lease;
        let is_of_others = asked
            .planned_by
            .as_ref()
            .is_some_and(|chain| chain.as_ptr() != Arc::as_ptr(runner.chain()));
        if is_of_others && !asked.is_replanned {
            asked.is_replanned = true;
            asked.view.lookups = Lookups::default();
            if !self.plan(runner, exchange) {
                return;
            }
        }
        self.ask_policies(runner, now, exchange);
    }

    /// Asks policies what to look up, and looks up what is available at once. Returns whether that
    /// is everything.
    pub(super) fn plan(&self, runner: &mut Runner, exchange: &mut Exchange) -> bool {
        let Some(asked) = &mut exchange.asked else { return false };
        asked.planned_by = Some(Arc::downgrade(runner.chain()));
        let plan = runner.plan(&asked.view);
        asked.set = plan.trace;
        if plan.dropped.is_some() {
            exchange.fail(Reason::PolicyFailed, plan.dropped);
            return false;
        }
        let (known, unknown) = self.generation.load().lookups.known(plan.lookups);
        asked.view.absent = plan.absent;
        asked.view.lookups = known.into();
        exchange.waits_for = unknown;
        exchange.waits_for.is_empty()
    }

    /// Asks the policies for their terms and does all that follows, once every lookup has its
    /// result.
    pub(super) fn ask_policies(
        &self,
        runner: &mut Runner,
        now: Timestamp,
        exchange: &mut Exchange,
    ) {
        let Some(asked) = &mut exchange.asked else { return };
        if let Some(why) = self.generation.load().lookups.missing(&asked.view.lookups) {
            exchange.fail(Reason::LookupFailed, Some(why));
            return;
        }
        let kind = asked.view.request.kind;
        asked.shadows = runner.chain().shadows_of(kind).cloned();
        if runner.chain().has_hook_for(kind) {
            let PolicyOutcome { terms, trace, final_by } = runner.terms(&asked.view);
            asked.terms = terms;
            asked.view.final_by = final_by;
            asked.set.extend(trace);
        }
        self.decide_under_terms(runner, now, exchange);
    }
}
