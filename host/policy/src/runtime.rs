//! The runtime: what all chains of a process share. It has one engine, the clock that stops guests,
//! the cache of compiled code and the limit of instances.

use std::{path::PathBuf, sync::Arc};

use lessor_settings::{Capability, Grants, StateRules};
use wasmtime::{Engine, component::Linker};

use crate::{
    Allocation, StateEntry, StateStore, StateStoreError,
    belongings::{Belongings, Registry},
    cache::Cache,
    clock::Clock,
    compiler::{Compiler, CompilerSettings},
    error::RuntimeError,
    host::{self, Guest},
    instance_count::InstanceCount,
    limits::INSTANCES_MAX,
    progress::{Compiling, Progress},
    target::Target,
};

/// Why keys were not removed.
const NOT_WRITTEN: &str = "the disk cannot be written, and too many removals wait for it";

/// What all chains of a process share. Create one and keep it.
pub struct Runtime {
    engine: Engine,
    linker: Linker<Guest>,
    cache: Cache,
    compiling: Progress,
    compiler: Compiler,
    instances: InstanceCount,
    allocation: Allocation,
    belongings: Registry,
    clock: Clock,
}

/// The settings of a runtime.
#[derive(Clone, Debug, Default)]
pub struct RuntimeSettings {
    /// The folder for compiled plugins; `None` compiles at every start. It is created if it does
    /// not exist, and must be writable by the server's user only.
    pub cache: Option<PathBuf>,
    /// Further folders with compiled plugins, which are only read. They need not exist.
    pub compiled: Vec<PathBuf>,
    /// Where the state of plugins is stored; `None` keeps it in memory only.
    pub state: Option<Arc<dyn StateStore>>,
    /// The program and the limits for compiling.
    pub compiler: CompilerSettings,
}

impl Runtime {
    /// Starts the engine.
    ///
    /// # Errors
    /// If the engine does not run on this system, or the cache cannot be trusted.
    pub fn new(settings: RuntimeSettings) -> Result<Arc<Self>, RuntimeError> {
        Self::with_instances_max(settings, INSTANCES_MAX)
    }

    /// Starts the engine with room for this many instances of all plugins: one for each plugin and
    /// worker thread, as many spare ones, and twice the sum while one chain replaces another.
    ///
    /// # Errors
    /// As [`Runtime::new`].
    pub fn with_instances_max(
        settings: RuntimeSettings,
        instances_max: u32,
    ) -> Result<Arc<Self>, RuntimeError> {
        Self::with_allocations(settings, instances_max, &Allocation::ALL)
    }

    /// Starts the engine with the first of these allocations that is available.
    fn with_allocations(
        settings: RuntimeSettings,
        instances_max: u32,
        allocations: &[Allocation],
    ) -> Result<Arc<Self>, RuntimeError> {
        let refused = |error: wasmtime::Error| RuntimeError::Engine(format!("{error:#}"));
        let cache = Cache::open(settings.cache.as_deref(), settings.compiled.clone())?;
        let mut tried = Err(RuntimeError::Engine("no allocation was tried".to_owned()));
        for allocation in allocations {
            tried = Engine::new(&allocation.serving_settings(instances_max))
                .map(|engine| (engine, *allocation))
                .map_err(refused);
            match &tried {
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(?allocation, %error, "this allocation is not available");
                }
            }
        }
        let (engine, allocation) = tried?;
        let mut linker = Linker::new(&engine);
        host::add_to_linker(&mut linker).map_err(refused)?;
        let instances = InstanceCount::new(instances_max);
        let clock = Clock::new(engine.weak()).map_err(RuntimeError::Thread)?;
        tracing::debug!(?allocation, ?settings, "policy runtime is ready");
        let belongings = Registry::new(settings.state);
        let compiler = Compiler::new(settings.compiler, allocation, Target::Here);
        Ok(Arc::new(Self {
            engine,
            linker,
            cache,
            compiling: Progress::default(),
            compiler,
            instances,
            allocation,
            belongings,
            clock,
        }))
    }

    /// Stops the running compilation and prevents further ones. Call this before the process ends.
    pub fn stop_compiling(&self) {
        self.compiler.stop();
    }

    /// The file that is being compiled, if one is.
    pub fn compiling(&self) -> Option<Compiling> {
        self.compiling.now()
    }

    /// Whether [`Runtime::stop_compiling`] was called.
    pub fn has_stopped_compiling(&self) -> bool {
        self.compiler.has_stopped()
    }

    /// Where the memory of instances comes from.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// Writes the state of plugins to disk and waits until that is done. Otherwise it is written
    /// within a second. Call this before the process ends.
    pub fn flush_state(&self) {
        self.belongings.flush();
    }

    /// The names that state is stored under: those of plugins, and `NAME/shadow` for shadows.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub fn state_owners(&self) -> Result<Vec<Arc<str>>, StateStoreError> {
        Ok(self.belongings.owners()?.into_iter().collect())
    }

    /// Passes every key stored under a name to `each`, in no particular order, without those that
    /// have expired by these rules at `now_ms`, in milliseconds since the Unix epoch.
    pub fn each_remembered(
        &self,
        owner: &Arc<str>,
        rules: &StateRules,
        now_ms: u64,
        each: impl FnMut(StateEntry),
    ) {
        self.opened(owner).state.each(rules, now_ms, each);
    }

    /// Removes keys that are stored under a name, and returns how many existed.
    ///
    /// # Errors
    /// If too many removals wait for the disk; the removals before that were done.
    pub fn forget(
        &self,
        owner: &Arc<str>,
        keys: impl IntoIterator<Item = Arc<str>>,
    ) -> Result<usize, &'static str> {
        let belongings = self.opened(owner);
        let mut forgotten = 0;
        for key in keys {
            match belongings.state.forget(&key) {
                Ok(was_there) => forgotten += usize::from(was_there),
                // Pending removals were just written, so retry once; otherwise the disk cannot be
                // written.
                Err(_) if self.belongings.flush() => {
                    let again = belongings.state.forget(&key);
                    forgotten += usize::from(again.map_err(|_| NOT_WRITTEN)?);
                }
                Err(_) => return Err(NOT_WRITTEN),
            }
        }
        self.belongings.flush();
        Ok(forgotten)
    }

    /// The belongings of a name, read from disk if no plugin with that name is loaded.
    fn opened(&self, owner: &Arc<str>) -> Arc<Belongings> {
        self.belongings.of(owner, Grants::default().with(Capability::State))
    }

    pub(crate) fn belongings(&self, plugin: &Arc<str>, grants: Grants) -> Arc<Belongings> {
        self.belongings.of(plugin, grants)
    }

    /// Starts the clock that stops guests, unless it runs.
    pub(crate) fn start_clock(&self) {
        self.clock.start();
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn linker(&self) -> &Linker<Guest> {
        &self.linker
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    #[cfg(feature = "compile")]
    pub(crate) fn progress(&self) -> &Progress {
        &self.compiling
    }

    pub(crate) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    pub(crate) fn instances(&self) -> &InstanceCount {
        &self.instances
    }
}
