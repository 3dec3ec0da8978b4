//! The third stage: a request whose lookups have answers, and the plan that leads there.

use lessor_core::Reason;
use lessor_policy_host::{AnsweredLookup, PlannedLookup};

use crate::{ended::Ended, located::Located, policies::Policies, witness::Witness};

/// A request whose policies said what they look up.
#[derive(Debug)]
pub struct Planned {
    located: Located,
    answered: Vec<AnsweredLookup>,
    unanswered: Vec<PlannedLookup>,
}

/// A request with the answers to its lookups.
#[derive(Debug)]
pub struct Informed {
    pub(crate) located: Located,
}

impl Located {
    /// Asks the policies what to look up.
    ///
    /// # Errors
    /// If a policy fails that must not be skipped.
    pub fn plan(
        mut self,
        policies: &mut impl Policies,
        witness: &mut impl Witness,
    ) -> Result<Planned, Ended<Self>> {
        let plan = policies.plan(&self.view);
        witness.planned(&self.view, &plan);
        self.planned = plan.trace;
        if plan.dropped.is_some() {
            return Err(Ended::at(self, Reason::PolicyFailed, plan.dropped));
        }
        self.view.absent = plan.absent;
        Ok(Planned { located: self, answered: Vec::new(), unanswered: plan.lookups })
    }

    /// Continues without lookups, because no policy has any for such messages.
    pub const fn without_lookups(self) -> Informed {
        Informed { located: self }
    }
}

impl Planned {
    /// The request.
    pub const fn located(&self) -> &Located {
        &self.located
    }

    /// Drops the plan.
    pub(crate) fn into_located(self) -> Located {
        self.located
    }

    /// Ends the exchange without the answers.
    pub fn end(self, reason: Reason) -> Ended<Located> {
        Ended::at(self.located, reason, None)
    }

    /// Takes the lookups that have no answer, so that they can be asked elsewhere.
    pub fn take_unanswered(&mut self) -> Vec<PlannedLookup> {
        std::mem::take(&mut self.unanswered)
    }

    /// Adds the answers that `known` returns; it also returns the lookups that it cannot answer.
    ///
    /// # Errors
    /// If there are such lookups: the request has to wait.
    pub fn answer_known(
        mut self,
        known: impl FnOnce(Vec<PlannedLookup>) -> (Vec<AnsweredLookup>, Vec<PlannedLookup>),
        witness: &mut impl Witness,
    ) -> Result<Informed, Self> {
        let (answers, unanswered) = known(self.unanswered);
        self.answered.extend(answers);
        self.unanswered = unanswered;
        if self.unanswered.is_empty() { Ok(self.answer(Vec::new(), witness)) } else { Err(self) }
    }

    /// Adds the answers to all lookups that had none.
    pub(crate) fn answer(
        self,
        answers: Vec<AnsweredLookup>,
        witness: &mut impl Witness,
    ) -> Informed {
        let Self { mut located, mut answered, unanswered: _ } = self;
        answered.extend(answers);
        witness.informed(&answered);
        located.view.lookups = answered.into();
        Informed { located }
    }
}
