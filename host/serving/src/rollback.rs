//! Rollback: a new generation whose policies fail too often is replaced by the one before it.
//!
//! Configured with `plugins.rollback`, off by default. While a generation is on probation, the one
//! before it is kept: its configuration, its compiled policies and their records. A rollback swaps
//! it in as a new generation, in the same way as a reload. The failed generation is not tried again
//! before the next reload.

use std::{
    sync::{Arc, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};

use lessor_config::RollbackSettings;
use lessor_generation::{Generation, last_accepted};
use lessor_policy_host::{Chain, PluginStatus};
use lessor_settings::PluginMode;

use crate::{
    counters::increment,
    reload::Reloader,
    serving::{Probation, Serving},
};

/// The interval at which a generation on probation is checked.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Rolls back generations that fail, until the task is dropped.
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

/// Ends the probation of the serving generation when it is over or has failed.
fn look_after(reloader: &Reloader) {
    // A reload in progress brings a generation with a separate probation.
    let Some(mut serving) = try_lock(reloader) else { return };
    let generation = reloader.shared.generation.load_full();
    let Some(probation) = &serving.probation else { return };
    let faults = faults_of(&generation.chain, &probation.settings);
    let is_over = probation.began.elapsed() > probation.settings.window;
    if !is_over && faults <= probation.settings.faults_max {
        return;
    }
    // In either case the generation before is not needed after this.
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
    let prepared = match reloader.prepare(
        previous.lookups.clone(),
        Arc::clone(&previous.chain),
        previous.stand_in,
    ) {
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
    // It counts before it is visible, so that no status shows one without the other.
    increment(&reloader.shared.counters.rollbacks);
    reloader.swap(serving, &probation.configuration, prepared, Some(failed.number));
    serving.configuration = probation.configuration;
    tracing::error!(
        generation = reloader.shared.generation.load().number,
        rolled_back_from = failed.number,
        rolled_back_to = probation.previous.number,
        faults,
        after_ms = probation.began.elapsed().as_millis() as u64,
        "rolled back: the policies of the new generation failed too often; reload to try it again"
    );
}

/// Counts how often live plugins failed on packets since the chain was made. One line counts for at
/// most a quarter of what is allowed, so that no single customer can cause a rollback of what
/// serves the others.
fn faults_of(chain: &Chain, settings: &RollbackSettings) -> u64 {
    chain.faults_at_most(settings.faults_max.div_ceil(4).max(1))
}

/// Returns whether the faults of a plugin count; those of a shadow do not.
fn counts(plugin: &PluginStatus) -> bool {
    plugin.mode == PluginMode::Live && plugin.faults_total() > 0
}

/// Returns `None` during a reload.
fn try_lock(reloader: &Reloader) -> Option<MutexGuard<'_, Serving>> {
    match reloader.serving.try_lock() {
        Ok(serving) => Some(serving),
        Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}
