//! The contract: which imports and exports a component needs to be a policy. All checks use the
//! component's types, before it is compiled, so that each mistake is explained in the contract's
//! own terms. The runtime's checks at linking come later and should find nothing more.
//!
//! Versions are compatible as in WASI: every 0.1.x runs with every other 0.1.x, as long as no
//! function is called that the server lacks.

#[cfg(test)]
mod frozen;
mod served;
mod shape;

use std::{collections::BTreeMap, sync::LazyLock};

use lessor_settings::Capability;
use serde::{Deserialize, Serialize};
use wit_parser::{
    InterfaceId, PackageName, Resolve, World, WorldItem, WorldKey,
    decoding::{DecodedWasm, decode},
};

use self::served::Served;
pub(crate) use self::served::VERSION;
use crate::{
    error::PluginProblem,
    hook::{Hook, HookSet},
};

/// The world that contains everything in the contract.
const WORLD: &str = "interpreter";
const CONFIGURING: &str = "configuring";
const INTERPRETING: &str = "interpreting";
const TYPES: &str = "types";
/// The functions that read how full pools are.
const COUNTING: [&str; 2] = ["[method]request.pool-usage", "[method]request.pool-names"];

/// The parts of the contract that a component imports and exports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Examined {
    /// The hooks, each with the full name of the interface that the component exports for it.
    pub(crate) hooks: BTreeMap<Hook, String>,
    /// The full name of its interface `configuring`.
    pub(crate) configuring: String,
    /// The full name of its interface `interpreting`; `None` if it is not an interpreter.
    pub(crate) interpreting: Option<String>,
    /// The capabilities that it imports, each with the full name of its interface.
    pub(crate) capabilities: BTreeMap<Capability, String>,
    /// The full names of the contract's interfaces that it exports.
    pub(crate) exports: Vec<String>,
    /// The full names of the contract's interfaces that it imports.
    pub(crate) imports: Vec<String>,
    /// The WASI interfaces that it imports, which it is not granted.
    pub(crate) denied_imports: Vec<String>,
    /// Whether it can read how full pools are.
    pub(crate) counts_pools: bool,
    /// The initial size of its memory, in octets.
    pub(crate) memory_bytes_min: u64,
    /// The initial number of its table elements.
    pub(crate) table_elements_min: u64,
}

impl Examined {
    pub(crate) fn hook_set(&self) -> HookSet {
        let mut set = HookSet::default();
        self.hooks.keys().for_each(|hook| set.insert(*hook));
        set
    }
}

/// Reads a component's types and checks them against the contract.
///
/// # Errors
/// All problems of the component.
pub(crate) fn examine(component: &[u8]) -> Result<Examined, Vec<PluginProblem>> {
    let invalid = |error: String| vec![PluginProblem::Invalid(error)];
    let (memory_bytes_min, table_elements_min) =
        starting_sizes(component).map_err(|error| invalid(error.to_string()))?;
    let decoded = decode(component).map_err(|error| invalid(format!("{error:#}")))?;
    let DecodedWasm::Component(found, world) = decoded else {
        return Err(invalid("it is a package of interfaces without code".to_owned()));
    };
    static SERVED: LazyLock<Result<Served, String>> = LazyLock::new(Served::current);
    let served = SERVED.as_ref().map_err(|error| invalid(error.clone()))?;
    let served_world = served.world(WORLD).ok_or_else(|| invalid("no contract".to_owned()))?;
    let mut check = Check {
        found: &found,
        served: &served.resolve,
        served_world,
        counts_pools: false,
        problems: vec![],
    };
    let mut capabilities = BTreeMap::new();
    let Some(world) = found.worlds.get(world) else {
        return Err(invalid("it contains no world".to_owned()));
    };
    let denied_imports = check.imports(world, &mut capabilities);
    let (configuring, interpreting, hooks) = check.exports(world);
    let imports = check.contract_names(&world.imports);
    let exports = check.contract_names(&world.exports);
    if !check.problems.is_empty() {
        return Err(check.problems);
    }
    Ok(Examined {
        hooks,
        configuring,
        interpreting,
        capabilities,
        exports,
        imports,
        denied_imports,
        counts_pools: check.counts_pools,
        memory_bytes_min,
        table_elements_min,
    })
}

/// A check in progress.
struct Check<'a> {
    found: &'a Resolve,
    served: &'a Resolve,
    served_world: &'a World,
    /// Whether it imports a function of [`COUNTING`].
    counts_pools: bool,
    problems: Vec<PluginProblem>,
}

impl Check<'_> {
    /// Checks the imports and collects the capabilities. Returns the imports that are not available
    /// and trap when they are called.
    fn imports(
        &mut self,
        world: &World,
        capabilities: &mut BTreeMap<Capability, String>,
    ) -> Vec<String> {
        let mut denied = Vec::new();
        for (key, item) in &world.imports {
            let (name, interface) = match (key, item) {
                (_, WorldItem::Interface { id, .. }) => (self.full_name(key, *id), *id),
                (_, WorldItem::Function(function)) => {
                    self.missing_import(function.name.clone());
                    continue;
                }
                (_, WorldItem::Type { .. }) => continue,
            };
            match self.package(interface) {
                Some(package) if package.namespace == "wasi" => denied.push(name),
                Some(package) if is_contract(package) => {
                    if let Some(capability) = Capability::by_name(&self.short_name(interface)) {
                        capabilities.insert(capability, name.clone());
                    }
                    self.contract_import(interface, name);
                }
                _ => self.missing_import(name),
            }
        }
        denied
    }

    /// The full names of the interfaces that belong to the contract.
    fn contract_names(&self, items: &wit_parser::IndexMap<WorldKey, WorldItem>) -> Vec<String> {
        let interfaces = items.iter().filter_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } => Some((key, *id)),
            _ => None,
        });
        let of_contract = interfaces.filter(|(_, id)| self.package(*id).is_some_and(is_contract));
        let mut names: Vec<_> = of_contract.map(|(key, id)| self.full_name(key, id)).collect();
        // A component has them in the order in which they were linked, which nobody chose.
        names.sort_unstable();
        names
    }

    fn contract_import(&mut self, interface: InterfaceId, name: String) {
        let short = self.short_name(interface);
        if !self.is_served(interface) {
            self.problems.push(PluginProblem::UnservedVersion { found: name });
            return;
        }
        let Some(served) = self.served_interface(&self.served_world.imports, &short) else {
            self.missing_import(name);
            return;
        };
        let (found, served) =
            (self.functions(self.found, interface), self.functions(self.served, served));
        for (function, found) in found {
            self.counts_pools |= COUNTING.contains(&function.as_str());
            match served.get(&function) {
                None => self.missing_import(format!("{name}#{function}")),
                Some(wanted) if *wanted != found => {
                    self.problems.push(PluginProblem::WrongSignature {
                        interface: name.clone(),
                        function,
                        found,
                        wanted: wanted.clone(),
                    })
                }
                Some(_) => {}
            }
        }
    }

    /// Checks the exports. Returns the full name of `configuring`, of `interpreting` if it is
    /// exported, and of each hook.
    fn exports(&mut self, world: &World) -> (String, Option<String>, BTreeMap<Hook, String>) {
        let mut configuring = None;
        let mut interpreting = None;
        let mut hooks = BTreeMap::new();
        let mut others = Vec::new();
        for (key, item) in &world.exports {
            let WorldItem::Interface { id, .. } = item else {
                others.push(self.found.name_world_key(key));
                continue;
            };
            let (name, short) = (self.full_name(key, *id), self.short_name(*id));
            if !self.package(*id).is_some_and(is_contract) {
                others.push(name);
            } else if short == TYPES {
                // Exporting the contract's types is allowed and has no effect.
            } else if !self.is_served(*id) {
                self.problems.push(PluginProblem::UnservedVersion { found: name });
            } else if short == CONFIGURING {
                self.contract_export(*id, &name);
                configuring = Some(name);
            } else if short == INTERPRETING {
                self.contract_export(*id, &name);
                interpreting = Some(name);
            } else if let Some(hook) = Hook::by_name(&short) {
                self.contract_export(*id, &name);
                hooks.insert(hook, name);
            } else {
                self.problems.push(PluginProblem::UnknownHook { found: name });
            }
        }
        if self.problems.is_empty() {
            match (&configuring, hooks.is_empty()) {
                (None, true) => self.problems.push(PluginProblem::NotAPolicy {
                    found: if others.is_empty() { "nothing".to_owned() } else { others.join(", ") },
                }),
                (None, false) => self.problems.push(PluginProblem::NoConfiguring),
                (Some(_), true) => self.problems.push(PluginProblem::NoHooks),
                (Some(_), false) => {
                    let mut set = HookSet::default();
                    hooks.keys().for_each(|hook| set.insert(*hook));
                    let in_vain = set.plans_in_vain();
                    self.problems.extend(
                        in_vain
                            .map(|(hook, wanted)| PluginProblem::NothingToPlanFor { hook, wanted }),
                    );
                }
            }
        }
        (configuring.unwrap_or_default(), interpreting, hooks)
    }

    fn contract_export(&mut self, interface: InterfaceId, name: &str) {
        let short = self.short_name(interface);
        let Some(served) = self.served_interface(&self.served_world.exports, &short) else {
            self.problems.push(PluginProblem::UnknownHook { found: name.to_owned() });
            return;
        };
        let found = self.functions(self.found, interface);
        for (function, wanted) in self.functions(self.served, served) {
            let interface = name.to_owned();
            match found.get(&function) {
                None => {
                    self.problems.push(PluginProblem::MissingFunction {
                        interface,
                        function,
                        wanted,
                    });
                }
                Some(found) if *found != wanted => {
                    let found = found.clone();
                    self.problems.push(PluginProblem::WrongSignature {
                        interface,
                        function,
                        found,
                        wanted,
                    });
                }
                Some(_) => {}
            }
        }
    }

    fn missing_import(&mut self, found: String) {
        let advice = if found.starts_with("lessor:policy/") {
            "The plugin was built against a later version of the contract: use a server that \
             supports it"
        } else {
            "A policy has no access to the system: remove the code that needs this, or build for \
             wasm32-unknown-unknown"
        };
        self.problems.push(PluginProblem::MissingImport { found, advice: advice.into() });
    }

    fn served_interface(
        &self,
        items: &wit_parser::IndexMap<WorldKey, WorldItem>,
        short: &str,
    ) -> Option<InterfaceId> {
        items.values().find_map(|item| match item {
            WorldItem::Interface { id, .. } => {
                let name = self.served.interfaces.get(*id)?.name.as_deref()?;
                (name == short).then_some(*id)
            }
            _ => None,
        })
    }

    /// The functions by name, each with its signature in one line.
    fn functions(&self, resolve: &Resolve, interface: InterfaceId) -> BTreeMap<String, String> {
        let functions = resolve.interfaces.get(interface).map(|found| found.functions.values());
        functions
            .into_iter()
            .flatten()
            .map(|function| (function.name.clone(), shape::of_function(resolve, function)))
            .collect()
    }

    fn package(&self, interface: InterfaceId) -> Option<&PackageName> {
        let package = self.found.interfaces.get(interface)?.package?;
        Some(&self.found.packages.get(package)?.name)
    }

    fn full_name(&self, key: &WorldKey, interface: InterfaceId) -> String {
        self.found.id_of(interface).unwrap_or_else(|| self.found.name_world_key(key))
    }

    fn short_name(&self, interface: InterfaceId) -> String {
        let name = self.found.interfaces.get(interface).and_then(|found| found.name.clone());
        name.unwrap_or_default()
    }

    /// Whether the interface's version is compatible with the served version.
    fn is_served(&self, interface: InterfaceId) -> bool {
        let version = self.package(interface).and_then(|package| package.version.as_ref());
        version.is_some_and(|found| {
            found.pre.is_empty() && served::is_served(found.major, found.minor)
        })
    }
}

fn is_contract(package: &PackageName) -> bool {
    package.namespace == "lessor" && package.name == "policy"
}

/// The initial memory in octets and number of table elements of all modules of a component.
fn starting_sizes(component: &[u8]) -> Result<(u64, u64), wasmparser::BinaryReaderError> {
    let (mut memory, mut elements) = (0_u64, 0_u64);
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload? {
            wasmparser::Payload::MemorySection(section) => {
                for found in section {
                    let found = found?;
                    let page = 1_u64 << found.page_size_log2.unwrap_or(16).min(16);
                    memory = memory.saturating_add(found.initial.saturating_mul(page));
                }
            }
            wasmparser::Payload::TableSection(section) => {
                for found in section {
                    elements = elements.saturating_add(found?.ty.initial);
                }
            }
            _ => {}
        }
    }
    Ok((memory, elements))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_of_the_version_that_is_served_and_has_every_hook() {
        let served = Served::current().unwrap();
        let package = &served.resolve.packages[served.package];
        assert_eq!(package.name.version.as_ref().unwrap().to_string(), VERSION);
        let world = served.world(WORLD).unwrap();
        let exports: Vec<String> =
            world.exports.keys().map(|key| served.resolve.name_world_key(key)).collect();
        for name in Hook::ALL.map(Hook::name).into_iter().chain([CONFIGURING, INTERPRETING]) {
            assert!(exports.contains(&format!("lessor:policy/{name}@{VERSION}")), "{name}");
        }
        assert_eq!(exports.len(), Hook::ALL.len() + 2);
        let imports: Vec<String> =
            world.imports.keys().map(|key| served.resolve.name_world_key(key)).collect();
        for name in Capability::ALL.map(Capability::name) {
            assert!(imports.contains(&format!("lessor:policy/{name}@{VERSION}")), "{name}");
        }
    }
}
