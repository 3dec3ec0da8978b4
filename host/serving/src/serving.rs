//! What belongs to the serving generation and is not needed for packets.

use std::{sync::Arc, time::Instant};

use lessor_config::{Configuration, RollbackSettings};
use lessor_generation::{Generation, last_accepted::Inputs};
use lessor_policy_host::ShadowThread;

/// What belongs to the serving generation and is not needed for packets.
pub(crate) struct Serving {
    pub(crate) configuration: Configuration,
    /// The probation of the generation and the one to roll back to, while it is new.
    pub(crate) probation: Option<Probation>,
    /// The files that the last copy was made of, if this process made it.
    pub(crate) copied: Option<Inputs>,
    /// The thread of its shadows; `None` without shadows.
    pub(crate) shadows: Option<ShadowThread>,
}

impl Serving {
    pub(crate) fn new(configuration: Configuration, shadows: Option<ShadowThread>) -> Self {
        Self { configuration, probation: None, copied: None, shadows }
    }
}

/// A new generation on probation, and what is needed to roll it back.
pub(crate) struct Probation {
    pub(crate) began: Instant,
    pub(crate) settings: RollbackSettings,
    /// The configuration of the generation before.
    pub(crate) configuration: Configuration,
    /// The generation before.
    pub(crate) previous: Arc<Generation>,
}

impl Probation {
    /// Starts the probation of a generation with this configuration; returns `None` if it may not
    /// be rolled back.
    pub(crate) fn of(
        configuration: &Configuration,
        replaced: Configuration,
        previous: Arc<Generation>,
    ) -> Option<Self> {
        let settings = configuration.plugins.as_ref()?.rollback?;
        Some(Self { began: Instant::now(), settings, configuration: replaced, previous })
    }
}
