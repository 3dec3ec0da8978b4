//! One small world: the possible events, and what they do.

mod action;
mod fingerprint;
mod kind;
mod rules;

use std::{
    collections::{BTreeMap, VecDeque},
    net::Ipv4Addr,
    num::NonZeroU32,
    sync::Arc,
};

use lessor_core::{
    Attempt, BindingState, Decision, Engine, LeaseTime, QuarantineMax, Reason, ReplyKind, Request,
    StorageAnswer, Timestamp,
};

use crate::{
    storage::{self, Records},
    support::*,
};

use self::rules::told;

pub(crate) use self::{
    action::Action,
    kind::{Kind, Mistake},
};

const CLIENTS: u8 = 2;
const LEASE_SECS: u32 = 60;
/// Time passes in steps of slightly more than half a lease.
const STEP_SECS: u32 = 35;
const STEPS_MAX: u32 = 4;
/// The maximum number of decisions of one server in flight.
const ON_THEIR_WAY_MAX: usize = 2;

#[derive(Clone)]
pub(crate) struct World {
    kind: Kind,
    mistake: Option<Mistake>,
    now: Timestamp,
    steps: u32,
    servers: Vec<Server>,
    store: Records,
    clients: Vec<Client>,
    next_transaction_id: u32,
    /// What happened, for the report.
    pub(crate) told: Vec<String>,
}

#[derive(Clone)]
struct Server {
    engine: Engine,
    queue: VecDeque<Pending>,
    /// The decision whose flush failed; storage must be read.
    doubtful: Option<Pending>,
    answered: VecDeque<(Pending, StorageAnswer)>,
    last_answer: Option<(Pending, StorageAnswer)>,
    waiting: Vec<(Ipv4Addr, u8, Request)>,
    /// Records from the feed.
    learnt: BTreeMap<Ipv4Addr, u64>,
    restarts: u8,
}

#[derive(Clone)]
struct Pending {
    client: u8,
    request: Request,
    decision: Decision,
}

/// A client in its own view.
#[derive(Clone, Default, Debug, PartialEq, Eq, Hash)]
struct Client {
    offered: Option<(usize, Ipv4Addr)>,
    uses: Option<(Ipv4Addr, Timestamp)>,
    transaction_id: u32,
}

impl World {
    pub(crate) fn new(kind: Kind, mistake: Option<Mistake>) -> Self {
        let server = || Server::new(&BTreeMap::new(), Timestamp::from_unix_ms(0), None);
        Self {
            kind,
            mistake,
            now: Timestamp::from_unix_ms(1_000_000),
            steps: 0,
            servers: (0..kind.servers()).map(|_| server()).collect(),
            store: BTreeMap::new(),
            clients: vec![Client::default(); usize::from(CLIENTS)],
            next_transaction_id: 1,
            told: Vec::new(),
        }
    }

    /// Everything that can happen next.
    pub(crate) fn possible(&self) -> Vec<Action> {
        let mut all = Vec::new();
        for (number, server) in self.servers.iter().enumerate() {
            let has_room = server.queue.len() + server.answered.len() < ON_THEIR_WAY_MAX;
            for client in (0..CLIENTS).filter(|_| has_room) {
                let Client { offered, uses, .. } = &self.clients[usize::from(client)];
                match uses {
                    Some(_) => {
                        all.push(Action::Renew(client, number));
                        all.push(Action::Release(client, number));
                        all.push(Action::Decline(client, number));
                    }
                    None if offered.is_some_and(|(by, _)| by == number) => {
                        all.push(Action::Select(client));
                    }
                    None => all.push(Action::Discover(client, number)),
                }
            }
            if server.doubtful.is_some() {
                all.push(Action::StorageIsReadAgain(number));
            } else if !server.queue.is_empty() {
                all.push(Action::StorageMakes(number));
                all.push(Action::StorageFails(number));
                all.push(Action::StorageFailsButWrites(number));
            }
            if !server.answered.is_empty() {
                all.push(Action::StorageAnswers(number));
            }
            if server.last_answer.is_some() {
                all.push(Action::StorageAnswersTwice(number));
            }
            if self.servers.len() > 1 {
                for (address, record) in &self.store {
                    let known =
                        server.engine.binding_at(*address).map_or(0, |binding| binding.revision);
                    let heard = server.learnt.get(address).copied().unwrap_or_default();
                    if known.max(heard) < record.revision {
                        all.push(Action::Learn(number, *address));
                    }
                }
            }
            if server.restarts == 0 {
                all.push(Action::Restart(number));
            }
        }
        if self.steps < STEPS_MAX {
            all.push(Action::TimePasses);
        }
        all
    }

    /// Performs an action.
    ///
    /// # Errors
    /// Returns the rule that it breaks.
    pub(crate) fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Discover(client, server) => self.send(client, server, discover(client)),
            Action::Select(client) => {
                let Some((server, address)) = self.clients[usize::from(client)].offered.take()
                else {
                    return Ok(());
                };
                self.send(client, server, selecting(client, address))
            }
            Action::Renew(client, server) => {
                let Some((address, _)) = self.clients[usize::from(client)].uses else {
                    return Ok(());
                };
                self.send(client, server, renewing(client, address))
            }
            Action::Release(client, server) => {
                let Some((address, _)) = self.clients[usize::from(client)].uses.take() else {
                    return Ok(());
                };
                let request = with(release(client, address), |request| {
                    request.arrival.source = std::net::SocketAddrV4::new(address, 68);
                });
                self.send(client, server, request)
            }
            Action::Decline(client, server) => {
                let Some((address, _)) = self.clients[usize::from(client)].uses.take() else {
                    return Ok(());
                };
                self.send(client, server, decline(client, address))
            }
            Action::StorageMakes(server) => {
                let Some(pending) = self.servers[server].queue.pop_front() else { return Ok(()) };
                let answer = self.commit(&pending);
                self.servers[server].answered.push_back((pending, answer));
                Ok(())
            }
            Action::StorageFails(server) => {
                self.servers[server].doubtful = self.servers[server].queue.pop_front();
                Ok(())
            }
            Action::StorageFailsButWrites(server) => {
                let Some(pending) = self.servers[server].queue.pop_front() else { return Ok(()) };
                self.commit(&pending);
                self.servers[server].doubtful = Some(pending);
                Ok(())
            }
            Action::StorageIsReadAgain(server) => {
                let Some(pending) = self.servers[server].doubtful.take() else { return Ok(()) };
                let answer = storage::look_up(&self.store, &pending.decision.changes);
                self.servers[server].answered.push_back((pending, answer));
                Ok(())
            }
            Action::StorageAnswers(server) => self.hear(server),
            Action::StorageAnswersTwice(server) => {
                let Some((pending, answer)) = self.servers[server].last_answer.take() else {
                    return Ok(());
                };
                let now = self.now;
                self.servers[server].engine.settle(now, &pending.decision.changes, &answer);
                Ok(())
            }
            Action::Learn(server, address) => {
                let record = Arc::clone(&self.store[&address]);
                self.servers[server].learnt.insert(address, record.revision);
                self.servers[server].engine.learn(self.now, record);
                Ok(())
            }
            Action::Restart(server) => {
                let restarts = self.servers[server].restarts + 1;
                self.servers[server] = Server::new(&self.store, self.now, self.mistake);
                self.servers[server].restarts = restarts;
                Ok(())
            }
            Action::TimePasses => {
                self.steps += 1;
                self.now = self.now.after_secs(STEP_SECS);
                for client in &mut self.clients {
                    client.uses = client.uses.filter(|(_, until)| *until > self.now);
                }
                Ok(())
            }
        }
    }

    fn send(&mut self, client: u8, server: usize, request: Request) -> Result<(), String> {
        let transaction_id = self.next_transaction_id;
        self.next_transaction_id += 1;
        let state = &mut self.clients[usize::from(client)];
        state.transaction_id = transaction_id;
        state.offered = None;
        let request = with(request, |request| request.transaction_id = transaction_id);
        self.decide(client, server, request)
    }

    fn decide(&mut self, client: u8, server: usize, request: Request) -> Result<(), String> {
        let mut terms = self.kind.terms();
        if self.mistake == Some(Mistake::LimitNotChecked)
            && let Some(limit) = &mut terms.subscriber
        {
            limit.leases_max = NonZeroU32::MAX;
        }
        let attempt = self.servers[server].engine.decide(self.now, 0, &request, &terms);
        let decision = match attempt {
            Attempt::Decided(decision) => decision,
            Attempt::Probes(probe) => {
                return Err(format!("{} is probed, and no scope says so", probe.address));
            }
            Attempt::Waits(wait) => {
                self.told.push(format!("waits for {}", wait.address));
                self.servers[server].waiting.push((wait.address, client, request));
                return Ok(());
            }
        };
        check_decision(&request, &decision);
        self.told.push(decision.reason.to_string());
        let pending = Pending { client, request, decision };
        if pending.decision.changes.is_empty() {
            return self.deliver(server, &pending);
        }
        if self.mistake == Some(Mistake::AckBeforeFlush) {
            self.deliver(server, &pending)?;
        }
        self.servers[server].queue.push_back(pending);
        Ok(())
    }

    fn commit(&mut self, pending: &Pending) -> StorageAnswer {
        let changes = &pending.decision.changes;
        let is_expected =
            changes.iter().all(|change| storage::has_expected_revision(&self.store, change));
        if !is_expected && self.mistake != Some(Mistake::BlindWrites) {
            self.told.push("another was faster".to_owned());
            return storage::conflict(&self.store, changes);
        }
        for change in changes {
            if change.passed_on().is_some() || change.binding.client != key(pending.client) {
                // A subscriber's new device replaces the other one, which is cut off.
                let client = change.previous.as_ref().map(|previous| previous.client.clone());
                let other = 1 - pending.client;
                if client == Some(key(other)) {
                    self.clients[usize::from(other)].uses = None;
                }
            }
            self.store.insert(change.binding.address, Arc::clone(&change.binding));
        }
        StorageAnswer::Made
    }

    fn hear(&mut self, server: usize) -> Result<(), String> {
        let Some((pending, mut answer)) = self.servers[server].answered.pop_front() else {
            return Ok(());
        };
        if answer == StorageAnswer::NotMade
            && self.mistake == Some(Mistake::FailedChangeTakenForMade)
        {
            answer = StorageAnswer::Made;
        }
        let now = self.now;
        self.servers[server].engine.settle(now, &pending.decision.changes, &answer);
        self.servers[server].last_answer = Some((pending.clone(), answer.clone()));
        match answer {
            StorageAnswer::Made => self.deliver(server, &pending)?,
            StorageAnswer::Conflict(_) if self.awaits(pending.client, &pending.request) => {
                self.decide(pending.client, server, pending.request.clone())?;
            }
            StorageAnswer::Conflict(_) | StorageAnswer::NotMade => {}
        }
        let settled = |address: &Ipv4Addr| {
            pending.decision.changes.iter().any(|change| change.binding.address == *address)
        };
        let waiting = std::mem::take(&mut self.servers[server].waiting);
        let (woken, waiting): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(address, ..)| settled(address));
        self.servers[server].waiting = waiting;
        for (_, client, request) in woken {
            self.decide(client, server, request)?;
        }
        Ok(())
    }

    fn awaits(&self, client: u8, request: &Request) -> bool {
        self.clients[usize::from(client)].transaction_id == request.transaction_id
    }

    /// The reply reaches its client, if the client still waits for it.
    fn deliver(&mut self, server: usize, pending: &Pending) -> Result<(), String> {
        let Some(reply) = &pending.decision.reply else { return Ok(()) };
        if !self.awaits(pending.client, &pending.request) {
            return Ok(());
        }
        let client = &mut self.clients[usize::from(pending.client)];
        let record = self.store.get(&reply.your_address);
        if reply.kind == ReplyKind::Offer
            && self.servers.len() == 1
            && pending.decision.reason != Reason::OfferedQuarantined
            && let Some(record) = record.filter(|record| record.is_quarantined(self.now))
        {
            return Err(format!("{} is offered, which was declined", told(record)));
        }
        match reply.kind {
            ReplyKind::Offer => client.offered = Some((server, reply.your_address)),
            ReplyKind::Nak => client.uses = None,
            ReplyKind::Ack => {
                let change = pending.decision.changes.first().ok_or("an ACK without a change")?;
                let until = change.binding.changed_at.after_secs(LEASE_SECS);
                client.uses = Some((reply.your_address, until)).filter(|_| until > self.now);
                self.told.push(format!(
                    "client {} uses {} from now on",
                    pending.client, reply.your_address
                ));
            }
        }
        Ok(())
    }
}

impl Server {
    fn new(store: &Records, now: Timestamp, mistake: Option<Mistake>) -> Self {
        let mut network = network();
        network.subnets[0].pools = vec![pool("open", 10, 11)];
        network.subnets[0].lease_time =
            LeaseTime { default_secs: LEASE_SECS, min_secs: LEASE_SECS, max_secs: LEASE_SECS };
        let two = NonZeroU32::new(2).unwrap();
        network.bounds.quarantine_max =
            QuarantineMax { client: two, line: two, link: two, subscriber: two };
        network.quarantine_secs = 100;
        let mut engine = Engine::new(Arc::new(network), 7);
        for record in store.values() {
            let is_forgotten = mistake == Some(Mistake::QuarantineForgotten)
                && record.state == BindingState::Quarantined;
            if !is_forgotten {
                engine.restore(now, Arc::clone(record));
            }
        }
        Self {
            engine,
            queue: VecDeque::new(),
            doubtful: None,
            answered: VecDeque::new(),
            last_answer: None,
            waiting: Vec::new(),
            learnt: BTreeMap::new(),
            restarts: 0,
        }
    }
}
