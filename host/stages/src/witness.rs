//! What a caller is notified of while an exchange goes through its stages.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{
    Binding, ClientKey, Decision, Engine, Network, PoolUsage, Reply, Request, Selected,
};
use lessor_policy_host::{AnsweredLookup, EditOutcome, PolicyOutcome, RequestPlan, View};

/// Where a request belongs.
#[derive(Clone, Debug)]
pub struct RequestLocation {
    /// Its subnet, and what determined it.
    pub selected: Selected,
    /// The network.
    pub network: Arc<Network>,
}

/// Is notified at each stage of an exchange. Decides nothing; `()` ignores everything.
pub trait Witness {
    /// Whether the witness needs the client's binding even if no policy does.
    fn wants_binding(&self) -> bool {
        false
    }

    /// The datagram is a request. Replies to it will come from `reply_source`.
    fn parsed(&mut self, request: &Arc<Request>, reply_source: Ipv4Addr) {
        let _ = (request, reply_source);
    }

    /// The subnet of the request was looked for.
    fn found(&mut self, found: Option<&RequestLocation>) {
        let _ = found;
    }

    /// The client was looked for. Its binding is `None` if it has none, or if nothing needs it.
    fn identified(&mut self, client: Option<&ClientKey>, binding: Option<&Arc<Binding>>) {
        let _ = (client, binding);
    }

    /// It was counted how full the pools of the network are. Not called if no policy reads it.
    fn counted(&mut self, pools: &[PoolUsage]) {
        let _ = pools;
    }

    /// The policies said what they look up. Not called if none looks up anything for such messages.
    fn planned(&mut self, view: &View, plan: &RequestPlan) {
        let _ = (view, plan);
    }

    /// The policies said what they look up in the second round. Not called if there is none.
    fn planned_further(&mut self, view: &View, plan: &RequestPlan) {
        let _ = (view, plan);
    }

    /// Every lookup that was planned so far has an answer. Not called if there was nothing to plan;
    /// called again after the second round.
    fn informed(&mut self, lookups: &[AnsweredLookup]) {
        let _ = lookups;
    }

    /// The policies set the terms, or none is asked about such messages.
    fn asked(&mut self, view: &View, outcome: &PolicyOutcome) {
        let _ = (view, outcome);
    }

    /// The engine decided about a request. Called under its lock.
    fn ruled(&mut self, engine: &mut Engine, request: &Request, decision: &Decision) {
        let _ = (engine, request, decision);
    }

    /// The request is not decided now, and ends.
    fn undecided(&mut self) {}

    /// The request is decided. The reply is still as the engine made it.
    fn decided(&mut self, view: &View, decision: &Decision, detail: Option<&str>) {
        let _ = (view, decision, detail);
    }

    /// The policies edited the reply, or none edits replies. `reply` is the edited one.
    fn edited(&mut self, view: &View, reply: &Reply, outcome: &EditOutcome) {
        let _ = (view, reply, outcome);
    }

    /// The reply was written as `packet`.
    fn written(&mut self, reply: &Reply, packet: &[u8], written: &lessor_wire::LeftOut) {
        let _ = (reply, packet, written);
    }
}

impl Witness for () {}
