//! Workers: each one reads what waits in its sockets, decides it in the order of its backlog,
//! commits the changes of a turn with one flush, and sends the replies with one call per socket.
//! While a flush runs, it continues with the next turn. While storage has no room or does not
//! answer, it continues with messages that change nothing.
//!
//! Does not know how a message is decided; see [`crate::exchange`]. Invariant: a reply leaves only
//! after every change that it rests on is durable.

mod intake;
mod omissions;
mod pause;
mod thinner;

use std::{
    cell::Cell,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender};
use lessor_config::Configuration;
use lessor_core::{Answer, Changes, Reason};
use lessor_generation::Generation;
use lessor_policy_host::Runner;
use lessor_stages::{Asked, Planned, Written};
use lessor_store::Submission;

use self::{intake::Intake, pause::Pause};
use lessor_net::{Endpoint, Outgoing, Poller, ReceiveBatch, Waker};

use crate::{
    backlog::AGE_MAX,
    clock,
    counters::increment,
    exchange::{Exchange, Finished, Next, Wakes},
    held::Held,
    parking::{AWAY_MAX, Away, Parking, Returned},
    shared::Shared,
    ticket::Ticket,
    vital,
    waiting::Wake,
};

/// The number of changes of one worker that may wait for storage. Beyond it, messages wait in the
/// worker's backlog, which orders them by urgency and chooses which ones to drop.
const WAITING_CHANGES_MAX: usize = 4096;

/// The number of messages from other threads, such as exchanges that return from their lookups,
/// that a worker accepts before it submits and sends what it has.
const MESSAGES_IN_TURN_MAX: usize = 64;

/// How long a worker continues to decide what it has read after it was asked to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// A handle to a running worker.
#[derive(Debug)]
pub(crate) struct WorkerHandle {
    sender: Sender<Message>,
    waker: Waker,
    thread: Mutex<Option<JoinHandle<()>>>,
}

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

enum Message {
    /// Storage has answered a batch.
    Committed { exchanges: Vec<Exchange<Written>>, answers: Vec<Answer> },
    /// Exchanges that waited for storage can be decided; their numbers are in the other channel.
    Woken,
    /// An exchange that waited for lookups has its answers.
    LookedUp(Box<Returned>),
    /// Use this generation with these instances of its policies from now on, and confirm that.
    Generation { generation: Arc<Generation>, runner: Box<Runner>, taken: Sender<()> },
    /// Replace the endpoint at this position, or close it.
    Endpoint { position: usize, endpoint: Option<Box<Endpoint>> },
    /// Stop reading, answer the requests in progress, end.
    Stop,
}

/// Sends endpoints to one worker. Clones send to the same worker.
#[derive(Clone, Debug)]
pub(crate) struct EndpointSender {
    sender: Sender<Message>,
    waker: Waker,
}

impl EndpointSender {
    /// Makes the worker receive from `endpoint` instead of the one at `position`, or from none.
    /// Replies to messages of the old endpoint leave through the new one.
    pub(crate) fn replace(&self, position: usize, endpoint: Option<Endpoint>) {
        let endpoint = endpoint.map(Box::new);
        let _ = self.sender.send(Message::Endpoint { position, endpoint });
        self.waker.wake();
    }
}

/// Notifies a worker that exchanges which wait for storage can continue. They have a separate
/// channel, because they continue before any later message is decided.
struct WorkerWakes {
    woken: Sender<u64>,
    sender: Sender<Message>,
    waker: Waker,
    next: Cell<u64>,
}

impl Wakes for WorkerWakes {
    fn wake(&self) -> (u64, Wake) {
        let number = self.next.replace(self.next.get() + 1);
        let (woken, sender) = (self.woken.clone(), self.sender.clone());
        let waker = self.waker.clone();
        let wake = move || {
            let _ = woken.send(number);
            let _ = sender.send(Message::Woken);
            waker.wake();
        };
        (number, Box::new(wake))
    }
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

impl WorkerHandle {
    /// Starts a worker on its endpoints.
    ///
    /// # Errors
    /// If the operating system provides no thread or no epoll instance.
    pub(crate) fn start(number: usize, parts: WorkerParts) -> anyhow::Result<Self> {
        let WorkerParts { shared, endpoints, held, discard, runtime, waiting_messages_max } = parts;
        let (sender, receiver) = crossbeam_channel::unbounded();
        let (numbers, woken) = crossbeam_channel::unbounded();
        let waker = Waker::new()?;
        let mut poller = Poller::new()?;
        for (token, endpoint) in endpoints.iter().enumerate() {
            if let Some(endpoint) = endpoint {
                poller.add(endpoint, token as u32)?;
            }
        }
        poller.add_waker(&waker)?;
        let finished = endpoints.iter().map(|_| Vec::new()).collect();
        let intake = Intake::new(waiting_messages_max, endpoints.len());
        let worker = Worker {
            shared,
            held,
            endpoints,
            poller,
            receiver,
            sender: sender.clone(),
            waker: waker.clone(),
            discard,
            intake,
            pause: Pause::new(Instant::now()),
            finished,
            to_commit: Vec::new(),
            waiting_changes: 0,
            parking: Parking::new(AWAY_MAX),
            wakes: WorkerWakes {
                woken: numbers,
                sender: sender.clone(),
                waker: waker.clone(),
                next: Cell::new(0),
            },
            woken,
            runtime,
            stops_at: None,
        };
        let thread = vital::spawn(format!("worker-{number}"), move || worker.run())
            .context("cannot start a worker thread")?;
        Ok(Self { sender, waker, thread: Mutex::new(Some(thread)) })
    }

    /// Makes the worker use another generation after the current turn. The worker answers on
    /// `taken` once no further packet will reach the policies of the old one.
    pub(crate) fn hand_over(&self, generation: Arc<Generation>, runner: Runner, taken: Sender<()>) {
        self.tell(Message::Generation { generation, runner: Box::new(runner), taken });
    }

    /// Returns a sender of endpoints to the worker.
    pub(crate) fn endpoint_sender(&self) -> EndpointSender {
        EndpointSender { sender: self.sender.clone(), waker: self.waker.clone() }
    }

    /// Makes the worker answer the requests in progress, and waits for its end.
    pub(crate) fn stop(&self) {
        self.tell(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The thread cannot have panicked: see `vital`.
            let _ = thread.join();
        }
    }

    fn tell(&self, message: Message) {
        let _ = self.sender.send(message);
        self.waker.wake();
    }
}

/// Returns the number of workers of a server with this configuration.
pub fn workers_of(configuration: &Configuration) -> usize {
    match configuration.server.workers {
        Some(workers) => workers.get(),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

impl Worker {
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

    /// Returns whether storage has room for the changes of another turn. If not, the worker decides
    /// only what changes nothing. A worker without changes in flight continues in any case, because
    /// no answer would wake it when there is room; changes that storage then rejects end their
    /// exchanges.
    fn may_change_more(&self) -> bool {
        self.waiting_changes == 0
            || (self.waiting_changes < WAITING_CHANGES_MAX && self.shared.committer.has_room())
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

    /// Moves an exchange to the runtime, which returns it with the results of its lookups.
    fn look_up(&mut self, exchange: Exchange<Planned>) {
        let ticket = Ticket::of(exchange.request());
        if let Err(reason) = self.parking.leave(&ticket) {
            return self.finish(exchange.end(reason));
        }
        increment(&self.shared.counters.waiting_for_lookups);
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let back = move |returned| {
            let _ = sender.send(Message::LookedUp(Box::new(returned)));
            waker.wake();
        };
        let generation = Arc::clone(&self.held.generation);
        self.runtime.spawn(Away::new(ticket, generation, exchange, back).ask());
    }

    /// Continues with an exchange that waited for lookups.
    fn looked_up(&mut self, returned: Returned) {
        let Returned { ticket, generation, exchange, answers } = returned;
        self.parking.is_back(&ticket);
        self.shared.counters.waiting_for_lookups.fetch_sub(1, Ordering::Relaxed);
        self.go_on_with_woken();
        let pipeline = self.shared.pipeline_with(&self.wakes);
        let (held, now) = (&mut self.held, clock::now());
        let next = match Arc::ptr_eq(&generation, &held.generation) {
            true => pipeline.looked_up(held, now, exchange, answers),
            false => pipeline.plan_again(held, now, exchange),
        };
        self.proceed(next);
    }

    /// Keeps an exchange until storage has answered the changes that it depends on.
    fn park(&mut self, number: u64, exchange: Exchange<Asked>) {
        match self.parking.park(number, exchange) {
            Ok(None) => {}
            Ok(Some(earlier)) => self.finish(earlier.end_undecided(Reason::ChangePending)),
            Err((exchange, reason)) => self.finish(exchange.end_undecided(reason)),
        }
    }

    /// Continues with the exchanges that no longer wait for storage, in the order in which their
    /// waits ended. They arrived before the message that is decided next, which may come from the
    /// same client.
    fn go_on_with_woken(&mut self) {
        while let Ok(number) = self.woken.try_recv() {
            self.go_on(number);
        }
    }

    /// Continues with an exchange that waited for storage.
    fn go_on(&mut self, number: u64) {
        // One that was one too many to be parked has ended.
        let Some(exchange) = self.parking.unpark(number) else { return };
        if exchange.notes.since.elapsed() > AGE_MAX {
            return self.finish(exchange.end_undecided(Reason::TooOld));
        }
        let pipeline = self.shared.pipeline_with(&self.wakes);
        let next = pipeline.go_on(&mut self.held, clock::now(), exchange);
        self.proceed(next);
    }

    fn committed(&mut self, exchanges: Vec<Exchange<Written>>, answers: &[Answer]) {
        let changes: usize = exchanges.iter().map(|exchange| exchange.stage.changes().len()).sum();
        self.waiting_changes = self.waiting_changes.saturating_sub(changes);
        let now = clock::now();
        // Storage answers every decision; a missing answer must not count as durable.
        let answers = answers.iter().chain(std::iter::repeat(&Answer::NotMade));
        for (exchange, answer) in exchanges.into_iter().zip(answers) {
            let pipeline = self.shared.pipeline_with(&self.wakes);
            let next = pipeline.committed(&mut self.held, now, exchange, answer);
            self.proceed(next);
        }
    }

    /// Submits the changes of a turn to storage, to be made durable with one flush. Returns whether
    /// there were any.
    fn submit(&mut self) -> bool {
        let exchanges = std::mem::take(&mut self.to_commit);
        if exchanges.is_empty() {
            return false;
        }
        let decisions: Vec<Changes> =
            exchanges.iter().map(|exchange| exchange.stage.changes().clone()).collect();
        let changes: usize = decisions.iter().map(|changes| changes.len()).sum();
        // The closure owns the exchanges. If storage has no room, the closure comes back unused,
        // and the exchanges must come back too, so both sides share them through this slot.
        let slot = Arc::new(Mutex::new(exchanges));
        let (sender, waker, in_flight) =
            (self.sender.clone(), self.waker.clone(), Arc::clone(&slot));
        let on_done = Box::new(move |_decisions, answers| {
            let exchanges = take(&in_flight);
            let _ = sender.send(Message::Committed { exchanges, answers });
            waker.wake();
        });
        match self.shared.committer.submit(Submission { decisions, on_done }) {
            Ok(()) => self.waiting_changes += changes,
            Err(_refused) => {
                let now = clock::now();
                let reason = match self.shared.committer.is_stalled() {
                    true => Reason::StoreStalled,
                    false => Reason::QueueFull,
                };
                for exchange in take(&slot) {
                    let pipeline = self.shared.pipeline();
                    let finished = pipeline.abandon(&mut self.held, now, exchange, reason);
                    self.finish(finished);
                }
            }
        }
        true
    }

    fn finish(&mut self, exchange: Finished) {
        match self.finished.get_mut(exchange.endpoint()) {
            Some(finished) if exchange.outgoing.is_some() => finished.push(exchange),
            _ => self.shared.finish(exchange),
        }
    }

    /// Sends every reply that is ready, with one call per socket.
    fn send_finished(&mut self) {
        for (endpoint, finished) in self.endpoints.iter_mut().zip(&mut self.finished) {
            if finished.is_empty() {
                continue;
            }
            let outgoing: Vec<Outgoing> =
                finished.iter_mut().filter_map(|exchange| exchange.outgoing.take()).collect();
            match endpoint {
                Some(endpoint) => {
                    for unsent in endpoint.send(&outgoing).failed {
                        if let Some(exchange) = finished.get_mut(unsent.position) {
                            let (reason, detail) = unsent.failure.why();
                            exchange.fail_to_send(reason, Some(detail));
                        }
                    }
                }
                None => {
                    for exchange in finished.iter_mut() {
                        let detail = "the interface that the request arrived on no longer exists";
                        exchange.fail_to_send(Reason::SendFailed, Some(detail.to_owned()));
                    }
                }
            }
            for exchange in finished.drain(..) {
                self.shared.finish(exchange);
            }
        }
    }
}

fn take(slot: &Mutex<Vec<Exchange<Written>>>) -> Vec<Exchange<Written>> {
    std::mem::take(&mut slot.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, SocketAddrV4},
        time::Duration,
    };

    use lessor_load::{Answer, Relay, Subscriber};
    use lessor_store::CommitterLimits;

    use super::*;
    use crate::testing::{Parts, parts};

    const PATIENCE: Duration = Duration::from_millis(300);

    /// Starts a worker on a free loopback port, and a relay in front of it.
    fn started(waiting_changes: usize) -> (WorkerHandle, Arc<Shared>, Relay, impl FnOnce()) {
        let limits = CommitterLimits { waiting_changes, batch_changes: 64 };
        let Parts { shared, held, committer_thread, observer_thread } =
            parts(&["10.0.0.0/24"], limits);
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let (discard, _) = crossbeam_channel::unbounded();
        let host = lessor_net::Host::read(8 << 20).unwrap();
        let endpoints = vec![Some(Endpoint::relayed(&host, server).unwrap())];
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let parts = WorkerParts {
            shared: Arc::clone(&shared),
            endpoints,
            held,
            discard,
            runtime: handle,
            waiting_messages_max: 1000,
        };
        let worker = WorkerHandle::start(0, parts).unwrap();
        let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let relay = Relay::bind(local, server, Some(Ipv4Addr::new(10, 0, 0, 254))).unwrap();
        let observer = shared.observer.clone();
        let end = move || {
            committer_thread.close();
            observer.stop();
            observer_thread.join().unwrap();
            drop(runtime);
        };
        (worker, shared, relay, end)
    }

    #[test]
    fn a_worker_serves_an_exchange_and_stops_when_told() {
        let (worker, shared, mut relay, end) = started(100);
        let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
        let acquired = relay.acquire(&subscriber, PATIENCE * 10).unwrap();
        assert_eq!(acquired.address, Ipv4Addr::new(10, 0, 0, 1));
        worker.stop();
        assert!(shared.counters.reasons().contains(&(Reason::AckSelecting, 1)));
        end();
    }

    #[test]
    fn what_storage_has_no_room_for_is_not_acknowledged() {
        let (worker, shared, mut relay, end) = started(0);
        let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
        let Answer::Offer(offer) = relay.discover(&subscriber, PATIENCE * 10).unwrap() else {
            panic!("an offer needs no storage");
        };
        let (address, server) = (offer.address, offer.server_identifier);
        let answer = relay.request_selecting(&subscriber, address, server, PATIENCE).unwrap();
        assert_eq!(answer, Answer::Silence);
        worker.stop();
        assert!(shared.counters.reasons().contains(&(Reason::QueueFull, 1)));
        end();
    }
}
