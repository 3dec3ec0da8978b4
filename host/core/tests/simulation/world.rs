//! The world: clients, lines, time, one store, and one or two servers on it, one random step at a
//! time.
//!
//! Determines what happens and when. Does not implement messages and replies (see `exchange`) or
//! storage (see `commits`). Invariant: everything that happens is determined by the seed.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{Binding, BindingState, Network, Timestamp};

use super::{
    auditor::Auditor,
    clients::{Client, some_address},
    configurations::{Parameters, networks, owners},
    defects::Defect,
    events::{Counts, Event},
    input::{Input, Output, preview_and_feed},
    knowledge::Knowledge,
    random::Random,
    server::Server,
    store::Store,
};

const LINES: u8 = 8;
const PENDING_MAX: usize = 20;
/// How many decisions a server lets storage leave unanswered before it is restarted.
const UNANSWERED_MAX: usize = 4;

pub(super) struct World {
    pub(super) parameters: Parameters,
    pub(super) defect: Option<Defect>,
    pub(super) random: Random,
    /// The true time, which is that of the clients.
    pub(super) now: Timestamp,
    networks: Vec<Arc<Network>>,
    pub(super) servers: Vec<Server>,
    pub(super) store: Store,
    pub(super) clients: Vec<Client>,
    pub(super) auditor: Auditor,
    pub(super) counts: Counts,
    /// The number of decisions so far.
    pub(super) decisions: usize,
    /// Each input with the number of its server and its output; empty unless it is wanted.
    pub(super) journal: Vec<(usize, Input, Output)>,
    is_written_down: bool,
}

impl World {
    pub(super) fn new(seed: u64, defect: Option<Defect>, is_written_down: bool) -> Self {
        let mut random = Random::new(seed);
        let parameters = Parameters::draw(&mut random);
        let networks: Vec<_> = networks(parameters.is_alone()).into_iter().map(Arc::new).collect();
        let line = |number, random: &mut Random| {
            (number % 4 != 0).then(|| random.below(u64::from(LINES)) as u8)
        };
        let numbers = 0..parameters.clients;
        let clients =
            numbers.map(|number| Client::new(number, line(number, &mut random))).collect();
        let ahead_ms = [0, parameters.ahead_ms];
        let servers = ahead_ms[..parameters.servers].iter();
        let mut world = Self {
            parameters,
            defect,
            clients,
            now: Timestamp::from_unix_ms(1_000_000_000),
            servers: servers.map(|ahead_ms| Server::new(&networks[0], -ahead_ms)).collect(),
            networks,
            store: Store::default(),
            auditor: Auditor::default(),
            counts: Counts::default(),
            decisions: 0,
            journal: Vec::new(),
            is_written_down,
            random,
        };
        if parameters.ahead_ms != 0 {
            world.counts.note(Event::ClocksDiffered);
        }
        (0..parameters.servers).for_each(|s| world.start(s));
        world
    }

    /// The parameters that were drawn from the seed first, as text.
    pub(super) fn parameters(&self) -> String {
        format!("{:?}", self.parameters)
    }

    pub(super) fn step(&mut self) {
        if self.random.chance(self.parameters.messages) {
            let number = self.random.below(u64::from(self.parameters.clients)) as u8;
            // A client that gives up its lease often asks for one again at once, like a device that
            // is restarted.
            while self.client_sends(number) && self.random.chance(40) {}
        } else {
            self.something_else_happens();
        }
        for s in 0..self.servers.len() {
            self.keep_up(s);
        }
        let is_quiet = self.servers.iter().all(|server| server.queue.is_empty());
        if is_quiet && self.random.chance(10) {
            self.settle_everything();
        }
    }

    /// Ensures that nothing waits forever.
    fn keep_up(&mut self, s: usize) {
        if self.servers[s].queue.len() > PENDING_MAX {
            self.flush(s);
        }
        if self.servers[s].answered.len() > PENDING_MAX {
            self.hear(s);
        }
        if self.servers[s].doubtful.len() > PENDING_MAX {
            self.read_again(s);
        }
        if self.servers[s].unanswered.len() > UNANSWERED_MAX {
            self.crash(s);
            self.start(s);
        }
    }

    fn something_else_happens(&mut self) {
        let s = self.some_server();
        match self.random.below(69) {
            0 => self.crash_or_start(s),
            1 => self.reconfigure(s),
            2 if self.parameters.has_stranger => self.stranger_writes(),
            2 | 3 => self.move_to_another_line(),
            4..=12 => self.pass_time(),
            13..=17 => {
                let limit = self.random.below(5) as usize;
                self.reclaim(s, limit);
            }
            18..=34 => self.flush(s),
            35 => self.read_again(s),
            36 => self.orphans_land(),
            37..=39 => self.learn(s),
            40 | 41 => self.late_message_arrives(s),
            42..=46 => self.probe_ends(s),
            47 if self.random.chance(20) => self.forget_probe(s),
            48..=50 => self.operator_acts(s),
            _ => self.hear(s),
        }
        if !self.servers[s].is_up && self.random.chance(10) {
            self.start(s);
        }
    }

    pub(super) fn some_server(&mut self) -> usize {
        self.random.below(self.servers.len() as u64) as usize
    }

    /// Waits for storage; then memory must match storage.
    pub(super) fn settle_everything(&mut self) {
        for s in 0..self.servers.len() {
            // A late message may affect what the other server requests from storage, so the servers
            // take turns.
            while self.servers[s].is_up && !self.servers[s].is_at_rest() {
                self.flush(s);
                self.read_again(s);
                self.hear(s);
                self.late_message_arrives(s);
            }
        }
        for s in 0..self.servers.len() {
            if self.servers[s].is_up {
                self.reclaim(s, 1000);
                self.check_at_rest(s);
            }
        }
    }

    fn check_at_rest(&self, s: usize) {
        let server = &self.servers[s];
        for (address, _) in &server.waiting {
            let waits = server.knowledge.is_in_flight(*address);
            assert!(waits, "a request waits for {address}, of which nothing is in flight");
        }
        Auditor::check_at_rest(server.now(self.now), server, &self.store);
    }

    /// The end: all servers are up and have received everything that they can receive.
    pub(super) fn finish(&mut self) {
        self.parameters.never_answers = 0;
        for s in 0..self.servers.len() {
            let is_stuck = !self.servers[s].unanswered.is_empty();
            if is_stuck {
                self.crash(s);
            }
            if !self.servers[s].is_up {
                self.start(s);
            }
        }
        self.settle_everything();
        for s in 0..self.servers.len() {
            while !self.servers[s].feed.is_empty() {
                self.learn(s);
            }
        }
        self.settle_everything();
        let all_unheard = self.servers.iter().map(|server| server.unheard.len()).sum::<usize>();
        assert!(self.parameters.not_fed > 0 || all_unheard == 0, "something was not heard of");
    }

    pub(super) fn feed(&mut self, s: usize, input: Input) -> Output {
        let output = preview_and_feed(&mut self.servers[s].engine, &input, 0);
        if self.is_written_down {
            self.journal.push((s, input, output.clone()));
        }
        output
    }

    fn reclaim(&mut self, s: usize, limit: usize) {
        if !self.servers[s].is_up {
            return;
        }
        let now = self.server_now(s);
        if let Output::Ended(ended) = self.feed(s, Input::Reclaim { now, limit }) {
            ended.iter().for_each(|_| self.counts.note(Event::Expired));
        }
    }

    fn crash_or_start(&mut self, s: usize) {
        if self.servers[s].is_up {
            self.crash(s);
        }
        if self.random.chance(60) {
            self.start(s);
        }
    }

    /// The server ends immediately. Its requests to storage are lost with it, but a remote store
    /// may have received them.
    fn crash(&mut self, s: usize) {
        self.counts.note(Event::Crashed);
        if self.servers.iter().enumerate().any(|(other, server)| other != s && server.is_up) {
            self.counts.note(Event::CrashedAlone);
        }
        for pending in self.servers[s].crash() {
            if self.servers.len() > 1 && self.random.chance(30) {
                self.store.orphans.push_back(pending);
            }
        }
    }

    /// The server starts with the contents of storage. Occasionally its clock is wrong, and time
    /// continues from the newest record. Servers that share a store must agree on the time: for
    /// them it continues from the newest record only if the server's clock is behind that.
    fn start(&mut self, s: usize) {
        let now = self.server_now(s);
        let newest = self.store.records.values().map(|binding| binding.changed_at).max();
        if let Some(newest) = newest {
            let is_alone = self.servers.len() == 1;
            if now < newest {
                self.servers[s].behind_ms = newest.ms_until(self.now);
            } else if is_alone && self.random.chance(30) {
                self.counts.note(Event::StoodStill);
                let stopped_ms = self.random.below(600_000).cast_signed();
                self.now = self.now.moved_by_ms(stopped_ms);
                self.servers[s].behind_ms = newest.ms_until(self.now);
                self.clients_look_at_the_time();
            }
        }
        let is_kept = |binding: &&Arc<Binding>| match self.defect {
            Some(Defect::QuarantineForgotten) => binding.state != BindingState::Quarantined,
            Some(Defect::LeasesForgotten) => binding.hardware_address.octets()[5] % 4 != 1,
            _ => true,
        };
        let bindings = self.store.records.values().filter(is_kept).cloned().collect();
        let has_lost_records = self.random.chance(30);
        if has_lost_records {
            self.counts.note(Event::ForgotRecords);
        }
        let server = &mut self.servers[s];
        server.is_up = true;
        server.unheard.clear();
        server.knowledge = Knowledge::of(&self.store.records);
        let network = Arc::clone(&server.network);
        let now = self.server_now(s);
        self.feed(s, Input::Start { now, network, bindings, has_lost_records });
        if self.defect != Some(Defect::DrainForgotten) {
            self.drain(s);
        }
    }

    /// One server gets another configuration, or both do one after the other.
    fn reconfigure(&mut self, s: usize) {
        let network = Arc::clone(self.random.pick(&self.networks));
        let now = self.server_now(s);
        self.counts.note(Event::Reloaded);
        let leases = self.servers[s].knowledge.records().values();
        for lease in leases.filter(|lease| lease.is_active(now)) {
            let is_in_pool = |network: &Network| {
                let mut pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
                pools.any(|pool| pool.contains(lease.address))
            };
            if is_in_pool(&self.servers[s].network) && !is_in_pool(&network) {
                self.counts.note(Event::PoolsMoved);
            }
            let is_reserved = |network: &Network| !owners(network, lease.address).is_empty();
            if !is_reserved(&self.servers[s].network) && is_reserved(&network) {
                self.counts.note(Event::ReservationsMoved);
            }
        }
        self.servers[s].network = Arc::clone(&network);
        if self.servers[s].is_up {
            self.feed(s, Input::Reconfigure { network });
        }
    }

    fn stranger_writes(&mut self) {
        let address = some_address(&mut self.random);
        let network = &self.networks[0];
        let prefix = network.subnets.iter().map(|subnet| subnet.prefix);
        let is_wanted = prefix.into_iter().any(|prefix| prefix.hosts().any(|host| host == address));
        // In the time of the servers, of which a store has one.
        let now = self.server_now(0);
        if !is_wanted {
            return;
        }
        if let Some(record) = self.store.write_by_stranger(now, address, &mut self.random) {
            self.counts.note(Event::WrittenByStranger);
            self.spread(None, &record);
        }
    }

    fn move_to_another_line(&mut self) {
        let line = self.random.below(u64::from(LINES)) as u8;
        let client = self.random.below(u64::from(self.parameters.clients)) as usize;
        self.clients[client].line = Some(line);
    }

    fn pass_time(&mut self) {
        let most_ms = if self.random.chance(10) { 1_200_000 } else { 40_000 };
        self.now = self.now.moved_by_ms(self.random.below(most_ms).cast_signed());
        self.clients_look_at_the_time();
    }

    /// The time according to a server.
    pub(super) const fn server_now(&self, s: usize) -> Timestamp {
        self.servers.as_slice()[s].now(self.now)
    }

    fn clients_look_at_the_time(&mut self) {
        for client in &mut self.clients {
            client.uses = client.uses.filter(|(_, until)| *until > self.now);
        }
    }

    /// The line of an address moved to another device, or its subscriber replaced one device by
    /// another: the former device is no longer connected.
    pub(super) fn cut_off(&mut self, address: Ipv4Addr) {
        // An ACK on its way to the former device does not arrive either.
        for pending in self.servers.iter_mut().flat_map(Server::on_their_way_back) {
            let decision = pending.decision.as_mut().expect("a decision");
            if decision.changes.first().is_some_and(|change| change.binding.address == address) {
                decision.reply = None;
            }
        }
        for client in &mut self.clients {
            client.uses = client.uses.filter(|(used, _)| *used != address);
        }
    }
}
