//! Reload: builds a new generation while the old one serves.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lessor_config::{Configuration, ServerSettings};
use lessor_generation::{
    ConfigurationRefused, Generation, GenerationParts, GenerationSources, StandIn,
    last_accepted::{self, Fallback, Inputs},
    named, patience,
};
use lessor_policy_host::{Chain, LeaseEventRunner, Runner, Runtime, ShadowThread};
use serde::{Deserialize, Serialize};

use lessor_net::{Host, Links, OwnSockets};

use crate::{
    awaited::Awaited,
    clock,
    counters::increment,
    drains::Drains,
    endpoints::Board,
    heard::Heard,
    holds::Holds,
    instances::Instances,
    memory,
    serving::{Probation, Serving},
    shadow_journal,
    shards::Shards,
    shared::Shared,
    watchers::Watching,
    worker::WorkerHandle,
};

/// How long a reload waits for each worker to use the new policies.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// The handle to a running server. Builds generations and makes every thread use them.
pub struct Reloader {
    pub(crate) path: PathBuf,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) workers: Vec<WorkerHandle>,
    pub(crate) host: Arc<Host>,
    /// The states of the endpoints.
    pub(crate) board: Arc<Board>,
    pub(crate) hash_seed: u64,
    /// The pools that an operator drained.
    pub(crate) drains: Drains,
    /// The configuration that the process was started with, without its networks.
    pub(crate) started_with: Configuration,
    /// Why the last accepted generation serves; `None` once another one does.
    pub(crate) fallback: Mutex<Option<Fallback>>,
    /// What another generation serves for until it is compiled.
    pub(crate) awaited: Mutex<Option<Arc<Awaited>>>,
    /// Held during a reload, so that one follows the other.
    pub(crate) serving: Mutex<Serving>,
}

/// The outcome of a reload.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReloadReport {
    /// The generation that serves now.
    pub generation: u64,
    /// Whether that is a new generation.
    pub accepted: bool,
    /// How long it took to build and swap it, in milliseconds.
    pub took_ms: u64,
    /// The mistakes that kept a new generation from serving.
    pub mistakes: Vec<String>,
    /// The changed settings that take effect only after a restart.
    pub needs_restart: Vec<String>,
}

impl Reloader {
    /// Builds a new generation and swaps it in; if anything in it is wrong, the old one continues
    /// to serve. Takes as long as the compilation of new plugins, so it must not run on the packet
    /// path.
    pub fn reload(&self) -> ReloadReport {
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let built = self.build();
        let mut report = ReloadReport {
            generation: 0,
            accepted: built.is_ok(),
            took_ms: 0,
            mistakes: Vec::new(),
            needs_restart: Vec::new(),
        };
        match built {
            Ok(built) => {
                report.needs_restart = needs_restart(&self.started_with, &built.configuration);
                // It counts before it serves, so that no status shows one without the other.
                increment(&self.shared.counters.reloads);
                self.accept(&mut serving, built, None, MayRollBack::Yes);
            }
            Err(refusal) => {
                report.mistakes = refusal.mistakes;
                increment(&self.shared.counters.reloads_refused);
            }
        }
        memory::give_back();
        self.reopen_journal();
        report.generation = self.shared.generation.load().number;
        report.took_ms = started.elapsed().as_millis() as u64;
        log(&report);
        report
    }

    /// Reopens the journal file, which another program may have rotated. May wait for the journal,
    /// so it must not run on the packet path.
    pub(crate) fn reopen_journal(&self) {
        self.shared.observer.reopen_journal();
    }

    /// Calls `work` with the serving generation and its engines, between two reloads: one would
    /// replace the engines meanwhile.
    pub fn between_reloads<T>(&self, work: impl FnOnce(&Generation, &Shards) -> T) -> T {
        let _serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        work(&self.shared.generation.load_full(), &self.shared.engines.load_full())
    }

    /// Returns the settings of the process, which a reload does not change.
    pub fn settings(&self) -> &ServerSettings {
        &self.started_with.server
    }

    /// Returns the interfaces that the host has now.
    pub fn links(&self) -> Arc<Links> {
        self.host.links()
    }

    /// Returns the sockets of the server.
    pub fn own_sockets(&self) -> &OwnSockets {
        &self.shared.own_sockets
    }

    /// Returns where lines and clients were last heard.
    pub fn heard(&self) -> &Heard {
        &self.shared.heard
    }

    fn build(&self) -> Result<Built, ConfigurationRefused> {
        let old = self.shared.generation.load_full();
        let parts = lessor_generation::read(&self.runtime, &self.path, false, Some(&old))?;
        self.built(parts, None)
    }

    /// Creates what every thread needs of a generation.
    pub(crate) fn built(
        &self,
        parts: GenerationParts,
        stand_in: Option<StandIn>,
    ) -> Result<Built, ConfigurationRefused> {
        let GenerationParts { mut configuration, lookups, chain, inputs } = parts;
        let engines = self.shared.engines.load();
        configuration.topology = configuration.topology.sharing(engines.topology());
        let prepared = self.prepare(lookups, chain, stand_in)?;
        Ok(Built { configuration, prepared, inputs })
    }

    /// Lets a generation serve, and keeps a copy of it. `fallback` says why it is the last accepted
    /// one.
    pub(crate) fn accept(
        &self,
        serving: &mut Serving,
        built: Built,
        fallback: Option<Fallback>,
        may_roll_back: MayRollBack,
    ) {
        let Built { configuration, prepared, inputs } = built;
        let previous = self.shared.generation.load_full();
        prepared.lookups.log_warnings();
        patience::log_warning(&prepared.chain, self.workers.len());
        named::log_unknown(&configuration, &prepared.lookups, &prepared.chain);
        let chain = Arc::clone(&prepared.chain);
        self.swap(serving, &configuration, prepared, None);
        let replaced = std::mem::replace(&mut serving.configuration, configuration);
        serving.probation = match may_roll_back {
            MayRollBack::Yes => Probation::of(&serving.configuration, replaced, previous),
            MayRollBack::No => None,
        };
        let is_final = serving.probation.is_none();
        last_accepted::keep(inputs.as_ref(), &chain, is_final, &mut serving.copied);
        *self.fallback.lock().unwrap_or_else(PoisonError::into_inner) = fallback;
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns what another generation serves for until it is compiled.
    pub(crate) fn awaited(&self) -> Option<Arc<Awaited>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Creates instances of a chain for every thread that needs one.
    pub(crate) fn prepare(
        &self,
        lookups: GenerationSources,
        chain: Arc<Chain>,
        stand_in: Option<StandIn>,
    ) -> Result<Prepared, ConfigurationRefused> {
        // Workers and observer already have the instances of plugins that did not change.
        let serving = self.shared.generation.load_full();
        let before = Some(&*serving.chain);
        let Instances { runners, watchers, shadows } =
            Instances::of(&chain, before, self.workers.len())?;
        let Shared { observer, counters, .. } = &*self.shared;
        let shadows = shadow_journal::start(shadows, observer, counters)
            .map_err(|error| ConfigurationRefused { mistakes: vec![format!("{error:#}")] })?;
        Ok(Prepared { watchers, runners, shadows, lookups, chain, stand_in })
    }

    /// Makes every thread use what was prepared, as the next generation. Its shadows start, and
    /// those of the previous generation end.
    pub(crate) fn swap(
        &self,
        serving: &mut Serving,
        configuration: &Configuration,
        prepared: Prepared,
        rolled_back_from: Option<u64>,
    ) {
        let Prepared { lookups, chain, runners, watchers, shadows, stand_in } = prepared;
        let now = clock::now();
        let number = self.shared.generation.load().number + 1;
        let next = Generation { number, since: now, lookups, chain, rolled_back_from, stand_in };
        let next = Arc::new(next);
        let engines = self.shared.engines.load_full();
        engines.reconfigure(now, configuration.topology.clone(), self.hash_seed, |shards| {
            // The store is that of the start, not of the new configuration.
            Holds::new(&self.started_with).mark(now, &shards);
            self.drains.mark(&shards);
            self.drains.log_unknown(&shards);
            self.shared.engines.store(shards);
            self.shared.generation.store(Arc::clone(&next));
        });
        let (taken, all_taken) = crossbeam_channel::unbounded();
        for (worker, runner) in self.workers.iter().zip(runners) {
            worker.hand_over(Arc::clone(&next), runner, taken.clone());
        }
        self.shared.hosts.set(configuration.hosts.as_ref());
        let lookups = next.lookups.clone();
        self.shared.observer.policies(Watching { runner: watchers, lookups });
        serving.shadows = shadows;
        // When the reload is reported, no packet may reach the old policies any more.
        for _ in &self.workers {
            if all_taken.recv_timeout(TAKEN_WITHIN).is_err() {
                tracing::warn!(
                    "a worker is too busy to use the new policies yet; it will use them later"
                );
            }
        }
    }
}

/// Whether a generation is rolled back if its policies fail too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MayRollBack {
    Yes,
    No,
}

/// A generation that is ready to be swapped in.
pub(crate) struct Built {
    configuration: Configuration,
    prepared: Prepared,
    inputs: Option<Inputs>,
}

/// The parts of a generation that are made before the swap.
pub(crate) struct Prepared {
    lookups: GenerationSources,
    chain: Arc<Chain>,
    stand_in: Option<StandIn>,
    /// One runner for each worker.
    runners: Vec<Runner>,
    /// The instances of the observer.
    watchers: LeaseEventRunner,
    /// The thread of the shadows, if there are any.
    shadows: Option<ShadowThread>,
}

fn log(report: &ReloadReport) {
    let (generation, took_ms) = (report.generation, report.took_ms);
    for setting in &report.needs_restart {
        tracing::warn!("{setting} changed; it takes effect at the next start");
    }
    if report.accepted {
        tracing::info!(generation, took_ms, "reloaded");
        return;
    }
    for mistake in &report.mistakes {
        tracing::error!("{}", mistake.trim_end());
    }
    tracing::error!(generation, "reload refused; the generation that serves is unchanged");
}

/// Lists the settings that differ and that are read only at a start.
fn needs_restart(old: &Configuration, new: &Configuration) -> Vec<String> {
    let differences = [
        ("server.interfaces", old.server.interfaces != new.server.interfaces),
        ("server.listen", old.server.listen != new.server.listen),
        ("server.user", old.server.user != new.server.user),
        ("server.group", old.server.group != new.server.group),
        ("server.workers", old.server.workers != new.server.workers),
        (
            "server.waiting-messages-max",
            old.server.waiting_messages_max != new.server.waiting_messages_max,
        ),
        ("plugins.cache", cache(old) != cache(new)),
        ("server.send-buffer-kib", old.server.send_buffer_octets != new.server.send_buffer_octets),
        ("[store]", old.store != new.store),
        ("[control]", old.control != new.control),
        ("[journal]", old.journal != new.journal),
        ("[metrics]", old.metrics != new.metrics),
        ("[log]", old.log != new.log),
    ];
    differences.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()).collect()
}

fn cache(configuration: &Configuration) -> Option<&Path> {
    configuration.plugins.as_ref()?.cache.as_deref()
}
