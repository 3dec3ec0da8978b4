//! What one thread holds to decide exchanges: a generation with its own instances of the policies,
//! and the engines.
//!
//! Everything of a generation is held together, so no exchange meets the policies of one and the
//! sources of another. The engines are state, not configuration: they belong to no generation, and
//! a thread that finds one retired uses the newest from then on. Invariant: the engines that are
//! held never become older.

use std::sync::Arc;

use arc_swap::ArcSwap;
use lessor_generation::Generation;
use lessor_policy_host::Runner;

use crate::shards::Shards;

/// What one thread holds to decide exchanges.
pub(crate) struct Held {
    pub(crate) generation: Arc<Generation>,
    /// The instances of the generation's policies.
    pub(crate) runner: Runner,
    pub(crate) engines: Engines,
}

/// The engines as one thread holds them.
#[derive(Clone, Debug)]
pub(crate) struct Engines {
    newest: Arc<ArcSwap<Shards>>,
    held: Arc<Shards>,
}

impl Held {
    /// Uses another generation from now on, with the newest engines. Returns the instances of the
    /// previous one, which must be dropped next.
    pub(crate) fn replace(&mut self, generation: Arc<Generation>, mut runner: Runner) -> Runner {
        runner.take_over(&mut self.runner);
        self.engines.renew();
        self.generation = generation;
        std::mem::replace(&mut self.runner, runner)
    }
}

impl Engines {
    /// Holds the newest engines.
    pub(crate) fn of(newest: &Arc<ArcSwap<Shards>>) -> Self {
        Self { newest: Arc::clone(newest), held: newest.load_full() }
    }

    /// Returns the engines that are held.
    pub(crate) const fn shards(&self) -> &Arc<Shards> {
        &self.held
    }

    /// Holds the newest engines from now on.
    pub(crate) fn renew(&mut self) {
        self.held = self.newest.load_full();
    }
}
