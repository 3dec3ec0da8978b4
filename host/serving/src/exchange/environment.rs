//! What the exchanges of a server meet: its engines, its lookup sources and its reach.

use std::net::Ipv4Addr;

use lessor_core::{
    Attempt, Engine, NetworkId, Origin, PoolUsage, Probe, ProbeResult, Reason, Request, Topology,
    Wait,
};
use lessor_generation::GenerationSources;
use lessor_policy_host::{AnsweredLookup, PlannedLookup};
use lessor_stages::{Environment, LookupAnswers, RequestToDecide, Retired, Ruling, Witness};

use super::Pipeline;
use crate::{
    held::Engines,
    probes::NoProbe,
    ticket::Ticket,
    waiting::{Unwanted, Waiting},
};

/// The number of addresses that are probed for one message. A client repeats it, and then the next
/// ones are tried.
const PROBES_MAX: u8 = 3;

/// What the exchanges of a server meet.
pub(super) struct Surroundings<'e, 's> {
    pub(super) pipeline: &'e Pipeline<'s>,
    pub(super) engines: &'e mut Engines,
    pub(super) lookups: &'e GenerationSources,
}

impl LookupAnswers for Surroundings<'_, '_> {
    fn known(&mut self, planned: Vec<PlannedLookup>) -> (Vec<AnsweredLookup>, Vec<PlannedLookup>) {
        self.lookups.known(planned)
    }

    fn missing(&self, lookups: &[AnsweredLookup]) -> Option<String> {
        self.lookups.missing(lookups)
    }
}

impl Environment for Surroundings<'_, '_> {
    /// The number under which an exchange waits.
    type Wait = u64;

    fn topology(&self) -> &Topology {
        self.engines.shards().topology()
    }

    fn refusal(&self, request: &Request) -> Option<(Reason, Option<String>)> {
        self.pipeline.reach.refusal(request)
    }

    fn with_engine<T>(
        &self,
        network: NetworkId,
        work: impl FnOnce(&mut Engine) -> T,
    ) -> Result<T, Retired> {
        self.engines.shards().with_engine(network, work)
    }

    fn pools(&self, counted: Vec<PoolUsage>) -> Vec<PoolUsage> {
        let recorded = |own: PoolUsage| {
            let same = self.pipeline.recorded_pools.iter().find(|usage| usage.pool == own.pool);
            same.cloned().unwrap_or(own)
        };
        match self.pipeline.recorded_pools {
            [] => counted,
            _ => counted.into_iter().map(recorded).collect(),
        }
    }

    fn renew(&mut self) {
        self.engines.renew();
    }

    fn decide(
        &mut self,
        question: RequestToDecide<'_>,
        witness: &mut impl Witness,
    ) -> Result<Ruling<u64>, Retired> {
        let RequestToDecide { now, location, request, terms, probes } = question;
        let shards = self.engines.shards();
        let preference = self.pipeline.preference;
        shards.with_waiting(location.network, |engine, waiting| {
            let subnet = location.subnet;
            let decide = |engine: &mut Engine| match preference {
                None => engine.decide(now, subnet, request, terms),
                Some(preference) => {
                    engine.decide_preferring(now, subnet, request, terms, preference)
                }
            };
            let mut attempt = decide(engine);
            if let Attempt::Probes(probe) = attempt {
                let address = probe.address;
                if let Some(ruling) = self.pipeline.probe(request, probe, probes, waiting) {
                    return ruling;
                }
                engine.probed(now, address, ProbeResult::NotSent);
                attempt = decide(engine);
            }
            match attempt {
                Attempt::Decided(decision) => {
                    witness.ruled(engine, request, &decision);
                    Ruling::of(decision, engine, shards.topology(), request)
                }
                Attempt::Waits(wait) => self.pipeline.wait(request, wait, waiting),
                // The address counts as probed.
                Attempt::Probes(_) => Ruling::NotNow(Reason::ProbePending),
            }
        })
    }
}

impl Pipeline<'_> {
    /// Makes an exchange wait for a probe after `probes` others; `None` if the address is to be
    /// offered unprobed.
    fn probe(
        &self,
        request: &Request,
        probe: Probe,
        probes: u8,
        waiting: &mut Waiting,
    ) -> Option<Ruling<u64>> {
        let (queue, wakes) = (self.probes?, self.wakes?);
        if probes >= PROBES_MAX {
            return Some(Ruling::NotNow(Reason::AddressesInUse));
        }
        let address = probe.address;
        match queue.begin(probe, Origin::of(request)) {
            Ok(()) => {}
            Err(NoProbe::TooMany) => {
                self.offer_unprobed(address);
                return None;
            }
            Err(NoProbe::NotRunning) => return None,
        }
        let (number, wake) = wakes.wake();
        Some(match waiting.note(address, Ticket::of(request), wake) {
            Ok(()) => Ruling::Probes(number),
            Err(Unwanted::Again | Unwanted::TooMany) => Ruling::NotNow(Reason::ProbePending),
        })
    }

    /// Counts an address that is offered unprobed, because too many others are probed.
    fn offer_unprobed(&self, address: Ipv4Addr) {
        if let Some(count) = self.counters.offered_unprobed.note() {
            tracing::warn!(
                %address,
                count,
                "an address is offered unprobed, because too many others are probed; this line \
                 stands for {count} such addresses"
            );
        }
    }

    /// Makes an exchange wait for storage, unless too many wait already.
    fn wait(&self, request: &Request, wait: Wait, waiting: &mut Waiting) -> Ruling<u64> {
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
}
