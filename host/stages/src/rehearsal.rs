//! Takes a sampled exchange through its stages again, with a shadow in its place of the chain.
//!
//! Neither an engine nor a source is asked: the reply and the answers are those of the sample.

use lessor_core::{Reply, RequestKind};
use lessor_policy_host::{Absent, EditOutcome, Plan, PolicyOutcome, Understudy, View};

use crate::{located::Located, policies::Policies};

/// Takes a sampled exchange through its stages, with `understudy` as its policies.
pub fn rehearse(understudy: &mut Understudy<'_>) {
    let sample = understudy.sample();
    // The failure of a live plugin does not affect the shadow.
    let view = View { absent: Absent::default(), ..sample.view.clone() };
    let located = Located::new(view, None);
    let informed = if understudy.has_lookups_for(sample.view.request.kind) {
        let Ok(planned) = located.plan(understudy, &mut ()) else { return };
        planned.answer_known(|planned| understudy.known(planned), &mut ())
    } else {
        Ok(located.without_lookups())
    };
    let Ok(mut informed) = informed else { return };
    if informed.may_plan_further(understudy) {
        let Ok(planned) = informed.plan_further(understudy, &mut ()) else { return };
        match planned.answer_known(|planned| understudy.known(planned), &mut ()) {
            Ok(further) => informed = further,
            Err(_) => return,
        }
    }
    let asked = informed.ask(understudy, &mut ());
    if let Some(reply) = sample.reply.as_ref().filter(|_| !understudy.is_over()) {
        let decided = asked.with_reply(reply.unedited.clone(), &mut ());
        // The understudy notes the edits, and whether it failed.
        let _ = decided.edit(understudy, &mut ());
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

    fn plan(&mut self, view: &View) -> Plan {
        Self::plan(self, view)
    }

    fn plan_further(&mut self, view: &View) -> Plan {
        Self::plan_further(self, view)
    }

    fn terms(&mut self, view: &View) -> PolicyOutcome {
        Self::terms(self, view)
    }

    fn edit_reply(&mut self, view: &View, reply: &mut Reply) -> EditOutcome {
        Self::edit_reply(self, view, reply, lessor_wire::encode_value)
    }
}
