//! Workers: each one reads what waits in its sockets, decides it in the order of its backlog,
//! commits the changes of a turn with one flush, and sends the replies with one call per socket.
//! While a flush runs, it continues with the next turn. While storage has no room or does not
//! answer, it continues with messages that change nothing.
//!
//! Does not know how a message is decided; see [`crate::exchange`]. Invariant: a reply leaves only
//! after every change that it rests on is durable.

mod commit;
mod handle;
mod intake;
mod message;
mod omissions;
mod parked;
mod pause;
mod sending;
mod thinner;
mod wakes;

use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender};
use lessor_config::Configuration;
use lessor_core::Reason;
use lessor_net::{Endpoint, Poller, ReceiveBatch, Waker};
use lessor_policy_host::Runner;
use lessor_stages::Written;

use crate::{
    exchange::{Exchange, Finished, Next},
    held::Held,
    parking::{AWAY_MAX, Parking},
    shared::Shared,
    ticket::Ticket,
};

use self::{intake::Intake, message::Message, pause::Pause, wakes::WorkerWakes};

pub(crate) use self::handle::{EndpointSender, WorkerHandle};

/// The number of messages from other threads, such as exchanges that return from their lookups,
/// that a worker accepts before it submits and sends what it has.
const MESSAGES_IN_TURN_MAX: usize = 64;

/// How long a worker continues to decide what it has read after it was asked to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// The parts that a worker is made of.
pub(crate) struct WorkerParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) endpoints: Vec<Option<Endpoint>>,
    pub(crate) held: Held,
    /// Replaced instances are sent here, because dropping them takes longer than a packet should
    /// wait.
    pub(crate) discard: Sender<Runner>,
    /// Runs the lookups that exchanges wait for.
    pub(crate) runtime: tokio::runtime::Handle,
    /// The number of messages that may wait to be decided.
    pub(crate) waiting_messages_max: usize,
}

struct Worker {
    shared: Arc<Shared>,
    held: Held,
    /// Each endpoint has a fixed position, which is empty while the endpoint cannot be open.
    endpoints: Vec<Option<Endpoint>>,
    poller: Poller,
    receiver: Receiver<Message>,
    sender: Sender<Message>,
    waker: Waker,
    discard: Sender<Runner>,
    /// Messages that were read and not decided.
    intake: Intake,
    pause: Pause,
    /// Exchanges whose replies are ready to send, by endpoint.
    finished: Vec<Vec<Finished>>,
    /// Exchanges of this turn whose changes must be committed.
    to_commit: Vec<Exchange<Written>>,
    /// Changes that storage has not answered yet.
    waiting_changes: usize,
    /// Exchanges that wait for lookups, on the threads of `runtime`, or for storage.
    parking: Parking,
    wakes: WorkerWakes,
    /// The numbers of the exchanges that can continue.
    woken: Receiver<u64>,
    runtime: tokio::runtime::Handle,
    /// The time until which the worker decides what it has read; `None` until it is asked to stop.
    stops_at: Option<Instant>,
}

/// Returns the number of workers of a server with this configuration.
pub fn workers_of(configuration: &Configuration) -> usize {
    match configuration.server.workers {
        Some(workers) => workers.get(),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

impl Worker {
    /// Creates a worker whose messages arrive at `receiver`.
    fn new(
        parts: WorkerParts,
        sender: Sender<Message>,
        receiver: Receiver<Message>,
        waker: Waker,
    ) -> anyhow::Result<Self> {
        let WorkerParts { shared, endpoints, held, discard, runtime, waiting_messages_max } = parts;
        let (numbers, woken) = crossbeam_channel::unbounded();
        let mut poller = Poller::new()?;
        for (token, endpoint) in endpoints.iter().enumerate() {
            if let Some(endpoint) = endpoint {
                poller.add(endpoint, token as u32)?;
            }
        }
        poller.add_waker(&waker)?;
        let finished = endpoints.iter().map(|_| Vec::new()).collect();
        let intake = Intake::new(waiting_messages_max, endpoints.len());
        let wakes = WorkerWakes {
            woken: numbers,
            sender: sender.clone(),
            waker: waker.clone(),
            next: Cell::new(0),
        };
        Ok(Self {
            shared,
            held,
            endpoints,
            poller,
            receiver,
            sender,
            waker,
            discard,
            intake,
            pause: Pause::new(Instant::now()),
            finished,
            to_commit: Vec::new(),
            waiting_changes: 0,
            parking: Parking::new(AWAY_MAX),
            wakes,
            woken,
            runtime,
            stops_at: None,
        })
    }

    fn run(mut self) -> anyhow::Result<()> {
        let mut batch = ReceiveBatch::new();
        let mut ready = Vec::new();
        while !self.is_done() {
            ready.clear();
            if self.wait(&mut ready)? {
                self.take_waiting();
            }
            if self.stops_at.is_none() {
                self.read(&ready, &mut batch);
                self.thin();
            }
            self.decide_waiting();
            let has_submitted = self.submit();
            self.send_finished();
            if has_submitted && !self.intake.is_empty() {
                // If the committer shares the core, it flushes now instead of at the end of a time
                // slice. Otherwise this costs nothing.
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let is_idle = self.waiting_changes == 0 && self.parking.is_empty();
        self.stops_at.is_some() && is_idle && self.intake.is_empty()
    }

    /// Waits for something to do, unless there are messages that can be decided. Adds the endpoints
    /// that have something to read to `ready`, and returns whether another thread may have sent
    /// something.
    fn wait(&mut self, ready: &mut Vec<u32>) -> anyhow::Result<bool> {
        let may_decide = self.may_decide();
        if let Some(stops_at) = self.stops_at {
            if !may_decide {
                // Sockets would wake the worker at once, but only other threads can make room.
                let until = stops_at.max(Instant::now() + STOP_WITHIN);
                if let Ok(message) = self.receiver.recv_deadline(until) {
                    self.take(message);
                }
            }
            return Ok(true);
        }
        if !may_decide && let Some(pause) = self.pause.due() {
            std::thread::sleep(pause);
        }
        let timeout_ms = match may_decide {
            true => Some(0),
            false => self.intake.adjusts_within_ms(),
        };
        let found = self.poller.wait(timeout_ms).context("cannot wait for packets")?;
        ready.extend(found.tokens());
        Ok(found.woken())
    }

    /// Accepts messages of other threads, but not so many that finished replies have to wait.
    fn take_waiting(&mut self) {
        for _ in 0..MESSAGES_IN_TURN_MAX {
            let Ok(message) = self.receiver.try_recv() else { return };
            self.take(message);
        }
        self.waker.wake();
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Committed { exchanges, answers } => self.committed(exchanges, &answers),
            Message::Woken => self.go_on_with_woken(),
            Message::LookedUp(returned) => self.looked_up(*returned),
            Message::Generation { generation, runner, taken } => {
                let _ = self.discard.send(self.held.replace(generation, *runner));
                let _ = taken.send(());
            }
            Message::Endpoint { position, endpoint } => {
                self.replace_endpoint(position, endpoint.map(|endpoint| *endpoint));
            }
            Message::Stop => self.stops_at = Some(Instant::now() + STOP_WITHIN),
        }
    }

    fn replace_endpoint(&mut self, position: usize, endpoint: Option<Endpoint>) {
        let Some(slot) = self.endpoints.get_mut(position) else { return };
        self.intake.is_replaced(position);
        if let Some(old) = slot.take()
            && let Err(error) = self.poller.remove(&old)
        {
            tracing::error!(endpoint = %old, %error, "an endpoint that is closed is still waited on");
        }
        if let Some(endpoint) = &endpoint
            && let Err(error) = self.poller.add(endpoint, position as u32)
        {
            tracing::error!(%endpoint, %error, "an endpoint cannot be waited on and stays closed");
            return;
        }
        *slot = endpoint;
    }

    /// Returns whether a message waits that can be decided now.
    fn may_decide(&self) -> bool {
        match self.may_change_more() {
            true => !self.intake.is_empty(),
            false => self.intake.holds_what_changes_nothing(),
        }
    }

    /// Does what an exchange needs next.
    fn proceed(&mut self, next: Next) {
        match next {
            Next::LookUp(exchange) => self.look_up(exchange),
            Next::Wait(number, exchange) => self.park(number, exchange),
            Next::Commit(exchange) => self.to_commit.push(exchange),
            Next::End(finished) => {
                if matches!(finished.reason, Reason::ChangePending | Reason::ProbePending)
                    && let Some(request) = finished.request()
                {
                    self.parking.was_sent_again(&Ticket::of(request), Instant::now());
                }
                self.finish(finished);
            }
        }
    }
}

#[cfg(test)]
mod tests;
