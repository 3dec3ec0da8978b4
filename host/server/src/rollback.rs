//! Rollback: a new generation whose policies fail too often is replaced by the one before it.
//!
//! Configured with `plugins.rollback`, off by default. While a generation is on probation, the one
//! before it is kept: its configuration, its compiled policies and their records. It comes back as a
//! generation of its own, swapped in as by a reload. What it came back for is not tried again until
//! somebody reloads.

use std::{
    sync::{Arc, MutexGuard, PoisonError, TryLockError},
    time::{Duration, Instant},
};

use lessor_config::{Configuration, RollbackSettings};
use lessor_policy_host::{Chain, Mode, PluginStatus};

use crate::{
    counters::increment,
    generation::Generation,
    last_accepted,
    reload::{Reloader, Serving},
};

/// How often a generation on probation is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A generation that is new, and the way back.
pub(crate) struct Probation {
    began: Instant,
    settings: RollbackSettings,
    /// The configuration before.
    configuration: Configuration,
    /// The generation before; only its policies are used again, as its engines are retired.
    previous: Arc<Generation>,
}

/// Rolls back what must be, until the task is dropped.
pub(crate) async fn watch(reloader: Arc<Reloader>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if try_lock(&reloader).is_some_and(|serving| serving.probation.is_some()) {
            let reloader = Arc::clone(&reloader);
            let looked = tokio::task::spawn_blocking(move || look_after(&reloader));
            if looked.await.is_err() {
                tracing::error!("a rollback ended in a panic");
            }
        }
    }
}

impl Probation {
    /// Of a generation with this configuration; none if it is not to be rolled back.
    pub(crate) fn of(
        configuration: &Configuration,
        replaced: Configuration,
        previous: Arc<Generation>,
    ) -> Option<Self> {
        let settings = configuration.plugins.as_ref()?.rollback?;
        Some(Self { began: Instant::now(), settings, configuration: replaced, previous })
    }
}

/// Ends the probation of the generation that serves, well or badly, if it is time.
fn look_after(reloader: &Reloader) {
    // A reload that is under way brings a generation with a probation of its own.
    let Some(mut serving) = try_lock(reloader) else { return };
    let generation = reloader.shared.generation.load_full();
    let Some(probation) = &serving.probation else { return };
    let faults = faults_of(&generation.chain, &probation.settings);
    let is_over = probation.began.elapsed() > probation.settings.window;
    if !is_over && faults <= probation.settings.faults_max {
        return;
    }
    // In any case the generation before it is needed no longer once this is done.
    let Some(probation) = serving.probation.take() else { return };
    let is_good = faults <= probation.settings.faults_max || is_over;
    last_accepted::end_probation(&serving.configuration, is_good);
    if !is_good {
        roll_back(reloader, &mut serving, probation, &generation, faults);
    }
}

fn roll_back(
    reloader: &Reloader,
    serving: &mut Serving,
    probation: Probation,
    failed: &Generation,
    faults: u64,
) {
    for plugin in failed.chain.status().iter().filter(|plugin| counts(plugin)) {
        tracing::error!(
            plugin = %plugin.name,
            faults = plugin.faults_total(),
            last_fault = plugin.last_fault.as_ref().map(|last| last.message.as_str()),
            "plugin fails in a new generation"
        );
    }
    let previous = &probation.previous;
    let prepared = match reloader.prepare(previous.lookups.clone(), Arc::clone(&previous.chain)) {
        Ok(prepared) => prepared,
        Err(refusal) => {
            tracing::error!(
                generation = failed.number,
                error = %refusal,
                "the policies fail too often, but those before them cannot be instantiated again"
            );
            return;
        }
    };
    reloader.swap(serving, &probation.configuration, prepared, Some(failed.number));
    serving.configuration = probation.configuration;
    increment(&reloader.shared.counters.rollbacks);
    tracing::error!(
        generation = reloader.shared.generation.load().number,
        rolled_back_from = failed.number,
        rolled_back_to = probation.previous.number,
        faults,
        after_ms = probation.began.elapsed().as_millis() as u64,
        "rolled back: the policies of the new generation failed too often; reload to try it again"
    );
}

/// How often live plugins failed on packets, since the chain was made. One line counts up to a quarter
/// of what is allowed, so that no customer rolls back what serves the others.
fn faults_of(chain: &Chain, settings: &RollbackSettings) -> u64 {
    chain.faults_at_most(settings.faults_max.div_ceil(4).max(1))
}

/// A shadow may fail as it likes.
fn counts(plugin: &PluginStatus) -> bool {
    plugin.mode == Mode::Live && plugin.faults_total() > 0
}

/// Nothing while a reload is under way.
fn try_lock(reloader: &Reloader) -> Option<MutexGuard<'_, Serving>> {
    match reloader.serving.try_lock() {
        Ok(serving) => Some(serving),
        Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}
