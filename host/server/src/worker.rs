//! Workers: each reads batches from its own sockets, decides them, has their changes committed
//! with one flush, and answers them with one call; while a flush runs it reads the next batch.
//!
//! Invariant: a reply leaves only after every change it rests on is durable.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::JoinHandle,
};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender};
use lessor_core::{Changes, Committed, Reason};
use lessor_policy_host::Runner;
use lessor_store::Submission;

use crate::{
    clock,
    counters::increment,
    exchange::{Exchange, Shared},
    net::{Endpoint, Outgoing, Poller, ReceiveBatch, Waker},
    parking::{AWAY_MAX, Away, Parking, Returned, Ticket},
    vital,
};

/// Batches of one worker that may wait for storage; beyond it the worker stops reading, and what
/// the kernel cannot keep is lost as on any overloaded link.
const WAITING_BATCHES_MAX: usize = 64;

/// Messages of other threads, such as exchanges that come back from their lookups, that a worker takes
/// before it submits and sends what it has.
const MESSAGES_IN_TURN_MAX: usize = 64;

/// The way to a running worker.
#[derive(Debug)]
pub(crate) struct WorkerHandle {
    sender: Sender<Message>,
    waker: Waker,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    /// Storage is done with a batch.
    Committed { exchanges: Vec<Exchange>, results: Vec<Committed> },
    /// An exchange that waited for lookups has its answers.
    LookedUp(Box<Returned>),
    /// Ask these policies from now on, and say so.
    Policies { runner: Box<Runner>, taken: Sender<()> },
    /// Receive here from now on in the place of what was open at this position, or nowhere.
    Endpoint { position: usize, endpoint: Option<Box<Endpoint>> },
    /// Read no more, answer what is under way, end.
    Stop,
}

/// The way by which a worker gets other endpoints. Clones lead to the same worker.
#[derive(Clone, Debug)]
pub(crate) struct EndpointSender {
    sender: Sender<Message>,
    waker: Waker,
}

impl EndpointSender {
    /// Has the worker receive by `endpoint` instead of what is open at `position`; by nothing, if there
    /// is none. Replies to what came in there leave by the new one.
    pub(crate) fn replace(&self, position: usize, endpoint: Option<Endpoint>) {
        let endpoint = endpoint.map(Box::new);
        let _ = self.sender.send(Message::Endpoint { position, endpoint });
        self.waker.wake();
    }
}

struct Worker {
    shared: Arc<Shared>,
    runner: Runner,
    /// Each at a position of its own, which stays empty while it cannot be open.
    endpoints: Vec<Option<Endpoint>>,
    poller: Poller,
    receiver: Receiver<Message>,
    sender: Sender<Message>,
    waker: Waker,
    /// Replaced instances go here, because dropping them takes longer than a packet should wait.
    discard: Sender<Runner>,
    /// Exchanges that are finished but for sending, per endpoint.
    finished: Vec<Vec<Exchange>>,
    /// Submissions that storage has not answered yet.
    waiting_batches: usize,
    /// Exchanges that wait for lookups, on the threads of this runtime.
    parking: Parking,
    runtime: tokio::runtime::Handle,
    /// Exchanges that were decided after their lookups, and whose changes must be committed.
    looked_up: Vec<Exchange>,
    stopping: bool,
}

impl WorkerHandle {
    /// Starts a worker on its endpoints.
    ///
    /// # Errors
    /// If the operating system gives no thread or no epoll.
    pub(crate) fn start(
        number: usize,
        shared: Arc<Shared>,
        endpoints: Vec<Option<Endpoint>>,
        runner: Runner,
        discard: Sender<Runner>,
        runtime: tokio::runtime::Handle,
    ) -> anyhow::Result<Self> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let waker = Waker::new()?;
        let mut poller = Poller::new()?;
        for (token, endpoint) in endpoints.iter().enumerate() {
            if let Some(endpoint) = endpoint {
                poller.add(endpoint, token as u32)?;
            }
        }
        poller.add_waker(&waker)?;
        let finished = endpoints.iter().map(|_| Vec::new()).collect();
        let worker = Worker {
            shared,
            runner,
            endpoints,
            poller,
            receiver,
            sender: sender.clone(),
            waker: waker.clone(),
            discard,
            finished,
            waiting_batches: 0,
            parking: Parking::new(AWAY_MAX),
            runtime,
            looked_up: Vec::new(),
            stopping: false,
        };
        let thread = vital::spawn(format!("worker-{number}"), move || worker.run())
            .context("cannot start a worker thread")?;
        Ok(Self { sender, waker, thread: Mutex::new(Some(thread)) })
    }

    /// Has the worker ask other policies after the batch at hand; it answers on `taken` when no
    /// further packet meets the old ones.
    pub(crate) fn hand_over(&self, runner: Runner, taken: Sender<()>) {
        self.tell(Message::Policies { runner: Box::new(runner), taken });
    }

    /// The way by which the worker gets other endpoints.
    pub(crate) fn endpoint_sender(&self) -> EndpointSender {
        EndpointSender { sender: self.sender.clone(), waker: self.waker.clone() }
    }

    /// Has the worker answer what is under way, and waits for its end.
    pub(crate) fn stop(&self) {
        self.tell(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It cannot have panicked: see `vital`.
            let _ = thread.join();
        }
    }

    fn tell(&self, message: Message) {
        let _ = self.sender.send(message);
        self.waker.wake();
    }
}

impl Worker {
    fn run(mut self) -> anyhow::Result<()> {
        let mut batch = ReceiveBatch::new();
        let mut ready = Vec::new();
        while !(self.stopping && self.waiting_batches == 0 && self.parking.is_empty()) {
            ready.clear();
            if self.stopping || self.waiting_batches >= WAITING_BATCHES_MAX {
                // Sockets would wake us at once; only storage can help.
                if let Ok(message) = self.receiver.recv() {
                    self.take(message);
                }
            } else {
                let found = self.poller.wait(None).context("cannot wait for packets")?;
                ready.extend(found.tokens());
            }
            self.take_waiting();
            let looked_up = std::mem::take(&mut self.looked_up);
            self.submit(looked_up);
            if !self.stopping {
                for &endpoint in &ready {
                    self.serve(endpoint, &mut batch);
                }
            }
            self.send_finished();
        }
        Ok(())
    }

    /// Takes what others have sent meanwhile, but not so much that replies that are ready have to wait
    /// for it.
    fn take_waiting(&mut self) {
        for _ in 0..MESSAGES_IN_TURN_MAX {
            let Ok(message) = self.receiver.try_recv() else { return };
            self.take(message);
        }
        self.waker.wake();
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Committed { exchanges, results } => self.committed(exchanges, &results),
            Message::LookedUp(returned) => self.looked_up(*returned),
            Message::Policies { runner, taken } => {
                let replaced = std::mem::replace(&mut self.runner, *runner);
                let _ = self.discard.send(replaced);
                let _ = taken.send(());
            }
            Message::Endpoint { position, endpoint } => {
                self.replace_endpoint(position, endpoint.map(|endpoint| *endpoint));
            }
            Message::Stop => self.stopping = true,
        }
    }

    fn replace_endpoint(&mut self, position: usize, endpoint: Option<Endpoint>) {
        let Some(slot) = self.endpoints.get_mut(position) else { return };
        if let Some(endpoint) = &endpoint
            && let Err(error) = self.poller.add(endpoint, position as u32)
        {
            tracing::error!(%endpoint, %error, "an endpoint cannot be waited on and stays closed");
            return;
        }
        *slot = endpoint;
    }

    /// Reads one batch from an endpoint and decides it.
    fn serve(&mut self, token: u32, batch: &mut ReceiveBatch) {
        let endpoint = token as usize;
        let Some(Some(socket)) = self.endpoints.get_mut(endpoint) else { return };
        if let Err(error) = socket.receive(batch) {
            tracing::warn!(%error, "cannot read from a socket");
            return;
        }
        let now = clock::now();
        let mut to_commit = Vec::new();
        let mut waiting = Vec::new();
        for received in batch.drain() {
            let pipeline = self.shared.pipeline();
            let exchange = pipeline.decide(&mut self.runner, now, endpoint, received);
            match exchange.waits_for.is_empty() {
                true => to_commit.push(exchange),
                false => waiting.push(exchange),
            }
        }
        for exchange in waiting {
            self.look_up(exchange);
        }
        for _ in 0..batch.discarded() {
            self.shared.counters.count(Reason::TooLong);
        }
        let to_commit = self.finish_all_but_changes(to_commit);
        self.submit(to_commit);
    }

    /// Sends an exchange away, to come back with what it waits for.
    fn look_up(&mut self, mut exchange: Exchange) {
        let Some(ticket) = exchange.request().map(|request| Ticket::of(request)) else { return };
        if let Err(reason) = self.parking.leave(&ticket) {
            exchange.fail(reason, None);
            self.finish(exchange);
            return;
        }
        increment(&self.shared.counters.waiting_for_lookups);
        let lookups = std::mem::take(&mut exchange.waits_for);
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let back = move |returned| {
            let _ = sender.send(Message::LookedUp(Box::new(returned)));
            waker.wake();
        };
        let sources = Arc::clone(self.shared.generation.load().lookups.sources());
        self.runtime.spawn(Away::new(ticket, exchange, lookups, back).ask(sources));
    }

    /// Goes on with an exchange that was away.
    fn looked_up(&mut self, returned: Returned) {
        let Returned { ticket, mut exchange, answers } = returned;
        self.parking.is_back(&ticket);
        self.shared.counters.waiting_for_lookups.fetch_sub(1, Ordering::Relaxed);
        let pipeline = self.shared.pipeline();
        pipeline.looked_up(&mut self.runner, clock::now(), &mut exchange, answers);
        if !exchange.waits_for.is_empty() {
            return self.look_up(exchange);
        }
        let to_commit = self.finish_all_but_changes(vec![exchange]);
        self.looked_up.extend(to_commit);
    }

    fn committed(&mut self, exchanges: Vec<Exchange>, results: &[Committed]) {
        self.waiting_batches -= 1;
        let now = clock::now();
        let mut results = results;
        let mut to_commit = Vec::new();
        for mut exchange in exchanges {
            let (own, others) =
                results.split_at_checked(exchange.changes.len()).unwrap_or_default();
            results = others;
            if self.shared.pipeline().committed(&mut self.runner, now, &mut exchange, own) {
                self.finish(exchange);
            } else {
                to_commit.push(exchange);
            }
        }
        self.submit(to_commit);
    }

    /// Finishes the exchanges that change nothing, and gives back the others.
    fn finish_all_but_changes(&mut self, decided: Vec<Exchange>) -> Vec<Exchange> {
        let (to_commit, finished): (Vec<_>, Vec<_>) =
            decided.into_iter().partition(|exchange| !exchange.changes.is_empty());
        for exchange in finished {
            self.finish(exchange);
        }
        to_commit
    }

    /// Hands the changes of a batch to storage, to be made durable with one flush.
    fn submit(&mut self, exchanges: Vec<Exchange>) {
        if exchanges.is_empty() {
            return;
        }
        let decisions: Vec<Changes> =
            exchanges.iter().map(|exchange| exchange.changes.clone()).collect();
        // The closure owns the exchanges; if storage has no room it comes back unused, and so must
        // they: they are shared with it through this slot.
        let slot = Arc::new(Mutex::new(exchanges));
        let (sender, waker, in_flight) =
            (self.sender.clone(), self.waker.clone(), Arc::clone(&slot));
        let on_done = Box::new(move |_decisions, results| {
            let exchanges = take(&in_flight);
            let _ = sender.send(Message::Committed { exchanges, results });
            waker.wake();
        });
        match self.shared.committer.submit(Submission { decisions, on_done }) {
            Ok(()) => self.waiting_batches += 1,
            Err(_refused) => {
                let now = clock::now();
                for mut exchange in take(&slot) {
                    self.shared.pipeline().abandon(now, &mut exchange, Reason::QueueFull, None);
                    self.finish(exchange);
                }
            }
        }
    }

    fn finish(&mut self, exchange: Exchange) {
        match self.finished.get_mut(exchange.endpoint) {
            Some(finished) if exchange.outgoing.is_some() => finished.push(exchange),
            _ => self.shared.finish(exchange),
        }
    }

    /// Sends every reply that is ready, with one call for each socket.
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
                        let detail = "the interface that it came in on is gone";
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

fn take(slot: &Mutex<Vec<Exchange>>) -> Vec<Exchange> {
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

    /// A worker on a free port of loopback, and a relay before it.
    fn started(waiting_changes: usize) -> (WorkerHandle, Arc<Shared>, Relay, impl FnOnce()) {
        let limits = CommitterLimits { waiting_changes, batch_changes: 64 };
        let Parts { shared, runner, committer_thread, observer_thread } =
            parts(&["10.0.0.0/24"], limits);
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let (discard, _) = crossbeam_channel::unbounded();
        let host = crate::net::Host::read(8 << 20).unwrap();
        let endpoints = vec![Some(Endpoint::relayed(&host, server).unwrap())];
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let worker =
            WorkerHandle::start(0, Arc::clone(&shared), endpoints, runner, discard, handle)
                .unwrap();
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
