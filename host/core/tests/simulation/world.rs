//! The world: clients, lines, clock, storage and the engine, one random step at a time.

use std::{collections::VecDeque, net::Ipv4Addr, num::NonZeroU32, sync::Arc};

use lessor_core::{
    AfterDataLoss, Answer, Attempt, Decision, Engine, LeaseState, LeaseTime, Network, OffersMax,
    Pool, QuarantineMax, ReplyKind, RequestKind, ReservationOwner, Timestamp, UnknownClients,
};

use super::{
    auditor::{Account, Auditor},
    clients::{Client, line_name, some_address, some_terms},
    defects::Defect,
    input::{Input, feed},
    random::Random,
    store::{Pending, Store},
};
use crate::support::*;

const CLIENTS: u8 = 48;
const LINES: u8 = 8;
const ATTEMPTS_MAX: usize = 3;
const PENDING_MAX: usize = 20;

/// What is drawn first from a seed.
#[derive(Clone, Copy, Debug)]
struct Parameters {
    /// Of a hundred batches, how many fail.
    fails: u64,
    /// Of a hundred that fail, how many are written all the same.
    writes_all_the_same: u64,
    /// Of a hundred times, how often storage takes or answers a later decision first.
    out_of_order: u64,
    /// Of a hundred replies, how many are lost.
    lost: u64,
    /// Of a hundred steps, how many are a message.
    messages: u64,
    /// Whether another server writes to the store.
    has_other_server: bool,
}

impl Parameters {
    fn draw(random: &mut Random) -> Self {
        Self {
            fails: *random.pick(&[0, 5, 15, 50]),
            writes_all_the_same: *random.pick(&[0, 50, 100]),
            out_of_order: *random.pick(&[0, 20, 60]),
            lost: *random.pick(&[0, 10, 40]),
            messages: *random.pick(&[30, 45, 60]),
            has_other_server: random.chance(70),
        }
    }
}

pub(super) struct World {
    parameters: Parameters,
    defect: Option<Defect>,
    random: Random,
    /// Server time.
    now: Timestamp,
    /// How far the time of the clients, which is the true one, is ahead of that: while the server is
    /// stopped and its clock is not believed, server time stands still.
    stood_still_ms: i64,
    engine: Engine,
    networks: Vec<Arc<Network>>,
    network: Arc<Network>,
    store: Store,
    /// What storage answered and the engine did not hear yet.
    answered: VecDeque<(Pending, Answer)>,
    /// Decisions whose flush failed: storage has to be read before it is known what became of them.
    doubtful: VecDeque<Pending>,
    /// Requests that wait for a change of an address.
    waiting: Vec<(Ipv4Addr, Pending)>,
    clients: Vec<Client>,
    pub(super) auditor: Auditor,
    pub(super) journal: Vec<(Input, String)>,
}

/// The configuration, and others that an operator may change it to.
pub(super) fn networks() -> Vec<Network> {
    let mut base = network();
    let mut small = subnet("10.0.1.0/28", vec![]);
    let first = Ipv4Addr::new(10, 0, 1, 0);
    let last = Ipv4Addr::new(10, 0, 1, 7);
    small.pools = vec![Pool { first, last, ..pool("small", 0, 0) }];
    let lone = garden("lone", 110, 110);
    base.subnets[0].pools = vec![pool("open", 10, 21), garden("garden", 100, 103), lone.clone()];
    base.subnets[0].reservations = vec![
        reservation(circuit(&line_name(0)), ip(12)),
        reservation(circuit(&line_name(1)), ip(60)),
        reservation(ReservationOwner::HardwareAddress(hardware(3)), ip(15)),
    ];
    base.subnets.push(small);
    for subnet in &mut base.subnets {
        subnet.lease_time = LeaseTime { default_secs: 600, min_secs: 60, max_secs: 1800 };
    }
    base.quarantine_secs = 900;
    base.offer_hold_secs = 120;
    let [one, two] = [1, 2].map(|max| NonZeroU32::new(max).unwrap());
    base.bounds.quarantine_max =
        QuarantineMax { client: one, line: one, link: two, subscriber: one };
    let link = NonZeroU32::new(6).unwrap();
    base.bounds.offers_max = OffersMax { line: two, link };
    let mut other_pools = base.clone();
    other_pools.subnets[0].pools = vec![pool("open", 13, 22), garden("garden", 99, 102), lone];
    other_pools.authoritative = false;
    other_pools.after_data_loss = AfterDataLoss::Hold;
    let mut other_owners = base.clone();
    for (network, unknown_clients) in
        [(&mut other_pools, UnknownClients::Adopt), (&mut other_owners, UnknownClients::Refuse)]
    {
        network.subnets.iter_mut().for_each(|subnet| subnet.unknown_clients = unknown_clients);
    }
    other_owners.subnets[0].reservations.remove(0);
    other_owners.subnets[0]
        .reservations
        .push(reservation(ReservationOwner::HardwareAddress(hardware(5)), ip(17)));
    vec![base, other_pools, other_owners]
}

impl World {
    pub(super) fn new(seed: u64, defect: Option<Defect>) -> Self {
        let mut random = Random::new(seed);
        let parameters = Parameters::draw(&mut random);
        let networks: Vec<_> = networks().into_iter().map(Arc::new).collect();
        let network = Arc::clone(&networks[0]);
        let client = |number| Client {
            number,
            line: (number % 4 != 0).then(|| random.below(u64::from(LINES)) as u8),
            transaction_id: 0,
            offered: None,
            remembered: None,
            uses: None,
        };
        let mut world = Self {
            parameters,
            defect,
            clients: (0..CLIENTS).map(client).collect(),
            engine: Engine::new(Arc::clone(&network), 0),
            now: Timestamp::from_unix_ms(1_000_000_000),
            stood_still_ms: 0,
            networks,
            network,
            store: Store::default(),
            answered: VecDeque::new(),
            doubtful: VecDeque::new(),
            waiting: Vec::new(),
            auditor: Auditor::default(),
            journal: Vec::new(),
            random,
        };
        world.start();
        world
    }

    /// What was drawn from the seed first, in words.
    pub(super) fn parameters(&self) -> String {
        format!("{:?}", self.parameters)
    }

    pub(super) fn step(&mut self) {
        if self.random.chance(self.parameters.messages) {
            self.client_sends();
        } else {
            self.something_else_happens();
        }
        if self.store.queue.len() > PENDING_MAX {
            self.flush();
        }
        if self.answered.len() > PENDING_MAX {
            self.hear();
        }
        if self.doubtful.len() > PENDING_MAX {
            self.read_again();
        }
        if self.store.queue.is_empty() && self.random.chance(10) {
            self.settle_everything();
        }
    }

    fn something_else_happens(&mut self) {
        match self.random.below(55) {
            0 => self.start(),
            1 => self.reconfigure(),
            2 if self.parameters.has_other_server => {
                let address = some_address(&mut self.random);
                let prefix =
                    self.network.subnet_of(address).map(|s| self.network.subnets[s].prefix);
                if prefix.is_some_and(|prefix| prefix.hosts().any(|host| host == address)) {
                    self.store.write_by_other_server(self.now, address, &mut self.random);
                }
            }
            3 => self.hear_of_another_server(),
            2 | 4 => self.move_to_another_line(),
            5..=13 => self.pass_time(),
            14..=18 => {
                let limit = self.random.below(5) as usize;
                self.feed(Input::Reclaim { now: self.now, limit });
            }
            19..=35 => self.flush(),
            36 => self.read_again(),
            _ => self.hear(),
        }
    }

    /// Waits for storage; then memory must say what storage says.
    pub(super) fn settle_everything(&mut self) {
        while !(self.store.queue.is_empty() && self.answered.is_empty() && self.doubtful.is_empty())
        {
            self.flush();
            self.read_again();
            self.hear();
        }
        assert!(self.waiting.is_empty(), "a request waits for nothing");
        self.feed(Input::Reclaim { now: self.now, limit: 1000 });
        self.auditor.check_at_rest(self.now, &self.engine, &self.store);
    }

    fn feed(&mut self, input: Input) -> String {
        let output = feed(&mut self.engine, &input, 0);
        self.journal.push((input, output.clone()));
        output
    }

    /// The server starts again: what was not on storage is gone, and no reply leaves for it. Now and
    /// then its clock is wrong, and time goes on from the newest record.
    fn start(&mut self) {
        let newest = self.store.records.values().map(|lease| lease.changed_at).max();
        if let Some(newest) = newest.filter(|_| self.random.chance(30)) {
            let stopped_ms = self.random.below(600_000).cast_signed();
            self.stood_still_ms += newest.ms_until(self.now) + stopped_ms;
            self.now = newest;
            self.clients_look_at_the_time();
        }
        self.store.queue.clear();
        self.answered.clear();
        self.doubtful.clear();
        self.waiting.clear();
        self.store.foreign.clear();
        let is_kept = |lease: &&Arc<lessor_core::Lease>| match self.defect {
            Some(Defect::QuarantineForgotten) => lease.state != LeaseState::Quarantined,
            Some(Defect::LeasesForgotten) => lease.hardware_address.octets()[5] % 4 != 1,
            _ => true,
        };
        let leases = self.store.records.values().filter(is_kept).cloned().collect();
        let has_lost_records = self.random.chance(30);
        let network = Arc::clone(&self.network);
        self.feed(Input::Start { now: self.now, network, leases, has_lost_records });
    }

    fn reconfigure(&mut self) {
        self.network = Arc::clone(self.random.pick(&self.networks));
        self.feed(Input::Reconfigure { network: Arc::clone(&self.network) });
    }

    fn move_to_another_line(&mut self) {
        let line = self.random.below(u64::from(LINES)) as u8;
        let client = self.random.below(u64::from(CLIENTS)) as usize;
        self.clients[client].line = Some(line);
    }

    fn pass_time(&mut self) {
        let most_ms = if self.random.chance(10) { 1_200_000 } else { 40_000 };
        let ms = self.random.below(most_ms);
        self.now = Timestamp::from_unix_ms(self.now.unix_ms() + ms);
        self.clients_look_at_the_time();
    }

    fn true_now(&self) -> Timestamp {
        self.now.moved_by_ms(self.stood_still_ms)
    }

    fn clients_look_at_the_time(&mut self) {
        let now = self.true_now();
        for client in &mut self.clients {
            client.uses = client.uses.filter(|(_, until)| *until > now);
        }
    }

    fn client_sends(&mut self) {
        let number = self.random.below(u64::from(CLIENTS)) as u8;
        let client = &mut self.clients[usize::from(number)];
        let request = client.send(&mut self.random);
        let line = client.line.filter(|_| request.is_relayed());
        self.auditor.hear(number, line);
        let terms = some_terms(number, &mut self.random);
        let subnet = self.random.below(2) as usize;
        self.decide(Pending {
            number: 0,
            decided_at: self.now,
            client: number,
            subnet,
            request,
            terms,
            decision: Decision {
                reason: lessor_core::Reason::NoFreeAddress,
                reply: None,
                changes: Default::default(),
                seen_elsewhere: None,
            },
            attempts: 0,
            cuts_off: Vec::new(),
        });
    }

    fn decide(&mut self, mut pending: Pending) {
        let account = Account::of(&pending.terms, &self.engine, self.now);
        let mut terms = pending.terms.clone();
        if self.defect == Some(Defect::LimitNotChecked)
            && let Some(limit) = &mut terms.subscriber
        {
            limit.leases_max = NonZeroU32::MAX;
        }
        let output = self.feed(Input::Decide {
            now: self.now,
            subnet: pending.subnet,
            request: Box::new(pending.request.clone()),
            terms,
        });
        pending.decision = match serde_json::from_str(&output).unwrap() {
            Attempt::Decided(decision) => decision,
            Attempt::Waits(wait) => return self.waiting.push((wait.address, pending)),
        };
        pending.number = self.journal.len();
        pending.decided_at = self.now;
        pending.attempts += 1;
        let Pending { client, request, terms, decision, .. } = &pending;
        self.auditor.check(&self.network, *client, request, terms, decision);
        let answered = self.answered.iter().map(|(pending, _)| pending);
        let on_their_way = self.store.queue.iter().chain(answered).chain(&self.doubtful);
        let on_their_way =
            on_their_way.flat_map(|pending| &pending.decision.changes).map(|change| &change.lease);
        self.auditor.check_set_aside(self.now, &self.engine, on_their_way, decision);
        Auditor::check_offers(self.now, &self.engine, request, decision);
        pending.cuts_off = self.auditor.check_ends(&self.network, *client, &account, decision);
        if pending.decision.changes.is_empty() {
            self.deliver(&pending);
        } else {
            if self.defect == Some(Defect::AckBeforeFlush) {
                self.deliver(&pending);
            }
            self.store.queue.push_back(pending);
        }
    }

    /// Storage works through part of what waits; now and then it fails a batch, and may have written it
    /// all the same.
    fn flush(&mut self) {
        if !self.doubtful.is_empty() {
            // While it is not known what a batch became of, no other one is written.
            while let Some(pending) = self.store.queue.pop_front() {
                self.answered.push_back((pending, Answer::NotMade));
            }
            return;
        }
        let fails = self.random.chance(self.parameters.fails);
        let writes = self.random.chance(self.parameters.writes_all_the_same);
        for _ in 0..=self.random.below(6) {
            // Two workers may hand over in another order than they decided in.
            let is_late = self.random.chance(self.parameters.out_of_order);
            let place = usize::from(self.store.queue.len() > 1 && is_late);
            let Some(pending) = self.store.queue.remove(place) else { return };
            if fails && !writes {
                self.doubtful.push_back(pending);
                continue;
            }
            let is_blind = self.defect == Some(Defect::BlindWrites);
            let answer = self.store.commit(&pending.decision.changes, is_blind);
            if answer == Answer::Made {
                self.note_made(&pending);
            }
            match fails {
                true => self.doubtful.push_back(pending),
                false => self.answered.push_back((pending, answer)),
            }
        }
    }

    /// Storage works again, and what it holds is read.
    fn read_again(&mut self) {
        while let Some(pending) = self.doubtful.pop_front() {
            let answer = self.store.look_up(&pending.decision.changes);
            self.answered.push_back((pending, answer));
        }
    }

    /// The changes of a decision are on storage, whether or not anybody knows.
    fn note_made(&mut self, pending: &Pending) {
        let changes = &pending.decision.changes;
        for position in &pending.cuts_off {
            self.cut_off(changes[*position].lease.address);
        }
        self.auditor.acknowledge(&self.store, self.now, pending);
        changes.iter().for_each(|change| self.auditor.hear_durable(change));
    }

    /// The engine hears part of what storage answered.
    fn hear(&mut self) {
        for _ in 0..=self.random.below(6) {
            // Two workers may hear in another order than storage answered in, too.
            let last = self.answered.len().saturating_sub(1) as u64;
            let place = match self.random.chance(self.parameters.out_of_order) {
                true => self.random.below(last + 1) as usize,
                false => 0,
            };
            let Some((pending, mut answer)) = self.answered.remove(place) else { return };
            if answer == Answer::NotMade && self.defect == Some(Defect::FailedChangeTakenForMade) {
                answer = Answer::Made;
            }
            let changes = pending.decision.changes.clone();
            let input = Input::Settle { now: self.now, changes, answer: answer.clone() };
            self.feed(input);
            let addresses: Vec<_> =
                pending.decision.changes.iter().map(|change| change.lease.address).collect();
            match answer {
                Answer::Made => self.deliver(&pending),
                Answer::Conflict(_)
                    if pending.attempts < ATTEMPTS_MAX && self.is_awaited(&pending) =>
                {
                    self.decide(pending);
                }
                Answer::Conflict(_) | Answer::NotMade => {}
            }
            self.wake(&addresses);
        }
    }

    /// Requests that waited for changes of these addresses are decided, those first that came first.
    fn wake(&mut self, addresses: &[Ipv4Addr]) {
        let waiting = std::mem::take(&mut self.waiting);
        let (woken, waiting): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(address, _)| addresses.contains(address));
        self.waiting = waiting;
        for (_, pending) in woken {
            self.decide(pending);
        }
    }

    /// The feed of the other server's changes brings one; others are lost.
    fn hear_of_another_server(&mut self) {
        let Some(address) = self.store.foreign.pop_first() else { return };
        let record = Arc::clone(&self.store.records[&address]);
        self.feed(Input::Learn { now: self.now, record });
    }

    /// The reply leaves, and is lost now and then.
    fn deliver(&mut self, pending: &Pending) {
        let Some(reply) = &pending.decision.reply else { return };
        let is_lost = self.random.chance(self.parameters.lost);
        if is_lost || !self.is_awaited(pending) || pending.request.kind == RequestKind::Inform {
            return;
        }
        let client = &mut self.clients[usize::from(pending.client)];
        let address = reply.your_address;
        match reply.kind {
            ReplyKind::Offer => {
                client.offered = Some(address);
            }
            ReplyKind::Ack => {
                let secs = lease_time_secs(&pending.decision);
                let until = pending.decided_at.after_secs(secs);
                let (now, uses) =
                    (self.true_now(), (address, until.moved_by_ms(self.stood_still_ms)));
                if uses.1 <= now {
                    // It took longer than the lease.
                    return;
                }
                let record = self.store.records.get(&address);
                let record =
                    record.unwrap_or_else(|| panic!("{address} is acknowledged and not on record"));
                assert!(
                    record.expires_at >= until,
                    "the lease of {address} is shorter than its ACK"
                );
                let others: Vec<_> = self
                    .clients
                    .iter()
                    .filter_map(|client| client.uses.map(|(a, until)| (client.number, a, until)))
                    .collect();
                let client = pending.client;
                self.auditor.check_ack(&self.store, now, client, address, &others);
                let client = &mut self.clients[usize::from(client)];
                client.remembered = Some(address);
                client.uses = Some(uses);
            }
            ReplyKind::Nak => client.uses = None,
        }
    }

    /// Whether the client sent nothing else since.
    fn is_awaited(&self, pending: &Pending) -> bool {
        let client = &self.clients[usize::from(pending.client)];
        pending.request.transaction_id == client.transaction_id
    }

    /// The line of an address passed on to another device, or its subscriber swapped one for
    /// another: the former one no longer reaches anything.
    fn cut_off(&mut self, address: Ipv4Addr) {
        // Nor does the ACK that was under way to it.
        let on_their_way = self.answered.iter_mut().map(|(pending, _)| pending);
        for pending in on_their_way.chain(&mut self.doubtful) {
            let granted = pending.decision.changes.first().map(|change| change.lease.address);
            if granted == Some(address) {
                pending.decision.reply = None;
            }
        }
        for client in &mut self.clients {
            client.uses = client.uses.filter(|(used, _)| *used != address);
        }
    }
}
