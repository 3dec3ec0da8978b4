//! Takes the steps of a packet's life without consequences, and records them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use lessor_core::{
    BeyondLimit, Candidate, ClientKeyKind, Destination, LocatedBy, LookupAnswer, OptionOrigin,
    Outcome, Preview, Reason, Reply, ReplyKind, Request, Reservation, ReservationOwner, Rule,
    Terms, Verdict, option::code, readable,
};
use lessor_policy_host::{Chain, Hook, Lookup, PolicyOutcome, Setting, TraceEntry, View};

use super::{
    AllocationStep, Explanation, LocationStep, LookupStep, Microseconds, OptionStep, Place,
    PluginStep, ReplyStep, Subject, facts, verdict_text,
};
use crate::{
    clock,
    exchange::{
        Reach, nowhere, relay_not_served, seen_elsewhere_text, unidentified_client, unknown_client,
    },
    generation::Refusal,
    leases::Row,
    recording::option_name,
};

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

impl Place<'_> {
    /// Explains what would happen to the subject.
    pub(super) fn explain(&self, subject: &Subject) -> anyhow::Result<Explanation> {
        let message = subject.message(self)?;
        let mut watch = Stopwatch::start();
        let mut request = lessor_wire::parse(&message.payload, message.arrival)
            .context("the message cannot be parsed; check the values of --option")?;
        if let Some(identifier) = self.server.server_identifier {
            request.arrival.server_address = identifier;
        }
        watch.lap("parse");
        let request = Arc::new(request);
        let mut explanation = Explanation {
            by: self.by.clone(),
            at_ms: clock::shown(self.now),
            assumed: message.assumed,
            request: facts::of(&request),
            location: None,
            client: client_text(&request),
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
        if let Some((reason, detail)) = self.own_sockets.refusal(&request) {
            explanation.detail = detail;
            explanation.conclude(reason, watch);
            return Ok(explanation);
        }
        let shards = &self.generation.shards;
        let topology = shards.topology();
        let located = topology
            .located_by(&request)
            .find_map(|(by, address)| Some((by, address, topology.locate_address(address)?)));
        watch.lap("locate");
        let Some((by, address, location)) = located else {
            let (reason, detail) = nowhere(topology, &request);
            explanation.detail = Some(detail);
            explanation.conclude(reason, watch);
            return Ok(explanation);
        };
        let network = Arc::clone(shards.network(location.network).context("no such network")?);
        let prefix = network.subnets.get(location.subnet).map(|subnet| subnet.prefix.to_string());
        explanation.location = Some(LocationStep {
            network: network.name.to_string(),
            subnet: prefix.unwrap_or_default(),
            by: located_by_text(by).to_owned(),
            address,
        });
        watch.skip();
        let (client, lease) = shards
            .with_engine(location.network, |engine| {
                (engine.client_of(&request), engine.lease_for(&request).map(Arc::new))
            })
            .unwrap_or_default();
        watch.lap("client");
        let Some(client) = client else {
            explanation.detail = Some(unidentified_client(network.client_key));
            explanation.conclude(Reason::UnidentifiedClient, watch);
            return Ok(explanation);
        };
        explanation.client = client.to_string();
        explanation.lease = lease.as_deref().map(|lease| Row::of(lease, self.now, topology));
        let chain = self.generation.chain.rehearsal(1).map_err(Refusal::from)?;
        let mut runner = chain.runner().map_err(Refusal::from)?;
        let mut view = View {
            request: Arc::clone(&request),
            now: clock::shown(self.now),
            network: Arc::clone(&network),
            subnet: location.subnet,
            client,
            lease: lease.map(|lease| clock::in_clock_time(&lease, clock::offset_ms())),
            lookups: Default::default(),
            absent: Default::default(),
            final_by: None,
        };
        if let Some(detail) = relay_not_served(&view) {
            explanation.detail = Some(detail);
            explanation.conclude(Reason::RelayNotServed, watch);
            return Ok(explanation);
        }
        watch.skip();
        let mut before = Vec::new();
        if chain.has_lookups_for(request.kind) {
            let plan = runner.plan(&view);
            watch.lap("plan");
            let steps = plugin_steps(&chain, Hook::PlanLookups, &plan.trace, None, &mut before);
            before = times(&chain);
            let planned = steps.into_iter().filter(|step| step.not_asked.is_none());
            explanation.plugins.extend(planned);
            if plan.dropped.is_some() {
                explanation.detail = plan.dropped;
                explanation.conclude(Reason::PolicyFailed, watch);
                return Ok(explanation);
            }
            let lookups = self.generation.lookups.look_up(plan.lookups)?;
            watch.lap("look up");
            explanation.lookups = lookups.iter().map(lookup_step).collect();
            if let Some(why) = self.generation.lookups.missing(&lookups) {
                explanation.detail = Some(why);
                explanation.conclude(Reason::LookupFailed, watch);
                return Ok(explanation);
            }
            view = View { lookups: lookups.into(), absent: plan.absent, ..view };
        }
        let PolicyOutcome { terms, trace, final_by } = if chain.has_hook_for(request.kind) {
            runner.terms(&view)
        } else {
            PolicyOutcome::default()
        };
        watch.lap("policy");
        view.final_by = final_by;
        let hook = Hook::for_request(request.kind);
        let steps = plugin_steps(&chain, hook, &trace, None, &mut before);
        explanation.plugins.extend(steps);
        explanation.terms = terms_text(&terms);
        watch.skip();
        let preview = shards.with_engine(location.network, |engine| {
            let preview = engine.preview(self.now, location.subnet, &request, &terms);
            let is_unknown = preview.decision.reason == Reason::UnknownClient;
            let detail = is_unknown.then(|| unknown_client(engine, topology, &request));
            (preview, detail)
        });
        watch.lap("allocate");
        let Ok((preview, detail)) = preview else {
            anyhow::bail!("a reload is in progress; try again")
        };
        explanation.detail = detail;
        explanation.reservation = preview.reservation.as_ref().map(reservation_text);
        explanation.allocation = preview.candidates.iter().map(allocation_step).collect();
        let mut reason = preview.decision.reason;
        if let Some(seen) = preview.decision.seen_elsewhere.as_deref() {
            explanation.detail = Some(seen_elsewhere_text(seen));
        }
        if let Some(mut reply) = preview.decision.reply.clone() {
            let mut before = times(&chain);
            watch.skip();
            let edited = runner.edit_reply(&view, &mut reply, lessor_wire::encode_value);
            watch.lap("edit");
            if reply.kind != ReplyKind::Nak && chain.wants_options() {
                let final_by = view.final_by.as_deref();
                let hook = Hook::ReplyOptions;
                let steps = plugin_steps(&chain, hook, &edited.trace, final_by, &mut before);
                explanation.plugins.extend(steps);
            }
            let mut packet = Vec::new();
            watch.skip();
            let written = lessor_wire::write(&request, &reply, &mut packet);
            watch.lap("write");
            match (edited.dropped, written) {
                (Some(dropped), _) => {
                    reason = Reason::PolicyFailed;
                    explanation.detail = Some(dropped);
                }
                (None, Err(unwritable)) => {
                    reason = unwritable.reason;
                    explanation.detail = Some(unwritable.to_string());
                }
                (None, Ok(written)) => {
                    let options = option_steps(&request, &reply, &preview, &trace, &edited.trace);
                    explanation.reply = Some(ReplyStep {
                        kind: reply.kind.name().to_owned(),
                        your_address: reply.your_address,
                        destination: destination_text(reply.destination),
                        octets: packet.len(),
                        options,
                        left_out: written
                            .all_left_out()
                            .iter()
                            .map(|code| option_name(*code))
                            .collect(),
                    });
                }
            }
        }
        if let Verdict::Ignore(why) | Verdict::Refuse(why) | Verdict::Drop(why) = &terms.verdict
            && !why.is_empty()
        {
            explanation.detail = Some(why.clone());
        }
        explanation.conclude(reason, watch);
        Ok(explanation)
    }
}

impl Explanation {
    /// Returns whether the client receives an address.
    pub(super) const fn has_address(&self) -> bool {
        matches!(self.outcome, Outcome::Offer | Outcome::Ack)
    }

    fn conclude(&mut self, reason: Reason, watch: Stopwatch) {
        self.reason = reason;
        self.outcome = reason.outcome();
        self.meaning = reason.meaning().to_owned();
        self.took = watch.took;
    }
}

/// Describes the client while its network is not known.
fn client_text(request: &Request) -> String {
    let key = ClientKeyKind::default().key_of(request, request.relay_information.as_ref());
    key.map_or_else(String::new, |key| key.to_string())
}

fn lookup_step(lookup: &Lookup) -> LookupStep {
    let answer = match &lookup.answer {
        LookupAnswer::Found { row, is_stale } => {
            let fields = row.fields().filter(|(_, value)| !value.is_empty());
            let fields: Vec<_> = fields.map(|(name, value)| format!("{name}={value}")).collect();
            let stale = if *is_stale { "stale: " } else { "" };
            format!("{stale}{}", fields.join(" "))
        }
        LookupAnswer::NotFound => "not found".to_owned(),
        LookupAnswer::Unavailable(why) => format!("unavailable: {why}"),
    };
    LookupStep {
        plugin: lookup.plugin.to_string(),
        source: lookup.source.to_string(),
        key: lookup.key.to_string(),
        answer,
    }
}

fn microseconds(duration: Duration) -> Microseconds {
    // Smaller differences are noise.
    (duration.as_secs_f64() * 100_000_000.0).round() / 100.0
}

const fn located_by_text(by: LocatedBy) -> &'static str {
    match by {
        LocatedBy::LinkSelection => "the relay's link selection",
        LocatedBy::SubnetSelection => "the client's subnet selection",
        LocatedBy::RelayAddress => "the relay address",
        LocatedBy::ClientAddress => "the client's own address",
        LocatedBy::Link => "the link that it is on",
    }
}

fn made_final(plugin: &str) -> String {
    format!("{plugin} made the terms final")
}

/// Returns the total time of the calls of each plugin, in order.
fn times(chain: &Chain) -> Vec<Duration> {
    chain.status().iter().map(|status| status.call_time_total).collect()
}

/// Returns what each plugin of the chain did at `hook`. `final_by` is the plugin that made the
/// terms final earlier; `before` contains the total time of the calls of each plugin before the
/// step.
fn plugin_steps(
    chain: &Chain,
    hook: Hook,
    trace: &[TraceEntry],
    final_by: Option<&str>,
    before: &mut Vec<Duration>,
) -> Vec<PluginStep> {
    let status = chain.status();
    before.resize(status.len(), Duration::ZERO);
    let mut ended_by: Option<String> = None;
    let mut steps = Vec::new();
    for ((plugin, status), before) in chain.plugins().zip(&status).zip(before) {
        let mut step = PluginStep {
            plugin: plugin.name.clone(),
            hook: hook.name().to_owned(),
            not_asked: None,
            set: Vec::new(),
            verdict: None,
            fault: None,
            took_us: None,
        };
        let entry = trace.iter().find(|entry| *entry.plugin == *plugin.name);
        if let Some(entry) = entry {
            let planned = entry.planned.iter().map(|lookup| {
                format!("{}: look up {} in {}", lookup.name, lookup.key, lookup.source)
            });
            step.set = planned.chain(entry.set.iter().map(ToString::to_string)).collect();
            step.verdict = entry.verdict.as_ref().map(verdict_text);
            step.fault = entry.fault.map(|fault| match &status.last_fault {
                Some(last) if last.kind == fault => format!("{fault}: {}", last.message),
                _ => fault.to_string(),
            });
            step.took_us = Some(microseconds(status.call_time_total.saturating_sub(*before)));
            if entry.verdict.is_some() {
                ended_by = Some(format!("{} ended the exchange", plugin.name));
            } else if entry.is_final() {
                ended_by = Some(made_final(&plugin.name));
            }
        } else {
            let has_hook = plugin.hooks.contains(&hook);
            step.not_asked = Some(match &ended_by {
                Some(why) if has_hook => why.clone(),
                _ if has_hook => "not asked".to_owned(),
                _ => format!("has no hook {hook}"),
            });
        }
        if final_by == Some(&*plugin.name) {
            ended_by = Some(made_final(&plugin.name));
        }
        steps.push(step);
    }
    steps
}

fn terms_text(terms: &Terms) -> Vec<String> {
    let mut texts = Vec::new();
    if terms.verdict != Verdict::Proceed {
        texts.push(verdict_text(&terms.verdict));
    }
    texts.extend(terms.pool.as_ref().map(|pool| format!("pool {pool}")));
    texts.extend(terms.address.map(|address| format!("address {address}")));
    texts.extend(terms.lease_time_secs.map(|secs| format!("lease time {secs} s")));
    texts.extend(terms.subscriber.as_ref().map(|limit| {
        let beyond = match limit.beyond {
            BeyondLimit::Refuse => "new ones are refused",
            BeyondLimit::ReplaceOldest => "a new one replaces the oldest",
        };
        let leases = if limit.leases_max.get() == 1 { "lease" } else { "leases" };
        format!("subscriber {}: at most {} {leases}, {beyond}", limit.name, limit.leases_max)
    }));
    for (option, value) in &terms.options {
        texts.push(match value {
            Some(value) => format!("option {} {}", option_name(*option), value.shown(*option)),
            None => format!("no option {}", option_name(*option)),
        });
    }
    texts
}

fn reservation_text(reservation: &Reservation) -> String {
    let owner = match &reservation.owner {
        ReservationOwner::CircuitId(octets) => format!("circuit id {}", readable(octets)),
        ReservationOwner::RemoteId(octets) => format!("remote id {}", readable(octets)),
        ReservationOwner::ClientIdentifier(octets) => {
            format!("client identifier {}", readable(octets))
        }
        ReservationOwner::HardwareAddress(address) => format!("hardware address {address}"),
    };
    format!("{} for {owner}", reservation.address)
}

fn allocation_step(candidate: &Candidate) -> AllocationStep {
    let why = match candidate.rule {
        Rule::Policy => "a policy names it",
        Rule::Reservation => "it is reserved for the client or its line",
        Rule::Offered => "it was offered to the client just now",
        Rule::Current => "it is the address of the client's last lease",
        Rule::Former => "the client had it before that",
        Rule::Asked => "the client requests it",
        Rule::Free => "the next free address",
        Rule::Contested => "no address is free, and its open offer is replaced",
        Rule::Quarantined => {
            "no address is free, and of the declined addresses it has been quarantined longest"
        }
        Rule::Oldest => {
            "no address is free, and it belongs to the subscriber's oldest lease, which is replaced"
        }
    };
    let obstacle = candidate.obstacle.map(|obstacle| match &candidate.holder {
        Some(holder) => format!("{} ({holder})", obstacle.meaning()),
        None => obstacle.meaning().to_owned(),
    });
    AllocationStep {
        why: why.to_owned(),
        address: candidate.address,
        pool: candidate.pool.as_ref().map(ToString::to_string),
        obstacle,
    }
}

fn destination_text(destination: Destination) -> String {
    match destination {
        Destination::Relay(address) => format!("the relay, {address}"),
        Destination::Client(address) => format!("the client, {address}"),
        Destination::Hardware { address, hardware_address } => {
            format!("{hardware_address} on the link, as {address}")
        }
        Destination::Broadcast => "all hosts on the link".to_owned(),
    }
}

fn option_steps(
    request: &Request,
    reply: &Reply,
    preview: &Preview,
    trace: &[TraceEntry],
    edited: &[TraceEntry],
) -> Vec<OptionStep> {
    let set_by = |entries: &[TraceEntry], option: u8| {
        let sets = |entry: &&TraceEntry| {
            entry.set.iter().any(|set| matches!(set, Setting::Option(code, _) if *code == option))
        };
        entries.iter().rev().find(sets).map(|entry| format!("plugin {}", entry.plugin))
    };
    let origin = |option: u8| {
        let found = preview.option_origins.iter().find(|(code, _)| *code == option);
        match found.map(|(_, origin)| *origin) {
            Some(OptionOrigin::Policy) => {
                set_by(trace, option).unwrap_or_else(|| "a policy".to_owned())
            }
            Some(OptionOrigin::Reservation) => "the reservation".to_owned(),
            Some(OptionOrigin::Pool) => "the pool".to_owned(),
            Some(OptionOrigin::Subnet) => "the subnet".to_owned(),
            Some(OptionOrigin::Prefix) => "the subnet's prefix".to_owned(),
            Some(OptionOrigin::HostRequirements) => "RFC 1122".to_owned(),
            Some(OptionOrigin::Client) => "the client".to_owned(),
            Some(OptionOrigin::Server) | None => match option {
                code::LEASE_TIME if request.lease_time_secs.is_some() => {
                    "the client, within the subnet's limits".to_owned()
                }
                code::LEASE_TIME => "the subnet".to_owned(),
                code::RENEWAL_TIME | code::REBINDING_TIME => "the lease time".to_owned(),
                _ => "the server".to_owned(),
            },
        }
    };
    let lease_time_by = |option: u8| {
        let sets = |entry: &&TraceEntry| {
            entry.set.iter().any(|set| matches!(set, Setting::LeaseTimeSecs(_)))
        };
        let found = trace.iter().rev().find(sets).filter(|_| option == code::LEASE_TIME);
        found.map(|entry| format!("plugin {}", entry.plugin))
    };
    let steps = reply.options.iter().map(|(option, value)| OptionStep {
        code: *option,
        name: option_name(*option),
        value: value.shown(*option),
        set_by: set_by(edited, *option)
            .or_else(|| lease_time_by(*option))
            .unwrap_or_else(|| origin(*option)),
    });
    steps.collect()
}
