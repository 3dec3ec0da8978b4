//! From a file to a plugin: read, check, compile, link, instantiate, configure. Each step finds its
//! own kind of mistake and explains it.

use std::{path::Path, sync::Arc, time::Instant};

use wasmtime::component::Component;

use crate::{
    LookupSources, PluginReport, PluginSource,
    artifact::Artifact,
    cache::Key,
    contract::{self, Examined},
    error::{PluginError, Problem},
    instance::{Exports, Instance, Recipe},
    limits::CHAIN_PLUGINS_MAX,
    plugin::Plugin,
    runtime::Runtime,
    trusted,
};

/// Reads a plugin file and checks it against the contract, without compiling or running it.
///
/// # Errors
/// All that is wrong with it.
pub fn inspect(path: &Path) -> Result<PluginReport, Vec<PluginError>> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (artifact, examined) = read(path).map_err(|problems| explained(problems, &name, path))?;
    Ok(report(&name, path, &artifact, &examined))
}

/// Makes a plugin, and its first instance. `position` is its place in the chain, from 1.
pub(crate) fn prepare(
    runtime: &Runtime,
    position: usize,
    source: PluginSource,
    lookup_sources: &Arc<dyn LookupSources>,
) -> Result<Plugin, Vec<PluginError>> {
    let (name, path) = (source.name.clone(), source.path.clone());
    try_prepare(runtime, position, source, lookup_sources)
        .map_err(|problems| explained(problems, &name, &path))
}

fn try_prepare(
    runtime: &Runtime,
    position: usize,
    source: PluginSource,
    lookup_sources: &Arc<dyn LookupSources>,
) -> Result<Plugin, Vec<Problem>> {
    if position > CHAIN_PLUGINS_MAX {
        return Err(vec![Problem::TooMany { position }]);
    }
    let began = Instant::now();
    let read = read(&source.path);
    let mut problems = limit_problems(&source, read.as_ref().ok().map(|(_, examined)| examined));
    let (artifact, examined) = match read {
        Ok(found) if problems.is_empty() => found,
        Ok(_) => return Err(problems),
        Err(more) => {
            problems.extend(more);
            return Err(problems);
        }
    };
    let one = |problem: Problem| vec![problem];
    let (component, from_cache) = compile(runtime, &artifact.component).map_err(one)?;
    let mut report = report(&source.name, &source.path, &artifact, &examined);
    report.prepared_in = Some(began.elapsed());
    report.from_cache = from_cache;
    let recipe = link(runtime, &component, &examined, &source, lookup_sources).map_err(one)?;
    let first = Instance::new(&recipe).map_err(one)?;
    Plugin::new(source, report, examined.hook_set(), Arc::new(recipe), first)
        .map_err(|error| one(Problem::NoThread(error)))
}

fn read(path: &Path) -> Result<(Artifact, Examined), Vec<Problem>> {
    let artifact = Artifact::read(path).map_err(|problem| vec![problem])?;
    let examined = contract::examine(&artifact.component)?;
    Ok((artifact, examined))
}

fn limit_problems(source: &PluginSource, examined: Option<&Examined>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = source
        .limits
        .out_of_range()
        .map(|(name, found, min, max)| Problem::LimitOutOfRange { name, found, min, max })
        .collect();
    let Some(examined) = examined else { return problems };
    let limit = source.limits.memory_bytes_max as u64;
    if examined.memory_bytes_min > limit {
        let minimum = examined.memory_bytes_min;
        problems.push(Problem::MemoryOverLimit { minimum, limit });
    }
    let limit = source.limits.table_elements_max as u64;
    if examined.table_elements_min > limit {
        let minimum = examined.table_elements_min;
        problems.push(Problem::TablesOverLimit { minimum, limit });
    }
    problems
}

/// Compiled code, and whether it came from the cache.
fn compile(runtime: &Runtime, component: &[u8]) -> Result<(Component, bool), Problem> {
    let engine = runtime.engine();
    let keyed = runtime.cache().map(|cache| (cache, Key::new(engine, component)));
    if let Some((cache, key)) = &keyed
        && let Some(sealed) = cache.get(key)
    {
        match trusted::load(engine, &sealed) {
            Ok(component) => return Ok((component, true)),
            Err(error) => tracing::warn!(%error, "compiled plugin is not used"),
        }
    }
    let compiled = Component::new(engine, component)
        .map_err(|error| Problem::Compile(format!("{error:#}")))?;
    if let Some((cache, key)) = &keyed {
        match compiled.serialize() {
            Ok(octets) => cache.put(key, &octets),
            Err(error) => tracing::warn!(%error, "compiled plugin could not be kept"),
        }
    }
    Ok((compiled, false))
}

fn link(
    runtime: &Runtime,
    component: &Component,
    examined: &Examined,
    source: &PluginSource,
    lookup_sources: &Arc<dyn LookupSources>,
) -> Result<Recipe, Problem> {
    let refused = |error: wasmtime::Error| Problem::Link { message: format!("{error:#}") };
    let mut linker = runtime.linker().clone();
    if !examined.denied_imports.is_empty() {
        // The contract was checked: what is unknown here is WASI and nothing else.
        linker.define_unknown_imports_as_traps(component).map_err(refused)?;
    }
    let pre = linker.instantiate_pre(component).map_err(refused)?;
    let exports = Exports::find(&pre, examined)?;
    Ok(Recipe {
        name: source.name.as_str().into(),
        pre,
        exports,
        settings_json: source.settings_json.clone(),
        limits: source.limits,
        lookup_sources: Arc::clone(lookup_sources),
        instances: runtime.instances().clone(),
    })
}

fn report(name: &str, path: &Path, artifact: &Artifact, examined: &Examined) -> PluginReport {
    PluginReport {
        name: name.to_owned(),
        path: path.to_owned(),
        hooks: examined.hooks.keys().copied().collect(),
        digest: hex::encode(artifact.digest),
        octets: artifact.octets,
        memory_bytes_min: examined.memory_bytes_min,
        denied_imports: examined.denied_imports.clone(),
        prepared_in: None,
        from_cache: false,
    }
}

fn explained(problems: Vec<Problem>, name: &str, path: &Path) -> Vec<PluginError> {
    let explain = |problem| PluginError {
        name: name.to_owned(),
        path: path.to_owned(),
        problem: Box::new(problem),
    };
    problems.into_iter().map(explain).collect()
}
