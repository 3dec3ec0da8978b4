//! One server: its engine, its decisions on their way to storage and back, and what it learns of
//! other servers.
//!
//! Does not choose what happens; see `world`. Invariant: a server that is down has nothing in
//! flight.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    net::Ipv4Addr,
    sync::Arc,
};

use lessor_core::{
    Binding, BindingState, Decision, Engine, Network, Request, StorageAnswer, Terms, Timestamp,
};

use super::{configurations::is_given, knowledge::Knowledge};

/// A request, and the decision about it.
pub(super) struct Pending {
    /// The number of the decision, in the order of decisions.
    pub(super) number: usize,
    pub(super) decided_at: Timestamp,
    pub(super) client: u8,
    pub(super) subnet: usize,
    pub(super) request: Request,
    pub(super) terms: Terms,
    pub(super) decision: Option<Decision>,
    /// Whether an operator decided, so that nobody waits for a reply.
    pub(super) by_hand: bool,
    pub(super) attempts: usize,
    /// The positions of the changes that cut another device off: it loses the address of its line
    /// to a new device, or its subscriber gives up its lease.
    pub(super) cuts_off: Vec<usize>,
}

pub(super) struct Server {
    pub(super) engine: Engine,
    pub(super) network: Arc<Network>,
    /// The pools that are drained, which outlive a crash.
    pub(super) drained: BTreeSet<Arc<str>>,
    pub(super) is_up: bool,
    /// How far the true time is ahead of the server's, in milliseconds.
    pub(super) behind_ms: i64,
    /// Decisions that storage has not processed yet.
    pub(super) queue: VecDeque<Pending>,
    /// Answers of storage that the engine has not received yet.
    pub(super) answered: VecDeque<(Pending, StorageAnswer)>,
    /// Decisions whose flush failed: storage must be read to determine the result.
    pub(super) doubtful: VecDeque<Pending>,
    /// Decisions that storage never answers.
    pub(super) unanswered: Vec<Pending>,
    /// Requests that wait for a change of an address.
    pub(super) waiting: Vec<(Ipv4Addr, Pending)>,
    /// Requests that wait for the probe of an address.
    pub(super) probing: Vec<(Ipv4Addr, Pending)>,
    /// When each address was last found unused.
    pub(super) found_unused: BTreeMap<Ipv4Addr, Timestamp>,
    /// Messages that arrive later than at the other server.
    pub(super) late: VecDeque<Pending>,
    /// Records of other servers that the feed has yet to deliver.
    pub(super) feed: VecDeque<Arc<Binding>>,
    /// Addresses whose record changed without the server's knowledge.
    pub(super) unheard: BTreeSet<Ipv4Addr>,
    pub(super) knowledge: Knowledge,
}

impl Pending {
    /// The decision, which must have been made.
    pub(super) fn decision(&self) -> &Decision {
        self.decision.as_ref().expect("a decision")
    }

    /// The addresses whose records change.
    pub(super) fn addresses(&self) -> Vec<Ipv4Addr> {
        self.decision().changes.iter().map(|change| change.binding.address).collect()
    }
}

impl Server {
    pub(super) fn new(network: &Arc<Network>, behind_ms: i64) -> Self {
        Self {
            engine: Engine::new(Arc::clone(network), 0),
            network: Arc::clone(network),
            drained: BTreeSet::new(),
            is_up: false,
            behind_ms,
            queue: VecDeque::new(),
            answered: VecDeque::new(),
            doubtful: VecDeque::new(),
            unanswered: Vec::new(),
            waiting: Vec::new(),
            probing: Vec::new(),
            found_unused: BTreeMap::new(),
            late: VecDeque::new(),
            feed: VecDeque::new(),
            unheard: BTreeSet::new(),
            knowledge: Knowledge::default(),
        }
    }

    /// The server's time.
    pub(super) const fn now(&self, true_now: Timestamp) -> Timestamp {
        true_now.moved_by_ms(-self.behind_ms)
    }

    /// The number of further leases that a subscriber gets if storage makes all changes in flight.
    pub(super) fn grants_in_flight(&self, subscriber: &str) -> u32 {
        let answered = self.answered.iter().map(|(pending, _)| pending);
        let in_flight = self.queue.iter().chain(&self.doubtful).chain(&self.unanswered);
        let changes = in_flight.chain(answered).flat_map(|pending| &pending.decision().changes);
        let counts = |binding: &Binding| {
            binding.state == BindingState::Leased
                && binding.subscriber.as_deref() == Some(subscriber)
        };
        let grants = changes.filter(|change| {
            counts(&change.binding) && !change.previous.as_deref().is_some_and(counts)
        });
        u32::try_from(grants.count()).unwrap_or(u32::MAX)
    }

    /// Returns whether a pool that is drained gives the address.
    pub(super) fn is_drained(&self, address: Ipv4Addr) -> bool {
        let mut pools = self.network.subnets.iter().flat_map(|subnet| &subnet.pools);
        let pool = pools.find(|pool| pool.contains(address));
        is_given(&self.network, address)
            && pool.is_some_and(|pool| self.drained.contains(&pool.name))
    }

    /// Returns whether storage can give no more answers, and nothing is left to decide.
    pub(super) fn is_at_rest(&self) -> bool {
        self.queue.is_empty()
            && self.answered.is_empty()
            && self.doubtful.is_empty()
            && self.late.is_empty()
    }

    /// The server ends and loses everything that was not written. Returns the decisions that it had
    /// submitted to storage.
    pub(super) fn crash(&mut self) -> VecDeque<Pending> {
        self.is_up = false;
        self.answered.clear();
        self.doubtful.clear();
        self.unanswered.clear();
        self.waiting.clear();
        self.probing.clear();
        self.found_unused.clear();
        self.late.clear();
        self.feed.clear();
        mem::take(&mut self.queue)
    }

    /// Decisions whose answers have not arrived.
    pub(super) fn on_their_way_back(&mut self) -> impl Iterator<Item = &mut Pending> {
        self.answered.iter_mut().map(|(pending, _)| pending).chain(&mut self.doubtful)
    }
}
