//! The thread that asks whether a host uses an address, for [`crate::probes`].
//!
//! Does not decide what follows from an answer; the engine does. Invariant: each probe that was
//! accepted ends within its time, and its engine learns how.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use lessor_core::{Probe, ProbeMessage, ProbeResult, StorageAnswer};
use lessor_net::{Host, ProbeAnswer, ProbeSockets};
use lessor_store::Submission;

use crate::{clock, held::Engines, in_use::InUse, shared::Shared, vital};

/// How many times the engine that owns an address is looked for. Each attempt takes another reload.
const ATTEMPTS_MAX: usize = 8;

/// The thread that sends probes and waits for answers.
struct Task {
    shared: Arc<Shared>,
    sockets: ProbeSockets,
    waiting: Vec<Waiting>,
    /// Quarantines that storage has not answered yet.
    committing: Vec<InUse>,
    committed: Receiver<(Ipv4Addr, StorageAnswer)>,
    on_committed: Sender<(Ipv4Addr, StorageAnswer)>,
}

/// A probe that waits for an answer.
struct Waiting {
    probe: Probe,
    until: Instant,
    /// When the message is sent once more, because a frame can be lost.
    again_at: Option<Instant>,
}

/// Starts the thread of the prober.
///
/// # Errors
/// If the system provides no thread or no eventfd.
pub(crate) fn start(shared: Arc<Shared>, host: Arc<Host>) -> anyhow::Result<JoinHandle<()>> {
    let sockets = ProbeSockets::new(host)?;
    let (on_committed, committed) = crossbeam_channel::unbounded();
    shared.probes.open(sockets.bell());
    let (waiting, committing) = (Vec::new(), Vec::new());
    let task = Task { shared, sockets, waiting, committing, committed, on_committed };
    Ok(vital::spawn("prober", move || task.run())?)
}

impl Task {
    fn run(mut self) -> anyhow::Result<()> {
        loop {
            let patience = self.patience();
            self.sockets.wait(patience)?;
            self.take_accepted();
            self.take_answers();
            self.take_committed();
            self.look_at_clock();
            if !self.shared.probes.is_open() {
                self.take_accepted();
                let given_up: Vec<_> = self.waiting.drain(..).collect();
                given_up.iter().for_each(|waiting| {
                    self.report(&waiting.probe, ProbeResult::NotSent);
                });
                if self.committing.is_empty() {
                    return Ok(());
                }
            }
        }
    }

    /// How long there is nothing to do unless something arrives.
    fn patience(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let next = self.waiting.iter().map(|waiting| waiting.again_at.unwrap_or(waiting.until));
        let next = next.min().map(|next| next.saturating_duration_since(now));
        let rest = self.sockets.rest();
        next.into_iter().chain(rest).min()
    }

    fn take_accepted(&mut self) {
        while let Some(probe) = self.shared.probes.next() {
            if !self.ask(&probe) {
                self.report(&probe, ProbeResult::NotSent);
                continue;
            }
            let timeout = Duration::from_millis(u64::from(probe.timeout_ms));
            let now = Instant::now();
            let again_at = Some(now + timeout / 2);
            self.waiting.push(Waiting { probe, until: now + timeout, again_at });
        }
    }

    /// Sends the message of a probe, and returns whether that succeeded.
    fn ask(&mut self, probe: &Probe) -> bool {
        let sent = self.sockets.ask(probe.address, &probe.by);
        if let Err(error) = &sent
            && let Some(count) = self.shared.counters.offered_unprobed.note()
        {
            tracing::warn!(
                address = %probe.address,
                by = said(&probe.by),
                %error,
                count,
                "an address cannot be probed, so it is offered unprobed"
            );
        }
        sent.is_ok()
    }

    fn take_answers(&mut self) {
        let mut answers = Vec::new();
        self.sockets.answers(|answer| answers.push(answer));
        for ProbeAnswer { address, message, by } in answers {
            let is_meant = |waiting: &Waiting| {
                let probe = &waiting.probe;
                (probe.address, &probe.by) == (address, &message) && by != Some(probe.client)
            };
            if let Some(position) = self.waiting.iter().position(is_meant) {
                let answered = self.waiting.swap_remove(position);
                self.report(&answered.probe, ProbeResult::Answered(by));
            }
        }
    }

    /// Ends the probes that had no answer in time, and repeats those that are halfway there.
    fn look_at_clock(&mut self) {
        let now = Instant::now();
        let (over, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|waiting| waiting.until <= now);
        self.waiting = waiting;
        for Waiting { probe, .. } in over {
            self.report(&probe, ProbeResult::Unanswered);
        }
        let due = |waiting: &mut Waiting| {
            let again = waiting.again_at.take_if(|again_at| *again_at <= now);
            again.map(|_| waiting.probe.clone())
        };
        let due: Vec<Probe> = self.waiting.iter_mut().filter_map(due).collect();
        for probe in due {
            self.ask(&probe);
        }
    }

    /// Passes the result of a probe to the engine that owns the address, and wakes the exchanges
    /// that wait for it.
    fn report(&mut self, probe: &Probe, result: ProbeResult) {
        let address = probe.address;
        for _ in 0..ATTEMPTS_MAX {
            let engines = self.shared.engines.load_full();
            let Some(home) = engines.topology().locate_address(None, address) else { break };
            let shared = &self.shared;
            let reported = engines.with_waiting(home.network, |engine, waiting| {
                let now = clock::now();
                shared.recorder.probe(now, engine.network(), address, result);
                let change = engine.probed(now, address, result);
                let found =
                    change.map(|change| InUse::found(&shared.observer, engine, probe, change));
                shared.probes.end(address);
                (found, waiting.take([address]))
            });
            if let Ok((found, woken)) = reported {
                woken.into_iter().for_each(|wake| wake());
                found.into_iter().for_each(|found| self.commit(found));
                return;
            }
        }
        self.shared.probes.end(address);
    }

    /// Makes a quarantine durable.
    fn commit(&mut self, found: InUse) {
        let address = found.address();
        let decisions = vec![found.changes().clone()];
        self.committing.push(found);
        let (on_committed, bell) = (self.on_committed.clone(), self.sockets.bell());
        let on_done = Box::new(move |_decisions, answers: Vec<StorageAnswer>| {
            let answer = answers.into_iter().next().unwrap_or(StorageAnswer::NotMade);
            let _ = on_committed.send((address, answer));
            bell.ring();
        });
        if self.shared.committer.submit(Submission { decisions, on_done }).is_err() {
            self.committed(address, &StorageAnswer::NotMade);
        }
    }

    fn take_committed(&mut self) {
        while let Ok((address, answer)) = self.committed.try_recv() {
            self.committed(address, &answer);
        }
    }

    fn committed(&mut self, address: Ipv4Addr, answer: &StorageAnswer) {
        let is_it = |found: &InUse| found.address() == address;
        let Some(position) = self.committing.iter().position(is_it) else { return };
        let found = self.committing.swap_remove(position);
        let mut engines = Engines::of(&self.shared.engines);
        let pipeline = self.shared.pipeline();
        pipeline.settle(&mut engines, clock::now(), found.changes(), answer);
        found.finish(&self.shared, answer);
    }
}

/// The name of the message, for the log.
fn said(by: &ProbeMessage) -> &'static str {
    match by {
        ProbeMessage::Arp(_) => "ARP",
        ProbeMessage::Icmp => "ICMP echo",
    }
}
