//! The driver: one loop over all relays' sockets, on the calling thread.
//!
//! It starts what the plan wants while the window has room, receives replies, repeats messages
//! without an answer, and passes every ended exchange to the observer. It never blocks for longer
//! than the next deadline, and every exchange has one, so a run always ends.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use anyhow::Context;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime},
};

use crate::{
    args::LoadArgs,
    exchange::{self, Exchange, ExchangeEnd, ExchangeKind},
    intent::Intent,
    ledger::{HeldLease, Ledger},
    message::{RelayAgent, octets_of},
    mistake::Violation,
    pace::Pace,
    plan::{LoadPlan, NextTask, SubscriberTask},
    progress::Progress,
    reply::Reply,
    report::{LoadReport, counted},
    socket::{self, Socket},
    tally::{Circumstances, Tally},
};

/// An exchange that ended, for the observer of a run.
#[derive(Debug)]
pub struct ExchangeEvent<'a> {
    /// The number of the subscriber.
    pub client: u32,
    /// What the subscriber did.
    pub kind: ExchangeKind,
    /// When its last message was first sent; the server received it between this and `ended_at`.
    pub asked_at: Instant,
    /// When the reply was read, or the wait was given up.
    pub ended_at: Instant,
    /// How it ended; an ACK contains the lease and all options.
    pub outcome: &'a ExchangeEnd,
}

/// The number of exchanges started before the sockets are read again, so that replies do not wait.
const STARTS_PER_TURN_MAX: usize = 32;
/// The number of datagrams read from one socket before the next socket.
const RECEIVED_PER_TURN_MAX: usize = 256;
/// Nothing answers a RELEASE, so the window does not limit RELEASEs that are all sent at the end.
/// They are sent at half the rate of exchanges that the server has achieved, within these bounds.
const RELEASES_PER_SEC: RangeInclusive<u32> = 100..=10_000;
/// The longest wait for a reply (RFC 2131 section 4.1).
const WAIT_MAX: Duration = Duration::from_secs(64);
/// The first wait for a reply (RFC 2131 section 4.1).
const RFC_WAIT: Duration = Duration::from_secs(4);
/// The longest sleep of the loop, for the progress bar and the end of a timed run.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// Larger than any reply: servers respect option 57 of the request.
const DATAGRAM_OCTETS_MAX: usize = 4096;

/// Runs to the end and returns the report.
pub(crate) fn run(
    args: &LoadArgs,
    observer: &mut dyn FnMut(&ExchangeEvent<'_>),
) -> anyhow::Result<LoadReport> {
    args.check()?;
    let mut driver = Driver::new(args, observer)?;
    let busy_before = busy()?;
    driver.run()?;
    let lasted = driver.began_at.elapsed();
    let busy = busy()?.saturating_sub(busy_before);
    driver.progress.finish();
    let relays: Vec<_> = driver.relays.iter().map(|relay| relay.socket.local()).collect();
    let circumstances = Circumstances {
        replies_dropped_here: relays.iter().copied().map(socket::drops).sum(),
        relays,
        seed: driver.seed,
        elapsed: driver.last_ended_at.saturating_duration_since(driver.began_at),
        lasted,
        busy,
        skipped_renewals: driver.plan.skipped_renewals(),
    };
    Ok(driver.tally.into_report(args, circumstances))
}

struct Driver<'a> {
    args: &'a LoadArgs,
    observer: &'a mut dyn FnMut(&ExchangeEvent<'_>),
    relays: Vec<RelaySocket>,
    plan: LoadPlan,
    ledger: Ledger,
    tally: Tally,
    progress: Progress,
    under_way: HashMap<u32, Exchange>,
    /// Deadlines of transmissions; those of answered messages remain and are ignored.
    deadlines: BinaryHeap<Reverse<Deadline>>,
    /// The next task of the plan, which may not be started yet.
    pending: Option<(u32, SubscriberTask)>,
    starts: Pace,
    releases: Pace,
    began_at: Instant,
    last_ended_at: Instant,
    seed: u64,
    random: fastrand::Rng,
    first_xid: u32,
    xids_used: u32,
}

struct RelaySocket {
    socket: Socket,
    agent: RelayAgent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deadline {
    at: Instant,
    xid: u32,
    transmissions: u32,
}

impl<'a> Driver<'a> {
    fn new(
        args: &'a LoadArgs,
        observer: &'a mut dyn FnMut(&ExchangeEvent<'_>),
    ) -> anyhow::Result<Self> {
        let mut relays = Vec::new();
        for local in &args.relay {
            let socket = Socket::bind(*local, args.server)
                .with_context(|| format!("cannot bind the relay's socket at {local}"))?;
            let agent = RelayAgent::new(socket.local(), args.link_selection);
            relays.push(RelaySocket { socket, agent });
        }
        let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
        let mut random = fastrand::Rng::with_seed(seed);
        let now = Instant::now();
        Ok(Self {
            args,
            observer,
            relays,
            plan: LoadPlan::new(args, now),
            ledger: Ledger::new(args.clients),
            tally: Tally::new()?,
            progress: Progress::new(args, now),
            under_way: HashMap::new(),
            deadlines: BinaryHeap::new(),
            pending: None,
            starts: Pace::new(args.rate, now),
            releases: Pace::new(None, now),
            began_at: now,
            last_ended_at: now,
            seed,
            first_xid: random.u32(..),
            random,
            xids_used: 0,
        })
    }

    fn run(&mut self) -> anyhow::Result<()> {
        let mut buffer = vec![0; DATAGRAM_OCTETS_MAX];
        loop {
            self.send_again_or_give_up()?;
            if self.is_hopeless() {
                return Ok(());
            }
            let Some(started) = self.start()? else { return Ok(()) };
            let received = self.receive(&mut buffer)?;
            self.progress.tick(&self.tally, Instant::now());
            if started == 0 && received == 0 {
                self.sleep()?;
            }
        }
    }

    /// Returns whether a whole window of exchanges was given up and no datagram ever arrived: the
    /// rest of the run would take hours with the same result. A timed run ends by itself.
    fn is_hopeless(&self) -> bool {
        self.tally.packets_received == 0
            && self.tally.failed >= self.args.window.into()
            && self.args.duration_secs.is_none()
    }

    /// Starts what the plan wants, the window has room for and the rates allow. Returns how many
    /// exchanges were started, or `None` once all are done.
    fn start(&mut self) -> anyhow::Result<Option<usize>> {
        let now = Instant::now();
        for started in 0..STARTS_PER_TURN_MAX {
            if self.pending.is_none() {
                match self.plan.next(&self.ledger, self.under_way.len(), now) {
                    NextTask::Start { client, task } => self.pending = Some((client, task)),
                    NextTask::Wait => return Ok(Some(started)),
                    NextTask::Finished => return Ok(None),
                }
            }
            let Some((client, task)) = self.pending else { return Ok(Some(started)) };
            let is_window_full = self.under_way.len() >= self.args.window as usize;
            let may_start = match task {
                SubscriberTask::Release if !self.plan.is_giving_back() => true,
                SubscriberTask::Release => {
                    self.releases.set(self.releases_per_sec());
                    self.releases.take(now)
                }
                SubscriberTask::Acquire | SubscriberTask::Renew => {
                    !is_window_full && self.starts.take(now)
                }
            };
            if !may_start {
                return Ok(Some(started));
            }
            self.pending = None;
            self.start_task(client, task, now)?;
        }
        Ok(Some(STARTS_PER_TURN_MAX))
    }

    fn start_task(
        &mut self,
        client: u32,
        task: SubscriberTask,
        now: Instant,
    ) -> anyhow::Result<()> {
        let subscriber = self.args.subscriber(self.number(client));
        let Some(agent) = self.relay_of(client).map(|relay| relay.agent) else { return Ok(()) };
        let xid = self.first_xid.wrapping_add(self.xids_used);
        self.xids_used = self.xids_used.wrapping_add(1);
        let exchange = match (task, self.ledger.lease(client, now)) {
            (SubscriberTask::Acquire, _) => Exchange::acquire(client, subscriber, agent, xid, now)?,
            (SubscriberTask::Renew, Some(HeldLease { address, .. })) => {
                Exchange::renew(client, &subscriber, address, agent, xid, now)?
            }
            (SubscriberTask::Release, Some(HeldLease { address, server_identifier, .. })) => {
                let intent = Intent::Release { address, server_identifier };
                let message = agent.message(&subscriber, intent, xid)?;
                // The lease is unbound before the message is sent, because the server may give the
                // address to the next client at once.
                self.ledger.unbind(client);
                self.send(client, &octets_of(&message)?)?;
                self.tally.released += 1;
                self.plan.done(client);
                return Ok(());
            }
            // The lease ended at this very moment.
            (SubscriberTask::Renew | SubscriberTask::Release, None) => {
                self.plan.done(client);
                return Ok(());
            }
        };
        self.transmit(xid, exchange, now)
    }

    /// Sends the current message of an exchange, and sets its deadline.
    fn transmit(&mut self, xid: u32, exchange: Exchange, now: Instant) -> anyhow::Result<()> {
        let doublings = exchange.retransmissions().min(16);
        let wait = Duration::from_millis(self.args.timeout_ms << doublings).min(WAIT_MAX);
        // RFC 2131 section 4.1 wants waits to be randomised by plus or minus one second; waits that
        // are shorter than those of the RFC are randomised by a tenth.
        let spread = if wait >= RFC_WAIT { Duration::from_secs(1) } else { wait / 10 };
        let wait = wait - spread + spread.mul_f64(2.0 * self.random.f64());
        let transmissions = exchange.transmissions;
        self.deadlines.push(Reverse(Deadline { at: now + wait, xid, transmissions }));
        self.send(exchange.client, exchange.octets())?;
        self.under_way.insert(xid, exchange);
        Ok(())
    }

    fn send(&mut self, client: u32, octets: &[u8]) -> anyhow::Result<()> {
        let server = self.args.server;
        if let Some(relay) = self.relay_of(client) {
            let local = relay.socket.local();
            relay
                .socket
                .send(octets)
                .with_context(|| format!("cannot send from {local} to {server}"))?;
            self.tally.packets_sent += 1;
        }
        Ok(())
    }

    fn send_again_or_give_up(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        while let Some(Reverse(due)) = self.deadlines.peek().copied()
            && due.at <= now
        {
            self.deadlines.pop();
            let Some(mut exchange) = self.under_way.remove(&due.xid) else { continue };
            if exchange.transmissions != due.transmissions {
                self.under_way.insert(due.xid, exchange);
            } else if exchange.retransmissions() < self.args.retries {
                exchange.retransmit();
                self.tally.retransmissions += 1;
                self.transmit(due.xid, exchange, now)?;
            } else {
                let outcome = exchange.give_up();
                self.end(&exchange, &outcome, now);
            }
        }
        Ok(())
    }

    /// Receives what has arrived and returns how many datagrams there were.
    fn receive(&mut self, buffer: &mut [u8]) -> anyhow::Result<usize> {
        let mut received = 0;
        for relay in 0..self.relays.len() {
            for _ in 0..RECEIVED_PER_TURN_MAX {
                let Some(RelaySocket { socket, .. }) = self.relays.get_mut(relay) else { break };
                if socket.is_blocked() {
                    socket.flush().context("cannot send messages that had to wait")?;
                }
                let Some(length) = socket.receive(buffer).context("cannot receive")? else { break };
                received += 1;
                self.tally.packets_received += 1;
                self.take(buffer.get(..length).unwrap_or_default(), Instant::now())?;
            }
        }
        Ok(received)
    }

    fn take(&mut self, octets: &[u8], now: Instant) -> anyhow::Result<()> {
        let unexpected = &mut self.tally.unexpected;
        let reply = match Reply::read(octets) {
            Ok(reply) => reply,
            Err(error) => {
                unexpected.unreadable += 1;
                self.tally.sample(|| format!("unreadable reply: {error}"));
                return Ok(());
            }
        };
        let xid = reply.xid;
        let Some(mut exchange) = self.under_way.remove(&xid) else {
            match xid.wrapping_sub(self.first_xid) < self.xids_used {
                true => unexpected.out_of_turn += 1,
                false => unexpected.unknown_transaction += 1,
            }
            return Ok(());
        };
        if !exchange.is_addressed_by(&reply) {
            unexpected.wrong_hardware_address += 1;
            self.under_way.insert(xid, exchange);
            return Ok(());
        }
        match exchange.on_reply(reply, now)? {
            exchange::ReplyEffect::None => {
                unexpected.out_of_turn += 1;
                self.under_way.insert(xid, exchange);
                Ok(())
            }
            exchange::ReplyEffect::Offered { latency, mistakes } => {
                self.tally.discover_to_offer.record(latency);
                self.mistakes(exchange.client, &mistakes);
                self.transmit(xid, exchange, now)
            }
            exchange::ReplyEffect::Ended { latency, mistakes, outcome } => {
                if matches!(*outcome, ExchangeEnd::Acquired(_)) {
                    self.tally.request_to_ack.record(latency);
                }
                self.mistakes(exchange.client, &mistakes);
                self.end(&exchange, &outcome, now);
                Ok(())
            }
        }
    }

    fn end(&mut self, exchange: &Exchange, outcome: &ExchangeEnd, now: Instant) {
        self.last_ended_at = now;
        let (client, number) = (exchange.client, self.number(exchange.client));
        match outcome {
            ExchangeEnd::Acquired(acquired) => {
                match exchange.kind {
                    ExchangeKind::Acquire => {
                        self.tally.acquired += 1;
                        let latency = now.saturating_duration_since(exchange.began_at);
                        self.tally.exchange.record(latency);
                    }
                    ExchangeKind::Renew => self.tally.renewed += 1,
                }
                let held = HeldLease::new(acquired, exchange.asked_at);
                if let Some(holder) = self.ledger.bind(client, held, now) {
                    let (address, holder) = (held.address, self.number(holder));
                    let mistake = Violation::DuplicateAddress { address, holder, client: number };
                    self.mistakes(client, &[mistake]);
                }
            }
            ExchangeEnd::Refused { message } => {
                self.tally.naks += 1;
                self.ledger.unbind(client);
                let why = message.as_deref().unwrap_or("no reason given");
                self.tally.sample(|| format!("client {number}: NAK ({why})"));
            }
            ExchangeEnd::Unanswered { wanted } => {
                self.tally.failed += 1;
                let sent = counted(u64::from(self.args.retries) + 1, "message");
                self.tally.sample(|| format!("client {number}: no {wanted} to {sent}"));
            }
            // The mistake was counted already.
            ExchangeEnd::Unusable(_) => self.tally.failed += 1,
        }
        (self.observer)(&ExchangeEvent {
            client: number,
            kind: exchange.kind,
            asked_at: exchange.asked_at,
            ended_at: now,
            outcome,
        });
        self.plan.done(client);
    }

    fn mistakes(&mut self, client: u32, mistakes: &[Violation]) {
        for mistake in mistakes {
            self.tally.mistake(self.number(client), mistake);
        }
    }

    /// Sleeps until a datagram arrives, a message has to be repeated, or the next exchange may be
    /// started.
    fn sleep(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let mut wake_at = now + SLEEP_MAX;
        if let Some(Reverse(due)) = self.deadlines.peek() {
            wake_at = wake_at.min(due.at);
        }
        match self.pending {
            Some((_, SubscriberTask::Release)) => wake_at = wake_at.min(self.releases.next_at()),
            Some(_) if self.under_way.len() < self.args.window as usize => {
                wake_at = wake_at.min(self.starts.next_at());
            }
            _ => {}
        }
        let mut descriptors: Vec<_> = self
            .relays
            .iter()
            .map(|relay| match relay.socket.is_blocked() {
                true => PollFd::new(relay.socket.as_fd(), PollFlags::POLLIN | PollFlags::POLLOUT),
                false => PollFd::new(relay.socket.as_fd(), PollFlags::POLLIN),
            })
            .collect();
        let left = TimeSpec::from_duration(wake_at.saturating_duration_since(now));
        match ppoll(&mut descriptors, Some(left), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait for replies"),
        }
    }

    fn releases_per_sec(&self) -> u32 {
        let elapsed = self.last_ended_at.saturating_duration_since(self.began_at);
        let exchanges_per_sec = self.tally.completed() as f64 / elapsed.as_secs_f64().max(0.001);
        let (least, most) = (*RELEASES_PER_SEC.start(), *RELEASES_PER_SEC.end());
        let shown = ((exchanges_per_sec / 2.0) as u32).clamp(least, most);
        self.args.rate.map_or(shown, |rate| rate.min(shown))
    }

    /// Returns the number of the subscriber at this position of the run.
    fn number(&self, client: u32) -> u32 {
        self.args.first_client.saturating_add(client)
    }

    fn relay_of(&mut self, client: u32) -> Option<&mut RelaySocket> {
        let relays = self.relays.len().max(1);
        self.relays.get_mut(client as usize % relays)
    }
}

/// Returns the processor time of this thread.
fn busy() -> anyhow::Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .context("cannot read the processor time of the thread")?;
    Ok(time.into())
}

#[cfg(test)]
mod tests;
