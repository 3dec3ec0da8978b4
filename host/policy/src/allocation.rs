//! Where the memory of instances comes from, and the settings of engines that follow from it.
//!
//! Invariant: code that is compiled with [`Allocation::code_settings`] runs in an engine with the
//! [`Allocation::serving_settings`] of the same allocation.

use lessor_settings::PluginLimits;
use serde::{Deserialize, Serialize};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, STACK_OCTETS_MAX, TABLES_MAX};

/// The version of [`Allocation::code_settings`], which changes with every setting. Code of another
/// version is not looked for; wasmtime would refuse to load it.
pub(crate) const CODE_SETTINGS: &str = "1";

/// The number of tables: a component from wit-component has two, its own and that of its imports.
const POOLED_TABLES_PER_INSTANCE: u32 = 4;

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

impl Allocation {
    pub(crate) const ALL: [Self; 2] = [Self::Pooled, Self::OnDemand];

    /// The name for keys of compiled code.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::OnDemand => "on-demand",
        }
    }

    /// The settings of an engine that compiles for one with this allocation. All settings that
    /// change the code are the same; nothing is reserved for instances, since it creates none.
    pub(crate) fn code_settings(self) -> Config {
        let mut config = Config::new();
        config
            // Enabled, it makes every call 0.3 to 0.7 µs slower.
            .concurrency_support(false)
            .epoch_interruption(true)
            .max_wasm_stack(STACK_OCTETS_MAX)
            .allocation_strategy(InstanceAllocationStrategy::OnDemand);
        if self == Self::OnDemand {
            // Without much address space, 4 GiB cannot be reserved for each instance.
            config.memory_reservation(0).memory_reservation_for_growth(16 << 20);
        }
        config
    }

    /// The settings of an engine with room for this many instances.
    pub(crate) fn serving_settings(self, instances_max: u32) -> Config {
        let mut config = self.code_settings();
        if self == Self::Pooled {
            config.allocation_strategy(pool(instances_max));
        }
        config
    }
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
        .max_memory_size(PluginLimits::MEMORY_BYTES_LIMIT)
        .table_elements(PluginLimits::TABLE_ELEMENTS_LIMIT);
    InstanceAllocationStrategy::Pooling(pool)
}

#[cfg(test)]
#[cfg(feature = "compile")]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use wasmtime::Engine;

    use super::*;

    #[test]
    fn what_the_child_compiles_is_what_the_engine_takes() {
        for allocation in Allocation::ALL {
            let serving = Engine::new(&allocation.serving_settings(2)).unwrap();
            let compiling = Engine::new(&allocation.code_settings()).unwrap();
            assert_eq!(compatibility(&serving), compatibility(&compiling));
            let code = compiling.precompile_component(&wat::parse_str("(component)").unwrap());
            let code = code.unwrap();
            let other = match allocation {
                Allocation::Pooled => Allocation::OnDemand,
                Allocation::OnDemand => Allocation::Pooled,
            };
            let other = Engine::new(&other.code_settings());
            assert!(load(&serving, &code).is_ok());
            assert!(load(&other.unwrap(), &code).is_err(), "{allocation:?}");
        }
    }

    /// The hash of wasmtime over everything that the code depends on.
    fn compatibility(engine: &Engine) -> u64 {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    #[allow(unsafe_code, reason = "the code was just compiled")]
    fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<wasmtime::component::Component> {
        // SAFETY: wasmtime has just serialized it.
        unsafe { wasmtime::component::Component::deserialize(engine, code) }
    }
}
