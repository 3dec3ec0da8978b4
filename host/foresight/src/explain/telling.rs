//! Writes down what happens to a message at each stage.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use lessor_core::{
    Binding, ClientKey, Decision, Outcome, PoolUsage, Preview, Reason, Reply, ReplyKind, Request,
    Terms, Verdict, option::code,
};
use lessor_policy_host::{
    AnsweredLookup, Chain, EditOutcome, Hook, PolicyOutcome, RequestPlan, TraceEntry, View,
};
use lessor_serving::{clock, leases::LeaseRow};
use lessor_stages::{RequestLocation, Witness};
use lessor_vocabulary::{Catalogue, Shape};

use super::{
    Basis, Explanation, LocationStep, Microseconds, ReplyStep, facts,
    origins::Origins,
    plugins::{plugin_steps, times},
    texts::{self, microseconds},
};

/// Writes down what happens to a message.
pub(super) struct Telling<'t> {
    place: &'t Basis<'t>,
    chain: &'t Arc<Chain>,
    explanation: Explanation,
    watch: Stopwatch,
    request: Option<Arc<Request>>,
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
    pub(super) fn new(place: &'t Basis<'t>, chain: &'t Arc<Chain>, assumed: Vec<String>) -> Self {
        let explanation = Explanation {
            by: place.by.clone(),
            at_ms: clock::shown(place.now),
            assumed,
            request: Vec::new(),
            location: None,
            classes: Vec::new(),
            reserved_classes: Vec::new(),
            class_limit: None,
            client: String::new(),
            lease: None,
            pools: Vec::new(),
            lookups: Vec::new(),
            plugins: Vec::new(),
            terms: Vec::new(),
            reservation: None,
            host_name: None,
            allocation: Vec::new(),
            probe: None,
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
            request: None,
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
        let catalogue = self.catalogue();
        let Self { mut explanation, watch, request, terms, set, edits, reply, .. } = self;
        explanation.detail = match terms.verdict {
            Verdict::Ignore(why) | Verdict::Refuse(why) | Verdict::Drop(why) if !why.is_empty() => {
                Some(why)
            }
            _ => detail,
        };
        if let Some(preview) = preview {
            let reservation = preview.reservation.as_ref();
            let by = preview.reserved_by.as_ref();
            explanation.reservation = reservation.map(|found| texts::reservation(found, by));
            explanation.allocation =
                preview.candidates.iter().map(texts::allocation_step).collect();
            explanation.probe = preview.probe.as_ref().map(texts::probe);
            if let (Some(step), Some(reply)) = (&mut explanation.reply, reply) {
                let options = request.as_deref().map(|request| &request.options);
                let origins = Origins {
                    preview: &preview,
                    classes: &explanation.classes,
                    set: &set,
                    edits: &edits,
                    catalogue: &catalogue,
                    vendor_class: options.and_then(|sent| sent.get(code::VENDOR_CLASS)),
                };
                step.fields = origins.fields(&reply);
                step.options = origins.options(&reply);
                explanation.host_name = origins.host_name();
            }
        }
        explanation.reason = reason;
        explanation.outcome = reason.outcome();
        explanation.meaning = reason.meaning().to_owned();
        explanation.took = watch.took;
        explanation
    }

    /// Returns the options that are known by name.
    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(self.place.engines.topology().catalogue())
    }

    /// Adds what each plugin did at `hook`. `final_by` is the plugin that made the terms final
    /// earlier.
    fn add_plugins(&mut self, hook: Hook, trace: &[TraceEntry], final_by: Option<&str>) {
        let catalogue = self.catalogue();
        let steps = plugin_steps(self.chain, hook, trace, final_by, &self.before, &catalogue);
        // Only plugins that plan lookups are asked for them.
        let is_shown =
            |step: &super::PluginStep| hook.shape() != Shape::Plan || step.not_asked.is_none();
        self.explanation.plugins.extend(steps.into_iter().filter(is_shown));
        self.before = times(self.chain);
    }
}

impl Witness for Telling<'_> {
    fn wants_binding(&self) -> bool {
        true
    }

    fn parsed(&mut self, request: &Arc<Request>, _: Ipv4Addr) {
        self.watch.lap("parse");
        self.explanation.request = facts::of(request, &self.catalogue());
        self.explanation.client = texts::client(request);
        self.request = Some(Arc::clone(request));
        self.watch.skip();
    }

    fn found(&mut self, found: Option<&RequestLocation>) {
        self.watch.lap("locate");
        self.explanation.location = found.map(|found| {
            let selected = found.selected;
            let subnet = found.network.subnets.get(selected.location.subnet);
            LocationStep {
                vpn: found.network.vpn_name().map(ToString::to_string),
                vpn_by: selected.vpn_by.map(texts::vpn_selected_by).map(str::to_owned),
                network: found.network.name.to_string(),
                subnet: subnet.map(|subnet| subnet.prefix.to_string()).unwrap_or_default(),
                by: texts::located_by(selected.by).to_owned(),
                address: selected.address,
            }
        });
        self.watch.skip();
    }

    fn identified(&mut self, client: Option<&ClientKey>, binding: Option<&Arc<Binding>>) {
        self.watch.lap("client");
        if let Some(client) = client {
            let topology = self.place.engines.topology();
            self.explanation.client = client.to_string();
            self.explanation.lease =
                binding.map(|binding| LeaseRow::of(binding, self.place.now, topology));
        }
        self.watch.skip();
    }

    fn counted(&mut self, pools: &[PoolUsage]) {
        self.explanation.pools = pools.to_vec();
    }

    fn planned(&mut self, _: &View, plan: &RequestPlan) {
        self.watch.lap("plan");
        self.add_plugins(Hook::PlanLookups, &plan.trace, None);
        self.watch.skip();
    }

    fn planned_further(&mut self, _: &View, plan: &RequestPlan) {
        self.watch.lap("plan further");
        self.add_plugins(Hook::PlanFurtherLookups, &plan.trace, None);
        self.watch.skip();
    }

    fn informed(&mut self, lookups: &[AnsweredLookup]) {
        self.watch.lap("look up");
        self.explanation.lookups = lookups.iter().map(texts::lookup_step).collect();
        self.watch.skip();
    }

    fn asked(&mut self, view: &View, outcome: &PolicyOutcome) {
        self.watch.lap("policy");
        self.add_plugins(Hook::for_request(view.request.kind), &outcome.trace, None);
        self.explanation.terms = texts::terms(&outcome.terms, &view.catalogue);
        let classes = &view.request.classes;
        self.explanation.classes = classes.names().map(ToString::to_string).collect();
        self.explanation.reserved_classes =
            classes.reserved_names().map(ToString::to_string).collect();
        if outcome.terms.subscriber.is_none() {
            let limit = view.request.account_of_class(view.relay_information());
            self.explanation.class_limit = limit.as_ref().map(texts::subscriber);
        }
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

    fn written(&mut self, reply: &Reply, packet: &[u8], written: &lessor_wire::LeftOut) {
        self.watch.lap("write");
        let left_out = written.all_left_out();
        let catalogue = self.catalogue();
        let name = |code: &u8| catalogue.shown_name(*code).to_string();
        self.explanation.reply = Some(ReplyStep {
            kind: texts::reply_kind(reply.kind, self.request.as_deref()).to_owned(),
            your_address: reply.your_address,
            destination: texts::destination(reply.destination),
            octets: packet.len(),
            fields: Vec::new(),
            options: Vec::new(),
            left_out: left_out.iter().map(name).collect(),
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
