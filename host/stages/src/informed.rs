//! The third stage: a request whose lookups have answers, and the plans that lead there.
//!
//! There are at most two rounds of lookups. Invariant: no third round can be planned, because the
//! second one is planned only after the first.

use lessor_core::Reason;
use lessor_policy_host::{AnsweredLookup, Lookups, PlannedLookup, RequestPlan};

use crate::{ended::Ended, located::Located, policies::Policies, witness::Witness};

/// A request whose policies said what they look up.
#[derive(Debug)]
pub struct Planned {
    located: Located,
    round: Round,
    answered: Vec<AnsweredLookup>,
    unanswered: Vec<PlannedLookup>,
}

/// A round of lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// The lookups depend on the message.
    First,
    /// The lookups depend on the answers of the first round.
    Further,
}

/// A request with the answers to its lookups.
#[derive(Debug)]
pub struct Informed {
    pub(crate) located: Located,
    /// The last round of lookups that was planned; `None` if there was none.
    round: Option<Round>,
}

impl Located {
    /// Asks the policies what to look up.
    ///
    /// # Errors
    /// If a policy fails that must not be skipped.
    pub(crate) fn plan(
        mut self,
        policies: &mut impl Policies,
        witness: &mut impl Witness,
    ) -> Result<Planned, Ended<Self>> {
        let plan = policies.plan(&self.view);
        witness.planned(&self.view, &plan);
        self.planned.clear();
        self.planned_in(Round::First, plan)
    }

    /// Continues without lookups, because no policy has any for such messages.
    pub(crate) const fn without_lookups(self) -> Informed {
        Informed { located: self, round: None }
    }

    fn planned_in(mut self, round: Round, plan: RequestPlan) -> Result<Planned, Ended<Self>> {
        self.planned.extend(plan.trace);
        if plan.dropped.is_some() {
            return Err(Ended::at(self, Reason::PolicyFailed, plan.dropped));
        }
        self.view.absent = plan.absent;
        Ok(Planned { located: self, round, answered: Vec::new(), unanswered: plan.lookups })
    }
}

impl Informed {
    /// Whether a policy may look up more that depends on what the first round has found.
    pub(crate) fn may_plan_further(&self, policies: &impl Policies) -> bool {
        let view = &self.located.view;
        self.round == Some(Round::First)
            && !view.lookups.is_empty()
            && policies.has_further_lookups_for(view.request.kind)
    }

    /// Asks the policies what to look up in the second round.
    ///
    /// # Errors
    /// If a policy fails that must not be skipped.
    pub(crate) fn plan_further(
        self,
        policies: &mut impl Policies,
        witness: &mut impl Witness,
    ) -> Result<Planned, Ended<Located>> {
        let located = self.located;
        let plan = policies.plan_further(&located.view);
        witness.planned_further(&located.view, &plan);
        located.planned_in(Round::Further, plan)
    }

    /// Converts the request before its lookups.
    pub(crate) fn map<E>(
        self,
        convert: impl FnOnce(Located) -> Result<Located, E>,
    ) -> Result<Self, E> {
        Ok(Self { located: convert(self.located)?, round: self.round })
    }
}

impl Planned {
    /// The request.
    pub const fn located(&self) -> &Located {
        &self.located
    }

    /// The round of its lookups.
    pub const fn round(&self) -> Round {
        self.round
    }

    /// The lookups that have no answer.
    pub fn unanswered(&self) -> &[PlannedLookup] {
        &self.unanswered
    }

    /// Drops the plan, and the answers of all rounds.
    pub(crate) fn into_located(self) -> Located {
        let mut located = self.located;
        located.view.lookups = Lookups::default();
        located.view.absent = Default::default();
        located
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
    pub(crate) fn answer_known(
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
        let Self { mut located, round, answered, unanswered: _ } = self;
        let mut all = match round {
            Round::First => Vec::new(),
            Round::Further => located.view.lookups.to_vec(),
        };
        all.extend(answered.into_iter().chain(answers));
        witness.informed(&all);
        located.view.lookups = all.into();
        Informed { located, round: Some(round) }
    }
}
