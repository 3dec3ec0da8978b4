//! What an exchange meets on its way: networks and their engines, sources of lookups, and the
//! destinations of replies.

use std::sync::Arc;

use lessor_core::{
    Decision, Engine, Location, NetworkId, PoolUsage, Reason, Request, Terms, Timestamp, Topology,
};
use lessor_policy_host::{AnsweredLookup, PlannedLookup};

use crate::{
    why,
    witness::{RequestLocation, Witness},
};

/// How many times the successor of a retired engine is looked for. Each attempt takes another
/// reload.
const SUCCESSORS_MAX: usize = 8;

/// The engine was replaced by a reload: there are newer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired;

/// A request to decide.
#[derive(Clone, Copy, Debug)]
pub struct RequestToDecide<'q> {
    /// The server time.
    pub now: Timestamp,
    /// Where the request belongs.
    pub location: Location,
    /// The request.
    pub request: &'q Request,
    /// The terms of the policies.
    pub terms: &'q Terms,
    /// How often it has waited for the probe of an address.
    pub probes: u8,
}

/// The answer to a [`RequestToDecide`].
#[derive(Debug)]
pub enum Ruling<W> {
    /// The request is decided; the text says more about the reason.
    Decided(Decision, Option<String>),
    /// It waits for storage.
    Waits(W),
    /// It waits for the probe of an address.
    Probes(W),
    /// It would have to wait, but may not.
    NotNow(Reason),
}

/// The answers to the lookups of an exchange.
pub trait LookupAnswers {
    /// Returns the lookups whose answers are known at once, and the others.
    fn known(&mut self, planned: Vec<PlannedLookup>) -> (Vec<AnsweredLookup>, Vec<PlannedLookup>);

    /// Returns why a request must not be decided: a source that it needs has failed.
    fn missing(&self, lookups: &[AnsweredLookup]) -> Option<String> {
        let _ = lookups;
        None
    }
}

/// What an exchange meets on its way.
pub trait Environment: LookupAnswers {
    /// Identifies an exchange that waits for storage or a probe.
    type Wait;

    /// The networks of the engines.
    fn topology(&self) -> &Topology;

    /// Returns why a request is not answered because of the destination of the reply, with details,
    /// or `None` if the reply may go there.
    fn refusal(&self, request: &Request) -> Option<(Reason, Option<String>)>;

    /// Calls `work` with the engine of a network, under its lock.
    ///
    /// # Errors
    /// If the engine was retired.
    fn with_engine<T>(
        &self,
        network: NetworkId,
        work: impl FnOnce(&mut Engine) -> T,
    ) -> Result<T, Retired>;

    /// Returns how full pools are for policies. In a replay, that is what was recorded.
    fn pools(&self, counted: Vec<PoolUsage>) -> Vec<PoolUsage> {
        counted
    }

    /// Uses the newest engines from now on.
    fn renew(&mut self);

    /// Has the engine decide, and notifies the witness under its lock ([`Witness::ruled`]).
    ///
    /// # Errors
    /// If the engine was retired.
    fn decide(
        &mut self,
        question: RequestToDecide<'_>,
        witness: &mut impl Witness,
    ) -> Result<Ruling<Self::Wait>, Retired>;
}

impl<W> Ruling<W> {
    /// Describes a decision of `engine`.
    pub fn of(decision: Decision, engine: &Engine, topology: &Topology, request: &Request) -> Self {
        let is_unknown = decision.reason == Reason::UnknownClient;
        let detail = is_unknown.then(|| why::unknown_client(engine, topology, request));
        Self::Decided(decision, detail)
    }
}

/// Returns where a request belongs.
pub(crate) fn find(topology: &Topology, request: &Request) -> Option<RequestLocation> {
    let selected = topology.find(request)?;
    let network = Arc::clone(topology.network(selected.location)?);
    Some(RequestLocation { selected, network })
}

/// Calls `attempt` with the place of a request, and again with newer engines as long as those that
/// it meets are retired.
///
/// # Errors
/// With the reason and what to do, if no network spans the request.
pub(crate) fn where_it_belongs<E: Environment, T>(
    environment: &mut E,
    request: &Request,
    mut attempt: impl FnMut(&mut E) -> Option<Result<T, Retired>>,
) -> Result<T, (Reason, String)> {
    for _ in 0..SUCCESSORS_MAX {
        match attempt(environment) {
            Some(Ok(result)) => return Ok(result),
            Some(Err(Retired)) => environment.renew(),
            None => break,
        }
    }
    Err(why::nowhere(environment.topology(), request))
}
