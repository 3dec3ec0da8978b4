//! What a server serves first: what it was started with, as soon as its policies are compiled, or
//! another generation until then.
//!
//! Opens no socket. Invariant: see [`lessor_generation::open`], which chooses.

use std::sync::Arc;

use lessor_config::Configuration;
use lessor_generation::{
    Candidate, ConfigurationRefused, GenerationSources, Opening, StandIn,
    last_accepted::{Fallback, Inputs},
};
use lessor_policy_host::{Chain, Runtime};

use crate::{awaited::Awaited, starting::Starting};

/// What serves first.
pub(crate) struct First {
    pub(crate) configuration: Configuration,
    pub(crate) lookups: GenerationSources,
    pub(crate) chain: Arc<Chain>,
    /// What it is, if it is not what is configured.
    pub(crate) stand_in: Option<StandIn>,
    /// The files of which a copy is kept now.
    pub(crate) inputs: Option<Inputs>,
    /// Why the last accepted generation was started with.
    pub(crate) fallback: Option<Fallback>,
    /// What it serves for until that is compiled.
    pub(crate) awaited: Option<Awaited>,
}

impl First {
    /// Chooses what serves first. Compiles the policies if nothing may serve without them, and
    /// tells `starting`.
    ///
    /// # Errors
    /// With the mistakes in sources, sidecar files and policies.
    pub(crate) fn choose(
        runtime: &Arc<Runtime>,
        candidate: Candidate,
        strict: bool,
        starting: &Starting,
    ) -> Result<Self, ConfigurationRefused> {
        match lessor_generation::open(runtime, &candidate, strict)? {
            Opening::Ready { lookups, chain } => Ok(Self::of(candidate, lookups, chain)),
            Opening::Nothing { lookups, waits_for } => {
                starting.waits(runtime, waits_for);
                let configuration = &candidate.configuration;
                let compiled = lessor_generation::complete(runtime, configuration, &lookups);
                starting.goes_on();
                Ok(Self::of(candidate, lookups, compiled?))
            }
            Opening::Instead(opened, waits_for) => {
                let fallback = candidate.fallback.clone();
                let awaited = Awaited::new(candidate, waits_for, strict, &opened);
                awaited.say();
                Ok(Self {
                    configuration: opened.configuration,
                    lookups: opened.lookups,
                    chain: opened.chain,
                    stand_in: Some(opened.stand_in),
                    inputs: None,
                    fallback,
                    awaited: Some(awaited),
                })
            }
        }
    }

    fn of(candidate: Candidate, lookups: GenerationSources, chain: Arc<Chain>) -> Self {
        let Candidate { configuration, inputs, fallback } = candidate;
        let stand_in = fallback.as_ref().map(|_| StandIn::LastAccepted);
        Self { configuration, lookups, chain, stand_in, inputs, fallback, awaited: None }
    }
}
