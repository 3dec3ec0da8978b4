//! The policies that an exchange asks.

use lessor_core::{Reply, RequestKind};
use lessor_policy_host::{EditOutcome, PolicyOutcome, RequestPlan, Runner, View};

/// The policies of an exchange: a chain of plugins, or what takes its place.
pub trait Policies {
    /// Whether a policy needs lookups before it is asked about messages of this kind.
    fn has_lookups_for(&self, kind: RequestKind) -> bool;

    /// Whether a policy may look up more that depends on those lookups.
    fn has_further_lookups_for(&self, kind: RequestKind) -> bool;

    /// Whether a policy is asked about messages of this kind.
    fn has_hook_for(&self, kind: RequestKind) -> bool;

    /// Whether a policy may read the client's binding for a message of this kind.
    fn wants_binding_of(&self, kind: RequestKind) -> bool;

    /// Whether a policy may read how full pools are for a message of this kind.
    fn wants_pools_of(&self, kind: RequestKind) -> bool;

    /// Returns what the policies want to look up.
    fn plan(&mut self, view: &View) -> RequestPlan;

    /// Returns what the policies want to look up in the second round.
    fn plan_further(&mut self, view: &View) -> RequestPlan;

    /// Returns the terms that the policies set.
    fn terms(&mut self, view: &View) -> PolicyOutcome;

    /// Has the policies edit a complete reply.
    fn edit_reply(&mut self, view: &View, reply: &mut Reply) -> EditOutcome;
}

impl Policies for Runner {
    fn has_lookups_for(&self, kind: RequestKind) -> bool {
        self.chain().has_lookups_for(kind)
    }

    fn has_further_lookups_for(&self, kind: RequestKind) -> bool {
        self.chain().has_further_lookups_for(kind)
    }

    fn has_hook_for(&self, kind: RequestKind) -> bool {
        self.chain().has_hook_for(kind)
    }

    fn wants_binding_of(&self, kind: RequestKind) -> bool {
        self.chain().wants_binding_of(kind)
    }

    fn wants_pools_of(&self, kind: RequestKind) -> bool {
        self.chain().wants_pools_of(kind)
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
