//! Writes down what happens to a message at each stage.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use lessor_core::{
    ClientKey, Decision, Lease, Outcome, Preview, Reason, Reply, ReplyKind, Request, Terms, Verdict,
};
use lessor_policy_host::{Chain, EditOutcome, Hook, Lookup, Plan, PolicyOutcome, TraceEntry, View};
use lessor_stages::{Found, Witness};

use super::{
    Explanation, LocationStep, Microseconds, Place, ReplyStep, facts,
    origins::Origins,
    plugins::{plugin_steps, times},
    texts::{self, microseconds},
};
use crate::{clock, leases::Row, recording::option_name};

/// Writes down what happens to a message.
pub(super) struct Telling<'t> {
    place: &'t Place<'t>,
    chain: &'t Arc<Chain>,
    explanation: Explanation,
    watch: Stopwatch,
    /// The total time of the calls of each plugin, before the next step.
    before: Vec<Duration>,
    terms: Terms,
    /// What each plugin set, and how each edited the reply.
    set: Vec<TraceEntry>,
    edits: Vec<TraceEntry>,
    reply: Option<Reply>,
}

impl<'t> Telling<'t> {
    /// Begins an explanation of a message for which `assumed` was not given.
    pub(super) fn new(place: &'t Place<'t>, chain: &'t Arc<Chain>, assumed: Vec<String>) -> Self {
        let explanation = Explanation {
            by: place.by.clone(),
            at_ms: clock::shown(place.now),
            assumed,
            request: Vec::new(),
            location: None,
            client: String::new(),
            lease: None,
            lookups: Vec::new(),
            plugins: Vec::new(),
            terms: Vec::new(),
            reservation: None,
            allocation: Vec::new(),
            reason: Reason::UnknownSubnet,
            outcome: Outcome::Silence,
            meaning: String::new(),
            detail: None,
            reply: None,
            took: Vec::new(),
        };
        Self {
            place,
            chain,
            explanation,
            watch: Stopwatch::start(),
            before: Vec::new(),
            terms: Terms::default(),
            set: Vec::new(),
            edits: Vec::new(),
            reply: None,
        }
    }

    /// Ends the explanation with the reason of the exchange, and what the engine would decide.
    pub(super) fn conclude(
        self,
        reason: Reason,
        detail: Option<String>,
        preview: Option<Preview>,
    ) -> Explanation {
        let Self { mut explanation, watch, terms, set, edits, reply, .. } = self;
        explanation.detail = match terms.verdict {
            Verdict::Ignore(why) | Verdict::Refuse(why) | Verdict::Drop(why) if !why.is_empty() => {
                Some(why)
            }
            _ => detail,
        };
        if let Some(preview) = preview {
            explanation.reservation = preview.reservation.as_ref().map(texts::reservation);
            explanation.allocation =
                preview.candidates.iter().map(texts::allocation_step).collect();
            if let (Some(step), Some(reply)) = (&mut explanation.reply, reply) {
                let origins = Origins { preview: &preview, set: &set, edits: &edits };
                step.fields = origins.fields(&reply);
                step.options = origins.options(&reply);
            }
        }
        explanation.reason = reason;
        explanation.outcome = reason.outcome();
        explanation.meaning = reason.meaning().to_owned();
        explanation.took = watch.took;
        explanation
    }

    /// Adds what each plugin did at `hook`. `final_by` is the plugin that made the terms final
    /// earlier.
    fn add_plugins(&mut self, hook: Hook, trace: &[TraceEntry], final_by: Option<&str>) {
        let steps = plugin_steps(self.chain, hook, trace, final_by, &self.before);
        // Only plugins that plan lookups are asked for them.
        let is_shown =
            |step: &super::PluginStep| hook != Hook::PlanLookups || step.not_asked.is_none();
        self.explanation.plugins.extend(steps.into_iter().filter(is_shown));
        self.before = times(self.chain);
    }
}

impl Witness for Telling<'_> {
    fn wants_lease(&self) -> bool {
        true
    }

    fn parsed(&mut self, request: &Arc<Request>, _: Ipv4Addr) {
        self.watch.lap("parse");
        self.explanation.request = facts::of(request);
        self.explanation.client = texts::client(request);
        self.watch.skip();
    }

    fn found(&mut self, found: Option<&Found>) {
        self.watch.lap("locate");
        self.explanation.location = found.map(|found| {
            let subnet = found.network.subnets.get(found.location.subnet);
            LocationStep {
                network: found.network.name.to_string(),
                subnet: subnet.map(|subnet| subnet.prefix.to_string()).unwrap_or_default(),
                by: texts::located_by(found.by).to_owned(),
                address: found.address,
            }
        });
        self.watch.skip();
    }

    fn identified(&mut self, client: Option<&ClientKey>, lease: Option<&Arc<Lease>>) {
        self.watch.lap("client");
        if let Some(client) = client {
            let topology = self.place.engines.topology();
            self.explanation.client = client.to_string();
            self.explanation.lease = lease.map(|lease| Row::of(lease, self.place.now, topology));
        }
        self.watch.skip();
    }

    fn planned(&mut self, _: &View, plan: &Plan) {
        self.watch.lap("plan");
        self.add_plugins(Hook::PlanLookups, &plan.trace, None);
        self.watch.skip();
    }

    fn informed(&mut self, lookups: &[Lookup]) {
        self.watch.lap("look up");
        self.explanation.lookups = lookups.iter().map(texts::lookup_step).collect();
        self.watch.skip();
    }

    fn asked(&mut self, view: &View, outcome: &PolicyOutcome) {
        self.watch.lap("policy");
        self.add_plugins(Hook::for_request(view.request.kind), &outcome.trace, None);
        self.explanation.terms = texts::terms(&outcome.terms);
        self.terms = outcome.terms.clone();
        self.set = outcome.trace.clone();
        self.watch.skip();
    }

    fn decided(&mut self, _: &View, _: &Decision, _: Option<&str>) {
        self.watch.lap("allocate");
    }

    fn edited(&mut self, view: &View, reply: &Reply, outcome: &EditOutcome) {
        self.watch.lap("edit");
        if reply.kind != ReplyKind::Nak && self.chain.wants_options() {
            self.add_plugins(Hook::ReplyOptions, &outcome.trace, view.final_by.as_deref());
        }
        self.edits = outcome.trace.clone();
        self.watch.skip();
    }

    fn written(&mut self, reply: &Reply, packet: &[u8], written: &lessor_wire::Written) {
        self.watch.lap("write");
        let left_out = written.all_left_out();
        self.explanation.reply = Some(ReplyStep {
            kind: texts::reply_kind(reply.kind).to_owned(),
            your_address: reply.your_address,
            destination: texts::destination(reply.destination),
            octets: packet.len(),
            fields: Vec::new(),
            options: Vec::new(),
            left_out: left_out.iter().map(|code| option_name(*code)).collect(),
        });
        self.reply = Some(reply.clone());
    }
}

/// Measures how long each step takes.
struct Stopwatch {
    took: Vec<(String, Microseconds)>,
    last: Instant,
}

impl Stopwatch {
    fn start() -> Self {
        Self { took: Vec::new(), last: Instant::now() }
    }

    fn lap(&mut self, step: &str) {
        let now = Instant::now();
        self.took.push((step.to_owned(), microseconds(now - self.last)));
        self.last = now;
    }

    /// Excludes the time since the last step.
    fn skip(&mut self) {
        self.last = Instant::now();
    }
}
