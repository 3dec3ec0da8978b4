//! Turns a file into a plugin: reads, checks, compiles, links, instantiates and configures it. Each
//! step finds and explains its own kind of mistake. Only a child process (`crate::compiler`) parses
//! the file, to check and compile it.

use std::{path::Path, sync::Arc, time::Instant};

use lessor_settings::PluginMode;
use wasmtime::component::Component;

use crate::{
    LookupSources, PluginReport, PluginSource,
    contract::Examined,
    error::{PluginError, PluginProblem},
    instance::{Exports, Instance, Recipe},
    limits::{self, CHAIN_PLUGINS_MAX},
    lookups::CurrentSources,
    plugin::{Identity, Plugin},
    program::{Interpreters, Program, Uncompiled},
    runtime::Runtime,
    script::Script,
};

impl Runtime {
    /// Reads a plugin file, checks it against the contract and compiles it (or takes it from the
    /// cache), without running it.
    ///
    /// # Errors
    /// All problems of the file.
    pub fn inspect(&self, path: &Path) -> Result<PluginReport, Vec<PluginError>> {
        inspect(self, path)
    }
}

fn inspect(runtime: &Runtime, path: &Path) -> Result<PluginReport, Vec<PluginError>> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let inspected = Program::read(runtime, path).and_then(|program| {
        program.compiled(runtime, Uncompiled::Compile).map_err(|problem| vec![problem])?;
        Ok(report(&name, path, &program))
    });
    inspected.map_err(|problems| explained(problems, &name, path))
}

/// The context that a plugin is prepared in.
pub(crate) struct Surroundings<'a> {
    pub(crate) runtime: &'a Runtime,
    /// The position in the chain, from 1.
    pub(crate) position: usize,
    pub(crate) uncompiled: Uncompiled,
    pub(crate) lookup_sources: &'a Arc<dyn LookupSources>,
    /// The plugin with this name in the previous chain, if there is one.
    pub(crate) before: Option<&'a Plugin>,
}

/// Creates a plugin and its first instance, or keeps those of the previous chain.
pub(crate) fn prepare(
    surroundings: &Surroundings<'_>,
    source: PluginSource,
    interpreters: &mut Interpreters,
) -> Result<Plugin, Vec<PluginError>> {
    let (name, path) = (source.name.clone(), source.path.clone());
    try_prepare(surroundings, source, interpreters)
        .map_err(|problems| explained(problems, &name, &path))
}

fn try_prepare(
    surroundings: &Surroundings<'_>,
    source: PluginSource,
    interpreters: &mut Interpreters,
) -> Result<Plugin, Vec<PluginProblem>> {
    let Surroundings { runtime, position, uncompiled, lookup_sources, before } = *surroundings;
    if position > CHAIN_PLUGINS_MAX {
        return Err(vec![PluginProblem::TooMany { position }]);
    }
    let began = Instant::now();
    let read = read(runtime, &source, interpreters);
    let examined = read.as_ref().ok().map(|(program, _)| program.examined());
    let mut problems = grant_problems(&source, examined);
    problems.extend(limit_problems(&source, examined));
    let (program, script) = match read {
        Ok(found) if problems.is_empty() => found,
        Ok(_) => return Err(problems),
        Err(more) => {
            problems.extend(more);
            return Err(problems);
        }
    };
    let one = |problem: PluginProblem| vec![problem];
    let code = program.artifact.digest;
    let identity = Identity { code, script: script.as_ref().map(|script| script.digest), source };
    if let Some(kept) = before.and_then(|before| before.kept(&identity, lookup_sources)) {
        return Ok(kept);
    }
    let source = &identity.source;
    let code = program.compiled(runtime, uncompiled);
    let code = code.map_err(|problem| one(of_program(source, problem)))?;
    let mut report = report(&source.name, &source.path, &program);
    report.prepared_in = Some(began.elapsed());
    report.from_cache = code.from_cache;
    report.compiled = code.files(runtime, &program);
    report.mode = source.mode;
    if let Some(script) = &script {
        report.interpreter = source.interpreter.clone();
        // The interpreter imports all capabilities; which of them the script uses is known only at
        // run time.
        report.capabilities = source.grants.iter().collect();
        report.digest = hex::encode(script.digest);
        report.octets = script.text.len() as u64;
        report.named = script.named();
    }
    let recipe = link(runtime, &code.component, program.examined(), source, script, lookup_sources)
        .map_err(one)?;
    let first = Instance::new(&recipe).map_err(one)?;
    let hooks = first.script_hooks().unwrap_or_else(|| program.examined().hook_set());
    report.hooks.retain(|hook| hooks.contains(*hook));
    Plugin::new(identity, report, hooks, Arc::new(recipe), first)
        .map_err(|error| one(PluginProblem::NoThread(error)))
}

/// Reads the code of a plugin, and its script if it is one.
fn read(
    runtime: &Runtime,
    source: &PluginSource,
    interpreters: &mut Interpreters,
) -> Result<(Arc<Program>, Option<Script>), Vec<PluginProblem>> {
    let Some(path) = &source.interpreter else {
        return Ok((Arc::new(Program::read(runtime, &source.path)?), None));
    };
    let script = Script::read(&source.path);
    let program = interpreters.get(runtime, path);
    match (script, program) {
        (Ok(script), Ok(program)) => Ok((program, Some(script))),
        (script, program) => {
            let mut problems: Vec<PluginProblem> = script.err().into_iter().collect();
            let of_interpreter = program.err().into_iter().flatten();
            problems.extend(of_interpreter.map(|problem| of_program(source, problem)));
            Err(problems)
        }
    }
}

/// Attributes a problem to the code that a plugin runs on: its own, or its interpreter's.
fn of_program(source: &PluginSource, problem: PluginProblem) -> PluginProblem {
    match &source.interpreter {
        Some(path) => PluginProblem::Interpreter { path: path.clone(), problem: Box::new(problem) },
        None => problem,
    }
}

/// Interpreters are not checked: a call that their script is not granted returns an error.
fn grant_problems(source: &PluginSource, examined: Option<&Examined>) -> Vec<PluginProblem> {
    let Some(examined) = examined.filter(|examined| examined.interpreting.is_none()) else {
        return Vec::new();
    };
    let imports: Vec<&str> = examined
        .capabilities
        .iter()
        .filter(|(capability, _)| !source.grants.contains(**capability))
        .map(|(_, import)| import.as_str())
        .collect();
    if imports.is_empty() {
        return Vec::new();
    }
    vec![PluginProblem::NotGranted {
        import: imports.join(" and "),
        wanted: source.grants.iter().chain(examined.capabilities.keys().copied()).collect(),
        sidecar: source.path.with_extension("toml"),
    }]
}

fn limit_problems(source: &PluginSource, examined: Option<&Examined>) -> Vec<PluginProblem> {
    let mut problems: Vec<PluginProblem> = limits::out_of_range(&source.limits)
        .map(|(name, found, min, max)| PluginProblem::LimitOutOfRange { name, found, min, max })
        .collect();
    let Some(examined) = examined else { return problems };
    let limit = source.limits.memory_bytes_max as u64;
    if examined.memory_bytes_min > limit {
        let minimum = examined.memory_bytes_min;
        problems.push(PluginProblem::MemoryOverLimit { minimum, limit });
    }
    let limit = source.limits.table_elements_max as u64;
    if examined.table_elements_min > limit {
        let minimum = examined.table_elements_min;
        problems.push(PluginProblem::TablesOverLimit { minimum, limit });
    }
    problems
}

fn link(
    runtime: &Runtime,
    component: &Component,
    examined: &Examined,
    source: &PluginSource,
    script: Option<Script>,
    lookup_sources: &Arc<dyn LookupSources>,
) -> Result<Recipe, PluginProblem> {
    let refused = |error: wasmtime::Error| PluginProblem::Link { message: format!("{error:#}") };
    let mut linker = runtime.linker().clone();
    if !examined.denied_imports.is_empty() {
        // The contract was checked, so unknown imports can only be WASI.
        linker.define_unknown_imports_as_traps(component).map_err(refused)?;
    }
    let pre = linker.instantiate_pre(component).map_err(refused)?;
    let exports = Exports::find(&pre, examined)?;
    // An interpreter imports everything, so the text of the script decides.
    let counts_pools =
        examined.counts_pools && script.as_ref().is_none_or(|script| script.counts_pools());
    let name: Arc<str> = source.name.as_str().into();
    let owner = match source.mode {
        PluginMode::Live => Arc::clone(&name),
        // A shadow must not change the state of a live plugin with its name. File names contain no
        // slash.
        PluginMode::Shadow => format!("{name}/shadow").into(),
    };
    Ok(Recipe {
        belongings: runtime.belongings(&owner, source.grants),
        name,
        pre,
        exports,
        counts_pools,
        script: script.map(Arc::new),
        settings_json: source.settings_json.clone(),
        grants: source.grants,
        limits: source.limits,
        lookup_sources: Arc::new(CurrentSources::new(lookup_sources)),
        catalogue: Arc::clone(&source.catalogue),
        instances: runtime.instances().clone(),
    })
}

fn report(name: &str, path: &Path, program: &Program) -> PluginReport {
    let Program { artifact, .. } = program;
    let examined = program.examined();
    PluginReport {
        name: name.to_owned(),
        path: path.to_owned(),
        interpreter: None,
        mode: PluginMode::default(),
        hooks: examined.hooks.keys().copied().collect(),
        capabilities: examined.capabilities.keys().copied().collect(),
        exports: examined.exports.clone(),
        imports: examined.imports.clone(),
        digest: hex::encode(artifact.digest),
        octets: artifact.octets.len() as u64,
        memory_bytes_min: examined.memory_bytes_min,
        table_elements_min: examined.table_elements_min,
        denied_imports: examined.denied_imports.clone(),
        prepared_in: None,
        from_cache: false,
        compiled: Vec::new(),
        named: Vec::new(),
    }
}

fn explained(problems: Vec<PluginProblem>, name: &str, path: &Path) -> Vec<PluginError> {
    let explain = |problem| PluginError {
        name: name.to_owned(),
        path: path.to_owned(),
        problem: Box::new(problem),
    };
    problems.into_iter().map(explain).collect()
}
