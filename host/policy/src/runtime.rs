//! The runtime: what all chains of a process share. One engine, the clock that stops guests, the
//! cache of compiled code and the number of instances.

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

/// For tables: a component from wit-component has two, its own and that of its imports.
const POOLED_TABLES_PER_INSTANCE: u32 = 4;

/// Why keys were not removed.
const NOT_WRITTEN: &str = "the disk cannot be written, and too many removals wait for it";

/// What all chains of a process share. Make one and keep it.
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

/// What a runtime is made of.
#[derive(Clone, Debug, Default)]
pub struct RuntimeSettings {
    /// The folder for compiled plugins; none to compile at every start. It is made if it does not
    /// exist, and must be writable by the server's user only.
    pub cache: Option<PathBuf>,
    /// Where what plugins remember is kept over restarts; none to keep it in memory only.
    pub state: Option<Arc<dyn StateStore>>,
    /// How plugin files are examined and compiled.
    pub compiler: CompilerSettings,
}

/// Where the memory of instances comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allocation {
    /// From one range of address space that is reserved at start, 4 GiB for each instance: making
    /// and dropping an instance changes no mappings of the process.
    Pooled,
    /// From the operating system for each instance, because there is not that much address space.
    /// Calls are a little slower, as memory accesses are checked one by one.
    OnDemand,
}

impl Runtime {
    /// Starts the engine.
    ///
    /// # Errors
    /// If it cannot run here, or the cache cannot be trusted.
    pub fn new(settings: RuntimeSettings) -> Result<Arc<Self>, RuntimeError> {
        Self::with_instances_max(settings, INSTANCES_MAX)
    }

    /// Starts the engine with room for this many instances of all plugins: one for each plugin and
    /// worker thread, as many in reserve, and twice that while one chain takes the place of another.
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

    /// Starts the engine with the first of these allocations that can be had here.
    fn with_allocations(
        settings: RuntimeSettings,
        instances_max: u32,
        allocations: &[Allocation],
    ) -> Result<Arc<Self>, RuntimeError> {
        let refused = |error: wasmtime::Error| RuntimeError::Engine(format!("{error:#}"));
        let cache = settings.cache.as_deref().map(Cache::open).transpose()?;
        let mut tried = Err(RuntimeError::Engine("no way to allocate was tried".to_owned()));
        for allocation in allocations {
            tried = Engine::new(&configuration(*allocation, instances_max))
                .map(|engine| (engine, *allocation))
                .map_err(refused);
            match &tried {
                Ok(_) => break,
                Err(error) => tracing::warn!(?allocation, %error, "allocation cannot be had"),
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

    /// Puts a chain together: reads, checks, compiles (or takes from the cache), links, instantiates
    /// and configures every plugin once. Takes as long as that takes; call it off the packet path.
    /// There is nothing that the plugins could look up.
    ///
    /// # Errors
    /// All that is wrong with all plugins.
    pub fn chain(
        self: &Arc<Self>,
        plugins: Vec<PluginSource>,
    ) -> Result<Arc<Chain>, Vec<PluginError>> {
        self.chain_with_sources(plugins, Arc::new(NoLookupSources))
    }

    /// The same, with what the plugins of this chain can look up.
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

    /// The same for a chain that takes the place of another: plugins that are the same are not prepared
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

    /// Reads a plugin file, checks it against the contract and compiles it (or takes it from the cache),
    /// without running it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn inspect(&self, path: &Path) -> Result<PluginReport, Vec<PluginError>> {
        prepare::inspect(self, path)
    }

    /// Ends what is being compiled, and lets nothing be compiled any more. For the end of the process.
    pub fn stop_compiling(&self) {
        self.compiler.stop();
    }

    /// Where the memory of instances comes from.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// Writes what plugins remember to disk, and waits until that is done. Otherwise it is done within
    /// a second. For the end of the process.
    pub fn flush_state(&self) {
        self.belongings.flush();
    }

    /// The names under which something is remembered: those of plugins, and `NAME/shadow` of shadows.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub fn state_owners(&self) -> Result<Vec<Arc<str>>, StateStoreError> {
        Ok(self.belongings.owners()?.into_iter().collect())
    }

    /// Hands out every key that is remembered under a name, by these rules at this time (in milliseconds
    /// since the Unix epoch), in no order.
    pub fn each_remembered(
        &self,
        owner: &Arc<str>,
        rules: &StateRules,
        now_ms: u64,
        each: impl FnMut(StateEntry),
    ) {
        self.opened(owner).state.each(rules, now_ms, each);
    }

    /// Forgets keys that are remembered under a name; how many there were.
    ///
    /// # Errors
    /// If too many removals wait for the disk; those before were done.
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
                // What waits is written now, or the disk cannot be written.
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

    /// What a name remembers, read from disk if no plugin of that name is loaded.
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

/// The settings of an engine that compiles for one with this allocation. All that change the code are
/// the same; nothing is reserved for instances, since it makes none.
pub(crate) fn code_settings(allocation: Allocation) -> Config {
    let mut config = Config::new();
    config
        // Left on, every call costs 0.3 to 0.7 µs more.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_OCTETS_MAX)
        // On all cores at once it was seen to hold a packet up for 90 ms.
        .parallel_compilation(false)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand);
    if allocation == Allocation::OnDemand {
        // Whoever has little address space cannot reserve 4 GiB for each instance.
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

/// Counts instances, so that there is one limit whatever the allocation.
#[derive(Clone)]
pub(crate) struct InstanceCount {
    used: Arc<AtomicU32>,
    max: u32,
}

/// One instance that is counted until this is dropped.
pub(crate) struct Counted(Arc<AtomicU32>);

impl InstanceCount {
    fn new(max: u32) -> Self {
        Self { used: Arc::default(), max }
    }

    pub(crate) fn max(&self) -> u32 {
        self.max
    }

    /// Counts one more, or nothing if there are enough.
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
        // SAFETY: it is what wasmtime serialised a moment ago.
        unsafe { wasmtime::component::Component::deserialize(engine, code) }
    }
}
