//! The fourth stage: a request whose policies set the terms.

use std::sync::Arc;

use lessor_core::{Reason, Request, Terms};
use lessor_policy_host::{PolicyOutcome, TraceEntry, View};

use crate::{
    ended::Ended, informed::Informed, located::Located, policies::Policies, witness::Witness,
};

/// A request with the terms on which it is decided.
///
/// It is boxed because every later stage contains it, and stages are moved often.
#[derive(Clone, Debug)]
pub struct Asked(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    located: Located,
    terms: Terms,
    /// What each plugin set.
    set: Vec<TraceEntry>,
    /// How often it has waited for the probe of an address.
    probes: u8,
}

impl Informed {
    /// Asks the policies for their terms.
    pub(crate) fn ask(self, policies: &mut impl Policies, witness: &mut impl Witness) -> Asked {
        let mut located = self.located;
        let outcome = match policies.has_hook_for(located.view.request.kind) {
            true => policies.terms(&located.view),
            false => PolicyOutcome::default(),
        };
        witness.asked(&located.view, &outcome);
        let PolicyOutcome { terms, trace: set, final_by } = outcome;
        located.view.final_by = final_by;
        Asked(Box::new(Parts { located, terms, set, probes: 0 }))
    }
}

impl Asked {
    /// What policies see of the request.
    pub const fn view(&self) -> &View {
        &self.0.located.view
    }

    /// The request.
    pub const fn request(&self) -> &Arc<Request> {
        &self.0.located.view.request
    }

    /// The stage before.
    pub const fn located(&self) -> &Located {
        &self.0.located
    }

    /// The terms of all plugins together.
    pub const fn terms(&self) -> &Terms {
        &self.0.terms
    }

    /// What each plugin set.
    pub(crate) fn set(&self) -> &[TraceEntry] {
        &self.0.set
    }

    /// How often the request has waited for the probe of an address.
    pub(crate) fn probes(&self) -> u8 {
        self.0.probes
    }

    /// Notes that the request waits for another probe.
    pub(crate) fn note_probe(&mut self) {
        self.0.probes = self.0.probes.saturating_add(1);
    }

    /// What each plugin planned to look up, and what each set.
    pub fn trace(&self) -> impl Iterator<Item = &TraceEntry> {
        self.0.located.planned.iter().chain(&self.0.set)
    }

    /// The same, without a copy.
    pub(crate) fn into_trace(self) -> Vec<TraceEntry> {
        let Parts { located: Located { mut planned, .. }, set, .. } = *self.0;
        if planned.is_empty() {
            return set;
        }
        planned.extend(set);
        planned
    }

    /// Ends the exchange before it is decided.
    pub const fn end(self, reason: Reason) -> Ended<Self> {
        Ended::at(self, reason, None)
    }
}
