//! The instances of a chain's plugins: for each worker, for the watchers of leases, and for the
//! shadows.
//!
//! Starts no thread and answers no client. Invariant: a generation has all of them before its first
//! message, or is refused.

use std::sync::Arc;

use lessor_generation::ConfigurationRefused;
use lessor_policy_host::{Chain, LeaseEventRunner, Runner, ShadowRunner};

/// The instances of one chain.
pub(crate) struct Instances {
    /// One for each worker.
    pub(crate) runners: Vec<Runner>,
    /// Those that receive the events of leases.
    pub(crate) watchers: LeaseEventRunner,
    /// `None` without shadows.
    pub(crate) shadows: Option<ShadowRunner>,
}

impl Instances {
    /// Creates them for so many workers. Workers that run the chain `before` have the instances of
    /// plugins that did not change already, and get none of those.
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub(crate) fn of(
        chain: &Arc<Chain>,
        before: Option<&Chain>,
        workers: usize,
    ) -> Result<Self, ConfigurationRefused> {
        let runners: Result<_, _> = (0..workers).map(|_| chain.runner_after(before)).collect();
        Ok(Self {
            runners: runners?,
            watchers: chain.observer_after(before)?,
            shadows: chain.shadow_runner()?,
        })
    }
}
