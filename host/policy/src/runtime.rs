//! The runtime: what all chains of a process share. It has one engine, the clock that stops guests,
//! the cache of compiled code and the limit of instances.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, component::Linker,
};

use crate::{
    Capability, Grants, StateEntry, StateRules, StateStore, StateStoreError,
    belongings::{Belongings, Registry},
    cache::Cache,
    chain::Chain,
    clock::Clock,
    compiler::{Compiler, CompilerSettings},
    error::{PluginError, RuntimeError},
    host::{self, Guest},
    limits::{
        CORE_INSTANCES_MAX, INSTANCES_MAX, Limits, MEMORIES_MAX, STACK_OCTETS_MAX, TABLES_MAX,
    },
    lookups::{LookupSources, NoLookupSources},
    prepare,
    source::{PluginReport, PluginSource},
};

/// The number of tables: a component from wit-component has two, its own and that of its imports.
const POOLED_TABLES_PER_INSTANCE: u32 = 4;

/// Why keys were not removed.
const NOT_WRITTEN: &str = "the disk cannot be written, and too many removals wait for it";

/// What all chains of a process share. Create one and keep it.
pub struct Runtime {
    engine: Engine,
    linker: Linker<Guest>,
    cache: Option<Cache>,
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
    /// Where the state of plugins is stored; `None` keeps it in memory only.
    pub state: Option<Arc<dyn StateStore>>,
    /// The program and the limits for compiling.
    pub compiler: CompilerSettings,
}

/// Where the memory of instances comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allocation {
    /// A range of address space that is reserved at start, 4 GiB for each instance: creating and
    /// dropping an instance does not change the mappings of the process.
    Pooled,
    /// The operating system, for each instance, if there is not enough address space. Calls are a
    /// little slower, because every memory access is checked.
    OnDemand,
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
        let allocations = [Allocation::Pooled, Allocation::OnDemand];
        Self::with_allocations(settings, instances_max, &allocations)
    }

    /// Starts the engine with the first of these allocations that is available.
    fn with_allocations(
        settings: RuntimeSettings,
        instances_max: u32,
        allocations: &[Allocation],
    ) -> Result<Arc<Self>, RuntimeError> {
        let refused = |error: wasmtime::Error| RuntimeError::Engine(format!("{error:#}"));
        let cache = settings.cache.as_deref().map(Cache::open).transpose()?;
        let mut tried = Err(RuntimeError::Engine("no allocation was tried".to_owned()));
        for allocation in allocations {
            tried = Engine::new(&configuration(*allocation, instances_max))
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
        let compiler = Compiler::new(settings.compiler, allocation);
        Ok(Arc::new(Self {
            engine,
            linker,
            cache,
            compiler,
            instances,
            allocation,
            belongings,
            clock,
        }))
    }

    /// Creates a chain: reads, checks, compiles (or takes from the cache), links, instantiates and
    /// configures every plugin once. This can be slow, so call it off the packet path. The plugins
    /// have no lookup sources.
    ///
    /// # Errors
    /// All problems of all plugins.
    pub fn chain(
        self: &Arc<Self>,
        plugins: Vec<PluginSource>,
    ) -> Result<Arc<Chain>, Vec<PluginError>> {
        self.chain_with_sources(plugins, Arc::new(NoLookupSources))
    }

    /// Does the same with lookup sources for the plugins of this chain.
    ///
    /// # Errors
    /// As [`Runtime::chain`].
    pub fn chain_with_sources(
        self: &Arc<Self>,
        plugins: Vec<PluginSource>,
        lookup_sources: Arc<dyn LookupSources>,
    ) -> Result<Arc<Chain>, Vec<PluginError>> {
        self.chain_after(None, plugins, lookup_sources)
    }

    /// Does the same for a chain that replaces another: plugins that are unchanged are not prepared
    /// again.
    ///
    /// # Errors
    /// As [`Runtime::chain`].
    pub fn chain_after(
        self: &Arc<Self>,
        before: Option<&Chain>,
        plugins: Vec<PluginSource>,
        lookup_sources: Arc<dyn LookupSources>,
    ) -> Result<Arc<Chain>, Vec<PluginError>> {
        if !plugins.is_empty() {
            self.clock.start();
        }
        Chain::new(self, plugins, &lookup_sources, before)
    }

    /// Reads a plugin file, checks it against the contract and compiles it (or takes it from the
    /// cache), without running it.
    ///
    /// # Errors
    /// All problems of the file.
    pub fn inspect(&self, path: &Path) -> Result<PluginReport, Vec<PluginError>> {
        prepare::inspect(self, path)
    }

    /// Stops the running compilation and prevents further ones. Call this before the process ends.
    pub fn stop_compiling(&self) {
        self.compiler.stop();
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

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn linker(&self) -> &Linker<Guest> {
        &self.linker
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    pub(crate) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    pub(crate) fn instances(&self) -> &InstanceCount {
        &self.instances
    }
}

/// The settings of an engine that compiles for one with this allocation. All settings that change
/// the code are the same; nothing is reserved for instances, since it creates none.
pub(crate) fn code_settings(allocation: Allocation) -> Config {
    let mut config = Config::new();
    config
        // Enabled, it makes every call 0.3 to 0.7 µs slower.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_OCTETS_MAX)
        // On all cores at once, compilation was seen to delay a packet by 90 ms.
        .parallel_compilation(false)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand);
    if allocation == Allocation::OnDemand {
        // Without much address space, 4 GiB cannot be reserved for each instance.
        config.memory_reservation(0).memory_reservation_for_growth(16 << 20);
    }
    config
}

fn configuration(allocation: Allocation, instances_max: u32) -> Config {
    let mut config = code_settings(allocation);
    if allocation == Allocation::Pooled {
        config.allocation_strategy(pool(instances_max));
    }
    config
}

fn pool(instances_max: u32) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances_max)
        .total_core_instances(instances_max.saturating_mul(CORE_INSTANCES_MAX as u32))
        .total_memories(instances_max)
        .total_tables(instances_max.saturating_mul(POOLED_TABLES_PER_INSTANCE))
        .max_core_instances_per_component(CORE_INSTANCES_MAX as u32)
        .max_memories_per_component(MEMORIES_MAX as u32)
        .max_tables_per_component(TABLES_MAX as u32)
        .max_memory_size(Limits::MEMORY_BYTES_LIMIT)
        .table_elements(Limits::TABLE_ELEMENTS_LIMIT);
    InstanceAllocationStrategy::Pooling(pool)
}

/// Counts instances, so that there is one limit for both allocations.
#[derive(Clone)]
pub(crate) struct InstanceCount {
    used: Arc<AtomicU32>,
    max: u32,
}

/// An instance, which is counted until this is dropped.
pub(crate) struct Counted(Arc<AtomicU32>);

impl InstanceCount {
    fn new(max: u32) -> Self {
        Self { used: Arc::default(), max }
    }

    pub(crate) fn max(&self) -> u32 {
        self.max
    }

    /// Counts one more instance. Returns `None` if the limit is reached.
    pub(crate) fn take(&self) -> Option<Counted> {
        let add = |used| (used < self.max).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Counted(Arc::clone(&self.used)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Key;

    #[test]
    fn what_the_child_compiles_is_what_the_engine_takes() {
        for allocation in [Allocation::Pooled, Allocation::OnDemand] {
            let serving = Engine::new(&configuration(allocation, 2)).unwrap();
            let compiling = Engine::new(&code_settings(allocation)).unwrap();
            assert_eq!(Key::new(&serving, &[7; 32]), Key::new(&compiling, &[7; 32]));
            let code = compiling.precompile_component(&wat::parse_str("(component)").unwrap());
            let code = code.unwrap();
            let other = Engine::new(&code_settings(match allocation {
                Allocation::Pooled => Allocation::OnDemand,
                Allocation::OnDemand => Allocation::Pooled,
            }));
            assert!(load(&serving, &code).is_ok());
            assert!(load(&other.unwrap(), &code).is_err(), "{allocation:?}");
        }
    }

    #[allow(unsafe_code, reason = "the code was just compiled")]
    fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<wasmtime::component::Component> {
        // SAFETY: wasmtime has just serialized it.
        unsafe { wasmtime::component::Component::deserialize(engine, code) }
    }
}
