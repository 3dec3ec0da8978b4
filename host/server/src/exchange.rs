//! Exchanges: each is one input on its way from the datagram to its one reason.
//!
//! The layers meet here, in the order of docs/architecture.md, "Life of a DISCOVER": parse, locate,
//! ask the policies, decide, edit, write. Does not wait for sockets or storage; that is the
//! worker's part.
//!
//! Invariant: an exchange ends in exactly one reason, and the engine receives the result of every
//! change that it decided for it.

mod asking;
mod reach;
mod settling;

use std::{
    fmt::Write,
    net::Ipv4Addr,
    sync::{Arc, Weak, atomic::Ordering},
    time::Instant,
};

use arc_swap::ArcSwap;
use lessor_core::{
    Arrival, Attempt, Change, Changes, ClientKeyKind, Decision, Lease, Line, Network, OptionValue,
    Preference, Reason, RelayInformation, Reply, ReplyKind, Request, RequestKind, SeenElsewhere,
    Terms, Timestamp, Wait, option::code, readable,
};
use lessor_net::{Outgoing, OwnSockets, Received};
use lessor_policy_host::{
    Absent, Chain, Lookups, PlannedLookup, PolicyOutcome, Runner, SampledReply, ShadowSample,
    Shadows, TraceEntry, View,
};
use lessor_store::Committer;
use lessor_wire::Header;

use crate::{
    alarms, clock,
    counters::{Counters, increment},
    event::{Event, WrittenReply},
    generation::Generation,
    heard::Heard,
    observer::{Message, Observer},
    order::Place,
    recording::{Datagram, Decided, Input, Recorder, ReplyFacts, Sequence},
    ticket::Ticket,
    waiting::{Unwanted, Waiting, Wake},
};

pub(crate) use self::reach::{Reach, nowhere, unknown_client};

/// How many times the successor of a retired engine is looked for. Each attempt takes another
/// reload.
const SUCCESSORS_MAX: usize = 8;

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) generation: ArcSwap<Generation>,
    pub(crate) committer: Committer,
    pub(crate) counters: Arc<Counters>,
    pub(crate) observer: Observer,
    pub(crate) recorder: Recorder,
    pub(crate) own_sockets: OwnSockets,
    pub(crate) heard: Heard,
    /// Option 54 of every reply, if configured; otherwise the address of arrival.
    pub(crate) server_identifier: Option<Ipv4Addr>,
}

/// Decides exchanges, without sockets, storage or threads. Borrows its parts from a running server,
/// or from a replay that has them in memory only.
#[derive(Clone, Copy)]
pub(crate) struct Pipeline<'s> {
    pub(crate) generation: &'s ArcSwap<Generation>,
    pub(crate) counters: &'s Counters,
    pub(crate) sequence: &'s Sequence,
    /// Knows the destinations that nothing is sent to.
    pub(crate) reach: &'s dyn Reach,
    /// Receives the events in the order of decisions; `None` in a replay.
    pub(crate) observer: Option<&'s Observer>,
    /// Option 54 of every reply, if configured; otherwise the address of arrival.
    pub(crate) server_identifier: Option<Ipv4Addr>,
    /// How far the clock that policies see is ahead of server time (see [`crate::clock`]).
    pub(crate) clock_offset_ms: i64,
    /// Chooses among free addresses; a server has no preference.
    pub(crate) preference: Preference<'s>,
    /// Creates the notifications for exchanges that wait for storage; `None` in a replay, which
    /// never waits.
    pub(crate) wakes: Option<&'s dyn Wakes>,
}

/// Notifies exchanges that wait for storage when they can continue.
pub(crate) trait Wakes {
    /// Returns a number for an exchange that waits from now on, and the function to call once
    /// storage has answered.
    fn wake(&self) -> (u64, Wake);
}

/// An input that was decided.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The position of the worker's endpoint that received it.
    pub(crate) endpoint: usize,
    pub(crate) reason: Reason,
    /// The changes that must be durable before the reply leaves; afterwards, the changes that were
    /// made durable.
    pub(crate) changes: Changes,
    /// The reply, ready to be sent.
    pub(crate) outgoing: Option<Outgoing>,
    /// What events say about the reply, kept also after the reply was handed over for sending.
    written: Option<WrittenReply>,
    /// What must be looked up before it is decided; see [`Pipeline::looked_up`].
    pub(crate) waits_for: Vec<PlannedLookup>,
    /// The number under which it waits for storage before it is decided; see [`Pipeline::go_on`].
    pub(crate) waits_as: Option<u64>,
    /// When its client last sent it, if that is known.
    pub(crate) waits_since: Option<Instant>,
    /// When it was decided; if storage reported a conflict since, when it was first decided.
    decided_at: Timestamp,
    detail: Option<String>,
    arrival: Arrival,
    request: Option<Arc<Request>>,
    /// The header of a message that is not a valid request; names its client.
    header: Option<Header>,
    asked: Option<Asked>,
    conflicts: u8,
    /// Its place in the order of events, once it is decided.
    place: Option<Place<Message>>,
    /// What only a recording needs; `None` if nothing is recorded.
    kept: Option<Box<Kept>>,
}

/// The part of an exchange that only a recording needs.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The place of the decision in the order of decisions.
    pub(crate) sequence: u64,
    /// When it was decided.
    pub(crate) at: Timestamp,
    /// How far the clock that policies saw was ahead of that time.
    pub(crate) clock_offset_ms: i64,
    /// The number of the generation that decided it.
    pub(crate) generation: u64,
    /// The datagram, if it could not be parsed.
    pub(crate) payload: Box<[u8]>,
    /// As [`Received::not_relayed`].
    pub(crate) not_relayed: bool,
    /// The reply as it was written.
    pub(crate) reply: Option<Reply>,
}

/// Why policies cannot see a request.
pub(crate) struct Unseen {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

/// The result of a request at the engine that owns its network.
enum Ruling {
    /// It is decided; the text says more about the reason.
    Decided(Decision, Option<String>),
    /// It waits for storage, under this number.
    Waits(u64),
    /// It would have to wait for storage, but may not.
    NotNow(Reason),
    /// No network spans it any more.
    Nowhere,
}

/// A request with the terms on which it is decided.
#[derive(Debug)]
struct Asked {
    view: View,
    /// The client's lease in server time; policies see it in clock time.
    lease: Option<Arc<Lease>>,
    terms: Terms,
    /// The plugins that set the terms, and those that edited the reply.
    set: Vec<TraceEntry>,
    edited: Vec<TraceEntry>,
    /// The shadow plugins that are asked the same after the exchange has ended.
    shadows: Option<Arc<Shadows>>,
    /// The reply before it was edited, if the shadows need it.
    unedited: Option<Reply>,
    /// The chain that planned the lookups, if there was one.
    planned_by: Option<Weak<Chain>>,
    /// Whether another chain planned again, because of a reload in between.
    is_replanned: bool,
    address: Option<Ipv4Addr>,
    lease_time_secs: Option<u32>,
}

impl Exchange {
    fn ended(endpoint: usize, arrival: Arrival, reason: Reason, detail: Option<String>) -> Self {
        Self {
            endpoint,
            reason,
            changes: Changes::new(),
            outgoing: None,
            written: None,
            waits_for: Vec::new(),
            waits_as: None,
            waits_since: None,
            decided_at: Timestamp::default(),
            detail,
            arrival,
            request: None,
            header: None,
            asked: None,
            conflicts: 0,
            place: None,
            kept: None,
        }
    }

    /// Returns the request, or `None` if it could not be parsed.
    pub(crate) fn request(&self) -> Option<&Arc<Request>> {
        self.request.as_ref()
    }

    /// Returns what the policies saw, or `None` if no network spans the request.
    pub(crate) fn view(&self) -> Option<&View> {
        self.asked.as_ref().map(|asked| &asked.view)
    }

    /// Returns the client's lease as policies saw it, but in server time, or `None` if nothing
    /// needed it.
    pub(crate) fn lease(&self) -> Option<&Arc<Lease>> {
        self.asked.as_ref()?.lease.as_ref()
    }

    /// Takes the exchange in the form of a recording, if it was decided during one.
    pub(crate) fn take_for_recording(&mut self) -> Option<Input> {
        let (kept, decision) = self.take_decided()?;
        let payload = self.request.as_ref().map_or(&*kept.payload, |request| &*request.packet);
        let lookups = self.view().map(|view| view.lookups.to_vec()).unwrap_or_default();
        Some(Input {
            sequence: kept.sequence,
            at_ms: kept.at,
            clock_offset_ms: kept.clock_offset_ms,
            generation: kept.generation,
            datagram: Datagram {
                arrival: self.arrival.clone(),
                not_relayed: kept.not_relayed,
                payload: payload.to_vec(),
            },
            lease: self.lease().map(|lease| Lease::clone(lease)),
            lookups,
            decision,
        })
    }

    /// Takes what only a recording needs, and the decision in the form of a recording.
    pub(crate) fn take_decided(&mut self) -> Option<(Box<Kept>, Decided)> {
        let kept = self.kept.take()?;
        let mut decided = Decided::new(self.reason, self.detail.clone());
        if let Some(asked) = &self.asked {
            decided.network = Some(asked.view.network.name.to_string());
            decided.address = asked.address;
            decided.lease_time_secs = asked.lease_time_secs;
            decided.terms = Some(asked.terms.clone()).filter(|terms| *terms != Terms::default());
            decided.plugins = asked.set.iter().chain(&asked.edited).map(Into::into).collect();
        }
        let reply = kept.reply.as_ref().filter(|_| self.reason.outcome().is_reply());
        decided.reply = reply.map(|reply| {
            let left_out = self.written.as_ref().map(|written| written.left_out.as_slice());
            ReplyFacts::new(reply, left_out.unwrap_or_default())
        });
        Some((kept, decided))
    }

    /// Returns whether a plugin or the recording needs the client's lease.
    fn shows_lease(&self, runner: &Runner) -> bool {
        let kind = self.request().map(|request| request.kind);
        self.kept.is_some() || kind.is_some_and(|kind| runner.chain().wants_lease_of(kind))
    }

    /// Ends without a decision. A recording does not contain it, because a replay, in which storage
    /// answers at once, would decide it.
    pub(crate) fn end_undecided(&mut self, reason: Reason) {
        self.kept = None;
        self.fail(reason, None);
    }

    /// Drops the reply and ends the exchange with `reason`.
    pub(crate) fn fail(&mut self, reason: Reason, detail: Option<String>) {
        self.outgoing = None;
        self.written = None;
        self.reason = reason;
        self.detail = detail;
    }

    /// Notes that the reply could not be sent. Events still say where it should have gone.
    pub(crate) fn fail_to_send(&mut self, reason: Reason, detail: Option<String>) {
        let written = self.written.take();
        self.fail(reason, detail);
        self.written = written;
    }
}

impl Shared {
    /// Returns a pipeline in which nothing waits for storage.
    pub(crate) fn pipeline(&self) -> Pipeline<'_> {
        let Self { generation, counters, recorder, own_sockets, observer, .. } = self;
        Pipeline {
            generation,
            counters,
            sequence: recorder.sequence(),
            reach: own_sockets,
            observer: Some(observer),
            server_identifier: self.server_identifier,
            clock_offset_ms: clock::offset_ms(),
            preference: Preference::default(),
            wakes: None,
        }
    }

    /// Returns a pipeline that notifies exchanges which wait for storage through `wakes`.
    pub(crate) fn pipeline_with<'s>(&'s self, wakes: &'s dyn Wakes) -> Pipeline<'s> {
        Pipeline { wakes: Some(wakes), ..self.pipeline() }
    }

    /// Counts the exchange and passes it to shadows and observers.
    pub(crate) fn finish(&self, mut exchange: Exchange) {
        self.counters.count(exchange.reason);
        if let Some(request) = exchange.request() {
            self.heard.note(request);
        }
        alarms::declined(exchange.reason, &exchange.changes);
        if let Some(input) = exchange.take_for_recording() {
            self.recorder.input(input);
        }
        if let Some(asked) = &mut exchange.asked {
            asked.offer_to_shadows();
        }
        if !self.observer.wants(exchange.reason, &exchange.changes) {
            return;
        }
        let mut event = Event {
            reason: exchange.reason,
            detail: exchange.detail,
            client: None,
            source: exchange.arrival.source,
            interface: exchange.arrival.interface,
            request: exchange.request,
            header: exchange.header,
            subscriber: exchange.changes.first().and_then(|change| change.lease.subscriber.clone()),
            network: None,
            address: None,
            lease_time_secs: None,
            written: exchange.written,
            trace: Vec::new(),
            changes: exchange.changes,
        };
        // Without a network it is not known which key its clients have.
        let kind = ClientKeyKind::default();
        event.client = match (&exchange.asked, &event.request) {
            (Some(asked), _) => Some(asked.view.client.clone()),
            (None, Some(request)) => kind.key_of(request, request.relay_information.as_ref()),
            (None, None) => None,
        };
        if let Some(asked) = exchange.asked {
            let named = asked.terms.subscriber.map(|limit| limit.name);
            event.subscriber = named.or(event.subscriber);
            event.network = Some(Arc::clone(&asked.view.network.name));
            event.address = asked.address;
            event.lease_time_secs = asked.lease_time_secs;
            event.trace = asked.set;
            event.trace.extend(asked.edited);
        }
        self.observer.input(event, exchange.place);
    }
}

impl Pipeline<'_> {
    /// Decides one datagram. If policies need a lookup whose result is not available at once, the
    /// exchange says which one, and nothing is decided yet.
    pub(crate) fn decide(
        &self,
        runner: &mut Runner,
        now: Timestamp,
        endpoint: usize,
        received: Received<'_>,
    ) -> Exchange {
        let Received { payload, is_cut, arrival, not_relayed, .. } = received;
        let mut exchange = Exchange::ended(endpoint, arrival, Reason::NotRelayed, None);
        if is_cut && !not_relayed {
            // It is not recorded: a replay could not know what was read of the whole message.
            exchange.header = lessor_wire::header(payload);
            let detail = format!("more than {} octets", payload.len());
            exchange.fail(Reason::TooLong, Some(detail));
            return exchange;
        }
        exchange.kept = self.kept(now, payload, not_relayed);
        if not_relayed {
            exchange.header = lessor_wire::header(payload);
            return exchange;
        }
        let mut request = match lessor_wire::parse(payload, exchange.arrival.clone()) {
            Ok(request) => request,
            Err(malformed) => {
                exchange.header = lessor_wire::header(payload);
                exchange.fail(malformed.reason, Some(malformed.to_string()));
                return exchange;
            }
        };
        exchange.arrival.server_address = self.choose_server_address(&mut request);
        let request = Arc::new(request);
        exchange.request = Some(Arc::clone(&request));
        if request.options.is_cut_short() {
            increment(&self.counters.messages_cut_short);
        }
        if let Some((reason, detail)) = self.reach.refusal(&request) {
            exchange.fail(reason, detail);
            return exchange;
        }
        let (view, lease) = match self.view(exchange.shows_lease(runner), now, &request) {
            Ok(seen) => seen,
            Err(Unseen { reason, detail }) => {
                exchange.fail(reason, Some(detail));
                return exchange;
            }
        };
        if let Some(detail) = relay_not_served(&view) {
            exchange.fail(Reason::RelayNotServed, Some(detail));
            return exchange;
        }
        exchange.asked = Some(Asked::new(view, lease));
        if runner.chain().has_lookups_for(request.kind) && !self.plan(runner, &mut exchange) {
            return exchange;
        }
        self.ask_policies(runner, now, &mut exchange);
        exchange
    }

    /// Returns the exchange of a datagram that is dropped before anything was decided, with what
    /// can be read of it, for the journal.
    pub(crate) fn omitted(
        &self,
        endpoint: usize,
        received: Received<'_>,
        reason: Reason,
        detail: String,
    ) -> Exchange {
        let Received { payload, arrival, .. } = received;
        let mut exchange = Exchange::ended(endpoint, arrival, reason, Some(detail));
        match lessor_wire::parse(payload, exchange.arrival.clone()) {
            Ok(request) => exchange.request = Some(Arc::new(request)),
            Err(_malformed) => exchange.header = lessor_wire::header(payload),
        }
        exchange
    }

    /// Chooses the address under which the client knows the server: notes in the request what
    /// option 54 will contain, and returns the source address of the reply.
    pub(crate) fn choose_server_address(&self, request: &mut Request) -> Ipv4Addr {
        let topology =
            |request: &Request| self.generation.load().shards.topology().answering_address(request);
        let has_choice = request.arrival.link_addresses.as_ref().is_some_and(|all| all.len() > 1);
        let chosen = if has_choice { topology(request) } else { None };
        let source = chosen.unwrap_or(request.arrival.server_address);
        request.arrival.server_address = self.server_identifier.unwrap_or(source);
        source
    }

    /// Returns what policies may see of a request. Looks the client's lease up only if something
    /// needs it; beside the view, it is also returned in server time.
    ///
    /// # Errors
    /// If no network spans the request, or it identifies no client.
    pub(crate) fn view(
        &self,
        wants_lease: bool,
        now: Timestamp,
        request: &Arc<Request>,
    ) -> Result<(View, Option<Arc<Lease>>), Unseen> {
        for _ in 0..SUCCESSORS_MAX {
            let generation = self.generation.load();
            let shards = &generation.shards;
            let Some(location) = shards.locate(request) else { break };
            let Some(network) = shards.network(location.network).map(Arc::clone) else { break };
            let kind = network.client_key;
            let own = request.relay_information.as_ref();
            let known = if wants_lease || (kind.needs_line() && own.is_none()) {
                shards.with_engine(location.network, |engine| {
                    (engine.client_of(request), engine.lease_for(request).map(Arc::new))
                })
            } else {
                Ok((kind.key_of(request, own), None))
            };
            if let Ok((client, lease)) = known {
                let view = View {
                    now: now.moved_by_ms(self.clock_offset_ms),
                    lease: lease
                        .as_ref()
                        .map(|lease| clock::in_clock_time(lease, self.clock_offset_ms)),
                    client: client.ok_or_else(|| Unseen::nobody(&network))?,
                    request: Arc::clone(request),
                    network,
                    subnet: location.subnet,
                    lookups: Lookups::default(),
                    absent: Absent::default(),
                    final_by: None,
                };
                return Ok((view, lease));
            }
        }
        let (reason, detail) = self.nowhere(request);
        Err(Unseen { reason, detail })
    }

    /// Continues with an exchange that waited for storage. The terms of its policies remain valid
    /// for it.
    pub(crate) fn go_on(&self, runner: &mut Runner, now: Timestamp, exchange: &mut Exchange) {
        exchange.waits_as = None;
        self.decide_under_terms(runner, now, exchange);
    }

    /// Has the engine decide, and makes the reply of its decision.
    fn decide_under_terms(&self, runner: &mut Runner, now: Timestamp, exchange: &mut Exchange) {
        exchange.outgoing = None;
        exchange.written = None;
        let Some(asked) = &mut exchange.asked else { return };
        let (kept, place) = (&mut exchange.kept, &mut exchange.place);
        let (decision, detail) = match self.engine_decision(now, asked, kept, place) {
            Ruling::Decided(decision, detail) => (decision, detail),
            Ruling::Waits(number) => {
                exchange.waits_as = Some(number);
                return;
            }
            Ruling::NotNow(reason) => {
                exchange.end_undecided(reason);
                return;
            }
            Ruling::Nowhere => {
                let (reason, detail) = self.nowhere(&asked.view.request);
                exchange.fail(reason, Some(detail));
                return;
            }
        };
        if exchange.conflicts == 0 {
            exchange.decided_at = now;
        }
        exchange.reason = decision.reason;
        exchange.changes = decision.changes;
        let seen = decision.seen_elsewhere.as_deref().map(seen_elsewhere_text);
        if let Some(seen) = &seen
            && let Some(count) = self.counters.keys_seen_elsewhere.note()
        {
            let network = &*asked.view.network.name;
            tracing::warn!(network, count, "{seen}; this line stands for {count} such messages");
        }
        exchange.detail = seen.or(detail);
        asked.edited.clear();
        asked.unedited = None;
        asked.note(exchange.changes.first(), decision.reply.as_ref());
        let Some(mut reply) = decision.reply else { return };
        asked.keep_for_shadows(&reply);
        let edited = runner.edit_reply(&asked.view, &mut reply, lessor_wire::encode_value);
        asked.edited = edited.trace;
        if edited.dropped.is_some() {
            asked.unedited = None;
            self.abandon(now, exchange, Reason::PolicyFailed, edited.dropped);
            return;
        }
        self.write(exchange, &reply, now);
        if let Some(kept) = &mut exchange.kept {
            kept.reply = Some(reply);
        }
    }

    /// Returns the decision of the engine that owns the request's network, or notes that the
    /// request waits for storage. If that engine was retired meanwhile, its successor is in the
    /// newest generation; the terms, which the policies of the older generation set, remain valid
    /// for this request.
    fn engine_decision(
        &self,
        now: Timestamp,
        asked: &Asked,
        kept: &mut Option<Box<Kept>>,
        place: &mut Option<Place<Message>>,
    ) -> Ruling {
        let request = &asked.view.request;
        for _ in 0..SUCCESSORS_MAX {
            let generation = self.generation.load();
            let Some(location) = generation.shards.locate(request) else { break };
            let ruling = generation.shards.with_waiting(location.network, |engine, waiting| {
                let (subnet, terms) = (location.subnet, &asked.terms);
                let attempt =
                    engine.decide_preferring(now, subnet, request, terms, self.preference);
                let decision = match attempt {
                    Attempt::Decided(decision) => decision,
                    Attempt::Waits(wait) => return self.wait(request, wait, waiting),
                };
                // This is done under the lock, so that recordings have the order in which the
                // engine decided.
                *kept = self.kept(now, &[], false);
                *place = self.observer.and_then(|observer| observer.decided(engine, &decision));
                let is_unknown = decision.reason == Reason::UnknownClient;
                let topology = generation.shards.topology();
                let detail = is_unknown.then(|| unknown_client(engine, topology, request));
                Ruling::Decided(decision, detail)
            });
            if let Ok(ruling) = ruling {
                return ruling;
            }
        }
        Ruling::Nowhere
    }

    /// Makes an exchange wait for storage, unless too many wait already.
    fn wait(&self, request: &Request, wait: Wait, waiting: &mut Waiting) -> Ruling {
        let Some(wakes) = self.wakes.filter(|_| !wait.is_repeated) else {
            return Ruling::NotNow(Reason::ChangePending);
        };
        let (number, wake) = wakes.wake();
        match waiting.note(wait.address, Ticket::of(request), wake) {
            Ok(()) => Ruling::Waits(number),
            Err(Unwanted::Again) => Ruling::NotNow(Reason::ChangePending),
            Err(Unwanted::TooMany) => Ruling::NotNow(Reason::ChangeQueueFull),
        }
    }

    /// Returns what a recording needs of an input that is decided now, or `None` if nothing is
    /// recorded.
    fn kept(&self, at: Timestamp, payload: &[u8], not_relayed: bool) -> Option<Box<Kept>> {
        let sequence = self.sequence.take()?;
        let generation = self.generation.load().number;
        let payload = payload.into();
        let clock_offset_ms = self.clock_offset_ms;
        let reply = None;
        let kept = Kept { sequence, at, clock_offset_ms, generation, payload, not_relayed, reply };
        Some(Box::new(kept))
    }

    fn write(&self, exchange: &mut Exchange, reply: &Reply, now: Timestamp) {
        let Some(request) = &exchange.request else { return };
        let mut packet = Vec::with_capacity(600);
        match lessor_wire::write(request, reply, &mut packet) {
            Ok(written) => {
                let left_out = written.left_out.len() as u64;
                self.counters.options_left_out.fetch_add(left_out, Ordering::Relaxed);
                if written.relay_information_left_out {
                    increment(&self.counters.relay_information_left_out);
                }
                exchange.written = Some(WrittenReply {
                    destination: reply.destination,
                    left_out: written.all_left_out(),
                });
                exchange.outgoing = Some(Outgoing {
                    packet,
                    destination: reply.destination,
                    server_address: exchange.arrival.server_address,
                });
            }
            Err(unwritable) => {
                let detail = Some(unwritable.to_string());
                self.abandon(now, exchange, Reason::ReplyUnwritable, detail);
            }
        }
    }
}

impl Asked {
    fn new(view: View, lease: Option<Arc<Lease>>) -> Self {
        Self {
            view,
            lease,
            terms: Terms::default(),
            set: Vec::new(),
            edited: Vec::new(),
            shadows: None,
            unedited: None,
            planned_by: None,
            is_replanned: false,
            address: None,
            lease_time_secs: None,
        }
    }

    fn keep_for_shadows(&mut self, reply: &Reply) {
        let is_wanted = self.shadows.as_ref().is_some_and(|shadows| shadows.want_replies());
        if is_wanted && reply.kind != ReplyKind::Nak {
            self.unedited = Some(reply.clone());
        }
    }

    /// An exchange that was decided again after a conflict in storage is compared in its final
    /// form.
    fn offer_to_shadows(&mut self) {
        let Some(shadows) = self.shadows.take() else { return };
        let reply = self.unedited.take();
        let reply = reply.map(|unedited| SampledReply { unedited, edits: self.edited.clone() });
        shadows.offer(ShadowSample {
            view: self.view.clone(),
            outcome: PolicyOutcome {
                terms: self.terms.clone(),
                trace: self.set.clone(),
                final_by: self.view.final_by.clone(),
            },
            reply,
        });
    }

    /// Keeps what the journal needs: the address that the decision is about, and its lease time.
    fn note(&mut self, change: Option<&Change>, reply: Option<&Reply>) {
        let request = &self.view.request;
        let replied = reply.map(|reply| reply.your_address);
        let changed = change.map(|change| change.lease.address);
        let named = [replied, changed, request.requested_address, Some(request.client_address)];
        self.address = match request.kind {
            // The address in a DISCOVER is a wish, not a decision.
            RequestKind::Discover => replied,
            _ => named.into_iter().flatten().find(|address| !address.is_unspecified()),
        };
        let options = reply.into_iter().flat_map(|reply| &reply.options);
        self.lease_time_secs = options.into_iter().find_map(|(option, value)| match &**value {
            OptionValue::U32(secs) if *option == code::LEASE_TIME => Some(*secs),
            _ => None,
        });
    }
}

/// Returns why the relay of the request is not served, and what to do, or `None` if it is served.
pub(crate) fn relay_not_served(view: &View) -> Option<String> {
    let subnet = view.network.subnets.get(view.subnet)?;
    let relay = view.request.relay_address;
    (!subnet.serves_relay_of(&view.request)).then(|| {
        format!(
            "relay address {relay} is not among the `relays` of subnet {}; add it there, or under \
             [server], if the relay is yours",
            subnet.prefix
        )
    })
}

impl Unseen {
    fn nobody(network: &Network) -> Self {
        let reason = Reason::UnidentifiedClient;
        Self { reason, detail: unidentified_client(network.client_key) }
    }
}

/// Returns what a message lacks that would identify its client.
pub(crate) fn unidentified_client(kind: ClientKeyKind) -> String {
    const HARDWARE: &str = "a hardware address that is not empty or all zeros";
    const LINE: &str = "a line: a circuit id or remote id in option 82";
    let wanted = match kind {
        ClientKeyKind::ClientIdentifier => {
            format!("a client identifier (option 61) or {HARDWARE}")
        }
        ClientKeyKind::HardwareAddress => HARDWARE.to_owned(),
        ClientKeyKind::Line => LINE.to_owned(),
        ClientKeyKind::LineAndHardwareAddress => format!("{LINE}; and {HARDWARE}"),
    };
    format!("client-key = {:?} requires {wanted}", kind.name())
}

/// Describes how a client's key was seen elsewhere, for the operator.
pub(crate) fn seen_elsewhere_text(seen: &SeenElsewhere) -> String {
    let mut text = format!("{} holds {}", seen.client, seen.address);
    if let Some((known, now)) = &seen.hardware_addresses {
        let _ = write!(text, " with hardware address {known} and is now seen with {now}");
    }
    if let Some((known, now)) = &seen.lines {
        let and = if seen.hardware_addresses.is_some() { ", and" } else { "" };
        let (known, now) = (line_text(known), line_text(now));
        let _ = write!(text, "{and} behind line {known} and is now seen behind line {now}");
    }
    text
}

/// Formats circuit id and remote id for people.
fn line_text(line: &Line) -> String {
    let information = RelayInformation::from_octets(line.octets());
    let parts = [information.circuit_id(), information.remote_id()];
    let parts: Vec<_> = parts.into_iter().flatten().map(readable).collect();
    parts.join(" of ")
}

#[cfg(test)]
mod tests;
