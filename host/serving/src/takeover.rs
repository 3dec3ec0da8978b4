//! The takeover: another generation serves until the policies of the start are compiled, and then
//! they take over, as at a reload.
//!
//! Does not choose what serves meanwhile, which is [`lessor_generation::open`]. Invariants: what a
//! reload has brought is never replaced; if the policies cannot serve, the last accepted generation
//! does, and without one the server ends: it was allowed to serve without policies only until they
//! are compiled.

use std::{
    future::pending,
    sync::{Arc, PoisonError},
    time::Instant,
};

use lessor_generation::{
    Candidate, ConfigurationRefused, GenerationParts, GenerationSources, StandIn,
};
use lessor_policy_host::Chain;
use sd_notify::NotifyState;
use tokio::task::JoinHandle;

use crate::{
    clock::{self, written},
    memory,
    reload::{MayRollBack, Reloader},
    serving::Serving,
    stopping::notify,
};

/// Compiles what another generation serves for, and lets it take over. Takes long, so it must not
/// run on the packet path.
///
/// # Errors
/// If neither that nor the last accepted generation can serve.
pub(crate) fn take_over(reloader: &Reloader) -> anyhow::Result<()> {
    let Some(awaited) = reloader.awaited() else { return Ok(()) };
    let began = Instant::now();
    let mut candidate = awaited.candidate.clone();
    loop {
        // Reloads, and who waits for the end of one, need not wait for the compiler.
        let old = reloader.shared.generation.load_full();
        let configuration = &candidate.configuration;
        let made = lessor_generation::build(&reloader.runtime, configuration, false, Some(&old));
        let mut serving = reloader.serving.lock().unwrap_or_else(PoisonError::into_inner);
        if reloader.awaited().is_none() || reloader.runtime.has_stopped_compiling() {
            return Ok(());
        }
        let swapped = made.and_then(|made| swap_in(reloader, &mut serving, &candidate, made));
        let Err(refusal) = swapped else { break };
        drop(serving);
        candidate = candidate.instead(refusal.into(), awaited.strict)?;
        candidate.say_fallback();
    }
    let generation = reloader.shared.generation.load().number;
    tracing::info!(
        generation,
        took_ms = began.elapsed().as_millis() as u64,
        instead_since = written(clock::shown(awaited.since)),
        "the compiled policies have taken over"
    );
    notify(&[NotifyState::Status("serving")]);
    Ok(())
}

/// Waits for the failure of a takeover.
pub(crate) async fn failure(taking_over: Option<JoinHandle<anyhow::Result<()>>>) -> anyhow::Error {
    let Some(taking_over) = taking_over else { return pending().await };
    match taking_over.await {
        Ok(Ok(())) => pending().await,
        Ok(Err(error)) => error.context("no policies can serve"),
        Err(panic) => anyhow::Error::new(panic).context("the takeover of the policies panicked"),
    }
}

fn swap_in(
    reloader: &Reloader,
    serving: &mut Serving,
    candidate: &Candidate,
    (lookups, chain): (GenerationSources, Arc<Chain>),
) -> Result<(), ConfigurationRefused> {
    let Candidate { configuration, inputs, fallback } = candidate.clone();
    let stand_in = fallback.as_ref().map(|_| StandIn::LastAccepted);
    let parts = GenerationParts { configuration, lookups, chain, inputs };
    let built = reloader.built(parts, stand_in)?;
    // What serves meanwhile is nothing to return to.
    reloader.accept(serving, built, fallback, MayRollBack::No);
    memory::give_back();
    Ok(())
}
