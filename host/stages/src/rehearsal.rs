//! Takes a sampled exchange through its stages again, with a shadow in its place of the chain.
//!
//! Neither an engine nor a source is asked: the reply and the answers are those of the sample.

use lessor_core::{Reply, RequestKind};
use lessor_policy_host::{
    Absent, AnsweredLookup, EditOutcome, PlannedLookup, PolicyOutcome, RequestPlan, SampledAnswers,
    Understudy, View,
};

use crate::{
    consultation::{Consultation, Consulted},
    environment::LookupAnswers,
    located::Located,
    policies::Policies,
};

/// Takes a sampled exchange through its stages, with `understudy` as its policies.
pub fn rehearse(understudy: &mut Understudy<'_>) {
    let sample = understudy.sample();
    // The failure of a live plugin does not affect the shadow.
    let view = View { absent: Absent::default(), ..sample.view.clone() };
    let mut sources = understudy.answers();
    let mut consultation =
        Consultation { sources: &mut sources, policies: understudy, witness: &mut () };
    let asked = match consultation.begin(Located::new(view, None)) {
        Ok(Consulted::Asked(asked)) => asked,
        Ok(Consulted::LookUp(_)) => return understudy.cannot_compare(),
        // The understudy noted that it failed.
        Err(_) => return,
    };
    let is_over = consultation.policies.is_over();
    if let Some(reply) = sample.reply.as_ref().filter(|_| !is_over) {
        // The understudy notes the edits, and whether it failed.
        let _ = consultation.edit(asked, reply.unedited.clone());
    }
}

impl LookupAnswers for SampledAnswers<'_> {
    fn known(&mut self, planned: Vec<PlannedLookup>) -> (Vec<AnsweredLookup>, Vec<PlannedLookup>) {
        Self::known(self, planned)
    }
}

impl Policies for Understudy<'_> {
    fn has_lookups_for(&self, kind: RequestKind) -> bool {
        Self::has_lookups_for(self, kind)
    }

    fn has_further_lookups_for(&self, kind: RequestKind) -> bool {
        Self::has_further_lookups_for(self, kind)
    }

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
        Self::plan(self, view)
    }

    fn plan_further(&mut self, view: &View) -> RequestPlan {
        Self::plan_further(self, view)
    }

    fn terms(&mut self, view: &View) -> PolicyOutcome {
        Self::terms(self, view)
    }

    fn edit_reply(&mut self, view: &View, reply: &mut Reply) -> EditOutcome {
        Self::edit_reply(self, view, reply)
    }
}
