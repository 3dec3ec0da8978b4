//! The fourth stage: a request whose policies set the terms.

use std::sync::Arc;

use lessor_core::{Reason, Request, Terms, Timestamp};
use lessor_policy_host::{PolicyOutcome, TraceEntry, View};

use crate::{
    decided::Decided,
    ended::Ended,
    environment::{self, Environment, Question, Ruling},
    informed::Informed,
    located::Located,
    policies::Policies,
    witness::Witness,
};

/// A request with the terms on which it is decided.
#[derive(Clone, Debug)]
pub struct Asked {
    pub(crate) located: Located,
    pub(crate) terms: Terms,
    /// What each plugin set.
    pub(crate) set: Vec<TraceEntry>,
}

/// What became of a request that was to be decided.
#[derive(Debug)]
pub enum Attempted<W> {
    /// It is decided.
    Decided(Decided),
    /// It waits for storage.
    Waits(Asked, W),
}

impl Informed {
    /// Asks the policies for their terms.
    pub fn ask(self, policies: &mut impl Policies, witness: &mut impl Witness) -> Asked {
        let mut located = self.located;
        let outcome = match policies.has_hook_for(located.view.request.kind) {
            true => policies.terms(&located.view),
            false => PolicyOutcome::default(),
        };
        witness.asked(&located.view, &outcome);
        let PolicyOutcome { terms, trace: set, final_by } = outcome;
        located.view.final_by = final_by;
        Asked { located, terms, set }
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

    /// Has the engine that owns the network decide. If it was retired meanwhile, its successor
    /// decides; the terms, which policies of an older generation may have set, remain valid for
    /// this request.
    ///
    /// # Errors
    /// If no network spans the request any more, or if it would have to wait and may not.
    pub fn decide<E: Environment>(
        self,
        environment: &mut E,
        now: Timestamp,
        witness: &mut impl Witness,
    ) -> Result<Attempted<E::Wait>, Ended<Self>> {
        let request = self.request();
        let ruling = environment::where_it_belongs(environment, request, |environment| {
            let location = environment.topology().locate(request)?;
            let question = Question { now, location, request, terms: &self.terms };
            Some(environment.decide(question, witness))
        });
        match ruling {
            Ok(Ruling::Decided(decision, detail)) => {
                Ok(Attempted::Decided(self.decided(decision, detail, witness)))
            }
            Ok(Ruling::Waits(wait)) => Ok(Attempted::Waits(self, wait)),
            Ok(Ruling::NotNow(reason)) => {
                witness.undecided();
                Err(Ended::at(self, reason, None))
            }
            Err((reason, detail)) => Err(Ended::at(self, reason, Some(detail))),
        }
    }

    /// Ends the exchange before it is decided.
    pub const fn end(self, reason: Reason) -> Ended<Self> {
        Ended::at(self, reason, None)
    }
}
