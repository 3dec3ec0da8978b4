//! The fourth stage: a request whose policies set the terms.

use std::sync::Arc;

use lessor_core::{Reason, Request, Terms};
use lessor_policy_host::{PolicyOutcome, TraceEntry, View};

use crate::{
    ended::Ended, informed::Informed, located::Located, policies::Policies, witness::Witness,
};

/// A request with the terms on which it is decided.
#[derive(Clone, Debug)]
pub struct Asked {
    pub(crate) located: Located,
    pub(crate) terms: Terms,
    /// What each plugin set.
    pub(crate) set: Vec<TraceEntry>,
    /// How often it has waited for the probe of an address.
    pub(crate) probes: u8,
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
        Asked { located, terms, set, probes: 0 }
    }
}

impl Asked {
    /// What policies see of the request.
    pub const fn view(&self) -> &View {
        &self.located.view
    }

    /// The request.
    pub const fn request(&self) -> &Arc<Request> {
        &self.located.view.request
    }

    /// The stage before.
    pub const fn located(&self) -> &Located {
        &self.located
    }

    /// The terms of all plugins together.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What each plugin planned to look up, and what each set.
    pub fn trace(&self) -> impl Iterator<Item = &TraceEntry> {
        self.located.planned.iter().chain(&self.set)
    }

    /// The same, without a copy.
    pub(crate) fn into_trace(self) -> Vec<TraceEntry> {
        let Self { located: Located { mut planned, .. }, set, .. } = self;
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
