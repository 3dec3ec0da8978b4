//! Starts the parts of the server, runs it until it is asked to stop, and stops the parts in an
//! order that loses nothing.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Instant,
};

use anyhow::Context;
use arc_swap::ArcSwap;
use crossbeam_channel::Sender;
use lessor_config::Configuration;
use lessor_control::{Peer, Say};
use lessor_core::Topology;
use lessor_generation::{Candidate, Generation, GenerationSources, last_accepted, named, patience};
use lessor_net::{Endpoint, Host, OwnSockets};
use lessor_policy_host::{Chain, Runner, Runtime, RuntimeSettings, limits::INSTANCES_MAX};
use lessor_settings::StoreBackend;
use lessor_store::{Committer, CommitterLimits, Store};
use serde::de::DeserializeOwned;

use crate::{
    clock,
    counters::Counters,
    drains::Drains,
    endpoints::{Endpoints, Watch},
    first::First,
    heard::Heard,
    held::{Engines, Held},
    holds::Holds,
    hosts::Hosts,
    hosts_file,
    instances::Instances,
    journal::{JournalBounds, is_on_file_system_of},
    logging, memory, metrics,
    observer::Observer,
    plugin_state, privileges, prober,
    probes::Probes,
    reclaimer::Reclaimer,
    recorder::Recorder,
    reload::Reloader,
    rollback,
    serving::Serving,
    shadow_journal,
    shards::Shards,
    shared::Shared,
    starting::{self, Listeners, Starting},
    stopping::{self, Signals, notify},
    stored, takeover, vital,
    watchers::Watching,
    worker::{WorkerHandle, WorkerParts, workers_of},
};

/// Plugin instances per worker: 32 on the packet path, a spare one for each, and as many for the
/// chain that replaces them at a reload.
const INSTANCES_PER_WORKER: u32 = 128;
/// The number of changes that one flush makes durable.
const BATCH_CHANGES_MAX: usize = 1024;

/// Serves until SIGTERM or SIGINT. Questions on the control socket are passed to `answering`, with
/// the handle to the server and the process that asks; it returns whether the caller received the
/// whole answer.
///
/// # Errors
/// If the server cannot start, or does not stop in an orderly way.
pub fn serve<Q, A>(
    path: &Path,
    candidate: Candidate,
    strict: bool,
    answering: A,
) -> anyhow::Result<()>
where
    Q: DeserializeOwned + Send + 'static,
    A: Fn(&Reloader, Peer, Q, &mut Say<'_>) -> bool + Send + Sync + 'static,
{
    // Only the thread that read the configuration can return what it was read into.
    memory::give_back();
    // Capabilities belong to threads, so they are dropped before there is another thread.
    let notes = privileges::limit(path, &candidate.configuration)?;
    let _write_the_rest = logging::start(&candidate.configuration.log);
    for note in notes {
        tracing::info!("{note}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime for signals and control")?;
    let outcome = runtime.block_on(run(path, candidate, strict, answering));
    // A reload or a start may still be compiling, or a disk may hang: the shutdown waits for
    // neither.
    runtime.shutdown_background();
    outcome
}

async fn run<Q, A>(
    path: &Path,
    candidate: Candidate,
    strict: bool,
    answering: A,
) -> anyhow::Result<()>
where
    Q: DeserializeOwned + Send + 'static,
    A: Fn(&Reloader, Peer, Q, &mut Say<'_>) -> bool + Send + Sync + 'static,
{
    let started = Instant::now();
    // Signals are caught from here on, so that an early SIGHUP does not end the process.
    let mut signals = Signals::catch()?;
    let path = path.to_owned();
    let begin =
        move |candidate, starting: &Starting| Server::start(&path, candidate, strict, starting);
    let started_up = starting::start(&mut signals, candidate, strict, answering, begin).await?;
    let Some((server, Listeners { control, metrics })) = started_up else {
        stopping::end_soon();
        tracing::info!("stopped before the server was ready");
        return Ok(());
    };
    let scrapes = metrics.map(|listener| {
        tokio::spawn(metrics::http::answer(listener, Arc::clone(&server.reloader)))
    });
    let probation = tokio::spawn(rollback::watch(Arc::clone(&server.reloader)));
    tracing::info!(took_ms = started.elapsed().as_millis() as u64, "serving");
    notify(&[sd_notify::NotifyState::Ready]);
    let taking_over = server.reloader.awaited().map(|_| {
        let reloader = Arc::clone(&server.reloader);
        tokio::task::spawn_blocking(move || takeover::take_over(&reloader))
    });

    let failure = tokio::select! {
        () = signals.obey(&server.reloader) => None,
        failure = takeover::failure(taking_over) => Some(failure),
    };

    stopping::end_soon();
    notify(&[sd_notify::NotifyState::Stopping]);
    for task in [control, scrapes, Some(probation)].into_iter().flatten() {
        task.abort();
    }
    signals.watch_over(tokio::task::spawn_blocking(move || server.stop())).await?;
    tracing::info!("stopped");
    failure.map_or(Ok(()), Err)
}

/// The running server.
struct Server {
    reloader: Arc<Reloader>,
    watch: Watch,
    stop_reclaiming: Sender<()>,
    reclaimer_thread: JoinHandle<()>,
    stop_hosts: Sender<()>,
    hosts_thread: JoinHandle<()>,
    prober_thread: JoinHandle<()>,
    committer_thread: lessor_store::CommitterThread,
    observer_thread: JoinHandle<()>,
}

impl Server {
    fn start(
        path: &Path,
        candidate: Candidate,
        strict: bool,
        starting: &Starting,
    ) -> anyhow::Result<Self> {
        let hash_seed = random_seed();
        let backend = &candidate.configuration.store.backend;
        let mut store = lessor_store::open(backend)?;
        if *backend == StoreBackend::Memory {
            tracing::warn!("leases are kept in memory only: they are lost when the server stops");
        }
        let runtime = policy_runtime(&candidate.configuration)?;
        let started_with =
            Configuration { topology: Topology::default(), ..candidate.configuration.clone() };
        let first = First::choose(&runtime, candidate, strict, starting)
            .context("the plugins cannot serve")?;
        let First { configuration, lookups, chain, stand_in, inputs, fallback, awaited } = first;
        let (shards, drains) = engines(&configuration, &mut *store, hash_seed)?;
        log_policies(&configuration, &lookups, &chain);
        let generation = Arc::new(Generation {
            number: 1,
            since: clock::now(),
            lookups,
            chain,
            rolled_back_from: None,
            stand_in,
        });
        let host = Host::read(configuration.server.send_buffer_octets)?;
        let (watched, endpoints) =
            Endpoints::open(&configuration.server, Arc::clone(&host), workers_of(&configuration))?;
        // Before the first client is answered.
        let Instances { runners, watchers, shadows } =
            Instances::of(&generation.chain, None, endpoints.len())?;
        let counters = Arc::new(Counters::new());
        let journal = journal_bounds(&configuration);
        let watching = Watching { runner: watchers, lookups: generation.lookups.clone() };
        let (observer, observer_thread) =
            Observer::start(journal, Arc::clone(&counters), watching)?;
        let shadows = shadow_journal::start(shadows, &observer, &counters)?;
        let limits = CommitterLimits {
            waiting_changes: configuration.store.waiting_changes_max,
            batch_changes: BATCH_CHANGES_MAX,
        };
        let (committer, committer_thread) = Committer::start(store, limits);
        let shared = Arc::new(Shared {
            generation: ArcSwap::new(Arc::clone(&generation)),
            engines: Arc::new(ArcSwap::from_pointee(shards)),
            committer,
            counters,
            observer,
            recorder: Recorder::default(),
            heard: Heard::new(),
            hosts: Hosts::new(configuration.hosts.as_ref()),
            probes: Probes::new(),
            own_sockets: OwnSockets::new(
                &configuration.server.listen,
                &configuration.server.interfaces,
                &host,
            ),
        });
        let prober_thread = prober::start(Arc::clone(&shared), Arc::clone(&host))?;
        let held = runners.into_iter().map(|runner| Held {
            generation: Arc::clone(&generation),
            runner,
            engines: Engines::of(&shared.engines),
        });
        let waiting_messages_max = configuration.server.waiting_messages_max;
        let workers =
            start_workers(&shared, endpoints.into_iter().zip(held), waiting_messages_max)?;
        let board = watched.board();
        let senders = workers.iter().map(WorkerHandle::endpoint_sender).collect();
        let watch = Watch::start(watched, Arc::clone(&shared), senders)?;
        let (stop_reclaiming, told) = crossbeam_channel::bounded(0);
        let folder = configuration.store.backend.folder().map(Path::to_owned);
        let reclaimer = Reclaimer::new(Arc::clone(&shared), told, folder);
        let reclaimer_thread = vital::spawn("reclaimer", move || reclaimer.run())?;
        let (stop_hosts, told) = crossbeam_channel::bounded(0);
        let hosts_thread = hosts_file::start(Arc::clone(&shared), told)?;
        let reloader = Arc::new(Reloader {
            path: path.to_owned(),
            runtime,
            shared,
            workers,
            host,
            board,
            hash_seed,
            drains,
            serving: Mutex::new(Serving::new(configuration, shadows)),
            started_with,
            fallback: Mutex::new(fallback),
            awaited: Mutex::new(awaited.map(Arc::new)),
        });
        {
            let mut serving = reloader.serving.lock().unwrap_or_else(PoisonError::into_inner);
            last_accepted::keep(inputs.as_ref(), &generation.chain, true, &mut serving.copied);
        }
        starting.serves(&reloader);
        Ok(Self {
            reloader,
            watch,
            stop_reclaiming,
            reclaimer_thread,
            stop_hosts,
            hosts_thread,
            prober_thread,
            committer_thread,
            observer_thread,
        })
    }

    /// Stops workers first, so that nothing new is decided; then storage, which holds what they
    /// still wait for; then the observer, which receives the events of both.
    fn stop(self) {
        // This ends a reload that is in progress.
        self.reloader.runtime.stop_compiling();
        self.watch.stop();
        // What waits for a probe is answered without it.
        self.reloader.shared.probes.close();
        let _ = self.prober_thread.join();
        for worker in &self.reloader.workers {
            worker.stop();
        }
        drop(self.stop_reclaiming);
        let _ = self.reclaimer_thread.join();
        drop(self.stop_hosts);
        let _ = self.hosts_thread.join();
        self.committer_thread.close();
        self.reloader.shared.observer.stop();
        let _ = self.observer_thread.join();
        self.reloader.runtime.flush_state();
    }
}

/// Starts the engine of the policies. Its settings are not changed by a reload.
fn policy_runtime(configuration: &Configuration) -> anyhow::Result<Arc<Runtime>> {
    let cache = configuration.plugins.as_ref().and_then(|plugins| plugins.cache.clone());
    let instances_max = u32::try_from(workers_of(configuration))
        .unwrap_or(u32::MAX)
        .saturating_mul(INSTANCES_PER_WORKER)
        .max(INSTANCES_MAX);
    let settings = RuntimeSettings {
        cache,
        compiled: lessor_generation::compiled_folders(configuration),
        state: plugin_state::store(configuration),
        ..RuntimeSettings::default()
    };
    Ok(Runtime::with_instances_max(settings, instances_max)?)
}

/// Creates the engines of a configuration with the leases of its store. Returns the drained pools,
/// too.
fn engines(
    configuration: &Configuration,
    store: &mut dyn Store,
    hash_seed: u64,
) -> anyhow::Result<(Shards, Drains)> {
    let mut shards = Shards::new(configuration.topology.clone(), hash_seed);
    restore(store, configuration.store.backend.folder(), &mut shards)?;
    Holds::new(configuration).mark(clock::now(), &shards);
    let drains = Drains::read(configuration);
    drains.mark(&shards);
    drains.log_unknown(&shards);
    Ok((shards, drains))
}

fn log_policies(configuration: &Configuration, lookups: &GenerationSources, chain: &Arc<Chain>) {
    lookups.log_warnings();
    patience::log_warning(chain, workers_of(configuration));
    named::log_unknown(configuration, lookups, chain);
    for plugin in chain.plugins() {
        let interpreter = plugin.interpreter.as_ref().map(|path| path.display().to_string());
        let (hooks, mode) = (lessor_generation::hook_names(plugin), plugin.mode.name());
        tracing::info!(plugin = plugin.name, mode, hooks, interpreter, "plugin loaded");
    }
}

/// Starts a worker for each item: its endpoints, and what it holds.
fn start_workers(
    shared: &Arc<Shared>,
    parts: impl Iterator<Item = (Vec<Option<Endpoint>>, Held)>,
    waiting_messages_max: usize,
) -> anyhow::Result<Vec<WorkerHandle>> {
    let discard = discarder()?;
    let workers = parts.enumerate().map(|(number, (endpoints, held))| {
        let parts = WorkerParts {
            shared: Arc::clone(shared),
            endpoints,
            held,
            discard: discard.clone(),
            runtime: tokio::runtime::Handle::current(),
            waiting_messages_max,
        };
        WorkerHandle::start(number, parts)
    });
    workers.collect()
}

fn restore(
    store: &mut dyn Store,
    folder: Option<&Path>,
    shards: &mut Shards,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut stored = stored::read(folder, &mut |each| store.load(each))?;
    let moved = stored.write_moved(store)?;
    if moved > 0 {
        tracing::warn!(
            leases = moved,
            "leases that were granted while the clock was ahead keep their remaining time"
        );
    }
    clock::say(stored.resumed().verdict);
    stored.go_on();
    // The note is written before anything is granted: with a former offset, the next start would
    // count the time that was not believed as time that passed.
    clock::Keeper::new(folder.map(Path::to_owned)).write_note();
    let now = clock::now();
    let leases =
        stored.hand_out(&mut |each| store.load(each), |binding| shards.restore(now, binding))?;
    // What the log and the records were read into.
    memory::give_back();
    tracing::info!(leases, took_ms = started.elapsed().as_millis() as u64, "leases restored");
    if shards.stray_leases() > 0 {
        tracing::warn!(
            leases = shards.stray_leases(),
            "leases are in no configured subnet; they are kept, and count again with a \
             configuration that spans them"
        );
    }
    Ok(())
}

fn journal_bounds(configuration: &Configuration) -> Option<JournalBounds> {
    let journal = configuration.journal.as_ref()?;
    let store = configuration.store.backend.folder();
    let is_beside_leases = store.is_some_and(|store| is_on_file_system_of(&journal.path, store));
    Some(JournalBounds {
        path: journal.path.clone(),
        file_octets_max: journal.file_octets_max,
        files_max: journal.files_max,
        free_octets_min: is_beside_leases.then_some(journal.free_octets_min),
    })
}

/// Starts a thread that drops replaced plugin instances, so that workers need not.
fn discarder() -> anyhow::Result<Sender<Runner>> {
    let (sender, receiver) = crossbeam_channel::unbounded::<Runner>();
    std::thread::Builder::new()
        .name("discarder".into())
        .spawn(move || receiver.into_iter().for_each(drop))
        .context("cannot start a thread")?;
    Ok(sender)
}

/// Returns a random seed, so that the sender of a packet cannot guess the order of hash tables.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
